/**
 * Asks a running switch for an operation, as its operator or as another switch: over HTTP, with the token.
 *
 * Every ending is one of: done, refused with its sentence and field, not reached. Nothing is tried twice: what was not answered may
 * have been done.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, fetch } from 'undici';
import type { TlsPlace } from './config-doors.ts';

export interface OperatorAddress {
  /** Such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly token: string;
  /** Who asks: 1 to 64 printable characters of ASCII. */
  readonly by: string;
  /** The certificate that the switch has to show, PEM; undefined: one of an authority that this machine trusts. */
  readonly certificate?: string | undefined;
}

export interface OperatorRequest {
  readonly method: 'GET' | 'POST';
  /** Below `/operator/`; parts that are names are encoded by the caller. */
  readonly path: string;
  /** Of a GET in the query, of a POST in the body; undefined fields are left out. */
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly timeoutMs: number;
}

export type OperatorAnswer =
  | { readonly kind: 'done'; readonly answer: unknown }
  | { readonly kind: 'refused'; readonly status: number; readonly detail: string; readonly field: string | undefined }
  /** Whether it was done is not known where the connection was made. */
  | { readonly kind: 'unreached'; readonly why: string };

export async function askOperator({ url, token, by, certificate }: OperatorAddress, { method, path, fields = {}, timeoutMs }: OperatorRequest): Promise<OperatorAnswer> {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  const query = new URLSearchParams(method === 'GET' ? given.map(([name, value]) => [name, String(value)]) : []).toString();
  const dispatcher = certificate === undefined ? undefined : trusting(certificate);
  try {
    const response = await fetch(`${url}/operator/${path}${query === '' ? '' : `?${query}`}`, {
      method, redirect: 'error', ...(dispatcher === undefined ? {} : { dispatcher }), signal: AbortSignal.timeout(timeoutMs),
      headers: { authorization: `Bearer ${token}`, 'locum-operator': by, ...(method === 'POST' ? { 'content-type': 'application/json' } : {}) },
      ...(method === 'POST' ? { body: JSON.stringify(Object.fromEntries(given)) } : {}),
    });
    const body: unknown = await response.json();
    if (response.ok) return { kind: 'done', answer: body };
    const { detail, field } = body as { readonly detail?: unknown; readonly field?: unknown };
    return { kind: 'refused', status: response.status, detail: typeof detail === 'string' ? detail : `HTTP ${response.status}`, field: typeof field === 'string' ? field : undefined };
  } catch (error) {
    return { kind: 'unreached', why: reasonOf(error) };
  } finally {
    await dispatcher?.close();
  }
}

/** Connections to whoever shows this certificate, under whatever name it is reached: it is known by its bytes. */
function trusting(certificate: string): Agent {
  const { fingerprint256 } = new X509Certificate(certificate);
  return new Agent({
    connect: {
      ca: certificate, allowPartialTrustChain: true,
      checkServerIdentity: (_name, shown) => (shown.fingerprint256 === fingerprint256 ? undefined : new Error('the switch shows another certificate than the one that is configured')),
    },
  });
}

/** A caller's name as the door takes it. */
export function operatorName(name: string): string {
  const printable = name.replaceAll(/[^\x20-\x7e]/g, '?').trim().slice(0, 64);
  return printable === '' ? 'unnamed' : printable;
}

/** An address for a listener that is on all of them. */
export function urlOf({ host, port, tls }: HttpPlace): string {
  const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${tls === undefined ? 'http' : 'https'}://${name.includes(':') ? `[${name}]` : name}:${port}`;
}

/** What the listener there has to show; undefined: it has no TLS. @throws Error where the file cannot be read */
export function certificateOf({ tls }: HttpPlace): string | undefined {
  return tls === undefined ? undefined : readFileSync(tls.certificateFile, 'utf8');
}

export interface HttpPlace {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsPlace | undefined;
}

/** What a switch says of itself at `/ready`; undefined: none answers. */
export async function readyAt(place: HttpPlace, timeoutMs: number): Promise<unknown> {
  const certificate = certificateOf(place);
  const dispatcher = certificate === undefined ? undefined : trusting(certificate);
  try {
    return await (await fetch(`${urlOf(place)}/ready`, { ...(dispatcher === undefined ? {} : { dispatcher }), signal: AbortSignal.timeout(timeoutMs) })).json();
  } catch {
    return undefined;
  } finally {
    await dispatcher?.close();
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string' && cause.code !== '') return cause.code;
  return cause instanceof Error ? cause.message : String(cause);
}
