/**
 * DE55 of an answer: what the issuer tells the chip (EMV Book 3, 6.5.4 and 10.9 to 10.10).
 *
 *   91 issuer authentication data | 8A response code | 71 or 72 { 9F18 script id | 86 command | 86 … } …
 */
import type { Message } from '../iso8583/codec.ts';
import type { Draft } from '../iso8583/draft.ts';
import type { TagEntry } from '../iso8583/tlv.ts';
import { tlvBytes } from '../iso8583/tlv.ts';
import type { Dialect } from './dialect.ts';

export interface ChipScript {
  /** 71: before the second GENERATE AC; 72: after it. */
  readonly template: '71' | '72';
  /** Four bytes, hexadecimal; empty: none. */
  readonly id: string;
  /** Each hexadecimal, in this order. */
  readonly commands: readonly string[];
}

export interface ChipAnswer {
  /** Tag 91, hexadecimal; empty: none. */
  readonly issuerAuthenticationData: string;
  /** Tag 8A: two characters; `authorizationResponseCode` gives them. */
  readonly responseCode: string;
  readonly scripts: readonly ChipScript[];
}

/**
 * Writes it where the station's format has a DE55 and it fits: scripts are left out from the last one on until it does.
 * Nothing is written where nothing is to be said.
 */
export function writeChip(request: Message, chip: ChipAnswer, dialect: Dialect, draft: Draft): void {
  const field = request.codec.spec.fields.get(55);
  if (field === undefined || field.kind !== 'b') return;
  const said: TagEntry[] = [];
  if (chip.issuerAuthenticationData !== '') said.push(['91', chip.issuerAuthenticationData]);
  if (dialect.answer.chipResponseCode) said.push(['8A', hexOf(chip.responseCode)]);
  const scripts = chip.scripts.map((script): TagEntry => [script.template, entriesOf(script)]);
  for (let count = scripts.length; count >= 0; count--) {
    const bytes = tlvBytes([...said, ...scripts.slice(0, count)], '55');
    if (bytes.length > field.max) continue;
    if (bytes.length > 0) draft.setBytes(55, bytes);
    return;
  }
}

function entriesOf({ id, commands }: ChipScript): TagEntry[] {
  const entries = commands.map((command): TagEntry => ['86', command]);
  return id === '' ? entries : [['9F18', id], ...entries];
}

function hexOf(text: string): string {
  let hex = '';
  for (let at = 0; at < text.length; at++) hex += text.charCodeAt(at).toString(16).toUpperCase().padStart(2, '0');
  return hex;
}

/** Actions of ISO 8583:2003 that a chip is told apart from 00 (approved) and 05 (declined), as codes of ISO 8583:1987. */
const told: Readonly<Record<string, string>> = {
  '0001': '08', '0002': '10', '1001': '54', '1006': '75', '1007': '01', '1008': '02', '1016': '51', '1017': '55', '1018': '56', '1019': '57', '1020': '58', '1021': '61', '1023': '65',
  '1045': '82', '1047': '55', '1048': '55', '2000': '04', '2007': '07', '2008': '41', '2009': '43', '9107': '91', '9109': '96', '9111': '91', '9112': '91',
};

/**
 * The authorization response code, tag 8A: two characters. DE39 of 1987 is one; of the other editions it is what the code means.
 * @param responseCode DE39 of the answer
 */
export function authorizationResponseCode(dialect: Dialect, responseCode: string): string {
  if (dialect.version === '1987') return responseCode;
  const action = dialect.reasons.action(responseCode);
  return told[action ?? ''] ?? (dialect.reasons.approved(responseCode) ? '00' : '05');
}
