/**
 * The listeners of the doors: what each fastify of them has in common, and the one of partners, which has a port of its own with client certificates.
 *
 * A connection that says nothing, or half of something, is ended; there are never more than `connectionsMax`. Any certificate is taken in the handshake,
 * where TLS proves that the peer has its key; whose it is, and whether it is good, is asked for each request.
 */
import { readFileSync } from 'node:fs';
import { fastify } from 'fastify';
import type { FastifyInstance } from 'fastify';
import { openDoor } from './door.ts';
import type { DoorOptions } from './door.ts';
import { problemOf, problemType } from './problem.ts';
import { transportOf } from './transport.ts';

/** Files in PEM. */
export interface TlsFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface SecureDoorOptions {
  readonly host: string;
  /** 0: one that is free. */
  readonly port: number;
  readonly tls: TlsFiles;
  readonly connectionsMax: number;
  readonly door: DoorOptions;
}

const requestMsMax = 10_000;
const lookEveryMs = 1_000;
const idleMsMax = 75_000;

/** What TLS asks of every listener of ours: 1.2 with suites that have forward secrecy, or 1.3. */
export function tlsOf({ certificateFile, keyFile }: TlsFiles): { readonly cert: Buffer; readonly key: Buffer; readonly minVersion: 'TLSv1.2'; readonly ciphers: string; readonly honorCipherOrder: true } {
  return {
    cert: readFileSync(certificateFile), key: readFileSync(keyFile), minVersion: 'TLSv1.2', honorCipherOrder: true,
    ciphers: 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305',
  };
}

/** Listens at the partners' door. @throws the system's error where the port cannot be listened on, or a file cannot be read */
export async function serveSecureDoor({ host, port, tls, connectionsMax, door }: SecureDoorOptions): Promise<{ readonly server: FastifyInstance; readonly port: number }> {
  const server = fastify({
    logger: false, forceCloseConnections: true, requestTimeout: requestMsMax, keepAliveTimeout: idleMsMax, connectionTimeout: idleMsMax,
    https: { ...tlsOf(tls), requestCert: true, rejectUnauthorized: false, headersTimeout: requestMsMax, connectionsCheckingInterval: lookEveryMs, handshakeTimeout: requestMsMax },
    ...transportOf(door.newRequestId),
  });
  await openDoor(server, 'server', door);
  server.setNotFoundHandler(async (request, reply) => await reply.code(404).header('content-type', problemType).header('x-request-id', request.id)
    .send(JSON.stringify(problemOf({ status: 404, code: 'ROUTE_NOT_FOUND', detail: 'this door is for /secure/…' }, request.id))));
  server.server.maxConnections = connectionsMax;
  await server.listen({ host, port });
  const address = server.server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : port };
}
