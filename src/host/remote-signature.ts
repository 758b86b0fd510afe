/**
 * Signed bodies: a detached JWS (RFC 7515, appendix F) over the exact bytes of a body, in a header beside it.
 *
 *   X-JWS-Signature: <protected header> .. <signature>
 *   protected header: alg, kid, typ (which way it goes), iat (Unix seconds), idempotencyKey
 *
 * Refuses what another key, algorithm or way was signed with, what was signed for another message, and what is older or newer than the
 * clocks may differ. Invariant: the algorithm is the key's, never the header's choice.
 */
import type { KeyObject } from 'node:crypto';
import { decodeProtectedHeader, errors, flattenedVerify, FlattenedSign } from 'jose';

export type SignatureAlgorithm = 'EdDSA' | 'ES256';

export interface SignatureKey {
  /** kid. */
  readonly id: string;
  readonly algorithm: SignatureAlgorithm;
  readonly key: KeyObject;
}

/** Of the switch's messages, and of the issuer's answers: the one is never taken for the other. */
export type SignatureWay = 'locum-message' | 'locum-answer';

export interface Signed {
  readonly way: SignatureWay;
  readonly idempotencyKey: string;
  /** Unix ms. */
  readonly nowMs: number;
}

export async function signDetached(body: Uint8Array, { id, algorithm, key }: SignatureKey, { way, idempotencyKey, nowMs }: Signed): Promise<string> {
  const { protected: header, signature } = await new FlattenedSign(body)
    .setProtectedHeader({ alg: algorithm, kid: id, typ: way, iat: Math.floor(nowMs / 1_000), idempotencyKey })
    .sign(key);
  return `${header}..${signature}`;
}

/** @returns why the signature is none, in words without a value of it; empty where it is one */
export async function signatureFault(text: string, body: Uint8Array, keys: readonly SignatureKey[], { way, idempotencyKey, nowMs }: Signed, skewMs: number): Promise<string> {
  if (text === '') return 'the signature is missing';
  if (text.length > signatureLengthMax) return 'the signature is too long';
  const [header = '', payload, signature = '', more] = text.split('.');
  if (payload !== '' || more !== undefined || header === '' || signature === '') return 'the signature is no detached JWS';
  let said: Readonly<Record<string, unknown>>;
  try {
    said = decodeProtectedHeader({ protected: header }) as Readonly<Record<string, unknown>>;
  } catch {
    return 'the signature is no detached JWS';
  }
  const found = keys.find(({ id }) => id === said['kid']);
  if (found === undefined) return 'the signature is by a key that is not known (kid)';
  if (said['alg'] !== found.algorithm) return 'the signature is by another algorithm than its key\'s (alg)';
  try {
    await flattenedVerify({ protected: header, payload: Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('base64url'), signature }, found.key, { algorithms: [found.algorithm] });
  } catch (error) {
    return error instanceof errors.JWSSignatureVerificationFailed ? 'the signature is wrong' : 'the signature is no detached JWS';
  }
  if (said['typ'] !== way) return 'the signature is of a message that goes the other way (typ)';
  if (said['idempotencyKey'] !== idempotencyKey) return 'the signature is of another message (idempotencyKey)';
  const signedAt = said['iat'];
  if (typeof signedAt !== 'number' || !(Math.abs(nowMs - signedAt * 1_000) <= skewMs + 1_000)) return 'the signature is stale, or the clocks differ (iat)';
  return '';
}

/** Far more than a header with the longest names comes to. */
const signatureLengthMax = 4_096;
