/**
 * What is closed on a card, as the switch that changed it told the others: for while the store is away, in which what was last seen of the
 * account may be of before. Pure.
 *
 * Invariant: of two sets of a card the one of the account's later version counts, whichever way it came.
 */
import type { Account } from '../account/account.ts';
import type { CardControls } from '../account/controls.ts';
import type { ApartAccount } from './own-apart.ts';

export interface ControlsTold {
  readonly token: string;
  /** Of the account, when it was so. */
  readonly version: number;
  /** Undefined: nothing is closed. */
  readonly controls: CardControls | undefined;
}

/** The account as it was seen, and as it is here, with what is told to be later. */
export function withControlsTold(own: ApartAccount, toldOf: (token: string) => ControlsTold | undefined): ApartAccount {
  const told = own.seen.cards.flatMap(({ record: { token } }) => {
    const found = toldOf(token);
    return found !== undefined && found.version > own.seen.version ? [found] : [];
  });
  return told.length === 0 ? own : { ...own, seen: controlled(own.seen, told), account: controlled(own.account, told) };
}

function controlled(account: Account, told: readonly ControlsTold[]): Account {
  const cards = account.cards.map((card) => {
    const found = told.find(({ token }) => token === card.record.token);
    if (found === undefined) return card;
    const { controls: _, ...record } = card.record;
    return { ...card, record: found.controls === undefined ? record : { ...record, controls: found.controls } };
  });
  return { ...account, cards };
}
