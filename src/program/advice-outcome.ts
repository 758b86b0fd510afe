/** What an advice file is told of a message that was sent to whoever it is for. */
import type { SendOutcome } from '../advice/delivery.ts';
import type { HostResult } from '../host/host.ts';

/** What cannot be written, or is answered with a no, is refused: time alone does not mend it. */
export function outcomeOf(result: HostResult): SendOutcome {
  switch (result.kind) {
    case 'answered':
    case 'decided':
      return result.meaning.approved ? { kind: 'accepted' } : { kind: 'refused', why: `answered ${result.meaning.responseCode}` };
    case 'notSent':
      return result.why === 'unfit' || result.why === 'tooLarge' ? { kind: 'refused', why: result.detail } : { kind: 'notSent' };
    case 'expired':
    case 'asked':
      return { kind: 'noAnswer' };
  }
}
