/**
 * Limits by count and amount, per transaction, day and month, overall, for cash and per merchant category group. They are the
 * program's, and those that its holder and its partner have for a card; what a card has used of them is in the head. Amounts are in the balance's currency, minor units.
 */
import type { CardMessage, LimitRule } from '../message/message.ts';
import type { Reason } from '../message/reason.ts';
import type { Card } from './account.ts';
import type { CounterMove } from './journal.ts';
import type { Counted } from './record.ts';

export interface LimitFailure {
  readonly reason: Reason;
  /** Which rule, and by how much. */
  readonly value: string;
}

/** The scopes whose counters a message of this purpose and merchant moves. */
export function scopesOf(message: CardMessage): readonly string[] {
  const scopes = ['overall'];
  if (message.purpose === 'cash') scopes.push('cash');
  for (const group of message.merchant.groups) scopes.push(group);
  return scopes;
}

/** What a request would add to what its card has used. Balance's currency. */
export interface Use {
  /** What the transaction comes to in all, for the limits of one transaction. */
  readonly wholeMinor: number;
  /** What is not counted yet. */
  readonly addedMinor: number;
  /** 0 where it adds to a transaction that counted. */
  readonly transactions: 0 | 1;
  readonly scopes: readonly string[];
}

interface LimitReasons {
  readonly amount: Reason;
  readonly count: Reason;
}

/** Of the program's limits. */
export const programReasons: LimitReasons = { amount: '1021', count: '1023' };
/** Of a card's own. */
export const controlReasons: LimitReasons = { amount: '1874', count: '1875' };

/** The first rule that this use would break; undefined: none. */
export function exceededLimit(rules: readonly LimitRule[], reasons: LimitReasons, card: Card, message: CardMessage, use: Use): LimitFailure | undefined {
  for (const rule of rules) {
    if (!use.scopes.includes(rule.scope)) continue;
    let countUsed: number = use.transactions;
    let amountUsed = use.wholeMinor;
    if (rule.period !== 'transaction') {
      if (use.addedMinor <= 0 && use.transactions === 0) continue;
      const window = card.counters[rule.period];
      const now = rule.period === 'day' ? message.day : message.month;
      // A window that is ahead of the message's own belongs to a switch whose clock is ahead: its use counts.
      const [counted, amountMinor] = window.window >= now ? (window.scopes[rule.scope] ?? [0, 0]) : [0, 0];
      countUsed += counted;
      amountUsed = use.addedMinor + amountMinor;
    }
    if (rule.amountMinorMax !== undefined && amountUsed > rule.amountMinorMax) {
      return { reason: reasons.amount, value: `${rule.period} ${rule.scope} amount ${amountUsed}>${rule.amountMinorMax}` };
    }
    if (rule.countMax !== undefined && countUsed > rule.countMax) {
      return { reason: reasons.count, value: `${rule.period} ${rule.scope} count ${countUsed}>${rule.countMax}` };
    }
  }
  return undefined;
}

/** Where an approval counts. */
export function countedBy(card: Card, message: CardMessage): Counted {
  return {
    day: Math.max(message.day, card.counters.day.window),
    month: Math.max(message.month, card.counters.month.window),
    scopes: scopesOf(message),
  };
}

/** The counter moves for `transactions` and `amountMinor` in the windows and scopes that `counted` names. */
export function counterMoves(card: number, counted: Counted, transactions: number, amountMinor: number): CounterMove[] {
  const moves: CounterMove[] = [];
  for (const scope of counted.scopes) {
    moves.push({ card, period: 'day', window: counted.day, scope, count: transactions, amountMinor });
    moves.push({ card, period: 'month', window: counted.month, scope, count: transactions, amountMinor });
  }
  return moves;
}
