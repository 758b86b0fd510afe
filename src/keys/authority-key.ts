/**
 * The private key of the certificate authority in the key file: PKCS #8, wrapped under the master key and bound to the authority's
 * certificate. A file has one, and keeps it; another master key wraps it again in the same step as every other key.
 *
 * Refuses a second one, and one that is not the key of its certificate. It is in memory while it signs, and no longer.
 */
import { createHash, createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { KeyError } from './key-error.ts';
import { changeKeyFile, parseKeyFile, readKeyFile } from './key-file.ts';
import type { WrappedAuthority } from './key-file.ts';
import type { MasterKey } from './master-key.ts';
import type { RandomBytes } from './seal.ts';

/** What the access log calls it. */
export const authorityKeyName = 'authority';

export interface AuthorityKey {
  /** DER. */
  readonly certificate: Buffer;
  readonly privateKey: KeyObject;
}

/** Adds it. @throws KeyError where there is one already, or the two do not belong together */
export function storeAuthorityKey(path: string, master: MasterKey, { certificate, privateKey }: AuthorityKey, random: RandomBytes): void {
  refuseOther(path, certificate, privateKey);
  changeKeyFile(path, () => {
    const file = readKeyFile(path, master);
    if (file.authority !== undefined) throw new KeyError('key_refused', `${path} has the key of an authority already`);
    const clear = privateKey.export({ type: 'pkcs8', format: 'der' });
    const authority = { certificate: certificate.toString('base64'), wrapped: master.wrap(clear, labelOf(certificate), random).toString('base64') };
    clear.fill(0);
    return { ...file, authority };
  });
}

/** Needs no master key. @returns DER; undefined where the file has none @throws KeyError */
export function authorityCertificateIn(path: string): Buffer | undefined {
  const { authority } = parseKeyFile(path);
  return authority === undefined ? undefined : Buffer.from(authority.certificate, 'base64');
}

/** @returns undefined where the file has none @throws KeyError `key_damaged` where it does not open */
export function openAuthorityKey(path: string, master: MasterKey): AuthorityKey | undefined {
  const { authority } = readKeyFile(path, master);
  if (authority === undefined) return undefined;
  const certificate = Buffer.from(authority.certificate, 'base64');
  const clear = unwrapAuthority(path, master, authority);
  try {
    const privateKey = createPrivateKey({ key: clear, format: 'der', type: 'pkcs8' });
    refuseOther(path, certificate, privateKey);
    return { certificate, privateKey };
  } catch (error) {
    throw error instanceof KeyError ? error : damaged(path);
  } finally {
    clear.fill(0);
  }
}

/** The same key under another master key. @throws KeyError where it does not open */
export function rewrappedAuthority(path: string, authority: WrappedAuthority, from: MasterKey, to: MasterKey, random: RandomBytes): WrappedAuthority {
  const clear = unwrapAuthority(path, from, authority);
  const wrapped = to.wrap(clear, labelOf(Buffer.from(authority.certificate, 'base64')), random).toString('base64');
  clear.fill(0);
  return { ...authority, wrapped };
}

function unwrapAuthority(path: string, master: MasterKey, { certificate, wrapped }: WrappedAuthority): Buffer {
  const clear = master.unwrap(Buffer.from(wrapped, 'base64'), labelOf(Buffer.from(certificate, 'base64')));
  if (clear === undefined) throw damaged(path);
  return clear;
}

function labelOf(certificate: Buffer): string {
  return `locum-authority/1|${createHash('sha256').update(certificate).digest('hex')}`;
}

function refuseOther(path: string, certificate: Buffer, privateKey: KeyObject): void {
  if (!new X509Certificate(certificate).publicKey.equals(createPublicKey(privateKey))) throw damaged(path);
}

function damaged(path: string): KeyError {
  return new KeyError('key_damaged', `${path}: the authority's key is not what was wrapped`);
}
