/**
 * The routes of one door on a fastify: who may, how often, what is not there, and what is said no with.
 *
 * Before a byte of a body is read the caller is known and has room; one whose body came slowly is asked for again before anything is done. Every answer has the request's id and says that nobody keeps it. Refused as problem
 * documents: a path that is not there (404), one that is for other methods (405), a body that is too long, no JSON or no UTF-8. Invariant: what was
 * thrown and is no refusal is told as 500 without its words, and logged.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import { maskText } from '../base/mask.ts';
import { callerName, callerOf } from './admit.ts';
import type { AdmitOptions } from './admit.ts';
import type { CallerLimits, Rate } from './caller-limits.ts';
import { DoorRefused, problemOf, problemType, refusalOf } from './problem.ts';
import type { Caller, Door, Route } from './route.ts';
import { RouteServer } from './serve-route.ts';
import type { ServeOptions } from './serve-route.ts';

export interface DoorRates {
  readonly partner: Rate;
  readonly user: Rate;
  readonly staff: Rate;
  /** Of one address, without credentials or with wrong ones. */
  readonly stranger: Rate;
}

export interface DoorOptions extends AdmitOptions, ServeOptions {
  readonly routes: readonly Route[];
  readonly limits: CallerLimits;
  readonly rates: DoorRates;
  readonly newRequestId: () => string;
  /** Monotonic ms. */
  readonly elapsed: () => number;
  /** Each request that a route was found for. @param who as `callerName` has it; empty where nobody was admitted */
  readonly answered: (operationId: string, who: string, status: number, requestId: string, elapsedMs: number) => void;
}

export const prefixes: Readonly<Record<Door, string>> = { mobile: '/customers/me', server: '/secure', admin: '/admin' };

/** The longest that a service takes has a card's design or a list of rules in it; a JWE is a third longer than what is in it. */
export const bodyBytesMax = 65_536;
/** Nobody keeps an answer, no page of a browser has a use for one, and a browser that came by TLS comes so again. */
const sentWithAll = {
  'cache-control': 'no-store', 'content-security-policy': 'default-src \'none\';frame-ancestors \'none\'', 'cross-origin-resource-policy': 'same-origin', 'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY',
} as const;
/** RFC 6797, 7.2: what came in clear is not answered with it. */
const sentWithTls = { ...sentWithAll, 'strict-transport-security': 'max-age=31536000; includeSubDomains' } as const;
/** Whose body takes longer is looked at again when it is there: a session or certificate may have ended meanwhile. */
const admittedMsMax = 1_000;
const requestIdForm = /^[A-Za-z0-9][A-Za-z0-9._~-]{7,63}$/;
const everyMethod: readonly HTTPMethods[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

interface State {
  caller: Caller;
  operationId: string;
  atMs: number;
}

const stateKey = Symbol('door');

/** Null: no route was found for it. */
function stateOf(request: FastifyRequest): State | null {
  return request.getDecorator<State | null>(stateKey);
}

/** The id that a request gets: the caller's own, where it is one. */
export function requestIdOf(header: string | string[] | undefined, make: () => string): string {
  return typeof header === 'string' && requestIdForm.test(header) && maskText(header) === header ? header : make();
}

/** Adds the door's routes to the server, which must take request ids from `requestIdOf`. */
export async function openDoor(server: FastifyInstance, door: Door, options: DoorOptions): Promise<void> {
  const prefix = prefixes[door];
  const routes = options.routes.filter((route) => route.door === door);
  for (const { path, operationId } of routes) if (path !== prefix && !path.startsWith(`${prefix}/`)) throw new Error(`${operationId} is of the door ${door}, whose paths begin with ${prefix}`);
  await server.register(async (scope) => {
    scope.decorateRequest(stateKey, null);
    // Hooks that wait for nothing are no promises: they are in every request's way.
    scope.addHook('onRequest', (request, reply, done) => {
      reply.headers(request.protocol === 'https' ? sentWithTls : sentWithAll).header('x-request-id', request.id);
      done();
    });
    scope.addHook('onResponse', (request, reply, done) => {
      const state = stateOf(request);
      if (state !== null) options.answered(state.operationId, state.caller.kind === 'nobody' ? '' : callerName(state.caller), reply.statusCode, request.id, options.elapsed() - state.atMs);
      done();
    });
    readJsonBodies(scope);
    scope.setErrorHandler(async (error, request, reply) => await refuse(error, request, reply, stateOf(request)?.operationId ?? '', options));
    scope.setNotFoundHandler(async (request, reply) => {
      takeStranger(options, request);
      return await say(new DoorRefused({ status: 404, code: 'ROUTE_NOT_FOUND', detail: `there is nothing at ${request.method} ${request.url.split('?')[0]}` }), request, reply);
    });
    for (const route of routes) {
      const serves = new RouteServer(route, options);
      scope.route({
        method: route.method, url: fastifyPath(route.path.slice(prefix.length)), bodyLimit: bodyBytesMax,
        onRequest: async (request) => {
          const state: State = { caller: { kind: 'nobody' }, operationId: route.operationId, atMs: options.elapsed() };
          request.setDecorator(stateKey, state);
          state.caller = await admitted(route, request, options);
        },
        handler: async (request, reply) => {
          const state = stateOf(request)!;
          if (state.caller.kind !== 'nobody' && options.elapsed() - state.atMs > admittedMsMax) state.caller = await callerOf(route, request, options, options.now());
          return await serves.serve(request, reply, state.caller);
        },
      });
    }
    for (const [path, allowed] of methodsByPath(routes)) {
      const allow = [...allowed, ...(allowed.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
      scope.route({
        method: everyMethod.filter((method) => !allowed.includes(method)), url: fastifyPath(path.slice(prefix.length)),
        onRequest: async (request, reply) => {
          takeStranger(options, request);
          reply.header('allow', allow);
          if (request.method === 'OPTIONS') return await reply.code(204).send();
          throw new DoorRefused({ status: 405, code: 'METHOD_NOT_ALLOWED', detail: `${path} is for ${allowed.join(', ')}` });
        },
        handler: async (_request, reply) => await reply.code(204).send(),
      });
    }
  }, { prefix });
}

async function admitted(route: Route, request: FastifyRequest, options: DoorOptions): Promise<Caller> {
  if (route.isPublic === true && route.door !== 'server') {
    takeStranger(options, request);
    return { kind: 'nobody' };
  }
  let caller: Caller;
  try {
    caller = await callerOf(route, request, options, options.now());
  } catch (error) {
    // Who guesses gets slower; who may not do this one thing is known, and counts below.
    if (refusalOf(error)?.status === 401) takeStranger(options, request);
    throw error;
  }
  if (caller.kind !== 'nobody') refuseFlood(options.limits.take(callerName(caller), options.rates[caller.kind]));
  return caller;
}

function takeStranger({ limits, rates }: DoorOptions, request: FastifyRequest): void {
  refuseFlood(limits.take(`address:${request.ip}`, rates.stranger));
}

function refuseFlood(waitS: number | undefined): void {
  if (waitS !== undefined) throw new DoorRefused({ status: 429, code: 'TOO_MANY_REQUESTS', detail: 'these are more requests than this caller may send', headers: { 'retry-after': String(waitS) } });
}

/** `{cardId}` as fastify has it. */
function fastifyPath(path: string): string {
  return path.replaceAll(/\{([A-Za-z]+)\}/g, ':$1');
}

/** By path, whatever its parts are called. */
function methodsByPath(routes: readonly Route[]): Map<string, HTTPMethods[]> {
  const shapes = new Map<string, { readonly path: string; readonly methods: HTTPMethods[] }>();
  for (const { path, method } of routes) {
    const shape = path.replaceAll(/\{[A-Za-z]+\}/g, '{}');
    const found = shapes.get(shape) ?? { path, methods: [] };
    found.methods.push(method);
    shapes.set(shape, found);
  }
  return new Map([...shapes.values()].map(({ path, methods }) => [path, methods]));
}

function readJsonBodies(scope: FastifyInstance): void {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('application/json', { parseAs: 'buffer', bodyLimit: bodyBytesMax }, (_request, bytes, done) => {
    if (bytes.length === 0) {
      done(null, undefined);
      return;
    }
    try {
      done(null, JSON.parse(decoder.decode(bytes as Buffer)));
    } catch {
      done(new DoorRefused({ status: 400, code: 'BODY_NOT_JSON', detail: 'the body is not a JSON document in UTF-8' }));
    }
  });
}

async function refuse(error: unknown, request: FastifyRequest, reply: FastifyReply, operationId: string, options: DoorOptions): Promise<FastifyReply> {
  const refusal = refusalOf(error);
  if (refusal === undefined) {
    options.failed(operationId, request.id, error);
    return await say(new DoorRefused({ status: 500, code: 'INTERNAL', detail: 'this service failed; its log says why, under the request\'s id' }), request, reply);
  }
  return await say(new DoorRefused(refusal), request, reply);
}

async function say({ refusal }: DoorRefused, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  return await reply.code(refusal.status).headers(refusal.headers ?? {}).header('content-type', problemType).send(JSON.stringify(problemOf(refusal, request.id)));
}
