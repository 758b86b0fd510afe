/**
 * What stand-in has approved beyond one card: of an account, an issuer, a partner. How much in the outage, and how much of it the one who
 * keeps the balance has not taken into it yet.
 *
 * It is a head of its own in the store, one per account, issuer and partner. The issuer's also says which outage it is, so that the
 * switches that share it speak of the same one.
 * Invariant: what is pending is never less than what was approved and is not in the balance yet.
 */
import { assert } from '../base/assert.ts';

export interface Exposure {
  /** Unix ms at which the outage was first noticed; 0: none yet. */
  readonly outageId: number;
  readonly isOpen: boolean;
  /** Unix ms at which it was last closed; 0: what comes next is another one. */
  readonly closedAtMs: number;
  /** Approved in that outage. */
  readonly count: number;
  readonly amountMinor: number;
  /** Approved, and not yet in the balance. */
  readonly pendingMinor: number;
  /** The latest of what is pending, by message id, in order. */
  readonly recent: readonly (readonly [id: string, amountMinor: number])[];
}

export const newExposure: Exposure = { outageId: 0, isOpen: false, closedAtMs: 0, count: 0, amountMinor: 0, pendingMinor: 0, recent: [] };

/** What is pending beyond these is known in one sum, which only later ones that are seen clear. */
const recentMax = 32;

/** An issuer that is away again so soon is in the same outage: one that comes and goes may cost no more than one that stays away. */
export const sameOutageMs = 300_000;

/** The issuer's outage: the one that is open or was a moment ago, or a new one that begins now. */
export function openOutage(issuer: Exposure, nowMs: number): Exposure {
  if (issuer.isOpen) return issuer;
  if (issuer.closedAtMs > 0 && nowMs < issuer.closedAtMs + sameOutageMs) return { ...issuer, isOpen: true, closedAtMs: 0 };
  return { ...issuer, outageId: Math.max(nowMs, issuer.outageId + 1), isOpen: true, closedAtMs: 0, count: 0, amountMinor: 0 };
}

/** The issuer decides again. A switch that still names this outage counts in it all the same. @param nowMs Unix ms; absent: it is over for good */
export function closeOutage(issuer: Exposure, nowMs = 0): Exposure {
  return issuer.isOpen ? { ...issuer, isOpen: false, closedAtMs: nowMs } : issuer;
}

/** What was approved in the outage with this id; in a later one where the head knows of one. */
export function usedInOutage(exposure: Exposure, outageId: number): readonly [count: number, amountMinor: number] {
  return exposure.outageId >= outageId ? [exposure.count, exposure.amountMinor] : [0, 0];
}

/** Changes what counts for an outage; nothing where it has passed. */
export function moveInOutage(exposure: Exposure, outageId: number, count: number, amountMinor: number): Exposure {
  if (outageId < exposure.outageId) return exposure;
  const isSame = outageId === exposure.outageId;
  return {
    ...exposure, outageId, count: Math.max(0, (isSame ? exposure.count : 0) + count),
    amountMinor: Math.max(0, (isSame ? exposure.amountMinor : 0) + amountMinor),
  };
}

/** One more that the balance does not know of. Also for what the host itself approved after the balance that it pushed. */
export function addPending(exposure: Exposure, id: string, amountMinor: number): Exposure {
  return { ...exposure, pendingMinor: exposure.pendingMinor + amountMinor, recent: [...exposure.recent, [id, amountMinor] as const].slice(-recentMax) };
}

/** Is it among the latest? What is not stays pending whole until it is settled. */
export function isRecent(exposure: Exposure, id: string): boolean {
  return exposure.recent.some(([other]) => other === id);
}

/** Takes from one of the latest. */
export function reducePending(exposure: Exposure, id: string, amountMinor: number): Exposure {
  const index = exposure.recent.findIndex(([other]) => other === id);
  const found = exposure.recent[index];
  assert(found !== undefined && amountMinor <= found[1], 'only what is pending is taken back');
  return { ...exposure, pendingMinor: exposure.pendingMinor - amountMinor, recent: exposure.recent.with(index, [id, found[1] - amountMinor]) };
}

/** The balance has taken in one that was pending with this amount. */
export function settlePending(exposure: Exposure, id: string, amountMinor: number): Exposure {
  const found = exposure.recent.find(([other]) => other === id);
  if (found !== undefined) {
    return { ...exposure, pendingMinor: exposure.pendingMinor - found[1], recent: exposure.recent.filter((candidate) => candidate !== found) };
  }
  const older = exposure.pendingMinor - exposure.recent.reduce((sum, [, minor]) => sum + minor, 0);
  return { ...exposure, pendingMinor: exposure.pendingMinor - Math.min(older, amountMinor) };
}

type StoredExposure = [form: 1 | 2, outageId: number, isOpen: 0 | 1, count: number, amountMinor: number, pendingMinor: number, ...rest: (string | number)[]];

export function encodeExposure({ outageId, isOpen, closedAtMs, count, amountMinor, pendingMinor, recent }: Exposure): string {
  const stored: StoredExposure = [2, outageId, isOpen ? 1 : 0, count, amountMinor, pendingMinor, closedAtMs, ...recent.flat()];
  return JSON.stringify(stored);
}

/** @throws SyntaxError where the text is no exposure */
export function decodeExposure(text: string): Exposure {
  const [form, outageId, isOpen, count, amountMinor, pendingMinor, ...rest] = JSON.parse(text) as StoredExposure;
  assert(form === 1 || form === 2, 'an exposure is in a form that this program knows');
  // The first form did not say when it was closed.
  const closedAtMs = form === 1 ? 0 : (rest.shift() as number);
  const recent: [string, number][] = [];
  for (let index = 0; index < rest.length; index += 2) recent.push([rest[index] as string, rest[index + 1] as number]);
  return { outageId, isOpen: isOpen === 1, closedAtMs, count, amountMinor, pendingMinor, recent };
}
