/**
 * Events go to the metrics always, and to the log where a person wants to read them: one line per event, and no more lines a
 * second than a person could read, however many hostile frames come.
 */
import type { Log } from '../base/log.ts';
import type { LinkEvents } from '../link/events.ts';
import type { DecideEvents } from '../store/decide.ts';
import type { SwitchEvents } from '../switch/events.ts';
import type { AlertNotes } from './alerts.ts';
import type { Metrics } from './metrics.ts';

const linesPerSecondMax = 20;

/** Lets the first lines of a second through, by name, and says how many were held back. */
export class LogGate {
  readonly #log: Log;
  readonly #nowMs: () => number;
  #second = 0;
  #counts = new Map<string, number>();

  constructor(log: Log, nowMs: () => number) {
    this.#log = log;
    this.#nowMs = nowMs;
  }

  event(name: string, fields: () => Readonly<Record<string, unknown>>): void {
    if (this.#passes(name)) this.#log.event(name, fields());
  }

  warning(name: string, fields: () => Readonly<Record<string, unknown>>): void {
    if (this.#passes(name)) this.#log.warning(name, fields());
  }

  #passes(name: string): boolean {
    const second = Math.floor(this.#nowMs() / 1000);
    if (second !== this.#second) {
      for (const [held, count] of this.#counts) {
        if (count > linesPerSecondMax) this.#log.warning('lines held back', { name: held, lines: count - linesPerSecondMax });
      }
      this.#second = second;
      this.#counts = new Map();
    }
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    return count <= linesPerSecondMax;
  }
}

/** The link's events, counted and logged. */
export function linkEvents({ link }: Metrics, log: Log, gate: LogGate, notes: AlertNotes): LinkEvents {
  return {
    ...link,
    listening: (station, host, port) => log.event('station listening', { station, host, port }),
    connected: (station, connection, peer) => {
      link.connected(station, connection, peer);
      gate.event('connected', () => ({ station, connection, peer }));
    },
    disconnected: (station, connection, reason, detail) => {
      link.disconnected(station, connection, reason, detail);
      notes.station(station, `the last one went (${troubleWords(reason, detail)})`);
      gate.event('disconnected', () => ({ station, connection, reason, detail }));
    },
    connectionRefused: (station, peer, reason, detail) => {
      link.connectionRefused(station, peer, reason, detail);
      gate.warning('connection refused', () => ({ station, peer, reason, detail }));
    },
    connectFailed: (station, reason, detail, retryInMs) => {
      link.connectFailed(station, reason, detail, retryInMs);
      notes.station(station, troubleWords(reason, detail));
      gate.warning('connection failed', () => ({ station, reason, detail, retryInMs }));
    },
    frameRefused: (station, connection, reason, announcedBytes) => {
      link.frameRefused(station, connection, reason, announcedBytes);
      gate.warning('frame refused', () => ({ station, connection, reason, announcedBytes }));
    },
    throttled: (station, connection, reason) => {
      link.throttled(station, connection, reason);
      log.detail('connection throttled', { station, connection, reason });
    },
  };
}

function troubleWords(reason: string, detail: string | undefined): string {
  return detail === undefined || detail === '' ? reason : `${reason}, ${detail}`;
}

/** The stations' events, counted and logged: a decision is a line at debug level, since the journal tells it better. */
export function switchEvents({ switch: counted }: Metrics, log: Log, gate: LogGate, notes: AlertNotes): SwitchEvents {
  return {
    ...counted,
    decided: (event) => {
      counted.decided(event);
      if (event.note === 'duplicate') gate.warning('duplicate trace refused', () => ({ ...event }));
      else log.detail('decided', event as unknown as Readonly<Record<string, unknown>>);
    },
    dropped: (station, reason, detail) => {
      counted.dropped(station, reason, detail);
      if (reason === 'unmatchedAnswer') notes.happened('answersUnmatched', station, detail);
      gate.warning('message dropped', () => ({ station, reason, detail }));
    },
    refused: (station, type, reason, detail) => {
      counted.refused(station, type, reason, detail);
      gate.warning('message refused', () => ({ station, reason, detail }));
    },
    networkManagement: (station, kind, accepted, detail) => {
      counted.networkManagement(station, kind, accepted, detail);
      gate.event('network management', () => ({ station, kind, accepted, ...(detail === '' ? {} : { detail }) }));
    },
    fileAction: (station, operation, action, detail, card) => {
      counted.fileAction(station, operation, action, detail, card);
      gate.event('file action', () => ({ station, operation, action, detail, ...(card === '' ? {} : { card }) }));
    },
    echoed: (station, connection, elapsedMs) => {
      counted.echoed(station, connection, elapsedMs);
      if (elapsedMs === undefined) gate.warning('echo not answered', () => ({ station, connection }));
    },
    cutOver: (station, businessDate, by) => {
      counted.cutOver(station, businessDate, by);
      gate.event('cut-over', () => ({ station, businessDate, by }));
    },
    keyRenewed: (station, purpose, accepted, detail) => {
      counted.keyRenewed(station, purpose, accepted, detail);
      if (accepted) log.event('zone key renewed', { station, purpose });
      else log.warning('zone key not renewed', { station, purpose, detail });
    },
    usable: (station, connection, usable, signed) => {
      counted.usable(station, connection, usable, signed);
      if (signed) gate.event(usable ? 'signed on' : 'signed off', () => ({ station, connection }));
    },
    unknownContent: (station, count) => {
      counted.unknownContent(station, count);
      gate.warning('unknown content kept', () => ({ station, count }));
    },
  };
}

/** The decide loop's events, counted and logged. */
export function decideEvents({ decide }: Metrics, log: Log, gate: LogGate, notes: AlertNotes): DecideEvents {
  return {
    ...decide,
    trouble: (kind, error) => {
      decide.trouble(kind, error);
      notes.store(error.message);
      gate.warning('store trouble', () => ({ kind, error: error.message }));
    },
    recovered: (downMs) => log.event('store answers again', { downMs: Math.round(downMs) }),
  };
}
