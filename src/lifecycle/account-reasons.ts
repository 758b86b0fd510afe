/** What an account refused a message about its money for, as a refusal of the call. */
import type { Reason } from '../message/reason.ts';
import { unreachable } from './ports.ts';
import type { AppliedOutcome } from './ports.ts';
import { balanceClosed } from './balance-rows.ts';
import { LifecycleRefused } from './refusal.ts';

/** @throws LifecycleRefused where it was not done, or nobody can say */
export function requireApplied(outcome: AppliedOutcome): void {
  if (outcome.kind === 'unreachable') throw unreachable('accounts');
  if (outcome.reason !== '0000') throw moneyRefused(outcome.reason);
}

export function moneyRefused(reason: Reason): LifecycleRefused {
  switch (reason) {
    case '1010': return new LifecycleRefused(422, 'AMOUNT_OUT_OF_BOUNDS', 'a balance cannot change by this amount', 'amount.amountMinor');
    case '1016': return new LifecycleRefused(409, 'FUNDS_INSUFFICIENT', 'less than this amount is available');
    case '1816': return balanceClosed();
    case '9113': return new LifecycleRefused(409, 'IDEMPOTENCY_CONFLICT', 'this key was used for another amount', 'X-Idempotency-Key');
    case '1817': return new LifecycleRefused(409, 'BALANCE_NOT_EMPTY', 'a balance is closed when nothing is on it and nothing is held');
    default: return new LifecycleRefused(409, 'ACCOUNT_REFUSED', `the account refuses this with action code ${reason}`);
  }
}
