/** A key file in a folder of its own, and what its refusals are told by. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeyError } from '../../src/keys/key-error.ts';
import type { KeyErrorCode } from '../../src/keys/key-error.ts';
import { addKey, createKeyFile, generateKey } from '../../src/keys/key-store.ts';
import { MasterKey } from '../../src/keys/master-key.ts';
import { goesWithUs } from '../servers/children.ts';

export const demoCvk = '0123456789ABCDEFFEDCBA9876543210';

export interface KeyFixture {
  readonly path: string;
  readonly master: MasterKey;
}

export function newKeyFile(): KeyFixture {
  const path = join(goesWithUs(mkdtempSync(join(tmpdir(), 'locum-keys-'))), 'keys.json');
  const master = MasterKey.fromBytes(randomBytes(32));
  createKeyFile(path, master);
  return { path, master };
}

/** The key file above with a token key, a PAN key and each of `cvks` (name to hex). */
export function keyFile(cvks: Readonly<Record<string, string>> = { cvk: demoCvk }): KeyFixture {
  const { path, master } = newKeyFile();
  generateKey(path, master, { name: 'token', usage: 'token' }, randomBytes);
  generateKey(path, master, { name: 'pan', usage: 'pan' }, randomBytes);
  for (const [name, hex] of Object.entries(cvks)) addKey(path, master, { name, usage: 'cvk' }, Buffer.from(hex, 'hex'), randomBytes);
  return { path, master };
}

export function codeOf(action: () => unknown): KeyErrorCode | 'none' {
  try {
    action();
    return 'none';
  } catch (error) {
    if (error instanceof KeyError) return error.code;
    throw error;
  }
}
