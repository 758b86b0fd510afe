/** What operators ask about alerts: those that are on, and the last ones that ended. Nothing here changes anything. */
import type { Alert } from '../base/alerts.ts';
import type { Operation } from '../office/operation.ts';
import { alertKinds } from './alert-conditions.ts';

export interface AlertsOutside {
  /** The oldest first. */
  readonly on: () => readonly Alert[];
  /** The latest first. */
  readonly ended: () => readonly Alert[];
}

export interface AlertShown {
  readonly kind: string;
  /** The kind in words. */
  readonly what: string;
  /** A station's or an issuer's name, or a word. */
  readonly subject: string;
  /** ISO 8601. */
  readonly start: string;
  /** Undefined: it is on. */
  readonly end: string | undefined;
  readonly reason: string;
  /** How often it came to be so, from start to end. */
  readonly count: number;
}

export function alertOperations({ on, ended }: AlertsOutside): Operation[] {
  return [
    {
      name: 'alerts', method: 'GET', path: 'alerts', about: 'the alerts that are on, and with all the last ones that ended',
      takes: { type: 'object', description: 'which', additionalProperties: false, required: [], properties: { all: { type: 'boolean', description: 'those that ended, too', default: false } } },
      run: async ({ all }) => await Promise.resolve({ alerts: [...on(), ...(all === true ? ended() : [])].map(shown) }),
    },
  ];
}

function shown({ kind, subject, startedAtMs, endedAtMs, reason, count }: Alert): AlertShown {
  return {
    kind, what: (alertKinds as Readonly<Record<string, string>>)[kind] ?? kind, subject, start: new Date(startedAtMs).toISOString(),
    end: endedAtMs === undefined ? undefined : new Date(endedAtMs).toISOString(), reason, count,
  };
}
