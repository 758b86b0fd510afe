/** A station as the issuer behind it is reached: whatever is sent goes out on its usable connections in turn. */
import type { HostLink } from '../host/host.ts';
import type { LinkConnection, SendOutcome } from '../link/link.ts';

export interface StationLinkOptions {
  /** Those that stand. */
  readonly connections: ReadonlySet<LinkConnection>;
  readonly isUsable: (connection: LinkConnection) => boolean;
  /** Where messages are authenticated. */
  readonly seal: HostLink['seal'];
  /** `done` gets undefined where no answer came. */
  readonly echo: (connection: LinkConnection, done: (accepted: boolean | undefined) => void) => void;
}

export class StationLink implements HostLink {
  readonly seal: HostLink['seal'];
  readonly #options: StationLinkOptions;
  #lastId = 0;

  constructor(options: StationLinkOptions) {
    this.#options = options;
    this.seal = options.seal;
  }

  get usable(): boolean {
    return this.#next !== undefined;
  }

  get signedOff(): boolean {
    return this.#options.connections.size > 0 && !this.usable;
  }

  request(bytes: Uint8Array): SendOutcome {
    const connection = this.#next;
    if (connection === undefined) return 'closed';
    this.#lastId = connection.id;
    return connection.request(bytes, 0, bytes.length);
  }

  echo(done: (answered: boolean) => void): void {
    const connection = this.#next;
    if (connection === undefined) done(false);
    else this.#options.echo(connection, (accepted) => done(accepted === true));
  }

  /** Of those that may be used the one after the last that was, by their ids, round and round. Asked for each message: nothing is made. */
  get #next(): LinkConnection | undefined {
    let first: LinkConnection | undefined;
    let next: LinkConnection | undefined;
    for (const connection of this.#options.connections) {
      if (!connection.open || !this.#options.isUsable(connection)) continue;
      if (first === undefined || connection.id < first.id) first = connection;
      if (connection.id > this.#lastId && (next === undefined || connection.id < next.id)) next = connection;
    }
    return next ?? first;
  }
}
