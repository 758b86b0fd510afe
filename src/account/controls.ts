/**
 * What a card's holder and its partner have closed on it, each by a set of their own: ways of paying, countries, kinds of merchants, limits,
 * and a lock until a time. It is part of the card's record; a card without any has nothing of it, in memory or in the store.
 *
 * Invariants: a set is bounded, and in one form only, so that the same controls are the same text. Both sets hold: what one of them closes
 * is closed. What cannot be told from a message passes where something is closed, and fails where only some is open.
 */
import { amountMinorMax } from '../base/limits.ts';
import type { CardMessage, LimitRule } from '../message/message.ts';

export const channels = ['ecommerce', 'cash', 'contactless', 'stripe'] as const;

/** `stripe`: also of a card whose chip could not be read. */
export type Channel = (typeof channels)[number];

/** `allow`: nothing but these; `deny`: anything but these. */
export interface ControlList {
  readonly kind: 'allow' | 'deny';
  readonly names: readonly string[];
}

export interface ControlSet {
  /** Ways of paying that are closed. */
  readonly blocked?: readonly Channel[] | undefined;
  /** Of the terminal: ISO 3166-1, three digits; at most 64. */
  readonly countries?: ControlList | undefined;
  /** Merchant category groups of the program; at most 32. */
  readonly merchants?: ControlList | undefined;
  /** Beside the program's own; at most 8. Balance's currency. */
  readonly limits?: readonly LimitRule[] | undefined;
  /** Unix ms: until then the card pays nothing. */
  readonly pausedUntilMs?: number | undefined;
}

export interface CardControls {
  readonly holder?: ControlSet | undefined;
  readonly partner?: ControlSet | undefined;
}

export const controlOwners = ['holder', 'partner'] as const;
export type ControlOwner = (typeof controlOwners)[number];

const countriesMax = 64;
const groupsMax = 32;
const controlLimitsMax = 8;
const nameLengthMax = 40;
const periods = ['transaction', 'day', 'month'] as const;

/** The set in its one form, without what says nothing; undefined where it cannot be one, or says nothing. */
export function controlSetOf(asked: ControlSet): ControlSet | 'nothing' | undefined {
  const { blocked = [], countries, merchants, limits = [], pausedUntilMs = 0 } = asked;
  if (!blocked.every((channel) => channels.includes(channel)) || !Number.isSafeInteger(pausedUntilMs) || pausedUntilMs < 0) return undefined;
  if (countries !== undefined && !isList(countries, countriesMax, /^[0-9]{3}$/)) return undefined;
  if (merchants !== undefined && !isList(merchants, groupsMax, /./)) return undefined;
  if (limits.length > controlLimitsMax || !limits.every(isLimit)) return undefined;
  const set: ControlSet = {
    ...(blocked.length === 0 ? {} : { blocked: channels.filter((channel) => blocked.includes(channel)) }),
    ...(countries === undefined ? {} : { countries: listOf(countries) }),
    ...(merchants === undefined ? {} : { merchants: listOf(merchants) }),
    ...(limits.length === 0 ? {} : { limits: limits.map(limitOf) }),
    ...(pausedUntilMs === 0 ? {} : { pausedUntilMs }),
  };
  return Object.keys(set).length === 0 ? 'nothing' : set;
}

function isList({ kind, names }: ControlList, most: number, form: RegExp): boolean {
  if ((kind !== 'allow' && kind !== 'deny') || names.length > most) return false;
  return names.every((name) => name.length <= nameLengthMax && form.test(name));
}

function listOf({ kind, names }: ControlList): ControlList {
  return { kind, names: [...new Set(names)].sort() };
}

function isLimit({ scope, period, amountMinorMax: amount, countMax: count }: LimitRule): boolean {
  const isBound = (bound: number | undefined): boolean => bound === undefined || (Number.isSafeInteger(bound) && bound >= 0 && bound <= amountMinorMax);
  return scope !== '' && scope.length <= nameLengthMax && periods.includes(period) && isBound(amount) && isBound(count) && (amount !== undefined || count !== undefined);
}

function limitOf({ scope, period, amountMinorMax: amount, countMax: count }: LimitRule): LimitRule {
  return { scope, period, ...(amount === undefined ? {} : { amountMinorMax: amount }), ...(count === undefined ? {} : { countMax: count }) };
}

/** A card's controls with one party's set in the place of what it had; undefined: nothing is left. */
export function withControls(controls: CardControls | undefined, owner: ControlOwner, set: ControlSet | 'nothing'): CardControls | undefined {
  const after: { holder?: ControlSet; partner?: ControlSet } = {};
  for (const each of controlOwners) {
    const kept = each === owner ? set : controls?.[each];
    if (kept !== undefined && kept !== 'nothing') after[each] = kept;
  }
  return after.holder === undefined && after.partner === undefined ? undefined : after;
}

/** Until when the card is locked for a time, by whom; undefined: it is not. */
export function pausedBy(controls: CardControls, atMs: number): ControlOwner | undefined {
  return controlOwners.find((owner) => (controls[owner]?.pausedUntilMs ?? 0) > atMs);
}

/** What a set closes of a request, for a person; undefined: it is open. */
export function closedBy({ blocked, countries, merchants }: ControlSet, message: CardMessage): { readonly what: 'channel' | 'country' | 'merchant'; readonly value: string } | undefined {
  const channel = blocked?.find((each) => isOf(each, message));
  if (channel !== undefined) return { what: 'channel', value: channel };
  const { country = '', groups } = message.merchant;
  if (countries !== undefined && countries.names.includes(country) !== (countries.kind === 'allow')) return { what: 'country', value: country };
  if (merchants !== undefined && groups.some((group) => merchants.names.includes(group)) !== (merchants.kind === 'allow')) {
    return { what: 'merchant', value: groups.join(' ') };
  }
  return undefined;
}

function isOf(channel: Channel, { entryMode, purpose }: CardMessage): boolean {
  switch (channel) {
    case 'cash': return purpose === 'cash';
    case 'stripe': return entryMode === 'stripe' || entryMode === 'fallback';
    default: return entryMode === channel;
  }
}

type StoredList = 0 | readonly [allows: 0 | 1, ...names: string[]];
type StoredLimit = readonly [scope: string, period: number, amountMinorMax: number, countMax: number];
/** Bit n of `blocked`: the channel at n. A bound of -1: none. */
type StoredSet = readonly [blocked: number, countries: StoredList, merchants: StoredList, pausedUntilMs: number, ...limits: StoredLimit[]];
export interface StoredControls {
  readonly h?: StoredSet;
  readonly p?: StoredSet;
}

export function storeControls({ holder, partner }: CardControls): StoredControls {
  return { ...(holder === undefined ? {} : { h: storeSet(holder) }), ...(partner === undefined ? {} : { p: storeSet(partner) }) };
}

export function loadControls({ h, p }: StoredControls): CardControls {
  return { ...(h === undefined ? {} : { holder: loadSet(h) }), ...(p === undefined ? {} : { partner: loadSet(p) }) };
}

function storeSet({ blocked = [], countries, merchants, limits = [], pausedUntilMs = 0 }: ControlSet): StoredSet {
  const mask = blocked.reduce((bits, channel) => bits | (1 << channels.indexOf(channel)), 0);
  return [
    mask, storeList(countries), storeList(merchants), pausedUntilMs,
    ...limits.map(({ scope, period, amountMinorMax: amount = -1, countMax: count = -1 }) => [scope, periods.indexOf(period), amount, count] as const),
  ];
}

function loadSet([mask, countries, merchants, pausedUntilMs, ...limits]: StoredSet): ControlSet {
  return {
    ...(mask === 0 ? {} : { blocked: channels.filter((_, index) => (mask & (1 << index)) !== 0) }),
    ...(countries === 0 ? {} : { countries: loadList(countries) }),
    ...(merchants === 0 ? {} : { merchants: loadList(merchants) }),
    ...(limits.length === 0 ? {} : {
      limits: limits.map(([scope, period, amount, count]) => ({
        scope, period: periods[period] ?? 'transaction', ...(amount === -1 ? {} : { amountMinorMax: amount }), ...(count === -1 ? {} : { countMax: count }),
      })),
    }),
    ...(pausedUntilMs === 0 ? {} : { pausedUntilMs }),
  };
}

function storeList(list: ControlList | undefined): StoredList {
  return list === undefined ? 0 : [list.kind === 'allow' ? 1 : 0, ...list.names];
}

function loadList([allows, ...names]: Exclude<StoredList, 0>): ControlList {
  return { kind: allows === 1 ? 'allow' : 'deny', names };
}
