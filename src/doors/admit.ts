/**
 * Who calls: by the session's token at the doors of holders and staff, by the client certificate at the partners'.
 *
 * Refused, each with its code: no credentials, wrong ones, a certificate for each reason that the authority has, a role that may not. It is asked for
 * each request, before a byte of its body is read. Invariant: a caller without the right credentials learns nothing but that.
 */
import type { FastifyRequest } from 'fastify';
import { TLSSocket } from 'node:tls';
import type { Admission, AdmissionRefusal } from '../ca/admission.ts';
import { DoorRefused } from './problem.ts';
import type { Caller, Route } from './route.ts';

export type UserCaller = Extract<Caller, { readonly kind: 'user' }> & {
  /** Operation that the second confirmation was given for; undefined: for any. */
  readonly confirmedAction: string | undefined;
  /** What answers to the device are encrypted with: SubjectPublicKeyInfo, DER, base64. */
  readonly encryptionKey: string;
};
export type StaffCaller = Extract<Caller, { readonly kind: 'staff' }>;

/** Whose session a token is, as the book has it where `isFresh`; undefined: of none that is good now. @throws where nobody can tell */
export interface Authenticators {
  readonly user: (token: string, isFresh: boolean) => Promise<UserCaller | undefined>;
  readonly staff: (token: string, isFresh: boolean) => Promise<StaffCaller | undefined>;
}

const confirmedMs = 120_000;

export interface AdmitOptions {
  readonly authenticate: Authenticators;
  /** Whose a client certificate is. @param der as its connection has it */
  readonly admit: (der: Uint8Array) => Promise<Admission>;
}

const tokenForm = /^[A-Za-z0-9._~+/=-]{16,512}$/;
const nobody: Caller = { kind: 'nobody' };

/** @param atMs Unix ms @throws DoorRefused */
export async function callerOf(route: Route, request: FastifyRequest, { authenticate, admit }: AdmitOptions, atMs: number): Promise<Caller> {
  const { door, roles, isPublic } = route;
  if (door === 'server') return await partnerOf(request, admit);
  if (isPublic === true) return nobody;
  const token = tokenOf(request.headers.authorization);
  const ask = (isFresh: boolean): Promise<UserCaller | StaffCaller | undefined> | undefined => (token === undefined ? undefined : door === 'mobile' ? authenticate.user(token, isFresh) : authenticate.staff(token, isFresh));
  let caller = await ask(false);
  // The confirmation may have come through another switch a moment ago.
  if (caller !== undefined && lacksConfirmation(route, caller, atMs)) caller = await ask(true);
  if (caller === undefined) {
    const detail = request.headers.authorization === undefined ? 'a session is needed: Authorization: Bearer …' : 'this is no session that is good now';
    throw new DoorRefused({ status: 401, code: 'UNAUTHENTICATED', detail, headers: { 'www-authenticate': 'Bearer realm="locum"' } });
  }
  if (caller.kind === 'staff' && roles !== undefined && !roles.includes(caller.role)) {
    throw new DoorRefused({ status: 403, code: 'ROLE_REFUSED', detail: `this is for ${roles.join(', ')}` });
  }
  if (lacksConfirmation(route, caller, atMs)) throw new DoorRefused({ status: 403, code: 'CONFIRMATION_REQUIRED', detail: `this needs a second confirmation, for ${route.operationId} and not older than ${confirmedMs / 1_000} seconds` });
  return caller;
}

function lacksConfirmation({ needsConfirmation, operationId }: Route, caller: UserCaller | StaffCaller, atMs: number): boolean {
  if (needsConfirmation !== true) return false;
  const { confirmedAtMs } = caller;
  if (confirmedAtMs === undefined || atMs - confirmedAtMs > confirmedMs) return true;
  return caller.kind === 'user' && caller.confirmedAction !== undefined && caller.confirmedAction !== operationId;
}

function tokenOf(authorization: string | undefined): string | undefined {
  const [scheme = '', token = '', ...more] = (authorization ?? '').split(' ');
  return scheme.toLowerCase() === 'bearer' && more.length === 0 && tokenForm.test(token) ? token : undefined;
}

/** The peer's certificate in DER, taken once per connection; whether it is let in is asked each time. */
const certificates = new WeakMap<TLSSocket, Buffer | undefined>();

function certificateOf(request: FastifyRequest): Buffer | undefined {
  const socket: unknown = request.raw.socket;
  if (!(socket instanceof TLSSocket)) return undefined;
  if (!certificates.has(socket)) certificates.set(socket, socket.getPeerX509Certificate()?.raw);
  return certificates.get(socket);
}

const refusals: Readonly<Record<AdmissionRefusal, { readonly status: 401 | 403 | 503; readonly code: string; readonly detail: string }>> = {
  malformed: { status: 401, code: 'CERTIFICATE_MALFORMED', detail: 'the client certificate cannot be read' },
  foreign: { status: 401, code: 'CERTIFICATE_FOREIGN', detail: 'the client certificate is not one that this service\'s authority signed' },
  unknown: { status: 401, code: 'CERTIFICATE_UNKNOWN', detail: 'the client certificate is not among those that were issued' },
  notYetValid: { status: 403, code: 'CERTIFICATE_NOT_YET_VALID', detail: 'the client certificate is not good yet' },
  expired: { status: 403, code: 'CERTIFICATE_EXPIRED', detail: 'the client certificate\'s time is over' },
  revoked: { status: 403, code: 'CERTIFICATE_REVOKED', detail: 'the client certificate was revoked' },
  unavailable: { status: 503, code: 'CERTIFICATES_UNAVAILABLE', detail: 'nobody can tell now whether the client certificate is good' },
};

async function partnerOf(request: FastifyRequest, admit: AdmitOptions['admit']): Promise<Caller> {
  const der = certificateOf(request);
  if (der === undefined) throw new DoorRefused({ status: 401, code: 'CERTIFICATE_REQUIRED', detail: 'this door is for partners with a client certificate' });
  const admission = await admit(der);
  if ('refused' in admission) {
    const { status, code, detail } = refusals[admission.refused];
    throw new DoorRefused({ status, code, detail, headers: status === 503 ? { 'retry-after': '1' } : undefined });
  }
  return { kind: 'partner', partner: admission.partner, serial: admission.serial };
}

/** The certificates' keys, taken once per connection as well. */
const certificateKeys = new WeakMap<TLSSocket, Buffer | undefined>();

/** The RSA key of the client certificate, SPKI in DER; undefined: it is of another kind, or there is none. */
export function certificateKeyOf(request: FastifyRequest): Buffer | undefined {
  const socket: unknown = request.raw.socket;
  if (!(socket instanceof TLSSocket)) return undefined;
  if (!certificateKeys.has(socket)) {
    const key = socket.getPeerX509Certificate()?.publicKey;
    certificateKeys.set(socket, key?.asymmetricKeyType === 'rsa' ? key.export({ type: 'spki', format: 'der' }) : undefined);
  }
  return certificateKeys.get(socket);
}

/** Who calls, as limits, idempotency and the log name them. */
export function callerName(caller: Caller): string {
  switch (caller.kind) {
    case 'user': return `user:${caller.userId}`;
    case 'partner': return `partner:${caller.partner}`;
    case 'staff': return `staff:${caller.staffId}`;
    case 'nobody': return 'nobody';
  }
}
