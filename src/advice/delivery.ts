/**
 * Sends one destination its advices: in order per card, cards side by side, no faster than it was asked to, each until its
 * answer is on disk.
 *
 *   idle ──usable, ask──> delivering ──pause──> paused ──resume, ask──> delivering
 *     ^                       │ unusable                                    │ stop
 *     └───────────────────────┘                                         stopped
 *
 * Everything that could let one go ends in `#advance`, the only place that begins one. Invariants: what may have been sent
 * goes out as a repeat, after a restart too; one that is refused too often is set aside and holds up nobody; one that nobody
 * answers waits longer each time and holds up its card only.
 */
import type { Deadline, Deadlines } from '../base/deadlines.ts';
import type { AdviceFile, BegunAdvice } from './advice-file.ts';
import type { Backlog, QueuedAdvice } from './advice-queue.ts';
import { SendRate } from './send-rate.ts';

/** `accepted`: the destination has it, now or already. `notSent`: it is certain that nothing of it left. */
export type SendOutcome =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused'; /** For people. */ readonly why: string }
  | { readonly kind: 'noAnswer' | 'notSent' };

/** Called synchronously; none may throw. */
export interface DeliveryEvents {
  sent(queued: QueuedAdvice, isRepeat: boolean): void;
  answered(queued: QueuedAdvice, outcome: SendOutcome['kind'], elapsedMs: number): void;
  setAside(queued: QueuedAdvice): void;
}

export interface DeliveryOptions {
  readonly file: AdviceFile;
  readonly destination: string;
  /** Monotonic. */
  readonly deadlines: Deadlines;
  /** Unix ms: ages for people. */
  readonly now: () => number;
  /** In [0, 1): spreads attempts. */
  readonly random: () => number;
  /** Settles in a bounded time. One that rejects was not answered. */
  readonly send: (begun: BegunAdvice) => Promise<SendOutcome>;
  readonly events: DeliveryEvents;
  /** When it begins: as soon as the destination is usable, or only when it asks. */
  readonly begins: 'usable' | 'asked';
  /** Advices out at once, each of another card. */
  readonly inFlightMax: number;
  readonly perSecond: number;
  /** Between attempts of one advice, and of all where the destination does not answer. */
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
  /** Refusals after which one is set aside. */
  readonly refusalsMax: number;
  /** Times that one is not answered while others are, after which it is set aside. */
  readonly ignoredMax: number;
}

export interface DeliveryStatus {
  readonly state: 'idle' | 'delivering' | 'paused' | 'stopped';
  readonly pausedBy: readonly Pauser[];
  readonly perSecond: number;
  readonly inFlight: number;
  readonly backlog: Backlog;
  readonly setAside: number;
}

/** Each lifts its own pause only. */
export type Pauser = 'operator' | 'destination';

/** So many without an answer in a row, and one at a time goes until there is one. */
const silentMax = 3;
const lookMs = 1_000;

export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #rate: SendRate;
  readonly #unlisten: () => void;
  readonly #pausers = new Set<Pauser>();
  /** Cards that wait for their next attempt. */
  readonly #waits = new Map<QueuedAdvice, Deadline>();
  #isUsable = false;
  #isAsked = false;
  #isStopped = false;
  #inFlight = 0;
  /** Attempts in a row that no answer came to. */
  #silent = 0;
  #answers = 0;
  #holdUntilMs = -Infinity;
  #wake: Deadline | undefined;
  #look: Deadline | undefined;
  #ended: (() => void)[] = [];

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#rate = new SendRate(options.perSecond, options.deadlines.nowMs());
    this.#unlisten = options.file.listen(options.destination, () => this.#advance());
    this.#advance();
  }

  get status(): DeliveryStatus {
    const { file, destination } = this.#options;
    const isOn = this.#isUsable && (this.#options.begins === 'usable' || this.#isAsked);
    return {
      state: this.#isStopped ? 'stopped' : this.#pausers.size > 0 ? 'paused' : isOn ? 'delivering' : 'idle',
      pausedBy: [...this.#pausers], perSecond: this.#rate.perSecond, inFlight: this.#inFlight, backlog: file.backlog(destination),
      setAside: file.setAside(destination).length,
    };
  }

  /** The destination can be reached: it signed on, or answered a probe. What waited for an attempt goes now. */
  usable(): void {
    this.#isUsable = true;
    this.#silent = 0;
    this.#holdUntilMs = -Infinity;
    this.#endWaits();
    this.#advance();
  }

  /** It is gone, and with it what it asked for; what is out is left to its own end. */
  unusable(): void {
    this.#isUsable = false;
    this.#isAsked = false;
    this.#pausers.delete('destination');
  }

  /** The destination asks for its advices (0800). */
  ask(): void {
    this.#isAsked = true;
    this.#pausers.delete('destination');
    this.#advance();
  }

  /** The destination has it, as an answer says that came after its time. @returns false where it was not waiting any more */
  async taken(id: string): Promise<boolean> {
    const { file } = this.#options;
    const wasWaiting = await file.taken(id);
    for (const [queued, deadline] of this.#waits) {
      if (queued.id !== id) continue;
      deadline.cancel();
      this.#waits.delete(queued);
      file.free(queued);
      this.#advance();
    }
    return wasWaiting;
  }

  pause(by: Pauser): void {
    this.#pausers.add(by);
  }

  resume(by: Pauser): void {
    this.#pausers.delete(by);
    this.#advance();
  }

  /** @param perSecond above 0 */
  speed(perSecond: number): void {
    this.#rate.change(perSecond, this.#options.deadlines.nowMs());
    this.#advance();
  }

  /** For good. Resolves when nothing is out any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#unlisten();
    this.#wake?.cancel();
    this.#look?.cancel();
    this.#endWaits();
    if (this.#inFlight === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ended.push(resolve);
    await promise;
  }

  get #isOn(): boolean {
    return !this.#isStopped && this.#isUsable && this.#pausers.size === 0 && (this.#options.begins === 'usable' || this.#isAsked);
  }

  #advance(): void {
    if (this.#isStopped) return;
    const { file, destination, deadlines, inFlightMax } = this.#options;
    this.#lookAgain();
    while (this.#isOn && this.#inFlight < (this.#silent >= silentMax ? 1 : inFlightMax)) {
      const nowMs = deadlines.nowMs();
      const waitMs = Math.max(this.#holdUntilMs - nowMs, this.#rate.waitMs(nowMs));
      if (waitMs > 0) {
        if (file.backlog(destination).count > 0) this.#wakeAfter(waitMs);
        return;
      }
      const queued = file.next(destination);
      if (queued === undefined) return;
      this.#rate.take();
      this.#inFlight += 1;
      void this.#deliver(queued);
    }
  }

  /** Every now and then, while something waits: what a fault of the disk kept from going is free again without a word. */
  #lookAgain(): void {
    const { file, destination, deadlines } = this.#options;
    if (this.#look !== undefined || file.backlog(destination).count === 0) return;
    this.#look = deadlines.after(lookMs, () => {
      this.#look = undefined;
      this.#advance();
    });
  }

  #wakeAfter(delayMs: number): void {
    const { deadlines } = this.#options;
    const atMs = deadlines.nowMs() + delayMs;
    if (this.#wake !== undefined && this.#wake.atMs <= atMs) return;
    this.#wake?.cancel();
    this.#wake = deadlines.at(atMs, () => {
      this.#wake = undefined;
      this.#advance();
    });
  }

  async #deliver(queued: QueuedAdvice): Promise<void> {
    const { file, deadlines, events, send } = this.#options;
    const begun = await file.begin(queued);
    if (begun === undefined) {
      this.#done(queued);
      return;
    }
    // The destination may have gone, or asked for silence, while the mark was written.
    if (!this.#isOn) {
      file.notSent(queued, begun);
      this.#done(queued);
      return;
    }
    const answersBefore = this.#answers;
    const startedMs = deadlines.nowMs();
    events.sent(queued, begun.isRepeat);
    const outcome = await send(begun).catch((): SendOutcome => ({ kind: 'noAnswer' }));
    events.answered(queued, outcome.kind, deadlines.nowMs() - startedMs);
    await this.#take(queued, begun, outcome, this.#answers > answersBefore);
  }

  /** @param othersAnswered since it was sent */
  async #take(queued: QueuedAdvice, begun: BegunAdvice, outcome: SendOutcome, othersAnswered: boolean): Promise<void> {
    const { file, deadlines, events, refusalsMax, ignoredMax } = this.#options;
    if (outcome.kind === 'accepted' || outcome.kind === 'refused') {
      this.#answers += 1;
      this.#silent = 0;
      this.#holdUntilMs = -Infinity;
    } else {
      if (outcome.kind === 'notSent') file.notSent(queued, begun);
      if (!othersAnswered) this.#silent += 1;
      const isSilent = outcome.kind === 'notSent' || this.#silent >= silentMax;
      if (isSilent) this.#holdUntilMs = deadlines.nowMs() + this.#waitMs(Math.max(1, this.#silent - silentMax + 1));
    }
    if (outcome.kind === 'accepted') {
      await file.taken(queued.id);
      this.#done(queued);
      return;
    }
    const isSetAside = outcome.kind === 'refused' ? await file.refused(queued, outcome.why, refusalsMax)
      : outcome.kind === 'noAnswer' && othersAnswered && await file.ignored(queued, ignoredMax);
    if (isSetAside) events.setAside(queued);
    if (isSetAside || outcome.kind === 'notSent') this.#done(queued);
    else this.#retryLater(queued);
  }

  /** Its card waits; its place among those that are out is free. */
  #retryLater(queued: QueuedAdvice): void {
    this.#leave();
    if (this.#isStopped) {
      this.#options.file.free(queued);
      return;
    }
    this.#waits.set(queued, this.#options.deadlines.after(this.#waitMs(queued.mark.attempts), () => {
      this.#waits.delete(queued);
      this.#options.file.free(queued);
      this.#advance();
    }));
    this.#advance();
  }

  #endWaits(): void {
    for (const [queued, deadline] of this.#waits) {
      deadline.cancel();
      this.#options.file.free(queued);
    }
    this.#waits.clear();
  }

  #done(queued: QueuedAdvice): void {
    this.#options.file.free(queued);
    this.#leave();
    this.#advance();
  }

  #leave(): void {
    this.#inFlight -= 1;
    if (this.#inFlight > 0 || !this.#isStopped) return;
    for (const end of this.#ended.splice(0)) end();
  }

  /** Doubles with each attempt; up to half is taken away, so that not all come at once. */
  #waitMs(attempts: number): number {
    const { retryFirstMs, retryMaxMs, random } = this.#options;
    return Math.min(retryMaxMs, retryFirstMs * 2 ** Math.min(attempts - 1, 30)) * (1 - random() / 2);
  }
}
