/**
 * Limits by count and amount, per transaction, day and month, overall, for cash and per merchant category group. They are the
 * program's; what a card has used of them is in the head. Amounts are in the balance's currency, minor units.
 */
import type { CardMessage } from '../message/message.ts';
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

/** The first rule that `billedMinor` and `transactions` (0 where more is added to one that counted) would break; undefined: none. */
export function exceededLimit(card: Card, message: CardMessage, billedMinor: number, transactions: number): LimitFailure | undefined {
  const scopes = scopesOf(message);
  for (const rule of message.terms.limits) {
    if (!scopes.includes(rule.scope)) continue;
    let countUsed = transactions;
    let amountUsed = billedMinor;
    if (rule.period !== 'transaction') {
      const window = card.counters[rule.period];
      const now = rule.period === 'day' ? message.day : message.month;
      // A window that is ahead of the message's own belongs to a switch whose clock is ahead: its use counts.
      const [counted, amountMinor] = window.window >= now ? (window.scopes[rule.scope] ?? [0, 0]) : [0, 0];
      countUsed += counted;
      amountUsed += amountMinor;
    }
    if (rule.amountMinorMax !== undefined && amountUsed > rule.amountMinorMax) {
      return { reason: '1021', value: `${rule.period} ${rule.scope} amount ${amountUsed}>${rule.amountMinorMax}` };
    }
    if (rule.countMax !== undefined && countUsed > rule.countMax) {
      return { reason: '1023', value: `${rule.period} ${rule.scope} count ${countUsed}>${rule.countMax}` };
    }
  }
  return undefined;
}

/** What an approval takes from its card's counters. */
export function countedBy(cardIndex: number, card: Card, message: CardMessage, billedMinor: number): Counted {
  return {
    card: cardIndex,
    day: Math.max(message.day, card.counters.day.window),
    month: Math.max(message.month, card.counters.month.window),
    scopes: scopesOf(message),
    amountMinor: billedMinor,
  };
}

/** The counter moves for `transactions` and `amountMinor` in the windows and scopes that `counted` names. */
export function counterMoves(counted: Counted, transactions: number, amountMinor: number): CounterMove[] {
  const moves: CounterMove[] = [];
  for (const scope of counted.scopes) {
    moves.push({ card: counted.card, period: 'day', window: counted.day, scope, count: transactions, amountMinor });
    moves.push({ card: counted.card, period: 'month', window: counted.month, scope, count: transactions, amountMinor });
  }
  return moves;
}
