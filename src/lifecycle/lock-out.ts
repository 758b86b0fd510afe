/**
 * When log-in is locked after wrong tries. Pure.
 *
 * A try counts before it is judged, so that those that come at once count all; the right one takes them all back. After `triesMax` wrong ones in a
 * row each further try has to wait, for a minute at first, then twice as long each time, up to an hour. While it is locked nothing counts: whoever keeps
 * trying does not lock it for longer.
 */
export interface LockOut {
  readonly wrongTries: number;
  /** Unix ms; undefined: it is not locked. */
  readonly lockedUntilMs: number | undefined;
}

export const triesMax = 5;
export const lockMsFirst = 60_000;
export const lockMsMax = 3_600_000;

export const noTries: LockOut = { wrongTries: 0, lockedUntilMs: undefined };

/** @returns what is kept from now on, unless the try is right; undefined: it is locked, and the try is none */
export function afterTry({ wrongTries, lockedUntilMs }: LockOut, atMs: number): LockOut | undefined {
  if (lockedUntilMs !== undefined && atMs < lockedUntilMs) return undefined;
  const tries = wrongTries + 1;
  if (tries < triesMax) return { wrongTries: tries, lockedUntilMs: undefined };
  return { wrongTries: tries, lockedUntilMs: atMs + Math.min(lockMsMax, lockMsFirst * 2 ** Math.min(30, tries - triesMax)) };
}
