/**
 * How many requests a station has taken and not answered, over all of its connections.
 *
 * Owns the count and the queue of connections that wait for room. Refuses places beyond the limit. Invariant: while someone waits,
 * a place that frees goes to the one who waited longest, not to whoever reads next.
 */
import { assert } from '../base/assert.ts';
import type { Advanceable, TurnEnd } from './turn-end.ts';

/** Who stopped at a limit goes on at three quarters of it, so that sockets are not stopped and started for each answer. */
export function resumeAt(max: number): number {
  return Math.floor((max * 3) / 4);
}

export class StationInFlight {
  readonly max: number;
  readonly #resumeAt: number;
  readonly #turnEnd: TurnEnd;
  readonly #waiting = new Set<Advanceable>();
  #count = 0;
  #admitting: Advanceable | undefined;
  #asked = false;

  constructor(max: number, turnEnd: TurnEnd) {
    this.max = max;
    this.#resumeAt = resumeAt(max);
    this.#turnEnd = turnEnd;
  }

  get count(): number {
    return this.#count;
  }

  /** Whether this connection may take a place now. */
  admits(connection: Advanceable): boolean {
    return this.#count < this.max && (this.#waiting.size === 0 || this.#admitting === connection);
  }

  take(): void {
    this.#count += 1;
  }

  release(): void {
    assert(this.#count > 0, 'a place is given back once');
    this.#count -= 1;
    if (this.#waiting.size > 0 && this.#count <= this.#resumeAt && !this.#asked) {
      this.#asked = true;
      this.#turnEnd.advanceLater(this);
    }
  }

  /** Advances this connection when there is room. */
  wait(connection: Advanceable): void {
    this.#waiting.add(connection);
  }

  /** It waits no longer: it is closed, or stopped for another reason. */
  leave(connection: Advanceable): void {
    this.#waiting.delete(connection);
  }

  advance(): void {
    this.#asked = false;
    // A connection that is stopped again by this limit joins the end of the queue, and then the limit is reached.
    for (const connection of this.#waiting) {
      if (this.#count >= this.max) break;
      this.#waiting.delete(connection);
      this.#admitting = connection;
      connection.advance();
    }
    this.#admitting = undefined;
  }
}
