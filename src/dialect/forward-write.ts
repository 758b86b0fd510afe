/**
 * Writes a message of ours to an issuer, from what is to be said: its class, purpose, amounts, times and reasons in the words of the
 * target's edition. Owns which field says it. What cannot be said, and must be, is a fault; anything else is left out.
 */
import type { Draft } from '../iso8583/draft.ts';
import type { Spec } from '../iso8583/spec.ts';
import type { MessageClass, MessageFunction, Purpose, Version } from '../message/message.ts';
import type { Amount } from '../message/money.ts';
import type { Pan } from '../message/pan.ts';
import type { SentReference } from '../message/advice.ts';
import { compositeText, twelveDigits } from './amounts.ts';
import type { Dialect } from './dialect.ts';
import { isDigits } from './digits.ts';
import { writeCondition, writePointOfService } from './forward-place.ts';
import type { PointOfService } from './forward-place.ts';
import { readMerchantPlace, writeMerchantPlace } from './forward-merchant.ts';
import { writePlace } from './places.ts';
import type { FunctionMeaning } from './rules.ts';

/** One side of a forwarding: how a station's messages are understood, and how they travel. */
export interface Side {
  readonly dialect: Dialect;
  readonly spec: Spec;
}

/** Why a message cannot be written: the field of the target, and a sentence without any value. */
export interface ForwardFault {
  readonly field: number;
  readonly text: string;
}

export interface OriginalNamed extends Omit<SentReference, 'function'> {
  readonly function: 'request' | 'advice';
}

/** What is to be said. Empty texts are left out. */
export interface Said {
  readonly class: MessageClass;
  readonly function: MessageFunction;
  readonly isRepeat: boolean;
  readonly purpose: Purpose;
  readonly pan: Pan | undefined;
  /** Six characters. */
  readonly processingCode: string;
  /** What the source's dialect makes of DE3 alone; undefined: not known. */
  readonly plainPurpose: Purpose | undefined;
  readonly amount: Amount | undefined;
  readonly billing: Amount | undefined;
  readonly actualMinor: number | undefined;
  readonly partialAllowed: boolean;
  /** The signs of the purpose, and of a partial approval's allowance, are in the draft already. */
  readonly isMarked: boolean;
  readonly stan: string;
  readonly transmittedAt: string;
  /** CCYYMMDDhhmmss, MMDDhhmmss or YYMMDDhhmmss, of the transaction. */
  readonly localAt: string;
  /** CCYYMMDDhhmmss: gives the year, and stands where `localAt` says nothing. */
  readonly localNow: string;
  readonly expiry: string | undefined;
  /** Undefined: DE22 and DE25 are written already. */
  readonly point: PointOfService | undefined;
  /** DE24, where the source's edition has one with the same meaning. */
  readonly functionCode: string | undefined;
  readonly category: string;
  readonly acquirer: string;
  readonly forwardingInstitution: string;
  readonly rrn: string;
  readonly approvalCode: string;
  /** Of an advice: the action code of ISO 8583:2003; empty: none. */
  readonly action: string;
  readonly terminal: string;
  readonly merchantId: string;
  readonly merchantName: string;
  readonly original: OriginalNamed | undefined;
  /** Name of why this is an advice, or a reversal; empty: none. */
  readonly why: string;
}

/** Into a draft that was cleared with `mtiOf`; what it holds already stays where nothing is said. */
export function writeSaid(draft: Draft, said: Said, { dialect, spec }: Side): ForwardFault | undefined {
  const { fields } = spec;
  if (said.pan !== undefined) draft.set(2, said.pan.reveal());
  const code = processingCodeFor(said, dialect);
  if (code === undefined) return { field: 3, text: `the dialect ${dialect.name} has no transaction type for this purpose` };
  if (code !== '') draft.set(3, code);
  if (said.amount !== undefined) writeMoney(draft, said, said.amount, dialect);
  if (tellsBilling(said) && fields.has(6)) draft.set(6, amountText(said.billing!, dialect));
  if (fields.has(7)) draft.set(7, said.transmittedAt);
  draft.set(11, said.stan.padStart(dialect.version === '2003' ? 12 : 6, '0'));
  writeLocal(draft, said, dialect.version);
  if (said.expiry !== undefined && fields.has(14)) draft.set(14, said.expiry);
  if (said.point !== undefined) writePointOfService(draft, spec, dialect, said.point);
  const fault = writePurpose(draft, said, { dialect, spec });
  if (fault !== undefined) return fault;
  const categoryField = said.category === '' ? undefined : dialect.merchantCategoryFields.find((field) => fields.has(field));
  if (categoryField !== undefined) draft.set(categoryField, said.category);
  put(draft, spec, 32, said.acquirer);
  put(draft, spec, 33, said.forwardingInstitution);
  put(draft, spec, 37, said.rrn);
  put(draft, spec, 38, said.approvalCode);
  if (said.action !== '') draft.set(39, dialect.reasons.responseCodeOfAction(said.action) ?? dialect.reasons.responseCodeOfAction('1000')!);
  put(draft, spec, 41, said.terminal);
  put(draft, spec, 42, said.merchantId);
  if (said.merchantName !== '') writeMerchant(draft, said.merchantName, { dialect, spec });
  writeCurrencies(draft, said, dialect);
  writeOriginal(draft, said, { dialect, spec });
  const { why } = dialect.forward;
  const reason = said.why === '' ? undefined : why?.codes.get(said.why);
  if (why !== undefined && reason !== undefined) writePlace(draft, spec, why.place, reason, 'characters');
  return undefined;
}

const versionDigits: Readonly<Record<Version, string>> = { '1987': '0', '1993': '1', '2003': '2' };
const classDigits: Readonly<Record<MessageClass, string>> = { authorization: '1', financial: '2', reversal: '4' };
const functionDigits: Readonly<Record<MessageFunction, string>> = { request: '0', advice: '2', notification: '4' };

export function mtiOf(version: Version, of: MessageClass, function_: MessageFunction, isRepeat: boolean): string {
  return versionDigits[version] + classDigits[of] + functionDigits[function_] + (isRepeat ? '1' : '0');
}

/** Left out where the format has no such field or it does not fit: no identifier is cut short. */
export function put(draft: Draft, spec: Spec, field: number, text: string): void {
  const found = spec.fields.get(field);
  if (text === '' || found === undefined || text.length > found.max || (found.kind === 'n' && !isDigits(text))) return;
  draft.set(field, text);
}

/** Undefined where the target has none; empty where none is to be said. */
function processingCodeFor({ processingCode, purpose, plainPurpose }: Said, { processingCodes }: Dialect): string | undefined {
  if (processingCode === '') return '';
  const wanted = plainPurpose ?? plainOf(purpose);
  const there = processingCodes.get(processingCode.slice(0, 2));
  if (there === wanted || wanted === 'unsupported' || (plainPurpose === undefined && there !== undefined && isPlainOf(there, purpose))) return processingCode;
  for (const [code, of] of processingCodes) if (of === wanted) return code + processingCode.slice(2);
  return undefined;
}

function plainOf(purpose: Purpose): Purpose {
  return purpose === 'preauthorization' || purpose === 'increment' || purpose === 'completion' ? 'purchase' : purpose;
}

/** May a transaction type of one purpose have been of a message that came to be another? */
function isPlainOf(plain: Purpose, purpose: Purpose): boolean {
  if (plain === purpose) return true;
  const isPayment = plain === 'purchase' || plain === 'cash' || plain === 'preauthorization';
  return isPayment && (plainOf(purpose) === 'purchase' || purpose === 'verification');
}

/** DE4, and in a reversal for a part what it came to: DE95 of 1987; DE4, with the original in DE30, of the others. */
function writeMoney(draft: Draft, { class: of, actualMinor }: Said, amount: Amount, dialect: Dialect): void {
  if (of !== 'reversal' || actualMinor === undefined) {
    draft.set(4, amountText(amount, dialect));
    return;
  }
  if (dialect.version === '1987') {
    draft.set(4, amountText(amount, dialect)).set(95, twelveDigits(actualMinor) + '0'.repeat(30));
    return;
  }
  const whole = amountText(amount, dialect);
  draft.set(4, amountText({ amountMinor: actualMinor, currency: amount.currency }, dialect)).set(30, whole + '0'.repeat(whole.length));
}

function amountText(amount: Amount, { amounts }: Dialect): string {
  return amounts.form === 'composite' ? compositeText(amount) : twelveDigits(amount.amountMinor);
}

/** Of a part that is left, nobody has said what it is in the cardholder's currency. */
function tellsBilling({ billing, actualMinor }: Said): boolean {
  return billing !== undefined && actualMinor === undefined;
}

/** Apart from the amounts, so that fields come in their order: that is cheaper to write. */
function writeCurrencies(draft: Draft, said: Said, { amounts: { currencyField, billingCurrencyField } }: Dialect): void {
  if (said.amount !== undefined && currencyField !== undefined) draft.set(currencyField, said.amount.currency);
  if (tellsBilling(said) && billingCurrencyField !== undefined && draft.get(6) !== undefined) draft.set(billingCurrencyField, said.billing!.currency);
}

function writeLocal(draft: Draft, { localAt, localNow }: Said, version: Version): void {
  const whole = wholeLocalAt(localAt, localNow);
  if (version === '1987') {
    if (whole.length === 14) draft.set(12, whole.slice(8)).set(13, whole.slice(4, 8));
  } else if (whole.length === 14) draft.set(12, version === '1993' ? whole.slice(2) : whole);
}

/**
 * Local date and time as CCYYMMDDhhmmss, of whichever form. The year that is not there is the one that brings it nearest to now.
 * @param now CCYYMMDDhhmmss: taken where the text is no date and time
 */
export function wholeLocalAt(text: string, now: string): string {
  if (text.length === 14) return text;
  if (text.length === 12) return now.slice(0, 2) + text;
  if (text.length !== 10 || now.length !== 14) return now;
  const monthsAhead = Number(text.slice(0, 2)) - Number(now.slice(4, 6));
  const year = Number(now.slice(0, 4)) + (monthsAhead > 6 ? -1 : monthsAhead < -6 ? 1 : 0);
  return String(year) + text;
}

/** DE24 of 1993 and 2003; the markers of the dialect in 1987. */
function writePurpose(draft: Draft, said: Said, { dialect, spec }: Side): ForwardFault | undefined {
  const { functionCodes } = dialect;
  if (functionCodes === undefined) {
    const markers = said.class === 'authorization' && (said.purpose === 'preauthorization' || said.purpose === 'increment') ? dialect.preauthorization
      : said.class === 'financial' && said.purpose === 'completion' ? dialect.completion : undefined;
    if (markers !== undefined && !said.isMarked && said.plainPurpose !== 'preauthorization' && !markers.some((marker) => writeCondition(draft, spec, marker))) {
      return { field: 25, text: `the dialect ${dialect.name} has no sign for this purpose` };
    }
  } else {
    const code = said.functionCode ?? functionCodeFor(said, dialect);
    if (code === undefined) return { field: 24, text: `the dialect ${dialect.name} has no function code for this purpose` };
    draft.set(24, code);
  }
  if (said.partialAllowed && !said.isMarked) allowPartial(draft, { dialect, spec });
  return undefined;
}

const purposeMeanings: Readonly<Partial<Record<Purpose, FunctionMeaning>>> = { preauthorization: 'preauthorization', increment: 'increment', completion: 'completion' };

function functionCodeFor({ class: of, purpose, plainPurpose, amount, actualMinor }: Said, { functionCodes }: Dialect): string | undefined {
  const isVerifiedByCode = purpose === 'verification' && plainPurpose !== 'verification' && amount?.amountMinor !== 0;
  const wanted = of === 'reversal' ? (actualMinor === undefined ? 'fullReversal' : 'partialReversal') : isVerifiedByCode ? 'verification' : (purposeMeanings[purpose] ?? 'original');
  const digit = classDigits[of];
  for (const [code, meaning] of functionCodes!) if (meaning === wanted && code.startsWith(digit)) return code;
  return undefined;
}

/** By a code in place of the plain one, or where the dialect has its sign. */
function allowPartial(draft: Draft, { dialect, spec }: Side): void {
  const code = draft.get(24);
  for (const condition of dialect.partialApproval) {
    if (condition.form === 'values' && condition.element === undefined && condition.field === 24 && dialect.functionCodes !== undefined) {
      if (typeof code !== 'string' || dialect.functionCodes.get(code) !== 'original') continue;
      if (condition.values.has(code)) return;
      const instead = [...condition.values].find((value) => value.startsWith(code.slice(0, 1)) && dialect.functionCodes?.get(value) === 'original');
      if (instead === undefined) continue;
      draft.set(24, instead);
      return;
    }
    if (writeCondition(draft, spec, condition)) return;
  }
}

function writeMerchant(draft: Draft, name: string, { dialect, spec }: Side): void {
  const { merchantNameField, forward: { merchantForm } } = dialect;
  const field = merchantNameField === undefined ? undefined : spec.fields.get(merchantNameField);
  if (merchantNameField === undefined || field === undefined || merchantForm === undefined) return;
  put(draft, spec, merchantNameField, writeMerchantPlace(merchantForm, readMerchantPlace(name)).slice(0, field.max));
}

/**
 *   1987  DE90  | MTI 4 | STAN 6  | DE7 10   | acquirer 11     | forwarding 11 |
 *   1993  DE56  | MTI 4 | STAN 6  | DE12 12  | LL acquirer ..11 |
 *   2003  DE56  | MTI 4 | STAN 12 | DE12 14  | LL acquirer ..11 |
 */
function writeOriginal(draft: Draft, { original, localNow, forwardingInstitution }: Said, { dialect, spec }: Side): void {
  if (original === undefined) return;
  const { version } = dialect;
  const field = version === '1987' ? 90 : 56;
  if (!spec.fields.has(field)) return;
  const stanDigits = version === '2003' ? 12 : 6;
  if (original.stan.length > stanDigits) return;
  const begins = mtiOf(version, original.class, original.function, false) + original.stan.padStart(stanDigits, '0');
  if (version === '1987') {
    draft.set(90, begins + original.transmittedAt.padStart(10, '0') + original.acquirer.padStart(11, '0') + forwardingInstitution.padStart(11, '0'));
    return;
  }
  const local = original.localAt === '' ? '0'.repeat(14) : wholeLocalAt(original.localAt, localNow);
  draft.set(56, begins + (version === '1993' ? local.slice(2) : local) + String(original.acquirer.length).padStart(2, '0') + original.acquirer);
}
