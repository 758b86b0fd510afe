/**
 * What an issuer at a URL is posted: requests from what the acquirer said and what was verified of it, advices and reversals from the
 * plain facts of a decision.
 *
 * Refuses secrets by having no place for them: no track, no verification value, no key; a PIN only under the issuer's own zone key. A card
 * number goes beside the facts, as the configuration has it.
 */
import type { AdviceContent, SentReference } from '../message/advice.ts';
import type { CardFacts, CardMessage, MessageClass, OriginalReference } from '../message/message.ts';
import { currencyName } from '../message/money.ts';
import type { Amount } from '../message/money.ts';
import type { Pan } from '../message/pan.ts';
import { isApproval } from '../message/reason.ts';
import { assert } from '../base/assert.ts';
import type { AdviceOrder, ForwardOrder } from './host.ts';
import type { MessageDocument, MoneyDocument, OriginalDocument } from './remote-schema.ts';

/** What is not in the message itself. */
export interface Around {
  readonly id: string;
  readonly issuer: string;
  readonly token: string;
  readonly pan: Pan;
  /** The card number, as it is told; none: by token alone. */
  readonly number: { readonly pan: string } | { readonly encryptedPan: string } | undefined;
  readonly isRepeat: boolean;
}

export function requestDocument({ meaning, message, facts, pin, original }: ForwardOrder, around: Around): MessageDocument {
  const { trace, merchant, amount, billing } = meaning;
  return {
    version: 1, id: around.id, type: meaning.class === 'reversal' ? 'reversal' : meaning.function === 'request' ? 'request' : 'advice', class: plainClass(meaning.class, meaning.original), purpose: meaning.purpose,
    repeat: around.isRepeat, issuer: around.issuer, ...(facts === undefined ? {} : { receivedAt: timeText(facts.receivedAtMs) }),
    card: cardOf(around, meaning.expiry ?? meaning.trackExpiry, meaning.panSequence, meaning.cardPresent),
    ...optional('amount', money(amount)), ...optional('billing', money(billing)), partialAllowed: meaning.partialAllowed, entryMode: meaning.entryMode,
    merchant: { category: merchant.category, id: merchant.id, name: merchant.name, country: message.text(19) ?? '' },
    acquirer: { id: trace.acquirer, terminal: trace.terminal, stan: trace.stan, rrn: meaning.rrn, transmittedAt: trace.transmittedAt, localAt: trace.localAt, processingCode: meaning.processingCode },
    ...(facts === undefined ? {} : { verification: verificationOf(facts) }),
    ...(pin === undefined ? {} : { pin: { block: pin.block.reveal(), ...(pin.newBlock === undefined ? {} : { newBlock: pin.newBlock.reveal() }), format: pin.format } }),
    ...(meaning.chip === undefined ? {} : { chip: Object.fromEntries(meaning.chip) }),
    ...optional('original', originalOf(original, meaning.original, trace.acquirer)),
  };
}

export function adviceDocument({ of, content, decided }: AdviceOrder, around: Around): MessageDocument {
  const { trace, merchant } = content;
  const isReversal = of === 'reversal';
  return {
    version: 1, id: around.id, type: isReversal ? 'reversal' : 'advice', class: plainClass(of, content.replaces ?? content.original), purpose: content.purpose, repeat: around.isRepeat, issuer: around.issuer,
    ...(decided === undefined ? {} : { receivedAt: timeText(decided.receivedAtMs) }),
    card: cardOf(around, content.expiry, content.panSequence ?? '', content.cardPresent),
    ...optional('amount', money(content.amount)), ...optional('billing', money(content.billing)), partialAllowed: false, entryMode: content.entryMode,
    merchant: { category: merchant.category, id: merchant.id, name: merchant.name, country: merchant.country },
    acquirer: { id: trace.acquirer, terminal: trace.terminal, stan: trace.stan, rrn: content.rrn, transmittedAt: trace.transmittedAt, localAt: trace.localAt, processingCode: content.processingCode },
    ...optional('original', originalOf(content.replaces, content.original, trace.acquirer)),
    ...(isReversal ? { reversal: { why: content.standInReason, ...optional('actual', actualOf(content)) } } : { decision: decisionOf(content, decided) }),
  };
}

/** The card's class on the other side: of a reversal, its original's. */
function plainClass(of: MessageClass, original: { readonly class: MessageClass } | undefined): MessageDocument['class'] {
  const plain = of === 'reversal' ? original?.class : of;
  return plain === 'financial' ? 'financial' : 'authorization';
}

function cardOf({ token, pan, number }: Around, expiry: CardFacts['expiry'], sequence: string, present: boolean): MessageDocument['card'] {
  return { token, maskedPan: pan.masked, ...number, ...(expiry === undefined ? {} : { expiry }), ...(sequence === '' ? {} : { sequence }), present };
}

function verificationOf({ pin, cardValue, chip, authentication }: CardMessage): NonNullable<MessageDocument['verification']> {
  return {
    ...(cardValue === undefined ? {} : { cardValue: { kind: cardValue.kind, outcome: cardValue.outcome } }),
    pin: typeof pin === 'string' ? pin : pin.outcome,
    ...(chip === undefined ? {} : { chip: { outcome: chip.outcome, counter: chip.atc, findings: chip.findings.map(({ name }) => name) } }),
    ...(authentication === undefined ? {} : { authentication: authentication.outcome }),
  };
}

function decisionOf({ reason, approvalCode, approved, standInReason }: AdviceContent, decided: AdviceOrder['decided']): NonNullable<MessageDocument['decision']> {
  return {
    approved: isApproval(reason), reason, ...(approvalCode === '' ? {} : { approvalCode }), ...optional('amount', money(approved)),
    ...(decided === undefined ? {} : { decidedAt: timeText(decided.decidedAtMs) }), ...(standInReason === '' ? {} : { standInReason }),
    ...(decided === undefined || decided.wrongPins === 0 ? {} : { wrongPins: decided.wrongPins }), ...(decided?.pinVerified === true ? { pinVerified: true } : {}),
  };
}

function actualOf({ actualMinor, amount }: AdviceContent): MoneyDocument | undefined {
  return actualMinor === undefined || amount === undefined ? undefined : money({ amountMinor: actualMinor, currency: amount.currency });
}

/** By the id that the issuer knows it by, or else in the acquirer's words, of whom it is in any case. */
function originalOf(sent: SentReference | undefined, named: OriginalReference | undefined, acquirer: string): OriginalDocument | undefined {
  if (sent !== undefined) return { id: sent.stan, type: sent.function ?? 'request', class: sent.class };
  if (named === undefined) return undefined;
  return {
    type: named.function, class: named.class, stan: named.stan, transmittedAt: named.transmittedAt, localAt: named.localAt, acquirer,
  };
}

function money(amount: Amount | undefined): MoneyDocument | undefined {
  return amount === undefined ? undefined : { amountMinor: amount.amountMinor, currency: currencyName(amount.currency) };
}

function optional<Name extends string, Value>(name: Name, value: Value | undefined): { readonly [Key in Name]?: Value } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [Key in Name]?: Value };
}

/** RFC 3339, UTC. */
function timeText(unixMs: number): string {
  const date = new Date(unixMs);
  assert(!Number.isNaN(date.getTime()), 'a time is one');
  return date.toISOString();
}
