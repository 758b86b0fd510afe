/**
 * The window of a chip's transaction counters (ATC): each is taken once, and one that comes late is taken while it is no more than a
 * window below the highest. A counter that ran out (65535) ends the card, so it never begins again: but in another chip of the same PAN,
 * which has another PAN sequence number, and keys and a window of its own.
 */
import { chipsMax } from './card.ts';
import type { ChipCounter } from './card.ts';

/** Counters below the highest of which it is known whether they came. */
const knownBelow = 31;
const allBelow = 0x7fff_ffff;
const atcMax = 0xffff;

/** The counters of one chip; undefined: none of it is known. What was kept before chips were told apart is held against any of them. */
export function chipOf(chips: readonly ChipCounter[], panSequence: string): ChipCounter | undefined {
  for (const chip of chips) if (chip.panSequence === panSequence || chip.panSequence === '') return chip;
  return undefined;
}

/** @param window 0 to 31 */
export function isFreshAtc(chip: ChipCounter | undefined, atc: number, window: number): boolean {
  if (chip === undefined || atc > chip.highestAtc) return true;
  const below = chip.highestAtc - atc;
  return below > 0 && below <= Math.min(window, knownBelow) && (chip.seen & (1 << (below - 1))) === 0;
}

/**
 * The whole counter of which only the rest by `modulus` is known: the one nearest to the next.
 * @param atc below `modulus`
 */
export function wholeAtc(chip: ChipCounter | undefined, atc: number, modulus: number): number {
  const expected = (chip?.highestAtc ?? -1) + 1;
  const whole = atc + modulus * Math.round((expected - atc) / modulus);
  if (whole < 0) return atc;
  return whole > atcMax ? whole - modulus : whole;
}

/** All counters after a fresh one. @param takenBy id of the message that it came with */
export function withAtc(chips: readonly ChipCounter[], panSequence: string, atc: number, takenBy: string): readonly ChipCounter[] {
  const before = chipOf(chips, panSequence);
  const others = before === undefined ? chips.slice(0, chipsMax - 1) : chips.filter((chip) => chip !== before);
  return [before === undefined ? { panSequence, highestAtc: atc, seen: 0, takenBy } : counted(before, panSequence, atc, takenBy), ...others];
}

function counted(chip: ChipCounter, panSequence: string, atc: number, takenBy: string): ChipCounter {
  const ahead = atc - chip.highestAtc;
  if (ahead < 0) return { ...chip, panSequence, seen: chip.seen | (1 << (-ahead - 1)) };
  return { panSequence, highestAtc: atc, seen: ahead > knownBelow ? 0 : ((chip.seen << ahead) | (1 << (ahead - 1))) & allBelow, takenBy };
}
