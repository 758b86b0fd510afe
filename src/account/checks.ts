/**
 * The checks of a request, in their one order, each with its own reason. The first that fails decides; those behind it were
 * not reached and are written down as skipped. An advice runs the same checks for the record: it is not refused by them.
 */
import { checkNames } from '../message/message.ts';
import type { CardMessage, CheckName, CheckResult } from '../message/message.ts';
import { reasonOfLock } from '../message/reason.ts';
import type { Reason } from '../message/reason.ts';
import { availableMinor } from './account.ts';
import type { Account, Card } from './account.ts';
import { exceededLimit } from './limits.ts';

export interface CheckOutcome {
  readonly results: readonly CheckResult[];
  /** Reason of the first check that failed. */
  readonly failure: Reason | undefined;
  /** The amount in the balance's currency; undefined where it cannot be known. */
  readonly billedMinor: number | undefined;
  /** Less than `billedMinor` where only so much is available and the request allows it; balance's currency. */
  readonly partialMinor: number | undefined;
}

/** What one check says: passed or skipped with a value, or failed with a reason. */
type Verdict = { readonly outcome: 'pass' | 'skipped'; readonly value: string } | { readonly outcome: 'fail'; readonly reason: Reason; readonly value: string };

const pass = (value: string): Verdict => ({ outcome: 'pass', value });
const skip = (value: string): Verdict => ({ outcome: 'skipped', value });
const fail = (reason: Reason, value: string): Verdict => ({ outcome: 'fail', reason, value });

interface Subject {
  readonly message: CardMessage;
  readonly account: Account | undefined;
  readonly card: Card | undefined;
  readonly billedMinor: number | undefined;
  /** Already held for this transaction, so that it need not be available again. Minor units. */
  readonly heldBeforeMinor: number;
  /** 0 where the amount is added to a transaction that was counted. */
  readonly transactions: number;
  readonly guardRefused: boolean;
}

const checks: Readonly<Record<CheckName, (subject: Subject) => Verdict>> = {
  content: ({ message: { fault } }) => (fault === undefined ? pass('') : fail(fault.reason, `DE${fault.field} ${fault.text}`)),
  luhn: ({ message: { card } }) => (card.luhnValid ? pass('') : fail('1011', card.pan.masked)),
  cardKnown: ({ card }) => (card === undefined ? fail('1018', '') : pass('')),
  cardState: ({ card }) => cardState(card),
  expiry: ({ card, message }) => expiry(card, message),
  cardValue: ({ message }) => cardValue(message),
  pin: ({ message }) => pin(message),
  limits: ({ card, message, billedMinor, transactions }) => {
    if (card === undefined || billedMinor === undefined || billedMinor === 0 || message.purpose === 'refund') return skip('');
    const exceeded = exceededLimit(card, message, billedMinor, transactions);
    return exceeded === undefined ? pass('') : fail(exceeded.reason, exceeded.value);
  },
  currency: ({ account, message, billedMinor }) => {
    if (account === undefined || message.amount === undefined) return skip('');
    const value = `${message.amount.currency}${message.billing === undefined ? '' : ` billed ${message.billing.currency}`}, balance ${account.currency}`;
    return billedMinor === undefined ? fail('1030', value) : pass(value);
  },
  balance: ({ account, message, billedMinor, heldBeforeMinor }) => {
    if (account === undefined || billedMinor === undefined || billedMinor === 0 || message.purpose === 'refund') return skip('');
    const available = availableMinor(account) + heldBeforeMinor;
    const value = `${billedMinor} of ${available}`;
    if (billedMinor <= available) return pass(value);
    return canBePartial(message) && available > 0 ? pass(`partial ${value}`) : fail('1016', value);
  },
  partnerBalance: ({ message, billedMinor, guardRefused }) => {
    if (!message.terms.creditGuard || billedMinor === undefined || billedMinor === 0 || message.purpose === 'refund') return skip('');
    return guardRefused ? fail('1820', '') : pass('');
  },
};

function cardState(card: Card | undefined): Verdict {
  if (card === undefined) return skip('');
  const { state, lockCode } = card.record;
  if (state === 'removed') return fail('1810', state);
  if (lockCode !== 0) return fail(reasonOfLock(lockCode), `lock ${lockCode}`);
  return state === 'active' ? pass(state) : fail('1811', state);
}

function expiry(card: Card | undefined, message: CardMessage): Verdict {
  if (card === undefined) return skip('');
  const onRecord = card.record.expiry;
  // Months since 1970 of the last month in which the card is valid.
  const lastMonth = (Number(onRecord.slice(0, 2)) + 30) * 12 + Number(onRecord.slice(2)) - 1;
  if (message.month > lastMonth) return fail('1001', `on record ${onRecord}`);
  const { expiry: carried, trackExpiry } = message.card;
  if (carried !== undefined && carried !== onRecord) return fail('1001', 'DE14 is not the one on record');
  if (trackExpiry !== undefined && trackExpiry !== onRecord) return fail('1001', 'the track’s is not the one on record');
  return pass(onRecord);
}

function cardValue({ cardValue: verdict, terms }: CardMessage): Verdict {
  if (verdict === undefined) return terms.verificationValueRequired ? fail('1812', 'nothing carried') : skip('nothing carried');
  if (verdict.outcome === 'match') return pass(verdict.kind);
  return verdict.outcome === 'mismatch' ? fail('1045', verdict.kind) : fail('1814', verdict.kind);
}

function pin({ pin: state, purpose }: CardMessage): Verdict {
  if (state === 'verified') return pass('verified');
  if (state === 'wrong') return fail('1017', 'wrong');
  if (state === 'unverified') return fail('1813', 'PIN data carried');
  return purpose === 'cash' ? fail('1012', 'none carried') : skip('none carried');
}

/** The amount in the balance's own currency: DE6 with DE51 first, else DE4 with DE49; undefined where neither is in it. */
export function billedMinorOf(account: Account, message: CardMessage): number | undefined {
  if (message.billing?.currency === account.currency) return message.billing.amountMinor;
  if (message.amount === undefined) return 0;
  return message.amount.currency === account.currency ? message.amount.amountMinor : undefined;
}

/** May the request be approved for less, and is it of a kind that can be? */
function canBePartial({ partialAllowed, purpose }: CardMessage): boolean {
  return partialAllowed && (purpose === 'purchase' || purpose === 'cash');
}

/** Runs every check in order; those behind the first failure are skipped. */
export function runChecks(
  message: CardMessage,
  account: Account | undefined,
  card: Card | undefined,
  more: { readonly heldBeforeMinor: number; readonly transactions: number; readonly guardRefused: boolean },
): CheckOutcome {
  const billedMinor = account === undefined ? undefined : billedMinorOf(account, message);
  const subject: Subject = { message, account, card, billedMinor, ...more };
  const results: CheckResult[] = [];
  let failure: Reason | undefined;
  for (const check of checkNames) {
    if (failure !== undefined) {
      results.push({ check, outcome: 'skipped', value: '' });
      continue;
    }
    const verdict = checks[check](subject);
    results.push({ check, outcome: verdict.outcome, value: verdict.value });
    if (verdict.outcome === 'fail') failure = verdict.reason;
  }
  let partialMinor: number | undefined;
  if (failure === undefined && account !== undefined && billedMinor !== undefined && message.purpose !== 'refund') {
    const available = availableMinor(account) + more.heldBeforeMinor;
    if (billedMinor > available && canBePartial(message)) partialMinor = available;
  }
  return { results, failure, billedMinor, partialMinor };
}

/** All checks skipped, for what is not a request: reversals, and advices of a decline. */
export function noChecks(): readonly CheckResult[] {
  return skippedChecks;
}

const skippedChecks: readonly CheckResult[] = checkNames.map((check) => ({ check, outcome: 'skipped', value: '' }));
