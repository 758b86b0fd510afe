/**
 * The system's own parameters: the one row of their table, which is the same for all switches on one book.
 *
 * Owns the row's schema and its reading. Refuses a row of another name.
 */
import { ConfigError } from '../base/schema.ts';
import type { ObjectSchema, RangeSchema } from '../base/schema.ts';
import { count, rowNames } from './schema-parts.ts';

/** When something is an alert. */
export interface AlertThresholds {
  readonly stationDownMs: number;
  readonly standInMs: number;
  readonly adviceCount: number;
  readonly adviceAgeMs: number;
  readonly journalEntries: number;
  readonly journalAgeMs: number;
  readonly storeMs: number;
  readonly bookMs: number;
  readonly webhookEvents: number;
  readonly webhookAgeMs: number;
  readonly late: number;
  readonly unmatched: number;
  readonly refused: number;
  readonly windowMs: number;
  readonly settleMs: number;
  /** By name, where it is not as by default. */
  readonly stations: Readonly<Record<string, boolean>>;
}

export interface SystemParameters {
  /** Undefined: as this switch's configuration has it. */
  readonly answerMs: number | undefined;
  readonly lagEntriesMax: number | undefined;
  readonly alerts: AlertThresholds;
}

/** The row's name. */
export const systemName = 'system';

const dayMs = 86_400_000;

function afterMs(description: string, byDefault: number): RangeSchema {
  return count(`${description}; milliseconds`, 0, dayMs, byDefault);
}

const alertsSchema: ObjectSchema = {
  type: 'object',
  description: 'when operators are alerted: docs/operating.md',
  additionalProperties: false,
  required: [],
  default: {},
  properties: {
    stationDownMs: afterMs('so long nobody is connected, or signed on, at a station where somebody should be', 10_000),
    standInMs: afterMs('so long an issuer is stood in for', 1_000),
    adviceCount: count('so many advices wait for one issuer; the alert ends at half as many', 1, 100_000_000, 1_000),
    adviceAgeMs: afterMs('the oldest advice has waited so long', 300_000),
    journalEntries: count('the book is so many journal entries behind; the alert ends at half as many', 1, 1_000_000_000, 10_000),
    journalAgeMs: afterMs('the oldest of them is so old', 60_000),
    storeMs: afterMs('so long the store does not answer', 0),
    bookMs: afterMs('so long the book does not answer', 10_000),
    webhookEvents: count('so many events wait for one webhook; the alert ends at half as many', 1, 1_000_000_000, 10_000),
    webhookAgeMs: afterMs('the oldest event that waits for a webhook is so old', 900_000),
    late: count('so many answers of one issuer come late within the window; the alert ends at half as many', 1, 1_000_000, 10),
    unmatched: count('so many answers at one station that answer nothing of ours; likewise', 1, 1_000_000, 10),
    refused: count('so many answers of one issuer that are at odds with their requests; likewise', 1, 1_000_000, 10),
    windowMs: count('the window; milliseconds', 1_000, dayMs, 60_000),
    settleMs: afterMs('so long it has to be well again before an alert ends', 5_000),
    stations: {
      type: 'map', names: rowNames, default: {},
      description: 'stations by name, and whether somebody is to be connected there at all times; by default where this side connects, where an issuer is reached, and where somebody has to sign on',
      items: { type: 'boolean', description: 'whether somebody is' },
    },
  },
};

export const parameterSchema: ObjectSchema = {
  type: 'object',
  description: 'parameters of the whole system',
  additionalProperties: false,
  required: [],
  properties: {
    answerMs: count('from a request\'s arrival to its answer, in milliseconds; by default deadlines.answerMs of each switch\'s configuration', 50, dayMs),
    lagEntriesMax: count('journal entries that the book may be behind; above it requests are refused; by default book.lagEntriesMax of each switch\'s configuration', 1_000, 1_000_000_000),
    alerts: alertsSchema,
  },
};

/** @param read as the schema gives it, by the rows' names @throws ConfigError with the place */
export function systemParameters(read: ReadonlyMap<string, unknown>, defaults: unknown): SystemParameters {
  for (const name of read.keys()) if (name !== systemName) throw new ConfigError(`parameters.${name}`, `is no row: the only one is ${systemName}`);
  const { answerMs, lagEntriesMax, alerts } = (read.get(systemName) ?? defaults) as SystemParameters;
  return { answerMs, lagEntriesMax, alerts };
}
