/**
 * The end of a turn of the event loop: what was collected during the turn is done then, once for all connections.
 *
 * Owns two queues. First everyone flushes (answers leave), then everyone who waited for room advances (reads on). Invariant:
 * whoever asks during a run is served in the next one, so a run ends.
 */

export interface Flushable {
  /** Writes what was collected. */
  flush(): void;
}

export interface Advanceable {
  /** Decides again whether to read. */
  advance(): void;
}

export class TurnEnd {
  readonly #schedule: (callback: () => void) => void;
  readonly #run: () => void;
  #scheduled = false;
  #turn = 0;
  #flushing: Flushable[] = [];
  #flushingSpare: Flushable[] = [];
  #advancing: Advanceable[] = [];
  #advancingSpare: Advanceable[] = [];

  /** @param schedule calls back after the current turn's input was handled: `setImmediate` */
  constructor(schedule: (callback: () => void) => void) {
    this.#schedule = schedule;
    this.#run = () => {
      this.#scheduled = false;
      this.run();
    };
  }

  /** Which turn this is: whoever may do so much a turn compares it with the one that it last saw. */
  get turn(): number {
    return this.#turn;
  }

  /** The caller asks once per turn (it remembers that it did). */
  flushLater(target: Flushable): void {
    this.#flushing.push(target);
    this.#arm();
  }

  /** The caller asks once per turn (it remembers that it did). */
  advanceLater(target: Advanceable): void {
    this.#advancing.push(target);
    this.#arm();
  }

  /** Ends the turn now. For whoever knows that nothing more will come in it, such as after a group commit's answers. */
  run(): void {
    this.#turn += 1;
    const flushing = this.#flushing;
    this.#flushing = this.#flushingSpare;
    for (const target of flushing) target.flush();
    flushing.length = 0;
    this.#flushingSpare = flushing;
    const advancing = this.#advancing;
    this.#advancing = this.#advancingSpare;
    for (const target of advancing) target.advance();
    advancing.length = 0;
    this.#advancingSpare = advancing;
  }

  #arm(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(this.#run);
  }
}
