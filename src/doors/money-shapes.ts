/** How balances, statements, transfers and partners' balances look at the doors. Pure. */
import { Type } from 'typebox';
import { amountMinorMax, balanceMinorMax } from '../base/limits.ts';
import { partnerBalanceKinds } from '../lifecycle/partner-balances.ts';
import { idSchema, timeSchema } from './shapes.ts';

const currency = Type.String({ pattern: '^([A-Z]{3}|[0-9]{3})$', maxLength: 3, description: 'ISO 4217: letters, or the number where the letters are not known.', examples: ['EUR'] });
const noControls = '^[^\\p{C}]*$';

/** What is to be moved. */
export const amountWish = Type.Object({
  amountMinor: Type.Integer({ minimum: 1, maximum: amountMinorMax, description: 'Minor units, such as cents.' }), currency,
});

const amount = Type.Object({ amountMinor: Type.Integer({ minimum: -balanceMinorMax, maximum: balanceMinorMax, description: 'Minor units.' }), currency: Type.String() });

export const balancePath = Type.Object({ balanceId: idSchema('balance', 'The balance.') });
export const userBalancePath = Type.Object({ customerId: idSchema('user', 'The user.'), balanceId: idSchema('balance', 'The balance.') });
export const transferPath = Type.Object({ transferId: idSchema('transfer', 'The transfer.') });
export const userTransferPath = Type.Object({ customerId: idSchema('user', 'The user.'), transferId: idSchema('transfer', 'The transfer.') });

export const balanceWish = Type.Object({
  program: Type.Optional(Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,31}$', maxLength: 32, description: 'The card program; needed where several fit.' })),
  currency: Type.Optional(currency),
  name: Type.Optional(Type.String({ maxLength: 64, pattern: noControls, description: 'For whom it is for.' })),
});

export const moveWish = Type.Object({ amount: amountWish });

export const balanceSchema = Type.Object({
  balanceId: idSchema('balance'), userId: idSchema('user'), name: Type.String(), program: Type.String(), currency: Type.String(),
  state: Type.Union(['opening', 'open', 'closing', 'closed'].map((state) => Type.Literal(state))),
  ledger: amount, held: amount, available: amount, createdAt: timeSchema('When it was made.'),
  cards: Type.Array(Type.Object({ cardId: idSchema('card'), kind: Type.String(), maskedPan: Type.String(), state: Type.String(), lockCode: Type.Integer({ minimum: 0, maximum: 8 }) })),
}, { description: 'A balance as its account has it at this moment.' });

export const statementItemSchema = Type.Object({
  sequence: Type.Integer({ description: 'Place among the balance\'s entries.' }), entryId: Type.String(),
  kind: Type.Union(['transaction', 'expiry', 'load', 'withdrawal', 'transfer', 'closure'].map((kind) => Type.Literal(kind))),
  at: timeSchema('When it was decided.'), ledgerChange: amount, heldChange: amount,
  transaction: Type.Optional(Type.Object({
    cardId: Type.Optional(idSchema('card')), maskedPan: Type.String(), class: Type.String(), purpose: Type.String(), approved: Type.Boolean(), reason: Type.String({ description: 'Action code.' }),
    amount: Type.Optional(amount), merchantName: Type.String(), merchantCategory: Type.String(), approvalCode: Type.String(), originalId: Type.Optional(Type.String()),
  })),
  transfer: Type.Optional(Type.Object({ transferId: Type.String(), step: Type.String() })),
});

export const transferWish = Type.Object({
  balanceId: idSchema('balance', 'The sender\'s.'),
  receiver: Type.Union([
    Type.Object({ userId: idSchema('user') }), Type.Object({ externalId: Type.String({ minLength: 1, maxLength: 64, pattern: '^[!-~]+$' }) }),
    Type.Object({ phone: Type.String({ pattern: '^\\+[1-9][0-9]{6,14}$', maxLength: 16 }) }),
  ], { description: 'A user of the same partner, by one of these.' }),
  receiverBalanceId: Type.Optional(idSchema('balance', 'By default the receiver\'s first in the currency.')),
  amount: amountWish,
  note: Type.Optional(Type.String({ maxLength: 140, pattern: noControls })),
});

const side = Type.Object({ userId: idSchema('user'), balanceId: Type.Optional(idSchema('balance')) });
export const transferSchema = Type.Object({
  transferId: idSchema('transfer'), state: Type.Union(['started', 'debited', 'refunding', 'completed', 'refused', 'refunded'].map((state) => Type.Literal(state))),
  amount, note: Type.String(), reason: Type.Optional(Type.String({ description: 'Action code of the account that refused.' })),
  sender: side, receiver: side, startedAt: timeSchema('When it was begun.'), endedAt: Type.Optional(timeSchema('When it had its end.')),
});

export const partnerName = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,31}$', maxLength: 32 });
const kind = Type.Union(partnerBalanceKinds.map((each) => Type.Literal(each)), { description: 'partner: for differences between what is authorized and what is cleared; credit: what users may spend of balances held here; deposit: of balances that the partner holds.' });
export const partnerPath = Type.Object({ partner: partnerName });
export const partnerBalancePath = Type.Object({ partner: partnerName, kind });
export const ownPartnerBalancePath = Type.Object({ kind });
export const partnerBalanceWish = Type.Object({ kind, currency: Type.Optional(currency) });
export const levelWish = Type.Object({
  levelMinor: Type.Optional(Type.Integer({ minimum: 0, maximum: balanceMinorMax, description: 'Below it the partner is told; without it, never.' })),
  notifyEmail: Type.Optional(Type.String({ pattern: '^[^@\\s\\p{C}<>,;"]{1,64}@[A-Za-z0-9-]{1,63}(\\.[A-Za-z0-9-]{1,63})+$', maxLength: 254 })),
});
export const partnerBalanceSchema = Type.Object({
  partner: Type.String(), kind, currency: Type.String(), left: amount, level: Type.Optional(amount), notifyEmail: Type.Optional(Type.String()),
  isBelowLevel: Type.Boolean({ description: 'The partner was told that it is.' }), createdAt: timeSchema('When it was made.'),
});
export const partnerBalancesSchema = Type.Object({ items: Type.Array(partnerBalanceSchema) });

const minor = Type.Integer({ minimum: -Number.MAX_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER, description: 'Minor units.' });
export const summarySchema = Type.Object({
  asOf: Type.Optional(timeSchema('When the last entry that is in it was decided.')),
  currencies: Type.Array(Type.Object({
    currency: Type.String(), balances: Type.Integer(), usersMinor: minor, heldMinor: minor, inTransitMinor: minor, partnersMinor: minor, walletMinor: minor,
  })),
});
