/**
 * Writes what an issuer says to an acquirer for that acquirer, in its dialect and format. Within one edition it is the same message, under
 * our trace; between two what both have with one meaning is said again, as in a message to an issuer.
 *
 * Refuses (a fault) what the acquirer's side has no type, or no place, for. Invariant: no track, verification value, chip data, PIN, key or
 * MAC is taken over.
 */
import type { Message } from '../iso8583/codec.ts';
import type { Draft } from '../iso8583/draft.ts';
import { trimmed } from './digits.ts';
import { forwardRoute, takeOver } from './forward.ts';
import type { OwnValues } from './forward.ts';
import { put, writeSaid } from './forward-write.ts';
import type { ForwardFault, Side } from './forward-write.ts';
import { firstText, writePlace } from './places.ts';
import type { PassedRule } from './rules.ts';
import type { PassedMeaning } from './to-acquirer.ts';

/** Fields that a message to an issuer says again, and that are as they came where both sides are of one edition. */
const asTheyCame: readonly number[] = [3, 4, 6, 12, 13, 14, 18, 24, 25, 26, 30, 32, 33, 37, 38, 41, 42, 43, 49, 51, 54, 56, 90, 95];

const tracks = new Set([35, 36, 45]);

/**
 * Written into `draft` (cleared first), as it is sent first.
 * @returns why it cannot be told to this acquirer; then the draft is of no use
 */
export function draftPassed(message: Message, meaning: PassedMeaning, source: Side, target: Side, own: Pick<OwnValues, 'stan' | 'transmittedAt' | 'localAt'>, draft: Draft): ForwardFault | undefined {
  const { kind, mti } = meaning;
  const { dialect, spec } = target;
  const rules = dialect.toAcquirer.kinds.filter((each) => each.kind === kind);
  const { sameVersion, sameDialect, taken } = forwardRoute(source, target);
  const rule = (sameVersion ? rules.find(({ types }) => types.includes(mti)) : undefined) ?? rules[0];
  if (rule === undefined) return { field: 0, text: `the dialect ${dialect.name} has no type for this kind of message` };
  draft.clear(rule.types.includes(mti) ? mti : rule.types[0]!);
  if (sameVersion) {
    for (const field of asTheyCame) if (source.spec.fields.has(field)) takeOver(draft, message, field, spec.fields.get(field));
    if (meaning.pan !== undefined) draft.set(2, meaning.pan.reveal());
    if (spec.fields.has(7)) draft.set(7, own.transmittedAt);
    draft.set(11, own.stan.padStart(dialect.version === '2003' ? 12 : 6, '0'));
  } else {
    const fault = sayAgain(message, meaning, source, target, rule, own, draft);
    if (fault !== undefined) return fault;
  }
  const holdsValue = valueFields(message, meaning, source);
  for (const field of taken) {
    const sensitive = source.spec.fields.get(field)?.sensitive;
    if (!tracks.has(field) && sensitive !== 'track' && sensitive !== 'cvv' && !holdsValue.has(field) && message.has(field)) takeOver(draft, message, field, spec.fields.get(field));
  }
  const { text } = dialect.toAcquirer;
  const isTold = kind !== 'text' || (text !== undefined && ((sameDialect && draft.get(text.field) !== undefined) || writePlace(draft, spec, text, meaning.text, 'characters')));
  if (!isTold) return { field: text?.field ?? 48, text: `the format ${spec.name} has no room for the text` };
  const code = draft.get(3) === undefined ? undefined : message.text(3);
  if (code !== undefined && rule.processingCodes.length > 0 && !rule.processingCodes.includes(code.slice(0, 2))) draft.set(3, rule.processingCodes[0]! + code.slice(2));
  return undefined;
}

function sayAgain(message: Message, meaning: PassedMeaning, source: Side, target: Side, { functionCode }: PassedRule, own: Pick<OwnValues, 'stan' | 'transmittedAt' | 'localAt'>, draft: Draft): ForwardFault | undefined {
  const { mti } = draft;
  const [from, to] = [source.dialect, target.dialect];
  const fault = writeSaid(draft, {
    class: meaning.kind === 'chargeback' ? 'reversal' : 'financial', function: 'advice', isRepeat: false, purpose: 'unsupported', plainPurpose: 'unsupported', pan: meaning.pan,
    processingCode: message.text(3) ?? '', amount: meaning.amount, billing: meaning.billing, actualMinor: undefined, partialAllowed: false, isMarked: true,
    stan: own.stan, transmittedAt: own.transmittedAt, localAt: meaning.localAt.length >= 10 ? meaning.localAt : '', localNow: own.localAt, expiry: undefined, point: undefined,
    functionCode: undefined, category: firstOf(message, from.merchantCategoryFields), acquirer: message.text(32) ?? '', forwardingInstitution: message.text(33) ?? '',
    rrn: meaning.rrn, approvalCode: trimmed(message.text(38)), action: '', terminal: meaning.terminal, merchantId: trimmed(message.text(42)),
    merchantName: from.merchantNameField === undefined ? '' : trimmed(message.text(from.merchantNameField)),
    original: meaning.original === undefined ? undefined : { ...meaning.original, acquirer: meaning.original.acquirer === '' ? meaning.acquirer : meaning.original.acquirer },
    why: '',
  }, target);
  if (fault !== undefined) return fault;
  draft.mti = mti;
  if (to.functionCodes !== undefined) {
    draft.remove(24);
    put(draft, target.spec, 24, from.functionCodes === undefined ? (functionCode ?? '') : (message.text(24) ?? functionCode ?? ''));
  }
  writeReason(message, source, target, draft);
  return undefined;
}

/** Why: DE25 of 1993 and 2003; in 1987 where a message to an issuer says it. */
function writeReason(message: Message, { dialect: from }: Side, { dialect: to, spec }: Side, draft: Draft): void {
  const place = { from: from.forward.why?.place, to: to.forward.why?.place };
  if (place.from === undefined || place.to === undefined) return;
  const reason = firstText(message, [place.from], 'characters');
  if (/^[0-9]{4}$/.test(reason)) writePlace(draft, spec, place.to, reason, 'characters');
}

/** Fields in which a verification value stands. A text may hold anything, and is one. */
function valueFields(message: Message, { kind }: PassedMeaning, { dialect: { cvv2, authentication } }: Side): ReadonlySet<number> {
  if (kind === 'text') return new Set();
  return new Set([...cvv2, ...authentication.values].filter((place) => firstText(message, [place], 'characters') !== '').map(({ field }) => field));
}

function firstOf(message: Message, fields: readonly number[]): string {
  return fields.map((field) => message.text(field)).find((text) => text !== undefined) ?? '';
}
