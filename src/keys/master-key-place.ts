/**
 * Where the master key is, and which one is meant while it is being changed.
 *
 * A rotation puts the new master key beside the one there is (a file `….new`, a variable `…_NEXT`) before any key is wrapped under it.
 * So the key file says which of the two opens it, at every step, also where a rotation was interrupted.
 */
import { existsSync } from 'node:fs';
import { KeyError } from './key-error.ts';
import { parseKeyFile } from './key-file.ts';
import { MasterKey } from './master-key.ts';

export type MasterKeyPlace = { readonly file: string } | { readonly variable: string };

export type MasterKeyEnvironment = Readonly<Record<string, string | undefined>>;

/** Where the next master key is, until it is the only one. */
export function nextPlace(place: MasterKeyPlace): MasterKeyPlace {
  return 'file' in place ? { file: `${place.file}.new` } : { variable: `${place.variable}_NEXT` };
}

/** The master key that is at this very place. @throws KeyError */
export function masterKeyAt(place: MasterKeyPlace, environment: MasterKeyEnvironment): MasterKey {
  if ('file' in place) return MasterKey.fromFile(place.file);
  const text = environment[place.variable];
  if (text === undefined || text === '') throw new KeyError('master_key_missing', `the environment variable ${place.variable} is not set, and the master key is to be there`);
  return MasterKey.fromText(text);
}

/**
 * The master key for this key file: the configured one, or the next one where the key file is wrapped under that already. Where neither
 * is the key file's, or there is no key file, the configured one. @throws KeyError where that cannot be read
 */
export function openMasterKey(place: MasterKeyPlace, environment: MasterKeyEnvironment, keyFile: string): MasterKey {
  const kcv = masterKcvOf(keyFile);
  const next = nextPlace(place);
  let configured: MasterKey;
  try {
    configured = masterKeyAt(place, environment);
  } catch (error) {
    if (kcv !== undefined && isThere(next, environment)) {
      const other = masterKeyAt(next, environment);
      if (other.kcv === kcv) return other;
    }
    throw error;
  }
  if (kcv === undefined || configured.kcv === kcv || !isThere(next, environment)) return configured;
  const other = masterKeyAt(next, environment);
  return other.kcv === kcv ? other : configured;
}

/**
 * Does something under the master key. A rotation may change it between the reading of the master key and of the key file, so what finds
 * another master key there is tried once more.
 */
export function underMasterKey<T>(open: () => MasterKey, action: (master: MasterKey) => T): T {
  try {
    return action(open());
  } catch (error) {
    if (!(error instanceof KeyError) || error.code !== 'master_key_wrong') throw error;
    return action(open());
  }
}

/** Undefined where there is no key file that could say. */
export function masterKcvOf(keyFile: string): string | undefined {
  try {
    return parseKeyFile(keyFile).masterKcv;
  } catch (error) {
    if (error instanceof KeyError) return undefined;
    throw error;
  }
}

function isThere(place: MasterKeyPlace, environment: MasterKeyEnvironment): boolean {
  return 'file' in place ? existsSync(place.file) : (environment[place.variable] ?? '') !== '';
}
