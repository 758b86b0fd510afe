/**
 * File actions of the network: a card is put on the stop list, taken from it, or asked for. What of a message says so is data of the
 * dialect; what a stop list's reason is here, is one of the lock codes.
 *
 * Refuses nothing: what cannot be has a `fault` with its field, or lacks the operation or the lock code, so that it can be answered.
 * Invariant: no value here prints a clear card number.
 */
import type { JsonNode } from '../base/json-node.ts';
import type { Message } from '../iso8583/codec.ts';
import type { Draft } from '../iso8583/draft.ts';
import type { ContentFault } from '../message/message.ts';
import { Pan } from '../message/pan.ts';
import { beginAnswer } from './answer.ts';
import type { Dialect } from './dialect.ts';
import { institution, withoutZeros } from './digits.ts';
import { Faults } from './faults.ts';
import { readCodes, readPlace } from './load-places.ts';
import { isRepeat, isRequest, typeSentFirst, versionOfMti } from './mti.ts';
import { placeText, writePlace } from './places.ts';
import { fileOperations } from './rules.ts';
import type { CodePlace, FileActionRules, FileOperation } from './rules.ts';
import { isTransmissionTime } from './times.ts';

/** Action codes of ISO 8583:2003 that answer a file action. */
export type FileActionCode = '3000' | '3001' | '3002' | '3004' | '3006' | '3007' | '3008' | '3009' | '9109' | '9112' | '9113';

/** What a file action says. */
export interface FileActionMeaning {
  /** Its type as sent first. */
  readonly mti: string;
  readonly isRepeat: boolean;
  /** Undefined: none, or one that the dialect does not know. */
  readonly operation: FileOperation | undefined;
  readonly isOfStopList: boolean;
  /** Undefined: no reason, or one that the dialect does not know. */
  readonly lockCode: number | undefined;
  readonly stan: string;
  /** DE7, or the local time; never empty without a fault. */
  readonly sentAt: string;
  /** DE33, else DE32, without leading zeros; empty: neither. */
  readonly sender: string;
  /** Undefined only with a fault. */
  readonly pan: Pan | undefined;
  readonly fault: ContentFault | undefined;
}

/** Undefined: it is none. Never throws. */
export function readFileAction(message: Message, dialect: Dialect): FileActionMeaning | undefined {
  const { fileAction: rules } = dialect;
  const mti = typeSentFirst(message.mti);
  if (rules === undefined || !rules.types.includes(mti)) return undefined;
  const faults = new Faults();
  const stan = withoutZeros(message.text(11) ?? '');
  if (stan === '') faults.add(11, 'is missing');
  const transmittedAt = message.text(7) ?? '';
  if (transmittedAt !== '' && !isTransmissionTime(transmittedAt)) faults.add(7, 'is not a date and time');
  const sentAt = transmittedAt === '' ? (message.text(12) ?? '') : transmittedAt;
  if (sentAt === '') faults.add(7, 'is missing, and DE12 is as well');
  const number = message.text(2);
  const pan = number === undefined ? undefined : Pan.parse(number);
  if (pan === undefined) faults.add(2, number === undefined ? 'the card number is missing' : 'is not a card number');
  return {
    mti, isRepeat: isRepeat(message.mti), operation: codeAt(message, rules.operation), isOfStopList: rules.stopLists.includes(placeText(message, rules.file, 'characters') ?? ''),
    lockCode: codeAt(message, rules.reason), stan, sentAt, sender: institution(message.text(33)) || institution(message.text(32)), pan, fault: faults.first,
  };
}

function codeAt<T>(message: Message, { place, codes }: CodePlace<T>): T | undefined {
  const text = placeText(message, place, 'characters');
  return text === undefined ? undefined : codes.get(text);
}

/**
 * The answer to a file action.
 * @param standing of an inquiry that found something: the lock code; 0: nothing is told
 * @param field of a fault, told where the dialect has a place for it
 */
export function draftFileAnswer(request: Message, action: FileActionCode, standing: number, field: string | undefined, dialect: Dialect, draft: Draft): Draft {
  const { fileAction: rules, answer: { echo, faultField }, reasons } = dialect;
  beginAnswer(request, draft);
  for (const each of echo) draft.copy(request, each);
  if (rules !== undefined) {
    for (const { field: own } of [rules.operation.place, rules.file]) draft.copy(request, own);
    const code = standing === 0 ? undefined : reasonCode(rules, standing);
    if (code !== undefined) writePlace(draft, request.codec.spec, rules.reason.place, code, 'characters');
  }
  if (field !== undefined && faultField !== undefined && request.codec.spec.fields.has(faultField)) draft.set(faultField, field.padStart(3, '0'));
  return draft.set(39, reasons.responseCodeOfAction(action)!);
}

/** The reason that is written for a lock code; undefined: the dialect has none. */
export function reasonCode({ reason, ownReasons }: FileActionRules, lockCode: number): string | undefined {
  return ownReasons.get(lockCode) ?? codeFor(reason, lockCode);
}

/** The first code that stands for a value at a place; undefined: none does. */
export function codeFor<T>({ codes }: CodePlace<T>, value: T): string | undefined {
  for (const [code, of] of codes) if (of === value) return code;
  return undefined;
}

export function readFileActionRules(node: JsonNode, version: Dialect['version'], isSecret: (field: number) => boolean): FileActionRules | undefined {
  if (!node.present) return undefined;
  node.only('types', 'operation', 'file', 'stopLists', 'reason');
  const types = node.at('types').items().map((item) => {
    const type = item.string();
    if (!/^[0-9]{4}$/.test(type) || versionOfMti(type) !== version || type[1] !== '3') return item.fail(`is no file action of ${version}`);
    return isRequest(type) && !isRepeat(type) ? type : item.fail('is no request or advice as it is sent first');
  });
  const stopLists = node.at('stopLists').items().map((item) => item.string());
  for (const part of ['types', 'stopLists'] as const) if (node.at(part).items().length === 0) node.at(part).fail('at least one is needed');
  const reason = readCodes(node.at('reason'), (value) => value.integer(1, 8), 'own');
  const own = node.at('reason').at('own');
  const ownReasons = new Map((own.present ? own.members() : []).map(([lockCode, value]) => {
    const code = value.string();
    return String(reason.codes.get(code)) === lockCode ? [Number(lockCode), code] as const : value.fail(`is no code of lock code ${lockCode} in "codes"`);
  }));
  const rules = {
    types, stopLists, reason, ownReasons, operation: readCodes(node.at('operation'), (value) => value.oneOf(fileOperations)), file: readPlace(node.at('file')),
  };
  for (const [part, place] of [['operation', rules.operation.place], ['file', rules.file], ['reason', rules.reason.place]] as const) {
    if (isSecret(place.field) || place.field === 2) node.at(part).at('field').fail(`DE${place.field} may carry card data`);
  }
  return rules;
}
