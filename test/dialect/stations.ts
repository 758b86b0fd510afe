/** The shipped formats, each with its version's dialect, and messages as real bytes. */
import { readFileSync } from 'node:fs';
import { loadDialect } from '../../src/dialect/load.ts';
import type { Dialect } from '../../src/dialect/dialect.ts';
import type { CardMeaning } from '../../src/dialect/meaning.ts';
import { readMessage } from '../../src/dialect/read.ts';
import { loadReasonMap } from '../../src/dialect/reason-map.ts';
import type { ReasonMap } from '../../src/dialect/reason-map.ts';
import type { Codec, Message } from '../../src/iso8583/codec.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import type { Version } from '../../src/message/message.ts';
import { codecOf } from '../iso8583/codecs.ts';

const specs = new URL('../../specs/', import.meta.url);

export function json(path: string): unknown {
  return JSON.parse(readFileSync(new URL(path, specs), 'utf8'));
}

function reasonsOf(version: Version): ReasonMap {
  return loadReasonMap(json(`reasons/iso8583-${version}.json`), `reasons/iso8583-${version}.json`);
}

function load(version: Version): Dialect {
  return loadDialect(json(`dialects/iso8583-${version}.json`), `dialects/iso8583-${version}.json`, reasonsOf(version));
}

export const dialects: Readonly<Record<Version, Dialect>> = { '1987': load('1987'), '1993': load('1993'), '2003': load('2003') };

export const codecs: Readonly<Record<Version, Codec>> = {
  '1987': codecOf('iso8583-1987-binary'), '1993': codecOf('iso8583-1993-binary'), '2003': codecOf('iso8583-2003-binary'),
};

/** Field numbers to texts; undefined takes a field of a template away. */
export type Fields = Readonly<Record<number, string | undefined>>;

export function decoded(codec: Codec, mti: string, fields: Fields): Message {
  const draft = new Draft(mti);
  for (const [field, text] of Object.entries(fields)) if (text !== undefined) draft.set(Number(field), text);
  return codec.decode(Uint8Array.from(codec.encode(draft)));
}

export const pan = '4761739001010119';

/** A purchase of 12.50 EUR by number, in each version. */
export const purchase: Readonly<Record<Version, Fields>> = {
  '1987': { 2: pan, 3: '000000', 4: '000000001250', 7: '1122080512', 11: '004217', 12: '090512', 13: '1122', 14: '2812', 18: '5411', 32: '00476173', 41: 'TERM01', 42: 'MERCHANT1', 43: 'ACME', 49: '978' },
  '1993': { 2: pan, 3: '000000', 4: '000000001250', 7: '1122080512', 11: '004217', 12: '261122090512', 14: '2812', 24: '100', 26: '5411', 32: '00476173', 41: 'TERM01', 42: 'MERCHANT1', 43: 'ACME', 49: '978' },
  '2003': { 2: pan, 3: '000000', 4: '9782000000001250', 7: '1122080512', 11: '000000004217', 12: '20261122090512', 14: '2812', 24: '100', 26: '5411', 32: '00476173', 41: 'TERM01', 42: 'MERCHANT1' },
};

/** A card message of a version, from the purchase with some fields changed; `mti` without its version digit. */
export function card(version: Version, mti: string, changes: Fields = {}): CardMeaning {
  const meaning = readMessage(request(version, mti, changes), dialects[version], 'shop');
  if (meaning.kind !== 'card') throw new Error(`read as ${meaning.kind}`);
  return meaning;
}

export function request(version: Version, mti: string, changes: Fields = {}): Message {
  return decoded(codecs[version], digitOf(version) + mti, { ...purchase[version], ...changes });
}

export function digitOf(version: Version): string {
  return version === '1987' ? '0' : version === '1993' ? '1' : '2';
}

export const versions: readonly Version[] = ['1987', '1993', '2003'];
