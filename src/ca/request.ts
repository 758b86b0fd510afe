/**
 * Reads a certificate signing request (PKCS #10, RFC 2986) of somebody whom nobody trusts yet.
 *
 * Of a request nothing is taken but its public key, whose private part its signature proves. Refused, each with its reason: what is
 * too long, no PEM, more than one block, no PKCS #10 or with bytes behind it; a signature that is wrong or made with an old hash; a key that is weak or
 * of another kind; a subject with other than printable characters; and a request to be an authority itself.
 */
import { createHash, createPublicKey, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { CertificationRequest } from '@peculiar/asn1-csr';
import { AsnConvert } from '@peculiar/asn1-schema';
import { BasicConstraints, Extensions, id_ce_basicConstraints } from '@peculiar/asn1-x509';
import { CaError } from './ca-error.ts';
import { readPem } from './pem.ts';

export interface CertificateRequest {
  readonly publicKey: KeyObject;
  /** SHA-256 of the key's SubjectPublicKeyInfo in hexadecimal digits: whether a key was certified before is told by it. */
  readonly keyDigest: string;
  /** Such as `RSA 3072`, `P-256` or `Ed25519`. */
  readonly keyWords: string;
  /** The last of the subject's; not trusted. Undefined where it has none. */
  readonly commonName: string | undefined;
}

/** Room for an RSA key of 8,192 bits and more extensions than anybody has. */
export const requestCharactersMax = 16_384;
const rsaBitsMin = 2_048;
const rsaBitsMax = 8_192;
const rsaExponentMin = 65_537n;
const rsaExponentMax = 0xffff_ffffn;
/** By OpenSSL's name: ours, and how many bytes a key has that names the curve and has its point in full (RFC 5480). */
const curves: Readonly<Record<string, { readonly words: string; readonly bytes: number }>> = { prime256v1: { words: 'P-256', bytes: 91 }, secp384r1: { words: 'P-384', bytes: 120 } };
/** Hashes of signature algorithms that are taken, by their object identifiers; null: the algorithm has its own. */
const hashes: Readonly<Record<string, string | null>> = {
  '1.2.840.113549.1.1.11': 'sha256', '1.2.840.113549.1.1.12': 'sha384', '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.3.2': 'sha256', '1.2.840.10045.4.3.3': 'sha384', '1.2.840.10045.4.3.4': 'sha512', '1.3.101.112': null,
};
const keyTypesOf: readonly (readonly [oids: string, keyType: string])[] = [['1.2.840.113549.', 'rsa'], ['1.2.840.10045.', 'ec'], ['1.3.101.112', 'ed25519']];
const commonNameType = '2.5.4.3';
const sequenceTag = 0x30;
const extensionRequests = ['1.2.840.113549.1.9.14', '1.3.6.1.4.1.311.2.1.14'];
/** A request needs a fraction. */
const limits = { berOptions: { maxDepth: 32, maxNodes: 2_000, maxContentLength: requestCharactersMax } } as const;

/** @param text PEM @throws CaError */
export function readRequest(text: string): CertificateRequest {
  if (text.length > requestCharactersMax) throw new CaError('request_too_long', `a certificate request has ${requestCharactersMax} characters at most, and this one ${text.length}`);
  if ((text.match(/-----BEGIN /g) ?? []).length > 1) throw new CaError('request_malformed', 'there is more than one PEM block; a request is one, and a private key stays with whom it belongs to');
  const der = readPem(text, ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST']);
  if (der === undefined) throw new CaError('request_malformed', 'this is not a certificate request in PEM (-----BEGIN CERTIFICATE REQUEST-----)');
  const request = parsed(der);
  const publicKey = keyOf(request);
  const keyWords = wordsOf(publicKey);
  refuseSignature(request, publicKey);
  refuseAuthority(request);
  const keyDigest = createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('hex');
  return { publicKey, keyDigest, keyWords, commonName: commonNameOf(request) };
}

function parsed(der: Buffer): CertificationRequest {
  try {
    // The parser takes the first element's tag for granted.
    if (der[0] === sequenceTag && lengthOf(der) === der.length) return AsnConvert.parse(der, CertificationRequest, limits);
  } catch {
    // Whatever the parser says of it, it is said below.
  }
  throw new CaError('request_malformed', 'the PEM block is not a certificate request (PKCS #10)');
}

/** How long the first element says that it is; DER has definite lengths alone. */
function lengthOf(der: Buffer): number {
  const first = der[1] ?? 0x80;
  if (first < 0x80) return 2 + first;
  const bytes = first & 0x7f;
  return bytes < 1 || bytes > 4 || der.length < 2 + bytes ? -1 : 2 + bytes + der.readUIntBE(2, bytes);
}

function keyOf({ certificationRequestInfo: { subjectPKInfo } }: CertificationRequest): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(AsnConvert.serialize(subjectPKInfo)), format: 'der', type: 'spki' });
  } catch {
    throw new CaError('request_key_refused', 'the public key of the request cannot be read, or is of a kind that is not known');
  }
}

/** @throws CaError where it is a key that is not certified */
function wordsOf(publicKey: KeyObject): string {
  const { asymmetricKeyType, asymmetricKeyDetails } = publicKey;
  if (asymmetricKeyType === 'ed25519') return 'Ed25519';
  if (asymmetricKeyType === 'rsa') {
    const { modulusLength: bits = 0, publicExponent: exponent = 0n } = asymmetricKeyDetails ?? {};
    if (bits < rsaBitsMin || bits > rsaBitsMax) throw new CaError('request_key_refused', `an RSA key has ${rsaBitsMin} to ${rsaBitsMax} bits, and this one ${bits}`);
    if (exponent < rsaExponentMin || exponent > rsaExponentMax || exponent % 2n === 0n) throw new CaError('request_key_refused', 'the public exponent of an RSA key is odd, from 65537 to 32 bits');
    return `RSA ${bits}`;
  }
  const curve = asymmetricKeyType === 'ec' ? curves[asymmetricKeyDetails?.namedCurve ?? ''] : undefined;
  if (curve === undefined) throw new CaError('request_key_refused', 'a key is RSA, P-256, P-384 or Ed25519');
  if (publicKey.export({ type: 'spki', format: 'der' }).length !== curve.bytes) throw new CaError('request_key_refused', `a ${curve.words} key names its curve, and has its point uncompressed`);
  return curve.words;
}

function refuseSignature({ certificationRequestInfoRaw: signed, signatureAlgorithm: { algorithm }, signature }: CertificationRequest, publicKey: KeyObject): void {
  const hash = hashes[algorithm];
  if (hash === undefined) throw new CaError('request_signature_wrong', 'the request is signed with an algorithm that is not taken; SHA-256, SHA-384 or SHA-512 with RSA (PKCS #1) or ECDSA, and Ed25519 are');
  const keyType = keyTypesOf.find(([oids]) => algorithm.startsWith(oids))?.[1];
  if (keyType !== publicKey.asymmetricKeyType || signed === undefined || !isSigned(hash, Buffer.from(signed), publicKey, Buffer.from(signature))) {
    throw new CaError('request_signature_wrong', 'the request is not signed with the key that it has; it was changed, or who sent it does not have the key');
  }
}

function isSigned(hash: string | null, signed: Buffer, publicKey: KeyObject, signature: Buffer): boolean {
  try {
    return verify(hash, signed, publicKey, signature);
  } catch {
    return false;
  }
}

/** Other extensions than these are left aside: what a certificate says is the authority's alone. */
function refuseAuthority({ certificationRequestInfo: { attributes } }: CertificationRequest): void {
  for (const { type, values } of attributes ?? []) {
    if (!extensionRequests.includes(type)) continue;
    for (const value of values) {
      for (const { extnID, extnValue } of readExtensions(value)) {
        if (extnID !== id_ce_basicConstraints) continue;
        if (asksAuthority(extnValue.buffer)) throw new CaError('request_asks_authority', 'the request asks to be an authority (CA:TRUE), and partners are none');
      }
    }
  }
}

function readExtensions(value: ArrayBuffer): Extensions {
  try {
    return AsnConvert.parse(value, Extensions, limits);
  } catch {
    throw new CaError('request_malformed', 'the extensions that the request asks for cannot be read');
  }
}

function asksAuthority(value: ArrayBuffer): boolean {
  try {
    return AsnConvert.parse(value, BasicConstraints, limits).cA;
  } catch {
    return true;
  }
}

function commonNameOf({ certificationRequestInfo: { subject } }: CertificationRequest): string | undefined {
  let commonName: string | undefined;
  for (const names of subject) {
    for (const { type, value } of names) {
      const text = value.toString();
      if (text.length > 256 || /[^\P{C}]|[\u2028\u2029]/u.test(text)) throw new CaError('request_name_refused', 'the subject of the request has characters that are not printed, or is longer than a name');
      if (type === commonNameType) commonName = text;
    }
  }
  return commonName;
}
