/**
 * Takes back what the issuer may have done of a request, where nobody ended that in its time, or the disk did not take what tells the issuer:
 * whoever finds it due does it, for whichever switch asked. Invariant: nothing is told before it is on record that nothing else becomes of the
 * request any more, and what could not be written stays due.
 */
import type { StandInLedger } from '../issuer/stand-in-ledger.ts';
import type { StandInAnswer } from '../issuer/stand-in-message.ts';
import { cardHeadId } from '../issuer/stand-in-record.ts';
import type { Outcome } from '../store/decide.ts';
import type { HostPolicy } from './host-policy.ts';
import type { HostTelling } from './host-telling.ts';

export interface OverdueOutside {
  readonly policy: Pick<HostPolicy, 'rules'>;
  /** Of the shared store. */
  readonly shared: StandInLedger;
  readonly newId: () => string;
  /** Monotonic, the clock of deadlines. */
  readonly elapsed: () => number;
}

const recordMs = 5_000;

/** @param text what is owed, as its record has it */
export async function takeOverdueBack(outside: OverdueOutside, telling: HostTelling, token: string, recordId: string, text: string): Promise<void> {
  if (!await isOverdue(outside, token, recordId, false)) return;
  if (await telling.keep([telling.overdue(text)]) === 'durable') await isOverdue(outside, token, recordId, true);
}

async function isOverdue({ shared, newId, policy, elapsed }: OverdueOutside, token: string, recordId: string, isKept: boolean): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<Outcome<StandInAnswer>>();
  shared.submit(cardHeadId(token), '', { kind: 'overdue', id: newId(), token, recordId, counters: policy.rules.counters, isKept }, elapsed() + recordMs, resolve);
  const outcome = await promise;
  return outcome.kind === 'decided' && outcome.answer.kind === 'overdue';
}
