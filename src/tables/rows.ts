/** The system tables' rows as the switch works with them, all defaults filled in; tables.ts reads and checks them. */
import type { CardProduct } from '../lifecycle/ports.ts';
import type { LinkConfig } from '../link/config.ts';
import type { MessageClass, OriginalKey } from '../message/message.ts';
import type { CardRange, ProgramRules } from '../switch/routing.ts';
import type { StationSecurity } from '../switch/station-security.ts';
import type { AcquirerRow } from './acquirer-rows.ts';
import type { IssuerRow } from './issuer-rows.ts';
import type { SystemParameters } from './parameters.ts';
import type { RateRow } from './rates.ts';

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
  /** May it lock and unlock own cards by file actions? */
  readonly fileActions: boolean;
  readonly security: StationSecurity;
  /** Of an acquirer's station. */
  readonly acquirer: AcquirerRow;
}

/** What the switch goes by, and what only the book and the partner's balance need. */
export interface ProgramRow extends ProgramRules {
  readonly partner: string;
  /** ISO 4217 numeric. */
  readonly currency: string;
  /** Changes of the partner's credit balance, each made once by its id. */
  readonly creditLoads: readonly CreditLoad[];
  readonly cards: CardProduct;
}

export interface CreditLoad {
  readonly id: string;
  /** Minor units; less than 0 takes away. */
  readonly amountMinor: number;
}

export interface RangeRow extends CardRange {
  readonly name: string;
}

/** All that the switch runs on, as of one revision. */
export interface Tables {
  readonly revision: number;
  readonly stations: readonly StationRow[];
  readonly programs: readonly ProgramRow[];
  readonly ranges: readonly RangeRow[];
  readonly issuers: readonly IssuerRow[];
  readonly rates: readonly RateRow[];
  readonly parameters: SystemParameters;
}
