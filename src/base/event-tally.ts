/**
 * How often something happened of late, by a name: counted in slots of a sliding window.
 *
 * Owns as many numbers as there are names and slots, however often something happens. Pure: the time comes in.
 */
interface Tally {
  /** The slot that is counted in, as a number since the clock's zero. */
  slot: number;
  /** A ring: those of the last slots. */
  readonly counts: number[];
  sum: number;
  last: string;
}

const slots = 12;

export class EventTally {
  readonly #tallies = new Map<string, Tally>();
  readonly #slotMs: number;

  /** @param windowMs what is longer ago does not count; up to a twelfth of it earlier */
  constructor(windowMs: number) {
    this.#slotMs = windowMs / slots;
  }

  /** @param detail of the last one. For people. @param elapsedMs monotonic, as everywhere here */
  count(name: string, detail: string, elapsedMs: number): void {
    let tally = this.#tallies.get(name);
    if (tally === undefined) {
      tally = { slot: this.#slotAt(elapsedMs), counts: Array.from({ length: slots }, () => 0), sum: 0, last: '' };
      this.#tallies.set(name, tally);
    }
    this.#forget(tally, elapsedMs);
    const at = tally.slot % slots;
    tally.counts[at] = tally.counts[at]! + 1;
    tally.sum += 1;
    tally.last = detail;
  }

  /** What was counted within the window, by name; a name of which nothing was is forgotten. */
  recent(elapsedMs: number): readonly { readonly name: string; readonly count: number; readonly last: string }[] {
    for (const [name, tally] of this.#tallies) {
      this.#forget(tally, elapsedMs);
      if (tally.sum === 0) this.#tallies.delete(name);
    }
    return [...this.#tallies].map(([name, { sum, last }]) => ({ name, count: sum, last }));
  }

  #slotAt(elapsedMs: number): number {
    return Math.floor(elapsedMs / this.#slotMs);
  }

  #forget(tally: Tally, elapsedMs: number): void {
    const slot = this.#slotAt(elapsedMs);
    for (let passed = Math.max(tally.slot + 1, slot - slots + 1); passed <= slot; passed += 1) {
      const at = passed % slots;
      tally.sum -= tally.counts[at]!;
      tally.counts[at] = 0;
    }
    tally.slot = Math.max(tally.slot, slot);
  }
}
