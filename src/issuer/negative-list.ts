/**
 * This node's negative list: what operators and the network ordered of cards' locks, for while the accounts' store is away. It owns the last order of each
 * card, on this node's disk.
 *
 *   n.<token>  the card's last order, due, so that it is found again at a start and not forgotten before its time
 *
 * An order stays until its account has had it for longer than anything that was seen of an account before can count. Refuses an order that
 * is older than the one that is there. Invariant: what `put` called listed is found again after a crash.
 */
import type { AskedBy } from '../account/card-lifecycle.ts';
import { assert } from '../base/assert.ts';
import { calling } from '../store/calling.ts';
import type { CommitItem, PartitionEpoch, Store } from '../store/store.ts';

/** What was ordered of one card. */
export interface LockOrder {
  /** Unique over switches: the same order changes each list and the account once. */
  readonly id: string;
  readonly token: string;
  /** 1 to 8; 0: the card is unlocked. */
  readonly lockCode: number;
  /** Unix ms; above that of every order of the card that the switch which took it knew. */
  readonly orderedAtMs: number;
  readonly askedBy: AskedBy;
  /** Who, and why. */
  readonly by: string;
  readonly why: string;
}

export interface ListedCard extends LockOrder {
  /** Unix ms by this node's clock: the account has it since then at the latest; undefined: it waits for the account. */
  readonly heldSinceMs: number | undefined;
}

export interface NegativeListOptions {
  /** With one partition; the one who opened it closes it. */
  readonly store: Store;
  /** Unix ms. */
  readonly now: () => number;
  /** How long an order is kept once its account has it. */
  readonly keepMs: number;
}

/** Far above what is ordered in the days that an order is kept. */
const cardsMax = 1_000_000;
const attemptsMax = 3;
const pruneEveryMs = 3_600_000;
/** What clocks of one machine may be set back by without a record passing for younger than it is. */
const clockMarginMs = 60_000;
const form = '1';

export class NegativeList {
  readonly #options: NegativeListOptions;
  readonly #at: PartitionEpoch;
  readonly #cards: Map<string, ListedCard>;
  /** Changes go to the disk one after the other. */
  #last: Promise<unknown> = Promise.resolve();
  #prunedAtMs: number;

  private constructor(options: NegativeListOptions, at: PartitionEpoch, cards: Map<string, ListedCard>) {
    this.#options = options;
    this.#at = at;
    this.#cards = cards;
    this.#prunedAtMs = options.now();
  }

  /** @throws what the store throws; Error where a newer program wrote the list */
  static async open(options: NegativeListOptions): Promise<NegativeList> {
    const { store } = options;
    assert(store.partitions === 1, 'a negative list is in one partition');
    const [epoch = 1] = await store.epochs();
    const at = { partition: 0, epoch };
    const ids = (await store.due(at, dueAtMs, cardsMax)).map(({ id }) => id);
    const cards = new Map<string, ListedCard>();
    for (const text of await store.records(at, ids)) {
      if (text === undefined) continue;
      const card = decode(text);
      cards.set(card.token, card);
    }
    const list = new NegativeList(options, at, cards);
    await list.#prune();
    return list;
  }

  /** Every order that is kept. */
  get cards(): readonly ListedCard[] {
    return [...this.#cards.values()];
  }

  find(token: string): ListedCard | undefined {
    return this.#cards.get(token);
  }

  /**
   * The lock code of a card by the list; 0: none.
   * @param seenAtMs Unix ms: when its account was last seen. One that was seen after it had the order says itself what holds
   */
  lockOf(token: string, seenAtMs: number | undefined): number {
    const card = this.#cards.get(token);
    if (card === undefined) return 0;
    const { heldSinceMs, lockCode } = card;
    return heldSinceMs !== undefined && seenAtMs !== undefined && seenAtMs > heldSinceMs + clockMarginMs ? 0 : lockCode;
  }

  /** A time for a new order of the card: after all that are known of it. */
  orderTimeMs(token: string): number {
    return Math.max(this.#options.now(), (this.#cards.get(token)?.orderedAtMs ?? 0) + 1);
  }

  /**
   * Comes back when it is on disk. A lock counts from the call on, whatever becomes of it; an unlock when it is on disk.
   *
   * @param isHeld its account has it
   * @returns `older`: a later order of the card is here. `failed`: it may be on disk or not
   */
  async put(order: LockOrder, isHeld: boolean): Promise<'listed' | 'older' | 'failed'> {
    if (this.knowsLater(order)) return 'older';
    const there = this.#cards.get(order.token);
    const card: ListedCard = { ...order, heldSinceMs: isHeld ? this.#options.now() : there?.id === order.id ? there.heldSinceMs : undefined };
    if (order.lockCode !== 0) this.#cards.set(order.token, card);
    // Something later may have come before its turn.
    const latest = (): ListedCard => {
      const now = this.#cards.get(order.token);
      return now !== undefined && isLater(now, card) ? now : card;
    };
    if (!await this.#change(() => itemOf(latest()), () => void this.#cards.set(order.token, latest()))) return 'failed';
    if (this.#options.now() - this.#prunedAtMs >= pruneEveryMs) void this.#prune();
    return 'listed';
  }

  /** Does the card have a later order here? */
  knowsLater(order: Pick<LockOrder, 'token' | 'id' | 'orderedAtMs'>): boolean {
    const card = this.#cards.get(order.token);
    return card !== undefined && isLater(card, order);
  }

  /** The account has the order. */
  async held(token: string, id: string): Promise<void> {
    const card = this.#cards.get(token);
    if (card?.id !== id || card.heldSinceMs !== undefined) return;
    await this.put(card, true);
  }

  /** The account does not take the order: what the account says holds. */
  async refused(token: string, id: string): Promise<void> {
    if (this.#cards.get(token)?.id === id) await this.#forget([token]);
  }

  /** Forgets what nothing that counts was seen before. */
  async #prune(): Promise<void> {
    const { now, keepMs } = this.#options;
    const nowMs = now();
    this.#prunedAtMs = nowMs;
    await this.#forget(this.cards.filter(({ heldSinceMs }) => heldSinceMs !== undefined && heldSinceMs + keepMs < nowMs).map(({ token }) => token));
  }

  async #forget(tokens: readonly string[]): Promise<void> {
    for (const token of tokens) this.#cards.delete(token);
    if (tokens.length > 0) await this.#change(() => ({ ...nothing, deletes: tokens.filter((token) => !this.#cards.has(token)).map(recordId) }), () => undefined);
  }

  /**
   * @param item made when it is its turn
   * @param written called before the next one's turn
   * @returns whether it is on disk
   */
  async #change(item: () => CommitItem, written: () => void): Promise<boolean> {
    const { promise: turn, resolve: over } = Promise.withResolvers<void>();
    const before = this.#last;
    this.#last = turn;
    await before;
    try {
      // A put that is made again says the same.
      for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
        const called = await calling(this.#options.store.commit(this.#at, [item()]));
        if ('error' in called) continue;
        written();
        return true;
      }
      return false;
    } finally {
      over();
    }
  }
}

const dueAtMs = 1;
const nothing: CommitItem = { puts: [], once: [], deletes: [], entries: [], guards: [] };

function itemOf(card: ListedCard): CommitItem {
  return { ...nothing, puts: [{ id: recordId(card.token), value: encode(card), dueAtMs }] };
}

function recordId(token: string): string {
  return `n.${token}`;
}

/** Of two orders of a card, is the first the later one? Those of one moment have the order of their ids everywhere. */
function isLater(one: Pick<LockOrder, 'id' | 'orderedAtMs'>, other: Pick<LockOrder, 'id' | 'orderedAtMs'>): boolean {
  return one.orderedAtMs === other.orderedAtMs ? one.id > other.id : one.orderedAtMs > other.orderedAtMs;
}

function encode({ id, token, lockCode, orderedAtMs, askedBy, by, why, heldSinceMs }: ListedCard): string {
  return form + JSON.stringify([id, token, lockCode, orderedAtMs, by, why, heldSinceMs ?? 0, askedBy]);
}

function decode(text: string): ListedCard {
  if (!text.startsWith(form)) throw new Error('the negative list on disk is in a form that this program does not know: a newer one wrote it');
  // Older lists do not say who asked: operators did.
  const [id, token, lockCode, orderedAtMs, by, why, heldSinceMs, askedBy = 'staff'] = JSON.parse(text.slice(form.length)) as [string, string, number, number, string, string, number, AskedBy?];
  return { id, token, lockCode, orderedAtMs, askedBy, by, why, heldSinceMs: heldSinceMs === 0 ? undefined : heldSinceMs };
}
