/**
 * Certificates for trying out TLS on one machine: an authority whose key is thrown away, and what it has signed (X.509 v3, RFC 5280; P-256,
 * ECDSA with SHA-256). Not for production: nothing is ever revoked or renewed.
 */
import { generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

export interface CertifiedKey {
  /** PEM. */
  readonly certificate: string;
  readonly privateKey: string;
}

export interface CertificateOutside {
  /** Unix ms. */
  readonly now: () => number;
  readonly randomBytes: (count: number) => Buffer;
}

interface Subject {
  readonly commonName: string;
  /** DNS names, and IPv4 addresses as four numbers. */
  readonly names: readonly string[];
  readonly isAuthority: boolean;
  readonly usage: 'serverAuth' | 'clientAuth' | undefined;
}

const validDays = 397;
const dayMs = 86_400_000;

export class LoopbackAuthority {
  readonly certificate: string;
  readonly #outside: CertificateOutside;
  readonly #key: KeyObject;
  readonly #name: string;

  constructor(name: string, outside: CertificateOutside) {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#name = name;
    this.#key = privateKey;
    this.#outside = outside;
    this.certificate = this.#certify({ commonName: name, names: [], isAuthority: true, usage: undefined }, publicKey);
  }

  issue(commonName: string, usage: 'serverAuth' | 'clientAuth', names: readonly string[]): CertifiedKey {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return { certificate: this.#certify({ commonName, names, isAuthority: false, usage }, publicKey), privateKey: pemOf(privateKey) };
  }

  #certify(subject: Subject, key: KeyObject): string {
    const { now, randomBytes } = this.#outside;
    const serial = randomBytes(16);
    // Positive, and not zero.
    serial[0] = (serial[0]! & 0x7f) | 0x40;
    const body = sequence(
      tagged(0xa0, integer(2)), tagged(0x02, serial), sequence(oid(ecdsaWithSha256)), nameOf(this.#name),
      sequence(timeOf(now() - dayMs), timeOf(now() + validDays * dayMs)), nameOf(subject.commonName), key.export({ type: 'spki', format: 'der' }),
      tagged(0xa3, sequence(...extensionsOf(subject))),
    );
    const signed = sequence(body, sequence(oid(ecdsaWithSha256)), bits(sign('sha256', body, this.#key)));
    return `-----BEGIN CERTIFICATE-----\n${signed.toString('base64').replaceAll(/.{64}(?=.)/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
  }
}

/** PKCS #8. */
export function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' });
}

const ecdsaWithSha256 = '1.2.840.10045.4.3.2';

function extensionsOf({ names, isAuthority, usage }: Subject): Buffer[] {
  // digitalSignature, or keyCertSign and cRLSign; RFC 5280, 4.2.1.3.
  const keyUsage = isAuthority ? Buffer.from([0x03, 0x02, 0x01, 0x06]) : Buffer.from([0x03, 0x02, 0x07, 0x80]);
  const extensions = [
    extension('2.5.29.19', true, isAuthority ? sequence(Buffer.from([0x01, 0x01, 0xff])) : sequence()),
    extension('2.5.29.15', true, keyUsage),
  ];
  if (usage !== undefined) extensions.push(extension('2.5.29.37', false, sequence(oid(usage === 'serverAuth' ? '1.3.6.1.5.5.7.3.1' : '1.3.6.1.5.5.7.3.2'))));
  if (names.length > 0) extensions.push(extension('2.5.29.17', false, sequence(...names.map(alternativeName))));
  return extensions;
}

function extension(id: string, isCritical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(isCritical ? [Buffer.from([0x01, 0x01, 0xff])] : []), tagged(0x04, value));
}

function alternativeName(name: string): Buffer {
  return /^[0-9.]+$/.test(name) ? tagged(0x87, Buffer.from(name.split('.').map(Number))) : tagged(0x82, Buffer.from(name, 'latin1'));
}

function nameOf(commonName: string): Buffer {
  return sequence(tagged(0x31, sequence(oid('2.5.4.3'), tagged(0x0c, Buffer.from(commonName, 'utf8')))));
}

/** UTCTime up to 2049, as RFC 5280, 4.1.2.5 has it; GeneralizedTime from then on. */
function timeOf(unixMs: number): Buffer {
  const digits = new Date(unixMs).toISOString().slice(0, 19).replaceAll(/[^0-9]/g, '');
  return Number(digits.slice(0, 4)) < 2050 ? tagged(0x17, Buffer.from(`${digits.slice(2)}Z`)) : tagged(0x18, Buffer.from(`${digits}Z`));
}

function integer(value: number): Buffer {
  return tagged(0x02, Buffer.from([value]));
}

function bits(content: Buffer): Buffer {
  return tagged(0x03, Buffer.concat([Buffer.from([0]), content]));
}

function sequence(...contents: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(contents));
}

/** Tag, definite length, content. */
function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const head = length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), content]);
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return tagged(0x06, Buffer.from(bytes));
}
