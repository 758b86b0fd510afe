/**
 * Partners' deposits by chance: whatever comes of transactions, in whatever order, here or apart from the shared store, what is left of a
 * deposit and what the records say is held are what was loaded, to the cent; and when all is over, nothing is held.
 */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeEntry } from '../../src/account/journal.ts';
import { depositGuardId } from '../../src/issuer/stand-in-deposit.ts';
import { guardsOf } from '../../src/issuer/guard-room.ts';
import { lateEntry } from '../../src/issuer/stand-in-entry.ts';
import { openLocalLedger, openStandInLedger } from '../../src/issuer/stand-in-ledger.ts';
import type { StandInLedger } from '../../src/issuer/stand-in-ledger.ts';
import { decodeDone } from '../../src/issuer/stand-in-message.ts';
import type { DepositOrder, StandInAnswer, StandInMessage, ToldMessage } from '../../src/issuer/stand-in-message.ts';
import { whenOf } from '../../src/issuer/stand-in-place.ts';
import { cardHeadId, decodeRecord, keyOf } from '../../src/issuer/stand-in-record.ts';
import type { Owed } from '../../src/issuer/stand-in-record.ts';
import type { CardMessage } from '../../src/message/message.ts';
import { isApproval } from '../../src/message/reason.ts';
import { readStandInRules } from '../../src/standin/read-rules.ts';
import type { DecideOptions } from '../../src/store/decide.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';
import { cardMessage, draw, nowMs } from './fixture.ts';

const guardId = depositGuardId('partner');
const loadedMinor = 10_000;
const holdMs = 1_000_000;
const account = 'cardonefirst';

const off = { luhn: 'off', expiry: 'off', cardValue: 'off', pin: 'off', cryptogram: 'off', authentication: 'off', balance: 'off' };
/** Above 30.00 stand-in approves nothing. */
const rules = readStandInRules({
  version: 1, currency: 'EUR', outageCaps: {},
  unavailable: { tests: off, decisions: [], otherwise: 'approve', limits: [{ scope: 'overall', period: 'transaction', amountMinorMax: 3_000 }] },
}, '');

const sent = { class: 'authorization', stan: '1', transmittedAt: '0615120000', localAt: '', acquirer: '' } as const;
const owed: Owed = { dueAtMs: 0, text: 'what takes it back' };

/** `dies`: the switch does, with the request in flight. */
type Ends = 'approved' | 'declined' | 'part' | 'silence' | 'standIn' | 'dies';

/** A reversal that comes while the request is in flight, and leaves so much. */
type InFlight = { readonly reversedTo?: number | undefined };

type Step =
  | { readonly kind: 'ask'; readonly slot: number; readonly amountMinor: number; readonly ends: Ends; readonly isPaid: boolean } & InFlight
  | { readonly kind: 'propose'; readonly slot: number; readonly amountMinor: number; readonly ends: 'approved' | 'declined' | 'stands' } & InFlight
  | { readonly kind: 'standIn' | 'advise'; readonly slot: number; readonly amountMinor: number }
  | { readonly kind: 'complete'; readonly slot: number; readonly amountMinor: number; readonly how: 'advise' | 'ask' | 'standIn' }
  | { readonly kind: 'reverse'; readonly slot: number; readonly actualMinor: number }
  | { readonly kind: 'takenBack' | 'undone' | 'overdue'; readonly slot: number }
  | { readonly kind: 'part' | 'meet' };

const completedApart: Step[] = [{ kind: 'ask', slot: 0, amountMinor: 100, ends: 'approved', isPaid: false }, { kind: 'part' }, { kind: 'complete', slot: 0, amountMinor: 80, how: 'advise' }, { kind: 'meet' }];
const proposedApart: Step[] = [{ kind: 'ask', slot: 4, amountMinor: 1, ends: 'standIn', isPaid: false }, { kind: 'part' }, { kind: 'propose', slot: 4, amountMinor: 1, ends: 'declined' }];

const slot = fc.integer({ min: 0, max: 4 });
const amountMinor = fc.integer({ min: 1, max: 4_000 });
const reversedTo = fc.option(fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2_000 })), { nil: undefined, freq: 4 });
const steps: fc.Arbitrary<Step[]> = fc.array(fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('ask' as const), slot, amountMinor, ends: fc.constantFrom<Ends>('approved', 'declined', 'part', 'silence', 'standIn', 'dies'), isPaid: fc.boolean(), reversedTo }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('propose' as const), slot, amountMinor, ends: fc.constantFrom('approved' as const, 'declined' as const, 'stands' as const), reversedTo }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('standIn' as const, 'advise' as const), slot, amountMinor }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('complete' as const), slot, amountMinor, how: fc.constantFrom('advise' as const, 'ask' as const, 'standIn' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('reverse' as const), slot, actualMinor: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2_000 })) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('takenBack' as const, 'undone' as const, 'overdue' as const), slot }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('part' as const, 'meet' as const) }) },
), { maxLength: 30 });

interface Ledgers {
  readonly shared: StandInLedger;
  readonly local: StandInLedger;
}

class Play {
  readonly store: Store;
  readonly #local: Store;
  readonly #ledgers: Ledgers;
  /** Every message that may have a record, by its slot; those that complete one have slots from 10. */
  readonly messages = new Map<number, CardMessage>();
  isApart = false;
  #relayed = 0;
  /** Authorizations that were completed: the completion's reversal brings nothing of them back. */
  readonly #gone = new Set<number>();
  /** Places, each with a STAN of its own. */
  #reversals = 100;
  nowMs = nowMs;

  private constructor(store: Store, local: Store, ledgers: Ledgers) {
    this.store = store;
    this.#local = local;
    this.#ledgers = ledgers;
  }

  static async open(): Promise<Play> {
    const [store, local] = [new MemoryStore({ partitions: 1, now: () => nowMs }), new MemoryStore({ partitions: 1, now: () => nowMs })];
    const of = (which: Store): DecideOptions => ({
      store: which, now: () => play.nowMs, elapsed: () => performance.now(), atTurnEnd: (work) => void setImmediate(work), after: (delayMs, work) => void setTimeout(work, delayMs),
      events: { commit() {}, conflict() {}, trouble() {}, recovered() {} },
    });
    const play: Play = new Play(store, local, { shared: await openStandInLedger(of(store)), local: await openLocalLedger(of(local)) });
    await store.commit({ partition: 0, epoch: 1 }, [{ puts: [], deletes: [], once: [], entries: [], guards: [{ guardId, delta: loadedMinor, floor: 0 }] }]);
    return play;
  }

  async #tell(message: StandInMessage, ledger: StandInLedger = this.isApart ? this.#ledgers.local : this.#ledgers.shared): Promise<StandInAnswer> {
    const { promise, resolve } = Promise.withResolvers<StandInAnswer>();
    ledger.submit(cardHeadId(tokenOf()), '', message, Infinity, (outcome) => {
      if (outcome.kind !== 'decided') throw new Error(outcome.kind);
      resolve(outcome.answer);
    });
    return await promise;
  }

  /** As the desk gives it: a ledger apart cannot reach the counter. */
  #order({ amount }: CardMessage): DepositOrder {
    return { guardId, amountMinor: amount!.amountMinor, dueAtMs: nowMs + holdMs, ...(this.isApart ? { isOutOfReach: true } : {}) };
  }

  async run(step: Step): Promise<void> {
    switch (step.kind) {
      case 'part':
        this.isApart = true;
        return;
      case 'meet':
        await this.meet();
        return;
      case 'ask':
      case 'propose':
      case 'standIn':
      case 'advise': {
        const isNew = !this.messages.has(step.slot);
        const message = this.messages.get(step.slot) ?? of(step.slot, { amountMinor: step.amountMinor, ...(step.kind === 'advise' || (step.kind === 'ask' && step.isPaid) ? { class: 'financial' } : {}), ...(step.kind === 'advise' ? { function: 'advice' } : {}) });
        this.messages.set(step.slot, message);
        // A repeat has an id of its own.
        await this.#play(isNew ? message : { ...message, id: draw() }, step.kind === 'advise' || message.function === 'advice' ? 'advise' : step.kind, 'ends' in step ? step.ends : 'approved', 'reversedTo' in step ? step.reversedTo : undefined);
        return;
      }
      case 'complete': {
        const authorization = this.messages.get(step.slot);
        if (authorization === undefined || authorization.class === 'financial' || this.messages.has(10 + step.slot)) return;
        const { acquirer, stan, transmittedAt, localAt } = authorization.trace;
        const message = of(10 + step.slot, {
          amountMinor: step.amountMinor, class: 'financial', purpose: 'completion', ...(step.how === 'advise' ? { function: 'advice' } : {}),
          original: { class: 'authorization', function: 'request', acquirer, stan, transmittedAt, localAt },
        });
        this.messages.set(10 + step.slot, message);
        await this.#play(message, step.how, 'approved');
        return;
      }
      case 'reverse': {
        const message = this.messages.get(step.slot);
        if (message !== undefined) await this.reverse(message, step.actualMinor);
        return;
      }
      case 'takenBack': {
        const message = this.messages.get(step.slot);
        if (message !== undefined) await this.takenBack(message);
        return;
      }
      case 'overdue': {
        const message = this.messages.get(step.slot);
        if (message !== undefined) await this.overdue(keyOf(message));
        return;
      }
      case 'undone': {
        const message = this.messages.get(step.slot);
        const record = message === undefined ? undefined : await this.#recordOf(message);
        if (message === undefined || record === undefined || record.by !== 'standin' || record.telling !== 'due' || record.phase === 'asked' || this.isApart) return;
        await this.#tell({ kind: 'undone', id: `${record.id}-undone`, issuer: 'i', message, rules });
      }
    }
  }

  async #play(message: CardMessage, how: 'ask' | 'propose' | 'standIn' | 'advise', ends: Ends | 'stands', reversedTo?: number): Promise<void> {
    const { id } = message;
    const about = { id, issuer: 'i', message, rules };
    const told = (by: 'issuer' | 'switch', reason: '0000' | '1016' | '9112' | '9001', more: Partial<ToldMessage> = {}): ToldMessage => ({
      ...about, kind: 'told', by, response: { reason, approvalCode: '', amount: message.amount }, sent, advised: undefined, isReversed: false, flags: [], remembered: undefined, deposit: this.#order(message), ...more,
    });
    const facts = { why: 'timeout', isAvailable: false, outageId: 0, switchesSharing: 1, day: 1, month: 1, minuteOfDay: 0 } as const;
    const request = (wasSent: boolean): StandInMessage => ({ ...about, kind: 'request', facts, owed, sent: wasSent ? sent : undefined, advised: { ...sent, function: 'advice' }, follows: undefined, deposit: this.#order(message) });
    if (how === 'advise') await this.#tell(told('switch', '9001', { sent: undefined, advised: sent }));
    else if (how === 'standIn') await this.#tell(request(false));
    else if (how === 'propose') {
      const answer = await this.#tell({ ...request(false), sent, proposesUntilMs: nowMs + 1_000 } as StandInMessage);
      if (answer.kind !== 'go') return;
      if (reversedTo !== undefined) await this.reverse(message, reversedTo);
      if (ends === 'stands') await this.#tell({ ...about, kind: 'stand', sent, owed, follows: id, deposit: this.#order(message) });
      else await this.#tell(told('issuer', ends === 'approved' ? '0000' : '1016'));
    } else {
      const answer = await this.#tell({ ...about, kind: 'ask', sent, untilMs: nowMs + 1_000, owed, deposit: this.#order(message) });
      if (answer.kind !== 'go') return;
      if (reversedTo !== undefined) await this.reverse(message, reversedTo);
      if (ends === 'dies') return;
      if (ends === 'silence') await this.#tell(told('switch', '9112', { isReversed: true }));
      else if (ends === 'standIn') await this.#tell(request(true));
      else {
        const part = ends === 'part' ? { response: { reason: '0000', approvalCode: '', amount: { amountMinor: Math.ceil(message.amount!.amountMinor / 3), currency: '978' } } as const } : {};
        await this.#tell(told('issuer', ends === 'declined' ? '1016' : '0000', part));
      }
    }
  }

  async reverse(message: CardMessage, actualMinor: number): Promise<void> {
    const { trace: { acquirer, stan, transmittedAt, localAt, class: of_, function: by }, amount } = message;
    const reversal = of(this.#reversals += 1, { class: 'reversal', amountMinor: amount!.amountMinor, actualMinor, original: { class: of_, function: by, acquirer, stan, transmittedAt, localAt } });
    await this.#tell({ kind: 'told', id: reversal.id, issuer: 'i', message: reversal, rules, by: 'switch', response: { reason: '4000', approvalCode: '', amount }, sent: undefined, advised: sent, isReversed: false, flags: [], remembered: undefined, deposit: this.#order(reversal) });
  }

  /** The issuer has acknowledged that a request is taken back, where one may be. */
  async takenBack(message: CardMessage): Promise<void> {
    if (message.function !== 'request') return;
    const entry = { ...lateEntry(message, nowMs, { reason: '4000', approved: true, approvalCode: '' }, []), id: draw() };
    await this.#tell({ kind: 'noted', id: entry.id, token: tokenOf(), entry, takenBack: { key: keyOf(message), ...whenOf(message) } });
  }

  /** What takes it back comes to some disk. */
  async overdue(recordId: string): Promise<void> {
    for (const isKept of [false, true]) await this.#tell({ kind: 'overdue', id: draw(), token: tokenOf(), recordId, counters: rules.counters, isKept }, this.#ledgers.shared);
  }

  /** What this node did apart is done to the shared ledger. */
  async meet(): Promise<void> {
    this.isApart = false;
    for (const { sequence, value } of await this.#local.tail({ partition: 0, epoch: 1 }, String(this.#relayed), 10_000)) {
      this.#relayed = Number(sequence);
      await this.#tell({ kind: 'relay', id: `n-${sequence}`, done: decodeDone(value) });
    }
  }

  async lapse(): Promise<number> {
    this.nowMs = nowMs + 2 * holdMs;
    const due = await this.store.due({ partition: 0, epoch: 1 }, this.nowMs, 1_000);
    for (const { id } of due) {
      await this.#tell({ kind: 'lapse', id: draw(), token: tokenOf(), recordId: id });
      await this.overdue(id);
    }
    return (await this.store.due({ partition: 0, epoch: 1 }, this.nowMs, 1_000)).length;
  }

  async #recordOf(message: CardMessage): Promise<ReturnType<typeof decodeRecord>> {
    return decodeRecord((await this.store.records({ partition: 0, epoch: 1 }, [keyOf(message)]))[0]);
  }

  async check(): Promise<number> {
    const [leftMinor = 0] = await this.store.guards({ partition: 0, epoch: 1 }, [guardId]);
    let heldMinor = 0;
    for (const message of this.messages.values()) heldMinor += (await this.#recordOf(message))?.more?.deposit?.leftMinor ?? 0;
    expect(leftMinor + heldMinor).toBe(loadedMinor);
    const entries = (await this.store.tail({ partition: 0, epoch: 1 }, undefined, 10_000)).map(({ value }) => decodeEntry(value));
    expect(loadedMinor + (guardsOf(entries).get(guardId) ?? 0)).toBe(leftMinor);
    if (!this.isApart) await this.#checkEach();
    return heldMinor;
  }

  /** What stands holds what it came to; what another one completed, nothing. */
  async #checkEach(): Promise<void> {
    for (const [place, message] of this.messages) {
      const record = await this.#recordOf(message);
      const completion = this.messages.get(10 + place);
      const isCompleted = completion !== undefined && (await this.#recordOf(completion))?.more?.deposit !== undefined;
      const stands = record !== undefined && record.id !== '' && record.phase === 'ended' && !record.isReversed && (message.function === 'advice' || isApproval(record.reason));
      if (!stands || this.nowMs > nowMs || this.#gone.has(place)) continue;
      if (isCompleted) this.#gone.add(place);
      expect([place, record.more?.deposit?.leftMinor ?? 0]).toEqual([place, isCompleted ? 0 : (record.more?.actualMinor ?? record.amount?.amountMinor)]);
    }
  }
}

function tokenOf(): string {
  return of(0, {}).card.token;
}

function of(place: number, changes: Parameters<typeof cardMessage>[1]): CardMessage {
  return cardMessage(account, { ...changes, trace: { stan: String(1_000 + place), ...changes?.trace } });
}

test('what is left of a deposit and what is held of it are what was loaded, after every step', async () => {
  await fc.assert(fc.asyncProperty(steps, async (played) => {
    const play = await Play.open();
    for (const step of played) {
      await play.run(step);
      await play.check();
    }
    await play.meet();
    await play.check();
    // All is over: what is reversed, acknowledged and lapsed holds nothing.
    for (const message of [...play.messages.values()].toReversed()) {
      await play.reverse(message, 0);
      await play.takenBack(message);
      await play.check();
    }
    expect(await play.lapse()).toBe(0);
    expect(await play.check()).toBe(0);
  }), { numRuns: 500, examples: [[completedApart], [proposedApart]] });
});
