/**
 * What the doors do with one request of a route, after its caller is known: the conventions in their order.
 *
 *   path, query -> body (opened where it is sealed) -> idempotency key -> service -> audit -> answer (sealed where it has to be)
 *
 * Invariants: a service gets only what its schemas allow; an answer that is not of its schema does not leave; what is done once under a key is
 * answered alike ever after; a sealed answer is nowhere in clear but in memory.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { TSchema } from 'typebox';
import type { Deadlines } from '../base/deadlines.ts';
import { forgottenStatus } from '../lifecycle/remembered-answers.ts';
import type { AnswerKey, RememberedAnswer, AnswerMemory } from '../lifecycle/remembered-answers.ts';
import { callerName, certificateKeyOf } from './admit.ts';
import type { StaffCaller } from './admit.ts';
import type { Envelope, ResponseKey } from './jwe.ts';
import { canonicalJson } from './canonical-json.ts';
import { DoorRefused, problemOf, problemType, refusalOf } from './problem.ts';
import type { Answer, Call, Caller, Role, Route } from './route.ts';
import { answerCheckOf, checkOf, closedAnswer, closedInput, meant, refuseUnwholesome } from './validate.ts';
import type { Check } from './validate.ts';

/** An action of staff, for the audit log. */
export interface AuditEntry {
  readonly staffId: string;
  readonly role: Role;
  readonly sessionId: string;
  readonly operationId: string;
  /** What it was done to, as the path names it. */
  readonly target: Readonly<Record<string, string>>;
  /** `begun`, then `done` or the code of what it was refused for. */
  readonly outcome: string;
  readonly requestId: string;
  /** Unix ms. */
  readonly atMs: number;
}

export interface ServeOptions {
  /** Unix ms. */
  readonly now: () => number;
  readonly memory: AnswerMemory;
  readonly envelope: Envelope;
  /** Resolves when it is written. @throws where it could not be */
  readonly audit: (entry: AuditEntry) => Promise<void>;
  /** How long a service may take; ms. */
  readonly answerMsMax: number;
  readonly deadlines: Deadlines;
  /** What must not be: for the log. */
  readonly failed: (operationId: string, requestId: string, error: unknown) => void;
}

/** An answer as it is sent. */
interface Sent {
  readonly status: number;
  readonly type: string | undefined;
  readonly text: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Of the key that it was sealed for. */
  readonly sealedFor: string | undefined;
  /** Of the user whom it is about. */
  readonly about?: string | undefined;
}

const jsonType = 'application/json; charset=utf-8';
const keyForm = /^[\x21-\x7e]{8,128}$/;

export class RouteServer {
  readonly #route: Route;
  readonly #run: (call: UntypedCall) => Promise<Answer>;
  readonly #options: ServeOptions;
  readonly #checkParams: Check;
  readonly #checkQuery: Check;
  readonly #checkBody: Check | undefined;
  readonly #checkAnswer: ReadonlyMap<number, ((value: unknown) => string | undefined) | null>;
  readonly #isChange: boolean;
  readonly #isSealedAnswer: boolean;

  constructor(route: Route, options: ServeOptions) {
    this.#route = route;
    this.#run = route.run.bind(route) as (call: UntypedCall) => Promise<Answer>;
    this.#options = options;
    this.#checkParams = checkOf(closedInput(route.params ?? namedParams(route.path)), 'path');
    this.#checkQuery = checkOf(closedInput(route.query ?? emptyObject), 'query');
    this.#checkBody = route.body === undefined ? undefined : checkOf(closedInput(route.body), 'body');
    this.#checkAnswer = new Map(Object.entries(route.answers).map(([status, schema]) => [Number(status), schema === null || schema === undefined ? null : answerCheckOf(closedAnswer(schema))]));
    this.#isChange = route.method !== 'GET' && route.isFreeOfKey !== true;
    this.#isSealedAnswer = route.isSealed === true && [...this.#checkAnswer.values()].some((check) => check !== null);
  }

  /** @returns what is sent, where there is something @throws DoorRefused and what services throw */
  async serve(request: FastifyRequest, reply: FastifyReply, caller: Caller): Promise<string | undefined> {
    const { now, envelope, answerMsMax, deadlines, failed } = this.#options;
    const route = this.#route;
    const params = (request.params ?? {}) as Readonly<Record<string, string>>;
    const query = meant(route.query ?? emptyObject, request.query as Readonly<Record<string, unknown>>);
    refuseUnwholesome(params);
    refuseUnwholesome(query);
    this.#checkParams(params);
    this.#checkQuery(query);
    const atMs = now();
    const responseKey = this.#isSealedAnswer ? await envelope.responseKey(request.headers['public-key'], caller, () => certificateKeyOf(request)) : undefined;
    const body = route.isSealed === true ? await envelope.open(request.headers, request.body, route.body !== undefined) : clearBody(request);
    refuseUnwholesome(body);
    if (this.#checkBody !== undefined) this.#checkBody(body);
    else if (body !== undefined && canonicalJson(body) !== '{}') throw new DoorRefused({ status: 400, code: 'BODY_UNEXPECTED', detail: 'this takes no body' });
    const call = { caller, params, query, body, idempotencyKey: this.#isChange ? keyOf(request) : '', requestId: request.id, atMs };
    const sent = await within(deadlines, answerMsMax, this.#isChange ? this.#once(call, responseKey) : this.#done(call, responseKey), (error) => failed(route.operationId, call.requestId, error));
    reply.code(sent.status).headers(sent.headers);
    if (sent.type !== undefined) reply.type(sent.type);
    // Not awaited until it is sent: nobody here waits for that.
    return sent.text ?? (sent.status === 204 ? undefined : '');
  }

  async #once(asked: UntypedCall, responseKey: ResponseKey | undefined): Promise<Sent> {
    const { memory } = this.#options;
    const digest = await memory.digest(canonicalJson([asked.params, asked.query, asked.body ?? null]));
    const caller = asked.caller.kind === 'nobody' ? `nobody:${digest}` : callerName(asked.caller);
    const named = { caller, operation: this.#route.operationId };
    const call = { ...asked, idempotencyKey: await memory.keyFor({ ...named, key: asked.idempotencyKey }) };
    const key: AnswerKey = { ...named, key: call.idempotencyKey };
    const claim = await memory.claim(key, digest, userNamedIn(call));
    if (claim.kind === 'conflict') throw new DoorRefused({ status: 409, code: 'IDEMPOTENCY_CONFLICT', detail: 'this key was used for another request', field: 'X-Idempotency-Key' });
    if (claim.kind === 'underWay') throw new DoorRefused({ status: 409, code: 'IDEMPOTENCY_UNDER_WAY', detail: 'the request with this key is still under way', field: 'X-Idempotency-Key', headers: { 'retry-after': String(claim.retryAfterS) } });
    if (claim.kind === 'answered') return again(claim.answer, responseKey);
    let isSettled = false;
    try {
      const sent = await this.#settled(call, responseKey);
      const { status, type, text, headers, sealedFor, about } = sent;
      await memory.answer(key, { status, body: text, headers: type === undefined ? headers : { ...headers, 'content-type': type }, sealedFor, about });
      isSettled = true;
      return sent;
    } finally {
      // Whoever asks again with the key has it done again: services do under one key what they do once.
      if (!isSettled) memory.release(key);
    }
  }

  /** Done, or refused for good by the service, which is an answer too. @throws what another try may end otherwise */
  async #settled(call: UntypedCall, responseKey: ResponseKey | undefined): Promise<Sent> {
    try {
      return await this.#done(call, responseKey);
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined || refusal.status >= 500 || refusal.status === 429 || refusal.status === 401) throw error;
      return { status: refusal.status, type: problemType, text: JSON.stringify(problemOf(refusal, call.requestId)), headers: refusal.headers ?? {}, sealedFor: undefined };
    }
  }

  async #done(call: UntypedCall, responseKey: ResponseKey | undefined): Promise<Sent> {
    const answer = call.caller.kind === 'staff' && this.#route.method !== 'GET' ? await this.#audited(call, call.caller) : await this.#run(call);
    const clear = this.#clear(answer);
    if (responseKey === undefined || clear.text === undefined) return { ...clear, about: whomAbout(call, answer) };
    const text = JSON.stringify({ payload: await this.#options.envelope.seal(clear.text, responseKey) });
    return { ...clear, text, sealedFor: responseKey.digest, about: whomAbout(call, answer) };
  }

  async #audited(call: UntypedCall, caller: StaffCaller): Promise<Answer> {
    // First: what was done, and could not be entered afterwards, is in the log all the same.
    await this.#audit(call, caller, 'begun');
    let answer: Answer;
    try {
      answer = await this.#run(call);
    } catch (error) {
      await this.#audit(call, caller, refusalOf(error)?.code ?? 'FAILED');
      throw error;
    }
    await this.#audit(call, caller, 'done');
    return answer;
  }

  async #audit({ params, requestId, atMs }: UntypedCall, caller: StaffCaller, outcome: string): Promise<void> {
    const { staffId, role, sessionId } = caller;
    await this.#options.audit({ staffId, role, sessionId, operationId: this.#route.operationId, target: params, outcome, requestId, atMs });
  }

  #clear({ status, body, headers = {} }: Answer): Sent {
    const check = this.#checkAnswer.get(status);
    if (check === undefined) throw new Error(`${this.#route.operationId} answered ${status}, which its route does not name`);
    if (check === null) return { status, type: undefined, text: undefined, headers, sealedFor: undefined };
    // As the caller will read it: what is undefined is not there.
    const text = JSON.stringify(body);
    const wrong = check(body);
    if (wrong !== undefined) throw new Error(`${this.#route.operationId} answered what its schema does not allow: ${wrong}`);
    return { status, type: jsonType, text, headers, sealedFor: undefined };
  }
}

interface UntypedCall extends Omit<Call<unknown, unknown, unknown>, 'params'> {
  readonly params: Readonly<Record<string, string>>;
}

const emptyObject: TSchema = { type: 'object', properties: {}, additionalProperties: false };

/** Where a route says nothing of its path's parts: a text each, of no more than an id's length. */
function namedParams(path: string): TSchema {
  const names = [...path.matchAll(/\{([A-Za-z]+)\}/g)].map((match) => match[1]!);
  return { type: 'object', required: names, properties: Object.fromEntries(names.map((name) => [name, { type: 'string', minLength: 1, maxLength: 64 }])), additionalProperties: false } as TSchema;
}

function clearBody(request: FastifyRequest): unknown {
  if (request.headers['encrypted-request'] === 'true') throw new DoorRefused({ status: 400, code: 'INVALID_PAYLOAD', detail: 'this takes its body in clear', field: 'Encrypted-Request' });
  return request.body ?? undefined;
}

function keyOf(request: FastifyRequest): string {
  const key = request.headers['x-idempotency-key'];
  if (key === undefined) throw new DoorRefused({ status: 400, code: 'IDEMPOTENCY_KEY_REQUIRED', detail: 'what changes something needs a key of its own, such as a UUID', field: 'X-Idempotency-Key' });
  if (typeof key !== 'string' || !keyForm.test(key)) throw new DoorRefused({ status: 400, code: 'IDEMPOTENCY_KEY_INVALID', detail: 'a key has 8 to 128 printable characters of ASCII without a blank', field: 'X-Idempotency-Key' });
  return key;
}

function userNamedIn({ caller, params }: UntypedCall): string | undefined {
  return params['customerId'] ?? params['userId'] ?? (caller.kind === 'user' ? caller.userId : undefined);
}

/** The user whom the call names, or else its answer. */
function whomAbout(call: UntypedCall, { body }: Answer): string | undefined {
  const told: unknown = typeof body === 'object' && body !== null && 'userId' in body ? body.userId : undefined;
  return userNamedIn(call) ?? (typeof told === 'string' ? told : undefined);
}

function again({ status, body, headers: { 'content-type': type, ...headers }, sealedFor }: RememberedAnswer, responseKey: ResponseKey | undefined): Sent {
  if (status === forgottenStatus) throw new DoorRefused({ status: 410, code: 'ANSWER_FORGOTTEN', detail: 'this was done; the user whom its answer was about was deleted since', field: 'X-Idempotency-Key' });
  if (sealedFor !== undefined && sealedFor !== responseKey?.digest) {
    throw new DoorRefused({ status: 409, code: 'IDEMPOTENCY_CONFLICT', detail: 'the answer under this key was encrypted for another public key', field: 'Public-Key' });
  }
  return { status, type, text: body, headers: { ...headers, 'idempotency-replayed': 'true' }, sealedFor };
}

/** @param failedLate a fault of what nobody waits for any more @throws DoorRefused where it takes longer; it may be done all the same */
async function within<T>(deadlines: Deadlines, ms: number, work: Promise<T>, failedLate: (error: unknown) => void): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  work.then(resolve, reject);
  let isLate = false;
  const deadline = deadlines.after(ms, () => {
    isLate = true;
    reject(new DoorRefused({ status: 503, code: 'TIMED_OUT', detail: 'it was not done in time, or is done later: ask again with the same key', headers: { 'retry-after': '1' } }));
  });
  try {
    return await promise;
  } finally {
    deadline.cancel();
    if (isLate) work.catch((error: unknown) => (refusalOf(error) === undefined ? failedLate(error) : undefined));
  }
}
