/**
 * How a transfer gets from its row to its end, by messages to two accounts:
 *
 *   started ──out──> debited ──in──> (settled) ──> completed
 *      └─refused       └─refused──> refunding ──refund──> refunded
 *
 * Owns the order of the steps. Invariants: each message is under the transfer's id, so that it is done once whoever sends it how often; an
 * answer moves the row, and only an answer does; what cannot be reached leaves the transfer where it is, for whoever is there later. So a
 * transfer that was cut off anywhere comes to one end, and between the steps the money stands in transit.
 */
import type { TransferMessage } from '../account/transfer.ts';
import type { Book } from '../book/book.ts';
import type { Reason } from '../message/reason.ts';
import { backoffMs } from './backoff.ts';
import type { AccountDesk } from './ports.ts';
import { claimTransfers, hasEnded, moveTransfer, postponeTransfer } from './transfer-rows.ts';
import type { TransferRow, TransferState } from './transfer-rows.ts';

export interface SagaOptions {
  readonly book: Book;
  readonly desk: Pick<AccountDesk, 'apply'>;
  /** Unix ms. */
  readonly now: () => number;
  /** Between 0 and 1. */
  readonly random: () => number;
  /** What a transfer stands at because of, where it is no outage: a person has to look. Called synchronously; must not throw. */
  readonly stuck: (transferId: string, reason: Reason) => void;
}

const leaseMs = 30_000;
const claimMax = 20;
const pauses = { firstMs: 1_000, mostMs: 60_000 };

/** What an account has said for good: it never says otherwise of the same transfer. */
const finalReasons: readonly Reason[] = ['1010', '1016', '1030', '1816'];

type Step = { readonly kind: 'moved'; readonly row: TransferRow } | { readonly kind: 'waits' };

export class TransferSaga {
  readonly #options: SagaOptions;

  constructor(options: SagaOptions) {
    this.#options = options;
  }

  /** Goes on with a transfer for as long as everybody answers. @returns where it is then; @throws BookUnavailable */
  async advance(row: TransferRow): Promise<TransferRow> {
    const { book, now, random } = this.#options;
    let current = row;
    while (!hasEnded(current)) {
      const step = await this.#step(current);
      if (step.kind === 'waits') {
        await postponeTransfer(book, current, now(), (attempts) => backoffMs(attempts, pauses, random()));
        return current;
      }
      current = step.row;
    }
    return current;
  }

  /** Goes on with what is due. @returns how many there were; @throws BookUnavailable */
  async resume(): Promise<number> {
    const { book, now } = this.#options;
    const rows = await claimTransfers(book, now(), leaseMs, claimMax);
    await Promise.all(rows.map(async (row) => await this.advance(row)));
    return rows.length;
  }

  async #step(row: TransferRow): Promise<Step> {
    const { transferId, senderBalance, receiverBalance, amountMinor, currency, state } = row;
    switch (state) {
      case 'started':
        return await this.#send(row, { ...this.#base(transferId, 'out', senderBalance), kind: 'transferOut', amountMinor }, 'debited', 'refused');
      case 'debited': {
        const taken = await this.#answer(row, { ...this.#base(transferId, 'in', receiverBalance), kind: 'transferIn', amountMinor, currency });
        if (taken === undefined) return { kind: 'waits' };
        if (taken !== '0000') return await this.#move(row, 'refunding', taken);
        return await this.#send(row, { ...this.#base(transferId, 'settle', senderBalance), kind: 'transferSettle' }, 'completed', undefined);
      }
      case 'refunding':
        return await this.#send(row, { ...this.#base(transferId, 'refund', senderBalance), kind: 'transferRefund' }, 'refunded', undefined);
      default:
        return { kind: 'moved', row };
    }
  }

  #base(transferId: string, step: string, accountId: string): Pick<TransferMessage, 'id' | 'accountId' | 'transferId' | 'receivedAtMs'> {
    return { id: `${transferId}.${step}`, accountId, transferId, receivedAtMs: this.#options.now() };
  }

  /** @param refused the state after a refusal; undefined: there is none that would be right */
  async #send(row: TransferRow, message: TransferMessage, done: TransferState, refused: TransferState | undefined): Promise<Step> {
    const reason = await this.#answer(row, message);
    if (reason === '0000') return await this.#move(row, done, null);
    if (reason === undefined) return { kind: 'waits' };
    if (refused !== undefined) return await this.#move(row, refused, reason);
    this.#options.stuck(row.transferId, reason);
    return { kind: 'waits' };
  }

  /** What the account says for good; undefined: nothing yet. */
  async #answer({ transferId }: TransferRow, message: TransferMessage): Promise<Reason | undefined> {
    const outcome = await this.#options.desk.apply(message);
    if (outcome.kind === 'unreachable') return undefined;
    if (outcome.reason === '0000' || finalReasons.includes(outcome.reason)) return outcome.reason;
    this.#options.stuck(transferId, outcome.reason);
    return undefined;
  }

  async #move(row: TransferRow, state: TransferState, reason: Reason | null): Promise<Step> {
    const { book, now } = this.#options;
    return { kind: 'moved', row: await book.transaction(async (queries) => await moveTransfer(queries, row, state, reason, now())) };
  }
}
