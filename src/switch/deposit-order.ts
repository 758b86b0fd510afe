/** What a transaction of a remote issuer's card is to hold of its partner's deposit, where its program has one. */
import { depositGuardId } from '../issuer/stand-in-deposit.ts';
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

/** Does it take something of a deposit that is in another currency, so that nobody can say how much? */
export function isUnknownToDeposit(arrival: Arrival): boolean {
  return arrival.program?.rules.creditGuard === true && debits.includes(arrival.meaning.purpose) && amountOf(arrival) === undefined;
}

/** Minor units of the program's currency: of DE6 first, else of DE4, as it is or at the rate that is stamped on the message. */
function amountOf({ program, message, meaning: { purpose } }: Arrival): number | undefined {
  if (program?.rules.creditGuard !== true || !debits.includes(purpose)) return undefined;
  return billedMinorOf(message, program.rules.currency);
}
