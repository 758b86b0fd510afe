/**
 * What the account should come to, by the simplest bookkeeping that could be right: a list of transactions in one currency, looked
 * through from the start each time. It shares nothing with `src/account` and knows nothing of records, traces or heads.
 */
import type { CardMessage } from '../../src/message/message.ts';

interface Transaction {
  readonly key: string;
  readonly kind: 'hold' | 'posted' | 'credit' | 'increment' | 'completion';
  state: 'declined' | 'active' | 'completed' | 'reversed' | 'expired';
  /** Transaction's amount as asked; a reversal may claim as much, however much was approved. */
  readonly asked: number;
  whole: number;
  now: number;
  /** What the last partial reversal left. */
  kept: number;
  readonly parent: Transaction | undefined;
  expiresAtMs: number;
}

interface Reversal {
  readonly names: string;
  readonly claim: number;
  readonly actual: number;
}

const keyOf = (m: CardMessage): string => `${m.card.token} ${m.trace.station} ${m.trace.class} ${m.trace.stan} ${m.trace.transmittedAt}`;
const namedBy = (m: CardMessage): string => {
  const { original } = m;
  return original === undefined ? '' : `${m.card.token} ${m.trace.station} ${original.class} ${original.stan} ${original.transmittedAt}`;
};

export class Model {
  ledger: number;
  readonly #transactions: Transaction[] = [];
  readonly #reversals: Reversal[] = [];
  readonly #answers = new Map<string, string>();

  constructor(balance: number) {
    this.ledger = balance;
  }

  get held(): number {
    return this.#holds().reduce((sum, { now }) => sum + now, 0);
  }

  get totals(): string {
    return `${this.ledger} ${this.held} ${this.#holds().length}`;
  }

  #holds(): Transaction[] {
    return this.#transactions.filter(({ kind, state }) => kind === 'hold' && state === 'active');
  }

  expire(nowMs: number): void {
    for (const hold of this.#holds()) if (hold.expiresAtMs <= nowMs) hold.state = 'expired';
  }

  /** @returns the answer: reason and amount */
  play(m: CardMessage): string {
    const key = `${keyOf(m)} ${m.trace.function}`;
    const before = this.#answers.get(key);
    if (before !== undefined) return before;
    const answer = m.class === 'reversal' ? this.#reverse(m) : this.#take(m);
    this.#answers.set(key, answer);
    return answer;
  }

  #reverse(m: CardMessage): string {
    const claim = m.amount?.amountMinor ?? 0;
    const actual = m.actualMinor ?? 0;
    const original = this.#transactions.find(({ key }) => key === namedBy(m));
    if (original !== undefined && Math.max(claim, actual) > Math.max(original.asked, original.whole)) return `1832 ${claim}`;
    if (original === undefined || original.state === 'declined') {
      this.#reversals.push({ names: namedBy(m), claim, actual });
      return `4000 ${claim}`;
    }
    this.#giveBack(original, actual);
    return `4000 ${claim}`;
  }

  #giveBack(t: Transaction, actual: number): void {
    if (t.state !== 'active' || actual >= t.now) return;
    let back = t.now - actual;
    if (t.kind === 'increment') {
      const { parent } = t;
      if (parent?.state !== 'active') return;
      parent.whole -= back;
      const now = Math.min(parent.whole, parent.now - Math.min(back, Math.max(0, parent.now - parent.kept)));
      back = parent.now - now;
      parent.now = now;
    }
    t.now = actual;
    t.kept = actual;
    if (actual === 0) t.state = 'reversed';
    if (t.kind === 'posted' || t.kind === 'completion') this.ledger += back;
    if (t.kind === 'credit') this.ledger -= back;
    if (t.kind === 'completion' && actual === 0 && t.parent !== undefined) t.parent.state = 'reversed';
  }

  #take(m: CardMessage): string {
    const isRequest = m.function === 'request';
    const asked = m.amount?.amountMinor ?? 0;
    const available = this.ledger - this.held;
    const named = this.#transactions.find(({ key }) => key === namedBy(m));
    const isCompletion = m.purpose === 'completion';
    const isIncrement = m.purpose === 'increment';
    const root = named?.kind === 'increment' ? named.parent : named;
    let amount = asked;
    if (isRequest && m.purpose !== 'refund') {
      const own = isCompletion && root?.state === 'active' ? root.now : 0;
      if (asked > available + own) {
        if (!m.partialAllowed || available <= 0 || isIncrement || isCompletion) return this.#decline(m, '1016');
        amount = available;
      }
      if ((isCompletion || isIncrement) && root === undefined) return this.#decline(m, '9114');
      if ((isCompletion || isIncrement) && root?.state !== 'active') return this.#decline(m, isCompletion && root?.state === 'completed' ? '9113' : '1034');
    }
    const ahead = this.#reversals.filter(({ names, claim, actual }) => names === keyOf(m) && claim <= asked && actual <= asked);
    const left = Math.min(Infinity, ...ahead.map(({ actual }) => actual));
    if (!isRequest && isCompletion && root?.state === 'completed') return this.#decline(m, '9001');
    if (left === 0 && !(isCompletion && root !== undefined)) return this.#decline(m, isRequest ? '1830' : '9000');

    const t = this.#record(m, amount, root);
    if (left !== Infinity) this.#giveBack(t, left);
    const answered = t.kind === 'increment' ? (t.parent?.now ?? 0) : Math.min(amount, left);
    if (!isRequest) return `9001 ${asked}`;
    if (left === 0) return `1830 ${asked}`;
    return `${amount < asked ? '0002' : '0000'} ${answered}`;
  }

  #record(m: CardMessage, amount: number, root: Transaction | undefined): Transaction {
    const days = m.purpose === 'preauthorization' ? m.terms.holdDays.preauthorization : m.terms.holdDays.cardPresent;
    const expiresAtMs = m.receivedAtMs + days * 86_400_000;
    const base = { key: keyOf(m), state: 'active' as const, asked: m.amount?.amountMinor ?? 0, whole: amount, now: amount, kept: 0, expiresAtMs };
    let t: Transaction;
    if (m.purpose === 'increment' && root?.state === 'active') {
      root.whole += amount;
      root.now += amount;
      root.expiresAtMs = Math.max(root.expiresAtMs, expiresAtMs);
      t = { ...base, kind: 'increment', parent: root };
    } else if (m.purpose === 'completion' && root !== undefined) {
      root.state = 'completed';
      this.ledger -= amount;
      t = { ...base, kind: 'completion', parent: root };
    } else if (m.purpose === 'refund') {
      this.ledger += amount;
      t = { ...base, kind: 'credit', parent: undefined };
    } else if (m.class === 'financial') {
      this.ledger -= amount;
      t = { ...base, kind: 'posted', parent: undefined };
    } else t = { ...base, kind: 'hold', parent: undefined };
    this.#transactions.push(t);
    return t;
  }

  #decline(m: CardMessage, reason: string): string {
    const asked = m.amount?.amountMinor ?? 0;
    this.#transactions.push({ key: keyOf(m), kind: 'posted', state: 'declined', asked, whole: asked, now: 0, kept: 0, parent: undefined, expiresAtMs: 0 });
    return `${reason} ${asked}`;
  }
}
