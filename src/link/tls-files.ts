/**
 * Reads the files that a link's TLS configuration names.
 *
 * Refuses, at start and in a sentence, what the TLS library would refuse at the first connection: a file that can't be read, one
 * that is no certificate or key, a key of another certificate. Never says what a key file holds.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { ConfigError } from '../base/schema.ts';
import type { TlsFiles } from './config.ts';
import type { TlsConfig } from './network.ts';
import { codeOf } from './socket.ts';

/**
 * @param path where the configuration names the files, such as `stations.pos.link.tls`
 * @param readFile returns a file's text, or throws the system's error
 * @throws ConfigError
 */
export function loadTls(files: TlsFiles, path: string, readFile: (name: string) => string): TlsConfig {
  const read = (property: 'certificateFile' | 'privateKeyFile' | 'authoritiesFile'): string | undefined => {
    const name = files[property];
    if (name === undefined) return undefined;
    try {
      return readFile(name);
    } catch (error) {
      throw new ConfigError(`${path}.${property}`, `can't be read: ${name} (${codeOf(error)})`);
    }
  };
  const certificate = read('certificateFile');
  const privateKey = read('privateKeyFile');
  const authorities = read('authoritiesFile');
  if (certificate !== undefined && privateKey !== undefined) checkPair(files, path, certificate, privateKey);
  if (authorities !== undefined) certificateOf(authorities, `${path}.authoritiesFile`, files.authoritiesFile);
  return {
    ...(certificate === undefined ? {} : { certificate }),
    ...(privateKey === undefined ? {} : { privateKey }),
    ...(authorities === undefined ? {} : { authorities }),
    clientCertificate: files.clientCertificate,
    clientNames: files.clientNames,
    ...(files.serverName === undefined ? {} : { serverName: files.serverName }),
  };
}

function checkPair(files: TlsFiles, path: string, certificate: string, privateKey: string): void {
  const own = certificateOf(certificate, `${path}.certificateFile`, files.certificateFile);
  let matches: boolean;
  try {
    matches = own.checkPrivateKey(createPrivateKey(privateKey));
  } catch {
    throw new ConfigError(`${path}.privateKeyFile`, `is not a private key in PEM without a password: ${files.privateKeyFile ?? ''}`);
  }
  if (!matches) throw new ConfigError(`${path}.privateKeyFile`, `is not the key of the certificate in ${files.certificateFile ?? ''}`);
}

function certificateOf(pem: string, path: string, name: string | undefined): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new ConfigError(path, `is not a certificate in PEM: ${name ?? ''}`);
  }
}
