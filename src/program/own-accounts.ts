/**
 * The own accounts of the tables, put together: how they are stood in for while their store is away, and how they are told when it is
 * back. What an earlier run left on disk is told first.
 */
import { join } from 'node:path';
import { pinTriesLock } from '../account/security.ts';
import { Delivery } from '../advice/delivery.ts';
import type { DeliveryStatus } from '../advice/delivery.ts';
import type { AdviceFile } from '../advice/advice-file.ts';
import type { Deadlines } from '../base/deadlines.ts';
import type { Log } from '../base/log.ts';
import type { GuardRoom } from '../issuer/guard-room.ts';
import type { Ledger } from '../issuer/ledger.ts';
import { NegativeList } from '../issuer/negative-list.ts';
import type { ControlsTold } from '../issuer/own-controls.ts';
import type { CardVault } from '../keys/hsm.ts';
import { defaultRules } from '../standin/read-rules.ts';
import { SqliteStore } from '../store/sqlite.ts';
import type { Directory } from '../switch/directory.ts';
import { OwnDesk, ownAdviceId, ownDestination } from '../switch/own-desk.ts';
import type { OwnPolicy } from '../switch/own-arrival.ts';
import { OwnLocks, ordersOf } from '../switch/own-locks.ts';
import { Recent } from '../switch/recent.ts';
import { cachedAgeSecondsMax } from '../tables/issuer-schema.ts';
import type { Tables } from '../tables/rows.ts';

export interface OwnAccountsOutside {
  readonly ledger: Ledger;
  readonly directory: Directory;
  readonly advices: AdviceFile;
  readonly guards: Pick<GuardRoom, 'guardTotal'>;
  readonly vault: CardVault;
  readonly deadlines: Deadlines;
  readonly list: NegativeList;
  readonly now: () => number;
  readonly elapsed: () => number;
  readonly random: () => number;
  readonly after: (delayMs: number, work: () => void) => void;
  /** Tells every switch's negative list that a card is locked for wrong PINs. */
  readonly tellPinLock: (token: string) => void;
  readonly log: Log;
}

/** Cards whose controls are remembered as they were told. */
const controlsMax = 100_000;
/** How often it is looked whether the store answers, and what is left to partners. */
const lookMs = 50;
const headroomMs = 2_000;
/** A connection that only broke is there again sooner. */
const doubtMs = 500;
const retryFirstMs = 100;
const retryMaxMs = 5_000;
const accountsAtOnce = 256;
const perSecond = 50_000;
const refusalsMax = 5;
/** An account that does not answer is its store's trouble: its advices are never set aside for that. */
const ignoredMax = Number.MAX_SAFE_INTEGER;
const recoverMs = 10_000;
const stopMaxMs = 500;

const dayMs = 86_400_000;

/** Opens this node's negative list, which its data folder has. @param onLost it can be asked and told nothing any more */
export async function openNegativeList(dataDir: string, now: () => number, onLost: (reason: string) => void): Promise<{ readonly list: NegativeList; readonly close: () => Promise<void> }> {
  const store = await SqliteStore.open({ file: join(dataDir, 'negative-list.sqlite'), partitions: 1, now, onLost });
  // Whatever the tables say later, what is forgotten is younger than no record that may count.
  const list = await NegativeList.open({ store, now, keepMs: cachedAgeSecondsMax * 1000 + dayMs });
  return { list, close: async () => await store.close() };
}

const noPolicy: OwnPolicy = { hasStandIn: false, rules: defaultRules('978'), cachedAgeMaxSeconds: 1, switches: 1 };

export class OwnAccounts {
  readonly desk: OwnDesk;
  /** Operators' locks of cards, as this switch takes them. */
  readonly locks: OwnLocks;
  readonly #outside: OwnAccountsOutside;
  readonly #delivery: Delivery;
  /** As other switches told them. In memory alone: after a start no account is known, so that nothing is approved. */
  readonly #controls = new Recent<ControlsTold>(controlsMax);
  #policies: ReadonlyMap<string, OwnPolicy> = new Map();
  #partners: readonly string[] = [];
  readonly #headrooms = new Map<string, { readonly minor: number; readonly atMs: number }>();
  #headroomsDueMs = 0;
  #isLooking = false;
  #isApart = false;
  #told = 0;
  #isStopped = false;

  constructor(outside: OwnAccountsOutside) {
    const { ledger, directory, advices, list, vault, deadlines, now, elapsed, random, log } = outside;
    this.#outside = outside;
    const { count } = advices.backlog(ownDestination);
    if (count > 0) log.event('accounts are told of an earlier outage', { advices: count });
    this.desk = new OwnDesk({
      ledger, directory, now, elapsed,
      standIn: {
        advices, backlog: count, vault, deadlines, policy: (issuer) => this.#policies.get(issuer) ?? noPolicy,
        headroomMinor: (partner, ageMaxSeconds) => this.#headroomMinor(partner, ageMaxSeconds),
        listedLock: (token, seenAtMs) => list.lockOf(token, seenAtMs),
        controlsTold: (token) => this.#controls.get(token),
        pinLocked: (token, accountId) => this.#pinLocked(token, accountId),
        orders: ordersOf(list, ({ cardToken, kind, id }, reason) => log.warning('card order not taken by its account', { card: cardToken, order: id, kind, reason })),
      },
    });
    this.locks = new OwnLocks({ ledger, directory, desk: this.desk, list, deadlines, elapsed });
    this.#delivery = new Delivery({
      file: advices, destination: ownDestination, deadlines, now, random, begins: 'usable', inFlightMax: accountsAtOnce, perSecond, retryFirstMs, retryMaxMs, refusalsMax, ignoredMax,
      send: async (begun) => {
        const outcome = await this.desk.send(begun);
        if (outcome.kind === 'accepted') this.#told += 1;
        return outcome;
      },
      events: {
        sent: () => undefined,
        answered: () => undefined,
        setAside: ({ id, cardKey, mark }) => {
          log.warning('advice set aside', { issuer: ownDestination, advice: id, why: mark.why });
          this.desk.told(id, cardKey);
        },
      },
    });
    this.#look();
  }

  get status(): DeliveryStatus {
    return this.#delivery.status;
  }

  /** How long a message that may have reached its account waits for a store that is away, before it is answered by stand-in. */
  get doubtMs(): number {
    return [...this.#policies.values()].some(({ hasStandIn }) => hasStandIn) ? doubtMs : Infinity;
  }

  /** Another switch has changed what is closed on a card. */
  takeControls(told: ControlsTold): void {
    if ((this.#controls.get(told.token)?.version ?? -1) < told.version) this.#controls.set(told.token, told);
  }

  /** How the own issuers of these tables are stood in for, from the next message on. */
  set({ issuers, programs }: Tables): void {
    const policies = new Map<string, OwnPolicy>();
    for (const row of issuers) {
      if (row.type !== 'own') continue;
      const { hasStandIn, rules, switches, cachedAgeMaxSeconds, orders } = row;
      policies.set(row.name, { hasStandIn, switches, cachedAgeMaxSeconds, rules: orders.kill === undefined ? rules : { ...rules, killSwitch: true } });
    }
    this.#policies = policies;
    this.#partners = [...new Set(programs.filter(({ creditGuard, issuer }) => creditGuard && policies.has(issuer)).map(({ partner }) => partner))];
    this.#headroomsDueMs = 0;
  }

  /** Resolves when the accounts have what an earlier run left behind, or after a while: what comes then waits its turn all the same. */
  async recovered(): Promise<void> {
    const { elapsed, after, advices, list } = this.#outside;
    // An order whose advice has its end was told, and the crash came before the list knew.
    for (const { token, id, heldSinceMs } of list.cards) {
      if (heldSinceMs !== undefined) continue;
      const found = await advices.find(ownAdviceId(id));
      if (found === undefined || found.end !== undefined) await list.held(token, id);
    }
    const endMs = elapsed() + recoverMs;
    while (!this.desk.hasRecovered && elapsed() < endMs) await new Promise<void>((resolve) => after(lookMs, resolve));
  }

  /** Nothing more is told; what is not told waits in the file. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    // What is being told to a store that is away has no end before it is back.
    await Promise.race([this.#delivery.stop(), new Promise<void>((resolve) => this.#outside.after(stopMaxMs, resolve))]);
  }

  /** What is on the list already was told; what the account has lifted by now is not locked. */
  #pinLocked(token: string, accountId: string | undefined): void {
    const { list, ledger, tellPinLock } = this.#outside;
    if (list.find(token)?.lockCode === pinTriesLock) return;
    const cards = accountId === undefined ? undefined : ledger.lastKnown(accountId)?.account?.cards;
    if (cards === undefined || cards.some(({ record }) => record.token === token && record.lockCode === pinTriesLock)) tellPinLock(token);
  }

  /** Again and again: the store answers or does not, and what it says is left to partners. */
  #look(): void {
    if (this.#isStopped) return;
    const { ledger, elapsed, after } = this.#outside;
    if (ledger.storeAnswers) this.#delivery.usable();
    else this.#delivery.unusable();
    this.#tell();
    if (ledger.storeAnswers && !this.#isLooking && elapsed() >= this.#headroomsDueMs) void this.#lookAtHeadrooms();
    after(lookMs, () => this.#look());
  }

  #tell(): void {
    const { log } = this.#outside;
    const isApart = this.desk.waiting > 0;
    if (isApart === this.#isApart) return;
    this.#isApart = isApart;
    if (isApart) log.warning('accounts are stood in for', { why: 'their store cannot be reached, or does not answer in time' });
    else log.event('accounts have what was answered for them', { advices: this.#told });
    this.#told = 0;
  }

  async #lookAtHeadrooms(): Promise<void> {
    const { guards, now, elapsed } = this.#outside;
    this.#isLooking = true;
    try {
      for (const partner of this.#partners) {
        const atMs = now();
        this.#headrooms.set(partner, { minor: await guards.guardTotal(partner), atMs });
      }
    } catch {
      // The store is away: what was seen last counts for as long as it may.
    }
    this.#headroomsDueMs = elapsed() + headroomMs;
    this.#isLooking = false;
  }

  #headroomMinor(partner: string, ageMaxSeconds: number): number | undefined {
    const seen = this.#headrooms.get(partner);
    return seen === undefined || Math.abs(this.#outside.now() - seen.atMs) > ageMaxSeconds * 1000 ? undefined : seen.minor;
  }
}
