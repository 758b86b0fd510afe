/**
 * Makes the changes of partners' credit balances that programs name, each once by its partner and id, whoever makes it: other
 * switches on the same store read the same rows. What the store does not take at first is tried again.
 */
import type { Log } from '../base/log.ts';
import type { GuardRoom } from '../issuer/guard-room.ts';
import type { ProgramRow } from './tables.ts';

export interface CreditLoadsOptions {
  readonly guards: Pick<GuardRoom, 'loadGuard'>;
  readonly log: Log;
  /** Keeps no process alive. */
  readonly after: (delayMs: number, work: () => void) => void;
}

const retryMs = 2_000;

export class CreditLoads {
  readonly #options: CreditLoadsOptions;
  /** What this process has seen made, or found to be impossible, as `partner:id:amount`. */
  readonly #seen = new Set<string>();
  #programs: readonly ProgramRow[] = [];
  /** One round at a time: each looks at the programs as they are when it comes to them. */
  #round: Promise<void> = Promise.resolve();

  constructor(options: CreditLoadsOptions) {
    this.#options = options;
  }

  /** Resolves after the first attempt; what the store could not be asked is tried again by itself. */
  async apply(programs: readonly ProgramRow[]): Promise<void> {
    this.#programs = programs;
    this.#round = this.#round.then(() => this.#applyAll());
    await this.#round;
  }

  async #applyAll(): Promise<void> {
    const { log, after } = this.#options;
    try {
      for (const { partner, creditLoads } of this.#programs) {
        for (const { id, amountMinor } of creditLoads) await this.#applyOne(partner, id, amountMinor);
      }
    } catch (error) {
      log.warning('credit balances not loaded', { error: error instanceof Error ? error.message : String(error), retryInMs: retryMs });
      after(retryMs, () => void this.apply(this.#programs));
    }
  }

  /** @throws what the store throws */
  async #applyOne(partner: string, id: string, amountMinor: number): Promise<void> {
    const { guards, log } = this.#options;
    const load = `${partner}:${id}`;
    if (this.#seen.has(`${load}:${amountMinor}`)) return;
    const outcome = await guards.loadGuard({ id: load, partner, amountMinor });
    // What is refused now may have room at the next change of the tables.
    if (outcome !== 'refused') this.#seen.add(`${load}:${amountMinor}`);
    if (outcome === 'loaded') log.event('credit balance loaded', { partner, load: id, amountMinor });
    if (outcome === 'conflict') log.failure('credit balance not loaded', { partner, load: id, amountMinor, reason: 'this id was used for another amount' });
    if (outcome === 'refused') log.failure('credit balance not loaded', { partner, load: id, amountMinor, reason: 'less is left than is taken away' });
  }
}
