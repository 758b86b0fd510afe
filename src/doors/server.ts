/**
 * The listeners of the doors: what each fastify of them has in common, and the one of partners, which has a port of its own with client certificates.
 *
 * A connection that says nothing, or half of something, is ended; there are never more than `connectionsMax`. Any certificate is taken in the handshake,
 * where TLS proves that the peer has its key; whose it is, and whether it is good, is asked for each request.
 */
import { fastify } from 'fastify';
import type { FastifyInstance } from 'fastify';
import { openDoor } from './door.ts';
import type { DoorOptions } from './door.ts';
import { problemOf, problemType } from './problem.ts';
import { keepTls, tlsOf } from './tls.ts';
import type { TlsFiles, TlsWatchOutside } from './tls.ts';
import { transportOf } from './transport.ts';

export interface SecureDoorOptions {
  readonly host: string;
  /** 0: one that is free. */
  readonly port: number;
  readonly tls: TlsFiles;
  /** Undefined: the files are read once. */
  readonly tlsWatch?: TlsWatchOutside | undefined;
  readonly connectionsMax: number;
  readonly door: DoorOptions;
}

const requestMsMax = 10_000;
const lookEveryMs = 1_000;
const idleMsMax = 75_000;

/** Listens at the partners' door. @throws the system's error where the port cannot be listened on, or a file cannot be read */
export async function serveSecureDoor({ host, port, tls, tlsWatch, connectionsMax, door }: SecureDoorOptions): Promise<{ readonly server: FastifyInstance; readonly port: number }> {
  const terms = tlsOf(tls);
  const server = fastify({
    logger: false, forceCloseConnections: true, requestTimeout: requestMsMax, keepAliveTimeout: idleMsMax, connectionTimeout: idleMsMax,
    https: { ...terms, requestCert: true, rejectUnauthorized: false, headersTimeout: requestMsMax, connectionsCheckingInterval: lookEveryMs, handshakeTimeout: requestMsMax },
    ...transportOf(door.newRequestId),
  });
  await openDoor(server, 'server', door);
  server.setNotFoundHandler(async (request, reply) => await reply.code(404).header('content-type', problemType).header('x-request-id', request.id)
    .send(JSON.stringify(problemOf({ status: 404, code: 'ROUTE_NOT_FOUND', detail: 'this door is for /secure/…' }, request.id))));
  if (tlsWatch !== undefined) keepTls(server.server, tls, terms, tlsWatch);
  server.server.maxConnections = connectionsMax;
  await server.listen({ host, port });
  const address = server.server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : port };
}
