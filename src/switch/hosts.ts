/**
 * The remote issuers of this switch, and the stations that they are reached over. A station belongs to one issuer at most, or to one
 * acquirer that messages wait for; it comes and goes with the tables, and its issuer finds it again by its name.
 */
import type { IssuerOrder, ResponseMeaning } from '../dialect/meaning.ts';
import type { HostIssuer } from '../host/host-issuer.ts';
import type { HostLink, RemoteIssuer } from '../host/host.ts';
import type { Message } from '../iso8583/codec.ts';
import type { SendOutcome } from '../link/link.ts';
import { Acquirers } from './acquirers.ts';
import type { HostDesk } from './host-desk.ts';

/** One issuer at work. */
export interface WorkingHost {
  readonly issuer: RemoteIssuer;
  /** The same where it is reached over stations. */
  readonly overStations: Pick<HostIssuer, 'answered' | 'garbled' | 'knows'> | undefined;
  readonly desk: HostDesk;
  readonly stations: readonly string[];
  /** Its stations changed, or what it said of itself. */
  linksChanged(): void;
  /** What it asks of those who stand in for it. */
  ordered(order: IssuerOrder): void;
}

export class Hosts {
  /** Those whom issuers' messages are kept for. */
  readonly acquirers = new Acquirers();
  readonly #links = new Map<string, HostLink>();
  readonly #leaving = new Set<WorkingHost>();
  #byName: ReadonlyMap<string, WorkingHost> = new Map();
  #byStation: ReadonlyMap<string, WorkingHost> = new Map();

  /** It is sent nothing new any more; answers to what it was sent come until `left`. */
  leave(host: WorkingHost): void {
    this.#leaving.add(host);
  }

  left(host: WorkingHost): void {
    this.#leaving.delete(host);
  }

  /** These issuers from now on. */
  set(hosts: readonly WorkingHost[]): void {
    this.#byName = new Map(hosts.map((host) => [host.desk.policy.name, host]));
    this.#byStation = new Map(hosts.flatMap((host) => host.stations.map((station) => [station, host] as const)));
    for (const host of hosts) host.linksChanged();
  }

  desk(issuer: string): HostDesk | undefined {
    return this.#byName.get(issuer)?.desk;
  }

  /** A station is there: what it offers to its issuer. */
  attach(station: string, link: HostLink): void {
    this.#links.set(station, link);
    this.changed(station);
  }

  /** One of its connections became usable, or is no more. */
  changed(station: string): void {
    this.#byStation.get(station)?.linksChanged();
    this.acquirers.changed(station);
  }

  /** The issuer whose station it is; undefined: it is none's. */
  issuerAt(station: string): string | undefined {
    return this.#byStation.get(station)?.desk.policy.name;
  }

  /** @returns whether it answers a request of ours, or none (which was told); undefined where no issuer or acquirer is asked on the station */
  answered(station: string, message: Message, meaning: ResponseMeaning): 'request' | 'none' | undefined {
    return this.#askerOn(station, meaning)?.answered(station, message, meaning);
  }

  /** An issuer's order, on one of its stations; false where the station is no issuer's. */
  ordered(station: string, order: IssuerOrder): boolean {
    const host = this.#byStation.get(station);
    host?.ordered(order);
    return host !== undefined;
  }

  garbled(station: string, recovered: ResponseMeaning, detail: string): void {
    this.#askerOn(station, recovered)?.garbled(station, recovered, detail);
  }

  /** Whoever sent what this answers. */
  #askerOn(station: string, meaning: ResponseMeaning): WorkingHost['overStations'] | ReturnType<Acquirers['at']> {
    for (const { overStations } of this.#leaving) if (overStations?.knows(station, meaning) === true) return overStations;
    return this.#byStation.get(station)?.overStations ?? this.acquirers.at(station);
  }

  /** The link of a station that may not be there yet. */
  link(station: string): HostLink {
    const links = this.#links;
    return {
      get usable(): boolean {
        return links.get(station)?.usable ?? false;
      },
      get signedOff(): boolean {
        return links.get(station)?.signedOff ?? false;
      },
      get seal(): HostLink['seal'] {
        return links.get(station)?.seal;
      },
      request: (bytes): SendOutcome => links.get(station)?.request(bytes) ?? 'closed',
      echo: (done) => {
        const link = links.get(station);
        if (link === undefined) done(false);
        else link.echo(done);
      },
    };
  }
}
