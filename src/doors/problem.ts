/**
 * What a door says no with: a problem document of RFC 9457 with a `code` for programs, the `field` that is wrong (dotted, with its JSON pointer), and the
 * id of the request. Invariant: nothing of a card, a PIN or a key is in one; what callers wrote is masked before it is quoted.
 */
import { STATUS_CODES } from 'node:http';
import { maskText } from '../base/mask.ts';
import { LifecycleRefused } from '../lifecycle/refusal.ts';

export const problemType = 'application/problem+json; charset=utf-8';

export interface Problem {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  /** UPPER_SNAKE; it stays the same when the sentence is put better. */
  readonly code: string;
  readonly detail: string;
  /** Such as `amount.amountMinor`, or the name of a parameter or header. */
  readonly field?: string;
  /** Of a field of the body, as in `#/amount/amountMinor`. */
  readonly pointer?: string;
  readonly requestId: string;
}

export interface DoorRefusal {
  readonly status: number;
  readonly code: string;
  /** A sentence without its full stop. */
  readonly detail: string;
  readonly field?: string | undefined;
  readonly pointer?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** The door itself refuses, before or instead of a service. */
export class DoorRefused extends Error {
  override readonly name = 'DoorRefused';
  readonly refusal: DoorRefusal;

  constructor(refusal: DoorRefusal) {
    super(refusal.detail);
    this.refusal = refusal;
  }
}

export function problemOf({ status, code, detail, field, pointer }: DoorRefusal, requestId: string): Problem {
  return {
    type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, code, detail: maskText(detail),
    ...(field === undefined || field === '' ? {} : { field: maskText(field) }),
    ...(pointer === undefined || pointer === '' ? {} : { pointer: maskText(pointer) }),
    requestId,
  };
}

/** Codes of the framework's own refusals; the rest are `BAD_REQUEST`. */
const codesByStatus: Readonly<Record<number, string>> = { 404: 'NOT_FOUND', 413: 'BODY_TOO_LARGE', 414: 'URL_TOO_LONG', 415: 'UNSUPPORTED_MEDIA_TYPE' };

/** What was thrown as a refusal; undefined: it is a fault of ours, and its words are for the log alone. */
export function refusalOf(error: unknown): DoorRefusal | undefined {
  if (error instanceof DoorRefused) return error.refusal;
  if (error instanceof LifecycleRefused) {
    const { status, code, message, field } = error;
    return { status, code, detail: message, field, headers: status === 503 || status === 429 ? { 'retry-after': '1' } : undefined };
  }
  if (error instanceof Error && error.name === 'BookUnavailable') return { status: 503, code: 'UNAVAILABLE', detail: 'what this needs does not answer now', headers: { 'retry-after': '1' } };
  const status = error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500;
  if (status < 400 || status >= 500) return undefined;
  return { status, code: codesByStatus[status] ?? 'BAD_REQUEST', detail: status === 413 ? 'the body is longer than this door takes' : status === 415 ? 'bodies are JSON: Content-Type: application/json' : 'the request is not well-formed' };
}
