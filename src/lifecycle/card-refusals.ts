/** What an account says against a card message, as whoever asked is told. */
import { reasons } from '../message/reason.ts';
import type { Reason } from '../message/reason.ts';
import { LifecycleRefused } from './refusal.ts';

const refusals: Partial<Record<Reason, readonly [status: 403 | 404 | 409 | 422, code: string]>> = {
  '1018': [404, 'CARD_NOT_FOUND'],
  '1019': [403, 'LOCK_CODE_NOT_ALLOWED'],
  '1816': [409, 'BALANCE_CLOSED'],
  '1810': [409, 'CARD_REMOVED'],
  '1801': [409, 'CARD_LOCKED_FOR_GOOD'],
  '1802': [409, 'CARD_LOCKED_FOR_GOOD'],
  '1805': [409, 'CARD_LOCKED_FOR_GOOD'],
  '1808': [409, 'CARD_LOCKED_FOR_GOOD'],
  '9109': [409, 'CHIP_COMMANDS_WAIT'],
  '9113': [409, 'CARD_NUMBER_TAKEN'],
};

export function refusalOf(reason: Reason): LifecycleRefused {
  const [status, code] = refusals[reason] ?? [422, 'ACCOUNT_REFUSED'];
  return new LifecycleRefused(status, code, `the account does not take it: ${reasons[reason].text} (${reason})`);
}
