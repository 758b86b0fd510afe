/** Which outage of an issuer it is: said by the store that all switches share, and by this switch alone until it answers. */
import type { StandInLedger } from '../issuer/stand-in-ledger.ts';
import type { StandInAnswer } from '../issuer/stand-in-message.ts';
import { sameOutageMs } from '../standin/exposure.ts';
import type { Outcome } from '../store/decide.ts';
import type { HostPolicy } from './host-policy.ts';

export interface HostOutageOptions {
  readonly policy: Pick<HostPolicy, 'name'>;
  readonly shared: StandInLedger;
  /** Unix ms. */
  readonly now: () => number;
  readonly newId: () => string;
}

/** That it goes on here is said again after so long, far sooner than another one could begin. */
const sayAgainMs = sameOutageMs / 5;

export class HostOutage {
  readonly #options: HostOutageOptions;
  #id = 0;
  #isOpen = false;
  /** Unix ms at which the store last answered; undefined while it is to answer. */
  #saidAtMs: number | undefined;
  #last = { id: 0, closedAtMs: -Infinity };

  constructor(options: HostOutageOptions) {
    this.#options = options;
  }

  /** What is decided now counts in it; 0: in none. */
  get id(): number {
    // Another switch, whose own link came back, may have ended it for all: while the issuer is away for this one it is the same.
    if (this.#isOpen && this.#saidAtMs !== undefined && Math.abs(this.#options.now() - this.#saidAtMs) >= sayAgainMs) void this.set(true);
    return this.#id;
  }

  /** The issuer can, or can no longer, be asked: its outage begins and ends for all switches that share the store. */
  async set(isOpen: boolean): Promise<void> {
    const { shared, policy, newId, now } = this.#options;
    this.#isOpen = isOpen;
    this.#saidAtMs = undefined;
    // Until the store says which one it is, as while that is away too.
    if (isOpen && this.#id === 0) this.#id = now() < this.#last.closedAtMs + sameOutageMs ? this.#last.id : now();
    const { promise, resolve } = Promise.withResolvers<Outcome<StandInAnswer>>();
    shared.submit(`o:${policy.name}`, '', { kind: 'outage', id: newId(), issuer: policy.name, isOpen, sinceMs: this.#id }, Infinity, resolve);
    const outcome = await promise;
    this.#saidAtMs = now();
    if (outcome.kind !== 'decided' || outcome.answer.kind !== 'outage') return;
    const { outageId: id } = outcome.answer;
    if (isOpen) this.#id = id;
    else this.#last = { id, closedAtMs: now() };
    // It may be away again by now.
    if (!isOpen && !this.#isOpen) this.#id = 0;
  }
}
