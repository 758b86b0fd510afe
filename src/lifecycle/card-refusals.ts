/** What an account says against a card message, as whoever asked is told. */
import { reasons } from '../message/reason.ts';
import type { Reason } from '../message/reason.ts';
import { LifecycleRefused } from './refusal.ts';

/** Of a change to a card that is there: a message under an id that was used otherwise. */
export function changeRefusalOf(reason: Reason): LifecycleRefused {
  return reason === '9113' ? new LifecycleRefused(409, 'IDEMPOTENCY_CONFLICT', 'this key was used for another change of a card', 'X-Idempotency-Key') : refusalOf(reason);
}

/** Of a card that is added. */
export function refusalOf(reason: Reason): LifecycleRefused {
  switch (reason) {
    case '1018': return new LifecycleRefused(404, 'CARD_NOT_FOUND', 'there is no such card');
    case '1019': return new LifecycleRefused(403, 'LOCK_CODE_NOT_ALLOWED', 'a holder locks a card with code 1, 2, 3 or 7', 'lockCode');
    case '1023': return new LifecycleRefused(409, 'TOO_MANY_CARDS', 'the balance has had as many cards as it may');
    case '1810': return new LifecycleRefused(409, 'CARD_REMOVED', 'the card was removed');
    case '1801':
    case '1802':
    case '1805':
    case '1808': return new LifecycleRefused(409, 'CARD_LOCKED_FOR_GOOD', `the card is locked for good (${reasons[reason].text})`);
    case '1816': return new LifecycleRefused(409, 'BALANCE_CLOSED', 'the balance is closed');
    case '9109': return new LifecycleRefused(409, 'CHIP_COMMANDS_WAIT', 'the card’s chip has not taken the commands yet that wait for it');
    case '9113': return new LifecycleRefused(409, 'CARD_NUMBER_TAKEN', 'the number is another card’s; another key asks for another card');
    default: return new LifecycleRefused(409, 'ACCOUNT_REFUSED', `the account refuses this with action code ${reason}`);
  }
}
