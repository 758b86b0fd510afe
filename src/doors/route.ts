/**
 * A route of the three doors, as data: where it is, who may use it, what it takes and answers, and who does it. The doors make of it the
 * HTTP route, the validation, the conventions (idempotency, encryption, audit, limits) and the page of OpenAPI.
 *
 * Invariants: `run` gets only what its schemas allow, from a caller who may; what it answers is checked by its schema as well.
 */
import type { Static, TSchema } from 'typebox';

/** `mobile`: `/customers/me/…`; `server`: `/secure/…`, by client certificate; `admin`: `/admin/…`. */
export type Door = 'mobile' | 'server' | 'admin';

export type Role = 'admin' | 'manager' | 'employee';

export type Caller =
  | { readonly kind: 'user'; readonly userId: string; readonly deviceId: string; readonly sessionId: string; readonly partner: string; /** Unix ms of the last second confirmation. */ readonly confirmedAtMs: number | undefined }
  | { readonly kind: 'partner'; readonly partner: string; /** Of the client certificate. */ readonly serial: string }
  | { readonly kind: 'staff'; readonly staffId: string; readonly role: Role; readonly sessionId: string; readonly confirmedAtMs: number | undefined }
  | { readonly kind: 'nobody' };

export interface Call<Params, Query, Body> {
  readonly caller: Caller;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** Unique per caller and thing to be done: the doors have seen to it that the same key with another body does not get here. Empty on reads. */
  readonly idempotencyKey: string;
  readonly requestId: string;
  /** Unix ms. */
  readonly atMs: number;
}

export interface Answer {
  readonly status: 200 | 201 | 202 | 204;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Route {
  readonly door: Door;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its prefix, as in `/secure/customers/{customerId}/balances`. */
  readonly path: string;
  /** Unique, such as `createBalance`; the same thing at another door has its door behind it: `createBalanceAdmin`. */
  readonly operationId: string;
  readonly summary: string;
  readonly about?: string;
  readonly tag: string;
  /** At the admin door: who may. */
  readonly roles?: readonly Role[];
  /** Without a session: pairing a device, logging in. */
  readonly isPublic?: boolean;
  /** C2: body and answer travel as JWE. */
  readonly isSealed?: boolean;
  /** Only within two minutes after a second confirmation of this session. */
  readonly needsConfirmation?: boolean;
  /** On a route that changes nothing though it is no GET, such as a log-in: no idempotency key is asked for. */
  readonly isFreeOfKey?: boolean;
  readonly params?: TSchema;
  readonly query?: TSchema;
  readonly body?: TSchema;
  /** By status; null: no body. */
  readonly answers: Readonly<Partial<Record<200 | 201 | 202 | 204, TSchema | null>>>;
  /** @throws LifecycleRefused */
  run(call: Call<never, never, never>): Promise<Answer>;
}

/** A route whose `run` knows the types of its schemas. */
export function route<Params extends TSchema, Query extends TSchema, Body extends TSchema>(
  definition: Omit<Route, 'run' | 'params' | 'query' | 'body'> & {
    readonly params?: Params;
    readonly query?: Query;
    readonly body?: Body;
    readonly run: (call: Call<Static<Params>, Static<Query>, Static<Body>>) => Promise<Answer>;
  },
): Route {
  return definition as unknown as Route;
}
