/**
 * Where a value stands in a message, as data: read, and written for messages of our own. What the forms are is told in docs/dialects.md.
 *
 * A value is characters (a key block, digits) or bytes as hexadecimal. A field of bytes gives hexadecimal for both, so characters in one are
 * taken for ASCII. Nothing here fails on what a message holds: what cannot be read is absent.
 */
import type { Message } from '../iso8583/codec.ts';
import { Draft } from '../iso8583/draft.ts';
import type { Field, Spec } from '../iso8583/spec.ts';
import { elementAt, elementOf } from './conditions.ts';
import type { ValuePlace } from './rules.ts';

/** What a value is: its characters, or bytes in hexadecimal. */
export type Coding = 'characters' | 'hex';

/** The value at a place, without spaces around it; undefined where the field or the part of it is absent, empty where it is blank. */
export function placeText(message: Message, place: ValuePlace, coding: Coding): string | undefined {
  if (!message.has(place.field)) return undefined;
  const text = rawText(message, place);
  if (text === undefined) return undefined;
  return (coding === 'characters' && isBytes(message.codec.spec, place) ? charactersOf(text) : text).trim();
}

/** The first place that holds something. */
export function firstText(message: Message, places: readonly ValuePlace[], coding: Coding): string {
  for (const place of places) {
    const text = placeText(message, place, coding);
    if (text !== undefined && text !== '') return text;
  }
  return '';
}

function rawText(message: Message, place: ValuePlace): string | undefined {
  switch (place.form) {
    case 'text':
      return cut(message.text(place.field), place);
    case 'element': {
      const outer = elementOf(message.text(place.field)!, place.element, place.skip, place.lengthDigits);
      return cut(outer === undefined || place.part === undefined ? outer : elementOf(outer, place.part, 0, 2), place);
    }
    case 'subfield':
      return cut(message.sub(place.field, place.subfield), place);
    case 'dataset':
      return secondBit(datasetOf(message.text(place.field)!, place.dataset)?.content ?? '');
    case 'tag':
      return tagValue(place.dataset === undefined ? message.text(place.field)! : (datasetOf(message.text(place.field)!, place.dataset)?.content ?? ''), place.tag);
  }
}

function cut(text: string | undefined, place: { readonly at: number; readonly length: number }): string | undefined {
  return text?.slice(place.at, place.at + place.length);
}

/** Does the place hold bytes, so that its text is hexadecimal? */
function isBytes(spec: Spec, place: ValuePlace): boolean {
  if (place.form === 'tag') return true;
  const field = fieldOf(spec, place);
  return field?.kind === 'b' && (place.form === 'text' || place.form === 'subfield');
}

/** The field, or of a bitmapped one its subfield. */
function fieldOf(spec: Spec, place: ValuePlace): Field | undefined {
  const field = spec.fields.get(place.field);
  if (place.form !== 'subfield' || field?.subfields?.layout !== 'bitmapped') return field;
  return field.subfields.fields.get(Number(place.subfield));
}

/** ASCII out of hexadecimal; what is no printable character becomes a space. */
function charactersOf(hex: string): string {
  let text = '';
  for (let at = 0; at + 2 <= hex.length; at += 2) {
    const code = Number.parseInt(hex.slice(at, at + 2), 16);
    text += code > 0x20 && code < 0x7f ? String.fromCharCode(code) : ' ';
  }
  return text;
}

function hexOfCharacters(text: string): string {
  let hex = '';
  for (let at = 0; at < text.length; at++) hex += hexByte(text.charCodeAt(at) & 0xff);
  return hex;
}

function hexByte(value: number): string {
  return value.toString(16).toUpperCase().padStart(2, '0');
}

/** A dataset of a composite field: identifier of one byte, length of two, content. `text`: the field in hexadecimal. */
function datasetOf(text: string, dataset: string): { readonly start: number; readonly content: string } | undefined {
  let at = 0;
  while (at + 6 <= text.length) {
    const end = at + 6 + 2 * Number.parseInt(text.slice(at + 2, at + 6), 16);
    if (!(end <= text.length)) return undefined;
    if (text.startsWith(dataset, at)) return { start: at, content: text.slice(at + 6, end) };
    at = end;
  }
  return undefined;
}

/** Bit 2 of a dataset with a bitmap: four digits in two bytes, of which a leading zero is filling. */
function secondBit(content: string): string | undefined {
  let bitmap = Number.parseInt(content.slice(0, 4), 16);
  if ((bitmap & 0x4000) === 0) return undefined;
  let start = 4;
  // Bit 1 of each bitmap announces another one.
  while ((bitmap & 0x8000) !== 0 && start + 4 <= content.length) {
    bitmap = Number.parseInt(content.slice(start, start + 4), 16);
    start += 4;
  }
  const value = start + 4 <= content.length ? content.slice(start, start + 4) : '';
  return value.startsWith('0') ? value.slice(1) : value;
}

/** The value of a tag among BER-TLV objects, not inside another; undefined where absent, or where the bytes up to it are none. */
function tagValue(hex: string, tag: string): string | undefined {
  let at = 0;
  while (at + 4 <= hex.length) {
    let next = at + 2;
    if ((Number.parseInt(hex.slice(at, next), 16) & 0x1f) === 0x1f) {
      do next += 2; while (next < hex.length && (Number.parseInt(hex.slice(next - 2, next), 16) & 0x80) !== 0);
    }
    const tagEnd = next;
    let length = Number.parseInt(hex.slice(next, next + 2), 16);
    next += 2;
    if (length > 0x80) {
      const lengthEnd = next + 2 * (length & 0x7f);
      length = Number.parseInt(hex.slice(next, lengthEnd), 16);
      next = lengthEnd;
    }
    const end = next + 2 * length;
    if (!(end <= hex.length)) return undefined;
    if (hex.slice(at, tagEnd) === tag) return hex.slice(next, end);
    at = end;
  }
  return undefined;
}

/**
 * Writes a value at a place of a draft, beside what its field holds already. False where the format has no such field, or the form is one
 * that is only read (parts of a positional field).
 * @param value characters, or hexadecimal, as `coding` says
 */
export function writePlace(draft: Draft, spec: Spec, place: ValuePlace, value: string, coding: Coding): boolean {
  const field = fieldOf(spec, place);
  if (field === undefined) return false;
  const bytes = isBytes(spec, place);
  const text = bytes && coding === 'characters' ? hexOfCharacters(value) : value;
  const held = draft.get(place.field);
  const before = typeof held === 'string' ? held : '';
  const filling = bytes || field.kind === 'n' ? '0' : ' ';
  // A short value of a fixed field would be filled where its kind has it, digits on the left: then nothing stood at its place.
  const wholeLength = field.prefix === undefined ? field.max * (bytes ? 2 : 1) : 0;
  switch (place.form) {
    case 'text':
      draft.set(place.field, overlaid(before, place, text, filling).padEnd(wholeLength, filling));
      return true;
    case 'element':
      draft.set(place.field, withElement(before.padEnd(place.skip), place.skip, place.element, place.lengthDigits, (content) =>
        place.part === undefined ? overlaid(content, place, text, ' ') : withElement(content, 0, place.part, 2, (part) => overlaid(part, place, text, ' '))));
      return true;
    case 'subfield': {
      if (spec.fields.get(place.field)?.subfields?.layout !== 'bitmapped') return false;
      const inner = held instanceof Draft ? held.get(Number(place.subfield)) : undefined;
      draft.setSub(place.field, Number(place.subfield), overlaid(typeof inner === 'string' ? inner : '', place, text, filling).padEnd(wholeLength, filling));
      return true;
    }
    case 'dataset':
      draft.set(place.field, `${before}${place.dataset}00044000${text.padStart(4, '0')}`);
      return true;
    case 'tag':
      draft.set(place.field, place.dataset === undefined ? before + object(place.tag, text) : withinDataset(before, place.dataset, object(place.tag, text)));
      return true;
  }
}

function overlaid(before: string, place: { readonly at: number }, value: string, filling: string): string {
  return before.slice(0, place.at).padEnd(place.at, filling) + value + before.slice(place.at + value.length);
}

/** A list of elements with one of them changed, or appended. */
function withElement(text: string, skip: number, element: string, digits: number, change: (content: string) => string): string {
  const at = elementAt(text, element, skip, digits);
  const write = (content: string): string => element + String(content.length).padStart(digits, '0') + content;
  if (at < 0) return text + write(change(''));
  const found = elementOf(text, element, skip, digits)!;
  return text.slice(0, at) + write(change(found)) + text.slice(at + 2 + digits + found.length);
}

function withinDataset(text: string, dataset: string, more: string): string {
  const write = (content: string): string => dataset + hexByte(content.length >> 9) + hexByte((content.length >> 1) & 0xff) + content;
  const found = datasetOf(text, dataset);
  if (found === undefined) return text + write(more);
  return text.slice(0, found.start) + write(found.content + more) + text.slice(found.start + 6 + found.content.length);
}

/** One BER-TLV object of at most 255 bytes. */
function object(tag: string, hex: string): string {
  const length = hex.length / 2;
  return tag + (length < 0x80 ? '' : '81') + hexByte(length) + hex;
}
