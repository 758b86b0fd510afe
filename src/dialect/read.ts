/**
 * From a decoded message to its meaning. The only place that knows by field number what a request says.
 *
 * Refuses nothing: content that cannot be becomes a `fault` with the field's number and a reason, so that a message that can be read
 * at all can be answered. Invariant: no exception for any message, and nothing of it in clear outside Pan and Secret.
 */
import type { Message } from '../iso8583/codec.ts';
import type { MessageClass, MessageFunction, Trace } from '../message/message.ts';
import type { Amount } from '../message/money.ts';
import { Pan } from '../message/pan.ts';
import { digitsMinor, parseComposite, readAmount, readBilling } from './amounts.ts';
import { readAuthentication } from './authentication.ts';
import { readCardData } from './card-data.ts';
import { anyHolds } from './conditions.ts';
import type { Dialect } from './dialect.ts';
import { institution, trimmed, withoutZeros } from './digits.ts';
import { Faults } from './faults.ts';
import { fingerprintOf } from './fingerprint.ts';
import { readKey } from './key-change.ts';
import type { AnsweredClass, CardMeaning, Meaning, NetworkMeaning, ResponseMeaning } from './meaning.ts';
import { cardClassOfMti, isAnswer, isRepeat, isRequest, versionOfMti } from './mti.ts';
import { readOriginal } from './original.ts';
import { readNewPin, readPin } from './pin-data.ts';
import { needsAmount, readFunctionMeaning, readPurpose } from './purpose.ts';
import type { FunctionMeaning } from './rules.ts';
import { isDateTime, isMonthDay, isTime, isTransmissionTime } from './times.ts';

/**
 * Never throws.
 * @param station the name that goes into the trace
 */
export function readMessage(message: Message, dialect: Dialect, station: string): Meaning {
  const { mti } = message;
  if (versionOfMti(mti) === dialect.version) {
    if (isAnswer(mti)) return readResponse(message, dialect);
    const digit = mti.charCodeAt(2) - 48;
    const of = cardClassOfMti(mti);
    if (of !== undefined && digit <= 4) return readCard(message, dialect, station, of, functionOf(digit));
    if (mti.charCodeAt(1) === 56 && digit <= 4) return readNetwork(message, dialect);
  }
  return {
    kind: 'unsupported', version: dialect.version, mti, answerable: isRequest(mti),
    stan: withoutZeros(message.text(11) ?? ''), rrn: trimmed(message.text(37)), acquirer: institution(message.text(32)), terminal: trimmed(message.text(41)), pan: Pan.parse(message.text(2) ?? ''),
  };
}

function functionOf(digit: number): MessageFunction {
  return digit === 0 ? 'request' : digit === 2 ? 'advice' : 'notification';
}

function readCard(message: Message, dialect: Dialect, station: string, of: MessageClass, function_: MessageFunction): CardMeaning {
  const faults = new Faults();
  const trace = readTrace(message, dialect, station, of, function_, faults);
  const card = readCardData(message, dialect, faults);
  const original = readOriginal(message, dialect.version, faults);
  const functionMeaning = readFunctionMeaning(message, dialect, of);
  const money = of === 'reversal' ? readReversed(message, dialect, functionMeaning, faults) : readAsked(message, dialect, faults);
  const processingCode = message.text(3) ?? '';
  const approvalCode = trimmed(message.text(38));
  const purpose = readPurpose(message, dialect, functionMeaning, { class: of, function: function_, processingCode, original, amount: money.amount, approvalCode }, faults);
  if (money.amount === undefined && needsAmount(purpose)) faults.add(4, 'the amount is missing');
  const pin = readPin(message, dialect, faults);
  const newPinBlock = purpose === 'pinChange' ? readNewPin(message, dialect) : undefined;
  const [newPinPlace] = dialect.pin.newBlocks;
  if (purpose === 'pinChange' && of !== 'reversal' && newPinBlock === undefined) faults.add(newPinPlace?.field ?? 52, 'the new PIN is missing');
  const advisedDecline = of !== 'reversal' && function_ !== 'request' && readAdvisedDecline(message, dialect, faults);
  return {
    kind: 'card',
    version: dialect.version,
    mti: message.mti,
    class: of,
    function: function_,
    repeat: isRepeat(message.mti),
    trace,
    rrn: trimmed(message.text(37)),
    purpose,
    processingCode,
    amount: money.amount,
    billing: money.billing,
    actualMinor: money.actualMinor,
    partialAllowed: of !== 'reversal' && function_ === 'request' && anyHolds(dialect.partialApproval, message),
    approvalCode,
    advisedDecline,
    original,
    pan: card.pan,
    expiry: card.expiry,
    trackExpiry: card.trackExpiry,
    cardPresent: card.entry.cardPresent && !anyHolds(dialect.cardNotPresent, message),
    entryMode: card.entry.mode,
    pin,
    newPinBlock,
    cardValue: card.cardValue,
    ...(pin === undefined || card.trackDiscretionary === undefined ? {} : { trackDiscretionary: card.trackDiscretionary }),
    chip: card.chip,
    panSequence: card.panSequence,
    authentication: readAuthentication(message, dialect),
    merchant: readMerchant(message, dialect, card.pan),
    fault: faults.first,
    fingerprint: fingerprintOf(message, dialect.fingerprint, advisedDecline ? 'declined' : purpose),
  };
}

function readTrace(message: Message, dialect: Dialect, station: string, of: MessageClass, function_: MessageFunction, faults: Faults): Trace {
  for (const field of dialect.required[of]) if (!message.has(field)) faults.add(field, 'is missing');
  const transmittedAt = message.text(7) ?? '';
  if (transmittedAt !== '' && !isTransmissionTime(transmittedAt)) faults.add(7, 'is not a date and time');
  return {
    station,
    acquirer: institution(message.text(32)),
    class: of,
    function: function_ === 'request' ? 'request' : 'advice',
    stan: withoutZeros(message.text(11) ?? ''),
    transmittedAt,
    localAt: readLocalAt(message, dialect, faults),
    terminal: trimmed(message.text(41)),
  };
}

function readLocalAt(message: Message, dialect: Dialect, faults: Faults): string {
  const time = message.text(12) ?? '';
  if (dialect.version !== '1987') {
    if (time !== '' && !isDateTime(time, dialect.version === '1993' ? 12 : 14)) faults.add(12, 'is not a date and time');
    return time;
  }
  const date = message.text(13) ?? '';
  if (time !== '' && !(time.length === 6 && isTime(time, 0))) faults.add(12, 'is not a time');
  if (date !== '' && !(date.length === 4 && isMonthDay(date, 0))) faults.add(13, 'is not a date');
  return date + time;
}

interface Money {
  readonly amount: Amount | undefined;
  readonly billing: Amount | undefined;
  readonly actualMinor: number | undefined;
}

function readAsked(message: Message, dialect: Dialect, faults: Faults): Money {
  return { amount: readAmount(message, dialect, faults), billing: readBilling(message, dialect, faults), actualMinor: undefined };
}

/**
 * A reversal's amounts: what its original claimed, and what it came to. In 1987 DE4 is the one and DE95 the other; in 1993 and 2003 a
 * partial reversal has the original amount in DE30, and DE4 (so DE6 too) is what it came to.
 */
function readReversed(message: Message, dialect: Dialect, meaning: FunctionMeaning | undefined, faults: Faults): Money {
  const asked = readAsked(message, dialect, faults);
  if (dialect.version === '1987') return readReplaced(message, asked, faults);
  if (meaning !== 'partialReversal') return asked;
  const claimed = readOriginalAmount(message, dialect, asked.amount, faults);
  if (claimed === undefined || asked.amount === undefined) return { amount: claimed, billing: undefined, actualMinor: undefined };
  if (claimed.currency !== asked.amount.currency) faults.add(30, 'is in another currency than the amount');
  return { amount: claimed, billing: undefined, actualMinor: checkActual(asked.amount.amountMinor, claimed.amountMinor, 4, faults) };
}

function readReplaced(message: Message, asked: Money, faults: Faults): Money {
  const text = message.text(95);
  if (text === undefined || asked.amount === undefined) return asked;
  const actualMinor = text.length === 42 ? digitsMinor(text.slice(0, 12)) : -1;
  if (actualMinor < 0) {
    faults.add(95, 'does not begin with an amount');
    return asked;
  }
  return { ...asked, actualMinor: checkActual(actualMinor, asked.amount.amountMinor, 95, faults) };
}

/** Undefined where it came to nothing: then all of it is reversed. */
function checkActual(actualMinor: number, claimedMinor: number, field: number, faults: Faults): number | undefined {
  if (actualMinor > claimedMinor) faults.add(field, 'a reversal cannot leave more than there was', '1010');
  return actualMinor === 0 ? undefined : actualMinor;
}

/** DE30: the original amount, then the original amount of reconciliation. */
function readOriginalAmount(message: Message, dialect: Dialect, amount: Amount | undefined, faults: Faults): Amount | undefined {
  const text = message.text(30);
  if (text === undefined) {
    faults.add(30, 'a partial reversal names the original amount');
    return undefined;
  }
  if (dialect.amounts.form === 'composite') return parseComposite(text.slice(0, 16), 30, faults);
  const amountMinor = digitsMinor(text.slice(0, 12));
  if (amountMinor < 0) faults.add(30, 'is not an amount');
  return amountMinor < 0 || amount === undefined ? undefined : { amountMinor, currency: amount.currency };
}

/** An advice's own DE39: did the one who decided decline? */
function readAdvisedDecline(message: Message, dialect: Dialect, faults: Faults): boolean {
  const code = message.text(39);
  if (code === undefined) return false;
  const action = dialect.reasons.action(code);
  if (action === undefined) faults.add(39, 'is not a response code of this link');
  return action !== undefined && !action.startsWith('0');
}

function readMerchant(message: Message, dialect: Dialect, pan: Pan | undefined): CardMeaning['merchant'] {
  const name = dialect.merchantNameField === undefined ? '' : message.text(dialect.merchantNameField);
  return {
    category: firstText(message, dialect.merchantCategoryFields), id: masked(trimmed(message.text(42)), pan), name: masked(trimmed(name), pan),
  };
}

/** What goes into the journal and is read by people: a sender that writes the card number where it does not belong writes it masked. */
function masked(text: string, pan: Pan | undefined): string {
  return pan !== undefined && text.includes(pan.reveal()) ? text.replaceAll(pan.reveal(), pan.masked) : text;
}

function firstText(message: Message, fields: readonly number[]): string {
  for (const field of fields) {
    const text = message.text(field);
    if (text !== undefined) return text;
  }
  return '';
}

const noKey = { key: undefined, keyFault: '' } as const;

function readNetwork(message: Message, dialect: Dialect): NetworkMeaning {
  const code = message.text(dialect.network.field) ?? '';
  const function_ = dialect.network.codes.get(code) ?? 'other';
  return {
    kind: 'network',
    version: dialect.version,
    mti: message.mti,
    function: function_,
    code,
    answerable: isRequest(message.mti),
    businessDate: function_ === 'cutover' && dialect.network.dateField !== undefined ? trimmed(message.text(dialect.network.dateField)) : '',
    stan: withoutZeros(message.text(11) ?? ''),
    transmittedAt: message.text(7) ?? '',
    ...(function_ === 'keyChange' ? readKey(message, dialect) : noKey),
  };
}

function readResponse(message: Message, dialect: Dialect): ResponseMeaning {
  const digit = message.mti.charCodeAt(2) - 48;
  const responseCode = message.text(39) ?? '';
  // Its own faults are the issuer's, whom nobody answers: what cannot be read is absent.
  const unheard = new Faults();
  return {
    kind: 'response',
    version: dialect.version,
    mti: message.mti,
    class: answeredClassOf(message.mti),
    function: functionOf(digit - 1),
    stan: withoutZeros(message.text(11) ?? ''),
    transmittedAt: message.text(7) ?? '',
    localAt: readLocalAt(message, dialect, unheard),
    acquirer: institution(message.text(32)),
    terminal: trimmed(message.text(41)),
    rrn: trimmed(message.text(37)),
    responseCode,
    action: dialect.reasons.action(responseCode) ?? '',
    reason: dialect.reasons.reason(responseCode),
    approved: dialect.reasons.approved(responseCode),
    approvalCode: trimmed(message.text(38)),
    amount: readAmount(message, dialect, unheard),
    billing: readBilling(message, dialect, unheard),
  };
}

/** What an answer of this type answers. */
export function answeredClassOf(mti: string): AnsweredClass {
  return cardClassOfMti(mti) ?? (mti.charCodeAt(1) === 56 ? 'network' : 'other');
}
