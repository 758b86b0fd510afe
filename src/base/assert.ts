/**
 * A broken invariant of our own: never the outside's fault. It is not caught; the process stops and restarts,
 * and replays from what is durable.
 */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** Stops where one of our own invariants does not hold. The message must never carry content of a card. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Asserts that a switch over a union is complete. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`);
}
