/** Certificates for TLS tests, made by openssl in a folder that the test throws away. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { program } from '../servers/debian.ts';

export interface Pair {
  /** PEM. */
  readonly certificate: string;
  readonly privateKey: string;
}

export class Authority {
  readonly #openssl: string;
  readonly #folder: string;
  #made = 0;

  /** Self-signed, on its own curve key. */
  constructor(openssl: string, name: string) {
    this.#openssl = openssl;
    this.#folder = mkdtempSync(join(tmpdir(), 'locum-authority-'));
    this.#run('req', '-x509', ...newKey, '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', `/CN=${name}`, '-days', '2');
  }

  get certificate(): string {
    return this.#read('ca.pem');
  }

  /** @param days until it expires; negative: it has */
  issue(commonName: string, alternativeNames: readonly string[] = [], days = 2): Pair {
    this.#made += 1;
    const file = `leaf${this.#made}`;
    this.#run('req', ...newKey, '-nodes', '-keyout', `${file}.key`, '-out', `${file}.csr`, '-subj', `/CN=${commonName}`);
    const names = alternativeNames.length === 0 ? '' : `subjectAltName=${alternativeNames.join(',')}\n`;
    writeFileSync(join(this.#folder, `${file}.ext`), `basicConstraints=CA:FALSE\n${names}`);
    const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', String(days), '-extfile', `${file}.ext`];
    this.#run('x509', '-req', '-in', `${file}.csr`, '-out', `${file}.pem`, ...signing);
    return { certificate: this.#read(`${file}.pem`), privateKey: this.#read(`${file}.key`) };
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }

  #run(...args: string[]): void {
    execFileSync(this.#openssl, args, { cwd: this.#folder, stdio: ['ignore', 'ignore', 'pipe'] });
  }

  #read(name: string): string {
    return readFileSync(join(this.#folder, name), 'utf8');
  }
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

export async function openssl(): Promise<string> {
  return await program(['/usr/bin/openssl', 'openssl'], 'openssl');
}
