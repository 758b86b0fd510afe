/**
 * Another master key: every key and component is wrapped again, in one step, while switches run.
 *
 *   file form      draw …/master.key.new  ->  replace the key file  ->  master.key.new becomes master.key
 *   variable form  the new one is in a second variable  ->  replace the key file
 *
 * Invariant: at every step, and after a crash at any, one of the two places has the master key of the key file; `openMasterKey` takes
 * that one. The old master key is gone when the new one is the key file's and has the old one's place, never before.
 */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { KeyError } from './key-error.ts';
import { readKeyFile, replaceKeyFile, syncFolderOf, withKeyLock } from './key-file.ts';
import { rewrapped } from './key-store.ts';
import { MasterKey } from './master-key.ts';
import { masterKcvOf, nextPlace } from './master-key-place.ts';
import type { RandomBytes } from './seal.ts';

/** Check values of the master key before and after. */
export interface MasterKeyChange {
  readonly from: string;
  readonly to: string;
}

/** Draws a new master key in the old one's place. What an interrupted rotation left is completed first. @throws KeyError */
export function rotateMasterFile(keyFile: string, masterFile: string, random: RandomBytes): MasterKeyChange {
  const { file: nextFile } = nextPlace({ file: masterFile }) as { readonly file: string };
  return withKeyLock(keyFile, () => {
    completeRotation(keyFile, masterFile, nextFile);
    const from = MasterKey.fromFile(masterFile);
    const file = readKeyFile(keyFile, from);
    // The key file opens with `from`, so nothing is under what was drawn beside it.
    rmSync(nextFile, { force: true });
    const to = MasterKey.createFile(nextFile, random);
    syncFolderOf(nextFile);
    replaceKeyFile(keyFile, rewrapped(keyFile, file, from, to, random));
    takePlace(nextFile, masterFile);
    return { from: from.kcv, to: to.kcv };
  });
}

/** Wraps every key under `to`, which whoever calls keeps, as they keep `from` until no switch is started with it any more. @throws KeyError */
export function rotateMasterKey(keyFile: string, from: MasterKey, to: MasterKey, random: RandomBytes): MasterKeyChange {
  if (from.kcv === to.kcv) throw new KeyError('key_refused', 'the new master key is the old one');
  return withKeyLock(keyFile, () => {
    replaceKeyFile(keyFile, rewrapped(keyFile, readKeyFile(keyFile, from), from, to, random));
    return { from: from.kcv, to: to.kcv };
  });
}

function completeRotation(keyFile: string, masterFile: string, nextFile: string): void {
  if (!existsSync(nextFile)) return;
  const kcv = masterKcvOf(keyFile);
  if (existsSync(masterFile) && MasterKey.fromFile(masterFile).kcv === kcv) return;
  if (MasterKey.fromFile(nextFile).kcv === kcv) takePlace(nextFile, masterFile);
}

function takePlace(nextFile: string, masterFile: string): void {
  renameSync(nextFile, masterFile);
  syncFolderOf(masterFile);
}
