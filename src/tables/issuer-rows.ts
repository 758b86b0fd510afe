/** Issuers' rows as the switch works with them. */
import { ConfigError } from '../base/schema.ts';
import type { CircuitConfig } from '../host/circuit.ts';
import type { MatchKeys } from '../host/match-keys.ts';
import { defaultRules, readStandInRules } from '../standin/read-rules.ts';
import type { StandInRules } from '../standin/rules.ts';
import type { HostMode, HostPolicy } from '../switch/host-policy.ts';
import { readMatchKeys, readTimers } from './host-row.ts';
import type { TimersDocument } from './host-row.ts';
import { readOrders } from './issuer-orders.ts';
import type { IssuerOrders } from './issuer-orders.ts';
import { readRemote } from './remote-row.ts';
import type { RemoteRow } from './remote-row.ts';

/** `own`: this switch, by its accounts. */
export interface OwnIssuerRow {
  readonly name: string;
  readonly type: 'own';
  /** Does stand-in decide where the accounts' store cannot be reached? */
  readonly hasStandIn: boolean;
  readonly rules: StandInRules;
  /** Switches that each have their share then. */
  readonly switches: number;
  /** How long what was last seen of an account counts then. */
  readonly cachedAgeMaxSeconds: number;
  /** Of the kill switch alone. */
  readonly orders: IssuerOrders;
}

/** A centre that is reached over stations, or at a URL. */
export interface HostIssuerRow extends Omit<HostPolicy, 'pin'> {
  readonly type: 'host';
  /** None where it is reached at a URL. */
  readonly stations: readonly string[];
  readonly remote: RemoteRow | undefined;
  readonly circuit: CircuitConfig;
  readonly advices: { readonly perSecond: number; readonly fastPerSecond: number; readonly cardsAtOnce: number; readonly refusalsMax: number };
  /** DE39 by which it asks for stand-in; undefined: as is usual on links of its edition. */
  readonly askingCodes: readonly string[] | undefined;
  readonly matchKeys: MatchKeys;
  /** DE33; empty: the acquirer's. */
  readonly forwardingInstitution: string;
  readonly switches: number;
  readonly orders: IssuerOrders;
}

export type IssuerRow = OwnIssuerRow | HostIssuerRow;

/** ISO 4217: what the default rules count in. */
const defaultCurrency = '978';

interface IssuerDocument extends Omit<HostIssuerRow, 'name' | 'type' | 'hasStandIn' | 'rules' | 'forwardingInstitution' | 'timers' | 'matchKeys' | 'orders' | 'remote'> {
  readonly type: 'own' | 'host';
  readonly timers: TimersDocument;
  readonly matchKeys: Partial<MatchKeys>;
  readonly mode: HostMode;
  readonly forwardingInstitution?: string;
  readonly cachedAgeMaxSeconds: number;
  readonly standIn?: unknown;
  readonly orders?: unknown;
  readonly remote?: unknown;
}

function rulesOf(standIn: unknown, path: string): StandInRules {
  return standIn === undefined ? defaultRules(defaultCurrency) : readStandInRules(standIn, `${path}.standIn`);
}

/** @throws ConfigError */
function checkSteps({ volumeSteps, whileAvailable }: Pick<HostIssuerRow, 'volumeSteps' | 'whileAvailable'>, mode: HostMode, path: string): void {
  if (volumeSteps.length === 0) return;
  if ((mode !== 'hostWithStandIn' && mode !== 'hostWithShadowBalance') || whileAvailable !== 'forward') throw new ConfigError(path, `mean nothing with the mode ${mode} and whileAvailable ${whileAvailable}: they keep requests from an issuer that gets all of them, and that stand-in decides for`);
  for (const [index, { perSecond, belowMinor }] of volumeSteps.entries()) {
    const before = volumeSteps[index - 1];
    if (before !== undefined && perSecond <= before.perSecond) throw new ConfigError(`${path}[${index}].perSecond`, `must be more than that of the step before it, ${before.perSecond}`);
    if (before !== undefined && belowMinor <= before.belowMinor) throw new ConfigError(`${path}[${index}].belowMinor`, `must be more than that of the step before it, ${before.belowMinor}`);
  }
}

/** @throws ConfigError with the place in the row */
export function issuerRow(name: string, document: unknown, path: string): IssuerRow {
  const { type, stations, remote, mode, standIn, forwardingInstitution = '', ...rest } = document as IssuerDocument;
  const orders = readOrders(rest.orders, `${path}.orders`);
  if (type === 'own') {
    if (stations.length > 0) throw new ConfigError(`${path}.stations`, 'are of the type host alone');
    if (remote !== undefined) throw new ConfigError(`${path}.remote`, 'is of the type host alone');
    if (mode !== 'host' && mode !== 'hostWithStandIn') throw new ConfigError(`${path}.mode`, `must be host or hostWithStandIn for the type own, not ${mode}`);
    return { name, type, hasStandIn: mode === 'hostWithStandIn', rules: rulesOf(standIn, path), switches: rest.switches, cachedAgeMaxSeconds: rest.cachedAgeMaxSeconds, orders };
  }
  if (remote === undefined && stations.length === 0) throw new ConfigError(`${path}.stations`, 'must have a station at least, or the issuer a remote with its URL');
  if (remote !== undefined && stations.length > 0) throw new ConfigError(`${path}.remote`, 'and stations exclude each other: the issuer is reached one way');
  const again = stations.find((station, index) => stations.indexOf(station) < index);
  if (again !== undefined) throw new ConfigError(`${path}.stations`, `has ${again} a second time`);
  if (rest.whileAvailable !== 'forward' && mode !== 'hostWithStandIn' && mode !== 'hostWithShadowBalance') throw new ConfigError(`${path}.whileAvailable`, `must be forward with the mode ${mode}`);
  checkSteps(rest, mode, `${path}.volumeSteps`);
  const rules = rulesOf(standIn, path);
  const { whileAvailable, volumeSteps, assuredResponse, unanswered, circuit, advices, askingCodes, switches } = rest;
  return {
    name, type, stations, remote: remote === undefined ? undefined : readRemote(remote, `${path}.remote`), mode, hasStandIn: mode !== 'host', whileAvailable, volumeSteps, assuredResponse, unanswered, timers: readTimers(rest.timers), circuit, advices, askingCodes,
    matchKeys: readMatchKeys(rest.matchKeys, `${path}.matchKeys`), forwardingInstitution, rules, switches, orders,
  };
}
