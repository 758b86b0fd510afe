/**
 * What one turn of the event loop asks of the HSM, gathered: all checks go to it in one call, and all values in another. An HSM that
 * fails, or takes too long, gives no answer to any of them, which is a refusal to each.
 *
 * Invariant: everyone who asked is answered once, whatever the HSM does: a message that waits holds a place of its link.
 */
import type { Deadlines } from '../base/deadlines.ts';
import type { Check, Eventually, Hsm, Order, Product, Verdict } from '../keys/hsm.ts';

interface Waiting<Asked, Answer> {
  readonly asked: readonly Asked[];
  readonly done: (answers: readonly Answer[]) => void;
}

const unanswered = { error: { code: 'unavailable', reason: 'the HSM gave no answer' } } as const;

export interface HsmTurnOutside {
  readonly atTurnEnd: (work: () => void) => void;
  readonly deadlines: Deadlines;
  /** How long an answer is waited for that is not there at once. */
  readonly answerMs: number;
}

export class HsmTurn {
  readonly #checks: Turn<Check, Verdict>;
  readonly #orders: Turn<Order, Product>;

  constructor(hsm: Pick<Hsm, 'verify' | 'produce'>, outside: HsmTurnOutside) {
    this.#checks = new Turn((checks) => hsm.verify(checks), outside);
    this.#orders = new Turn((orders) => hsm.produce(orders), outside);
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
  readonly #outside: HsmTurnOutside;
  #waiting: Waiting<Asked, Answer | typeof unanswered>[] = [];

  constructor(call: (asked: readonly Asked[]) => Eventually<readonly Answer[]>, outside: HsmTurnOutside) {
    this.#call = call;
    this.#outside = outside;
  }

  ask(asked: readonly Asked[], done: (answers: readonly (Answer | typeof unanswered)[]) => void): void {
    if (this.#waiting.length === 0) this.#outside.atTurnEnd(() => this.#askAll());
    this.#waiting.push({ asked, done });
  }

  #askAll(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    let answered: Eventually<readonly Answer[]>;
    try {
      answered = this.#call(waiting.flatMap(({ asked }) => asked));
    } catch {
      answered = [];
    }
    if (answered instanceof Promise) this.#await(waiting, answered);
    else tell(waiting, answered);
  }

  #await(waiting: readonly Waiting<Asked, Answer | typeof unanswered>[], answered: Promise<readonly Answer[]>): void {
    const { deadlines, answerMs } = this.#outside;
    let isTold = false;
    const settle = (answers: readonly Answer[]): void => {
      if (isTold) return;
      isTold = true;
      deadline.cancel();
      tell(waiting, answers);
    };
    const deadline = deadlines.after(answerMs, () => settle([]));
    void answered.catch(() => []).then(settle);
  }
}

function tell<Asked, Answer>(waiting: readonly Waiting<Asked, Answer | typeof unanswered>[], answers: readonly Answer[]): void {
  let at = 0;
  for (const { asked, done } of waiting) {
    const from = at;
    at += asked.length;
    done(asked.map((_, index) => answers[from + index] ?? unanswered));
  }
}
