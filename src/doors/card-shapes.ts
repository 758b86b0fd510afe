/** How cards look at the doors: what is asked, what is shown, and where a full number may be. Pure. */
import { Type } from 'typebox';
import { channels } from '../lifecycle/card-controls.ts';
import { cardKinds, cardStates } from '../lifecycle/card-states.ts';
import type { CardData, CardShown } from '../lifecycle/cards.ts';
import { holderNamePattern } from '../lifecycle/holder-name.ts';
import { idSchema, pageQuery, timeSchema } from './shapes.ts';

const literals = <Name extends string>(names: readonly Name[]) => Type.Union(names.map((name) => Type.Literal(name)));

export const cardId = idSchema('card', 'The card.');
export const customerId = idSchema('user', 'The user.');

const expiresOn = Type.String({ description: 'The last day on which it is valid.', examples: ['2031-12-31'] });

const notReached = Type.Optional(Type.Array(Type.String(), { description: 'Of a change of what the card is closed for: switches that could not be told. Where they stand in they go by what they saw before. Not there: all have it.' }));

const shown = {
  cardId: idSchema('card'), userId: idSchema('user'), balanceId: Type.String(),
  kind: literals(cardKinds), state: literals(cardStates), maskedNumber: Type.String({ examples: ['476173******0011'] }),
  holderName: Type.Optional(Type.String()), expiresOn,
  lockCode: Type.Optional(Type.Integer({ minimum: 1, maximum: 8, description: '1 lost, 2 stolen, 3 pending query, 4 consolidation, 5 inactive, 6 PIN tries, 7 suspected fraud, 8 replaced; not there: it is not locked.' })),
  pausedUntil: Type.Optional(timeSchema('Until when it is locked for a time.')),
  hasPin: Type.Boolean(), replaces: Type.Optional(Type.String({ description: 'The card in whose place it is.' })), replacedBy: Type.Optional(Type.String()),
  createdAt: timeSchema('When it was made.'),
  notReached,
};

export const cardSchema = Type.Object(shown);
export const cardDataSchema = Type.Object({ ...shown, cardNumber: Type.String({ description: 'In full.' }), cvc2: Type.String() });

/** Of a lock while the store of accounts is away. */
export const lockWaitsSchema = Type.Object({
  cardId: idSchema('card'),
  waitingLockCode: Type.Integer({ minimum: 1, maximum: 8, description: 'The card is declined with this code from now on; its account has it when the store of accounts is back.' }),
  notReached,
});

export function cardShown(card: CardShown): CardShown {
  return card;
}

export function cardDataShown({ card, pan, cvc2 }: CardData): unknown {
  return { ...card, cardNumber: pan.reveal(), cvc2: cvc2.reveal() };
}

export const cardsQuery = { ...pageQuery, balanceId: Type.Optional(idSchema('balance', 'Cards of this balance alone.')) };

const holderName = Type.Optional(Type.String({ pattern: holderNamePattern, maxLength: 26, description: 'As it is to be written on the card; by default the user\'s own name.', examples: ['ADA LOVELACE'] }));
const balanceId = Type.Optional(idSchema('balance', 'The balance that it spends; by default the one that is open, where there is one alone.'));

const words = (description: string, most: number) => Type.String({ minLength: 1, maxLength: most, pattern: '^[^\\p{C}]+$', description });

const delivery = Type.Object({
  name: words('Whom it is sent to.', 60), lines: Type.Array(words('Street and number, and what else there is.', 60), { minItems: 1, maxItems: 3 }),
  postalCode: words('Postal code.', 16), town: words('Town.', 60), country: Type.String({ pattern: '^[A-Z]{2}$', maxLength: 2, description: 'ISO 3166-1, two letters.', examples: ['PL'] }),
}, { description: 'Where the plastic is sent.' });

export const virtualWish = Type.Object({ balanceId, holderName });
export const physicalWish = Type.Object({ balanceId, holderName, delivery });
export const printWish = Type.Object({ delivery });
export const newPlasticWish = Type.Object({ delivery: Type.Optional(delivery) });
export const lockWish = Type.Object({ lockCode: Type.Integer({ minimum: 1, maximum: 8, description: 'Why: 1 lost, 2 stolen, 3 pending query, 4 consolidation, 5 inactive, 6 PIN tries, 7 suspected fraud, 8 replaced. A holder may say 1, 2, 3 or 7.' }) });
export const pinWish = Type.Object({ pin: Type.String({ pattern: '^[0-9]{4,12}$', maxLength: 12, description: 'The new PIN.' }) });
export const pauseWish = Type.Object({ until: Type.String({ format: 'date-time', maxLength: 40, description: 'Until when the card pays nothing. RFC 3339.' }) });

export const pinAnswer = Type.Object({
  online: Type.Literal('now', { description: 'What an online PIN is compared with has changed.' }),
  chip: Type.Union([Type.Literal('withNextOnlineTransaction'), Type.Literal('none')], { description: 'The chip gets it in the answer to its next online transaction; until then it takes the one before offline.' }),
});

export const jobAnswer = Type.Object({ jobId: idSchema('job') });

const list = (names: ReturnType<typeof Type.String>, most: number, description: string) => Type.Optional(Type.Object({
  kind: Type.Union([Type.Literal('allow'), Type.Literal('deny')], { description: 'allow: nothing but these; deny: anything but these.' }), names: Type.Array(names, { maxItems: most }),
}, { description }));

export const controlsWish = Type.Object({
  blocked: Type.Optional(Type.Array(literals(channels), { maxItems: channels.length, description: 'Ways of paying that are closed.' })),
  countries: list(Type.String({ pattern: '^[A-Z]{2}$|^[0-9]{3}$', maxLength: 3 }), 64, 'Where the terminal is: ISO 3166-1, two letters or three digits.'),
  merchants: list(Type.String({ minLength: 1, maxLength: 40 }), 32, 'Merchant category groups of the program.'),
  limits: Type.Optional(Type.Array(Type.Object({
    scope: Type.String({ minLength: 1, maxLength: 40, description: 'overall, cash, or a merchant category group of the program.' }),
    period: Type.Union([Type.Literal('transaction'), Type.Literal('day'), Type.Literal('month')]),
    amountMinorMax: Type.Optional(Type.Integer({ minimum: 0, maximum: 999_999_999_999, description: 'Minor units of the balance\'s currency.' })),
    countMax: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000_000 })),
  }), { maxItems: 8, description: 'Besides the program\'s own.' })),
  pausedUntil: Type.Optional(pauseWish.properties.until),
}, { description: 'All that is closed: what is not named is open.' });

export const controlsAnswer = Type.Object({ holder: controlsWish, partner: controlsWish, notReached });
