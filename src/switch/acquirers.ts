/**
 * The acquirers that issuers' messages are kept for: chargebacks, fee collections, funds disbursements and texts. An issuer is answered
 * when its message is on this node's disk, written as its acquirer will get it; the acquirer gets it when it is there.
 *
 * Refuses what no station is the acquirer of, what the acquirer's format cannot say, and another message under a trace that was used.
 * Invariant: a message that its issuer repeats is kept once, and has one trace at its acquirer.
 */
import type { AdviceFile } from '../advice/advice-file.ts';
import type { MessageContent } from '../advice/advice.ts';
import { draftPassed } from '../dialect/passed.ts';
import type { Side } from '../dialect/forward-write.ts';
import type { PassedMeaning } from '../dialect/to-acquirer.ts';
import type { HostIssuer } from '../host/host-issuer.ts';
import type { OwnTrace } from '../host/host.ts';
import { utcText } from '../host/wire-times.ts';
import type { Codec, Message } from '../iso8583/codec.ts';
import { Draft } from '../iso8583/draft.ts';
import { EncodeError } from '../iso8583/errors.ts';
import type { CardVault } from '../keys/hsm.ts';
import type { Reason } from '../message/reason.ts';

/** One acquirer at work: a station, and the institutions that it is the acquirer of. */
export interface WorkingAcquirer {
  readonly station: string;
  /** Digits without leading zeros. */
  readonly institutions: readonly string[];
  readonly side: Side;
  readonly codec: Codec;
  readonly line: Pick<HostIssuer, 'reserveTrace' | 'answered' | 'garbled'>;
  /** A connection became usable, or is no more. */
  linksChanged(): void;
}

export interface AcquirersOutside {
  readonly advices: AdviceFile;
  readonly vault: CardVault;
  /** Unix ms. */
  readonly now: () => number;
}

/** A message of an issuer, as it came. */
export interface PassedArrival {
  readonly issuer: string;
  readonly message: Message;
  readonly meaning: PassedMeaning;
  readonly source: Side;
  readonly receivedAtMs: number;
}

export type PassedOutcome =
  /** It is on disk, now or before. */
  | { readonly kind: 'kept'; readonly id: string; readonly station: string; readonly isKnown: boolean }
  | { readonly kind: 'refused'; readonly reason: Reason; readonly field: number | undefined; /** For people, without any value. */ readonly detail: string }
  /** It may be on disk: no answer may say either. */
  | { readonly kind: 'unknown'; readonly id: string };

/** Whom the advice file knows the acquirer at a station by: no issuer is named like that. */
export function destinationOf(station: string): string {
  return `${destinationBegins}${station}`;
}

export const destinationBegins = 'station:';

export class Acquirers {
  #outside: AcquirersOutside | undefined;
  readonly #keeping = new Map<string, Promise<PassedOutcome>>();
  #byStation: ReadonlyMap<string, WorkingAcquirer> = new Map();
  #byInstitution: ReadonlyMap<string, WorkingAcquirer> = new Map();

  /** These from now on. */
  set(acquirers: readonly WorkingAcquirer[], outside: AcquirersOutside): void {
    this.#outside = outside;
    this.#byStation = new Map(acquirers.map((acquirer) => [acquirer.station, acquirer]));
    this.#byInstitution = new Map(acquirers.flatMap((acquirer) => acquirer.institutions.map((institution) => [institution, acquirer] as const)));
    for (const acquirer of acquirers) acquirer.linksChanged();
  }

  changed(station: string): void {
    this.#byStation.get(station)?.linksChanged();
  }

  at(station: string): WorkingAcquirer['line'] | undefined {
    return this.#byStation.get(station)?.line;
  }

  /** Settles when it is on disk, or will not be. Of those under one trace the one after the other. */
  async keep(arrival: PassedArrival): Promise<PassedOutcome> {
    const id = idOf(arrival);
    const go = async (): Promise<PassedOutcome> => await this.#keep(arrival, id);
    const kept = this.#keeping.get(id)?.then(go, go) ?? go();
    this.#keeping.set(id, kept);
    try {
      return await kept;
    } finally {
      if (this.#keeping.get(id) === kept) this.#keeping.delete(id);
    }
  }

  async #keep(arrival: PassedArrival, id: string): Promise<PassedOutcome> {
    const { meaning, issuer } = arrival;
    if (meaning.fault !== undefined) return refused(meaning.fault.reason, Number(meaning.fault.field), meaning.fault.text);
    const acquirer = this.#byInstitution.get(meaning.destination);
    if (acquirer === undefined || this.#outside === undefined) return refused('9108', undefined, 'no station is the acquirer of the institution that it is for');
    const { advices, vault, now } = this.#outside;
    const before = await contentOf(advices, id);
    if (before === 'unreadable') return refused('9109', undefined, 'what is on disk cannot be read');
    const own = before?.own ?? acquirer.line.reserveTrace();
    // The same at each repeat, so that what is the same can be seen to be.
    const localAt = utcText(before?.receivedAtMs ?? arrival.receivedAtMs);
    const written = writtenFor(arrival, acquirer, { ...own, localAt });
    if ('kind' in written) return written;
    if (before !== undefined) {
      const opened = vault.openMessage(before.sealedMessage, id);
      const isSame = 'message' in opened && Buffer.compare(opened.message, written.bytes) === 0;
      return isSame ? { kind: 'kept', id, station: acquirer.station, isKnown: true } : refused('9113', 11, 'the same trace was used before with other contents');
    }
    const { pan } = meaning;
    const outcome = await advices.write({
      id, destination: destinationOf(acquirer.station), kind: meaning.kind, createdAtMs: now(),
      // What is of no card goes out in the order in which its issuer sent it.
      cardKey: pan === undefined ? `issuer:${issuer}` : vault.cardToken(pan), sealedPan: pan === undefined ? '' : vault.encryptPan(pan, id),
      content: {
        what: 'message', messageId: id, from: issuer, mti: written.mti, own: { stan: own.stan, transmittedAt: own.transmittedAt }, sealedMessage: vault.sealMessage(written.bytes, id),
        receivedAtMs: arrival.receivedAtMs,
      },
    });
    if (outcome === 'unknown') return { kind: 'unknown', id };
    return outcome === 'durable' ? { kind: 'kept', id, station: acquirer.station, isKnown: false } : refused('9109', undefined, 'it could not be kept on disk');
  }
}

function writtenFor(
  { message, meaning, source }: PassedArrival, { side, codec }: WorkingAcquirer, own: OwnTrace & { readonly localAt: string },
): { readonly mti: string; readonly bytes: Uint8Array } | Extract<PassedOutcome, { kind: 'refused' }> {
  const draft = new Draft('');
  const fault = draftPassed(message, meaning, source, side, own, draft);
  if (fault !== undefined) return refused('9102', undefined, `it cannot be told to its acquirer: DE${fault.field} ${fault.text}`);
  try {
    return { mti: draft.mti, bytes: Uint8Array.from(codec.encode(draft)) };
  } catch (error) {
    if (!(error instanceof EncodeError)) throw error;
    return refused('9102', undefined, `it cannot be told to its acquirer: ${error.message}`);
  }
}

/** Of what was kept before under this id. */
async function contentOf(advices: AdviceFile, id: string): Promise<MessageContent | 'unreadable' | undefined> {
  try {
    const found = await advices.find(id);
    return found?.advice.content.what === 'message' ? found.advice.content : undefined;
  } catch {
    // As when the disk fails, or the switch is being stopped: its issuer sends it again.
    return 'unreadable';
  }
}

function refused(reason: Reason, field: number | undefined, detail: string): Extract<PassedOutcome, { kind: 'refused' }> {
  return { kind: 'refused', reason, field, detail };
}

/** The same of whatever station and connection of the issuer a repeat comes on. */
function idOf({ issuer, meaning: { mti, stan, transmittedAt, localAt, acquirer } }: PassedArrival): string {
  return [issuer, mti, stan, transmittedAt === '' ? localAt : transmittedAt, acquirer].join(':');
}
