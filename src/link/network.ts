/**
 * The one place where links touch the network: plain and TLS sockets, both ways round.
 *
 * Owns the options that every socket of ours has, and the checks of who the peer is. Refuses a peer whose certificate is missing,
 * untrusted, expired or of another name, before its first frame. Invariant: a socket is handed over only when it is
 * usable, and exactly one of `onSocket` and `onRefused` is called per peer.
 */
import type { Socket } from 'node:net';
import type { ConnectFailure } from './events.ts';

/** A certificate and key of ours and whom we trust: contents, not file names. */
export interface TlsConfig {
  /** PEM: our certificate, then its intermediates. Needed to listen. */
  readonly certificate?: string;
  /** PEM: the certificate's private key. */
  readonly privateKey?: string;
  /** PEM: the authorities that may have issued the peer's certificate. Without any: those that the runtime ships. */
  readonly authorities?: string;
  /** Listening: whether the peer must show a certificate. */
  readonly clientCertificate: 'none' | 'required';
  /** Listening: names (subject CN or alternative DNS name) of which the peer's certificate must have one; empty: any that is trusted. */
  readonly clientNames: readonly string[];
  /** Connecting: the name that the peer's certificate must have; without one, the host that is connected to. */
  readonly serverName?: string;
}

export interface ListenOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly tls: TlsConfig | undefined;
  readonly handshakeTimeoutMs: number;
}

export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsConfig | undefined;
}

/** The peers of a listener whose TLS handshake is under way. */
export interface Handshakes {
  readonly count: number;
  /** Ends the one that has lasted longest, to make room; false: there is none. */
  endOldest(): boolean;
}

export interface ListenHandlers {
  /** Whether one more peer is let in; it may make the room for it. Otherwise the peer is turned away. */
  admits(handshakes: Handshakes): boolean;
  onSocket(socket: Socket): void;
  onRefused(peer: string, reason: ConnectFailure, detail: string | undefined): void;
}

export interface ConnectHandlers {
  onSocket(socket: Socket): void;
  onRefused(reason: ConnectFailure, detail: string | undefined): void;
}

export interface Listener {
  readonly host: string;
  readonly port: number;
  /** Stops accepting; sockets that were handed over live on. */
  close(): void;
}

export interface Network {
  /** Rejects with the system's error (its `code` says why) when the port can't be listened on. */
  listen(options: ListenOptions, handlers: ListenHandlers): Promise<Listener>;
  /** Calls a handler later, never before it returns. The returned function gives up, if neither handler was called yet; then none is. */
  connect(options: ConnectOptions, handlers: ConnectHandlers): () => void;
}
