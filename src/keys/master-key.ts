/**
 * The master key: 32 bytes from a file or from the environment, under which every other key is wrapped with AES-256-GCM.
 * It is nowhere else: not in the key file, not in the database. It refuses a file that others could read.
 * Whatever is wrapped is bound to a label; it opens under that label only.
 */
import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createSecretKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { KeyError } from './key-error.ts';
import { keyCheckValue } from './key-usage.ts';
import { seal, unseal } from './seal.ts';
import type { RandomBytes } from './seal.ts';

export const masterKeyBytes = 32;

export class MasterKey {
  readonly #key: KeyObject;
  /** Check value, to tell a wrong master key from a damaged file. */
  readonly kcv: string;

  private constructor(key: KeyObject, kcv: string) {
    this.#key = key;
    this.kcv = kcv;
  }

  /** From 32 bytes, which are wiped. A key of nothing but zeros is refused. */
  static fromBytes(bytes: Uint8Array): MasterKey {
    if (bytes.length !== masterKeyBytes) throw new KeyError('master_key_malformed', `the master key has ${bytes.length} bytes instead of 32`);
    if (bytes.every((byte) => byte === 0)) throw new KeyError('master_key_malformed', 'the master key is nothing but zeros');
    const master = new MasterKey(createSecretKey(bytes), keyCheckValue('aes', bytes));
    bytes.fill(0);
    return master;
  }

  /** From the environment: 64 hex digits, or base64 (either alphabet) of 32 bytes; blanks around it are ignored. */
  static fromText(text: string): MasterKey {
    const trimmed = text.trim();
    if (/^[0-9a-fA-F]{64}$/.test(trimmed)) return MasterKey.fromBytes(Buffer.from(trimmed, 'hex'));
    if (/^[A-Za-z0-9+/_-]{43}=?$/.test(trimmed)) return MasterKey.fromBytes(Buffer.from(trimmed, 'base64'));
    throw new KeyError('master_key_malformed', 'the master key is neither 64 hex digits nor base64 of 32 bytes');
  }

  /** From a file of 32 bytes, or of text as above, that nobody but its owner may read (mode 0600 or 0400). */
  static fromFile(path: string): MasterKey {
    const file = openMaster(path);
    try {
      const { mode } = fstatSync(file);
      // Windows has no such bits: every file there looks open to all.
      if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
        throw new KeyError('master_key_exposed', `${path} can be read by others (mode ${(mode & 0o777).toString(8)}): chmod 600 it, and change the key if others had access`);
      }
      const content = readFileSync(file);
      if (content.length === masterKeyBytes) return MasterKey.fromBytes(content);
      const text = content.toString('latin1');
      content.fill(0);
      return MasterKey.fromText(text);
    } finally {
      closeSync(file);
    }
  }

  /** Draws a new master key into a file (hex, mode 0600) that does not exist yet. Whoever loses the file loses every key under it. */
  static createFile(path: string, random: RandomBytes): MasterKey {
    const bytes = Buffer.from(random(masterKeyBytes));
    const file = openNew(path);
    try {
      writeFileSync(file, `${bytes.toString('hex')}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    return MasterKey.fromBytes(bytes);
  }

  /** The clear bytes under this key, for this label only. */
  wrap(clear: Uint8Array, label: string, random: RandomBytes): Buffer {
    return seal(this.#key, clear, label, random);
  }

  /** The clear bytes, which the caller wipes; undefined where the key, the label or any bit is not what was wrapped. */
  unwrap(wrapped: Uint8Array, label: string): Buffer | undefined {
    return unseal(this.#key, wrapped, label);
  }
}

function openMaster(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    throw new KeyError('master_key_missing', `the master key file ${path} cannot be opened`, error);
  }
}

function openNew(path: string): number {
  try {
    return openSync(path, 'wx', 0o600);
  } catch (error) {
    throw new KeyError('master_key_exists', `the master key file ${path} cannot be made, or exists already`, error);
  }
}
