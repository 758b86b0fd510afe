/**
 * The operations log: one line of JSON for each event, with the event's name and its fields. Everything is masked before it is
 * written (`mask-value.ts`): events, fields, names and errors alike. It is not the journal: nothing is decided or proved from it.
 *
 *   {"level":"info","time":"2026-01-31T12:00:00.000Z","event":"station listening","station":"pos","port":8583}
 */
import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';
import { maskText } from './mask.ts';
import { maskValue } from './mask-value.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';
export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  /** What an operator wants to know happened. */
  event(name: string, fields?: LogFields): void;
  /** Only for looking into a problem. */
  detail(name: string, fields?: LogFields): void;
  /** Something is not as it should be, and the program goes on. */
  warning(name: string, fields?: LogFields): void;
  /** Something that was asked for was not done. */
  failure(name: string, fields?: LogFields): void;
  /** A log whose every line carries these fields as well. */
  child(fields: LogFields): Log;
}

export interface LogOptions {
  /** Lines are handed over whole, with their line feed. */
  readonly destination: DestinationStream;
  readonly level: LogLevel;
  /** Wall clock, milliseconds since 1970. */
  readonly nowMs: () => number;
}

export function createLog({ destination, level, nowMs }: LogOptions): Log {
  return new MaskingLog(
    pino(
      {
        level,
        base: null,
        timestamp: () => `,"time":"${new Date(nowMs()).toISOString()}"`,
        formatters: { level: (label) => ({ level: label }) },
      },
      destination,
    ),
    {},
  );
}

/** The line's own names; a caller's field of that name gets a hyphen, because twice the same name is no JSON. */
const lineNames: ReadonlySet<string> = new Set(['level', 'time', 'event', 'msg']);

class MaskingLog implements Log {
  readonly #pino: Logger;
  /** Masked already. Merged here, because the library writes a name of both parent and line twice. */
  readonly #bound: LogFields;

  constructor(logger: Logger, bound: LogFields) {
    this.#pino = logger;
    this.#bound = bound;
  }

  event(name: string, fields?: LogFields): void {
    this.#write('info', name, fields);
  }

  detail(name: string, fields?: LogFields): void {
    this.#write('debug', name, fields);
  }

  warning(name: string, fields?: LogFields): void {
    this.#write('warn', name, fields);
  }

  failure(name: string, fields?: LogFields): void {
    this.#write('error', name, fields);
  }

  child(fields: LogFields): Log {
    return new MaskingLog(this.#pino, { ...this.#bound, ...maskFields(fields) });
  }

  /** Nothing is masked that is not written. */
  #write(level: 'debug' | 'info' | 'warn' | 'error', name: string, fields: LogFields | undefined): void {
    if (!this.#pino.isLevelEnabled(level)) return;
    this.#pino[level]({ event: maskText(name), ...this.#bound, ...(fields === undefined ? undefined : maskFields(fields)) });
  }
}

function maskFields(fields: LogFields): Record<string, unknown> {
  const masked = maskValue(fields);
  const named = typeof masked === 'object' && masked !== null ? Object.entries(masked) : [['fields', masked] as const];
  return Object.fromEntries(named.map(([name, value]) => [lineNames.has(name) ? `${name}-` : name, value]));
}
