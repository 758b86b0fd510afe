/**
 * Advices and reversals of our own, from plain facts: 0120, 0220 and 0420 of 1987, and their forms of 1993 and 2003. A repeat is the
 * same message under the repeat type.
 */
import type { Draft } from '../iso8583/draft.ts';
import type { Message } from '../iso8583/codec.ts';
import type { AdviceContent, SentReference } from '../message/advice.ts';
import type { MessageClass } from '../message/message.ts';
import type { Pan } from '../message/pan.ts';
import type { Reason } from '../message/reason.ts';
import { reasons } from '../message/reason.ts';
import type { Dialect } from './dialect.ts';
import { trimmed } from './digits.ts';
import type { OwnValues } from './forward.ts';
import { environmentOf } from './forward-place.ts';
import { mtiOf, put, writeSaid } from './forward-write.ts';
import type { ForwardFault, OriginalNamed, Said, Side } from './forward-write.ts';
import type { CardMeaning } from './meaning.ts';
import { writePlace } from './places.ts';
import { readMerchantPlace } from './forward-merchant.ts';

/**
 * An advice of the class, written into `draft` (cleared first).
 * @param of `reversal` takes the original back: `content.replaces`, or what the acquirer named
 * @returns why it cannot be told to this issuer
 */
export function draftAdvice(of: MessageClass, content: AdviceContent, pan: Pan | undefined, target: Side, own: OwnValues, isRepeat: boolean, draft: Draft): ForwardFault | undefined {
  draft.clear(mtiOf(target.dialect.version, of, 'advice', isRepeat));
  return writeSaid(draft, saidOf(of, content, pan, own, isRepeat), target) ?? writeRest(draft, content, target);
}

function saidOf(of: MessageClass, content: AdviceContent, pan: Pan | undefined, own: OwnValues, isRepeat: boolean): Said {
  const { trace, merchant, reason } = content;
  const isReversal = of === 'reversal';
  return {
    class: of, function: 'advice', isRepeat, purpose: content.purpose, pan, processingCode: content.processingCode, plainPurpose: undefined,
    amount: isReversal ? content.amount : (content.approved ?? content.amount), billing: content.billing,
    actualMinor: isReversal ? content.actualMinor : undefined, partialAllowed: false, isMarked: false,
    stan: own.stan, transmittedAt: own.transmittedAt, localAt: trace.localAt.length >= 10 ? trace.localAt : '', localNow: own.localAt,
    expiry: content.expiry,
    point: {
      entryMode: content.entryMode, trackValue: undefined, pinEntered: false, environment: environmentOf(content.cardPresent, content.entryMode),
    },
    functionCode: undefined, category: merchant.category, acquirer: trace.acquirer, forwardingInstitution: own.forwardingInstitution ?? '',
    rrn: content.rrn === '' ? (own.rrn ?? '') : content.rrn, approvalCode: content.approvalCode,
    // What is taken back has no decision to tell.
    action: isReversal ? '' : reasons[reason].action, terminal: trace.terminal, merchantId: merchant.id, merchantName: merchant.name,
    original: originalOf(content), why: isReversal ? (takenBack[content.standInReason] ?? content.standInReason) : content.standInReason,
  };
}

/** What made stand-in decide is, of a reversal, why a request is taken back. */
const takenBack: Readonly<Record<string, string>> = { timeout: 'noAnswer', badAnswer: 'invalidAnswer' };

function originalOf({ replaces, original, trace }: AdviceContent): OriginalNamed | undefined {
  if (replaces !== undefined) return { ...replaces, function: replaces.function ?? 'request' };
  return original === undefined ? undefined : { ...original, acquirer: original.acquirer === '' ? trace.acquirer : original.acquirer };
}

/**
 * For the issuer, an original that the switch does not know: of the acquirer that sends, and under no trace number. The issuer knows
 * transactions by the switch's numbers, so that an acquirer's own would be the name of somebody else's. Undefined where it names none.
 */
export function unknownOriginal({ original, trace }: Pick<AdviceContent, 'original' | 'trace'>): SentReference | undefined {
  if (original === undefined) return undefined;
  const { class: of, function: function_, transmittedAt, localAt } = original;
  return { class: of, ...(function_ === 'advice' ? { function: function_ } : {}), stan: '0', transmittedAt, localAt, acquirer: trace.acquirer };
}

/** What was carried in the target's own form is told as it was. */
function writeRest(draft: Draft, { panSequence, pointOfService, condition, purpose, merchant, wrongPins = 0 }: AdviceContent, { dialect, spec }: Side): undefined {
  const { entryModes } = dialect;
  const field = spec.fields.get(entryModes.field);
  if (field !== undefined && pointOfService.length === field.max * (field.kind === 'b' ? 2 : 1)) draft.set(entryModes.field, pointOfService);
  const isMarked = purpose === 'preauthorization' || purpose === 'increment' || purpose === 'completion';
  if (dialect.version === '1987' && !isMarked && condition.length === 2) put(draft, spec, 25, condition);
  if (panSequence !== undefined && panSequence !== '' && spec.fields.has(23)) draft.set(23, panSequence.padStart(3, '0'));
  put(draft, spec, 19, merchant.country);
  const { wrongPins: place } = dialect.forward;
  if (place !== undefined && wrongPins > 0) writePlace(draft, spec, place, String(Math.min(wrongPins, 99)).padStart(2, '0'), 'characters');
  return undefined;
}

/** The facts of a message that was taken, with the decision on it. */
export function adviceContent(
  message: Message, meaning: CardMeaning, dialect: Dialect,
  decided: Pick<AdviceContent, 'approved' | 'reason' | 'approvalCode' | 'standInReason' | 'replaces'>,
): AdviceContent {
  const { trace, merchant } = meaning;
  const name = dialect.merchantNameField === undefined ? '' : merchant.name;
  return {
    trace, rrn: meaning.rrn, purpose: meaning.purpose, processingCode: meaning.processingCode, amount: meaning.amount, billing: meaning.billing,
    approved: decided.approved, actualMinor: meaning.actualMinor, reason: decided.reason, approvalCode: decided.approvalCode,
    standInReason: decided.standInReason, expiry: meaning.expiry, panSequence: meaning.panSequence === '' ? undefined : meaning.panSequence,
    entryMode: meaning.entryMode, pointOfService: trimmed(message.text(dialect.entryModes.field)),
    condition: dialect.version === '1987' ? trimmed(message.text(25)) : '', cardPresent: meaning.cardPresent,
    merchant: { category: merchant.category, id: merchant.id, name, country: message.text(19) ?? readMerchantPlace(name).country },
    original: meaning.original, replaces: decided.replaces,
  };
}

/** What takes a request back that the issuer may have got: `sent`, as it went out, for the reason of that name. */
export function reversalContent(content: AdviceContent, sent: SentReference, why: string, reason: Reason = '4000'): AdviceContent {
  return { ...content, approved: undefined, actualMinor: undefined, reason, approvalCode: '', standInReason: why, replaces: sent, wrongPins: 0 };
}
