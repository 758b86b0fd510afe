/**
 * Gathers what is to be written in one turn of the event loop into one commit, and with it one sync of the disk.
 *
 * It owns the calls to the store that change anything. Invariants: of one advice, one change at most is under way, and changes
 * of it are made in the order in which they were asked for; each gets one outcome.
 */
import { calling, troubleOf } from '../store/calling.ts';
import type { CommitItem, CommitResult, OwnRecords, PartitionEpoch } from '../store/store.ts';

/** `unavailable`: nothing of it has happened. `unknown`: nobody can tell. */
export type ChangeOutcome = CommitResult | { readonly kind: 'unavailable' | 'unknown'; readonly error: Error };

interface Change {
  readonly id: string;
  readonly item: CommitItem;
  readonly done: (outcome: ChangeOutcome) => void;
}

const itemsPerCommitMax = 512;

export class AdviceWriter {
  readonly #store: OwnRecords;
  readonly #at: PartitionEpoch;
  readonly #atTurnEnd: (work: () => void) => void;
  readonly #busy = new Set<string>();
  #changes: Change[] = [];
  #commitsInFlight = 0;
  #isScheduled = false;

  constructor(store: OwnRecords, at: PartitionEpoch, atTurnEnd: (work: () => void) => void) {
    this.#store = store;
    this.#at = at;
    this.#atTurnEnd = atTurnEnd;
  }

  /** @param id of the advice that it is about */
  change(id: string, item: CommitItem): Promise<ChangeOutcome> {
    return new Promise((resolve) => {
      this.#changes.push({ id, item, done: resolve });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled || this.#commitsInFlight >= this.#store.commitsInFlightMax) return;
    this.#isScheduled = true;
    this.#atTurnEnd(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#commitsInFlight >= this.#store.commitsInFlightMax) return;
    const batch: Change[] = [];
    const later: Change[] = [];
    const taken = this.#changes.splice(0, itemsPerCommitMax);
    for (const change of taken) {
      if (this.#busy.has(change.id)) {
        later.push(change);
      } else {
        this.#busy.add(change.id);
        batch.push(change);
      }
    }
    if (later.length > 0) this.#changes = [...later, ...this.#changes];
    if (batch.length === 0) return;
    void this.#commit(batch);
    if (this.#changes.length > later.length) this.#schedule();
  }

  async #commit(batch: readonly Change[]): Promise<void> {
    this.#commitsInFlight += 1;
    const called = await calling(this.#store.commit(this.#at, batch.map(({ item }) => item)));
    this.#commitsInFlight -= 1;
    for (const [index, { id, done }] of batch.entries()) {
      this.#busy.delete(id);
      if ('answer' in called) done(called.answer[index] as CommitResult);
      else done({ kind: troubleOf(called.error) === 'unknown' ? 'unknown' : 'unavailable', error: called.error });
    }
    if (this.#changes.length > 0) this.#schedule();
  }
}
