/**
 * What the cardholder wants: DE3, then the function code (1993, 2003) or the markers of the dialect (1987), the class, the original
 * that is named, and the amount.
 */
import type { Message } from '../iso8583/codec.ts';
import type { MessageClass, MessageFunction, OriginalReference, Purpose } from '../message/message.ts';
import type { Amount } from '../message/money.ts';
import { anyHolds } from './conditions.ts';
import type { Dialect } from './dialect.ts';
import type { Faults } from './faults.ts';
import type { FunctionMeaning } from './rules.ts';

export interface PurposeFacts {
  readonly class: MessageClass;
  readonly function: MessageFunction;
  readonly processingCode: string;
  readonly original: OriginalReference | undefined;
  readonly amount: Amount | undefined;
  readonly approvalCode: string;
}

/** The function code's meaning; undefined where the version has none, or where it is one that we don't do. */
export function readFunctionMeaning(message: Message, dialect: Dialect, of: MessageClass): FunctionMeaning | undefined {
  if (dialect.functionCodes === undefined) return of === 'reversal' ? 'fullReversal' : 'original';
  const code = message.text(24);
  if (code === undefined) return of === 'reversal' ? 'fullReversal' : 'original';
  const expected = of === 'authorization' ? '1' : of === 'financial' ? '2' : '4';
  return code.startsWith(expected) ? dialect.functionCodes.get(code) : undefined;
}

export function readPurpose(message: Message, dialect: Dialect, meaning: FunctionMeaning | undefined, facts: PurposeFacts, faults: Faults): Purpose {
  const plain = dialect.processingCodes.get(facts.processingCode.slice(0, 2)) ?? 'unsupported';
  if (meaning === undefined) {
    if (facts.class === 'reversal') faults.add(24, 'is no function of a reversal');
    return 'unsupported';
  }
  // A reversal is told by what it names; the kind of its original is no ground to refuse it.
  if (facts.class === 'reversal') return plain === 'unsupported' ? 'purchase' : plain;
  const purpose = meaning === 'original' ? byMarkers(message, dialect, plain, facts) : byFunction(plain, meaning, facts);
  return byAmount(purpose, facts, faults);
}

/** The function code speaks of a payment: what is no payment by DE3 stays what it is. */
function byFunction(plain: Purpose, meaning: FunctionMeaning, facts: PurposeFacts): Purpose {
  if (isCashAsked(plain, facts)) return plain;
  switch (meaning) {
    case 'preauthorization':
    case 'increment':
    case 'completion':
      return isPayment(plain) ? meaning : plain;
    case 'verification':
      return plain === 'unsupported' || plain === 'pinChange' ? plain : 'verification';
    default:
      return plain;
  }
}

/** Cash that is asked for is that, whatever authorization it names or is said to be: what is demanded of cash is demanded of it. */
function isCashAsked(purpose: Purpose, facts: PurposeFacts): boolean {
  return purpose === 'cash' && facts.function === 'request';
}

function isPayment(purpose: Purpose): boolean {
  return purpose === 'purchase' || purpose === 'cash' || purpose === 'preauthorization';
}

function byMarkers(message: Message, dialect: Dialect, plain: Purpose, facts: PurposeFacts): Purpose {
  if (!isPayment(plain) || isCashAsked(plain, facts)) return plain;
  const { original } = facts;
  const namesAuthorization = original !== undefined && original.class === 'authorization';
  if (facts.class === 'financial') {
    if (namesAuthorization || anyHolds(dialect.completion, message)) return 'completion';
    const advised = facts.function !== 'request' && facts.approvalCode !== '' && dialect.approvalCodeCompletes;
    return advised && plain !== 'cash' ? 'completion' : plain;
  }
  if (plain !== 'preauthorization' && !anyHolds(dialect.preauthorization, message)) return plain;
  return namesAuthorization ? 'increment' : 'preauthorization';
}

/** Nothing to pay is a verification of the account in an authorization, and an error elsewhere. */
function byAmount(purpose: Purpose, facts: PurposeFacts, faults: Faults): Purpose {
  if (facts.amount?.amountMinor !== 0) return purpose;
  switch (purpose) {
    case 'purchase':
    case 'preauthorization':
      if (facts.class === 'authorization') return 'verification';
      break;
    case 'cash':
    case 'refund':
    case 'increment':
      break;
    default:
      return purpose;
  }
  faults.add(4, 'a payment of nothing', '1010');
  return purpose;
}

/** Does it move money, so that an amount must be there? */
export function needsAmount(purpose: Purpose): boolean {
  return purpose !== 'balanceInquiry' && purpose !== 'verification' && purpose !== 'pinChange' && purpose !== 'unsupported';
}
