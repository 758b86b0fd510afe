/**
 * Finds the legs that a message concerns: itself if it came before, reversals that came ahead of it, and the original that it names.
 * A record that has not been read is asked for, except where the message is new by all appearance: then the commit is told that
 * the record must not exist (`once`), which saves a read for nearly every purchase.
 */
import type { CardMessage, OriginalKey } from '../message/message.ts';
import { aliasId, decodeAlias, decodeRecord, legType, recordId, spillId } from './record.ts';
import type { Leg, LegPlace, TransactionRecord } from './record.ts';

/** Records by id: a value, null where it is known that there is none, no entry where it was not read. */
export type Records = ReadonlyMap<string, string | null>;

export interface Found {
  readonly recordId: string;
  readonly leg: Leg;
}

export interface Located {
  readonly ownId: string;
  readonly aliases: readonly { readonly id: string; readonly place: LegPlace | undefined }[];
  /** Ids that were taken to be absent without reading. */
  readonly once: readonly string[];
  /** The message as it came before. */
  readonly own: Leg | undefined;
  /** Reversals of this very message that came before it. */
  readonly ahead: readonly Leg[];
  readonly original: Found | undefined;
  /** The authorization that `original` completed or added to. */
  readonly parent: Found | undefined;
}

export type Locating = { readonly kind: 'read'; readonly ids: readonly string[] } | { readonly kind: 'located'; readonly located: Located };

/** Reads from what is at hand and notes what is missing. */
class Reader {
  readonly #records: Records;
  readonly missing: string[] = [];

  constructor(records: Records) {
    this.#records = records;
  }

  has(id: string): boolean {
    return this.#records.has(id);
  }

  record(id: string): TransactionRecord | undefined {
    const text = this.#text(id);
    return text === undefined ? undefined : decodeRecord(id, text);
  }

  alias(id: string): LegPlace | undefined {
    const text = this.#text(id);
    return text === undefined ? undefined : decodeAlias(text);
  }

  leg(place: LegPlace): Found | undefined {
    const leg = this.record(place.recordId)?.legs.find((candidate) => candidate.id === place.legId);
    return leg === undefined ? undefined : { recordId: place.recordId, leg };
  }

  #text(id: string): string | undefined {
    const text = this.#records.get(id);
    if (text === undefined) this.missing.push(id);
    return text ?? undefined;
  }
}

/** Looks up everything that the message concerns in the account with this id. */
export function locate(accountId: string, card: number, message: CardMessage, records: Records): Locating {
  const { trace } = message;
  const reader = new Reader(records);
  const ownId = recordId(accountId, card, trace.station, trace.acquirer, trace.stan);
  const aliasIds = aliasIdsOf(accountId, card, message);
  const mayRefer = message.class === 'reversal' || message.function !== 'request' || message.original !== undefined ||
    message.purpose === 'increment' || message.purpose === 'completion';

  if (!mayRefer && !message.repeat && !reader.has(ownId) && !aliasIds.some((id) => reader.has(id))) {
    const aliases = aliasIds.map((id) => ({ id, place: undefined }));
    return { kind: 'located', located: { ownId, aliases, once: [ownId, ...aliasIds], own: undefined, ahead: [], original: undefined, parent: undefined } };
  }

  const type = legType(trace);
  const record = reader.record(ownId);
  let own = record?.legs.find((leg) => isSame(leg, type, message));
  if (own === undefined && record?.spilled === true) {
    own = reader.record(spillId(ownId, { type, ...trace }))?.legs.find((leg) => isSame(leg, type, message));
  }
  const aliases = aliasIds.map((id) => ({ id, place: reader.alias(id) }));
  const ahead = message.class === 'reversal' ? [] : reversalsAhead(reader, record, aliases.map(({ place }) => place), type, message);
  const original = own === undefined && mayRefer ? findOriginal(reader, accountId, card, message, record, aliases.map(({ place }) => place)) : undefined;
  const parent = original?.leg.parent === undefined ? undefined : reader.leg(original.leg.parent);
  if (reader.missing.length > 0) return { kind: 'read', ids: reader.missing };
  return { kind: 'located', located: { ownId, aliases, once: [], own, ahead, original, parent } };
}

function aliasIdsOf(accountId: string, card: number, message: CardMessage): string[] {
  const ids: string[] = [];
  for (const key of message.terms.originalKeys) {
    const value = aliasValue(key, message);
    if (value !== '') ids.push(aliasId(accountId, card, key, value));
  }
  return ids;
}

/** What the message itself is known by under a key. A request has no approval code yet: it gets the one on offer. */
function aliasValue(key: OriginalKey, message: CardMessage): string {
  if (key === 'rrn') return message.rrn;
  return message.class !== 'reversal' && message.function === 'request' && message.approvalCode === '' ? message.approvalCodeOffer : message.approvalCode;
}

function isSame(leg: Leg, type: string, { id, trace }: CardMessage): boolean {
  return leg.state !== 'absent' && leg.type === type && leg.stan === trace.stan &&
    (leg.id === id || (leg.transmittedAt === trace.transmittedAt && leg.terminal === trace.terminal));
}

function reversalsAhead(
  reader: Reader, record: TransactionRecord | undefined, places: readonly (LegPlace | undefined)[], type: string, { trace }: CardMessage,
): Leg[] {
  const named = (record?.legs ?? []).filter((leg) => leg.state === 'absent' && leg.stan === trace.stan &&
    (leg.type === '' ? sameTerminal(leg.terminal, trace.terminal) : leg.type === type) &&
    (leg.transmittedAt === '' || leg.transmittedAt === trace.transmittedAt) &&
    (leg.localAt === '' || leg.localAt === trace.localAt));
  for (const place of places) {
    const leg = place === undefined ? undefined : reader.leg(place)?.leg;
    if (leg?.state === 'absent' && !named.some(({ id }) => id === leg.id)) named.push(leg);
  }
  return named;
}

function sameTerminal(a: string, b: string): boolean {
  return a === '' || b === '' || a === b;
}

function findOriginal(
  reader: Reader, accountId: string, card: number, message: CardMessage, own: TransactionRecord | undefined,
  places: readonly (LegPlace | undefined)[],
): Found | undefined {
  const { original, trace } = message;
  if (original !== undefined) {
    const id = recordId(accountId, card, trace.station, original.acquirer === '' ? trace.acquirer : original.acquirer, original.stan);
    return referred(reader, id, message);
  }
  const sibling = message.class === 'reversal' ? underSameTrace(own, message) : requestOfAdvice(own, message);
  if (sibling !== undefined && own !== undefined) return { recordId: own.id, leg: sibling };
  for (const place of places) {
    const found = place === undefined ? undefined : reader.leg(place);
    if (found === undefined || found.leg.state === 'absent' || found.leg.id === message.id) continue;
    // A retrieval reference that came twice must not swallow an advice about another purchase: what it tells of has its amount.
    const sameClass = found.leg.type[0] === legType(trace)[0];
    const sameAmount = found.leg.amountMinor === message.amount?.amountMinor && found.leg.currency === message.amount.currency;
    if (message.class === 'reversal' || message.purpose === 'increment' || !sameClass || sameAmount) return found;
  }
  return undefined;
}

/** The leg that DE90 or DE56 names: type, STAN, and the time that the reference carries. */
function referred(reader: Reader, id: string, message: CardMessage): Found | undefined {
  const { original, trace } = message;
  if (original === undefined) return undefined;
  const type = legType(original);
  const matches = (leg: Leg): boolean => leg.state !== 'absent' && leg.type[0] === type[0] && leg.stan === original.stan &&
    (original.transmittedAt === '' || leg.transmittedAt === original.transmittedAt) &&
    (original.localAt === '' || leg.localAt === original.localAt);
  const record = reader.record(id);
  const legs = (record?.legs ?? []).filter(matches);
  const best = legs.find((leg) => leg.type === type && leg.terminal === trace.terminal) ?? legs.find((leg) => leg.type === type) ?? legs[0];
  if (best !== undefined) return { recordId: id, leg: best };
  if (record?.spilled !== true) return undefined;
  const away = spillId(id, { type, transmittedAt: original.transmittedAt, localAt: original.localAt, terminal: trace.terminal });
  const leg = reader.record(away)?.legs.find(matches);
  return leg === undefined ? undefined : { recordId: away, leg };
}

/** A reversal that names nothing means the latest that its own trace did, money before none. */
function underSameTrace(record: TransactionRecord | undefined, { trace }: CardMessage): Leg | undefined {
  const legs = (record?.legs ?? []).filter((leg) => leg.state !== 'absent' && leg.type[0] !== '4' && leg.stan === trace.stan &&
    sameTerminal(leg.terminal, trace.terminal));
  return legs.findLast((leg) => leg.state !== 'none') ?? legs.at(-1);
}

/** An advice that names nothing tells of the request with its own trace, amount and time, if there is one. */
function requestOfAdvice(record: TransactionRecord | undefined, message: CardMessage): Leg | undefined {
  const { trace, amount } = message;
  return record?.legs.findLast((leg) => leg.type === `${legType(trace)[0]}0` && leg.state !== 'absent' && leg.stan === trace.stan &&
    sameTerminal(leg.terminal, trace.terminal) && leg.amountMinor === amount?.amountMinor && leg.currency === amount.currency &&
    (leg.transmittedAt === trace.transmittedAt || (leg.localAt !== '' && leg.localAt === trace.localAt)));
}

/** Where a reversal whose original is unknown is remembered, so that the original finds it. */
export function absentPlace(accountId: string, card: number, message: CardMessage): string {
  const { original, trace } = message;
  if (original === undefined) return recordId(accountId, card, trace.station, trace.acquirer, trace.stan);
  return recordId(accountId, card, trace.station, original.acquirer === '' ? trace.acquirer : original.acquirer, original.stan);
}

