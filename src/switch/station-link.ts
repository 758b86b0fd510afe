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
  #next = 0;

  constructor(options: StationLinkOptions) {
    this.#options = options;
    this.seal = options.seal;
  }

  get usable(): boolean {
    return this.#ready.length > 0;
  }

  get signedOff(): boolean {
    return this.#options.connections.size > 0 && !this.usable;
  }

  request(bytes: Uint8Array): SendOutcome {
    const ready = this.#ready;
    this.#next = (this.#next + 1) % Math.max(1, ready.length);
    return ready[this.#next]?.request(bytes, 0, bytes.length) ?? 'closed';
  }

  echo(done: (answered: boolean) => void): void {
    const [connection] = this.#ready;
    if (connection === undefined) done(false);
    else this.#options.echo(connection, (accepted) => done(accepted === true));
  }

  get #ready(): LinkConnection[] {
    return [...this.#options.connections].filter((connection) => connection.open && this.#options.isUsable(connection));
  }
}
