/**
 * Finds the legs that a message concerns: itself if it came before, reversals that came ahead of it, and the original that it names.
 * A record that has not been read is asked for, except where the message is new by all appearance: then the commit is told that
 * the record must not exist (`once`), which saves a read for nearly every purchase.
 *
 * Invariant: nothing is found outside the message's own card, station and acquirer, whatever it says of another.
 */
import type { CardMessage, OriginalKey } from '../message/message.ts';
import { absentLeg, aheadOfAlias, aheadOfTrace, covers, sameTerminal, siblingOf } from './ahead.ts';
import { hasMoney, isIncrement } from './leg.ts';
import { aliasId, decodeAlias, decodeRecord, legType, legsMax, overflowOf, recordId, spilledId } from './record.ts';
import type { Leg, LegPlace, TransactionRecord } from './record.ts';

/** Records by id: a value, null where it is known that there is none, no entry where it was not read. */
export type Records = ReadonlyMap<string, string | null>;

export interface Found {
  readonly recordId: string;
  readonly leg: Leg;
}

export interface Alias {
  readonly id: string;
  /** What it leads to, if anything. */
  readonly found: Found | undefined;
}

export interface Located {
  readonly ownId: string;
  readonly aliases: readonly Alias[];
  /** Ids that were taken to be absent without reading. */
  readonly once: readonly string[];
  /** The message as it came before. */
  readonly own: Leg | undefined;
  /** The record that it is in. */
  readonly ownAt: string | undefined;
  /** The request of an advice, or the advice of a request, under the same trace. */
  readonly twin: Leg | undefined;
  /** Reversals of this very message that came before it. */
  readonly ahead: readonly Found[];
  readonly original: Found | undefined;
  /** A reversal: where it is remembered, if it has to be. */
  readonly remember: Found | undefined;
  /** Does the reference name another acquirer's transaction? */
  readonly isForeign: boolean;
  /** Has a record no room for what this message would add? */
  readonly isFull: boolean;
}

export type Locating = { readonly kind: 'read'; readonly ids: readonly string[] } | { readonly kind: 'located'; readonly located: Located };

/** Reads from what is at hand and notes what is missing. */
class Reader {
  readonly #records: Records;
  readonly missing: string[] = [];

  constructor(records: Records) {
    this.#records = records;
  }

  record(id: string): TransactionRecord | undefined {
    const text = this.#text(id);
    return text === undefined ? undefined : decodeRecord(id, text);
  }

  alias(id: string): Found | undefined {
    const text = this.#text(id);
    return text === undefined ? undefined : this.leg(decodeAlias(id, text));
  }

  /** A leg at its place, or where it has moved to since. */
  leg(place: LegPlace): Found | undefined {
    const record = this.record(place.recordId);
    return findLeg(record, place) ?? (record?.spilled === true ? findLeg(this.record(`${place.recordId}.${place.spill}`), place) : undefined);
  }

  /** A trace's legs, with those of the one kind that have moved away. */
  legs(record: TransactionRecord | undefined, spilled: Pick<Leg, 'type' | 'transmittedAt' | 'localAt' | 'terminal'>): readonly Found[] {
    const found = foundIn(record);
    return record?.spilled === true ? [...foundIn(this.record(spilledId(record.id, spilled))), ...found] : found;
  }

  #text(id: string): string | undefined {
    const text = this.#records.get(id);
    if (text === undefined && !this.missing.includes(id)) this.missing.push(id);
    return text ?? undefined;
  }
}

function foundIn(record: TransactionRecord | undefined): Found[] {
  return (record?.legs ?? []).map((leg) => ({ recordId: record?.id ?? '', leg }));
}

function findLeg(record: TransactionRecord | undefined, { legId }: LegPlace): Found | undefined {
  const leg = record?.legs.find(({ id }) => id === legId);
  return record === undefined || leg === undefined ? undefined : { recordId: record.id, leg };
}

/** Looks up everything that the message concerns in the account with this id. */
export function locate(accountId: string, card: number, message: CardMessage, records: Records, nowMs: number): Locating {
  const { trace } = message;
  const ownId = recordId(accountId, card, trace, trace.stan);
  const aliasIds = aliasIdsOf(accountId, card, message);
  const mayRefer = message.class === 'reversal' || message.function !== 'request' || message.purpose === 'increment' || message.purpose === 'completion';
  if (!mayRefer && !message.repeat && message.stoodIn === undefined && !records.has(ownId) && !aliasIds.some((id) => records.has(id))) {
    const aliases = aliasIds.map((id) => ({ id, found: undefined }));
    return {
      kind: 'located',
      located: {
        ownId, aliases, once: [ownId, ...aliasIds], own: undefined, ownAt: undefined, twin: undefined, ahead: [], original: undefined, remember: undefined,
        isForeign: false, isFull: false,
      },
    };
  }
  return locateByReading(new Reader(records), accountId, card, message, ownId, aliasIds, mayRefer, nowMs);
}

function locateByReading(
  reader: Reader, accountId: string, card: number, message: CardMessage, ownId: string, aliasIds: readonly string[], mayRefer: boolean, nowMs: number,
): Locating {
  const { trace } = message;
  const type = legType(trace);
  const record = reader.record(ownId);
  const own = reader.legs(record, { type, ...trace }).find(({ leg }) => isSame(leg, type, message));
  // What was answered in the account's place may differ from what is here, so all that concerns it is looked for again.
  const isRepeat = own !== undefined && message.stoodIn === undefined;
  const aliases = isRepeat ? [] : aliasIds.map((id) => ({ id, found: reader.alias(id) }));
  const twin = isRepeat ? undefined : twinOf(reader, record, type, message);
  const ahead = isRepeat || message.class === 'reversal' ? [] : reversalsAhead(reader, record, aliases, type, message);
  const referenceId = referenceIdOf(accountId, card, message);
  const reference = isRepeat || !mayRefer || referenceId === undefined ? undefined : reader.record(referenceId);
  const original = isRepeat || !mayRefer ? undefined : originalOf(reader, message, twin, record, reference, aliases);
  if (original?.leg.parent !== undefined) reader.leg(original.leg.parent);
  const isForeign = message.original !== undefined && referenceId === undefined;
  const remember = isRepeat || isForeign || message.class !== 'reversal' || (original !== undefined && original.leg.state !== 'none')
    ? undefined
    : rememberedAt(reader, message, message.original === undefined ? record : reference, referenceId ?? ownId, aliases, nowMs);
  const isFull = own === undefined && !hasRoom(reader, ownId, remember);
  if (reader.missing.length > 0) return { kind: 'read', ids: reader.missing };
  return { kind: 'located', located: { ownId, aliases, once: [], own: own?.leg, ownAt: own?.recordId, twin: twin?.leg, ahead, original, remember, isForeign, isFull } };
}

function aliasIdsOf(accountId: string, card: number, message: CardMessage): string[] {
  const ids: string[] = [];
  for (const key of message.terms.originalKeys) {
    const value = aliasValue(key, message);
    if (value !== '') ids.push(aliasId(accountId, card, message.trace, key, value));
  }
  return ids;
}

/** What the message itself is known by under a key. A request has no approval code yet: it gets the one on offer. */
function aliasValue(key: OriginalKey, message: CardMessage): string {
  if (key === 'rrn') return message.rrn;
  return message.class !== 'reversal' && message.function === 'request' && message.approvalCode === '' ? message.approvalCodeOffer : message.approvalCode;
}

function isSame(leg: Leg, type: string, { id, trace }: CardMessage): boolean {
  return leg.state !== 'absent' && leg.type === type && (leg.id === id || (leg.terminal === trace.terminal && isSentAt(leg, trace)));
}

/** Where neither says when it was sent (1993, 2003), the local time tells them apart. */
function isSentAt(leg: Leg, { transmittedAt, localAt }: CardMessage['trace']): boolean {
  return leg.transmittedAt === transmittedAt && (transmittedAt !== '' || leg.localAt === localAt);
}

/** What an advice tells of, or the advice that tells of a request: the same trace, terminal, time and amount. */
function twinOf(reader: Reader, record: TransactionRecord | undefined, type: string, message: CardMessage): Found | undefined {
  const { trace, amount } = message;
  if (message.class === 'reversal') return undefined;
  const twinType = `${type.charAt(0)}${trace.function === 'request' ? '2' : '0'}`;
  return reader.legs(record, { ...trace, type: twinType }).findLast(({ leg }) => leg.type === twinType && leg.state !== 'absent' &&
    sameTerminal(leg.terminal, trace.terminal) && leg.currency === (amount?.currency ?? '') &&
    (leg.amountMinor === (amount?.amountMinor ?? 0) || leg.answeredMinor === (amount?.amountMinor ?? 0)) &&
    (isSentAt(leg, trace) || (leg.localAt !== '' && leg.localAt === trace.localAt)));
}

function reversalsAhead(reader: Reader, record: TransactionRecord | undefined, aliases: readonly Alias[], type: string, message: CardMessage): Found[] {
  const found: Found[] = record === undefined ? [] : aheadOfTrace(record, type, message).map((leg) => ({ recordId: record.id, leg }));
  for (const { found: first } of aliases) {
    const there = first?.leg.state === 'absent' ? reader.record(first.recordId) : undefined;
    if (first === undefined || there === undefined) continue;
    for (const leg of aheadOfAlias(there, first.leg)) {
      if (!found.some((other) => other.leg.id === leg.id)) found.push({ recordId: there.id, leg });
    }
  }
  return found;
}

/** The record that a message's reference leads to; undefined where it has none, or names another acquirer's transaction. */
function referenceIdOf(accountId: string, card: number, { original, trace }: CardMessage): string | undefined {
  if (original === undefined || (original.acquirer !== '' && trace.acquirer !== '' && original.acquirer !== trace.acquirer)) return undefined;
  return recordId(accountId, card, trace, original.stan);
}

function originalOf(
  reader: Reader, message: CardMessage, twin: Found | undefined, record: TransactionRecord | undefined, reference: TransactionRecord | undefined,
  aliases: readonly Alias[],
): Found | undefined {
  if (message.class === 'reversal') {
    const named = message.original === undefined ? byAlias(message, aliases) ?? underSameTrace(record, message) : referred(reader, reference, message);
    return toldOf(reader, named) ?? named;
  }
  if (message.function !== 'request' && twin !== undefined && (twin.leg.state !== 'none' || twin.leg.reason === '1830')) return twin;
  const named = message.original === undefined ? byAlias(message, aliases) : referred(reader, reference, message);
  if (named === undefined) return message.function === 'request' ? undefined : twin;
  // An authorization's latest increment stands for all of it.
  const { parent } = named.leg;
  return isIncrement(named.leg) && parent !== undefined ? reader.leg(parent) : named;
}

/** An advice that told of what was on record did nothing itself: what it told of is what its reversal means. */
function toldOf(reader: Reader, named: Found | undefined): Found | undefined {
  const parent = named?.leg.state === 'none' && named.leg.reason === '9001' ? named.leg.parent : undefined;
  const told = parent === undefined ? undefined : reader.leg(parent);
  return told?.leg.type[0] === named?.leg.type[0] ? told : undefined;
}

function byAlias(message: CardMessage, aliases: readonly Alias[]): Found | undefined {
  for (const { found } of aliases) {
    if (found === undefined || found.leg.state === 'absent' || found.leg.id === message.id) continue;
    if (message.class === 'reversal' || message.purpose === 'increment') return found;
    // A retrieval reference that came twice must not swallow an advice about another purchase: what it tells of has its amount.
    const completes = message.class === 'financial' && found.leg.type.startsWith('1');
    if (completes || (found.leg.amountMinor === message.amount?.amountMinor && found.leg.currency === message.amount.currency)) return found;
  }
  return undefined;
}

/** The leg that DE90 or DE56 names: class, STAN, and the time that the reference carries. Money before none, then the exact type, then the latest. */
function referred(reader: Reader, record: TransactionRecord | undefined, { original, trace }: CardMessage): Found | undefined {
  if (original === undefined || record === undefined) return undefined;
  const type = legType(original);
  let best: Found | undefined;
  let bestScore = -1;
  for (const found of reader.legs(record, { type, transmittedAt: original.transmittedAt, localAt: original.localAt, terminal: trace.terminal })) {
    const { leg } = found;
    if (leg.state === 'absent' || leg.type[0] !== type[0] || !sameTerminal(leg.terminal, trace.terminal)) continue;
    if (original.transmittedAt !== '' && leg.transmittedAt !== original.transmittedAt) continue;
    if (original.localAt !== '' && leg.localAt !== original.localAt) continue;
    const score = (leg.state === 'none' ? 0 : 4) + (leg.type === type ? 2 : 0) + (leg.terminal === trace.terminal ? 1 : 0);
    if (score >= bestScore) [best, bestScore] = [found, score];
  }
  return best;
}

/** A reversal that names nothing means the latest that its own trace did, money before none. */
function underSameTrace(record: TransactionRecord | undefined, { trace }: CardMessage): Found | undefined {
  const found = foundIn(record).filter(({ leg }) => leg.state !== 'absent' && !leg.type.startsWith('4') && sameTerminal(leg.terminal, trace.terminal));
  return found.findLast(({ leg }) => hasMoney(leg)) ?? found.findLast(({ leg }) => leg.state !== 'none') ?? found.at(-1);
}

/** Where a reversal is remembered, so that its original finds it; undefined where what is remembered says as much already. */
function rememberedAt(
  reader: Reader, message: CardMessage, record: TransactionRecord | undefined, id: string, aliases: readonly Alias[], nowMs: number,
): Found | undefined {
  const first = message.original === undefined ? aliases.find(({ found }) => found?.leg.state === 'absent')?.found : undefined;
  const sibling = first === undefined ? undefined : siblingOf(first.recordId, first.leg);
  const there = first === undefined ? record : reader.record(first.recordId);
  const leg = absentLeg(message, sibling, nowMs);
  return there?.legs.some((earlier) => covers(earlier, leg)) === true ? undefined : { recordId: first?.recordId ?? id, leg };
}

/**
 * Is there room for the message's own leg, and for what is remembered? Legs that have to move away need their place read, since others
 * may be there. A sender that fills both, under one STAN and one time, has to use another STAN.
 */
function hasRoom(reader: Reader, ownId: string, remember: Found | undefined): boolean {
  const isInOwn = remember?.recordId === ownId;
  const hasOwn = makesRoom(reader, ownId, isInOwn ? 2 : 1);
  return remember === undefined || isInOwn ? hasOwn : makesRoom(reader, remember.recordId, 1) && hasOwn;
}

function makesRoom(reader: Reader, id: string, more: number): boolean {
  const record = reader.record(id);
  if (record === undefined) return true;
  const excess = record.legs.length + more - legsMax;
  const moving = overflowOf(record.legs, more);
  if (moving.length < excess) return false;
  return moving.every((leg) => (reader.record(spilledId(id, leg))?.legs.length ?? 0) < legsMax);
}
