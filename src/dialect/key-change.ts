/**
 * A key that network management brings, read and written. What it is worth is for the HSM: a key is imported there, under the zone's
 * key-encrypting key, or not at all.
 */
import type { Message } from '../iso8583/codec.ts';
import type { Draft } from '../iso8583/draft.ts';
import type { Spec } from '../iso8583/spec.ts';
import { Secret } from '../message/secret.ts';
import type { Dialect } from './dialect.ts';
import { isHex } from './digits.ts';
import type { CarriedKey } from './meaning.ts';
import { placeText, writePlace } from './places.ts';
import type { KeyChangeRules } from './rules.ts';

/** A key to be sent, and the message format that decides how its place is written. */
export interface SentKey {
  readonly key: CarriedKey;
  readonly spec: Spec;
}

/** What a key change holds where keys are: a key, or why what is there is none, in words that show nothing of it; neither where nothing is. */
export interface ReadKey {
  readonly key: CarriedKey | undefined;
  readonly keyFault: string;
}

const nothingRead: ReadKey = { key: undefined, keyFault: '' };

/** Each place is read until one holds a key. */
export function readKey(message: Message, dialect: Dialect): ReadKey {
  let found = nothingRead;
  for (const place of dialect.keyChange.blocks) {
    const text = placeText(message, place, 'characters') ?? '';
    const read = text === '' ? nothingRead : readBlock(text);
    if (read.key !== undefined) return read;
    if (read.keyFault !== '') found = read;
  }
  for (const rules of dialect.keyChange.cryptograms) {
    const read = readCryptogram(message, rules);
    if (read.key !== undefined) return read;
    if (read.keyFault !== '') found = read;
  }
  return found;
}

/** TR-31 header: version, four digits of length, key usage. P0 is for PINs, M0 to M8 are for message authentication. */
function readBlock(text: string): ReadKey {
  const [, length = '', usage = ''] = /^[A-D]([0-9]{4})([A-Z0-9]{2})/.exec(text) ?? [];
  if (length === '') return unread('what came is no key block');
  if (Number(length) !== text.length) return unread('the key block is not as long as it says');
  if (!/^(?:P0|M[0-8])$/.test(usage)) return unread(`the key in the key block is for ${usage}, and keys for PINs (P0) and for message authentication (M0 to M8) are exchanged`);
  return { key: { purpose: usage === 'P0' ? 'pin' : 'mac', form: 'block', text: new Secret(text), kcv: '' }, keyFault: '' };
}

function readCryptogram(message: Message, rules: KeyChangeRules['cryptograms'][number]): ReadKey {
  const text = placeText(message, rules.key, 'hex') ?? '';
  if (text === '') return nothingRead;
  if (!(text.length === 32 || text.length === 48) || !isHex(text)) return unread('an enciphered key has 32 or 48 hexadecimal digits');
  const code = rules.purpose === undefined ? undefined : placeText(message, rules.purpose.place, 'characters');
  const purpose = rules.purpose === undefined ? 'pin' : rules.purpose.codes.get(code ?? '');
  if (purpose === undefined) return unread('the key class is none that the station has');
  const kcv = rules.checkValue === undefined ? '' : (placeText(message, rules.checkValue, 'hex') ?? '');
  return { key: { purpose, form: 'ecb', text: new Secret(text.toUpperCase()), kcv: kcv.toUpperCase() }, keyFault: '' };
}

function unread(keyFault: string): ReadKey {
  return { key: undefined, keyFault };
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
