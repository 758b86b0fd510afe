/**
 * The files between the issuer and the bureau that makes plastics, as text: JSON lines with a header, a line for each card, and a trailer
 * with their number and the digest of all before it. docs/personalisation.md describes them.
 *
 *   { "format": "locum-personalisation/1", "file": 7, "bureau": "…", "madeAt": "…" }      to the bureau
 *   { "orderId": "o_…", "sealed": "<JWE>" }
 *   { "records": 1, "digest": "<SHA-256 of the lines before, hexadecimal>" }
 *
 *   { "format": "locum-confirmation/1", "bureau": "…", "madeAt": "…" }                    from it
 *   { "orderId": "o_…", "result": "produced" }  or  { "orderId": "o_…", "result": "rejected", "why": "…" }
 *   { "records": 1, "digest": "…" }
 *
 * Refuses a confirmation whose frame is wrong as a whole, and a line that is wrong by itself. Pure but for the digest.
 */
import { createHash } from 'node:crypto';
import { idPattern } from './ids.ts';
import { timeText } from './json.ts';

export const personalisationFormat = 'locum-personalisation/1';
export const confirmationFormat = 'locum-confirmation/1';
/** Lines of cards in one file. */
export const recordsMax = 10_000;
/** Of a confirmation. */
export const confirmationBytesMax = 16 * 1024 * 1024;

const whyCharactersMax = 200;

export interface FileToBureau {
  readonly number: number;
  /** Name of the key that it opens its cards with. */
  readonly bureau: string;
  /** Unix ms. */
  readonly madeAtMs: number;
  readonly cards: readonly { readonly orderId: string; readonly sealed: string }[];
}

/** `locum-demo-bureau-000007.jsonl`. */
export function nameOfFile({ number, bureau }: Pick<FileToBureau, 'number' | 'bureau'>): string {
  return `locum-${bureau}-${String(number).padStart(6, '0')}.jsonl`;
}

export function fileToBureau({ number, bureau, madeAtMs, cards }: FileToBureau): string {
  const lines = [{ format: personalisationFormat, file: number, bureau, madeAt: timeText(madeAtMs) }, ...cards.map(({ orderId, sealed }) => ({ orderId, sealed }))];
  return withTrailer(lines);
}

/** Lines with their trailer: what either side writes. */
export function withTrailer(lines: readonly object[]): string {
  const body = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  return `${body}${JSON.stringify({ records: lines.length - 1, digest: digestOf(body) })}\n`;
}

export function digestOf(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

export type ConfirmationLine =
  | { readonly kind: 'produced'; readonly orderId: string }
  | { readonly kind: 'rejected'; readonly orderId: string; readonly why: string }
  /** In words that follow "line n: ". */
  | { readonly kind: 'wrong'; readonly problem: string };

export interface Confirmation {
  readonly bureau: string;
  /** In the file's order; the first one is on line 2. */
  readonly lines: readonly ConfirmationLine[];
}

/** @returns a sentence where the file as a whole is none, or is not complete */
export function readConfirmation(text: string): Confirmation | string {
  if (!text.endsWith('\n')) return 'the file does not end with a whole line';
  const lines = text.slice(0, -1).split('\n');
  const [first = '', last = ''] = [lines[0], lines.at(-1)];
  const header = objectOf(first);
  if (header?.['format'] !== confirmationFormat) return `the first line does not say that the format is ${confirmationFormat}`;
  const { bureau } = header;
  if (typeof bureau !== 'string') return 'the first line does not name the bureau';
  const trailer = objectOf(last);
  if (lines.length < 2 || trailer === undefined || typeof trailer['records'] !== 'number' || typeof trailer['digest'] !== 'string') return 'the last line is no trailer';
  const records = lines.slice(1, -1);
  if (records.length > recordsMax) return `the file has more than ${recordsMax} cards`;
  if (trailer['records'] !== records.length) return `the trailer says ${trailer['records']} cards, and there are ${records.length}`;
  if (trailer['digest'] !== digestOf(text.slice(0, text.length - last.length - 1))) return 'the digest of the trailer is not that of the lines before it';
  return { bureau, lines: records.map(lineOf) };
}

const orderForm = new RegExp(idPattern('order'));

function lineOf(text: string): ConfirmationLine {
  const line = objectOf(text);
  if (line === undefined) return { kind: 'wrong', problem: 'this is no JSON object' };
  const { orderId, result, why = '' } = line;
  if (typeof orderId !== 'string' || !orderForm.test(orderId)) return { kind: 'wrong', problem: 'orderId is missing, or is no order' };
  if (result === 'produced') return { kind: 'produced', orderId };
  if (result !== 'rejected') return { kind: 'wrong', problem: 'result is neither produced nor rejected' };
  return typeof why === 'string' ? { kind: 'rejected', orderId, why: why.replaceAll(/[\p{C}]/gu, ' ').slice(0, whyCharactersMax) } : { kind: 'wrong', problem: 'why is no text' };
}

function objectOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Readonly<Record<string, unknown>> : undefined;
  } catch {
    return undefined;
  }
}
