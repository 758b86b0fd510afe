/**
 * The requests that we sent and that wait for their answers.
 *
 *   wheel   [ slot ][ slot ][ slot ] ...       one slot per `tickMs` of deadline, round and round
 *              |
 *            entry <-> entry <-> entry         an answered one leaves its slot at once
 *
 * Owns the table by trace, the deadlines, and a memory of the traces that ended lately. Refuses a request beyond `pendingMax`, and
 * one whose trace is waiting already. Invariant: every request that was added ends once, answered, expired or cancelled, and every
 * answer is one of answered, late, duplicate, unmatched. No timer: someone calls `expire`.
 */
import { assert } from '../base/assert.ts';
import type { LinkEvents } from './events.ts';

export type MatcherEvents = Pick<LinkEvents, 'answerMatched' | 'requestExpired' | 'answerLate' | 'answerDuplicate' | 'answerUnmatched'>;

export interface MatcherOptions<Message> {
  /** The station's name, for events. */
  readonly station: string;
  /** What the parts of a trace are called, for whoever reads why an answer did not match: `STAN`, `terminal`, … */
  readonly partNames: readonly string[];
  /**
   * A request's parts, and those of its answer: the same for both, or they don't match. As many as there are names; a part that the
   * message does not carry is empty. What differs between classes (the same STAN in a request and its reversal) belongs in.
   */
  readonly traceOf: (message: Message) => readonly string[];
  /** More requests than this don't wait at once. */
  readonly pendingMax: number;
  /** How many ended traces are remembered; an answer that comes after its trace was forgotten is unmatched. */
  readonly rememberedMax: number;
  /** How late a deadline may be noticed. */
  readonly tickMs?: number;
  readonly events: MatcherEvents;
}

export type AddOutcome =
  | 'added'
  | 'full'
  /** A request with this trace waits already: its answer could not be told from this one's. */
  | 'pending';

/** A part of an answer's trace that is not as in the request that it may have been meant for. */
export interface DifferingPart {
  readonly name: string;
  /** The answer doesn't carry it. */
  readonly missing: boolean;
}

export interface NearMiss<Request> {
  readonly request: Request;
  readonly differing: readonly DifferingPart[];
}

export type MatchOutcome<Request> =
  | { readonly kind: 'answered'; readonly request: Request; readonly elapsedMs: number }
  /** After its deadline: whoever asked has been told otherwise. Said once per request; then it is a duplicate. */
  | { readonly kind: 'late'; readonly request: Request; readonly lateMs: number }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'unmatched'; readonly near: NearMiss<Request> | undefined };

interface Entry<Request> {
  readonly id: string;
  readonly parts: readonly string[];
  readonly request: Request;
  readonly sentAtMs: number;
  readonly deadlineMs: number;
  readonly slot: number;
  previous: Entry<Request> | undefined;
  next: Entry<Request> | undefined;
}

/** A trace that ended: with its request while an answer would be late, without once it was answered. */
interface Ended<Request> {
  /** Where in the order of ends it is. */
  readonly place: number;
  readonly unanswered: { readonly request: Request; readonly deadlineMs: number } | undefined;
}

const slotCount = 1_024;
/** How many waiting requests are compared with an unmatched answer: a peer that sends only such must not cost much. */
const nearScanMax = 256;

export class Matcher<Message, Request> {
  readonly #options: MatcherOptions<Message>;
  readonly #tickMs: number;
  /** By joined trace, in the order in which they were sent. */
  readonly #pending = new Map<string, Entry<Request>>();
  readonly #slots: Array<Entry<Request> | undefined> = Array.from({ length: slotCount });
  /** By joined trace. */
  readonly #ended = new Map<string, Ended<Request>>();
  /** The ids of `#ended` in the order of their ends, round and round; a map's own first member takes long to find once many before it are gone. */
  readonly #endedOrder: (string | undefined)[] = [];
  #endedNext = 0;
  /** The tick up to which deadlines were looked at. */
  #expiredTick = -Infinity;

  constructor(options: MatcherOptions<Message>) {
    this.#options = options;
    this.#tickMs = options.tickMs ?? 10;
  }

  get pending(): number {
    return this.#pending.size;
  }

  get remembered(): number {
    return this.#ended.size;
  }

  /**
   * Waits for the answer to `message`.
   *
   * @param request what the caller wants back with the outcome
   * @param deadlineMs on the clock of `nowMs`
   */
  add(message: Message, request: Request, nowMs: number, deadlineMs: number): AddOutcome {
    const parts = this.#partsOf(message);
    const id = parts.join(separator);
    if (this.#pending.has(id)) return 'pending';
    if (this.#pending.size >= this.#options.pendingMax) return 'full';
    const slot = this.#slotOf(deadlineMs);
    const entry: Entry<Request> = { id, parts, request, sentAtMs: nowMs, deadlineMs, slot, previous: undefined, next: this.#slots[slot] };
    if (entry.next !== undefined) entry.next.previous = entry;
    this.#slots[slot] = entry;
    this.#pending.set(id, entry);
    return 'added';
  }

  /**
   * Finds the request that `message` answers. A deadline counts from when `expire` noticed it: before that nobody was told, and the
   * answer is as good as any.
   */
  match(message: Message, nowMs: number): MatchOutcome<Request> {
    const { station, events } = this.#options;
    const parts = this.#partsOf(message);
    const id = parts.join(separator);
    // A trace that is in use again belongs to the new request, whatever is remembered of the old one.
    const entry = this.#pending.get(id);
    if (entry !== undefined) {
      this.#remove(entry);
      this.#remember(id, undefined);
      const elapsedMs = nowMs - entry.sentAtMs;
      events.answerMatched(station, elapsedMs);
      return { kind: 'answered', request: entry.request, elapsedMs };
    }
    const ended = this.#ended.get(id);
    if (ended?.unanswered !== undefined) {
      const { request, deadlineMs } = ended.unanswered;
      this.#remember(id, undefined);
      const lateMs = Math.max(0, nowMs - deadlineMs);
      events.answerLate(station, lateMs);
      return { kind: 'late', request, lateMs };
    }
    if (ended !== undefined) {
      events.answerDuplicate(station);
      return { kind: 'duplicate' };
    }
    const near = this.#nearest(parts);
    events.answerUnmatched(
      station,
      near?.differing.map((part) => part.name),
    );
    return { kind: 'unmatched', near };
  }

  /** Is its request waiting, or did it wait here lately? Changes nothing. */
  knows(message: Message): boolean {
    const id = this.#partsOf(message).join(separator);
    return this.#pending.has(id) || this.#ended.has(id);
  }

  /** Ends the wait for `message`, such as one that could not be sent; an answer that comes all the same is late. */
  cancel(message: Message): Request | undefined {
    const entry = this.#pending.get(this.#partsOf(message).join(separator));
    if (entry === undefined) return undefined;
    this.#end(entry);
    return entry.request;
  }

  /**
   * Ends the wait of every request whose deadline has passed.
   *
   * @param onExpired is called once for each, and may add requests
   */
  expire(nowMs: number, onExpired: (request: Request) => void): void {
    const nowTick = Math.floor(nowMs / this.#tickMs);
    // The last tick is looked at again: it was not over.
    const fromTick = Math.max(this.#expiredTick, nowTick - slotCount + 1);
    this.#expiredTick = nowTick;
    const reached: Entry<Request>[] = [];
    for (let tick = fromTick; tick <= nowTick; tick += 1) {
      const slot = ((tick % slotCount) + slotCount) % slotCount;
      for (let entry = this.#slots[slot]; entry !== undefined; entry = entry.next) if (entry.deadlineMs < nowMs) reached.push(entry);
    }
    for (const entry of reached) {
      // A callback may have cancelled it meanwhile.
      if (this.#pending.get(entry.id) !== entry) continue;
      this.#end(entry);
      this.#options.events.requestExpired(this.#options.station);
      onExpired(entry.request);
    }
  }

  #partsOf(message: Message): readonly string[] {
    const parts = this.#options.traceOf(message);
    assert(parts.length === this.#options.partNames.length, 'a trace has a part for each name');
    return parts;
  }

  /** A deadline that has passed already lies where the next `expire` looks. */
  #slotOf(deadlineMs: number): number {
    const tick = Math.max(Math.floor(deadlineMs / this.#tickMs), this.#expiredTick);
    return ((tick % slotCount) + slotCount) % slotCount;
  }

  #end(entry: Entry<Request>): void {
    this.#remove(entry);
    this.#remember(entry.id, { request: entry.request, deadlineMs: entry.deadlineMs });
  }

  #remove(entry: Entry<Request>): void {
    this.#pending.delete(entry.id);
    if (entry.previous === undefined) this.#slots[entry.slot] = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next !== undefined) entry.next.previous = entry.previous;
    // An old one would keep its neighbours, and what they wait with, from being collected young.
    entry.previous = undefined;
    entry.next = undefined;
  }

  /** One that ended before keeps its trace's memory, at its new place. */
  #remember(id: string, unanswered: Ended<Request>['unanswered']): void {
    const { rememberedMax } = this.#options;
    if (rememberedMax === 0) return;
    const place = this.#endedNext;
    this.#endedNext = (place + 1) % rememberedMax;
    const before = this.#ended.get(id);
    if (before !== undefined) this.#endedOrder[before.place] = undefined;
    const oldest = this.#endedOrder[place];
    if (oldest !== undefined) this.#ended.delete(oldest);
    this.#endedOrder[place] = id;
    this.#ended.set(id, { place, unanswered });
  }

  /** The waiting request with the fewest parts that differ, the oldest of several; none that has nothing in common. */
  #nearest(parts: readonly string[]): NearMiss<Request> | undefined {
    let nearest: Entry<Request> | undefined;
    let fewest = parts.length;
    let scanned = 0;
    for (const entry of this.#pending.values()) {
      const differing = countDiffering(entry.parts, parts);
      if (differing < fewest) {
        fewest = differing;
        nearest = entry;
        if (fewest === 1) break;
      }
      scanned += 1;
      if (scanned === nearScanMax) break;
    }
    if (nearest === undefined) return undefined;
    const differing: DifferingPart[] = [];
    this.#options.partNames.forEach((name, i) => {
      if (nearest.parts[i] !== parts[i]) differing.push({ name, missing: parts[i] === '' });
    });
    return { request: nearest.request, differing };
  }
}

/** In no field's character set, so that parts never run together. */
const separator = '\u001f';

function countDiffering(one: readonly string[], other: readonly string[]): number {
  let differing = 0;
  for (let i = 0; i < one.length; i += 1) if (one[i] !== other[i]) differing += 1;
  return differing;
}
