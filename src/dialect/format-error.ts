/**
 * The answer to a request that cannot be decoded: what could be read of it, and the standard's format error.
 */
import type { Message } from '../iso8583/codec.ts';
import type { Draft } from '../iso8583/draft.ts';
import { draftAnswer, draftNetworkAnswer } from './answer.ts';
import type { Dialect } from './dialect.ts';
import { answerMti } from './mti.ts';

/**
 * Writes it into `draft`. False where there is none: a type that nobody answers, or a message without the trace (DE11) by which its
 * sender would know the answer.
 * @param recovered what `Codec.recover` gave; @param field the number of the field that is wrong
 */
export function draftFormatError(recovered: Message, field: number | undefined, dialect: Dialect, draft: Draft): boolean {
  if (answerMti(recovered.mti) === undefined || !recovered.has(11)) return false;
  if (recovered.mti.charCodeAt(1) === 56) {
    draftNetworkAnswer(recovered, '9100', dialect, draft);
    return true;
  }
  const response = { reason: '9100', approvalCode: '', amount: undefined, billing: undefined, balance: undefined, field: field?.toString() } as const;
  // No reference of ours: whether the request had one is not known.
  draftAnswer(recovered, response, dialect, draft, '');
  return true;
}
