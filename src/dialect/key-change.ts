/**
 * A key that network management brings, read and written. What it is worth is for the HSM: a key is imported there, under the zone's
 * key-encrypting key, or not at all.
 */
import type { Message } from '../iso8583/codec.ts';
import type { Draft } from '../iso8583/draft.ts';
import type { Spec } from '../iso8583/spec.ts';
import { Secret } from '../message/secret.ts';
import type { Dialect, KeyChangeRules } from './dialect.ts';
import { isHex } from './digits.ts';
import type { CarriedKey } from './meaning.ts';
import { placeText, writePlace } from './places.ts';

/** A key to be sent, and the message format that decides how its place is written. */
export interface SentKey {
  readonly key: CarriedKey;
  readonly spec: Spec;
}

/** Undefined where there is none, or nothing that could be one. */
export function readKey(message: Message, dialect: Dialect): CarriedKey | undefined {
  for (const place of dialect.keyChange.blocks) {
    const text = placeText(message, place, 'characters');
    const purpose = text === undefined ? undefined : purposeOfBlock(text);
    if (text !== undefined && purpose !== undefined) return { purpose, form: 'block', text: new Secret(text), kcv: '' };
  }
  for (const rules of dialect.keyChange.cryptograms) {
    const key = readCryptogram(message, rules);
    if (key !== undefined) return key;
  }
  return undefined;
}

/** TR-31 header: version, four digits of length, key usage. P0 is for PINs, M0 to M8 are for message authentication. */
function purposeOfBlock(text: string): CarriedKey['purpose'] | undefined {
  if (!/^[A-D][0-9]{4}(P0|M[0-8])/.test(text) || Number(text.slice(1, 5)) !== text.length) return undefined;
  return text.charAt(5) === 'P' ? 'pin' : 'mac';
}

function readCryptogram(message: Message, rules: KeyChangeRules['cryptograms'][number]): CarriedKey | undefined {
  const text = placeText(message, rules.key, 'hex');
  if (text === undefined || !(text.length === 32 || text.length === 48) || !isHex(text)) return undefined;
  const code = rules.purpose === undefined ? undefined : placeText(message, rules.purpose.place, 'characters');
  const purpose = rules.purpose === undefined ? 'pin' : rules.purpose.codes.get(code ?? '');
  if (purpose === undefined) return undefined;
  const kcv = rules.checkValue === undefined ? '' : (placeText(message, rules.checkValue, 'hex') ?? '');
  return { purpose, form: 'ecb', text: new Secret(text.toUpperCase()), kcv: kcv.toUpperCase() };
}

/** False where the dialect or the format has no place for it. */
export function writeKey({ key, spec }: SentKey, dialect: Dialect, draft: Draft): boolean {
  if (key.form === 'block') {
    const [place] = dialect.keyChange.blocks;
    return place !== undefined && writePlace(draft, spec, place, key.text.reveal(), 'characters');
  }
  const [rules] = dialect.keyChange.cryptograms;
  if (rules === undefined) return false;
  if (rules.purpose !== undefined) {
    const code = codeOf(rules.purpose.codes, key.purpose);
    if (code === undefined || !writePlace(draft, spec, rules.purpose.place, code, 'characters')) return false;
  } else if (key.purpose !== 'pin') {
    return false;
  }
  if (!writePlace(draft, spec, rules.key, key.text.reveal(), 'hex')) return false;
  return key.kcv === '' || rules.checkValue === undefined || writePlace(draft, spec, rules.checkValue, key.kcv, 'hex');
}

function codeOf(codes: ReadonlyMap<string, CarriedKey['purpose']>, purpose: CarriedKey['purpose']): string | undefined {
  for (const [code, stands] of codes) if (stands === purpose) return code;
  return undefined;
}
