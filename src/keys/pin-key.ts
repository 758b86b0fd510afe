/**
 * PIN blocks under the keys that a message names: a zone key, or what a terminal derived from a base key for one transaction.
 *
 * Refused: unknown keys and keys of another usage, formats that a key has no blocks of, serial numbers of another shape, and blocks
 * that hold no PIN of the card under any version that may be used. Who is handed a clear PIN wipes it.
 */
import type { KeyObject } from 'node:crypto';
import type { Pan } from '../message/pan.ts';
import type { AesKey, TdesKey } from './block-cipher.ts';
import { aesPinKeys, aesSerial } from './dukpt-aes.ts';
import { TdesBaseKey, tdesSerial } from './dukpt-tdes.ts';
import type { EncipheredPin, PinFormat, PinKey } from './hsm-pin.ts';
import type { Refusal } from './hsm.ts';
import { refusal } from './key-finder.ts';
import type { KeyFinder, KeyVersion } from './key-finder.ts';
import { decipherPin, encipherPin, faultOfKey } from './pin-block.ts';
import type { RandomBytes } from './seal.ts';

/** What a block is under a version of its key: a PIN as ASCII digits, which whoever takes it wipes. */
export interface PinCandidate {
  readonly clear: Buffer;
  readonly version: KeyVersion;
}

/** What the block holds under each cipher that it may be under, in turn: a PIN, or why it is none. At least one of them. */
export function* pinCandidates(keys: KeyFinder, pin: EncipheredPin): Generator<PinCandidate | Refusal, void> {
  const found = versionsOf(keys, pin.key);
  if ('code' in found) {
    yield found;
    return;
  }
  const hex = pin.block.reveal();
  const block = Buffer.from(hex, 'hex');
  if (hex.length !== 2 * block.length) {
    yield refusal('malformed', 'the PIN block is not hexadecimal');
    return;
  }
  const pan = pin.pan.reveal();
  for (const version of found) {
    for (const cipher of ciphersUnder(version, pin.key)) {
      if ('code' in cipher) {
        yield cipher;
        continue;
      }
      const clear = decipherPin(cipher, pin.format, block, pan);
      yield typeof clear === 'string' ? refusal('malformed', clear) : { clear, version };
    }
  }
}

/** The PIN under the first cipher that it is one under, or what the first one says against it. */
export function openPin(keys: KeyFinder, pin: EncipheredPin): Buffer | Refusal {
  let first: Refusal | undefined;
  for (const candidate of pinCandidates(keys, pin)) {
    if ('clear' in candidate) {
      keys.answeredUnder(candidate.version);
      return candidate.clear;
    }
    first ??= candidate;
  }
  return first ?? refusal('malformed', 'the PIN block holds no PIN');
}

/** The enciphered block, under the current version of the key. */
export function closePin(keys: KeyFinder, key: PinKey, format: PinFormat, pin: Uint8Array, pan: Pan, random: RandomBytes): Buffer | Refusal {
  const found = versionsOf(keys, key);
  if ('code' in found) return found;
  for (const cipher of ciphersUnder(found[0], key)) {
    if ('code' in cipher) return cipher;
    const unfit = faultOfKey(cipher, format);
    if (unfit !== undefined) return refusal('wrong_usage', unfit);
    const block = encipherPin(cipher, format, pin, pan.reveal(), random);
    return typeof block === 'string' ? refusal('malformed', block) : block;
  }
  return refusal('wrong_usage', 'the key is of no block cipher');
}

function versionsOf(keys: KeyFinder, key: PinKey): ReturnType<KeyFinder['find']> {
  return 'zone' in key ? keys.find(key.zone, 'zpk') : keys.find(key.base, 'bdk');
}

function* ciphersUnder(version: KeyVersion, key: PinKey): Generator<TdesKey | AesKey | Refusal, void> {
  if ('zone' in key) yield version.tdes ?? version.aes ?? refusal('wrong_usage', 'a zone key is of triple DES or AES');
  else if (version.aes !== undefined) {
    const serial = aesSerial(key.keySerial);
    if (typeof serial === 'string') yield refusal('malformed', serial);
    else yield* aesPinKeys(version.aes, serial);
  } else if (version.info.algorithm === 'tdes-2key') {
    const serial = tdesSerial(key.keySerial);
    yield typeof serial === 'string' ? refusal('malformed', serial) : baseKeyOf(version.key).pinKey(serial);
  } else yield refusal('wrong_usage', 'a base derivation key is of two-key triple DES or AES');
}

/** Keyed once for as long as the key is held. */
const baseKeys = new WeakMap<KeyObject, TdesBaseKey>();

function baseKeyOf(key: KeyObject): TdesBaseKey {
  const known = baseKeys.get(key);
  if (known !== undefined) return known;
  const clear = key.export();
  const base = new TdesBaseKey(clear);
  clear.fill(0);
  baseKeys.set(key, base);
  return base;
}
