/**
 * The answers of a test host, right and wrong, as bytes.
 *
 * Owns how an answer is spoilt. Invariant: a garbled answer is a frame like any other whose content no codec of ours takes for a message.
 */
import { writeAmount } from '../dialect/amounts.ts';
import { draftAnswer, draftRefusal, draftTaken, takenActions } from '../dialect/answer.ts';
import type { Dialect } from '../dialect/dialect.ts';
import type { CardMeaning } from '../dialect/meaning.ts';
import type { PassedMeaning } from '../dialect/to-acquirer.ts';
import type { Message } from '../iso8583/codec.ts';
import type { Draft } from '../iso8583/draft.ts';
import type { Answer } from './host-book.ts';
import type { Wrong } from './host-script.ts';

/** Written into `draft`, which is cleared first. */
export function draftHostAnswer(request: Message, meaning: CardMeaning, answer: Answer, dialect: Dialect, draft: Draft): Draft {
  const response = { reason: answer.reason, approvalCode: answer.approvalCode, amount: answer.amount, billing: undefined, balance: undefined, field: answer.field };
  draftAnswer(request, response, dialect, draft, '');
  // An advice brings its own approval code, which is echoed where the format has it.
  if (answer.approved && answer.approvalCode === '' && meaning.approvalCode !== '' && meaning.class !== 'reversal') draft.set(38, meaning.approvalCode);
  if (answer.code !== undefined) draft.set(39, answer.code);
  return draft;
}

/** As the acquirer that a message is for: it is taken, unless it cannot be. */
export function draftPassedAnswer(message: Message, { kind, fault }: PassedMeaning, dialect: Dialect, draft: Draft): Draft {
  return fault === undefined ? draftTaken(message, takenActions[kind], dialect, draft) : draftRefusal(message, fault.reason, dialect, draft);
}

/** DE39 of this station for what a script says: DE39 itself, or an action code; undefined: it is neither. */
export function responseCodeOf(code: string, { reasons }: Dialect): string | undefined {
  const length = { '1987': 2, '1993': 3, '2003': 4 }[reasons.version];
  return code.length === length ? code : reasons.responseCodeOfAction(code);
}

/** Makes one thing of the answer not as in its request. */
export function spoil(draft: Draft, wrong: Wrong, request: Message, meaning: CardMeaning, dialect: Dialect): void {
  switch (wrong) {
    case 'amount':
      if (meaning.amount !== undefined) writeAmount(draft, dialect, { ...meaning.amount, amountMinor: meaning.amount.amountMinor + 100 });
      return;
    case 'pan':
      if (meaning.pan !== undefined) draft.set(2, changed(meaning.pan.reveal()));
      return;
    case 'stan':
      draft.set(11, changed(request.text(11) ?? ''));
      return;
    case 'rrn':
      if (request.has(37)) draft.set(37, changed(request.text(37) ?? ''));
      return;
    case 'terminal':
      if (request.has(41)) draft.set(41, changed(request.text(41) ?? ''));
      return;
    case 'type':
      draft.mti = draft.mti[0]! + (draft.mti[1] === '1' ? '2' : '1') + draft.mti.slice(2);
  }
}

/** Another last digit: of a blank or a letter a 1. */
function changed(text: string): string {
  const last = text.slice(-1);
  return text.slice(0, -1) + (last === '1' ? '2' : '1');
}

/** All bits of the bitmaps, and of what follows. */
export function garble(payload: Uint8Array): Uint8Array {
  return Uint8Array.from(payload, (byte, at) => (at >= 2 && at < 40 ? 0xff : byte));
}

/** Without those that are taken for one another. */
const approvalCharacters = '23456789ABCDEFGHJKLMNPQRSTUVWXYZ';

/** Six characters for DE38. @param draw in [0, 1) */
export function approvalCodeOf(draw: () => number): string {
  let code = '';
  while (code.length < 6) code += approvalCharacters[Math.floor(draw() * approvalCharacters.length)]!;
  return code;
}
