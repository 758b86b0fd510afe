/**
 * The account: one balance with its cards, the unit of consistency. This is its head: bounded, versioned, read and written
 * whole on every decision.
 *
 * Invariants (asserted where they could break): available = ledger - held; held is the sum of the open holds' amounts and never
 * negative; the version rises by one with each journal entry; a head changes by `evolve` alone.
 */
import { assert } from '../base/assert.ts';
import { balanceMinorMax } from '../base/limits.ts';
import { add } from '../message/money.ts';
import { loadRecord, loadSecurity, newSecurity, storeBasics, storeExtras } from './card.ts';
import type { CardEffect, CardRecord, CardSecurity, StoredBasics, StoredExtras } from './card.ts';
import type { CounterMove, Effects, JournalEntry } from './journal.ts';

/** What one card has used of its limits in the current window of each period. */
export interface Counters {
  readonly day: CounterWindow;
  readonly month: CounterWindow;
}

export interface CounterWindow {
  /** Days or months since 1970. */
  readonly window: number;
  /** `overall`, `cash`, or a merchant category group's name: transactions and minor units approved. */
  readonly scopes: Readonly<Record<string, readonly [count: number, amountMinor: number]>>;
}

export interface Card {
  readonly record: CardRecord;
  readonly counters: Counters;
  readonly security: CardSecurity;
}

export interface Account {
  readonly id: string;
  /** Entries so far. */
  readonly version: number;
  /** ISO 4217 numeric. */
  readonly currency: string;
  readonly program: string;
  readonly partner: string;
  /** What is posted: loads and refunds less purchases. */
  readonly ledgerMinor: number;
  /** What open holds keep back. */
  readonly heldMinor: number;
  readonly openHolds: number;
  /** Nothing is decided in its favour any more; what has happened already is taken all the same. */
  readonly isClosed: boolean;
  readonly cards: readonly Card[];
}

const noWindow: CounterWindow = { window: 0, scopes: {} };
const newCounters: Counters = { day: noWindow, month: noWindow };

export const noEffects: Effects = {
  ledgerMinor: 0, heldMinor: 0, openHolds: 0, counters: [], postings: [], guard: undefined, card: undefined,
};

export function availableMinor(account: Account): number {
  return account.ledgerMinor - account.heldMinor;
}

/** Do the account's totals stay within what a balance can be? A message that would take them further is refused, or noted. */
export function isWithinBounds(account: Account, { ledgerMinor, heldMinor }: Effects): boolean {
  const ledger = account.ledgerMinor + ledgerMinor;
  const held = account.heldMinor + heldMinor;
  return Math.abs(ledger) <= balanceMinorMax && held <= balanceMinorMax && Math.abs(ledger - held) <= balanceMinorMax;
}

/** Do the effects take money that is not there? What happened already may, and an operator is told. */
export function overdraws(account: Account, { ledgerMinor, heldMinor }: Effects): boolean {
  const takenMinor = heldMinor - ledgerMinor;
  return takenMinor > 0 && takenMinor > availableMinor(account);
}

/** Where in the account the card with this token is; -1 where it is not. */
export function cardIndex(account: Account, token: string): number {
  return account.cards.findIndex((card) => card.record.token === token);
}

/** The account after the entry. The only way in which a head changes, in a decision as in a replay. */
export function evolve(account: Account | undefined, entry: JournalEntry): Account {
  if (entry.kind === 'opened') {
    assert(account === undefined && entry.sequence === 1, 'an account is opened once, by its first entry');
    return {
      id: entry.accountId, version: 1, currency: entry.currency, program: entry.program, partner: entry.partner,
      ledgerMinor: 0, heldMinor: 0, openHolds: 0, isClosed: false, cards: [],
    };
  }
  assert(account !== undefined, 'only an opened account changes');
  assert(entry.sequence === account.version + 1, 'an account’s entries follow each other without a gap');
  const { effects } = entry;
  const heldMinor = add(account.heldMinor, effects.heldMinor);
  const openHolds = account.openHolds + effects.openHolds;
  assert(heldMinor >= 0 && openHolds >= 0, 'holds are never negative');
  assert(openHolds > 0 || heldMinor === 0, 'without an open hold nothing is held');
  let { cards } = account;
  if (effects.counters.length > 0) cards = count(cards, effects.counters);
  if (entry.kind === 'card') {
    const before = cards[entry.index];
    cards = [...cards];
    assert(entry.index <= cards.length, 'cards are added at the end');
    (cards as Card[])[entry.index] = { record: entry.card, counters: before?.counters ?? newCounters, security: before?.security ?? newSecurity };
  }
  if (effects.card !== undefined) cards = changeCard(cards, effects.card);
  const isClosed = account.isClosed || entry.kind === 'closed';
  return { ...account, version: entry.sequence, ledgerMinor: add(account.ledgerMinor, effects.ledgerMinor), heldMinor, openHolds, isClosed, cards };
}

function changeCard(cards: readonly Card[], { index, record, security }: CardEffect): readonly Card[] {
  const card = cards[index];
  assert(card !== undefined, 'a card that changes is one of the account');
  return cards.with(index, { record: record ?? card.record, counters: card.counters, security: security ?? card.security });
}

function count(cards: readonly Card[], moves: readonly CounterMove[]): readonly Card[] {
  const changed = [...cards];
  for (const move of moves) {
    const card = changed[move.card];
    assert(card !== undefined, 'a counter belongs to a card of the account');
    const current = card.counters[move.period];
    // What belongs to a window that has passed is not given back to the one that runs now.
    if (move.window < current.window) continue;
    const scopes = move.window > current.window ? {} : current.scopes;
    const [countBefore, amountBefore] = scopes[move.scope] ?? [0, 0];
    const counted = Math.max(0, countBefore + move.count);
    const amountMinor = Math.max(0, amountBefore + move.amountMinor);
    const after: Record<string, readonly [number, number]> = { ...scopes, [move.scope]: [counted, amountMinor] };
    if (counted === 0 && amountMinor === 0) Reflect.deleteProperty(after, move.scope);
    const window: CounterWindow = { window: move.window, scopes: after };
    changed[move.card] = { ...card, counters: { ...card.counters, [move.period]: window } };
  }
  return changed;
}

type StoredWindow = [window: number, ...scopes: (string | number)[]];
type StoredCard = [...basics: StoredBasics, day: StoredWindow, month: StoredWindow, ...extras: StoredExtras];
type StoredAccount = [
  form: 1 | 2 | 3, version: number, currency: string, program: string, partner: string,
  ledgerMinor: number, heldMinor: number, openHolds: number, ...rest: (0 | 1 | StoredCard)[],
];

/** Elements of a stored card before its extras, which form 1 has none of. */
const basicElements = 7;

/**
 * The head as the store keeps it: short, since it is in memory of the store for every account there is. Form 3, which says whether the
 * account is closed before its cards, and whose cards may have controls, is written only where there is something of it to say.
 */
export function encodeAccount(account: Account): string {
  const isForm3 = account.isClosed || account.cards.some(({ record }) => record.controls !== undefined);
  const stored: StoredAccount = [
    isForm3 ? 3 : 2, account.version, account.currency, account.program, account.partner, account.ledgerMinor, account.heldMinor, account.openHolds,
  ];
  if (isForm3) stored.push(account.isClosed ? 1 : 0);
  for (const { record, counters, security } of account.cards) {
    stored.push([...storeBasics(record), storeWindow(counters.day), storeWindow(counters.month), ...storeExtras(record, security)]);
  }
  return JSON.stringify(stored);
}

/** @throws SyntaxError where the text is no head. */
export function decodeAccount(id: string, text: string): Account {
  const [form, version, currency, program, partner, ledgerMinor, heldMinor, openHolds, ...rest] = JSON.parse(text) as StoredAccount;
  assert(form === 1 || form === 2 || form === 3, 'a head is in a form that this program knows');
  const isClosed = form === 3 && rest.shift() === 1;
  return { id, version, currency, program, partner, ledgerMinor, heldMinor, openHolds, isClosed, cards: (rest as StoredCard[]).map(loadCard) };
}

function loadCard(stored: StoredCard): Card {
  const [token, state, lockCode, expiry, serviceCode, day, month] = stored;
  const extras = stored.slice(basicElements) as StoredExtras;
  return {
    record: loadRecord([token, state, lockCode, expiry, serviceCode], extras), counters: { day: loadWindow(day), month: loadWindow(month) },
    security: loadSecurity(extras),
  };
}

function storeWindow(window: CounterWindow): StoredWindow {
  const stored: StoredWindow = [window.window];
  for (const [scope, [counted, amountMinor]] of Object.entries(window.scopes)) stored.push(scope, counted, amountMinor);
  return stored;
}

function loadWindow([window, ...flat]: StoredWindow): CounterWindow {
  const scopes: Record<string, [number, number]> = {};
  for (let index = 0; index < flat.length; index += 3) {
    scopes[flat[index] as string] = [flat[index + 1] as number, flat[index + 2] as number];
  }
  return { window, scopes };
}
