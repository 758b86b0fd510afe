/**
 * Values as PostgreSQL reads them in text: parameters, arrays, and rows for COPY. One way for both kinds of book, so that they
 * cannot differ in it.
 */
import type { Param, Params } from './book.ts';

export function wireParams(params: Params): (string | null)[] {
  return (typeof params === 'function' ? params() : params).map(wireParam);
}

/** A parameter in PostgreSQL's text form. */
export function wireParam(param: Param): string | null {
  if (param === null) return null;
  if (typeof param === 'string') return storable(param);
  if (param instanceof Date) return param.toISOString();
  if (Array.isArray(param)) return wireArray(param);
  return String(param);
}

/** An array literal: `{"a","b",NULL}`. */
export function wireArray(values: readonly (string | number | boolean | null)[]): string {
  let literal = '{';
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index] ?? null;
    if (index > 0) literal += ',';
    if (value === null) literal += 'NULL';
    else if (typeof value === 'string') literal += `"${storable(value).replace(/[\\"]/g, String.raw`\$&`)}"`;
    else literal += String(value);
  }
  return `${literal}}`;
}

/** One line of COPY's text format, with its end. */
export function copyRow(values: readonly (string | number | boolean | null)[]): string {
  let line = '';
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index] ?? null;
    if (index > 0) line += '\t';
    if (value === null) line += String.raw`\N`;
    else if (typeof value === 'string') line += copyText(value);
    else line += String(value);
  }
  return `${line}\n`;
}

/** PostgreSQL's text holds every character but NUL, and a card message may carry one; it shows as U+FFFD. */
export function storable(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text;
}

const copyControls = /[\t\n\r\0]/;
const copyEscapes: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '\r': '\\r', '\0': '\uFFFD' };

/** A text as a column of COPY has it. */
export function copyText(text: string): string {
  // A journal's entry is full of backslashes and never has a control character: one at a time through a callback would be
  // half the price of a row.
  const escaped = text.includes('\\') ? text.replaceAll('\\', '\\\\') : text;
  if (!copyControls.test(escaped)) return escaped;
  return escaped.replace(/[\t\n\r\0]/g, (control) => copyEscapes[control] ?? control);
}
