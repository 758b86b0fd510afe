/**
 * Makes the changes of partners' credit and deposit balances that programs name, each once by its partner and id, whoever makes it: other
 * switches on the same store read the same rows. What the store does not take at first is tried again.
 */
import type { Log } from '../base/log.ts';
import { depositOf } from '../account/change.ts';
import type { GuardRoom } from '../issuer/guard-room.ts';
import type { IssuerRow } from '../tables/issuer-rows.ts';
import type { ProgramRow, Tables } from '../tables/rows.ts';
import { isOwnIssuer } from '../tables/tables.ts';

type ProgramTables = Pick<Tables, 'programs' | 'issuers'>;

export interface CreditLoadsOptions {
  readonly guards: Pick<GuardRoom, 'loadGuard' | 'separateDeposit'>;
  readonly log: Log;
  /** Keeps no process alive. */
  readonly after: (delayMs: number, work: () => void) => void;
}

const retryMs = 2_000;

export class CreditLoads {
  readonly #options: CreditLoadsOptions;
  /** What this process has seen made, or found to be impossible, as `partner:id:amount`. */
  readonly #seen = new Set<string>();
  #tables: ProgramTables = { programs: [], issuers: [] };
  /** Partners whose deposits are known to have counters of their own. */
  readonly #separated = new Set<string>();
  /** One round at a time: each looks at the programs as they are when it comes to them. */
  #round: Promise<void> = Promise.resolve();

  constructor(options: CreditLoadsOptions) {
    this.#options = options;
  }

  /** Resolves after the first attempt; what the store could not be asked is tried again by itself. */
  async apply({ programs, issuers }: ProgramTables): Promise<void> {
    this.#tables = { programs, issuers };
    this.#round = this.#round.then(() => this.#applyAll());
    await this.#round;
  }

  async #applyAll(): Promise<void> {
    const { log, after } = this.#options;
    const { programs, issuers } = this.#tables;
    try {
      await this.#separateDeposits(programs, issuers);
      for (const { partner, issuer, creditLoads } of programs) {
        const isOwn = isOwnIssuer(issuers, issuer);
        for (const { id, amountMinor } of creditLoads) await this.#applyOne(partner, isOwn ? partner : depositOf(partner), id, amountMinor);
      }
    } catch (error) {
      log.warning('credit balances not loaded', { error: error instanceof Error ? error.message : String(error), retryInMs: retryMs });
      after(retryMs, () => void this.apply(this.#tables));
    }
  }

  /** @throws what the store throws */
  async #separateDeposits(programs: readonly ProgramRow[], issuers: readonly IssuerRow[]): Promise<void> {
    const guarded = programs.filter(({ creditGuard }) => creditGuard);
    for (const { partner, issuer } of guarded) {
      if (isOwnIssuer(issuers, issuer) || this.#separated.has(partner)) continue;
      await this.#options.guards.separateDeposit(partner, guarded.some((each) => each.partner === partner && isOwnIssuer(issuers, each.issuer)));
      this.#separated.add(partner);
    }
  }

  /** @param balance the partner's, or its deposit's @throws what the store throws */
  async #applyOne(partner: string, balance: string, id: string, amountMinor: number): Promise<void> {
    const { guards, log } = this.#options;
    const load = `${partner}:${id}`;
    if (this.#seen.has(`${load}:${amountMinor}`)) return;
    const outcome = await guards.loadGuard({ id: load, partner: balance, amountMinor });
    // What is refused now may have room at the next change of the tables.
    if (outcome !== 'refused') this.#seen.add(`${load}:${amountMinor}`);
    if (outcome === 'loaded') log.event('credit balance loaded', { partner, load: id, amountMinor });
    if (outcome === 'conflict') log.failure('credit balance not loaded', { partner, load: id, amountMinor, reason: 'this id was used for another amount' });
    if (outcome === 'refused') log.failure('credit balance not loaded', { partner, load: id, amountMinor, reason: 'less is left than is taken away' });
  }
}
