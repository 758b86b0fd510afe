/**
 * What is kept of a card for stand-in, from outside: an issuer's terms for it, and the balance that its host pushes. Both are with the card's
 * head in the shared store; the terms on this node's file too, for while the store is away.
 */
import type { CardTerms } from '../standin/card-terms.ts';
import type { PushedBalance } from '../standin/shadow.ts';
import type { Outcome } from '../store/decide.ts';
import type { CardKnown } from './stand-in-known.ts';
import type { StandInLedger } from './stand-in-ledger.ts';
import type { CardChangeMessage, StandInAnswer } from './stand-in-message.ts';
import { cardHeadId } from './stand-in-record.ts';

export interface StandInCardsOptions {
  readonly shared: StandInLedger;
  readonly local: StandInLedger;
  /** Monotonic ms. */
  readonly elapsed: () => number;
  readonly newId: () => string;
}

/** `unreachable`: the store does not answer; what became of a change shows when it does. */
export type CardAnswer = { readonly kind: 'known'; readonly known: CardKnown | undefined } | { readonly kind: 'outdated' } | { readonly kind: 'unreachable' };

const answerMs = 5_000;

export class StandInCards {
  readonly #options: StandInCardsOptions;

  constructor(options: StandInCardsOptions) {
    this.#options = options;
  }

  async find(token: string): Promise<CardAnswer> {
    return await this.#shared(token, {});
  }

  /** @param terms in the place of those that it has; `none`: it has none from now on */
  async setTerms(token: string, terms: CardTerms | 'none'): Promise<CardAnswer> {
    const answer = await this.#shared(token, { terms });
    if (answer.kind === 'known') await this.#submit(this.#options.local, token, { terms }, Infinity);
    return answer;
  }

  /** @param through the host's last authorization that the balance has taken in; empty: none that it had from us. `outdated`: a later balance is known */
  async pushBalance(token: string, pushed: PushedBalance, through: string): Promise<CardAnswer> {
    return await this.#shared(token, { balance: { pushed, through } });
  }

  async #shared(token: string, change: Partial<Pick<CardChangeMessage, 'terms' | 'balance'>>): Promise<CardAnswer> {
    const { shared, elapsed } = this.#options;
    const outcome = await this.#submit(shared, token, change, elapsed() + answerMs);
    if (outcome.kind !== 'decided' || outcome.answer.kind !== 'card') return { kind: 'unreachable' };
    return outcome.answer.isTaken ? { kind: 'known', known: outcome.answer.known } : { kind: 'outdated' };
  }

  async #submit(ledger: StandInLedger, token: string, change: Partial<Pick<CardChangeMessage, 'terms' | 'balance'>>, deadlineMs: number): Promise<Outcome<StandInAnswer>> {
    const { promise, resolve } = Promise.withResolvers<Outcome<StandInAnswer>>();
    ledger.submit(cardHeadId(token), '', { kind: 'card', id: this.#options.newId(), token, terms: undefined, balance: undefined, ...change }, deadlineMs, resolve);
    return await promise;
  }
}
