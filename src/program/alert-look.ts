/** The switch as alerts look at it: what each part says of itself, put together. */
import type { DeliveryStatus } from '../advice/delivery.ts';
import { destinationOf } from '../switch/acquirers.ts';
import { ownDestination } from '../switch/own-desk.ts';
import type { StationNetworkStatus } from '../switch/station-network.ts';
import type { IssuerRow } from '../tables/issuer-rows.ts';
import type { StationRow, Tables } from '../tables/rows.ts';
import type { Watched, WatchedAdvices, WatchedIssuer, WatchedStation } from './alert-conditions.ts';
import type { AlertNotes } from './alerts.ts';
import type { HostOverview } from './hosts.ts';

export interface LookOutside {
  /** Those in force. */
  readonly tables: () => Tables;
  /** Undefined: there is no such station at work. */
  readonly network: (station: string) => StationNetworkStatus | undefined;
  readonly issuers: () => readonly HostOverview[];
  /** Of what waits for the acquirer at a station; undefined: it is none. */
  readonly acquirer: (station: string) => DeliveryStatus | undefined;
  readonly own: () => { readonly delivery: DeliveryStatus; /** Accounts that something waits for. */ readonly waiting: number };
  readonly office: { readonly lag: Watched['journal']; readonly storeTrouble: string | undefined; readonly bookTrouble: string | undefined; readonly webhooks: Watched['webhooks'] };
  readonly storeAnswers: () => boolean;
  readonly notes: Pick<AlertNotes, 'stationTrouble' | 'storeTrouble'>;
}

/** As it is now. */
export function lookAt({ tables, network, issuers, acquirer, own, office, storeAnswers, notes }: LookOutside): Omit<Watched, 'nowMs' | 'events'> {
  const { stations, issuers: rows, parameters: { alerts } } = tables();
  const hosts = issuers();
  const { delivery, waiting } = own();
  const storeTrouble = storeAnswers() ? office.storeTrouble : (office.storeTrouble ?? notes.storeTrouble);
  const ofIssuers = new Set(rows.flatMap((row) => (row.type === 'host' ? row.stations : [])));
  return {
    stations: stations.map((row): WatchedStation => ({
      name: row.name, state: network(row.name)?.state, isExpected: alerts.stations[row.name] ?? isExpected(row, ofIssuers), trouble: notes.stationTrouble(row.name),
    })),
    issuers: [...hosts.map(watchedHost), ...rows.flatMap((row) => watchedOwn(row, storeTrouble !== undefined || waiting > 0))],
    advices: [...hosts.map(({ row, delivery: of }) => watchedAdvices(row.name, of)), watchedAdvices(ownDestination, delivery), ...stations.flatMap(({ name }) => watchedAcquirer(name, acquirer(name)))],
    journal: office.lag, storeTrouble, bookTrouble: office.bookTrouble, webhooks: office.webhooks,
  };
}

/** Where we call, where an issuer is behind it, or where somebody has to sign on; acquirers without a sign-on come and go as they like. */
function isExpected({ name, link: { role, session } }: StationRow, ofIssuers: ReadonlySet<string>): boolean {
  return role === 'connect' || session.signOn !== 'none' || ofIssuers.has(name);
}

function watchedHost({ row, unavailability }: HostOverview): WatchedIssuer {
  return { name: row.name, why: unavailability, hasStandIn: row.hasStandIn };
}

function watchedOwn(row: IssuerRow, isAway: boolean): WatchedIssuer[] {
  return row.type === 'own' && row.hasStandIn && isAway ? [{ name: row.name, why: 'storeUnreachable', hasStandIn: true }] : [];
}

function watchedAcquirer(station: string, status: DeliveryStatus | undefined): WatchedAdvices[] {
  return status === undefined ? [] : [watchedAdvices(destinationOf(station), status)];
}

function watchedAdvices(issuer: string, { backlog: { count, oldestAtMs }, setAside }: DeliveryStatus): WatchedAdvices {
  return { issuer, count, oldestAtMs, setAside };
}
