/**
 * The header of a key block (ANSI X9.143, formerly TR-31): what the key is for, in clear, bound to it by the block's MAC.
 *
 *   D 0112 P0 A E 00 E 02 00 | KS 18 00604B120F9292800000 | PB 08 0000
 *   |  |   |  | | |  | |  |    optional blocks: id, length in hexadecimal with id and length, data;
 *   |  |   |  | | |  | |  |    the padding block PB last, so that what follows begins at a whole cipher block
 *   |  |   |  | | |  | |  key context and a reserved character
 *   |  |   |  | | |  | number of optional blocks, PB among them
 *   |  |   |  | | |  exportability
 *   |  |   |  | | key version
 *   |  |   |  | mode of use
 *   |  |   |  algorithm
 *   |  |   key usage
 *   |  length of the whole block, decimal
 *   version: how the block is protected
 *
 * Everything that is not of this form is refused with a sentence, before any cipher is asked.
 */
import { assert } from '../base/assert.ts';

/** A and C: variants of the protection key (C with the header as IV is A by another letter). B: derived keys, triple DES. D: the same, AES. */
export type KeyBlockVersion = 'A' | 'B' | 'C' | 'D';

export interface OptionalBlock {
  /** Two characters: KS (key set identifier), KV, TS (when it was made) and others. */
  readonly id: string;
  /** Printable ASCII. */
  readonly data: string;
}

export interface KeyBlockHeader {
  readonly version: KeyBlockVersion;
  /** Two characters: P0, C0, M3 and others. */
  readonly keyUsage: string;
  /** T: triple DES, A: AES, H: HMAC and others. */
  readonly algorithm: string;
  /** B: both ways, C: both make and check, D: decrypt, E: encrypt, G: make, N: no restriction, S: sign, T: sign and decrypt, V: check, X: derive, Y: derive by X. */
  readonly modeOfUse: string;
  /** Two characters; 00: the key has none; c and a digit: what is wrapped is a component of a key. */
  readonly keyVersion: string;
  /** E: under a protection key of the standard's form, N: not, S: under another form. */
  readonly exportability: string;
  /** Without PB, which is only the room that is left. */
  readonly optionalBlocks: readonly OptionalBlock[];
}

export interface ReadHeader {
  readonly header: KeyBlockHeader;
  /** The length that the header says of its block, in characters. */
  readonly blockCharacters: number;
  /** Of header and optional blocks. */
  readonly headerCharacters: number;
}

export type Fault = { readonly fault: string };

const fixedCharacters = 16;
const optionalBlocksMax = 99;
export const blockCharactersMax = 9999;

/** The header that the text begins with. Whether the length it says is the block's is for the caller to compare. */
export function readKeyBlockHeader(text: string): ReadHeader | Fault {
  if (text.length < fixedCharacters) return { fault: 'the key block is shorter than its header of sixteen characters' };
  const version = text[0]!;
  if (version === 'E') return { fault: 'key blocks of version E (ISO 20038, counter mode) are not taken' };
  if (version !== 'A' && version !== 'B' && version !== 'C' && version !== 'D') return { fault: 'the version of the key block is none of A, B, C, D' };
  const [length, keyUsage, algorithm] = [text.slice(1, 5), text.slice(5, 7), text.slice(7, 8)];
  const [modeOfUse, keyVersion, exportability] = [text.slice(8, 9), text.slice(9, 11), text.slice(11, 12)];
  if (!/^[0-9]{4}$/.test(length)) return { fault: 'the length of the key block is not four digits' };
  if (!/^[0-9A-Z]{2}$/.test(keyUsage)) return { fault: 'the key usage is not two letters or digits' };
  if (!/^[0-9A-Z]$/.test(algorithm)) return { fault: 'the algorithm is not a letter or digit' };
  if (!/^[0-9BCDEGNSTVXY]$/.test(modeOfUse)) return { fault: 'the mode of use is none that there is' };
  if (!/^[0-9A-Za-z]{2}$/.test(keyVersion)) return { fault: 'the key version is not two letters or digits' };
  if (!/^[ENS]$/.test(exportability)) return { fault: 'the exportability is none of E, N, S' };
  if (!/^[0-9]{2}$/.test(text.slice(12, 14))) return { fault: 'the number of optional blocks is not two digits' };
  if (!/^[012]0$/.test(text.slice(14, 16))) return { fault: 'the reserved characters of the header are not in use' };
  const optional = readOptionalBlocks(text, Number(text.slice(12, 14)));
  if ('fault' in optional) return optional;
  const { blocks: optionalBlocks, end: headerCharacters } = optional;
  const header = { version, keyUsage, algorithm, modeOfUse, keyVersion, exportability, optionalBlocks } as const;
  return { header, blockCharacters: Number(length), headerCharacters };
}

/** The header of a block that has `bodyCharacters` behind it (0 to 9999 in all), with a padding block where it needs one. */
export function writeKeyBlockHeader(header: KeyBlockHeader, bodyCharacters: number): string {
  const written = header.optionalBlocks.map((block) => writeOptionalBlock(block.id, block.data));
  const unit = header.version === 'D' ? 16 : 8;
  const rest = (fixedCharacters + written.join('').length) % unit;
  if (written.length > 0 && rest !== 0) {
    const room = unit - rest;
    written.push(writeOptionalBlock('PB', '0'.repeat((room < 4 ? room + unit : room) - 4)));
  }
  const optional = written.join('');
  const characters = fixedCharacters + optional.length + bodyCharacters;
  assert(written.length <= optionalBlocksMax && characters <= blockCharactersMax, 'a key block has a bounded size');
  const { version, keyUsage, algorithm, modeOfUse, keyVersion, exportability } = header;
  const fixed = `${version}${digits(characters, 4)}${keyUsage}${algorithm}${modeOfUse}${keyVersion}${exportability}${digits(written.length, 2)}00`;
  const text = fixed + optional;
  assert(!('fault' in readKeyBlockHeader(text)), 'a header that is written can be read');
  return text;
}

function readOptionalBlocks(text: string, count: number): { readonly blocks: readonly OptionalBlock[]; readonly end: number } | Fault {
  const blocks: OptionalBlock[] = [];
  let end = fixedCharacters;
  for (let place = 0; place < count; place++) {
    const id = text.slice(end, end + 2);
    if (!/^[0-9A-Za-z]{2}$/.test(id)) return { fault: 'the identifier of an optional block is not two letters or digits' };
    const size = optionalBlockSize(text, end, id);
    if ('fault' in size) return size;
    const data = text.slice(end + size.lead, end + size.characters);
    if (data.length !== size.characters - size.lead) return { fault: `the optional block ${id} is longer than what is left` };
    if (!/^[ -~]*$/.test(data)) return { fault: `the optional block ${id} has a character that is not printable` };
    end += size.characters;
    if (id === 'PB' && place < count - 1) return { fault: 'the padding block is not the last optional block' };
    if (blocks.some((block) => block.id === id)) return { fault: `the optional block ${id} is there twice` };
    if (id !== 'PB') blocks.push({ id, data });
  }
  return { blocks, end };
}

/** Of an optional block: its characters in all, and how many of them come before its data. */
function optionalBlockSize(text: string, start: number, id: string): { readonly characters: number; readonly lead: number } | Fault {
  const short = hexNumber(text.slice(start + 2, start + 4), 2);
  if (short === undefined) return { fault: `the length of the optional block ${id} is not two hexadecimal digits` };
  if (short !== 0) return short < 4 ? { fault: `the length of the optional block ${id} leaves no room for itself` } : { characters: short, lead: 4 };
  const bytes = hexNumber(text.slice(start + 4, start + 6), 2);
  if (bytes === undefined) return { fault: `the length's length of the optional block ${id} is not two hexadecimal digits` };
  if (bytes === 0) return { fault: `the length's length of the optional block ${id} is zero` };
  const lead = 6 + bytes * 2;
  const characters = hexNumber(text.slice(start + 6, start + lead), bytes * 2);
  if (characters === undefined) return { fault: `the length of the optional block ${id} is not ${bytes * 2} hexadecimal digits` };
  return characters < lead ? { fault: `the length of the optional block ${id} leaves no room for itself` } : { characters, lead };
}

function hexNumber(text: string, count: number): number | undefined {
  return text.length === count && /^[0-9A-F]+$/.test(text) ? Number.parseInt(text, 16) : undefined;
}

function writeOptionalBlock(id: string, data: string): string {
  const short = data.length + 4;
  return short <= 0xff ? `${id}${hex(short, 2)}${data}` : `${id}0002${hex(data.length + 10, 4)}${data}`;
}

function hex(value: number, count: number): string {
  return value.toString(16).toUpperCase().padStart(count, '0');
}

function digits(value: number, count: number): string {
  return String(value).padStart(count, '0');
}
