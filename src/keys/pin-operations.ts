/**
 * What the software HSM does with PINs: verifies them, makes what they are verified against, carries them from one party's key to
 * another's, and keeps a new one until its chip has it.
 *
 * Refused: keys of another usage, blocks without a PIN of the card, rules that verify nothing, and translations that would loosen a
 * PIN from its card. Invariant: a clear PIN is in a buffer that is wiped before the answer, and in no refusal. A refusal for what the
 * message carries is `malformed`; for what our own tables or callers say, `wrong_usage`.
 */
import { timingSafeEqual } from 'node:crypto';
import { Secret } from '../message/secret.ts';
import type { Pan } from '../message/pan.ts';
import type { EncipheredPin, PinBlockOrder, PinCheck, PinFormat, PinReferenceOrder, PinSealOrder, PinTranslationOrder } from './hsm-pin.ts';
import type { KeyUsage, Product, Refusal, Verdict } from './hsm.ts';
import type { KeyName } from './key-name.ts';
import { KeyError } from './key-error.ts';
import { refusal } from './key-finder.ts';
import type { KeyFinder, KeyVersion } from './key-finder.ts';
import { decodePinBlock, encodePinBlock, faultOfPin } from './pin-block.ts';
import { closePin, openPin, pinCandidates } from './pin-key.ts';
import { faultOfReference, faultOfRules, pinReference, pvvDigits, verifiedDigits } from './pin-verification.ts';
import { seal, unseal } from './seal.ts';
import type { RandomBytes } from './seal.ts';

/** Where a usage that has one name for its keys is found without the name. `current` may throw a KeyError. */
export interface CurrentKeys {
  current(usage: KeyUsage): KeyVersion;
}

/** A match under any zone key and PVK version that may be used is a match. A PIN of another length than the reference's is a wrong one, but for a PVV whose rules take the leftmost four digits. */
export function verifyPin(keys: KeyFinder, check: PinCheck): Verdict {
  const { rules, reference } = check;
  if (rules.method !== reference.method) return { error: refusal('wrong_usage', "the reference is of another method than the program's rules") };
  const fault = faultOfRules(rules, reference.keyIndex) ?? faultOfReference(reference.method, reference.value);
  if (fault !== undefined) return { error: refusal('wrong_usage', fault) };
  const pvks = verificationKeys(keys, check.key);
  if ('code' in pvks) return { error: pvks };
  const pan = check.pin.pan.reveal();
  let failed: Verdict | undefined;
  for (const candidate of pinCandidates(keys, check.pin)) {
    if ('code' in candidate) {
      failed ??= { error: candidate };
      continue;
    }
    const { clear, version } = candidate;
    const verdict = verdictOf(keys, pvks, check, clear, pan);
    clear.fill(0);
    if (verdict === 'match') {
      keys.answeredUnder(version);
      return verdict;
    }
    if (failed !== 'mismatch') failed = verdict;
  }
  return failed ?? 'mismatch';
}

/** The product is the PVV, or the offset. */
export function producePinReference(keys: KeyFinder, order: PinReferenceOrder): Product {
  const fault = faultOfRules(order.rules, order.keyIndex);
  if (fault !== undefined) return { error: refusal('wrong_usage', fault) };
  const pvks = verificationKeys(keys, order.key);
  if ('code' in pvks) return { error: pvks };
  const pin = clearPin(keys, order.pin);
  if ('code' in pin) return { error: pin };
  const reference = pinReference(pvks[0].tdes!, order.rules, order.keyIndex, pin, order.pin.pan.reveal());
  pin.fill(0);
  return typeof reference === 'string' ? { error: refusal('malformed', reference) } : { value: new Secret(reference.toString('latin1')) };
}

/** The product is hexadecimal, upper-case. */
export function producePinBlock(keys: KeyFinder, order: PinBlockOrder, random: RandomBytes): Product {
  const pin = clearPin(keys, order);
  if ('code' in pin) return { error: pin };
  const block = closePin(keys, order.key, order.format, pin, order.pan, random);
  pin.fill(0);
  return asHex(block);
}

/** The product is hexadecimal, upper-case. */
export function translatePin(keys: KeyFinder, { from, to }: PinTranslationOrder, random: RandomBytes): Product {
  if (!mayBecome(from.format, to.format)) {
    return { error: refusal('wrong_usage', 'a PIN block that is bound to a card is not translated to format 1, which is bound to none') };
  }
  const pin = openPin(keys, from);
  if ('code' in pin) return { error: pin };
  const block = closePin(keys, to.key, to.format, pin, from.pan, random);
  pin.fill(0);
  return asHex(block);
}

/** The product is `<key name>/<version>:<base64url>`, which `openSealedPin` takes together with the same `boundTo`. */
export function sealPin(keys: KeyFinder & CurrentKeys, order: PinSealOrder, random: RandomBytes): Product {
  const sealing = sealingKey(keys);
  if ('code' in sealing) return { error: sealing };
  keys.answeredUnder(sealing);
  const pin = clearPin(keys, order.pin);
  if ('code' in pin) return { error: pin };
  // As a block of format 2, so that what is sealed is as long for every PIN.
  const block = encodePinBlock(2, pin, '', random);
  pin.fill(0);
  if (typeof block === 'string') return { error: refusal('malformed', block) };
  const keyId = `${sealing.info.name}/${sealing.info.version}`;
  const sealed = seal(sealing.key, block, sealedLabel(keyId, order.boundTo), random);
  block.fill(0);
  return { value: new Secret(`${keyId}:${sealed.toString('base64url')}`) };
}

/** The sealed PIN as ASCII digits, which the caller wipes. */
export function openSealedPin(keys: KeyFinder, sealed: string, boundTo: string): { readonly clear: Buffer } | Refusal {
  const parts = /^([a-z0-9.-]{1,64})\/([0-9]{1,9}):([A-Za-z0-9_-]+)$/.exec(sealed);
  if (parts === null) return refusal('malformed', 'this is not a sealed PIN');
  const [, name = '', version = '', content = ''] = parts;
  const found = keys.find({ name, version: Number(version) }, 'pin');
  if ('code' in found) return found;
  const block = unseal(found[0].key, Buffer.from(content, 'base64url'), sealedLabel(`${name}/${version}`, boundTo));
  const clear = block === undefined ? undefined : decodePinBlock(2, block, '');
  block?.fill(0);
  return clear === undefined || typeof clear === 'string' ? refusal('malformed', 'this sealed PIN was changed, or is of another card') : { clear };
}

/**
 * The translations that ISO 9564-1 permits: what is bound to a card stays bound. It permits another PAN nowhere but in issuing; an order
 * has one PAN for both sides.
 */
function mayBecome(from: PinFormat, to: PinFormat): boolean {
  return to !== 1 || from === 1;
}

function verdictOf(keys: KeyFinder, pvks: readonly KeyVersion[], { rules, reference }: PinCheck, pin: Buffer, pan: string): Verdict {
  if (verifiedDigits(rules, pin).length !== (rules.method === 'pvv' ? pvvDigits : reference.value.length)) return 'mismatch';
  const expected = Buffer.from(reference.value, 'latin1');
  for (const pvk of pvks) {
    const presented = pinReference(pvk.tdes!, rules, reference.keyIndex, pin, pan);
    if (typeof presented === 'string') return { error: refusal('malformed', presented) };
    if (timingSafeEqual(presented, expected)) {
      keys.answeredUnder(pvk);
      return 'match';
    }
  }
  return 'mismatch';
}

/** The current PVK first; each is of triple DES. */
function verificationKeys(keys: KeyFinder, name: KeyName): readonly [KeyVersion, ...KeyVersion[]] | Refusal {
  const found = keys.find(name, 'pvk');
  if ('code' in found) return found;
  const [current, ...replaced] = found.filter(({ tdes }) => tdes !== undefined);
  return current === undefined ? refusal('wrong_usage', 'a PIN verification key is of triple DES') : [current, ...replaced];
}

/** The PIN of an order as ASCII digits, which the caller wipes. */
function clearPin(keys: KeyFinder, pin: EncipheredPin | { readonly clear: Secret<string>; readonly pan: Pan }): Buffer | Refusal {
  if ('block' in pin) return openPin(keys, pin);
  const clear = Buffer.from(pin.clear.reveal(), 'utf8');
  const fault = faultOfPin(clear);
  if (fault === undefined) return clear;
  clear.fill(0);
  return refusal('malformed', fault);
}

function asHex(block: Buffer | Refusal): Product {
  return 'code' in block ? { error: block } : { value: new Secret(block.toString('hex').toUpperCase()) };
}

function sealingKey(keys: CurrentKeys): KeyVersion | Refusal {
  try {
    return keys.current('pin');
  } catch (error) {
    // That there is none is the one thing that it is asked with an exception for.
    if (error instanceof KeyError) return refusal('unknown_key', 'there is no key of usage pin');
    throw error;
  }
}

function sealedLabel(keyId: string, boundTo: string): string {
  return `locum-pin/1|${keyId}|${boundTo}`;
}
