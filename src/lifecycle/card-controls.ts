/**
 * What is closed on a card, as callers say it and are shown it: countries by letters or digits, times as texts. The account keeps digits and
 * milliseconds.
 *
 * Refuses countries and times that are none, and merchant groups and scopes of limits that the program has not.
 */
import { channels } from '../account/controls.ts';
import type { Channel, ControlList, ControlSet } from '../account/controls.ts';
import type { LimitRule } from '../message/message.ts';
import { countryNumber } from '../message/country.ts';
import { timeMsMax, timeText } from './json.ts';
import { LifecycleRefused } from './refusal.ts';

export { channels };

/** As a caller says it; what is not named is open. */
export interface ControlsWish {
  readonly blocked?: readonly Channel[];
  readonly countries?: ControlList;
  readonly merchants?: ControlList;
  readonly limits?: readonly LimitRule[];
  /** RFC 3339. */
  readonly pausedUntil?: string;
}

/** What holder and partner have closed each. */
export interface ControlsShown {
  readonly holder: ControlsWish;
  readonly partner: ControlsWish;
  /** In the answer to a change: switches that could not be told, and go by what they saw before where they stand in. */
  readonly notReached?: readonly string[];
}

/** @param groups merchant category groups of the card's program; @throws LifecycleRefused 400, 422 */
export function controlsOf({ blocked, countries, merchants, limits, pausedUntil }: ControlsWish, groups: readonly string[]): ControlSet {
  const known = groups.length === 0 ? '' : `: ${groups.join(', ')}`;
  for (const name of merchants?.names ?? []) {
    if (!groups.includes(name)) throw new LifecycleRefused(422, 'MERCHANT_GROUP_UNKNOWN', `merchants are named by the program's groups${known}`, 'merchants.names');
  }
  for (const { scope, amountMinorMax, countMax } of limits ?? []) {
    if (scope !== 'overall' && scope !== 'cash' && !groups.includes(scope)) throw new LifecycleRefused(422, 'LIMIT_SCOPE_UNKNOWN', `a limit is of overall, cash or a merchant group of the program${known}`, 'limits');
    if (amountMinorMax === undefined && countMax === undefined) throw new LifecycleRefused(400, 'LIMIT_INVALID', 'a limit has amountMinorMax, countMax or both', 'limits');
  }
  return {
    ...(blocked === undefined ? {} : { blocked }), ...(merchants === undefined ? {} : { merchants }), ...(limits === undefined ? {} : { limits }),
    ...(countries === undefined ? {} : { countries: { kind: countries.kind, names: countries.names.map(countryOf) } }),
    ...(pausedUntil === undefined ? {} : { pausedUntilMs: momentOf(pausedUntil, 'pausedUntil') }),
  };
}

function countryOf(code: string): string {
  const digits = countryNumber(code);
  if (digits === undefined) throw new LifecycleRefused(400, 'COUNTRY_UNKNOWN', 'countries are those of ISO 3166-1', 'countries.names');
  return digits;
}

/** Unix ms. @throws LifecycleRefused 400 */
export function momentOf(text: string, field: string): number {
  const atMs = Date.parse(text);
  if (!Number.isSafeInteger(atMs) || atMs < 0 || atMs > timeMsMax) throw new LifecycleRefused(400, 'TIME_INVALID', 'this is no time as RFC 3339 has it', field);
  return atMs;
}

export function setShown({ blocked, countries, merchants, limits, pausedUntilMs }: ControlSet): ControlsWish {
  return {
    ...(blocked === undefined ? {} : { blocked }), ...(countries === undefined ? {} : { countries }), ...(merchants === undefined ? {} : { merchants }),
    ...(limits === undefined ? {} : { limits }), ...(pausedUntilMs === undefined ? {} : { pausedUntil: timeText(pausedUntilMs) }),
  };
}
