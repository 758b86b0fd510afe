/** What a transaction of a remote issuer's card is to hold of its partner's deposit, where its program has one. */
import { depositGuardId } from '../issuer/stand-in-deposit.ts';
import { creditMinor, creditRateOf } from '../message/credit.ts';
import { billedMinorOf } from '../standin/subject.ts';
import type { DepositOrder } from '../issuer/stand-in-message.ts';
import type { HostArrival } from './host-arrival.ts';

const dayMs = 86_400_000;

const debits: readonly HostArrival['meaning']['purpose'][] = ['purchase', 'cash', 'preauthorization', 'increment', 'completion'];

type Arrival = Pick<HostArrival, 'program' | 'meaning' | 'message' | 'receivedAtMs'>;

/** Undefined: it takes nothing of one, or it is not known how much. */
export function depositOrder(arrival: Arrival): DepositOrder | undefined {
  const amountMinor = amountOf(arrival);
  const { program, meaning, message, receivedAtMs } = arrival;
  if (program === undefined || amountMinor === undefined || amountMinor === 0) return undefined;
  const { holdDays } = message.terms;
  const days = meaning.purpose === 'preauthorization' || meaning.purpose === 'increment' ? holdDays.preauthorization : meaning.cardPresent ? holdDays.cardPresent : holdDays.cardNotPresent;
  return { guardId: depositGuardId(program.rules.partner), amountMinor, dueAtMs: receivedAtMs + days * dayMs };
}

/** Why nobody can say how much of a deposit it takes; undefined: it takes none, or it is known. */
export function unknownToDeposit(arrival: Arrival): '1030' | '1821' | undefined {
  const { program, meaning: { purpose }, message } = arrival;
  if (program?.rules.creditGuard !== true || !debits.includes(purpose) || amountOf(arrival) !== undefined) return undefined;
  return billedMinorOf(message, program.rules.currency) === undefined ? '1030' : '1821';
}

/** Minor units of the deposit's currency: of DE6 first, else of DE4, as it is or at the rate that is stamped on the message. */
function amountOf({ program, message, meaning: { purpose } }: Arrival): number | undefined {
  if (program?.rules.creditGuard !== true || !debits.includes(purpose)) return undefined;
  const billedMinor = billedMinorOf(message, program.rules.currency);
  const rate = creditRateOf(message.terms, purpose);
  return rate === 'unknown' || billedMinor === undefined ? undefined : creditMinor(billedMinor, program.rules.currency, rate);
}
