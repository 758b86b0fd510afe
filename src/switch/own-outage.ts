/**
 * What this process knows of own accounts while their store is away: each account as it was last seen, with what was answered here since;
 * what stand-in has used of each card's limits, and of what one outage may approve.
 *
 * In memory alone: what was answered is on disk with its advice, and after a restart no account is known, so nothing is approved. Bounded:
 * accounts by those that the ledger remembers, cards by their number. Invariant: an account's state goes with the last of its advices.
 */
import { apartAccount } from '../issuer/own-apart.ts';
import type { ApartAccount, ApartDecided, ApartFacts, ApartState } from '../issuer/own-apart.ts';
import type { Ledger } from '../issuer/ledger.ts';
import { withControlsTold } from '../issuer/own-controls.ts';
import type { CardMessage } from '../message/message.ts';
import { newActivity } from '../standin/activity.ts';
import type { Activity } from '../standin/activity.ts';
import { addPending, closeOutage, moveInOutage, newExposure, openOutage, settlePending } from '../standin/exposure.ts';
import type { Exposure } from '../standin/exposure.ts';
import type { StandInRules } from '../standin/rules.ts';
import type { OwnArrival, OwnStandIn } from './own-arrival.ts';
import { Recent } from './recent.ts';

export interface OwnOutageOptions {
  readonly ledger: Ledger;
  readonly now: () => number;
}

/** What is asked of those who keep it. */
export type OwnTerms = Pick<OwnStandIn, 'policy' | 'headroomMinor' | 'listedLock' | 'controlsTold'>;

/** What a decision is made of. */
export interface Before {
  readonly state: ApartState;
  readonly rules: StandInRules;
  readonly facts: ApartFacts;
}

/** Cards whose use of stand-in's limits is remembered beyond an outage. */
const cardsMax = 100_000;

export class OwnOutage {
  readonly #options: OwnOutageOptions;
  readonly #accounts = new Map<string, ApartAccount>();
  readonly #cards = new Recent<Activity>(cardsMax);
  readonly #issuers = new Map<string, Exposure>();
  readonly #partners = new Map<string, Exposure>();

  constructor(options: OwnOutageOptions) {
    this.#options = options;
  }

  /** What is known now, for a decision on this message. */
  stateOf({ policy, headroomMinor, listedLock, controlsTold }: OwnTerms, { message, issuer, surroundings }: Pick<OwnArrival, 'message' | 'issuer' | 'surroundings'>, accountId: string | undefined): Before {
    const { rules, cachedAgeMaxSeconds, switches } = policy(issuer);
    const nowMs = this.#options.now();
    const known = accountId === undefined ? undefined : this.#fresh(accountId, nowMs, cachedAgeMaxSeconds);
    const own = known === undefined ? undefined : withControlsTold(known, controlsTold);
    const exposure = openOutage(this.#issuers.get(issuer) ?? newExposure, nowMs);
    this.#issuers.set(issuer, exposure);
    // What is left in another currency is not reckoned without the store: it covers nothing.
    const headroom = own === undefined || !message.terms.creditGuard || message.terms.credit !== undefined ? undefined : headroomMinor(own.seen.partner, cachedAgeMaxSeconds);
    return {
      state: {
        own, card: this.#cards.get(message.card.token) ?? newActivity, issuer: exposure,
        partner: headroom === undefined || own === undefined ? undefined : (this.#partners.get(own.seen.partner) ?? newExposure),
      },
      rules: { ...rules, unavailable: { ...rules.unavailable, tests: { ...rules.unavailable.tests, balanceAgeSecondsMax: cachedAgeMaxSeconds } } },
      facts: { ...surroundings(), nowMs, outageId: exposure.outageId, switches, headroomMinor: headroom, listedLock: listedLock(message.card.token, own?.seenAtMs) },
    };
  }

  /**
   * Goes on from a decision.
   * @returns takes it back, where it came to nothing; others may have been made on other accounts since
   */
  advance({ message, issuer }: OwnArrival, accountId: string | undefined, before: ApartState, { state, records }: Pick<ApartDecided, 'state' | 'records'>): () => void {
    const { own } = before;
    if (accountId === undefined || own === undefined || state.own === undefined) return () => undefined;
    const undo = records.map(([id]) => [id, own.records.get(id)] as const);
    this.#set(message, issuer, accountId, state);
    for (const [id, value] of records) own.records.set(id, value ?? null);
    return () => {
      this.#takeBack(message, issuer, accountId, before, state);
      for (const [id, value] of undo) {
        if (value === undefined) own.records.delete(id);
        else own.records.set(id, value);
      }
    };
  }

  #set(message: CardMessage, issuer: string, accountId: string, { own, card, issuer: exposure, partner }: ApartState): void {
    if (own === undefined) return;
    this.#accounts.set(accountId, own);
    this.#cards.set(message.card.token, card);
    this.#issuers.set(issuer, exposure);
    if (partner !== undefined) this.#partners.set(own.seen.partner, partner);
  }

  #takeBack(message: CardMessage, issuer: string, accountId: string, before: ApartState, after: ApartState): void {
    const { own, issuer: was } = before;
    const exposure = this.#issuers.get(issuer) ?? newExposure;
    const partner = own === undefined ? undefined : this.#partners.get(own.seen.partner);
    this.#set(message, issuer, accountId, {
      own, card: before.card, issuer: moveInOutage(exposure, was.outageId, was.count - after.issuer.count, was.amountMinor - after.issuer.amountMinor),
      partner: partner === undefined ? undefined : withoutPending(partner, message.id, (after.partner?.pendingMinor ?? 0) - (before.partner?.pendingMinor ?? 0)),
    });
  }

  knows(accountId: string): boolean {
    return this.#accounts.has(accountId);
  }

  /** The account has all that was answered for it. */
  forget(accountId: string): void {
    this.#accounts.delete(accountId);
  }

  /** The store answers, and has all that was answered for it. */
  end(): void {
    for (const [issuer, exposure] of this.#issuers) this.#issuers.set(issuer, closeOutage(exposure, this.#options.now()));
    this.#partners.clear();
  }

  #fresh(accountId: string, nowMs: number, ageMaxSeconds: number): ApartAccount | undefined {
    const known = this.#accounts.get(accountId) ?? this.#lastKnown(accountId);
    // The age counts both ways: after a clock has jumped it says nothing of what is fresh.
    return known === undefined || Math.ceil(Math.abs(nowMs - known.seenAtMs) / 1000) > ageMaxSeconds ? undefined : known;
  }

  #lastKnown(accountId: string): ApartAccount | undefined {
    const last = this.#options.ledger.lastKnown(accountId);
    return last === undefined ? undefined : apartAccount(last.account, last.records, last.asOfMs);
  }
}

/** @param moreMinor what a decision added to it; less than 0: what it took off */
function withoutPending(partner: Exposure, id: string, moreMinor: number): Exposure {
  if (moreMinor === 0) return partner;
  return moreMinor > 0 ? settlePending(partner, id, moreMinor) : addPending(partner, id, -moreMinor);
}
