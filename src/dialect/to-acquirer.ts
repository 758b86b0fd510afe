/**
 * Messages of an issuer to an acquirer: chargebacks, fee collections, funds disbursements and texts. What of a message is which of them is
 * data of the dialect; nothing of it is decided by the switch.
 *
 * Refuses nothing: what cannot be passed on has a `fault` with its field, so that it can be answered. Invariant: no value here prints a
 * clear card number.
 */
import type { JsonNode } from '../base/json-node.ts';
import type { Message } from '../iso8583/codec.ts';
import type { ContentFault, OriginalReference } from '../message/message.ts';
import type { Amount } from '../message/money.ts';
import { Pan } from '../message/pan.ts';
import { readAmount, readBilling } from './amounts.ts';
import type { Dialect } from './dialect.ts';
import { institution, isDigits, trimmed, withoutZeros } from './digits.ts';
import { Faults } from './faults.ts';
import { readPlace } from './load-places.ts';
import { isRepeat, typeSentFirst, versionOfMti } from './mti.ts';
import { readOriginal } from './original.ts';
import { placeText } from './places.ts';
import { passedKinds } from './rules.ts';
import type { PassedKind, PassedRule, ToAcquirerRules } from './rules.ts';
import { isTransmissionTime } from './times.ts';

export const noToAcquirer: ToAcquirerRules = { kinds: [], destination: [], text: undefined };

/** What a message of an issuer to an acquirer says of itself. */
export interface PassedMeaning {
  readonly kind: PassedKind;
  /** Its type as sent first. */
  readonly mti: string;
  readonly isRepeat: boolean;
  /** Digits without leading zeros; empty: it names none. */
  readonly destination: string;
  readonly stan: string;
  readonly transmittedAt: string;
  readonly localAt: string;
  readonly acquirer: string;
  readonly terminal: string;
  readonly rrn: string;
  readonly pan: Pan | undefined;
  readonly amount: Amount | undefined;
  readonly billing: Amount | undefined;
  readonly original: OriginalReference | undefined;
  /** Of a text; empty: none. */
  readonly text: string;
  readonly fault: ContentFault | undefined;
}

/** Undefined: it is none. Never throws. */
export function readPassed(message: Message, dialect: Dialect): PassedMeaning | undefined {
  const { kinds, destination, text: textPlace } = dialect.toAcquirer;
  const mti = typeSentFirst(message.mti);
  const processingCode = message.text(3) ?? '';
  const rule = kinds.find(({ types, processingCodes }) => types.includes(mti) && (processingCodes.length === 0 || processingCodes.includes(processingCode.slice(0, 2))));
  if (rule === undefined) return undefined;
  const faults = new Faults();
  for (const field of dialect.required.reversal) if (!message.has(field)) faults.add(field, 'is missing');
  const transmittedAt = message.text(7) ?? '';
  if (transmittedAt !== '' && !isTransmissionTime(transmittedAt)) faults.add(7, 'is not a date and time');
  const number = message.text(2);
  const pan = number === undefined ? undefined : Pan.parse(number);
  if (number !== undefined && pan === undefined) faults.add(2, 'is not a card number');
  if (number === undefined && rule.kind === 'chargeback') faults.add(2, 'the card number is missing');
  const amount = readAmount(message, dialect, faults);
  const billing = readBilling(message, dialect, faults);
  if (rule.kind !== 'text' && amount === undefined) faults.add(4, 'the amount is missing');
  const original = readOriginal(message, dialect.version, faults);
  const [field = 32] = destination.filter((each) => institution(message.text(each)) !== '');
  const wanted = institution(message.text(field));
  if (wanted === '') faults.add(destination[0] ?? 32, 'names no institution that it is for');
  else if (!isDigits(wanted)) faults.add(field, 'is no institution');
  const text = textPlace === undefined || rule.kind !== 'text' ? '' : (placeText(message, textPlace, 'characters') ?? '');
  if (rule.kind === 'text' && text === '') faults.add(textPlace?.field ?? 48, 'the text is missing');
  return {
    kind: rule.kind, mti, isRepeat: isRepeat(message.mti), destination: wanted, stan: withoutZeros(message.text(11) ?? ''), transmittedAt,
    localAt: dialect.version === '1987' ? (message.text(13) ?? '') + (message.text(12) ?? '') : (message.text(12) ?? ''),
    acquirer: institution(message.text(32)), terminal: trimmed(message.text(41)), rrn: trimmed(message.text(37)), pan, amount, billing, original, text, fault: faults.first,
  };
}

export function readToAcquirer(node: JsonNode, version: Dialect['version']): ToAcquirerRules {
  if (!node.present) return noToAcquirer;
  node.only('kinds', 'destination', 'text');
  return {
    kinds: node.at('kinds').items().map((item) => readRule(item, version)),
    destination: node.at('destination').fields(),
    text: node.at('text').present ? readPlace(node.at('text')) : undefined,
  };
}

function readRule(node: JsonNode, version: Dialect['version']): PassedRule {
  node.only('kind', 'types', 'processingCodes', 'functionCode');
  const types = node.at('types').items().map((item) => {
    const type = item.string();
    if (!/^[0-9]{4}$/.test(type) || versionOfMti(type) !== version) return item.fail(`is no type of ${version}`);
    if (type[2] !== '2' || isRepeat(type) || type[1] === '8') return item.fail('is no advice as it is sent first: nothing else may wait for whom it is for');
    return type;
  });
  if (types.length === 0) node.at('types').fail('at least one is needed');
  const functionCode = node.at('functionCode').present ? node.at('functionCode').string() : undefined;
  if (functionCode !== undefined && (version === '1987' || !/^[0-9]{3}$/.test(functionCode))) node.at('functionCode').fail('a function code has three digits, and 1987 has none');
  return {
    kind: node.at('kind').oneOf(passedKinds), types, functionCode,
    processingCodes: node.at('processingCodes').present ? node.at('processingCodes').items().map((item) => (/^[0-9A-Z]{2}$/.test(item.string()) ? item.string() : item.fail('a transaction type is the first two characters of DE3'))) : [],
  };
}
