/**
 * What one turn of the event loop asks of the HSM, gathered: all checks go to it in one call, and all values in another. An HSM that
 * fails gives no answer to any of them, which is a refusal to each.
 */
import type { Check, Eventually, Hsm, Order, Product, Verdict } from '../keys/hsm.ts';

interface Waiting<Asked, Answer> {
  readonly asked: readonly Asked[];
  readonly done: (answers: readonly Answer[]) => void;
}

const unanswered = { error: { code: 'unavailable', reason: 'the HSM gave no answer' } } as const;

export class HsmTurn {
  readonly #checks: Turn<Check, Verdict>;
  readonly #orders: Turn<Order, Product>;

  constructor(hsm: Pick<Hsm, 'verify' | 'produce'>, atTurnEnd: (work: () => void) => void) {
    this.#checks = new Turn((checks) => hsm.verify(checks), atTurnEnd);
    this.#orders = new Turn((orders) => hsm.produce(orders), atTurnEnd);
  }

  /** `done` gets a verdict for each check, in their order; once, in a later turn. */
  verify(checks: readonly Check[], done: (verdicts: readonly Verdict[]) => void): void {
    this.#checks.ask(checks, done);
  }

  /** `done` gets a product for each order, in their order; once, in a later turn. */
  produce(orders: readonly Order[], done: (products: readonly Product[]) => void): void {
    this.#orders.ask(orders, done);
  }
}

class Turn<Asked, Answer> {
  readonly #call: (asked: readonly Asked[]) => Eventually<readonly Answer[]>;
  readonly #atTurnEnd: (work: () => void) => void;
  #waiting: Waiting<Asked, Answer | typeof unanswered>[] = [];

  constructor(call: (asked: readonly Asked[]) => Eventually<readonly Answer[]>, atTurnEnd: (work: () => void) => void) {
    this.#call = call;
    this.#atTurnEnd = atTurnEnd;
  }

  ask(asked: readonly Asked[], done: (answers: readonly (Answer | typeof unanswered)[]) => void): void {
    if (this.#waiting.length === 0) this.#atTurnEnd(() => void this.#askAll());
    this.#waiting.push({ asked, done });
  }

  async #askAll(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    const all = waiting.flatMap(({ asked }) => asked);
    let answers: readonly Answer[];
    try {
      const answered = this.#call(all);
      answers = answered instanceof Promise ? await answered : answered;
    } catch {
      answers = [];
    }
    let at = 0;
    for (const { asked, done } of waiting) {
      const from = at;
      at += asked.length;
      done(asked.map((_, index) => answers[from + index] ?? unanswered));
    }
  }
}
