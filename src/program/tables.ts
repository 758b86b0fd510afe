/**
 * The system tables' rows as the switch works with them. In the book each is a JSON document; here it is read, checked, and every
 * default is filled in.
 */
import type { LinkConfig } from '../link/config.ts';
import type { LimitRule, MessageClass, OriginalKey } from '../message/message.ts';

/** A row as the book and the configuration have it; `readTables` makes `Tables` of them. */
export interface TableRow {
  readonly kind: 'station' | 'program' | 'binRange' | 'issuer';
  readonly name: string;
  readonly document: Readonly<Record<string, unknown>>;
}

export interface StationRow {
  readonly name: string;
  readonly link: LinkConfig;
  /** File name under `specs/` or `specs/variants/` without `.json`, or a path. */
  readonly spec: string;
  /** File name under `specs/dialects/`; by default the one of the spec's version. */
  readonly dialect: string | undefined;
  /** File name under `specs/reasons/`; by default the one of the spec's version. */
  readonly reasons: string | undefined;
  /** Message classes that are taken; the others get the standard's answer. Network management always is. */
  readonly classes: readonly MessageClass[];
  /** By what an original is found where DE90 or DE56 is absent, besides the STAN. */
  readonly originalKeys: readonly OriginalKey[];
}

export interface ProgramRow {
  readonly name: string;
  readonly partner: string;
  /** ISO 4217 numeric. */
  readonly currency: string;
  /** Business days begin at midnight of this IANA zone. */
  readonly timeZone: string;
  readonly holdDays: { readonly cardPresent: number; readonly cardNotPresent: number; readonly preauthorization: number };
  readonly recordDays: number;
  readonly limits: readonly LimitRule[];
  /** Group name to merchant categories, each `5411` or a range `5411-5499`. */
  readonly merchantGroups: Readonly<Record<string, readonly string[]>>;
  readonly verificationValueRequired: boolean;
  /** Names of keys in the key file. */
  readonly cvk: string;
  readonly cvv2ExpiryOrder: 'yymm' | 'mmyy';
  /** Must authorizations fit into the partner's credit balance? */
  readonly creditGuard: boolean;
}

/** Cards from `from` to `to` (digits, compared over the shorter's length, both inclusive) belong to a program. */
export interface RangeRow {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly program: string;
}

/** All that the switch runs on, as of one revision. */
export interface Tables {
  readonly revision: number;
  readonly stations: readonly StationRow[];
  readonly programs: readonly ProgramRow[];
  readonly ranges: readonly RangeRow[];
}
