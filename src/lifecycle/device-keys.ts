/**
 * The keys that a device brings when it is paired, and what it signs.
 *
 *   session        locum-session\n<device id>\n<nonce>
 *   confirmation   locum-confirmation\n<session id>\n<nonce>\n<action>
 *
 * Refuses all but public keys: EC P-256 for signatures (ECDSA with SHA-256), RSA of 2048 to 4096 bits for encryption. Pure, but for the arithmetic.
 */
import { createHash, createPublicKey, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { LifecycleRefused } from './refusal.ts';

export interface ProofKey {
  /** The key alone, without what else the JWK said. */
  readonly jwk: string;
  /** RFC 7638, SHA-256, base64url. */
  readonly thumbprint: string;
}

const rsaBitsMin = 2048;
const rsaBitsMax = 4096;
/** Of r and s beside each other, as JOSE has them; DER, as telephones give it, is never as long as that. */
const joseSignatureBytes = 64;

/** @throws LifecycleRefused 400 */
export function readProofKey(jwk: unknown): ProofKey {
  const { kty, crv, x, y } = (jwk ?? {}) as Readonly<Record<string, unknown>>;
  if (kty !== 'EC' || crv !== 'P-256' || typeof x !== 'string' || typeof y !== 'string') throw invalid('proofKey', 'a public key of EC P-256 as JWK');
  // In the order of RFC 7638, so that the text is what the thumbprint is of.
  const text = JSON.stringify({ crv, kty, x, y });
  publicKeyOf(text, 'proofKey', 'a public key of EC P-256 as JWK');
  return { jwk: text, thumbprint: createHash('sha256').update(text).digest('base64url') };
}

/** @param base64 SubjectPublicKeyInfo in DER @returns it, as it is written in one way only @throws LifecycleRefused 400 */
export function readEncryptionKey(base64: string): string {
  const words = `an RSA key of ${rsaBitsMin} to ${rsaBitsMax} bits, SubjectPublicKeyInfo in base64`;
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(base64, 'base64'), format: 'der', type: 'spki' });
  } catch {
    throw invalid('encryptionKey', words);
  }
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType !== 'rsa' || modulusLength < rsaBitsMin || modulusLength > rsaBitsMax || publicExponent < 65_537n) throw invalid('encryptionKey', words);
  return key.export({ format: 'der', type: 'spki' }).toString('base64');
}

export function sessionText(deviceId: string, nonce: string): string {
  return `locum-session\n${deviceId}\n${nonce}`;
}

export function confirmationText(sessionId: string, nonce: string, action: string): string {
  return `locum-confirmation\n${sessionId}\n${nonce}\n${action}`;
}

/** @param signature base64url: r and s beside each other, or DER */
export function isSignedBy(jwk: string, text: string, signature: string): boolean {
  const bytes = Buffer.from(signature, 'base64url');
  try {
    const key = publicKeyOf(jwk, 'proofKey', 'a key');
    return verify('sha256', Buffer.from(text, 'utf8'), { key, dsaEncoding: bytes.length === joseSignatureBytes ? 'ieee-p1363' : 'der' }, bytes);
  } catch {
    // Bytes that are no signature.
    return false;
  }
}

function publicKeyOf(jwk: string, field: string, words: string): KeyObject {
  try {
    return createPublicKey({ key: JSON.parse(jwk) as Readonly<Record<string, string>>, format: 'jwk' });
  } catch {
    throw invalid(field, words);
  }
}

function invalid(field: string, words: string): LifecycleRefused {
  return new LifecycleRefused(400, 'KEY_INVALID', `this is not ${words}`, field);
}
