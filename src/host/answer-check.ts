/**
 * Whether an issuer's answer is one: format and contents, against what was asked. An answer that is at odds with its request counts as
 * none, and what the issuer did is for a reversal to take back.
 */
import type { Message } from '../iso8583/codec.ts';
import type { AnsweredClass, ResponseMeaning } from '../dialect/meaning.ts';
import { answerMti } from '../dialect/mti.ts';
import type { MessageFunction } from '../message/message.ts';
import type { Amount } from '../message/money.ts';
import type { Pan } from '../message/pan.ts';

/** What of a request its answer is compared with. */
export interface Asked {
  /** Of our message to the issuer. */
  readonly mti: string;
  readonly class: AnsweredClass;
  readonly function: MessageFunction;
  readonly pan: Pan | undefined;
  readonly amount: Amount | undefined;
  readonly partialAllowed: boolean;
}

/** Why the answer is none, in a sentence without any value of it; empty where it is one. */
export function answerFault(asked: Asked, answer: Message, meaning: ResponseMeaning): string {
  if (answerMti(asked.mti) !== answer.mti) return `an answer of type ${answer.mti} to a request of type ${asked.mti}`;
  if (meaning.responseCode === '') return 'the response code (DE39) is missing';
  if (meaning.action === '') return 'the response code (DE39) is not one of this link';
  if (asked.pan !== undefined && answer.has(2) && answer.text(2) !== asked.pan.reveal()) return 'the card number (DE2) is not the one that was asked for';
  return asked.function === 'request' && asked.class !== 'reversal' && meaning.approved ? amountFault(asked, answer, meaning) : '';
}

function amountFault({ amount: asked, partialAllowed }: Asked, answer: Message, { amount, action }: ResponseMeaning): string {
  const isPartial = action === '0002' || action === '0006';
  if (amount === undefined) {
    if (isPartial) return 'a partial approval does not say of how much (DE4)';
    return answer.has(4) && !/^0+$/.test(answer.text(4) ?? '') ? 'the amount (DE4) is none' : '';
  }
  if (asked === undefined) return amount.amountMinor === 0 ? '' : 'an amount (DE4) was approved and none was asked for';
  if (amount.currency !== asked.currency) return 'the amount (DE4) is in another currency than was asked for';
  if (amount.amountMinor > asked.amountMinor) return 'the amount (DE4) is more than was asked for';
  if (amount.amountMinor === asked.amountMinor) return '';
  if (!partialAllowed) return 'the amount (DE4) is less than was asked for, and no partial approval was allowed';
  return isPartial ? '' : 'the amount (DE4) is less than was asked for, and the response code is none of a partial approval';
}
