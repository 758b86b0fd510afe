/**
 * What is below the routes, alike at each listener: the ids of requests, and what is said of requests that are none (an address that cannot be read, headers
 * that are too long, half a request). Invariant: whatever comes in, what goes out is a problem document, or nothing.
 */
import type { FastifyReply, FastifyRequest, RawRequestDefaultExpression } from 'fastify';
import type { Socket } from 'node:net';
import { requestIdOf } from './door.ts';
import { problemOf, problemType } from './problem.ts';
import type { DoorRefusal } from './problem.ts';

/** Longer parts of a path are nobody's ids. */
const partCharactersMax = 128;

/** By what Node's parser says. */
const parserRefusals: Readonly<Record<string, DoorRefusal>> = {
  HPE_HEADER_OVERFLOW: { status: 431, code: 'HEADERS_TOO_LARGE', detail: 'the headers are longer than this door takes' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, code: 'REQUEST_TIMEOUT', detail: 'the request did not come to its end in time' },
};
const notHttp: DoorRefusal = { status: 400, code: 'BAD_REQUEST', detail: 'this is no request of HTTP/1.1' };

export interface Transport {
  readonly routerOptions: { readonly maxParamLength: number };
  readonly trustProxy: false | string[];
  readonly genReqId: (request: RawRequestDefaultExpression) => string;
  readonly frameworkErrors: (error: Error & { readonly statusCode?: number }, request: FastifyRequest, reply: FastifyReply) => void;
  readonly clientErrorHandler: (error: Error & { readonly code?: string }, socket: Socket) => void;
}

/** For fastify's options. @param trustedProxies addresses and CIDRs whose X-Forwarded-For says who asks; anybody else's is ignored */
export function transportOf(newRequestId: () => string, trustedProxies: readonly string[] = []): Transport {
  return {
    trustProxy: trustedProxies.length === 0 ? false : [...trustedProxies],
    routerOptions: { maxParamLength: partCharactersMax },
    genReqId: ({ headers }) => requestIdOf(headers['x-request-id'], newRequestId),
    frameworkErrors: ({ statusCode }, request, reply) => {
      const refusal = statusCode === 414 ? { status: 414, code: 'URL_TOO_LONG', detail: 'a part of the address is longer than any id' } : { status: 400, code: 'URL_MALFORMED', detail: 'the address cannot be read' };
      const text = JSON.stringify(problemOf(refusal, request.id));
      reply.hijack();
      reply.raw.writeHead(refusal.status, { 'content-type': problemType, 'content-length': Buffer.byteLength(text), 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'x-request-id': request.id }).end(text);
    },
    clientErrorHandler: (error, socket) => {
      if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
        socket.destroy();
        return;
      }
      const refusal = parserRefusals[error.code ?? ''] ?? notHttp;
      const requestId = newRequestId();
      const problem = problemOf(refusal, requestId);
      const text = JSON.stringify(problem);
      socket.end(`HTTP/1.1 ${refusal.status} ${problem.title}\r\nContent-Type: ${problemType}\r\nContent-Length: ${Buffer.byteLength(text)}\r\nCache-Control: no-store\r\nX-Request-Id: ${requestId}\r\nConnection: close\r\n\r\n${text}`);
    },
  };
}
