/**
 * How the operations of the software HSM get at keys: by name and usage, as ciphers that are keyed already.
 */
import type { KeyObject } from 'node:crypto';
import type { AesKey, TdesKey } from './block-cipher.ts';
import type { KeyInfo, KeyUsage, Refusal, RefusalCode, Verdict } from './hsm.ts';
import type { KeyName } from './key-name.ts';

/** One version of a named key. */
export interface KeyVersion {
  readonly info: KeyInfo;
  readonly key: KeyObject;
  /** Of a triple DES key. */
  readonly tdes: TdesKey | undefined;
  /** Of an AES key. */
  readonly aes: AesKey | undefined;
}

export interface KeyFinder {
  /**
   * What the name stands for in a check: the current version, then those that were replaced and may still be used, newest first; of a
   * name with a version that one. The first is what values are made with.
   */
  find(name: KeyName, usage: KeyUsage): readonly [KeyVersion, ...KeyVersion[]] | Refusal;
  /** Says, for the access log, that of the versions found this one gave the answer. Where it is not said, the first one did. */
  answeredUnder(version: KeyVersion): void;
}

export function refusal(code: RefusalCode, reason: string): Refusal {
  return { code, reason };
}

/** A match under any version that may be used is a match; otherwise what the current one says. */
export function verifyUnderAny(keys: KeyFinder, name: KeyName, usage: KeyUsage, verdictUnder: (version: KeyVersion) => Verdict): Verdict {
  const found = keys.find(name, usage);
  if ('code' in found) return { error: found };
  let first: Verdict | undefined;
  for (const version of found) {
    const verdict = verdictUnder(version);
    if (verdict === 'match') {
      keys.answeredUnder(version);
      return verdict;
    }
    first ??= verdict;
  }
  return first ?? 'mismatch';
}
