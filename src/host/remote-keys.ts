/**
 * The keys of an issuer at a URL, from their files: ours to sign with, the issuer's to verify with and to encrypt card numbers for.
 *
 * Refuses keys of a kind that the protocol does not have. Never says what a file holds.
 */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { JsonWebKeyInput, KeyObject } from 'node:crypto';
import { CompactEncrypt } from 'jose';
import type { SignatureAlgorithm, SignatureKey } from './remote-signature.ts';

/** A text that is no key of the kind that is asked for; the message is a sentence's end, after the place. */
export class RemoteKeyError extends Error {
  override readonly name = 'RemoteKeyError';
  readonly code = 'remoteKeyInvalid';
}

export interface EncryptionKey {
  readonly id: string;
  readonly algorithm: 'RSA-OAEP-256' | 'ECDH-ES';
  readonly key: KeyObject;
}

/** @param text PEM (PKCS #8), or a JWK. @throws RemoteKeyError */
export function signingKey(id: string, text: string): SignatureKey {
  const key = keyOf(text, createPrivateKey, 'is not a private key in PEM without a password, or a JWK');
  return { id, algorithm: signatureAlgorithmOf(key), key };
}

/** @param text PEM (SPKI, or a certificate), or a JWK. @throws RemoteKeyError */
export function verificationKey(id: string, text: string): SignatureKey {
  const key = publicKeyOf(text);
  return { id, algorithm: signatureAlgorithmOf(key), key };
}

/** @throws RemoteKeyError */
export function encryptionKey(id: string, text: string): EncryptionKey {
  const key = publicKeyOf(text);
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'rsa' && (details?.modulusLength ?? 0) >= 2_048) return { id, algorithm: 'RSA-OAEP-256', key };
  if ((type === 'ec' && details?.namedCurve === 'prime256v1') || type === 'x25519') return { id, algorithm: 'ECDH-ES', key };
  throw new RemoteKeyError('must be an RSA key of 2048 bits or more, a P-256 key or an X25519 key');
}

/** A compact JWE of the value as JSON, A256GCM. */
export async function encryptFor({ id, algorithm, key }: EncryptionKey, value: Readonly<Record<string, string>>): Promise<string> {
  return await new CompactEncrypt(Buffer.from(JSON.stringify(value))).setProtectedHeader({ alg: algorithm, enc: 'A256GCM', kid: id }).encrypt(key);
}

function signatureAlgorithmOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): SignatureAlgorithm {
  if (type === 'ed25519') return 'EdDSA';
  if (type === 'ec' && details?.namedCurve === 'prime256v1') return 'ES256';
  throw new RemoteKeyError('must be an Ed25519 key (EdDSA) or a P-256 key (ES256)');
}

function publicKeyOf(text: string): KeyObject {
  const fault = 'is not a public key or a certificate in PEM, or a JWK';
  // Node takes the public half of a private key; whoever holds that of the other side has been sent too much.
  if (/PRIVATE KEY-----/.test(text)) throw new RemoteKeyError('is a private key; the public one belongs there');
  return keyOf(text, createPublicKey, fault);
}

function keyOf(text: string, create: (key: string | JsonWebKeyInput) => KeyObject, fault: string): KeyObject {
  try {
    if (!text.trimStart().startsWith('{')) return create(text);
    return create({ key: JSON.parse(text) as JsonWebKeyInput['key'], format: 'jwk' });
  } catch {
    throw new RemoteKeyError(fault);
  }
}
