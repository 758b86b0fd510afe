/**
 * The operators' door, `/operator/…` of the office's HTTP server: who holds the token may ask for what the forms say.
 *
 * Refuses, each with a problem document of RFC 9457: no token or another one (before a byte of the body is read), what no form
 * has, a body that is not JSON or too long, and a field that is wrong, by its name. Invariant: nothing is done before all of it is right.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { maskText } from '../base/mask.ts';
import { findOperation, inputOf, OperationRefused, refusalOf } from './operation.ts';
import type { OperationForm, OperationInput } from './operation.ts';

export interface OperatorDoorOptions {
  /** SHA-256 of the token, in hexadecimal digits. */
  readonly tokenDigest: string;
  /** What is offered now; undefined while the switch starts. */
  readonly forms: () => readonly OperationForm[] | undefined;
  /** Has it done. @throws OperationRefused, ConfigError */
  readonly run: (form: OperationForm, input: OperationInput, by: string) => Promise<unknown>;
  /** Called once for each request that had the token, and for each that had not (`operation` is empty then). */
  readonly asked: (operation: string, by: string, status: number) => void;
}

/** A rule set with everything in it is far below. */
export const bodyBytesMax = 262_144;
const inWorkMax = 64;
const prefix = '/operator/';
const nameForm = /^[\x21-\x7e][\x20-\x7e]{0,63}$/;

/** A problem document of RFC 9457. Its detail may quote what was asked for, and so what somebody put into an address by mistake. */
export function problem(status: number, detail: string, field?: string): Readonly<Record<string, unknown>> {
  return { type: 'about:blank', status, title: STATUS_CODES[status] ?? 'Error', detail: maskText(detail), ...(field === undefined || field === '' ? {} : { field: maskText(field) }) };
}

export async function refuse(reply: FastifyReply, status: number, detail: string, field?: string): Promise<FastifyReply> {
  return await reply.code(status).type('application/problem+json').send(problem(status, detail, field));
}

/** Adds the door to the server. */
export function openOperatorDoor(server: FastifyInstance, { tokenDigest, forms, run, asked }: OperatorDoorOptions): void {
  const digest = Buffer.from(tokenDigest, 'hex');
  let inWork = 0;

  /** Before the body is read. */
  const admit = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (holdsToken(digest, request.headers.authorization)) return;
    asked('', '', 401);
    const detail = request.headers.authorization === undefined ? 'an operator shows the token: Authorization: Bearer …' : 'that is not the operator\'s token';
    await refuse(reply.header('www-authenticate', 'Bearer realm="locum operator"'), 401, detail);
  };

  const serve = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const by = operatorOf(request.headers['locum-operator']);
    const offered = forms();
    if (offered === undefined) return await refuse(reply, 503, 'the switch is starting');
    const path = request.url.split('?')[0]!.slice(prefix.length);
    if (path === '' && request.method === 'GET') return { operations: offered.map(({ method, path: at, about }) => ({ method, path: `${prefix}${at}`, about })) };
    const found = findOperation(offered, request.method, path);
    if (found === undefined) {
      asked('unknown', by ?? '', 404);
      return await refuse(reply, 404, `there is nothing at ${request.method} ${prefix}${path}; GET ${prefix} lists what there is`);
    }
    if ('allow' in found) {
      asked('unknown', by ?? '', 405);
      return await refuse(reply.header('allow', found.allow.join(', ')), 405, `${prefix}${path} is for ${found.allow.join(', ')}`);
    }
    const { form, named } = found;
    try {
      if (by === undefined) throw new OperationRefused(400, 'locum-operator must be 1 to 64 printable characters of ASCII', 'locum-operator');
      if (inWork >= inWorkMax) throw new OperationRefused(503, `${inWorkMax} operations are under way`);
      const input = inputOf(form, named, request.query as Readonly<Record<string, unknown>>, request.body ?? undefined);
      inWork += 1;
      try {
        const answer = await run(form, input, by);
        asked(form.name, by, 200);
        return await reply.type('application/json').send(JSON.stringify(answer));
      } finally {
        inWork -= 1;
      }
    } catch (error) {
      const refusal = refusalOf(error);
      asked(form.name, by ?? '', refusal?.status ?? 503);
      if (refusal === undefined) throw error;
      return await refuse(reply, refusal.status, refusal.detail, refusal.field);
    }
  };

  server.all(`${prefix}*`, { onRequest: admit, bodyLimit: bodyBytesMax }, serve);
}

/** In a time that tells nothing about the token. */
function holdsToken(digest: Buffer, authorization: string | undefined): boolean {
  const [scheme = '', token = ''] = (authorization ?? '').split(' ');
  const given = createHash('sha256').update(token).digest();
  return timingSafeEqual(given, digest) && scheme.toLowerCase() === 'bearer';
}

/** Undefined: it is no name. */
function operatorOf(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return 'unnamed';
  return typeof header === 'string' && nameForm.test(header) ? header : undefined;
}
