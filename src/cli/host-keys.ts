/**
 * The folder with all that an issuer at a URL and the switch need of each other to be tried out on one machine: TLS certificates for both,
 * keys to sign with, and the issuer's key that card numbers are encrypted with. Made where it is missing, and then left as it is.
 */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encryptionKey, RemoteKeyError, signingKey, verificationKey } from '../host/remote-keys.ts';
import type { SignatureKey } from '../host/remote-signature.ts';
import { Failure } from './command.ts';
import { LoopbackAuthority, pemOf } from './host-certificates.ts';
import type { CertificateOutside } from './host-certificates.ts';

export interface IssuerKeys {
  /** PEM. */
  readonly authorities: string;
  readonly certificate: string;
  readonly privateKey: string;
  /** The issuer's own. */
  readonly signing: SignatureKey;
  /** The switch's. */
  readonly verification: readonly SignatureKey[];
  readonly decryption: { readonly id: string; readonly algorithm: string; readonly key: KeyObject };
}

const files = {
  authorities: 'authority.pem',
  issuerCertificate: 'issuer.pem', issuerKey: 'issuer.key',
  switchCertificate: 'switch.pem', switchKey: 'switch.key',
  issuerSigning: 'issuer-signing.key', issuerVerification: 'issuer-signing.pub',
  switchSigning: 'switch-signing.key', switchVerification: 'switch-signing.pub',
  issuerDecryption: 'issuer-encryption.key', issuerEncryption: 'issuer-encryption.pub',
} as const;

const names = { switchSigning: 'switch-1', issuerSigning: 'issuer-1', issuerEncryption: 'issuer-pan-1' } as const;

/** @throws Failure where the folder is there and has something else in it */
export function openIssuerKeys(folder: string, outside: CertificateOutside): IssuerKeys {
  if (!existsSync(folder)) makeFolder(folder, outside);
  const read = (file: string): string => {
    try {
      return readFileSync(join(folder, file), 'utf8');
    } catch {
      throw new Failure(`${folder} has no ${file}; name a folder that is not there yet, and all that is needed is made in it`);
    }
  };
  try {
    return {
      authorities: read(files.authorities), certificate: read(files.issuerCertificate), privateKey: read(files.issuerKey),
      signing: signingKey(names.issuerSigning, read(files.issuerSigning)), verification: [verificationKey(names.switchSigning, read(files.switchVerification))],
      decryption: { ...encryptionKey(names.issuerEncryption, read(files.issuerEncryption)), key: createPrivateKey(read(files.issuerDecryption)) },
    };
  } catch (error) {
    if (error instanceof RemoteKeyError) throw new Failure(`a key in ${folder} ${error.message}`);
    throw error;
  }
}

/** The issuer's row, for the switch's tables. */
export function rowFor(folder: string, port: number): Readonly<Record<string, unknown>> {
  return {
    type: 'host',
    remote: {
      url: `https://127.0.0.1:${port}`,
      tls: { authoritiesFile: join(folder, files.authorities), certificateFile: join(folder, files.switchCertificate), privateKeyFile: join(folder, files.switchKey) },
      signing: { keyId: names.switchSigning, privateKeyFile: join(folder, files.switchSigning) },
      verification: [{ keyId: names.issuerSigning, publicKeyFile: join(folder, files.issuerVerification) }],
      encryption: { keyId: names.issuerEncryption, publicKeyFile: join(folder, files.issuerEncryption) },
    },
  };
}

function makeFolder(folder: string, outside: CertificateOutside): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const write = (file: string, text: string): void => writeFileSync(join(folder, file), text, { mode: 0o600, flag: 'wx' });
  const authority = new LoopbackAuthority('locum host, for trying out', outside);
  write(files.authorities, authority.certificate);
  const issuer = authority.issue('issuer', 'serverAuth', ['localhost', '127.0.0.1']);
  write(files.issuerCertificate, issuer.certificate);
  write(files.issuerKey, issuer.privateKey);
  const client = authority.issue('switch', 'clientAuth', []);
  write(files.switchCertificate, client.certificate);
  write(files.switchKey, client.privateKey);
  const pair = (privateFile: string, publicFile: string, { privateKey, publicKey }: { readonly privateKey: KeyObject; readonly publicKey: KeyObject }): void => {
    write(privateFile, pemOf(privateKey));
    write(publicFile, publicKey.export({ type: 'spki', format: 'pem' }));
  };
  pair(files.issuerSigning, files.issuerVerification, generateKeyPairSync('ed25519'));
  pair(files.switchSigning, files.switchVerification, generateKeyPairSync('ed25519'));
  pair(files.issuerDecryption, files.issuerEncryption, generateKeyPairSync('ec', { namedCurve: 'P-256' }));
}
