/** Every call to the store fails once, before it takes place, after it, and unknown either way; and all from then on for a while. */
import { describe, expect, it } from 'vitest';
import type { AccountMessage } from '../../src/account/apply.ts';
import { expireDue, type Ledger } from '../../src/issuer/ledger.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { FaultyStore, type Fault, type FaultKind } from '../fault/faulty-store.ts';
import { audit, transactionsOf } from '../issuer/audit.ts';
import {
  accountIn, cardMessage, draw, nowMs, openAccount, openSwitch, reasonOf, responseOf, recordDays, repeatOf, reversalOf, submit, until,
} from '../issuer/fixture.ts';

const partitions = 2;
const loadedMinor = 100_000;
const dayMs = 86_400_000;
const faults = { before: 'before it is made', after: 'with its answer lost', lost: 'lost itself' } satisfies Record<FaultKind, string>;

/** Two accounts and what happens to each, with the reason that each message is answered with when nothing fails. */
function script(accountId: string): readonly (readonly [message: AccountMessage, reason: string])[] {
  const purchase = cardMessage(accountId, { amountMinor: 1_000 });
  const posted = cardMessage(accountId, { mti: '0200', class: 'financial', amountMinor: 300 });
  const hotel = cardMessage(accountId, { purpose: 'preauthorization', amountMinor: 5_000 });
  const nights = cardMessage(accountId, { purpose: 'increment', amountMinor: 2_000, original: originalOf(hotel) });
  const departure = cardMessage(accountId, {
    mti: '0220', class: 'financial', function: 'advice', purpose: 'completion', amountMinor: 6_500, original: originalOf(hotel),
  });
  const left = cardMessage(accountId, { amountMinor: 700 });
  return [
    [purchase, '0000'], [repeatOf(purchase), '0000'], [posted, '0000'], [hotel, '0000'], [nights, '0000'], [departure, '9001'],
    [reversalOf(posted, { actualMinor: 100, amountMinor: 300 }), '4000'], [reversalOf(purchase), '4000'], [repeatOf(purchase), '0000'],
    [cardMessage(accountId, { amountMinor: 10 * loadedMinor }), '1016'], [left, '0000'],
    [{ kind: 'load', id: `second-${accountId}`, accountId, receivedAtMs: nowMs, amountMinor: 50 }, '0000'],
  ];
}

function originalOf({ trace }: ReturnType<typeof cardMessage>) {
  return { class: trace.class, function: trace.function, stan: trace.stan, transmittedAt: trace.transmittedAt, localAt: '', acquirer: '' };
}

/** After all of the script: the load, the posted rest of 100, the completion, the second load; the last hold has expired. */
const availableAtLast = loadedMinor - 100 - 6_500 + 50;

/** The loop waits for a store that was away; there is none to be spared here. */
function hastily(delayMs: number, work: () => void): void {
  setTimeout(work, delayMs / 10);
}

interface Run {
  readonly faults: number;
}

/** Sends everything until it is answered, as acquirers do, and audits what the store holds then. */
async function run(fault: Fault, inTurn: boolean): Promise<Run> {
  const real = new MemoryStore({ partitions, now: () => nowMs });
  const accounts = [accountIn(0, partitions), accountIn(0, partitions, 1), accountIn(1, partitions)];
  const first = await openSwitch({ store: real });
  for (const accountId of accounts) await openAccount(first, accountId, loadedMinor);
  const store = new FaultyStore(real, fault);
  const ledger = await opened(store);
  await Promise.all(accounts.map(async (accountId) => {
    const sent = script(accountId).map(([message, reason]) => ({ message, reason }));
    if (inTurn) for (const { message, reason } of sent) expect(await answered(ledger, store, accountId, message)).toBe(reason);
    else {
      const outcomes = await Promise.all(sent.map(({ message }) => submit(ledger, accountId, message, 100)));
      const first = outcomes.findIndex((outcome) => outcome.kind !== 'decided');
      const reasons = outcomes.map(reasonOf);
      // What came before the first failure was decided on nothing but what came before it.
      expect(reasons.slice(0, first === -1 ? undefined : first)).toEqual(sent.slice(0, first === -1 ? undefined : first).map(({ reason }) => reason));
      store.heal();
      for (const { message } of sent) await answered(ledger, store, accountId, message.kind === 'card' ? repeatOf(message) : message);
    }
  }));
  store.heal();
  const at = nowMs + 6 * dayMs;
  const expiry = { store, ledger, now: () => at, newId: draw, recordDays };
  await Promise.all([expireDue(expiry), expireDue(expiry)]);
  expect(await expireDue(expiry)).toBe(0);
  await ledger.drained();
  const audited = await audit(real);
  for (const accountId of accounts) expect(audited.openHolds.get(accountId)).toBe(0);
  if (inTurn) for (const accountId of accounts) expect(audited.availableMinor.get(accountId)).toBe(availableAtLast);
  ledger.close();
  return { faults: store.met };
}

/** A switch that finds no store when it starts is started again. */
async function opened(store: FaultyStore): Promise<Ledger> {
  try {
    return await openSwitch({ store, after: hastily });
  } catch {
    store.heal();
    return await openSwitch({ store, after: hastily });
  }
}

/** Asks until there is an answer; the message is the same each time, as in a sender's repeats. */
async function answered(ledger: Ledger, store: FaultyStore, accountId: string, message: AccountMessage): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await submit(ledger, accountId, message, 60);
    if (outcome.kind === 'decided') return reasonOf(outcome);
    expect(attempt).toBeLessThan(20);
    if (attempt === 2) store.heal();
    if (attempt > 2) await until(() => ledger.storeAnswers, 'the store answers');
  }
}

describe('the decide loop under faults', () => {
  for (const kind of ['before', 'after', 'lost'] satisfies FaultKind[]) {
    for (const persistent of [false, true]) {
      for (const inTurn of [true, false]) {
        it(`every call fails ${faults[kind]}, ${persistent ? 'and all after it' : 'once'}, with ${inTurn ? 'one message after the other' : 'all messages at once'}: the journal is the account`, async () => {
          for (let nth = 1; ; nth += 1) {
            const { faults } = await run({ nth, kind, persistent, on: 'all' }, inTurn);
            if (faults === 0) {
              expect(nth).toBeGreaterThan(inTurn ? 10 : 3);
              break;
            }
          }
        });
      }
    }
  }

  it('an approval that was answered is in the journal once, whatever failed', async () => {
    for (let nth = 1; nth <= 12; nth += 1) {
      const real = new MemoryStore({ partitions, now: () => nowMs });
      const accountId = accountIn(0, partitions);
      await openAccount(await openSwitch({ store: real }), accountId, loadedMinor);
      const store = new FaultyStore(real, { nth, kind: 'after', persistent: false, on: 'commits' });
      const ledger = await openSwitch({ store });
      const messages = Array.from({ length: 40 }, () => cardMessage(accountId));
      const outcomes = await Promise.all(messages.map(async (message, index) => {
        for (let turn = 0; turn < index; turn += 4) await new Promise(setImmediate);
        return await submit(ledger, accountId, message);
      }));
      const inJournal = transactionsOf(await audit(real));
      for (const [index, message] of messages.entries()) {
        const entry = inJournal.get(message.id);
        const outcome = outcomes[index];
        if (outcome?.kind === 'decided') expect(entry?.approvalCode).toBe(responseOf(outcome)?.approvalCode);
        if (outcome?.kind === 'unavailable') expect(entry).toBeUndefined();
      }
      ledger.close();
    }
  });
});
