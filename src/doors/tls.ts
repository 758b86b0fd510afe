/**
 * The TLS of our listeners: which versions and suites, of which certificate and key; and the two files read again when they are replaced, so that a
 * certificate is renewed without a restart.
 *
 * Refused is what cannot be read or is no certificate with its own key: what was in force stays, and it is told of once, where it is still so at the next look
 * (of two files that are replaced one after the other a look may see one). Invariant: connections that stand go on; those that come after a look have the
 * new certificate.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Server } from 'node:tls';
import { createSecureContext } from 'node:tls';

/** Files in PEM. */
export interface TlsFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface TlsTerms {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly minVersion: 'TLSv1.2';
  readonly ciphers: string;
  readonly honorCipherOrder: true;
}

export interface TlsWatchOutside {
  /** Calls `look` again and again until what it returns is called; a few seconds between are often enough. */
  readonly every: (look: () => void) => () => void;
  /** Another certificate is in force. */
  readonly changed: (certificate: X509Certificate) => void;
  /** @param why names a file or says what is wrong with the two; nothing of a key */
  readonly refused: (why: string) => void;
}

/** What TLS asks of every listener of ours: 1.2 with suites that have forward secrecy, or 1.3. @throws the system's error where a file cannot be read */
export function tlsOf({ certificateFile, keyFile }: TlsFiles): TlsTerms {
  return {
    cert: readFileSync(certificateFile), key: readFileSync(keyFile), minVersion: 'TLSv1.2', honorCipherOrder: true,
    ciphers: 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305',
  };
}

/** Gives the listener what the files have, whenever that is something else, until it closes. @param terms those that it has now */
export function keepTls(listener: Server, files: TlsFiles, terms: TlsTerms, outside: TlsWatchOutside): void {
  listener.once('close', outside.every(lookAt(listener, files, terms, outside)));
}

function lookAt(listener: Server, files: TlsFiles, terms: TlsTerms, { changed, refused }: TlsWatchOutside): () => void {
  let inForce = digestOf(terms);
  let seen = '';
  let told = '';
  return () => {
    try {
      const found = tlsOf(files);
      const digest = digestOf(found);
      if (digest !== inForce) {
        // By itself first, as the server has half of what it was given where it throws.
        createSecureContext(found);
        listener.setSecureContext(found);
        inForce = digest;
        changed(new X509Certificate(found.cert));
      }
      seen = '';
      told = '';
    } catch (error) {
      const why = whyOf(error);
      if (why === seen && why !== told) {
        told = why;
        refused(why);
      }
      seen = why;
    }
  };
}

function digestOf({ cert, key }: TlsTerms): string {
  return createHash('sha256').update(cert).update('\0').update(key).digest('hex');
}

function whyOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && error.code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH' ? 'the key is not the certificate\'s' : error.message;
}
