/**
 * Locum's certificate authority: it certifies the keys of partners' back ends, and says what is revoked.
 *
 * Owns what a certificate says: whose partner it is (subject CN, and a URI), that it is for clients of TLS, that it is no authority, and
 * how long it is good. A request decides none of that. Invariants: a serial number is 128 random bits; no certificate outlives the authority's own.
 */
import { createHash, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { CaError } from './ca-error.ts';
import { certify, signRevocationList } from './certificate.ts';
import type { RevokedSerial, Signer } from './certificate.ts';
import { writePem } from './pem.ts';
import type { CertificateRequest } from './request.ts';

export interface AuthorityOutside {
  /** Unix ms. */
  readonly now: () => number;
  readonly randomBytes: (count: number) => Uint8Array;
}

/** A certificate that was made. */
export interface MadeCertificate {
  /** 34 hexadecimal digits. */
  readonly serial: string;
  readonly subject: string;
  /** SHA-256 of the DER, 64 hexadecimal digits. */
  readonly fingerprint: string;
  /** Unix ms, whole seconds. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** PEM. */
  readonly certificate: string;
}

export const validDaysDefault = 397;
export const validDaysMax = 825;
export const authorityDaysDefault = 3_650;
export const authorityDaysMax = 7_300;
export const authorityNameDefault = 'Locum partner authority';
/** Clocks of others may be behind. */
const backdatedMs = 300_000;
const dayMs = 86_400_000;
const listDays = 7;

/** A new authority, with its own certificate. @param days until that ends, 1 to `authorityDaysMax` */
export function makeAuthority(commonName: string, days: number, { now, randomBytes }: AuthorityOutside): { readonly certificate: Buffer; readonly privateKey: KeyObject } {
  refuseDays(days, authorityDaysMax);
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const notBeforeMs = now() - backdatedMs;
  const content = { serial: newSerial(randomBytes), commonName, publicKey, notBeforeMs, notAfterMs: notBeforeMs + days * dayMs, clientUri: undefined };
  return { certificate: certify({ commonName, publicKey, privateKey }, content), privateKey };
}

/** What a partner's certificate names it by, besides its subject. */
export function partnerUri(partner: string): string {
  return `urn:locum:partner:${partner}`;
}

export class Authority {
  readonly #signer: Signer;
  readonly #endsMs: number;
  readonly #outside: AuthorityOutside;

  /** @param key its certificate (DER) and the private key to it */
  constructor({ certificate, privateKey }: { readonly certificate: Uint8Array; readonly privateKey: KeyObject }, outside: AuthorityOutside) {
    const own = new X509Certificate(certificate);
    this.#signer = { commonName: commonNameOf(own), publicKey: createPublicKey(privateKey), privateKey };
    this.#endsMs = own.validToDate.getTime();
    this.#outside = outside;
  }

  /** @param days how long it is good; less where the authority's own certificate ends before @throws CaError */
  certify({ publicKey }: Pick<CertificateRequest, 'publicKey'>, partner: string, days: number): MadeCertificate {
    refuseDays(days, validDaysMax);
    const nowMs = this.#outside.now();
    if (nowMs >= this.#endsMs) throw new CaError('validity_refused', `the authority's certificate ended at ${new Date(this.#endsMs).toISOString()}`);
    const serial = newSerial(this.#outside.randomBytes);
    const notAfterMs = Math.min(nowMs + days * dayMs, this.#endsMs);
    return madeOf(certify(this.#signer, { serial, commonName: partner, publicKey, notBeforeMs: nowMs - backdatedMs, notAfterMs, clientUri: partnerUri(partner) }));
  }

  /** What is revoked, for software that reads such lists; good for a week. @returns PEM */
  revocationList(revoked: readonly RevokedSerial[]): string {
    const nowMs = this.#outside.now();
    return writePem('X509 CRL', signRevocationList(this.#signer, revoked, { number: nowMs, thisUpdateMs: nowMs, nextUpdateMs: nowMs + listDays * dayMs }));
  }
}

/** @param der a certificate that the authority made */
export function madeOf(der: Uint8Array): MadeCertificate {
  const certificate = new X509Certificate(der);
  return {
    serial: certificate.serialNumber.toLowerCase(), subject: certificate.subject, fingerprint: fingerprintOf(der),
    notBeforeMs: certificate.validFromDate.getTime(), notAfterMs: certificate.validToDate.getTime(), certificate: writePem('CERTIFICATE', der),
  };
}

/** SHA-256, in hexadecimal digits. */
export function fingerprintOf(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex');
}

function commonNameOf({ subject }: X509Certificate): string {
  return /^CN=(.*)$/m.exec(subject)?.[1] ?? '';
}

/** Not to be guessed; the byte in front keeps it positive, and all of one length. */
function newSerial(randomBytes: AuthorityOutside['randomBytes']): Uint8Array {
  return Uint8Array.from([0x40, ...randomBytes(16)]);
}

function refuseDays(days: number, daysMax: number): void {
  if (!Number.isSafeInteger(days) || days < 1 || days > daysMax) throw new CaError('validity_refused', `a certificate is good for 1 to ${daysMax} days`);
}
