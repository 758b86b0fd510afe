/**
 * A lock of an own card that an operator or the network ordered, as this switch takes it: into its account, or, where the account cannot be reached, onto this node's
 * disk for it; and onto this node's negative list, by which stand-in declines meanwhile.
 *
 *   take ──> the account has it ──────────────────────> listed
 *      │ it cannot be reached
 *      ▼
 *   on this node's disk, for the account ──> listed ··· the store is back ──> the account has it, once
 *
 * Refuses what the account refuses, or would as it was last seen. Invariants: what is listed has its account or waits for it on disk; every
 * switch that has an order brings it to the account under the same id, so that it is done there once, whichever comes first.
 */
import type { Deadlines } from '../base/deadlines.ts';
import type { Ledger, LedgerAnswer } from '../issuer/ledger.ts';
import type { LockOrder, NegativeList } from '../issuer/negative-list.ts';
import { orderMessage, orderOf, orderRefusal } from '../issuer/own-order.ts';
import type { OwnOrderMessage } from '../issuer/own-order.ts';
import { isApproval } from '../message/reason.ts';
import type { Reason } from '../message/reason.ts';
import type { Outcome } from '../store/decide.ts';
import type { Directory, Found } from './directory.ts';
import type { OwnOrders } from './own-arrival.ts';
import type { OwnDesk } from './own-desk.ts';

export interface OwnLocksOptions {
  readonly ledger: Ledger;
  readonly directory: Directory;
  readonly desk: Pick<OwnDesk, 'isBehind' | 'keep'>;
  readonly list: NegativeList;
  /** On the clock of `elapsed`. */
  readonly deadlines: Deadlines;
  /** Monotonic. */
  readonly elapsed: () => number;
}

/** How an order comes here. `asked`: somebody asks for it now; `passedOn`: by another switch, that was asked; `held`: its account has it already. */
export type OrderCome = 'asked' | 'passedOn' | 'held';

export type LockTaken =
  /** It is on the list here. `waits`: for its account, on this node's disk. */
  | { readonly kind: 'listed'; readonly account: 'has' | 'waits' }
  /** The account says no: it is nowhere. */
  | { readonly kind: 'refused'; readonly reason: Reason }
  /** A later order of the card is here already. */
  | { readonly kind: 'older' }
  /** This node's disk did not take it, or did not say so. @see account whether the account has it all the same */
  | { readonly kind: 'notWritten'; readonly account: 'has' | 'waits' | 'unknown' };

/** What the negative list says of orders that wait, and is told of them. */
export function ordersOf(list: NegativeList, refused: (order: OwnOrderMessage, reason: Reason) => void): OwnOrders {
  return {
    isOvertaken: (order) => list.find(order.cardToken)?.heldSinceMs !== undefined && list.knowsLater(orderOf(order)),
    told: (order, reason) => {
      if (reason === undefined) void list.held(order.cardToken, order.id);
      else {
        void list.refused(order.cardToken, order.id);
        refused(order, reason);
      }
    },
  };
}

/** How long an account may take before its order waits on disk. */
const accountMs = 1_500;

/** `hadIt`: it took this order before. */
type Told = { readonly kind: 'has' | 'hadIt' | 'away' } | { readonly kind: 'refused'; readonly reason: Reason };

export class OwnLocks {
  readonly #options: OwnLocksOptions;

  constructor(options: OwnLocksOptions) {
    this.#options = options;
  }

  async take(order: LockOrder, come: OrderCome): Promise<LockTaken> {
    const { list } = this.#options;
    if (list.knowsLater(order)) return { kind: 'older' };
    const found = come === 'held' ? 'has' : await this.#toAccount(order);
    if (typeof found !== 'string') return found;
    const there = list.find(order.token);
    // What was taken before, and something else is listed since: that is of then or later, and whoever listed it told the others.
    if (found === 'hadIt' && come === 'asked' && there !== undefined && there.id !== order.id) return { kind: 'listed', account: 'has' };
    const account = found === 'waits' ? 'waits' : 'has';
    const listed = await list.put(order, account === 'has');
    if (listed === 'failed') return { kind: 'notWritten', account };
    return listed === 'older' ? { kind: 'older' } : { kind: 'listed', account };
  }

  async #toAccount(order: LockOrder): Promise<'has' | 'hadIt' | 'waits' | LockTaken> {
    const { desk, ledger, list, elapsed } = this.#options;
    const endMs = elapsed() + accountMs;
    const found = await this.#accountOf(order.token, endMs);
    if (found.kind === 'found' && found.accountId === undefined) return { kind: 'refused', reason: '1018' };
    const accountId = found.kind === 'found' ? found.accountId : undefined;
    const message = orderMessage(order, accountId ?? '');
    if (accountId !== undefined && ledger.storeAnswers && !desk.isBehind(accountId, order.token)) {
      const told = await this.#tell(accountId, message, endMs);
      if (told.kind === 'has' || told.kind === 'hadIt') return told.kind;
      if (told.kind === 'refused') return told;
    }
    const last = accountId === undefined ? undefined : ledger.lastKnown(accountId);
    const reason = orderRefusal(message, last?.account, list.find(order.token)?.lockCode ?? 0);
    if (reason !== undefined) return { kind: 'refused', reason };
    const kept = await desk.keep(accountId, message, 'lock', undefined);
    // What the account may have taken after all, it may have.
    return kept === 'durable' ? 'waits' : { kind: 'notWritten', account: 'unknown' };
  }

  async #accountOf(token: string, endMs: number): Promise<Found> {
    const { directory, ledger, deadlines } = this.#options;
    const known = directory.known(token);
    if (known !== undefined) return { kind: 'found', accountId: known };
    if (!ledger.storeAnswers) return { kind: 'unavailable' };
    const { promise, resolve } = Promise.withResolvers<Found>();
    directory.find(token, resolve);
    const late = deadlines.at(endMs, () => resolve({ kind: 'unavailable' }));
    const found = await promise;
    late.cancel();
    return found;
  }

  async #tell(accountId: string, message: OwnOrderMessage, endMs: number): Promise<Told> {
    const { promise, resolve } = Promise.withResolvers<Outcome<LedgerAnswer>>();
    this.#options.ledger.submit(accountId, '', message, endMs, resolve);
    const outcome = await promise;
    if (outcome.kind !== 'decided' || outcome.answer.kind !== 'answer') return { kind: 'away' };
    const { response: { reason }, note } = outcome.answer;
    if (!isApproval(reason)) return { kind: 'refused', reason };
    return { kind: note === 'repeat' ? 'hadIt' : 'has' };
  }
}
