/**
 * A balance that a host keeps and pushes: what it was, and what was approved since the last authorization that the host had taken into it.
 *
 *   pushed balance (with the name of that authorization)   -   all that was approved later   =   what stand-in may still approve
 *
 * It is kept with the card's head. Invariant: what was approved and is not in the balance yet is never missing from what is taken off it;
 * where the host's watermark is not known here, too much is taken off, never too little.
 */
import { addPending, isRecent, newExposure, reducePending, settleThrough } from './exposure.ts';
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
  /** By which the host knows the latest of them. */
  readonly names: readonly (readonly [id: string, name: string])[];
}

export const newShadow: Shadow = { balance: undefined, later: newExposure, names: [] };

/** For the engine; undefined: nothing is known. */
export function lastKnownOf({ balance }: Shadow): LastKnown | undefined {
  return balance;
}

/** Stand-in has approved: the engine has counted it. @param later the account's exposure after it */
export function afterStandIn(shadow: Shadow, later: Exposure, id: string, name: string): Shadow {
  return later === shadow.later ? shadow : { ...shadow, later, names: kept([...shadow.names, [id, name]], later) };
}

/** The host has approved itself. @param amountMinor in the balance's currency; undefined: not known in it, and so is the balance from now on */
export function afterHost(shadow: Shadow, id: string, name: string, amountMinor: number | undefined): Shadow {
  if (amountMinor === undefined) return { ...shadow, balance: undefined };
  if (amountMinor === 0) return shadow;
  return afterStandIn(shadow, addPending(shadow.later, id, amountMinor), id, name);
}

/** What the host approved is reversed whole. What is in the balance already comes back with the next one. */
export function afterReversal(shadow: Shadow, id: string): Shadow {
  if (!isRecent(shadow.later, id)) return shadow;
  const amountMinor = shadow.later.recent.find(([other]) => other === id)?.[1] ?? 0;
  return { ...shadow, later: reducePending(shadow.later, id, amountMinor) };
}

/**
 * A balance has come.
 * @param through the name of the last authorization in it; empty: none of those that are known here is
 * @returns undefined where it is older than the one that is known
 */
export function withBalance(shadow: Shadow, balance: PushedBalance, through: string): Shadow | undefined {
  if (shadow.balance !== undefined && balance.asOfMs < shadow.balance.asOfMs) return undefined;
  const id = shadow.names.find(([, name]) => name === through)?.[0];
  const later = id === undefined ? shadow.later : settleThrough(shadow.later, id);
  return { balance, later, names: kept(shadow.names, later) };
}

/** Minor units that stand-in may approve of it; undefined: not known. */
export function leftOf({ balance, later }: Shadow): number | undefined {
  return balance === undefined ? undefined : balance.availableMinor - later.pendingMinor;
}

function kept(names: Shadow['names'], later: Exposure): Shadow['names'] {
  return names.filter(([id]) => isRecent(later, id));
}
