/**
 * From an issuer's answer to the answer for the acquirer: the acquirer's own values, and of the issuer's what answers them: its decision,
 * approval code, amounts, and what it tells the chip.
 *
 * Refuses (by leaving it out) how a CVV or iCVV came out, whatever the issuer sends of card data, and what the acquirer's format has no
 * place for. Invariant: DE39 is always there, and approves only where the issuer did.
 */
import type { Message } from '../iso8583/codec.ts';
import type { Draft } from '../iso8583/draft.ts';
import type { Response } from '../message/message.ts';
import type { Amount } from '../message/money.ts';
import { authorizationResponseCode, draftAnswer } from './answer.ts';
import { elementAt, elementOf } from './conditions.ts';
import type { Dialect } from './dialect.ts';
import { additionalAmounts } from './forward-amounts.ts';
import type { ForwardRoute, OwnValues } from './forward.ts';
import { put } from './forward-write.ts';
import type { Side } from './forward-write.ts';
import type { ResponseMeaning } from './meaning.ts';
import { placeText, writePlace } from './places.ts';
import { cardClassOfMti } from './mti.ts';
import type { NamedCodes, ResultPlace } from './rules.ts';

/**
 * The answer to the acquirer's `request`, written into `draft` (cleared first) and returned.
 * @param meaning of `answer`, by the issuer's dialect
 * @param responder name of who answered, told where the acquirer's dialect has a place for it; empty: not told
 */
export function draftReturned(request: Message, asked: Amount | undefined, answer: Message, meaning: ResponseMeaning, { source, target, sameVersion }: ForwardRoute, draft: Draft, rrn: OwnValues['rrn'] = '', responder = 'issuer'): Draft {
  const { dialect, spec } = source;
  const action = actionFor(request, meaning, dialect);
  const isPartial = action === '0002';
  const approved = meaning.approved && action.startsWith('0');
  const response: Response = {
    // Of the reason, only this makes a difference: what was asked is told beside what was approved.
    reason: isPartial ? '0002' : '0000',
    approvalCode: spec.fields.has(38) && meaning.approvalCode.length <= spec.fields.get(38)!.max ? meaning.approvalCode : '',
    amount: isPartial ? meaning.amount : asked, billing: approved ? meaning.billing : undefined, balance: undefined,
  };
  draftAnswer(request, response, dialect, draft, meaning.rrn === '' ? rrn : meaning.rrn);
  draft.set(39, dialect.reasons.responseCodeOfAction(action) ?? dialect.reasons.responseCodeOfAction('1000')!);
  writeBalances(draft, answer, target.dialect, source);
  writeChip(draft, answer, meaning, target.dialect, source);
  if (sameVersion) for (const field of dialect.forward.returned) writeReturned(draft, answer, field, target.dialect, source);
  if (responder !== '') writeResponder(draft, source, responder);
  return draft;
}

/**
 * What the issuer's code means for the acquirer's request: 1987 says 00 to everything, and the later editions tell an approval from an
 * acknowledgement. A code that the issuer's map does not know declines.
 */
function actionFor(request: Message, { action, amount }: ResponseMeaning, { version }: Dialect): string {
  if (action === '') return '1000';
  if (action === '0006' || (action === '0002' && amount !== undefined)) return amount === undefined ? '0000' : '0002';
  if (action !== '0000' || version === '1987') return action;
  if (cardClassOfMti(request.mti) === 'reversal') return '4000';
  return request.mti.charCodeAt(2) === 50 ? '9001' : action;
}

/** DE54 beside what a partial approval has put there already. */
function writeBalances(draft: Draft, answer: Message, from: Dialect, { dialect, spec }: Side): void {
  const text = answer.text(54);
  const field = spec.fields.get(54);
  if (text === undefined || field === undefined) return;
  const types = new Map([[from.answer.ledgerAmountType, dialect.answer.ledgerAmountType], [from.answer.availableAmountType, dialect.answer.availableAmountType]]);
  const written = additionalAmounts(text, from, dialect, from.answer.originalAmountType, types);
  const held = draft.get(54);
  const all = (typeof held === 'string' ? held : '') + written;
  if (all !== '' && all.length <= field.max) draft.set(54, all);
}

/**
 *   91 issuer authentication data | 8A response code | 71, 72 scripts
 *
 * As the issuer wrote them: the cryptogram in 91 is over what it calls 8A. Scripts are left out from the last one on until they fit.
 */
function writeChip(draft: Draft, answer: Message, { responseCode }: ResponseMeaning, from: Dialect, { dialect, spec }: Side): void {
  const field = spec.fields.get(55);
  if (field?.kind !== 'b' || !answer.has(55)) return;
  const objects = forChip(answer.text(55) ?? '');
  if (objects.length === 0) return;
  const saysCode = objects.some((object) => object.startsWith('8A'));
  if (!saysCode && dialect.answer.chipResponseCode) {
    const code = authorizationResponseCode(from, responseCode);
    objects.splice(objects[0]!.startsWith('91') ? 1 : 0, 0, `8A02${code.charCodeAt(0).toString(16)}${code.charCodeAt(1).toString(16)}`);
  }
  while (objects.length > 0 && objects.join('').length > field.max * 2) objects.pop();
  if (objects.length > 0) draft.set(55, objects.join('').toUpperCase());
}

const chipTags: ReadonlySet<string> = new Set(['91', '8A', '71', '72']);

/** The objects of those tags, whole, scripts last; all tags of interest have one byte. */
function forChip(hex: string): string[] {
  const first: string[] = [];
  const scripts: string[] = [];
  let at = 0;
  while (at + 4 <= hex.length) {
    const start = at;
    if (hex.startsWith('00', at)) {
      at += 2;
      continue;
    }
    at += 2;
    if ((Number.parseInt(hex.slice(start, at), 16) & 0x1f) === 0x1f) {
      do at += 2; while ((Number.parseInt(hex.slice(at - 2, at), 16) & 0x80) !== 0 && at < hex.length);
    }
    const tag = hex.slice(start, at);
    let length = Number.parseInt(hex.slice(at, at + 2), 16);
    at += 2;
    if (length > 0x80) {
      const bytes = length & 0x7f;
      length = Number.parseInt(hex.slice(at, at + bytes * 2), 16);
      at += bytes * 2;
    }
    at += length * 2;
    if (!(at <= hex.length)) break;
    if (!chipTags.has(tag)) continue;
    if (tag === '91') first.unshift(hex.slice(start, at));
    else (tag === '8A' ? first : scripts).push(hex.slice(start, at));
  }
  return [...first, ...scripts];
}

/** A field of the issuer's, with blanks where it says how a CVV or iCVV came out. */
function writeReturned(draft: Draft, answer: Message, field: number, from: Dialect, { dialect, spec }: Side): void {
  let text = answer.text(field);
  // The number of a faulty field would be of our message, not of the acquirer's.
  if (text === undefined || (field === dialect.answer.faultField && from.reasons.action(answer.text(39) ?? '') === '9100')) return;
  for (const place of from.forward.valueResults) if (place.field === field) text = without(text, place);
  for (const place of dialect.forward.valueResults) if (place.field === field) text = without(text, place);
  if (text.trim() !== '') put(draft, spec, field, spec.fields.get(field)?.prefix === undefined ? text : text.trimEnd());
}

/** Blanks in place of a slice; a list without an element. */
function without(text: string, place: ResultPlace): string {
  if (place.form === 'text') {
    const end = Math.min(text.length, place.at + place.length);
    return end > place.at ? text.slice(0, place.at) + ' '.repeat(end - place.at) + text.slice(end) : text;
  }
  const at = elementAt(text, place.element, place.skip, place.lengthDigits);
  const content = elementOf(text, place.element, place.skip, place.lengthDigits);
  return content === undefined ? text : text.slice(0, at) + text.slice(at + 2 + place.lengthDigits + content.length);
}

/**
 * Says who answered in an answer to the acquirer, and where stand-in did, why. False where its dialect has no place or no code for it, or
 * it is about a format error.
 * @param responder `issuer`, `account`, or why stand-in decided
 */
export function writeResponder(draft: Draft, { dialect, spec }: Side, responder: string): boolean {
  const { responder: who, standInReason: why } = dialect.forward;
  // A message that could not be read was put to nobody.
  if (draft.get(39) === dialect.reasons.responseCode('9100')) return false;
  const isTold = who !== undefined && writeCode(draft, spec, who, responder);
  return (why !== undefined && writeCode(draft, spec, why, responder)) || isTold;
}

function writeCode(draft: Draft, spec: Side['spec'], { place, codes }: NamedCodes, name: string): boolean {
  const code = codes.get(name);
  return code !== undefined && writePlace(draft, spec, place, code, 'characters');
}

/** What `writeResponder` told. */
export interface ToldResponder {
  /** Code as it stands in the answer; empty where none does. */
  readonly code: string;
  /** Names that it may stand for: `issuer`, `account`, or reasons for stand-in. */
  readonly names: readonly string[];
}

/** Who answered, as an answer to the acquirer says it; undefined where it says nothing of it. */
export function readResponder(answer: Message, { forward: { responder: who, standInReason: why }, reasons }: Dialect): ToldResponder | undefined {
  if (answer.text(39) === reasons.responseCode('9100')) return undefined;
  const codeAt = (rules: NamedCodes | undefined): string => (rules === undefined ? '' : (placeText(answer, rules.place, 'characters') ?? ''));
  const [whoCode, whyCode] = [codeAt(who), codeAt(why)];
  const names = whyCode === '' ? namesOf(who, whoCode) : namesOf(why, whyCode);
  return names.length === 0 ? undefined : { code: whyCode === '' ? whoCode : whyCode, names };
}

function namesOf(rules: NamedCodes | undefined, code: string): string[] {
  return [...(rules?.codes ?? [])].filter(([, each]) => each === code).map(([name]) => name);
}
