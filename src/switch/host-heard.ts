/**
 * What becomes of what an issuer has heard: it is in the transaction's story, what the issuer gave back is let go of, and what was taken back
 * of an approval before the issuer heard of that, by a switch whose reversal had nothing to find yet, is taken back once more. Invariant: an
 * advice has its end after all of that is on record, or on this node's disk.
 */
import type { AdviceFile } from '../advice/advice-file.ts';
import type { Advice, DecisionContent } from '../advice/advice.ts';
import type { Sent } from '../host/host.ts';
import { toldEntry } from '../issuer/stand-in-entry.ts';
import type { lateEntry } from '../issuer/stand-in-entry.ts';
import type { Heard, NotedMessage, Overtaken, TakenBack } from '../issuer/stand-in-message.ts';
import { localOf, recordKey } from '../issuer/stand-in-record.ts';
import type { StandInRelay } from '../issuer/stand-in-relay.ts';
import type { CardMessage, MessageClass } from '../message/message.ts';
import { isApproval } from '../message/reason.ts';
import type { HostPolicy } from './host-policy.ts';
import type { HostTelling } from './host-telling.ts';
import type { UnderWay } from './under-way.ts';

export interface HostHeardOptions {
  readonly policy: Pick<HostPolicy, 'mode'>;
  readonly advices: Pick<AdviceFile, 'ofCard' | 'find'>;
  readonly book: StandInRelay;
  /** Do other switches use the shared store too? */
  readonly hasOthers: boolean;
  /** Unix ms. */
  readonly now: () => number;
  /** Monotonic, the clock of deadlines. */
  readonly elapsed: () => number;
}

/** What is to be put on record may take this long. */
const recordMs = 5_000;

export class HostHeard {
  readonly #options: HostHeardOptions;
  readonly #telling: HostTelling;
  readonly #underWay: UnderWay;

  constructor(options: HostHeardOptions, telling: HostTelling, underWay: UnderWay) {
    this.#options = options;
    this.#telling = telling;
    this.#underWay = underWay;
  }

  /**
   * The issuer has what it had to be told.
   * @param more flags for its story
   * @returns whether it need not hear of it again: false where what it gave back may be held still, or what it is to take back is on no disk
   */
  async told(advice: Advice, maskedPan: string, { station, mti }: Sent, version: CardMessage['version'], more: readonly string[]): Promise<boolean> {
    const { id, cardKey, kind, content } = advice;
    if (content.what !== 'decision') return true;
    const flags = ['issuerTold', ...more, ...(content.standInReason === '' ? [] : [`because:${content.standInReason}`])];
    // Whatever the request was: the issuer holds nothing for it any more.
    const takenBack = kind === 'reversal' && content.function === 'request' && content.trace.class !== 'reversal' ? takenBackOf(cardKey, content) : undefined;
    const { hasOthers, policy } = this.#options;
    const heard = hasOthers || policy.mode === 'hostWithShadowBalance' ? heardOf(advice) : undefined;
    const entry = toldEntry(content, { id, messageId: content.messageId, token: cardKey, maskedPan, class: kind as MessageClass, version, mti, station, own: content.own, flags }, this.#options.now());
    const noted = await this.note(cardKey, entry, { takenBack, heard });
    if (noted?.overtaken !== undefined) return await this.overtaken(advice, noted.overtaken);
    return noted !== undefined || (takenBack === undefined && heard === undefined);
  }

  /** @returns undefined where it is not certain that it is on record */
  async note(token: string, entry: ReturnType<typeof lateEntry>, more: Pick<NotedMessage, 'takenBack' | 'heard'> = {}): Promise<{ readonly overtaken: Overtaken | undefined } | undefined> {
    const { book, elapsed } = this.#options;
    const { promise, resolve } = Promise.withResolvers<{ readonly overtaken: Overtaken | undefined } | undefined>();
    this.#underWay.begin();
    book.submit(token, { kind: 'noted', id: entry.id, token, entry, ...more }, (message) => message, elapsed() + recordMs, (outcome) => {
      if (outcome.kind !== 'decided') resolve(undefined);
      else resolve({ overtaken: outcome.answer.kind === 'noted' ? outcome.answer.overtaken : undefined });
    });
    const noted = await promise;
    this.#underWay.end();
    return noted;
  }

  /** What takes it back was told by another switch, before the issuer knew what it means; where this node's file has it, it goes out behind. @returns whether it is on disk */
  async overtaken(advice: Advice, { heard, leftMinor }: Pick<Overtaken, 'leftMinor'> & { readonly heard: Pick<Heard, 'name'> }): Promise<boolean> {
    const { advices } = this.#options;
    for (const id of advices.ofCard(advice.destination, advice.cardKey)) {
      const content = (await advices.find(id))?.advice.content;
      if (content?.what === 'decision' && content.replaces?.stan === heard.name.stan && content.replaces.transmittedAt === heard.name.transmittedAt) return true;
    }
    return await this.#telling.keep(this.#telling.backAgain(advice, heard.name, leftMinor)) === 'durable';
  }
}

/** What the issuer knows once it has this advice. Undefined: nothing of it can stand. */
export function heardOf({ id: adviceId, kind, cardKey, content }: Advice): Heard | undefined {
  if (content.what !== 'decision' || kind === 'reversal' || !isApproval(content.reason)) return undefined;
  const { messageId, own, trace, approved, amount } = content;
  const name = { class: trace.class, function: 'advice', stan: own.stan, transmittedAt: own.transmittedAt, localAt: trace.localAt, acquirer: trace.acquirer } as const;
  return { ...takenBackOf(cardKey, content), id: messageId, adviceId, name, amountMinor: (approved ?? amount)?.amountMinor ?? 0 };
}

function takenBackOf(cardKey: string, content: DecisionContent): TakenBack {
  return { key: recordKey(cardKey, content.trace), transmittedAt: content.trace.transmittedAt, localAt: localOf(content), receivedAtMs: content.receivedAtMs };
}
