/** What an advice file is told of a message that was sent to whoever it is for. */
import type { SendOutcome } from '../advice/delivery.ts';
import type { ResponseMeaning } from '../dialect/meaning.ts';
import type { HostResult } from '../host/host.ts';

/** What was sent. */
export interface SentAdvice {
  readonly isReversal: boolean;
  /** It may have been there before. */
  readonly isRepeat: boolean;
}

/** Action codes of those who have a message already, and of those who have nothing that a reversal could take back. */
const duplicate = '9113';
const noOriginal: ReadonlySet<string> = new Set(['9114', '3002']);

/**
 * Is it there, by this answer? A repeat that is called a duplicate is; and a reversal of what is not there has nothing to do.
 * @returns flags for its story; undefined: it was refused
 */
export function takenBy({ approved, action, responseCode }: ResponseMeaning, { isReversal, isRepeat }: SentAdvice): readonly string[] | undefined {
  if (approved) return [];
  if (isRepeat && action === duplicate) return [`answered:${responseCode}`, 'hadItBefore'];
  return isReversal && noOriginal.has(action) ? [`answered:${responseCode}`, 'originalUnknownToIssuer'] : undefined;
}

/** What cannot be written, or is answered with a no, is refused: time alone does not mend it. */
export function outcomeOf(result: HostResult, sent: SentAdvice): SendOutcome {
  switch (result.kind) {
    case 'answered':
    case 'decided':
      return takenBy(result.meaning, sent) === undefined ? { kind: 'refused', why: `answered ${result.meaning.responseCode}` } : { kind: 'accepted' };
    case 'notSent':
      return result.why === 'unfit' || result.why === 'tooLarge' ? { kind: 'refused', why: result.detail } : { kind: 'notSent' };
    case 'expired':
    case 'asked':
      return { kind: 'noAnswer' };
  }
}
