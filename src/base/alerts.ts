/**
 * What is not as it should be, from its start to its end: one alert of a kind and a subject at a time.
 *
 *            holds for delayMs                   does not hold
 *     quiet ------------------> on ------------------------------> settling
 *       ^                        ^          holds again                |
 *       |                        +-------------------------------------+
 *       |                          did not hold for settleMs           |
 *       +------------------------------ ended <------------------------+
 *
 * Owns the alerts that are on and the last ones that ended. Refuses to flap: what comes and goes within the times above is one alert, with
 * how often it came. Pure: conditions and the time come in, starts and ends go out. Invariant: of a kind and a subject, starts and ends
 * alternate, and an end is at or after its start.
 */
export interface Alert {
  /** Rises with each start; from 1. */
  readonly number: number;
  readonly kind: string;
  readonly subject: string;
  /** Unix ms: when it was first seen to be so. */
  readonly startedAtMs: number;
  /** Unix ms: when it was first seen to be so no longer; undefined: it is on. */
  readonly endedAtMs: number | undefined;
  /** As it was told last. For people. */
  readonly reason: string;
  /** Times that it came to be so. */
  readonly count: number;
}

/** Something that is so now. */
export interface Condition {
  readonly kind: string;
  readonly subject: string;
  readonly reason: string;
  /** How long it has to be so before it is an alert. */
  readonly delayMs: number;
}

/** Called synchronously; none may throw. */
export interface AlertEvents {
  started(alert: Alert): void;
  /** @param lastedMs by the monotonic clock */
  ended(alert: Alert, lastedMs: number): void;
}

/** The same moment on both clocks. */
export interface AlertMoment {
  /** Unix ms: for people. */
  readonly nowMs: number;
  /** Monotonic ms: how long something lasts. */
  readonly elapsedMs: number;
}

interface Entry {
  number: number;
  readonly kind: string;
  readonly subject: string;
  readonly sinceMs: number;
  readonly sinceElapsedMs: number;
  reason: string;
  count: number;
  isOn: boolean;
  /** Since it is not so any more; undefined: it is so. */
  quiet: AlertMoment | undefined;
}

export class Alerts {
  readonly #events: AlertEvents;
  readonly #endedMax: number;
  readonly #entries = new Map<string, Entry>();
  #ended: Alert[] = [];
  #started = 0;

  /** @param endedMax how many that ended are kept */
  constructor(endedMax: number, events: AlertEvents) {
    this.#endedMax = endedMax;
    this.#events = events;
  }

  /** Those that are on, the oldest first. */
  get on(): readonly Alert[] {
    return [...this.#entries.values()].filter(({ isOn }) => isOn).sort((one, other) => one.number - other.number).map((entry) => alertOf(entry, undefined));
  }

  /** The last ones that ended, the latest first. */
  get ended(): readonly Alert[] {
    return [...this.#ended].reverse();
  }

  isOn(kind: string, subject: string): boolean {
    return this.#entries.get(keyOf(kind, subject))?.isOn ?? false;
  }

  /**
   * Takes in all that is so at this moment; whatever is not among it is not so. Of two conditions of one kind and subject the first counts.
   *
   * @param settleMs how long an alert's condition has to be gone before the alert ends
   */
  take(conditions: readonly Condition[], moment: AlertMoment, settleMs: number): void {
    const holding = new Set<string>();
    for (const condition of conditions) {
      const key = keyOf(condition.kind, condition.subject);
      if (holding.has(key)) continue;
      holding.add(key);
      this.#holds(key, condition, moment);
    }
    for (const [key, entry] of this.#entries) if (!holding.has(key)) this.#isGone(key, entry, moment, settleMs);
  }

  #holds(key: string, { kind, subject, reason, delayMs }: Condition, { nowMs, elapsedMs }: AlertMoment): void {
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { number: 0, kind, subject, sinceMs: nowMs, sinceElapsedMs: elapsedMs, reason, count: 1, isOn: false, quiet: undefined };
      this.#entries.set(key, entry);
    }
    entry.reason = reason;
    if (entry.quiet !== undefined) {
      entry.quiet = undefined;
      entry.count += 1;
    }
    if (entry.isOn || elapsedMs - entry.sinceElapsedMs < delayMs) return;
    this.#started += 1;
    entry.number = this.#started;
    entry.isOn = true;
    this.#events.started(alertOf(entry, undefined));
  }

  #isGone(key: string, entry: Entry, moment: AlertMoment, settleMs: number): void {
    if (!entry.isOn) {
      this.#entries.delete(key);
      return;
    }
    entry.quiet ??= moment;
    if (moment.elapsedMs - entry.quiet.elapsedMs < settleMs) return;
    this.#entries.delete(key);
    // A clock that was put back does not let anything end before it began.
    const alert = alertOf(entry, Math.max(entry.sinceMs, entry.quiet.nowMs));
    this.#ended = [...this.#ended.slice(Math.max(0, this.#ended.length + 1 - this.#endedMax)), alert];
    this.#events.ended(alert, entry.quiet.elapsedMs - entry.sinceElapsedMs);
  }
}

function keyOf(kind: string, subject: string): string {
  return `${kind} ${subject}`;
}

function alertOf({ number, kind, subject, sinceMs, reason, count }: Entry, endedAtMs: number | undefined): Alert {
  return { number, kind, subject, startedAtMs: sinceMs, endedAtMs, reason, count };
}
