/** From the decision back to a message. */
import type { Message } from '../iso8583/codec.ts';
import type { Draft } from '../iso8583/draft.ts';
import type { Response } from '../message/message.ts';
import type { Reason } from '../message/reason.ts';
import type { Dialect } from './dialect.ts';

/**
 * The answer to a card message, written into `draft` (cleared first) and returned.
 * @param rrn DE37 where the request has none; 12 characters, or empty to leave it out
 */
export function draftAnswer(_request: Message, _response: Response, _dialect: Dialect, _draft: Draft, _rrn: string): Draft {
  throw new Error('not built yet');
}

/** The answer to a network management request: accepted, or refused for `reason`. */
export function draftNetworkAnswer(_request: Message, _reason: Reason | undefined, _dialect: Dialect, _draft: Draft): Draft {
  throw new Error('not built yet');
}

/** The answer to a request that is not taken (9102) or whose content cannot be (9100); the caller asked `answerMti` first. */
export function draftRefusal(_request: Message, _reason: Reason, _dialect: Dialect, _draft: Draft): Draft {
  throw new Error('not built yet');
}
