/** openssl as the other side: keys and requests of partners, and the witness of what we make. Its files are in a folder that the test throws away. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openssl } from '../link/certificates.ts';
import { goesWithUs } from '../servers/children.ts';

export interface Asked {
  /** PEM. */
  readonly request: string;
  readonly privateKey: string;
}

export const keyKinds: Readonly<Record<string, readonly string[]>> = {
  'RSA 2048': ['rsa:2048'],
  'P-256': ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  'P-384': ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  Ed25519: ['ed25519'],
};

export class Openssl {
  readonly folder = goesWithUs(mkdtempSync(join(tmpdir(), 'locum-ca-')));
  readonly #program: string;

  private constructor(program: string) {
    this.#program = program;
  }

  static async find(): Promise<Openssl> {
    return new Openssl(await openssl());
  }

  /** @throws Error with what openssl said */
  run(...args: readonly string[]): string {
    const { status, stdout, stderr } = spawnSync(this.#program, args, { cwd: this.folder, encoding: 'utf8' });
    if (status !== 0) throw new Error(`openssl ${args[0] ?? ''}: ${stderr}${stdout}`);
    return stdout;
  }

  write(name: string, content: string | Uint8Array): string {
    writeFileSync(join(this.folder, name), content);
    return name;
  }

  read(name: string): string {
    return readFileSync(join(this.folder, name), 'utf8');
  }

  /** A key and the request for it. @param kind of `keyKinds`, or as `-newkey` has it */
  ask(kind: string, subject = '/CN=back end', ...more: readonly string[]): Asked {
    this.run('req', '-new', '-newkey', ...(keyKinds[kind] ?? kind.split(' ')), '-nodes', '-keyout', 'asked.key', '-out', 'asked.csr', '-subj', subject, ...more);
    return { request: this.read('asked.csr'), privateKey: this.read('asked.key') };
  }
}
