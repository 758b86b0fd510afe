/** An issuer's circuit at work: facts go in, wake-ups and echoes come out, and who has to hear of a change hears of it. */
import type { Deadline, Deadlines } from '../base/deadlines.ts';
import type { MessageClass } from '../message/message.ts';
import { applyCircuit, newCircuit, nextTrial, standing, takesAdvices, unavailability } from './circuit.ts';
import type { Circuit, CircuitConfig, CircuitFact, Standing, Unavailability } from './circuit.ts';

export interface CircuitKeeperOutside {
  readonly deadlines: Deadlines;
  readonly changed: (from: Standing, to: Standing) => void;
  /** Advices may go now, or no longer may. */
  readonly advices: (mayGo: boolean) => void;
  /** Asks whether the issuer is there: `echoed` is to be told. */
  readonly echo: () => void;
}

export class CircuitKeeper {
  readonly #config: CircuitConfig;
  readonly #outside: CircuitKeeperOutside;
  readonly #wakes = new Set<Deadline>();
  #circuit: Circuit = newCircuit;
  #isStopped = false;

  constructor(config: CircuitConfig, outside: CircuitKeeperOutside) {
    this.#config = config;
    this.#outside = outside;
  }

  get standing(): Standing {
    return standing(this.#circuit);
  }

  get link(): Circuit['link'] {
    return this.#circuit.link;
  }

  /** Which trial the next request is; undefined: it is none. */
  get nextTrial(): number | undefined {
    return nextTrial(this.#circuit);
  }

  get takesAdvices(): boolean {
    return takesAdvices(this.#circuit);
  }

  unavailability(of: MessageClass): Unavailability | undefined {
    return unavailability(this.#circuit, of);
  }

  tell(fact: CircuitFact): void {
    const { deadlines, changed, advices, echo } = this.#outside;
    const took = this.takesAdvices;
    const { circuit, actions } = applyCircuit(this.#config, this.#circuit, fact, deadlines.nowMs());
    this.#circuit = circuit;
    if (this.takesAdvices !== took) advices(this.takesAdvices);
    for (const action of actions) {
      if (action.kind === 'changed') changed(action.from, action.to);
      else if (action.kind === 'wake') this.#wakeAt(action.atMs);
      else if (!this.#isStopped) echo();
    }
  }

  /** Nothing of it runs any more. */
  stop(): void {
    this.#isStopped = true;
    for (const wake of this.#wakes) wake.cancel();
    this.#wakes.clear();
  }

  #wakeAt(atMs: number): void {
    if (this.#isStopped) return;
    const wake = this.#outside.deadlines.at(atMs, () => {
      this.#wakes.delete(wake);
      this.tell({ kind: 'now' });
    });
    this.#wakes.add(wake);
  }
}
