/**
 * From a decision back to a message. The only place that knows by field number what an answer says.
 *
 * An answer echoes what the dialect lists and the request has, and says the rest itself. Refuses (by leaving it out) what the station's
 * message format has no field for. Invariant: no card data but a PAN that came in DE2 goes back, and a response code always does.
 */
import { amountMinorMax } from '../base/limits.ts';
import type { Message } from '../iso8583/codec.ts';
import type { Draft } from '../iso8583/draft.ts';
import type { TagEntry } from '../iso8583/tlv.ts';
import { tlvBytes } from '../iso8583/tlv.ts';
import type { Response } from '../message/message.ts';
import { exponentOf } from '../message/money.ts';
import type { Amount } from '../message/money.ts';
import type { Reason } from '../message/reason.ts';
import { compositeText, readAmount, twelveDigits, writeAmount, writeBilling } from './amounts.ts';
import type { Dialect } from './dialect.ts';
import { Faults } from './faults.ts';
import { writeKey } from './key-change.ts';
import type { SentKey } from './key-change.ts';
import type { NetworkFunction } from './meaning.ts';
import { answerMti, cardClassOfMti } from './mti.ts';
import { writePlace } from './places.ts';
import type { PassedKind } from './rules.ts';

export interface ChipScript {
  /** 71: before the second GENERATE AC; 72: after it. */
  readonly template: '71' | '72';
  /** Four bytes, hexadecimal; empty: none. */
  readonly id: string;
  /** Each hexadecimal, in this order. */
  readonly commands: readonly string[];
}

/** What the issuer tells the chip in DE55 (EMV Book 3, 6.5.4 and 10.9 to 10.10). */
export interface ChipAnswer {
  /** Tag 91, hexadecimal; empty: none. */
  readonly issuerAuthenticationData: string;
  /** Tag 8A: two characters; `authorizationResponseCode` gives them. */
  readonly responseCode: string;
  readonly scripts: readonly ChipScript[];
}

/**
 * The answer to a card message, written into `draft` (cleared first) and returned.
 * @param rrn DE37 where the request has none; at most 12 characters; empty: left out
 * @param chip what DE55 tells the chip, where the format has room for it; undefined: nothing
 */
export function draftAnswer(request: Message, response: Response, dialect: Dialect, draft: Draft, rrn: string, chip?: ChipAnswer): Draft {
  const { fields } = request.codec.spec;
  beginAnswer(request, draft);
  for (const field of dialect.answer.echo) draft.copy(request, field);
  // A reversal's DE4 is what its original claimed, or (1993, 2003) what it came to: echoed, it is right in either case.
  if (response.amount !== undefined && cardClassOfMti(request.mti) !== 'reversal') writeAmounts(request, response, response.amount, dialect, draft);
  if (rrn !== '' && !request.has(37) && fields.has(37)) draft.set(37, rrn);
  if (response.approvalCode !== '' && fields.has(38)) draft.set(38, response.approvalCode);
  draft.set(39, dialect.reasons.responseCode(response.reason));
  const { faultField } = dialect.answer;
  if (response.reason === '9100' && faultField !== undefined && fields.has(faultField)) {
    const field = Number.parseInt(response.field ?? '', 10);
    if (field > 0) draft.set(faultField, String(field).padStart(3, '0'));
  }
  if (response.balance !== undefined) addAmounts(request, draft, balanceText(request, response.balance, dialect));
  if (chip !== undefined) writeChip(request, chip, dialect, draft);
  return draft;
}

/**
 * The answer to a network management message: accepted where there is no reason against it.
 * @param checkValue of a key that was taken, hexadecimal: told where the dialect has a place for it; empty: none
 */
export function draftNetworkAnswer(request: Message, reason: Reason | undefined, dialect: Dialect, draft: Draft, checkValue = ''): Draft {
  beginAnswer(request, draft);
  for (const field of dialect.answer.networkEcho) draft.copy(request, field);
  const { confirmation } = dialect.keyChange;
  if (checkValue !== '' && confirmation !== undefined) writePlace(draft, request.codec.spec, confirmation, checkValue, 'hex');
  return draft.set(39, reason === undefined ? dialect.reasons.responseCodeOfAction('8000')! : dialect.reasons.responseCode(reason));
}

/** The answer to a request of any type that is not taken, mostly 9102 or 9100. To be asked for only where `answerMti` has a type. */
export function draftRefusal(request: Message, reason: Reason, dialect: Dialect, draft: Draft): Draft {
  beginAnswer(request, draft);
  for (const field of dialect.answer.echo) draft.copy(request, field);
  return draft.set(39, dialect.reasons.responseCode(reason));
}

/** Of ISO 8583:2003: reversal, fee collection, administrative message accepted. */
export const takenActions: Readonly<Record<PassedKind, '4000' | '6000' | '7000'>> = { chargeback: '4000', feeCollection: '7000', fundsDisbursement: '7000', text: '6000' };

/** The answer to a message of an issuer to an acquirer, from whoever took it. @param action of ISO 8583:2003 */
export function draftTaken(request: Message, action: '4000' | '6000' | '7000', dialect: Dialect, draft: Draft): Draft {
  beginAnswer(request, draft);
  for (const field of dialect.answer.echo) draft.copy(request, field);
  return draft.set(39, dialect.reasons.responseCodeOfAction(action)!);
}

/**
 * A network management request of our own. False where the dialect has no code for it, or no place for the key.
 * @param stan digits; @param transmittedAt MMDDhhmmss, UTC; @param localAt CCYYMMDDhhmmss
 * @param more the key of a key change, with the format that it is written in; the business day of a cut-over, CCYYMMDD, of which the
 *   edition tells as much as it has place for
 */
export function draftNetworkRequest(
  what: NetworkFunction, stan: string, transmittedAt: string, localAt: string, dialect: Dialect, draft: Draft, more: { readonly key?: SentKey | undefined; readonly businessDate?: string | undefined } = {},
): boolean {
  const code = dialect.network.own.get(what) ?? codeOf(what, dialect);
  if (code === undefined) return false;
  draft.clear(dialect.version === '1987' ? '0800' : dialect.version === '1993' ? '1804' : '2804');
  draft.set(7, transmittedAt).set(11, stan.padStart(dialect.version === '2003' ? 12 : 6, '0'));
  if (dialect.version === '1993') draft.set(12, localAt.slice(2));
  else if (dialect.version === '2003') draft.set(12, localAt);
  draft.set(dialect.network.field, code);
  const { dateField } = dialect.network;
  if (more.businessDate !== undefined && dateField !== undefined) draft.set(dateField, more.businessDate.slice(businessDateFrom[dialect.version]));
  return more.key === undefined || writeKey(more.key, dialect, draft);
}

/** Of CCYYMMDD: MMDD, YYMMDD, or all. */
const businessDateFrom = { '1987': 4, '1993': 2, '2003': 0 } as const;

function codeOf(what: NetworkFunction, dialect: Dialect): string | undefined {
  for (const [code, function_] of dialect.network.codes) if (function_ === what) return code;
  return undefined;
}

/** The type that answers, under the header that came: all that an answer begins with. */
export function beginAnswer(request: Message, draft: Draft): void {
  const { header } = request;
  draft.clear(answerMti(request.mti) ?? request.mti);
  if (header !== undefined) draft.header = header;
}

/** DE4 and DE6, and what was asked where that is more: DE30, or an amount of DE54 where DE30 is something else (1987). */
function writeAmounts(request: Message, response: Response, amount: Amount, dialect: Dialect, draft: Draft): void {
  const { fields } = request.codec.spec;
  writeAmount(draft, dialect, amount);
  if (response.billing !== undefined && fields.has(6)) writeBilling(draft, dialect, response.billing);
  if (response.reason !== '0002') return;
  const asked = readAmount(request, dialect, new Faults());
  if (asked === undefined) return;
  const { originalAmountType } = dialect.answer;
  if (originalAmountType !== undefined) addAmounts(request, draft, additionalText(request, originalAmountType, asked, dialect));
  else if (dialect.version !== '1987' && fields.has(30)) draft.set(30, originalText(asked, dialect));
}

/** DE30: the original amount, and none of reconciliation. */
function originalText(asked: Amount, dialect: Dialect): string {
  return dialect.amounts.form === 'composite' ? compositeText(asked) + '0'.repeat(16) : twelveDigits(asked.amountMinor) + '0'.repeat(12);
}

/** Appends to DE54. */
function addAmounts(request: Message, draft: Draft, text: string): void {
  if (text === '' || !request.codec.spec.fields.has(54)) return;
  const held = draft.get(54);
  draft.set(54, typeof held === 'string' ? held + text : text);
}

function balanceText(request: Message, balance: NonNullable<Response['balance']>, dialect: Dialect): string {
  const { ledgerMinor, availableMinor, currency } = balance;
  if (Math.max(Math.abs(ledgerMinor), Math.abs(availableMinor)) > amountMinorMax) return '';
  return additionalText(request, dialect.answer.ledgerAmountType, { amountMinor: ledgerMinor, currency }, dialect) +
    additionalText(request, dialect.answer.availableAmountType, { amountMinor: availableMinor, currency }, dialect);
}

/** One amount of DE54: account type, amount type, currency, (2003: exponent), sign, twelve digits. */
function additionalText(request: Message, type: string, amount: Amount, dialect: Dialect): string {
  const account = request.text(3)?.slice(2, 4) ?? '00';
  const exponent = dialect.amounts.form === 'composite' ? String(exponentOf(amount.currency)) : '';
  const sign = amount.amountMinor < 0 ? 'D' : 'C';
  return account + type + amount.currency + exponent + sign + twelveDigits(Math.abs(amount.amountMinor));
}

/**
 *   91 issuer authentication data | 8A response code | 71 or 72 { 9F18 script id | 86 command | 86 … } …
 *
 * Written where the station's format has a DE55 and it fits; scripts are left out from the last one on until it does.
 * Nothing is written where nothing is to be said.
 */
function writeChip(request: Message, chip: ChipAnswer, dialect: Dialect, draft: Draft): void {
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
