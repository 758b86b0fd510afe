/**
 * BER-TLV as EMV uses it (ISO/IEC 8825-1; EMV Book 3, Annex B): tags of up to four bytes, definite lengths, zero bytes between objects as filling.
 * A walk ends: every object takes a byte at least, and nesting is bounded.
 */
import { tlvDepthMax, tlvLengthBytesMax, tlvTagBytesMax } from '../base/limits.ts';
import { hexNibbleOfCode, hexPairs, notNibble } from './characters.ts';
import { DecodeError, EncodeError } from './errors.ts';
import type { TagTable } from './plan.ts';

/** The tag in hexadecimal, for a path. It names a kind of content and is none. */
export function tagText(frame: Uint8Array, at: number, end: number): string {
  let text = '';
  for (let i = at; i < end; i++) text += hexPairs[frame[i]!]!;
  return text;
}

/** Where the tag at `at` ends; -1 where it is incomplete or too long. */
function tagEnd(frame: Uint8Array, at: number, end: number): number {
  let next = at + 1;
  if ((frame[at]! & 0x1f) !== 0x1f) return next;
  do {
    if (next === end || next - at === tlvTagBytesMax) return -1;
  } while ((frame[next++]! & 0x80) !== 0);
  return next;
}

/** How many bytes the length at `at` takes; -1 where it is missing, incomplete or indefinite. */
function lengthBytes(frame: Uint8Array, at: number, end: number): number {
  if (at >= end) return -1;
  const first = frame[at]!;
  if (first < 0x80) return 1;
  const more = first & 0x7f;
  return more === 0 || more > tlvLengthBytesMax || at + 1 + more > end ? -1 : 1 + more;
}

function lengthValue(frame: Uint8Array, at: number, bytes: number): number {
  if (bytes === 1) return frame[at]!;
  let value = 0;
  for (let i = 1; i < bytes; i++) value = value * 256 + frame[at + i]!;
  return value;
}

/** Checks the objects in `frame[at, end)`; returns how many of their tags `known` does not name. Offsets in errors count from `base`. */
export function checkTlv(frame: Uint8Array, base: number, at: number, end: number, known: TagTable, path: string, depth = 1): number {
  let unknown = 0;
  while (at < end) {
    if (frame[at] === 0) {
      at++;
      continue;
    }
    const valueTag = at;
    const afterTag = tagEnd(frame, at, end);
    if (afterTag < 0) throw new DecodeError(`${path}.${tagText(frame, valueTag, Math.min(end, valueTag + tlvTagBytesMax))}`, valueTag - base, 'bad-tag');
    const sized = lengthBytes(frame, afterTag, end);
    if (sized < 0) throw new DecodeError(`${path}.${tagText(frame, valueTag, afterTag)}`, afterTag - base, 'bad-tag-length');
    const value = afterTag + sized;
    at = value + lengthValue(frame, afterTag, sized);
    if (at > end) throw new DecodeError(`${path}.${tagText(frame, valueTag, afterTag)}`, value - base, 'truncated');
    if (!known.has(tagNumber(frame, valueTag, afterTag))) unknown++;
    if ((frame[valueTag]! & 0x20) !== 0) {
      const inner = `${path}.${tagText(frame, valueTag, afterTag)}`;
      if (depth === tlvDepthMax) throw new DecodeError(inner, value - base, 'too-deep');
      unknown += checkTlv(frame, base, value, at, known, inner, depth + 1);
    }
  }
  return unknown;
}

function tagNumber(frame: Uint8Array, at: number, end: number): number {
  let number = frame[at]!;
  for (let i = at + 1; i < end; i++) number = number * 256 + frame[i]!;
  return number;
}

/** Calls `visit` with the path, start and end of each primitive object's value, in order. Only for bytes that `checkTlv` has passed. */
export function eachTag(frame: Uint8Array, at: number, end: number, visit: (path: string, start: number, end: number) => void, path = ''): void {
  while (at < end) {
    if (frame[at] === 0) {
      at++;
      continue;
    }
    const afterTag = tagEnd(frame, at, end);
    const sized = lengthBytes(frame, afterTag, end);
    const value = afterTag + sized;
    const after = value + lengthValue(frame, afterTag, sized);
    const inner = path + tagText(frame, at, afterTag);
    if ((frame[at]! & 0x20) === 0) visit(inner, value, after);
    else eachTag(frame, value, after, visit, `${inner}.`);
    at = after;
  }
}

/** An object to be written: its tag in hexadecimal, and its value in hexadecimal or, of a constructed tag, the objects in it. */
export type TagEntry = readonly [tag: string, value: string | readonly TagEntry[]];

/** The bytes of objects, in the order given. Throws an `EncodeError` for what is no tag, no hexadecimal, or objects within a primitive tag. */
export function tlvBytes(tags: Iterable<TagEntry>, path: string, depth = 1): Uint8Array {
  const bytes: number[] = [];
  for (const [tag, value] of tags) {
    const head = hexBytes(tag);
    if (head === undefined || head.length === 0 || head[0] === 0 || tagEnd(Uint8Array.from(head), 0, head.length) !== head.length) throw new EncodeError(path, 'bad-content');
    const inner = `${path}.${tag}`;
    if (typeof value !== 'string' && ((head[0]! & 0x20) === 0 || depth === tlvDepthMax)) throw new EncodeError(inner, 'bad-content');
    const content = typeof value === 'string' ? hexBytes(value) : tlvBytes(value, inner, depth + 1);
    if (content === undefined) throw new EncodeError(inner, 'bad-hex');
    bytes.push(...head, ...lengthOf(content.length));
    for (const byte of content) bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

function lengthOf(length: number): number[] {
  if (length < 0x80) return [length];
  return length < 0x100 ? [0x81, length] : length < 0x10000 ? [0x82, length >> 8, length & 255] : [0x83, length >> 16, (length >> 8) & 255, length & 255];
}

/** The bytes that hexadecimal text of either case writes; undefined where it does not. */
export function hexBytes(text: string): number[] | undefined {
  if (text.length % 2 !== 0) return undefined;
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i += 2) {
    const high = hexNibbleOfCode[text.charCodeAt(i)] ?? notNibble;
    const low = hexNibbleOfCode[text.charCodeAt(i + 1)] ?? notNibble;
    if (high === notNibble || low === notNibble) return undefined;
    bytes.push((high << 4) | low);
  }
  return bytes;
}
