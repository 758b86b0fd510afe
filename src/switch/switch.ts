/**
 * The stations of this switch: started, stopped and exchanged as the system tables say, each on its own, while the others work on.
 */
import { Endpoint } from '../link/endpoint.ts';
import type { EndpointConfig } from '../link/endpoint.ts';
import type { LinkOutside } from '../link/link.ts';
import { Station } from './station.ts';
import type { SendToAllOptions, SentToAll, StationNetworkStatus } from './station-network.ts';
import type { StationConfig, StationOutside } from './station-parts.ts';

export interface StationSetup {
  readonly endpoint: EndpointConfig;
  readonly station: StationConfig;
  /** Equal texts mean that nothing about the station has changed. */
  readonly text: string;
}

export interface StationStatus {
  readonly name: string;
  readonly port: number;
  readonly role: 'listen' | 'connect';
  readonly connections: number;
  readonly inFlight: number;
}

export interface SwitchFailure {
  readonly station: string;
  readonly error: Error;
}

interface Running {
  readonly setup: StationSetup;
  readonly station: Station;
  readonly endpoint: Endpoint;
}

export class Switch {
  readonly #links: LinkOutside;
  readonly #stations: StationOutside;
  readonly #running = new Map<string, Running>();
  /** One change of the stations at a time. */
  #changing: Promise<readonly SwitchFailure[]> = Promise.resolve([]);
  #stopped = false;

  constructor(links: LinkOutside, stations: StationOutside) {
    this.#links = links;
    this.#stations = stations;
  }

  /**
   * Lets exactly these stations work. What has not changed is not touched; what changed is stopped (its requests in flight are
   * answered first) and started anew.
   * @returns the stations that could not be started, with the system's error
   */
  async exchange(setups: readonly StationSetup[], graceMs: number): Promise<readonly SwitchFailure[]> {
    const before = this.#changing;
    this.#changing = (async () => {
      await before;
      return this.#stopped ? [] : await this.#exchange(setups, graceMs);
    })();
    return await this.#changing;
  }

  get status(): readonly StationStatus[] {
    return [...this.#running.values()].map(({ setup, endpoint }) => ({
      name: setup.station.name, port: endpoint.port, role: setup.endpoint.role, connections: endpoint.connectionCount, inFlight: endpoint.inFlight,
    }));
  }

  /** What is known of a station's connections; undefined: there is no such station. */
  network(name: string): StationNetworkStatus | undefined {
    return this.#running.get(name)?.station.network.status;
  }

  /** An operator's order, until the other one or this process's end. False: there is no such station. */
  sign(name: string, on: boolean): boolean {
    const network = this.#running.get(name)?.station.network;
    if (on) network?.signOn();
    else network?.signOff();
    return network !== undefined;
  }

  /** Sends it on every connection of the station. @returns undefined: there is no such station */
  async send(name: string, what: 'echo' | 'cutover', more?: SendToAllOptions): Promise<readonly SentToAll[] | undefined> {
    return await this.#running.get(name)?.station.network.sendToAll(what, more);
  }

  /**
   * No new reads; answers in flight are finished, as long as `graceMs` lasts. Issuers' stations are last: what is in flight needs them.
   * @param drained resolves when nothing is sent to issuers any more
   * @returns requests that got no answer
   */
  async stop(graceMs: number, drained: () => Promise<void> = async () => undefined): Promise<number> {
    this.#stopped = true;
    await this.#changing;
    const { deadlines, hosts } = this.#stations;
    const endMs = deadlines.nowMs() + graceMs;
    const all = [...this.#running];
    const isIssuers = ([name]: readonly [string, Running]): boolean => hosts.issuerAt(name) !== undefined;
    const unanswered = await stopAll(all.filter((each) => !isIssuers(each)), graceMs);
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const end = deadlines.at(endMs, resolve);
    await Promise.race([drained(), late]);
    end.cancel();
    const unansweredToIssuers = await stopAll(all.filter(isIssuers), Math.max(0, endMs - deadlines.nowMs()));
    this.#running.clear();
    return unanswered + unansweredToIssuers;
  }

  async #exchange(setups: readonly StationSetup[], graceMs: number): Promise<SwitchFailure[]> {
    const wanted = new Map(setups.map((setup) => [setup.station.name, setup]));
    const outdated = [...this.#running].filter(([name, { setup }]) => wanted.get(name)?.text !== setup.text);
    await Promise.all(outdated.map(async ([name, { endpoint }]) => {
      await endpoint.stop(graceMs);
      this.#running.delete(name);
    }));
    const failures: SwitchFailure[] = [];
    for (const [name, setup] of wanted) {
      if (this.#running.has(name)) continue;
      const station = new Station(setup.station, this.#stations);
      const endpoint = new Endpoint(setup.endpoint, station, this.#links);
      try {
        await endpoint.start();
        this.#running.set(name, { setup, station, endpoint });
      } catch (error) {
        failures.push({ station: name, error: error instanceof Error ? error : new Error(String(error)) });
      }
    }
    return failures;
  }
}

async function stopAll(running: readonly (readonly [string, Running])[], graceMs: number): Promise<number> {
  const outcomes = await Promise.all(running.map(async ([, { endpoint }]) => await endpoint.stop(graceMs)));
  return outcomes.reduce((sum, { unanswered }) => sum + unanswered, 0);
}
