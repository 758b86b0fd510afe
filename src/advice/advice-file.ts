/**
 * The advice file: every advice on this node's disk before the answer that it tells of leaves, and there until its destination
 * has answered it.
 *
 *   a.<id>  the advice, due at its place in the order; when it has its end, with the end, and kept for tracing only
 *   d.<id>  how far its delivery has come; absent: it was never sent
 *
 * They are in a store of this node's, and some beside the decisions that they tell of, where these are on this node too: what `draft` makes
 * is put there in the step that makes the decision. Each stays where it was written first.
 *
 * The place is a number of our own and not a time, so that no jump of a clock can change the order. That an advice may have
 * been sent is on disk before it is sent. Invariants: what `write` called durable is found again at every start until its end
 * is on disk; what it called failed is not. What is in memory beside it is order and counts, not contents.
 */
import { assert } from '../base/assert.ts';
import type { Deadline, Deadlines } from '../base/deadlines.ts';
import type { OwnChange } from '../store/decide.ts';
import type { CommitItem, OwnRecords, RecordPut } from '../store/store.ts';
import { adviceId, AdvicePlace, advicePut, markId } from './advice-place.ts';
import { AdviceQueue, type Backlog, type Entry, type QueuedAdvice } from './advice-queue.ts';
import {
  decodeAdvice, decodeMark, encodeAdvice, encodeMark, unsent, withEnd, type Advice, type AdviceEnd, type DeliveryMark,
} from './advice.ts';

/** Called synchronously; none may throw. */
export interface AdviceFileEvents {
  /** A change could not be written, or nobody can tell; what has to be written is tried again. */
  trouble(error: Error): void;
}

export interface AdviceFileOptions {
  /** With one partition; the one who opened it closes it, after the file. */
  readonly store: OwnRecords;
  /** Where decisions are, if that is this node's store alone: advices that `draft` made are there. It is not closed before the file. */
  readonly beside?: OwnRecords | undefined;
  /** Where this node's decisions were before they went elsewhere: what waits there is delivered, and nothing comes to it. It is not closed before the file. */
  readonly left?: OwnRecords | undefined;
  /** Unix ms: for people and for how long ends are kept; nothing is ordered by it. */
  readonly now: () => number;
  /** Runs at the end of this turn of the event loop. */
  readonly atTurnEnd: (work: () => void) => void;
  /** Monotonic: tries again when the disk is full or the store away. */
  readonly deadlines: Deadlines;
  readonly events: AdviceFileEvents;
  /** Days that an advice is kept after its end, for tracing. */
  readonly keepDays?: number;
  /** Advices that wait; one more is not taken. Far below what the disk holds: to deliver takes a little room too. */
  readonly advicesMax?: number;
}

/**
 * `failed`: it is not on disk, and never will be. `unknown`: it may be there, and then goes out after the next start at the
 * latest; an answer that says the contrary of it must not leave.
 */
export type WriteOutcome = 'durable' | 'failed' | 'unknown';

export interface FoundAdvice {
  readonly advice: Advice;
  /** Undefined: it waits, or is set aside. */
  readonly end: AdviceEnd | undefined;
  /** Undefined where it has its end. */
  readonly queued: QueuedAdvice | undefined;
}

/** An advice that may be sent now: that it may have been sent is on disk. */
export interface BegunAdvice {
  readonly advice: Advice;
  readonly isRepeat: boolean;
  /** Earlier advices of this card that are set aside, and that this one goes before. */
  readonly overtaken: number;
}

const dayMs = 86_400_000;
const writeAttempts = 3;
const retryMs = 250;

/** Texts of the latest advices stay in memory: where the destination is there, it gets them without a read. */
const textsMax = 4_096;
/** Where so many wait, it is not, and they are read when it comes: to hold a text for a while costs more than to write it. */
const waitingMax = 1_024;

export class AdviceFile {
  readonly #options: AdviceFileOptions;
  readonly #keepMs: number;
  readonly #advicesMax: number;
  readonly #main: AdvicePlace;
  readonly #beside: AdvicePlace | undefined;
  /** All that there are. */
  readonly #places: readonly AdvicePlace[];
  readonly #queues = new Map<string, AdviceQueue>();
  readonly #listeners = new Map<string, () => void>();
  readonly #retries = new Set<{ readonly deadline: Deadline; readonly go: () => void }>();
  /** Ids that `write` could not say anything about. */
  readonly #doubts = new Set<string>();
  readonly #texts: Entry[] = [];
  #textNext = 0;
  #sequence = 0;
  #count = 0;
  #isClosed = false;

  private constructor(options: AdviceFileOptions, main: AdvicePlace, beside: AdvicePlace | undefined, left: AdvicePlace | undefined) {
    this.#options = options;
    this.#main = main;
    this.#beside = beside;
    this.#places = [main, beside, left].filter((place) => place !== undefined);
    this.#keepMs = (options.keepDays ?? 14) * dayMs;
    this.#advicesMax = options.advicesMax ?? 2_000_000;
  }

  /**
   * Finds everything again that waits, in its order.
   *
   * @throws AdviceFormError where a newer program wrote the file; what the store throws
   */
  static async open(options: AdviceFileOptions): Promise<AdviceFile> {
    const { store, beside, left, atTurnEnd, events } = options;
    const care = {
      atTurnEnd, isClosed: () => file.#isClosed,
      again: async (error: Error) => {
        events.trouble(error);
        await file.#pause();
      },
    };
    const place = async (of: OwnRecords): Promise<AdvicePlace> => await AdvicePlace.open({ store: of, ...care });
    const file: AdviceFile = new AdviceFile(options, await place(store), beside && await place(beside), left && await place(left));
    await file.#recover();
    return file;
  }

  /** Destinations that advices are waiting for, or were since the start. */
  get destinations(): readonly string[] {
    return [...this.#queues.keys()];
  }

  backlog(destination: string): Backlog {
    return this.#queues.get(destination)?.backlog ?? { count: 0, oldestAtMs: undefined };
  }

  setAside(destination: string): readonly QueuedAdvice[] {
    return this.#queues.get(destination)?.setAside ?? [];
  }

  /** The first of those that wait, in their order. */
  waiting(destination: string, limit: number): readonly QueuedAdvice[] {
    return this.#queues.get(destination)?.first(limit) ?? [];
  }

  /** Does one of this card wait for the destination, or is out? What is set aside counts as none. */
  hasOf(destination: string, cardKey: string): boolean {
    return this.#queues.get(destination)?.hasOf(cardKey) ?? false;
  }

  /** Ids of what waits for the destination of this card, is out, or is set aside. */
  ofCard(destination: string, cardKey: string): readonly string[] {
    return this.#queues.get(destination)?.ofCard(cardKey).map(({ id }) => id) ?? [];
  }

  /**
   * An advice for a decision that is committed to the store beside: it is on disk with that, and waits here from then on. What is never
   * committed leaves nothing behind. @returns undefined where there is no such store, or no advice is taken now
   */
  draft(advice: Advice): OwnChange | undefined {
    if (this.#beside === undefined || this.#isClosed || this.#count >= this.#advicesMax) return undefined;
    this.#sequence += 1;
    const entry = entryOf(advice, this.#sequence, undefined, this.#beside);
    const text = encodeAdvice(advice);
    entry.text = text;
    return {
      puts: [advicePut(advice.id, text, entry.sequence)],
      durable: () => {
        this.#count += 1;
        this.#enter(entry);
      },
    };
  }

  /** The same as `write` for what may be on disk already with the decision that it tells of. */
  async writeAgain(advice: Advice, mayHaveBeenSent = false): Promise<WriteOutcome> {
    const text = await this.#beside?.read(advice.id);
    if (text === undefined) return await this.write(advice, mayHaveBeenSent);
    this.#adopt(advice.id, text, this.#beside!);
    return 'durable';
  }

  /**
   * Comes back when it is on disk, or cannot be. An id that was written before is durable, and is not queued again.
   * @param mayHaveBeenSent by another switch: it goes out as a repeat
   */
  async write(advice: Advice, mayHaveBeenSent = false): Promise<WriteOutcome> {
    if (this.#isClosed || this.#count >= this.#advicesMax) return 'failed';
    const { id } = advice;
    const text = encodeAdvice(advice);
    this.#sequence += 1;
    this.#count += 1;
    const mark = mayHaveBeenSent ? { ...unsent, attempts: 1 } : undefined;
    const entry = entryOf(advice, this.#sequence, mark, this.#main);
    entry.text = text;
    const recordId = adviceId(id);
    const item = itemOf([advicePut(id, text, entry.sequence), ...(mark === undefined ? [] : [{ id: markId(id), value: encodeMark(mark) }])], [recordId]);
    let isInDoubt = false;
    for (let attempt = 0; attempt < writeAttempts; attempt += 1) {
      const outcome = await this.#main.change(id, item);
      if (outcome.kind === 'committed') {
        this.#enter(entry);
        return 'durable';
      }
      if (outcome.kind === 'duplicate') {
        this.#count -= 1;
        this.#adopt(id, outcome.records.get(recordId) ?? text, this.#main);
        return 'durable';
      }
      assert(outcome.kind === 'unavailable' || outcome.kind === 'unknown', 'an advice has no head and moves no counter');
      this.#options.events.trouble(outcome.error);
      isInDoubt ||= outcome.kind === 'unknown';
      if (!isInDoubt || this.#isClosed) break;
    }
    this.#count -= 1;
    if (!isInDoubt) return 'failed';
    this.#doubts.add(id);
    void this.#resolveDoubts();
    return 'unknown';
  }

  /** The advice as it is on disk, waiting or with its end. */
  async find(id: string): Promise<FoundAdvice | undefined> {
    for (const place of this.#places) {
      const text = await place.find(id);
      if (text !== undefined) return { ...decodeAdvice(text), queued: this.#entryOf(id) };
    }
    return undefined;
  }

  /** The destination answered that it has it, now or in a late answer. @returns false where it was not waiting any more */
  async taken(id: string): Promise<boolean> {
    return await this.#end(this.#entryOf(id), 'accepted', '');
  }

  /** An operator gives up an advice that is set aside. */
  async drop(id: string, by: string, why = ''): Promise<boolean> {
    const entry = this.#entryOf(id);
    return entry?.state === 'setAside' && await this.#end(entry, 'dropped', by, why);
  }

  /** An operator has an advice that is set aside sent again, as a repeat, in its old place among its card's. */
  async replay(id: string): Promise<boolean> {
    const entry = this.#entryOf(id);
    if (entry?.state !== 'setAside') return false;
    await this.#mark(entry, { ...entry.mark, refusals: 0, ignored: 0, isSetAside: false });
    if (this.#isClosed || this.#entryOf(id)?.state !== 'setAside') return false;
    this.#queueOf(entry.destination).putBack(entry);
    this.#tell(entry.destination);
    return true;
  }

  /** Calls back when the destination has an advice that it did not have before: the last who asked for it. @returns ends that, for this one alone */
  listen(destination: string, listener: () => void): () => void {
    this.#listeners.set(destination, listener);
    return () => {
      if (this.#listeners.get(destination) === listener) this.#listeners.delete(destination);
    };
  }

  /** For its delivery: the earliest advice whose card has none out. Until `free`, its card waits. */
  next(destination: string): QueuedAdvice | undefined {
    return this.#isClosed ? undefined : this.#queues.get(destination)?.next();
  }

  /** Puts on disk that it may have been sent. @returns undefined where it has its end already, or the file was closed */
  async begin(queued: QueuedAdvice): Promise<BegunAdvice | undefined> {
    const entry = this.#entryOf(queued.id);
    if (entry === undefined) return undefined;
    const isRepeat = entry.mayHaveBeenSent;
    const { mark } = entry;
    const [isWritten, text] = await Promise.all([
      this.#mark(entry, { ...mark, attempts: mark.attempts + 1, lastAttemptAtMs: this.#options.now() }),
      entry.text ?? entry.place.read(entry.id),
    ]);
    if (entry.ending !== undefined) await entry.ending;
    assert(text !== undefined || this.#isClosed, 'what waits is on record');
    if (!isWritten || text === undefined || this.#entryOf(entry.id) === undefined) return undefined;
    entry.mayHaveBeenSent = true;
    const { advice } = decodeAdvice(text);
    return { advice, isRepeat, overtaken: this.#queueOf(entry.destination).overtaken(entry) };
  }

  /** It is certain that the attempt that `begin` began never left. */
  notSent(queued: QueuedAdvice, { isRepeat }: BegunAdvice): void {
    const entry = this.#entryOf(queued.id);
    if (entry !== undefined) entry.mayHaveBeenSent = isRepeat;
  }

  /** The destination refuses it. @returns whether that was once too often, and it is set aside now */
  async refused(queued: QueuedAdvice, why: string, refusalsMax: number): Promise<boolean> {
    const { mark } = queued;
    const refusals = mark.refusals + 1;
    return await this.#judge(queued, { ...mark, refusals, why, isSetAside: refusals >= refusalsMax });
  }

  /** It was not answered while others were. @returns whether that was once too often, and it is set aside now */
  async ignored(queued: QueuedAdvice, ignoredMax: number): Promise<boolean> {
    const { mark } = queued;
    const ignored = mark.ignored + 1;
    return await this.#judge(queued, { ...mark, ignored, why: 'it is not answered, and others are', isSetAside: ignored >= ignoredMax });
  }

  /** For its delivery: the next advice of the card may go, or this one again where it still waits. */
  free(queued: QueuedAdvice): void {
    this.#queueOf(queued.destination).free(queued as Entry);
  }

  /** Takes nothing more; what was being tried again is left as it is on disk. */
  close(): void {
    this.#isClosed = true;
    for (const { deadline, go } of this.#retries) {
      deadline.cancel();
      go();
    }
    this.#retries.clear();
  }

  async #recover(): Promise<void> {
    const entries: Entry[] = [];
    for (const place of this.#places) {
      await place.eachKept(({ sequence, text, mark }) => void entries.push(entryOf(decodeAdvice(text).advice, sequence, mark === undefined ? undefined : decodeMark(mark), place)));
    }
    for (const entry of entries.sort((one, other) => one.sequence - other.sequence)) {
      this.#count += 1;
      this.#sequence = entry.sequence;
      this.#queue(entry);
    }
  }

  #queueOf(destination: string): AdviceQueue {
    let queue = this.#queues.get(destination);
    if (queue === undefined) this.#queues.set(destination, queue = new AdviceQueue());
    return queue;
  }

  #entryOf(id: string): Entry | undefined {
    for (const queue of this.#queues.values()) {
      const entry = queue.find(id);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  #queue(entry: Entry): void {
    this.#queueOf(entry.destination).add(entry);
  }

  /** Takes over what was just written. */
  #enter(entry: Entry): void {
    const queue = this.#queueOf(entry.destination);
    if (queue.count < waitingMax) this.#holdText(entry);
    else entry.text = undefined;
    queue.add(entry);
    this.#tell(entry.destination);
  }

  #holdText(entry: Entry): void {
    const oldest = this.#texts[this.#textNext];
    if (oldest !== undefined) oldest.text = undefined;
    this.#texts[this.#textNext] = entry;
    this.#textNext = (this.#textNext + 1) % textsMax;
  }

  /** Takes over what turned out to be on disk, if it still has to go out. */
  #adopt(id: string, text: string, place: AdvicePlace): void {
    if (this.#entryOf(id) !== undefined) return;
    const { advice, end } = decodeAdvice(text);
    if (end !== undefined) return;
    this.#sequence += 1;
    this.#count += 1;
    this.#queue(entryOf(advice, this.#sequence, undefined, place));
    this.#tell(advice.destination);
  }

  #tell(destination: string): void {
    this.#listeners.get(destination)?.();
  }

  async #end(entry: Entry | undefined, how: AdviceEnd['how'], by: string, why?: string): Promise<boolean> {
    if (entry === undefined) return false;
    entry.ending ??= this.#writeEnd(entry, how, by, why);
    return await entry.ending;
  }

  async #writeEnd(entry: Entry, how: AdviceEnd['how'], by: string, why: string | undefined): Promise<boolean> {
    const text = entry.text ?? await entry.place.read(entry.id);
    assert(text !== undefined || this.#isClosed, 'what waits is on record');
    if (text === undefined) return false;
    const atMs = this.#options.now();
    const value = withEnd(text, { how, atMs, by, ...(why === undefined ? {} : { why }), attempts: entry.mark.attempts });
    const item = itemOf([{ id: adviceId(entry.id), value, keepUntilMs: atMs + this.#keepMs }], [], [markId(entry.id)]);
    if (!await this.#persist(entry, item)) return false;
    this.#queueOf(entry.destination).remove(entry);
    this.#count -= 1;
    return true;
  }

  async #judge(queued: QueuedAdvice, mark: DeliveryMark): Promise<boolean> {
    const entry = this.#entryOf(queued.id);
    if (entry === undefined || !await this.#mark(entry, mark) || entry.ending !== undefined || !mark.isSetAside) return false;
    this.#queueOf(entry.destination).putAside(entry);
    return true;
  }

  /** @returns false where its end comes before, or the file was closed */
  async #mark(entry: Entry, mark: DeliveryMark): Promise<boolean> {
    if (entry.ending !== undefined) return false;
    entry.mark = mark;
    return await this.#persist(entry, itemOf([{ id: markId(entry.id), value: encodeMark(mark) }]));
  }

  /** Until it is on disk. @returns false where the file was closed before */
  async #persist({ id, place }: Entry, item: CommitItem): Promise<boolean> {
    while (!this.#isClosed) {
      const outcome = await place.change(id, item);
      if (outcome.kind === 'committed') return true;
      assert(outcome.kind === 'unavailable' || outcome.kind === 'unknown', 'a change of an advice has no condition');
      this.#options.events.trouble(outcome.error);
      await this.#pause();
    }
    return false;
  }

  async #resolveDoubts(): Promise<void> {
    await this.#pause();
    const ids = [...this.#doubts];
    this.#doubts.clear();
    for (const id of ids) {
      const text = await this.#main.read(id);
      if (text !== undefined) this.#adopt(id, text, this.#main);
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isClosed) {
        resolve();
        return;
      }
      const retry = {
        deadline: this.#options.deadlines.after(retryMs, () => {
          this.#retries.delete(retry);
          resolve();
        }),
        go: resolve,
      };
      this.#retries.add(retry);
    });
  }
}

function entryOf({ id, destination, cardKey, kind, createdAtMs }: Advice, sequence: number, mark: DeliveryMark | undefined, place: AdvicePlace): Entry {
  return {
    id, destination, cardKey, kind, createdAtMs, sequence, state: mark?.isSetAside === true ? 'setAside' : 'waiting', mark: mark ?? unsent,
    mayHaveBeenSent: mark !== undefined, place, text: undefined, ending: undefined, later: undefined,
  };
}

function itemOf(puts: readonly RecordPut[], once: readonly string[] = [], deletes: readonly string[] = []): CommitItem {
  return { puts, once, deletes, entries: [], guards: [] };
}
