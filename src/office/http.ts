/**
 * The office's HTTP server: health, readiness and metrics, the operators' door, and whatever doors are opened on it. It answers from the office's
 * thread, so that a slow reader of metrics never waits in a decision's way.
 */
import fastify from 'fastify';
import type { FastifyHttpsOptions, FastifyInstance, FastifyServerOptions } from 'fastify';
import type { Server } from 'node:https';
import { keepTls, tlsOf } from '../doors/tls.ts';
import type { TlsFiles, TlsWatchOutside } from '../doors/tls.ts';
import { transportOf } from '../doors/transport.ts';
import { openOperatorDoor, refuse } from './operator-door.ts';
import type { OperatorDoorOptions } from './operator-door.ts';

export interface Readiness {
  readonly ready: boolean;
  /** What was looked at, each with a sentence where it is not as it should be; `trouble` is for a person, and keeps nobody from being ready. */
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly detail: string; readonly trouble?: string | undefined; /** Of the store: which it is. */ readonly engine?: 'sqlite' | 'redis' }>>;
}

export interface HttpOptions {
  readonly host: string;
  readonly port: number;
  readonly readiness: () => Promise<Readiness>;
  /** In the text format of Prometheus. */
  readonly metrics: () => Promise<string>;
  /** Undefined: there is no door for operators. */
  readonly operator?: OperatorDoorOptions;
  /** Undefined: in clear. */
  readonly tls?: TlsFiles | undefined;
  /** Addresses and CIDRs of what stands before it, whose X-Forwarded-For says who asks; none where not given. */
  readonly trustedProxies?: readonly string[];
  /** Undefined: its files are read once. */
  readonly tlsWatch?: TlsWatchOutside;
  /** At once; `connectionsMaxDefault` where not given. */
  readonly connectionsMax?: number;
  readonly newRequestId: () => string;
  /** Opens more doors, before anybody comes. */
  readonly open?: (server: FastifyInstance) => Promise<void>;
}

/** Sockets are the process's, and the stations need theirs: whoever says nothing, or half of something, does not keep one. */
const connectionsMaxDefault = 256;
const requestMsMax = 5_000;
const lookEveryMs = 1_000;
/** Nobody keeps what is told here. */
const sentWithAll = { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' } as const;
const timing = { headersTimeout: requestMsMax, connectionsCheckingInterval: lookEveryMs };

/** What was wrong with the request itself; undefined: it is not the caller's fault. */
function callersStatus(error: unknown): number | undefined {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number' && error.statusCode >= 400 && error.statusCode < 500 ? error.statusCode : undefined;
}

function secured(options: FastifyServerOptions, tls: TlsFiles, tlsWatch: TlsWatchOutside | undefined): FastifyInstance {
  const terms = tlsOf(tls);
  const server = fastify({ ...(options as unknown as FastifyHttpsOptions<Server>), https: { ...terms, ...timing } });
  if (tlsWatch !== undefined) keepTls(server.server, tls, terms, tlsWatch);
  return server as unknown as FastifyInstance;
}

/**
 * Listens; resolves with the server and the port that it took.
 * @throws the system's error where the port cannot be listened on
 */
export async function serveHttp({ host, port, readiness, metrics, operator, tls, tlsWatch, trustedProxies, connectionsMax = connectionsMaxDefault, newRequestId, open }: HttpOptions): Promise<{ readonly server: FastifyInstance; readonly port: number }> {
  const options: FastifyServerOptions = {
    logger: false, forceCloseConnections: true, requestTimeout: requestMsMax, ...transportOf(newRequestId, trustedProxies),
  };
  const server: FastifyInstance = tls === undefined ? fastify({ ...options, http: timing }) : secured(options, tls, tlsWatch);
  // Of these alone: doors say so of their answers themselves.
  void server.register((own, _options, done) => {
    own.addHook('onRequest', (_request, reply, begin) => {
      reply.headers(sentWithAll);
      begin();
    });
    own.get('/health', async () => ({ status: 'ok' }));
    own.get('/ready', async (_request, reply) => {
      const state = await readiness();
      return await reply.code(state.ready ? 200 : 503).send({ status: state.ready ? 'ready' : 'not ready', checks: state.checks });
    });
    own.get('/metrics', async (_request, reply) => {
      const text = await metrics();
      return await reply.type('text/plain; version=0.0.4; charset=utf-8').send(text);
    });
    if (operator !== undefined) openOperatorDoor(own, operator);
    done();
  });
  // Bodies are JSON, or nothing.
  server.removeContentTypeParser('text/plain');
  // Before anything is awaited, which ends what may be said of the routes above.
  server.setNotFoundHandler(async (request, reply) => {
    return await refuse(reply.headers(sentWithAll), 404, `there is nothing at ${request.method} ${request.url.split('?')[0]}; /health, /ready and /metrics are`);
  });
  server.setErrorHandler(async (error, _request, reply) => {
    return await refuse(reply.headers(sentWithAll), callersStatus(error) ?? 503, error instanceof Error ? error.message : 'the switch did not answer');
  });
  await open?.(server);
  server.server.maxConnections = connectionsMax;
  await server.listen({ host, port });
  const address = server.server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : port };
}
