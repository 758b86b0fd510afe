/**
 * The checks of a request, in their one order, each with its own reason. The first that fails decides; those behind it were
 * not reached and are written down as skipped. An advice runs the same checks for the record: it is not refused by them.
 */
import { amountMinorMax } from '../base/limits.ts';
import { checkNames } from '../message/message.ts';
import type { CardMessage, CheckName, CheckResult } from '../message/message.ts';
import { convertedMinor } from '../message/conversion.ts';
import { creditRateOf } from '../message/credit.ts';
import { proportion } from '../message/money.ts';
import type { Amount } from '../message/money.ts';
import { reasonOfLock } from '../message/reason.ts';
import type { Reason } from '../message/reason.ts';
import { availableMinor } from './account.ts';
import type { Account, Card } from './account.ts';
import { checkAuthentication, checkCardValue, checkCryptogram, checkPin, isPinCounted } from './card-checks.ts';
import type { Presented } from './card-checks.ts';
import { closedBy, controlOwners, pausedBy } from './controls.ts';
import { controlReasons, exceededLimit, programReasons, scopesOf } from './limits.ts';
import type { Use } from './limits.ts';
import type { Leg } from './record.ts';
import { fail, pass, passed, skip, skipped } from './verdict.ts';
import type { Verdict } from './verdict.ts';

export interface CheckOutcome {
  readonly results: readonly CheckResult[];
  /** Reason of the first check that failed. */
  readonly failure: Reason | undefined;
  /** The amount in the balance's currency; undefined where it cannot be known. */
  readonly billedMinor: number | undefined;
  /** At which it was converted into that; undefined: it was not. */
  readonly rate: string | undefined;
  /** As much as is available, where that is less and the request allows it. */
  readonly partial: Part | undefined;
  /** What the PIN came to, where it was judged and counts. */
  readonly pin: 'verified' | 'wrong' | undefined;
}

/** A part of what was asked, in the transaction's and in the balance's currency. */
export interface Part {
  readonly wholeMinor: number;
  readonly billedMinor: number;
}

/** What the checks look at besides the message. */
export interface CheckContext extends Omit<Presented, 'message'> {
  readonly account: Account | undefined;
  readonly guardRefused: boolean;
  /** Whose rate the message is converted at, where that is not open any more. */
  readonly converts?: Leg | undefined;
}

/** The context of what is checked for its content alone, or has no card. */
export const noContext: CheckContext = {
  account: undefined, card: undefined, original: undefined, follows: false, authenticationUsed: false, pinKeyUsed: false, guardRefused: false,
};

interface Subject extends CheckContext {
  readonly message: CardMessage;
  readonly billedMinor: number | undefined;
  /** Spent or held: not asked about, nor given. */
  readonly isDebit: boolean;
  /** Minor units that the amount may take: what is available, and what is held for it already. */
  readonly availableMinor: number;
  readonly partial: Part | undefined;
}

const checks: Readonly<Record<CheckName, (subject: Subject) => Verdict>> = {
  content: ({ message }) => content(message),
  luhn: ({ message: { card } }) => (card.luhnValid ? passed : fail('1011', card.pan.masked)),
  cardKnown: ({ card }) => (card === undefined ? fail('1018', '') : passed),
  cardState: ({ account, card, message }) => cardState(account, card, message),
  expiry: ({ card, message }) => expiry(card, message),
  cardValue: checkCardValue,
  pin: checkPin,
  cryptogram: checkCryptogram,
  authentication: checkAuthentication,
  limits: (subject) => limits(subject),
  currency: ({ account, message, billedMinor }) => {
    if (account === undefined || message.amount === undefined) return skipped;
    const value = `${message.amount.currency}${message.billing === undefined ? '' : ` billed ${message.billing.currency}`}, balance ${account.currency}`;
    return billedMinor === undefined ? fail('1030', value) : pass(value);
  },
  balance: ({ billedMinor, isDebit, availableMinor, partial }) => {
    if (!isDebit || billedMinor === undefined) return skipped;
    const value = `${billedMinor} of ${availableMinor}`;
    if (billedMinor <= availableMinor) return pass(value);
    return partial === undefined ? fail('1016', value) : pass(`partial ${value}`);
  },
  partnerBalance: ({ account, message: { terms, purpose }, original, isDebit, guardRefused }) => {
    if (guardRefused) return fail('1820', '');
    if (!terms.creditGuard || !isDebit) return skipped;
    // What follows an authorization is reserved as that was.
    const isUnknown = original === undefined && creditRateOf(terms, purpose) === 'unknown';
    return isUnknown ? fail('1821', `no rate from ${account?.currency ?? ''} to ${terms.credit?.currency ?? ''}`) : passed;
  },
};

/** Messages of these purposes move no money, whatever amount they carry. */
function movesMoney({ purpose }: CardMessage): boolean {
  return purpose !== 'balanceInquiry' && purpose !== 'verification' && purpose !== 'pinChange' && purpose !== 'unsupported';
}

function content(message: CardMessage): Verdict {
  const { fault, purpose, processingCode, amount } = message;
  if (fault !== undefined) return fail(fault.reason, `DE${fault.field} ${fault.text}`);
  if (purpose === 'unsupported') return fail('1015', `processing code ${processingCode}`);
  if (amount === undefined && movesMoney(message)) return fail('9100', 'no amount');
  const wrong = wrongAmount(message);
  return wrong === undefined ? passed : fail('1010', wrong);
}

/** What is wrong with a message's amounts, for a person; undefined: nothing. */
export function wrongAmount({ amount, billing, actualMinor, purpose }: CardMessage): string | undefined {
  for (const minor of [amount?.amountMinor ?? 0, billing?.amountMinor ?? 0, actualMinor ?? 0]) {
    if (!Number.isSafeInteger(minor) || minor < 0 || minor > amountMinorMax) return 'an amount is from 0 to twelve digits';
  }
  if (purpose === 'increment' && amount?.amountMinor === 0) return 'an increment of nothing';
  if (billing === undefined || amount === undefined) return undefined;
  if ((billing.amountMinor === 0) !== (amount.amountMinor === 0)) return 'one of amount and billing amount is nothing';
  return billing.currency === amount.currency && billing.amountMinor !== amount.amountMinor ? 'amount and billing amount differ in one currency' : undefined;
}

function limits(subject: Subject): Verdict {
  const { card, message, billedMinor, isDebit } = subject;
  if (card === undefined) return skipped;
  const { controls } = card.record;
  const closed = controls === undefined ? undefined : closedOn(card, subject);
  if (closed !== undefined) return closed;
  if (!isDebit || billedMinor === undefined) return skipped;
  const use = useOf(subject, billedMinor);
  const exceeded = exceededLimit(message.terms.limits, programReasons, card, message, use);
  if (exceeded !== undefined) return fail(exceeded.reason, exceeded.value);
  if (controls === undefined) return passed;
  for (const owner of controlOwners) {
    const own = exceededLimit(controls[owner]?.limits ?? [], controlReasons, card, message, use);
    if (own !== undefined) return fail(own.reason, `${owner}: ${own.value}`);
  }
  return passed;
}

const closedReasons = { channel: '1871', country: '1872', merchant: '1873' } as const;

/** What its holder or its partner has closed. What follows an authorization that stands goes where that went, and a refund gives back. */
function closedOn({ record: { controls } }: Card, { message, original }: Subject): Verdict | undefined {
  if (original !== undefined || message.purpose === 'refund') return undefined;
  for (const owner of controlOwners) {
    const set = controls?.[owner];
    const closed = set === undefined ? undefined : closedBy(set, message);
    if (closed !== undefined) return fail(closedReasons[closed.what], `${owner}: ${closed.what} ${closed.value}`);
  }
  return undefined;
}

function useOf({ message, original }: Subject, billedMinor: number): Use {
  const isCompletion = message.purpose !== 'increment';
  return original === undefined
    ? { wholeMinor: billedMinor, addedMinor: billedMinor, transactions: 1, scopes: scopesOf(message) }
    : {
        wholeMinor: isCompletion ? billedMinor : billedMinor + original.nowMinor, addedMinor: isCompletion ? billedMinor - original.nowMinor : billedMinor,
        transactions: 0, scopes: original.counted?.scopes ?? scopesOf(message),
      };
}

function cardState(account: Account | undefined, card: Card | undefined, message: CardMessage): Verdict {
  if (card === undefined) return skip('');
  const { state, lockCode, controls } = card.record;
  if (state === 'removed') return fail('1810', state);
  if (lockCode !== 0) return fail(reasonOfLock(lockCode), `lock ${lockCode}`);
  const paused = controls === undefined ? undefined : pausedBy(controls, message.receivedAtMs);
  if (paused !== undefined) return fail('1870', paused);
  if (state !== 'active') return fail('1811', state);
  return account?.isClosed === true ? fail('1816', 'balance closed') : pass(state);
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

/** What a message comes to in the balance's currency. */
export interface Billed {
  /** Undefined: it cannot be known. */
  readonly minor: number | undefined;
  /** At which it was converted; undefined: it was not. */
  readonly rate: string | undefined;
}

const nothingBilled: Billed = { minor: 0, rate: undefined };
const notKnown: Billed = { minor: undefined, rate: undefined };

/**
 * The amount in the balance's own currency: DE6 with DE51 first, else DE4 with DE49; where neither is in it, at the rate of the authorization
 * that the message completes or adds to, or else at the one that is stamped on it.
 */
export function billedOf(account: Account, message: CardMessage, original: Leg | undefined): Billed {
  const { amount, billing } = message;
  const billed = billing?.currency === account.currency ? billing : amount;
  if (billed === undefined) return nothingBilled;
  if (billed.currency !== account.currency) return billing === undefined ? convertedOf(account, message, billed, original) : notKnown;
  return movesMoney(message) ? { minor: billed.amountMinor, rate: undefined } : nothingBilled;
}

function convertedOf(account: Account, message: CardMessage, amount: Amount, original: Leg | undefined): Billed {
  const { conversion, purpose } = message;
  const ofOriginal = purpose === 'refund' || original?.currency !== amount.currency ? undefined : original.rate;
  const rate = ofOriginal ?? (conversion?.from === amount.currency && conversion.to === account.currency ? conversion.rate : undefined);
  if (rate === undefined || wrongAmount(message) !== undefined) return notKnown;
  return movesMoney(message) ? { minor: convertedMinor(amount, rate, account.currency), rate } : nothingBilled;
}

/** What of the request could be approved, where it may be approved for less and not all of it is available. */
function partOf(message: CardMessage, billedMinor: number, availableMinor: number): Part | undefined {
  const { partialAllowed, purpose, amount } = message;
  if (!partialAllowed || (purpose !== 'purchase' && purpose !== 'cash' && purpose !== 'preauthorization')) return undefined;
  if (amount === undefined || availableMinor <= 0 || billedMinor <= availableMinor) return undefined;
  if (amount.amountMinor === billedMinor) return { wholeMinor: availableMinor, billedMinor: availableMinor };
  // The most whole minor units that the available balance covers at the request's own rate.
  const wholeMinor = Number((BigInt(amount.amountMinor) * BigInt(availableMinor)) / BigInt(billedMinor));
  const partMinor = Math.min(availableMinor, proportion(wholeMinor, amount.amountMinor, billedMinor));
  return wholeMinor === 0 || partMinor === 0 ? undefined : { wholeMinor, billedMinor: partMinor };
}

/** Runs every check in order; those behind the first failure are skipped. */
export function runChecks(message: CardMessage, context: CheckContext): CheckOutcome {
  const { account, original } = context;
  const { minor: billedMinor, rate } = account === undefined ? notKnown : billedOf(account, message, context.converts ?? original);
  const heldMinor = original !== undefined && message.purpose !== 'increment' ? original.nowMinor : 0;
  const available = account === undefined ? 0 : availableMinor(account) + heldMinor;
  const isDebit = billedMinor !== undefined && billedMinor > 0 && message.purpose !== 'refund';
  const partial = isDebit && billedMinor > available ? partOf(message, billedMinor, available) : undefined;
  const subject: Subject = { ...context, message, billedMinor, isDebit, availableMinor: available, partial };
  const results: CheckResult[] = [];
  let failure: Reason | undefined;
  let pin: CheckOutcome['pin'];
  for (const check of checkNames) {
    if (check === 'pin' && failure === undefined) pin = judgedPin(subject);
    const verdict = failure === undefined ? checks[check](subject) : skipped;
    results.push({ check, outcome: verdict.outcome, value: verdict.value });
    if (verdict.outcome === 'fail') failure = verdict.reason;
  }
  return { results, failure, billedMinor, rate, partial, pin };
}

function judgedPin(subject: Subject): CheckOutcome['pin'] {
  const { message: { pin }, card, pinKeyUsed } = subject;
  if (pinKeyUsed || typeof pin === 'string' || card?.record.pin === undefined || pin.pinVersion !== card.record.pinVersion || !isPinCounted(subject)) return undefined;
  return pin.outcome === 'verified' || pin.outcome === 'wrong' ? pin.outcome : undefined;
}

/** All checks skipped, for what is not a request: reversals, and advices of a decline. */
export function noChecks(): readonly CheckResult[] {
  return skippedChecks;
}

const skippedChecks: readonly CheckResult[] = checkNames.map((check) => ({ check, outcome: 'skipped', value: '' }));
