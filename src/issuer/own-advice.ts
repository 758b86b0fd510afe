/**
 * What an own account is told when its store is back, as it waits on this node's disk: a card message with what was answered, or a card's
 * lock. It owns the form; the card's number goes beside it, sealed.
 *
 * Refuses secrets by having no place for them: verdicts on a PIN or a value are there, and no PIN, value, track or new PIN ever is.
 * Invariant: what was encoded decodes to the same facts.
 */
import { assert } from '../base/assert.ts';
import type { CardMessage, ChipFacts, OriginalReference, StoodIn, Terms } from '../message/message.ts';
import type { Amount } from '../message/money.ts';
import type { Pan } from '../message/pan.ts';
import type { OwnOrderMessage } from './own-order.ts';

export type OwnMessage = CardMessage | OwnOrderMessage;

/** A card message without its card's number. */
type Kept = Omit<CardMessage, 'card' | 'newPin'> & { readonly card: Omit<CardMessage['card'], 'pan'> };

export function encodeOwn(message: OwnMessage): string {
  if (message.kind === 'card') return JSON.stringify(cardFacts(message));
  const { kind, id, accountId, receivedAtMs, cardToken } = message;
  return JSON.stringify({ kind, id, accountId, receivedAtMs, cardToken, ...(message.kind === 'cardLock' ? { lockCode: message.lockCode, by: message.by } : {}) });
}

/** @param pan undefined: it is no card message. @throws SyntaxError where the text is none that `encodeOwn` wrote */
export function decodeOwn(text: string, pan: Pan | undefined): OwnMessage {
  const kept = JSON.parse(text) as Kept | OwnOrderMessage;
  if (kept.kind !== 'card') return kept;
  assert(pan !== undefined, 'a card message has its card’s number beside it');
  // What was absent is not in the text, and is undefined again.
  return cardFacts({ ...kept, card: { ...kept.card, pan } }, pan);
}

function cardFacts(message: Omit<CardMessage, 'newPin'>): Kept;
function cardFacts(message: Omit<CardMessage, 'newPin'>, pan: Pan): CardMessage;
function cardFacts(message: Omit<CardMessage, 'newPin'>, pan?: Pan): Kept | CardMessage {
  const { trace, card, merchant, cardValue, fault, authentication, pin, stoodIn, conversion } = message;
  return {
    kind: 'card', id: message.id, version: message.version, mti: message.mti, class: message.class, function: message.function, repeat: message.repeat,
    trace: {
      station: trace.station, acquirer: trace.acquirer, class: trace.class, function: trace.function, stan: trace.stan, transmittedAt: trace.transmittedAt,
      localAt: trace.localAt, terminal: trace.terminal,
    },
    rrn: message.rrn, purpose: message.purpose, processingCode: message.processingCode, amount: amountFacts(message.amount), billing: amountFacts(message.billing),
    ...(conversion === undefined ? {} : { conversion: { from: conversion.from, to: conversion.to, rate: conversion.rate, date: conversion.date } }),
    actualMinor: message.actualMinor, partialAllowed: message.partialAllowed, approvalCode: message.approvalCode, advisedDecline: message.advisedDecline,
    original: originalFacts(message.original),
    card: { token: card.token, luhnValid: card.luhnValid, expiry: card.expiry, trackExpiry: card.trackExpiry, ...(pan === undefined ? {} : { pan }) },
    cardPresent: message.cardPresent, entryMode: message.entryMode,
    pin: typeof pin === 'string' ? pin : { outcome: pin.outcome, pinVersion: pin.pinVersion, ...(pin.keyUseId === undefined ? {} : { keyUseId: pin.keyUseId }) },
    ...(pan === undefined ? {} : { newPin: undefined }),
    cardValue: cardValue === undefined ? undefined : {
      kind: cardValue.kind, outcome: cardValue.outcome, against: cardValue.against === undefined ? undefined : { cvv2Generation: cardValue.against.cvv2Generation, expiry: cardValue.against.expiry },
      counter: cardValue.counter === undefined ? undefined : { panSequence: cardValue.counter.panSequence, atc: cardValue.counter.atc, modulus: cardValue.counter.modulus },
    },
    chip: chipFacts(message.chip), authentication: authentication === undefined ? undefined : { outcome: authentication.outcome, useId: authentication.useId },
    merchant: { category: merchant.category, id: merchant.id, name: merchant.name, groups: [...merchant.groups], ...(merchant.country === undefined ? {} : { country: merchant.country }) },
    fault: fault === undefined ? undefined : { field: fault.field, reason: fault.reason, text: fault.text },
    fingerprint: message.fingerprint, approvalCodeOffer: message.approvalCodeOffer, terms: termsFacts(message.terms), receivedAtMs: message.receivedAtMs,
    day: message.day, month: message.month, ...(stoodIn === undefined ? {} : { stoodIn: stoodInFacts(stoodIn) }),
  };
}

function amountFacts(amount: Amount | undefined): Amount | undefined {
  return amount === undefined ? undefined : { amountMinor: amount.amountMinor, currency: amount.currency };
}

function originalFacts(original: OriginalReference | undefined): OriginalReference | undefined {
  if (original === undefined) return undefined;
  return { class: original.class, function: original.function, stan: original.stan, transmittedAt: original.transmittedAt, localAt: original.localAt, acquirer: original.acquirer };
}

function chipFacts(chip: ChipFacts | undefined): ChipFacts | undefined {
  if (chip === undefined) return undefined;
  return { outcome: chip.outcome, panSequence: chip.panSequence, atc: chip.atc, findings: chip.findings.map(({ name, effect }) => ({ name, effect })) };
}

function termsFacts(terms: Terms): Terms {
  return {
    program: terms.program,
    limits: terms.limits.map(({ scope, period, amountMinorMax, countMax }) => ({ scope, period, amountMinorMax, countMax })),
    verificationValueRequired: terms.verificationValueRequired, pinTriesMax: terms.pinTriesMax, cryptogramRequired: terms.cryptogramRequired, atcWindow: terms.atcWindow,
    fallbackAllowed: terms.fallbackAllowed, authenticationRequired: terms.authenticationRequired,
    holdDays: { cardPresent: terms.holdDays.cardPresent, cardNotPresent: terms.holdDays.cardNotPresent, preauthorization: terms.holdDays.preauthorization },
    recordDays: terms.recordDays, creditGuard: terms.creditGuard, ...(terms.credit === undefined ? {} : { credit: { currency: terms.credit.currency, sell: terms.credit.sell, buy: terms.credit.buy } }), originalKeys: [...terms.originalKeys],
  };
}

function stoodInFacts({ reason, pin, decidedAtMs, checks, flags }: StoodIn): StoodIn {
  return { reason, pin, decidedAtMs, checks: checks.map(({ check, outcome, value }) => ({ check, outcome, value })), flags: [...flags] };
}
