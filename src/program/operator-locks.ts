/**
 * What operators do with own cards: lock and unlock one, in its account and on the negative list of every switch, and look at the list.
 *
 * A card is named by its number or by the token that the stores know it by; the number goes no further than here. Refuses a card that is
 * no own one, and what its account refuses. Invariant: the answer comes when every configured switch has been told, and names those that
 * it did not reach.
 */
import { askers } from '../account/card-lifecycle.ts';
import type { AskedBy } from '../account/card-lifecycle.ts';
import type { LockOrder, NegativeList } from '../issuer/negative-list.ts';
import type { CardVault } from '../keys/hsm.ts';
import { Pan } from '../message/pan.ts';
import { reasons } from '../message/reason.ts';
import { ConfigError } from '../base/schema.ts';
import type { ObjectSchema, Schema } from '../base/schema.ts';
import { OperationRefused } from '../office/operation.ts';
import type { Operation, OperationInput } from '../office/operation.ts';
import type { LockTaken } from '../switch/own-locks.ts';
import { choice, count, text } from '../tables/schema-parts.ts';
import { tellOthers } from './lock-orders.ts';
import type { LockOrdersOutside, OrderTold, PassedOn } from './lock-orders.ts';
import { whyField } from './operator-tables.ts';

export interface LocksOutside extends LockOrdersOutside {
  readonly vault: Pick<CardVault, 'cardToken'>;
  /** Is it a card whose account is here, by the tables? */
  readonly isOwn: (pan: Pan) => boolean;
}

/** What became of an order. */
export interface LockOrdered extends OrderTold {
  readonly card: string;
  /** 0: it is unlocked. */
  readonly lockCode: number;
}

/** One card of the negative list. */
export interface ListedShown {
  readonly card: string;
  readonly lockCode: number;
  readonly orderedAt: string;
  readonly by: string;
  readonly why: string;
  /** ISO 8601; undefined: it waits for the account. */
  readonly accountHasSince: string | undefined;
}

const token: Schema = { type: 'string', description: 'the card\'s token; or its number', minLength: 1, pattern: '^[A-Za-z0-9_-]{22}$', $comment: 'a card\'s token: 22 letters, digits, hyphens and underscores' };
const pan: Schema = { type: 'string', description: 'the card\'s number; or its token', minLength: 1, pattern: '^[0-9]{8,19}$', $comment: '8 to 19 digits', writeOnly: true };

function taking(description: string, properties: Readonly<Record<string, Schema>>, required: readonly string[]): ObjectSchema {
  return { type: 'object', description, additionalProperties: false, required, properties };
}

/** What operators, and other switches, may ask for. */
export function lockOperations(outside: LocksOutside): Operation[] {
  return [
    {
      name: 'lock card', method: 'POST', path: 'cards/lock', about: 'locks an own card: in its account and at every switch',
      takes: taking('which, and how', { pan, token, code: count('the lock code: 1 lost, 2 stolen, 3 pending query, 4 consolidation, 5 inactive, 6 PIN tries, 7 suspected fraud, 8 replaced', 1, 8), why: whyField }, ['code', 'why']),
      run: async (input, by) => await ordered(outside, input, input['code'] as number, by),
    },
    {
      name: 'unlock card', method: 'POST', path: 'cards/unlock', about: 'ends that',
      takes: taking('which', { pan, token, why: whyField }, []),
      run: async (input, by) => await ordered(outside, input, 0, by),
    },
    {
      name: 'list locks', method: 'GET', path: 'negative-list', about: 'the negative list of this switch', takes: taking('all of it', {}, []),
      run: async () => await Promise.resolve({ cards: outside.list.cards.map(shown) }),
    },
    {
      name: 'take lock', method: 'POST', path: 'negative-list', about: 'for other switches: takes an order that was given at one of them',
      takes: taking('the order', {
        id: text('the order\'s id', '^[A-Za-z0-9._:-]{1,128}$', '1 to 128 letters, digits, dots, colons, hyphens and underscores'), token,
        code: count('the lock code; 0: the card is unlocked', 0, 8),
        orderedAtMs: count('when it was ordered; Unix milliseconds', 0, Number.MAX_SAFE_INTEGER), why: whyField,
        askedBy: choice('who asked for it', askers, 'staff'),
        accountHas: { type: 'boolean', description: 'whether its account has it', default: false },
      }, ['id', 'token', 'code', 'orderedAtMs']),
      run: async (input, by) => {
        const order: LockOrder = { id: input['id'] as string, token: input['token'] as string, lockCode: input['code'] as number, orderedAtMs: input['orderedAtMs'] as number, askedBy: input['askedBy'] as AskedBy, by, why: whyIn(input) };
        return { account: accountIn(await outside.locks.take(order, input['accountHas'] === true ? 'held' : 'passedOn')) } satisfies PassedOn;
      },
    },
  ];
}

async function ordered(outside: LocksOutside, input: OperationInput, lockCode: number, by: string): Promise<LockOrdered> {
  const { list, locks, newId } = outside;
  const card = tokenOf(outside, input);
  const order: LockOrder = { id: newId(), token: card, lockCode, orderedAtMs: list.orderTimeMs(card), askedBy: 'staff', by, why: whyIn(input) };
  const account = accountIn(await locks.take(order, 'asked'), card);
  return { card, lockCode, ...await tellOthers(outside, order, account) };
}

/** @throws OperationRefused where it was not taken */
function accountIn(taken: LockTaken, card?: string): 'has' | 'waits' {
  switch (taken.kind) {
    case 'listed': return taken.account;
    case 'refused': throw new OperationRefused(taken.reason === '1018' ? 404 : 409, `its account does not take it: ${reasons[taken.reason].text} (${taken.reason})`);
    case 'older': throw new OperationRefused(409, `a later order of this card${card === undefined ? '' : ` (${card})`} is here already`);
    case 'notWritten': throw new OperationRefused(503, `this switch's disk did not take it${taken.account === 'has' ? '; its account has it' : taken.account === 'waits' ? '; its account gets it when the store is back' : ', and whether its account has it is not known'}; the same order again is safe`);
  }
}

function tokenOf({ vault, isOwn }: LocksOutside, { pan: digits, token: given }: OperationInput): string {
  if ((digits === undefined) === (given === undefined)) throw new ConfigError('pan', 'or token is needed, and not both');
  if (typeof given === 'string') return given;
  const card = Pan.parse(String(digits));
  if (card === undefined || !card.luhnValid || !isOwn(card)) throw new OperationRefused(404, 'this is no number of a card whose account is here', 'pan');
  return vault.cardToken(card);
}

function whyIn({ why }: OperationInput): string {
  return typeof why === 'string' ? why : '';
}

function shown({ token: card, lockCode, orderedAtMs, by, why, heldSinceMs }: ReturnType<NegativeList['find']> & object): ListedShown {
  return { card, lockCode, orderedAt: new Date(orderedAtMs).toISOString(), by, why, accountHasSince: heldSinceMs === undefined ? undefined : new Date(heldSinceMs).toISOString() };
}
