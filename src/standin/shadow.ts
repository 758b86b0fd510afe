/**
 * A balance that a host keeps and pushes: what it was, and what was approved since the last authorization that the host had taken into it.
 *
 *   pushed balance (with the name of that authorization)   -   all that was approved later   =   what stand-in may still approve
 *
 * Later is what the host did not know of when that authorization was sent to it. What it approves itself it knows; what was approved in its
 * place it knows once it has acknowledged the advice. Each has the place in which it came to know of it.
 *
 * It is kept with the card's head. Invariant: what was approved and is not in the balance yet is never missing from what is taken off it;
 * where the host's watermark is not known here, or two went to it at once, too much is taken off, never too little.
 */
import { addPending, isRecent, newExposure, reducePending } from './exposure.ts';
import type { Exposure } from './exposure.ts';
import type { LastKnown } from './decision.ts';

export interface PushedBalance {
  readonly availableMinor: number;
  /** ISO 4217 numeric. */
  readonly currency: string;
  /** Unix ms. */
  readonly asOfMs: number;
}

export interface Shadow {
  /** Undefined: none came, or one that no longer holds. */
  readonly balance: PushedBalance | undefined;
  /** What was approved since, by stand-in and by the host itself. */
  readonly later: Exposure;
  /** What the host calls the latest of them, and since when it knows of each. */
  readonly names: readonly Known[];
  /** Of what the host knows: how many came to its knowledge since the first. */
  readonly knownCount: number;
  /** The place of the latest advice that it has acknowledged; they go to it one after another. */
  readonly advisedAt: number;
  /** Of what is in the sum of `later` alone: the last place of any of them. `Infinity`: the host is still to hear of some. */
  readonly droppedAt: number;
}

/**
 * @property 1 by which the host knows it
 * @property 2 its place among what the host knows; 0: it is still to hear of it
 * @property 3 what had a place up to this one was known to the host before this was sent to it
 */
export type Known = readonly [id: string, name: string, knownAt: number, after: number];

/** So many that the host is still to hear of are told apart. */
const unheardMax = 256;

export const newShadow: Shadow = { balance: undefined, later: newExposure, names: [], knownCount: 0, advisedAt: 0, droppedAt: 0 };

/** For the engine; undefined: nothing is known. */
export function lastKnownOf({ balance }: Shadow): LastKnown | undefined {
  return balance;
}

/** Stand-in has approved: the engine has counted it. The host will hear of it. @param later the account's exposure after it */
export function afterStandIn(shadow: Shadow, later: Exposure, id: string, name: string): Shadow {
  return later === shadow.later ? shadow : added(shadow, later, [id, name, 0, shadow.knownCount]);
}

/** An acquirer has told of what happened, and the host will hear of it. @param amountMinor as in `afterHost` */
export function afterAdvice(shadow: Shadow, id: string, name: string, amountMinor: number | undefined): Shadow {
  if (amountMinor === undefined) return { ...shadow, balance: undefined };
  return amountMinor === 0 ? shadow : afterStandIn(shadow, addPending(shadow.later, id, amountMinor), id, name);
}

/**
 * The host has approved itself.
 * @param amountMinor in the balance's currency; undefined: not known in it, and so is the balance from now on
 * @param after how many it knew of when it was asked
 */
export function afterHost(shadow: Shadow, id: string, name: string, amountMinor: number | undefined, after: number): Shadow {
  if (amountMinor === undefined) return { ...shadow, balance: undefined };
  if (amountMinor === 0) return shadow;
  const knownAt = shadow.knownCount + 1;
  return { ...added(shadow, addPending(shadow.later, id, amountMinor), [id, name, knownAt, after]), knownCount: knownAt };
}

/** The host has acknowledged the advice of it. */
export function afterHeard(shadow: Shadow, id: string): Shadow {
  const index = shadow.names.findIndex(([other, , knownAt]) => other === id && knownAt === 0);
  if (index < 0) return shadow;
  const knownAt = shadow.knownCount + 1;
  const [, name, , after] = shadow.names[index]!;
  const names = shadow.names.with(index, [id, name, knownAt, Math.max(after, shadow.advisedAt)]);
  const isAllHeard = names.every(([, , at]) => at > 0);
  return { ...shadow, names, knownCount: knownAt, advisedAt: knownAt, droppedAt: isAllHeard ? Math.min(shadow.droppedAt, knownAt) : shadow.droppedAt };
}

/** What was approved is reversed whole. What is in the balance already comes back with the next one. */
export function afterReversal(shadow: Shadow, id: string): Shadow {
  if (!isRecent(shadow.later, id)) return shadow;
  return { ...shadow, later: reducePending(shadow.later, id, pendingOf(shadow, id)) };
}

/** What of it the balance does not know of yet. */
export function pendingOf({ later }: Shadow, id: string): number {
  return later.recent.find(([other]) => other === id)?.[1] ?? 0;
}

/**
 * A balance has come.
 * @param through the name of the last authorization in it; empty: none of those that are known here is
 * @returns undefined where it is older than the one that is known
 */
export function withBalance(shadow: Shadow, balance: PushedBalance, through: string): Shadow | undefined {
  if (shadow.balance !== undefined && balance.asOfMs < shadow.balance.asOfMs) return undefined;
  const last = shadow.names.find(([, name]) => name === through);
  return last === undefined ? { ...shadow, balance } : settled({ ...shadow, balance }, last);
}

/** Minor units that stand-in may approve of it; undefined: not known. */
export function leftOf({ balance, later }: Shadow): number | undefined {
  return balance === undefined ? undefined : balance.availableMinor - later.pendingMinor;
}

/** The balance has taken in this one, and all that the host knew of when it got it. */
function settled(shadow: Shadow, [id, , , after]: Known): Shadow {
  const { later, names, droppedAt } = shadow;
  const isIn = new Set(names.filter(([other, , knownAt]) => other === id || (knownAt > 0 && knownAt <= after)).map(([other]) => other));
  const recent = later.recent.filter(([other]) => !isIn.has(other));
  const droppedMinor = droppedAt <= after ? 0 : later.pendingMinor - sumOf(later.recent);
  return kept({ ...shadow, later: { ...later, recent, pendingMinor: sumOf(recent) + droppedMinor }, droppedAt: droppedMinor === 0 ? 0 : droppedAt });
}

/** What the host is still to hear of stays told apart, however many came behind it. */
function added(shadow: Shadow, later: Exposure, known: Known): Shadow {
  const lost = shadow.later.recent.filter(([id]) => !isRecent(later, id));
  const placeOf = (id: string): number => shadow.names.find(([other]) => other === id)?.[2] ?? 0;
  const unheard = lost.filter(([id]) => placeOf(id) === 0).slice(-unheardMax);
  const recent = [...unheard, ...later.recent];
  const dropped = lost.filter((each) => !unheard.includes(each)).map(([id]) => placeOf(id));
  const droppedAt = Math.max(shadow.droppedAt, ...dropped.map((at) => (at === 0 ? Infinity : at)));
  return kept({ ...shadow, later: { ...later, recent }, names: [...shadow.names, known], droppedAt });
}

function kept(shadow: Shadow): Shadow {
  return { ...shadow, names: shadow.names.filter(([id]) => isRecent(shadow.later, id)) };
}

function sumOf(recent: Exposure['recent']): number {
  return recent.reduce((sum, [, minor]) => sum + minor, 0);
}
