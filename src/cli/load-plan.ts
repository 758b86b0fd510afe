/**
 * What a load sends, in its order: drawn from a seed, and from nothing that happens.
 *
 *   first of a transaction --gap--> its repeat, --gap--> its completion or reversal; a duplicate follows at once
 *
 * Invariant: the n-th message depends on the profile and the messages before it alone, on no clock and no answer.
 */
import { drawsOf } from './host-script.ts';

export const loadKinds = ['purchase', 'cash', 'refund', 'balance', 'verify', 'preauth'] as const;
export type LoadKind = (typeof loadKinds)[number];

export interface LoadProfile {
  /** Weights; more than none. */
  readonly mix: ReadonlyMap<LoadKind, number>;
  readonly pans: readonly string[];
  /** Minor units, both included. */
  readonly amountFromMinor: number;
  readonly amountToMinor: number;
  /** Percent of pre-authorizations that are completed; of purchases, cash and pre-authorizations that are reversed. */
  readonly completions: number;
  readonly reversals: number;
  /** Percent of all first messages that are sent again with the type of a repeat; byte for byte. */
  readonly repeats: number;
  readonly duplicates: number;
  /** How many messages later what belongs to one begins to follow: at least 1. */
  readonly gap: number;
  readonly seed: number;
}

export interface Planned {
  readonly kind: LoadKind | 'completion' | 'reversal';
  /** `repeat` and `duplicate` are of `of`, and have everything else from it. */
  readonly form: 'first' | 'repeat' | 'duplicate';
  /** What a completion or reversal names, and what a repeat or duplicate repeats. */
  readonly of: Planned | undefined;
  readonly pan: string;
  /** 0 of what is about no amount. */
  readonly amountMinor: number;
  /** 1 to 999,999. */
  readonly stan: number;
}

const stanMax = 999_999;

export class LoadPlan {
  readonly #profile: LoadProfile;
  readonly #draw: () => number;
  readonly #weights: number;
  /** What is to follow, by the number of the message from which on it may. */
  readonly #due = new Map<number, Planned[]>();
  readonly #ready: Planned[] = [];
  #number = 0;
  #stan: number;

  constructor(profile: LoadProfile) {
    this.#profile = profile;
    this.#draw = drawsOf(profile.seed);
    this.#weights = [...profile.mix.values()].reduce((sum, weight) => sum + weight, 0);
    this.#stan = Math.floor(this.#draw() * stanMax);
  }

  next(): Planned {
    const due = this.#due.get(this.#number);
    if (due !== undefined) {
      this.#due.delete(this.#number);
      this.#ready.push(...due);
    }
    this.#number += 1;
    return this.#ready.shift() ?? this.#first();
  }

  #first(): Planned {
    const { pans, amountFromMinor, amountToMinor, reversals, completions, gap } = this.#profile;
    const kind = this.#kind();
    const planned: Planned = {
      kind, form: 'first', of: undefined, pan: pans[this.#below(pans.length)]!,
      amountMinor: kind === 'balance' || kind === 'verify' ? 0 : amountFromMinor + this.#below(amountToMinor - amountFromMinor + 1), stan: this.#nextStan(),
    };
    this.#again(planned);
    const mayBeReversed = kind === 'purchase' || kind === 'cash' || kind === 'preauth';
    // Drawn for all, so that another share changes nothing else.
    const [isReversed, isCompleted, part] = [this.#chance(reversals), this.#chance(completions), this.#draw()];
    const followsAfter = gap + 1 + this.#below(gap);
    if (mayBeReversed && isReversed) this.#later(followsAfter, this.#following('reversal', planned, planned.amountMinor));
    else if (kind === 'preauth' && isCompleted) this.#later(followsAfter, this.#following('completion', planned, Math.max(1, Math.ceil(planned.amountMinor * (1 - part / 2)))));
    return planned;
  }

  #following(kind: 'completion' | 'reversal', of: Planned, amountMinor: number): Planned {
    const planned: Planned = { kind, form: 'first', of, pan: of.pan, amountMinor, stan: this.#nextStan() };
    this.#again(planned);
    return planned;
  }

  /** A completion or reversal is planned with its original, and its own repeat comes behind it. */
  #again(planned: Planned): void {
    const { repeats, duplicates, gap } = this.#profile;
    const [isDuplicated, isRepeated] = [this.#chance(duplicates), this.#chance(repeats)];
    const from = planned.of === undefined ? 0 : gap * 2;
    if (isDuplicated) this.#later(from + 1, { ...planned, form: 'duplicate', of: planned });
    else if (isRepeated) this.#later(from + 1 + this.#below(gap), { ...planned, form: 'repeat', of: planned });
  }

  #later(after: number, planned: Planned): void {
    // The message that is being planned has its number already.
    const at = this.#number - 1 + after;
    const due = this.#due.get(at);
    if (due === undefined) this.#due.set(at, [planned]);
    else due.push(planned);
  }

  #kind(): LoadKind {
    let at = this.#draw() * this.#weights;
    let chosen: LoadKind = 'purchase';
    for (const [kind, weight] of this.#profile.mix) {
      if (weight === 0) continue;
      chosen = kind;
      at -= weight;
      if (at < 0) break;
    }
    return chosen;
  }

  #chance(percent: number): boolean {
    return this.#draw() * 100 < percent;
  }

  #below(count: number): number {
    return Math.floor(this.#draw() * count);
  }

  #nextStan(): number {
    this.#stan = (this.#stan % stanMax) + 1;
    return this.#stan;
  }
}
