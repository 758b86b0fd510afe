/**
 * Whether an issuer at a URL is there: asked every so often, and sooner while it is not.
 *
 *   unreachable ──answered──> usable or signed off ──no connection, or twice no answer──> unreachable
 *
 * Owns the rounds; how one is asked comes in. Invariant: one question at a time.
 */
import type { Deadline, Deadlines } from '../base/deadlines.ts';
import type { LinkState } from './circuit.ts';
import type { HealthDocument } from './remote-schema.ts';

export type HealthResult =
  | { readonly kind: 'answered'; readonly health: HealthDocument }
  /** `isGone`: no connection could be made. */
  | { readonly kind: 'unanswered'; readonly isGone: boolean; readonly fault: string };

export interface HealthOptions {
  /** Between two questions while it answers; the most while it does not. */
  readonly everyMs: number;
  readonly deadlines: Deadlines;
  /** Asks once; `done` is called once, in a bounded time. */
  readonly ask: (done: (result: HealthResult) => void) => void;
  readonly told: (link: LinkState, health: HealthDocument | undefined) => void;
}

const firstRetryMs = 250;
const missesMax = 2;

export class RemoteHealth {
  readonly #options: HealthOptions;
  readonly #asking: ((answered: boolean) => void)[] = [];
  #isAsking = false;
  #due: Deadline | undefined;
  #misses = 0;
  #isUp = false;
  #retryMs = firstRetryMs;
  #isStopped = false;

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  /** Asks now, or joins the question that is out. @param done is told whether there was an answer that it may be asked */
  check(done?: (answered: boolean) => void): void {
    if (done !== undefined) this.#asking.push(done);
    if (this.#isAsking || this.#isStopped) return;
    this.#isAsking = true;
    this.#due?.cancel();
    this.#options.ask((result) => this.#asked(result));
  }

  /** A message found nobody there. */
  lost(): void {
    if (!this.#isUp) return;
    this.#isUp = false;
    this.#retryMs = firstRetryMs;
    this.#options.told('unreachable', undefined);
    if (!this.#isAsking) this.#later();
  }

  stop(): void {
    this.#isStopped = true;
    this.#due?.cancel();
  }

  #asked(result: HealthResult): void {
    this.#isAsking = false;
    if (this.#isStopped) return;
    const isUp = result.kind === 'answered' && result.health.status === 'up';
    // What is told may have the next question asked.
    const asking = this.#asking.splice(0);
    if (result.kind === 'answered') {
      this.#misses = 0;
      this.#isUp = true;
      this.#retryMs = firstRetryMs;
      this.#options.told(isUp ? 'usable' : 'signedOff', result.health);
    } else {
      this.#misses += 1;
      if (!this.#isUp) this.#retryMs = Math.min(this.#options.everyMs, this.#retryMs * 2);
      else if (result.isGone || this.#misses >= missesMax) {
        this.#isUp = false;
        this.#options.told('unreachable', undefined);
      }
    }
    for (const done of asking) done(isUp);
    this.#later();
  }

  #later(): void {
    if (this.#isStopped || this.#isAsking) return;
    this.#due?.cancel();
    this.#due = this.#options.deadlines.after(this.#isUp ? this.#options.everyMs : Math.min(this.#retryMs, this.#options.everyMs), () => this.check());
  }
}
