/**
 * The network as the operating system has it: node:net and node:tls. Only the composition names this file.
 *
 * Owns the options that every socket of ours has, and the TLS checks. Refuses a peer whose certificate is missing, untrusted,
 * expired or of another name, before its first frame. Half-open is allowed: a peer that has shut its sending side
 * still gets the answers to what it sent.
 */
import { constants } from 'node:crypto';
import { connect as connectPlain, createServer as createPlainServer, isIP } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import type { ConnectionOptions, PeerCertificate, TLSSocket } from 'node:tls';
import { assert } from '../base/assert.ts';
import type { ConnectFailure } from './events.ts';
import { HandshakesUnderWay } from './handshakes.ts';
import type { ConnectHandlers, ConnectOptions, ListenHandlers, ListenOptions, Listener, Network, TlsConfig } from './network.ts';
import { codeOf, peerOf } from './socket.ts';

/** Half a minute of silence, then the kernel asks whether the peer is still there. */
const keepAliveInitialDelayMs = 30_000;
const socketOptions = { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveInitialDelayMs };

export const nodeNetwork: Network = { listen, connect };

async function listen(options: ListenOptions, handlers: ListenHandlers): Promise<Listener> {
  const handshakes = new HandshakesUnderWay();
  const take = options.tls === undefined ? plainDoor(handlers) : tlsDoor(options.tls, options.handshakeTimeoutMs, handlers, handshakes);
  const server = createPlainServer(socketOptions, (socket) => {
    if (handlers.admits(handshakes)) {
      take(socket);
      return;
    }
    const peer = peerOf(socket);
    socket.on('error', ignoreError);
    socket.destroy();
    handlers.onRefused(peer, 'connectionsMax', undefined);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.host, port: options.port }, () => {
      server.off('error', reject);
      // Afterwards only accepting can fail (no file descriptor left): the peer sees it, and we go on.
      server.on('error', (error) => {
        handlers.onRefused('unknown', 'unreachable', codeOf(error));
      });
      resolve();
    });
  });
  const { address, port } = server.address() as AddressInfo;
  return {
    host: address,
    port,
    close: () => {
      server.close();
    },
  };
}

function plainDoor(handlers: ListenHandlers): (socket: Socket) => void {
  return (socket) => {
    handlers.onSocket(socket);
  };
}

/** What does the handshake with a socket that was let in: a TLS server that listens nowhere. */
function tlsDoor(tls: TlsConfig, handshakeTimeoutMs: number, handlers: ListenHandlers, handshakes: HandshakesUnderWay): (socket: Socket) => void {
  assert(tls.certificate !== undefined && tls.privateKey !== undefined, 'a station that listens with TLS has a certificate');
  const required = tls.clientCertificate === 'required';
  assert(!required || tls.authorities !== undefined, 'client certificates are checked against named authorities');
  const server = createTlsServer({
    ...socketOptions,
    cert: tls.certificate,
    key: tls.privateKey,
    ...(tls.authorities === undefined ? {} : { ca: tls.authorities }),
    requestCert: required,
    rejectUnauthorized: required,
    minVersion: 'TLSv1.2',
    handshakeTimeout: handshakeTimeoutMs,
    // Links live long: resumption gains nothing, and a resumed session would show no certificate of its own.
    secureOptions: constants.SSL_OP_NO_TICKET,
  });
  server.on('secureConnection', (socket) => {
    handshakes.done(peerOf(socket));
    const refusal = required ? clientRefusal(tls, socket) : undefined;
    if (refusal === undefined) {
      handlers.onSocket(socket);
      return;
    }
    const peer = peerOf(socket);
    socket.on('error', ignoreError);
    socket.destroy();
    handlers.onRefused(peer, refusal.reason, refusal.detail);
  });
  server.on('tlsClientError', (error, socket) => {
    const peer = peerOf(socket);
    handshakes.done(peer);
    socket.destroy();
    const displaced = handshakes.endedPeer(error);
    if (displaced !== undefined) {
      handlers.onRefused(displaced, 'displaced', undefined);
      return;
    }
    // A certificate that the runtime did not accept is named on the socket; the error then only says that it hung up.
    handlers.onRefused(peer, 'tls', authorizationErrorOf(socket) ?? codeOf(error));
  });
  return (socket) => {
    handshakes.begin(socket);
    server.emit('connection', socket);
  };
}

function clientRefusal(tls: TlsConfig, socket: TLSSocket): { reason: ConnectFailure; detail: string | undefined } | undefined {
  const certificate = socket.getPeerCertificate();
  if (!socket.authorized || Object.keys(certificate).length === 0) {
    return { reason: 'tls', detail: authorizationErrorOf(socket) ?? 'no certificate' };
  }
  const names = namesOf(certificate);
  if (tls.clientNames.length > 0 && !tls.clientNames.some((name) => names.includes(name))) {
    return { reason: 'peerName', detail: names[0] };
  }
  return undefined;
}

/** The names that a certificate speaks for: its subject's CN, and its alternative DNS names. */
function namesOf(certificate: PeerCertificate): string[] {
  const { CN } = certificate.subject;
  const names = CN === undefined ? [] : [CN].flat();
  for (const part of (certificate.subjectaltname ?? '').split(', ')) {
    if (part.startsWith('DNS:')) names.push(part.slice(4));
  }
  return names;
}

function connect(options: ConnectOptions, handlers: ConnectHandlers): () => void {
  const { host, port, tls } = options;
  let reached = false;
  const socket = tls === undefined ? connectPlain({ ...socketOptions, host, port }) : connectTls(tlsOptions(host, port, tls));
  const release = (): void => {
    socket.off('connect', onConnect);
    socket.off('secureConnect', onReady);
    socket.off('error', onError);
    socket.off('close', onClose);
  };
  const refuse = (reason: ConnectFailure, detail: string | undefined): void => {
    release();
    socket.on('error', ignoreError);
    socket.destroy();
    handlers.onRefused(reason, detail);
  };
  const onConnect = (): void => {
    reached = true;
    if (tls === undefined) onReady();
  };
  const onReady = (): void => {
    release();
    handlers.onSocket(socket);
  };
  const onError = (error: Error): void => {
    const code = codeOf(error);
    if (!reached) refuse('unreachable', code);
    else refuse(code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? 'peerName' : 'tls', code);
  };
  const onClose = (): void => {
    refuse(reached ? 'tls' : 'unreachable', 'closed');
  };
  socket.on('connect', onConnect);
  socket.on('secureConnect', onReady);
  socket.on('error', onError);
  socket.on('close', onClose);
  return () => {
    release();
    socket.on('error', ignoreError);
    socket.destroy();
  };
}

function tlsOptions(host: string, port: number, tls: TlsConfig): ConnectionOptions {
  // An IP address is checked against the certificate's addresses, and is never sent as a server name (RFC 6066, 3).
  const servername = tls.serverName ?? (isIP(host) === 0 ? host : undefined);
  return {
    ...socketOptions,
    host,
    port,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    ...(servername === undefined ? {} : { servername }),
    ...(tls.authorities === undefined ? {} : { ca: tls.authorities }),
    ...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
    ...(tls.privateKey === undefined ? {} : { key: tls.privateKey }),
  };
}

/** The runtime's type says Error; what it sets is the code. */
function authorizationErrorOf(socket: TLSSocket): string | undefined {
  const error: unknown = socket.authorizationError;
  if (error === undefined || error === null) return undefined;
  return typeof error === 'string' ? error : codeOf(error);
}

function ignoreError(): void {
  // The socket was given up; how it fails says nothing more.
}
