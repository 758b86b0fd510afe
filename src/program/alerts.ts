/**
 * Alerts at work: looks at the switch again and again, and tells of starts and ends in the log (and so on the console) and the metrics.
 *
 * Owns what only events tell: answers that come late, match nothing or are refused, and what links and the store said last. Invariant:
 * a start and an end are a line each, however often something comes and goes, and nothing that decides waits for a look.
 */
import { Alerts } from '../base/alerts.ts';
import type { Alert } from '../base/alerts.ts';
import { EventTally } from '../base/event-tally.ts';
import type { Log } from '../base/log.ts';
import type { AlertThresholds } from '../tables/parameters.ts';
import { conditionsOf } from './alert-conditions.ts';
import type { AlertKind, Watched, WatchedEvents } from './alert-conditions.ts';
import type { Metrics } from './metrics.ts';

/** Those of which single events make an alert. */
export type EventAlertKind = 'answersLate' | 'answersUnmatched' | 'answersRefused' | 'adviceFileTrouble' | 'messageLogLost';

/** Until the system's parameters say another one. */
const firstWindowMs = 60_000;

/** What happened, for alerts: told by whoever sees it, as often as it happens. */
export class AlertNotes {
  readonly #elapsed: () => number;
  readonly #stationTroubles = new Map<string, string>();
  #windowMs = firstWindowMs;
  #tallies = new EventTally(firstWindowMs);
  #storeTrouble = '';

  /** @param elapsed monotonic ms */
  constructor(elapsed: () => number) {
    this.#elapsed = elapsed;
  }

  /** @param detail for people; no card's number */
  happened(kind: EventAlertKind, subject: string, detail: string): void {
    this.#tallies.count(`${kind} ${subject}`, detail, this.#elapsed());
  }

  /** Why a station lost its peer, or does not find it. */
  station(name: string, trouble: string): void {
    this.#stationTroubles.set(name, trouble);
  }

  store(trouble: string): void {
    this.#storeTrouble = trouble;
  }

  stationTrouble(name: string): string {
    return this.#stationTroubles.get(name) ?? '';
  }

  get storeTrouble(): string {
    return this.#storeTrouble;
  }

  /** Within the window; with another window it begins anew. */
  recent(windowMs: number): readonly WatchedEvents[] {
    if (windowMs !== this.#windowMs) {
      this.#windowMs = windowMs;
      this.#tallies = new EventTally(windowMs);
    }
    return this.#tallies.recent(this.#elapsed()).map(({ name, count, last }) => {
      const at = name.indexOf(' ');
      return { kind: name.slice(0, at) as EventAlertKind, subject: name.slice(at + 1), count, last };
    });
  }
}

export interface AlertWatchOutside {
  readonly thresholds: () => AlertThresholds;
  readonly look: () => Omit<Watched, 'nowMs' | 'events'>;
  readonly notes: AlertNotes;
  /** Unix ms. */
  readonly now: () => number;
  readonly elapsed: () => number;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'alert'>;
}

/** How many that ended are kept. */
const endedMax = 200;

export class AlertWatch {
  readonly #outside: AlertWatchOutside;
  readonly #alerts: Alerts;

  constructor(outside: AlertWatchOutside) {
    const { log, metrics } = outside;
    this.#outside = outside;
    this.#alerts = new Alerts(endedMax, {
      started: ({ kind, subject, reason }) => {
        metrics.alert(kind, subject, true);
        log.warning('alert', { kind, subject, reason });
      },
      ended: ({ kind, subject, reason, startedAtMs, count }, lastedMs) => {
        metrics.alert(kind, subject, false);
        log.event('alert ended', { kind, subject, reason, started: new Date(startedAtMs).toISOString(), lastedMs: Math.round(lastedMs), count });
      },
    });
  }

  /** Those that are on, the oldest first. */
  get on(): readonly Alert[] {
    return this.#alerts.on;
  }

  /** The last ones that ended, the latest first. */
  get ended(): readonly Alert[] {
    return this.#alerts.ended;
  }

  /** To be called a few times a second. */
  look(): void {
    const { thresholds, look, notes, now, elapsed } = this.#outside;
    const limits = thresholds();
    const moment = { nowMs: now(), elapsedMs: elapsed() };
    const watched: Watched = { ...look(), nowMs: moment.nowMs, events: notes.recent(limits.windowMs) };
    this.#alerts.take(conditionsOf(watched, limits, (kind: AlertKind, subject) => this.#alerts.isOn(kind, subject)), moment, limits.settleMs);
  }
}
