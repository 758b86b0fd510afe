/**
 * The configuration as the program uses it: read from one file, checked against its schema, overridden by the environment, with
 * every default filled in.
 */
import type { LogLevel } from '../base/log.ts';
import type { TableRow } from './tables.ts';

export interface Config {
  /** The folder of everything that the program writes; absolute. */
  readonly dataDir: string;
  /** Makes the demo program on the first start: stations, cards, keys. */
  readonly demo: boolean;
  /** This switch's name among those on the same store, 1 to 8 of a-z and 0-9: part of every message id. */
  readonly switchName: string;
  readonly log: { readonly level: LogLevel };
  readonly http: { readonly host: string; readonly port: number };
  readonly store: StoreConfig;
  readonly book: {
    /** undefined: the embedded book under `dataDir`. */
    readonly databaseUrl: string | undefined;
    /** Journal entries that the book may be behind; above it requests are refused. */
    readonly lagEntriesMax: number;
    readonly refreshMs: number;
    /** How long a start waits for the book before it uses the system tables on local disk. */
    readonly startWaitMs: number;
  };
  readonly keys: {
    readonly keyFile: string;
    /** The master key is read from this file, or from this environment variable; absolute path. */
    readonly masterKey: { readonly file: string } | { readonly variable: string };
  };
  readonly deadlines: {
    /** From a request's arrival to its answer. */
    readonly answerMs: number;
    /** From a stop's begin to its end. */
    readonly stopMs: number;
    readonly expiryScanMs: number;
  };
  /** Entered into the system tables at each start, as configured: checked documents, in the form in which the book keeps them. */
  readonly rows: readonly TableRow[];
  /** Where each system table row of this file came from, for messages: the file's path. */
  readonly file: string | undefined;
}

export type StoreConfig =
  | { readonly engine: 'sqlite'; readonly file: string; readonly partitions: number }
  | {
      readonly engine: 'redis';
      readonly url: string;
      readonly partitions: number;
      readonly replicasMin: number;
      readonly commandTimeoutMs: number;
    };
