/** A test host's messages at a URL: from the document to what its book understands, and from the book's answer to the document. */
import type { CardMeaning } from '../dialect/meaning.ts';
import { mtiOf } from '../dialect/forward-write.ts';
import type { AnswerDocument, MessageDocument, MoneyDocument } from '../host/remote-schema.ts';
import { currencyName, currencyNumber } from '../message/money.ts';
import type { Amount } from '../message/money.ts';
import type { Pan } from '../message/pan.ts';
import { reasons } from '../message/reason.ts';
import type { Reason } from '../message/reason.ts';
import type { Answer } from './host-book.ts';

/** Known by its id: that stands where a station's message has its trace number. */
export function cardMeaning(document: MessageDocument, pan: Pan | undefined): CardMeaning {
  const { type, acquirer, card, merchant, decision, reversal, original } = document;
  const of = type === 'reversal' ? 'reversal' : document.class;
  const function_ = type === 'request' ? 'request' : 'advice';
  return {
    kind: 'card', version: '1987', mti: mtiOf('1987', of, function_, document.repeat), class: of, function: function_, repeat: document.repeat,
    trace: { station: '', acquirer: acquirer.id, class: of, function: function_, stan: document.id, transmittedAt: '', localAt: acquirer.localAt, terminal: acquirer.terminal },
    rrn: acquirer.rrn, purpose: document.purpose, processingCode: acquirer.processingCode, amount: amountOf(document.amount), billing: amountOf(document.billing),
    actualMinor: reversal?.actual?.amountMinor, partialAllowed: document.partialAllowed, approvalCode: decision?.approvalCode ?? '', advisedDecline: decision?.approved === false,
    original: original === undefined ? undefined : {
      class: original.class, function: original.type, stan: original.id ?? original.stan ?? '', transmittedAt: original.id === undefined ? (original.transmittedAt ?? '') : '', localAt: '',
      acquirer: original.acquirer ?? '',
    },
    cardPresent: card.present, entryMode: document.entryMode, fault: undefined, fingerprint: '', pan, expiry: card.expiry, trackExpiry: undefined, pin: undefined, newPinBlock: undefined,
    cardValue: undefined, chip: undefined, panSequence: card.sequence ?? '', authentication: undefined, merchant: { category: merchant.category, id: merchant.id, name: merchant.name },
  };
}

/** Why it is an advice or a reversal; empty where it is neither. */
export function whyOf({ decision, reversal }: MessageDocument): string {
  return reversal?.why ?? decision?.standInReason ?? '';
}

export function answerDocument({ id, type, amount }: MessageDocument, answer: Answer, wantsStandIn: boolean): AnswerDocument {
  if (type !== 'request') return { id, result: answer.approved ? 'accepted' : 'refused' };
  if (wantsStandIn) return { id, result: 'standIn' };
  if (!answer.approved) return { id, result: 'declined', reason: reasonOf(answer) };
  return {
    id, result: 'approved', reason: answer.reason, ...(answer.approvalCode === '' ? {} : { approvalCode: answer.approvalCode }),
    ...(answer.amount === undefined || amount === undefined ? {} : { amount: { amountMinor: answer.amount.amountMinor, currency: currencyName(answer.amount.currency) } }),
  };
}

/** Four digits in any case. */
export function reasonOf({ code, reason }: Pick<Answer, 'code' | 'reason'>): Reason {
  return code !== undefined && isReason(code) ? code : reason;
}

export function isReason(code: string): code is Reason {
  return Object.hasOwn(reasons, code);
}

function amountOf(money: MoneyDocument | undefined): Amount | undefined {
  const currency = money === undefined ? undefined : currencyNumber(money.currency);
  return money === undefined || currency === undefined ? undefined : { amountMinor: money.amountMinor, currency };
}
