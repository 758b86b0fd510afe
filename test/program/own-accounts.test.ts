/**
 * Own accounts while their store fails: call by call, each way in which a call can fail, once and for good, and the same of this node's
 * disk; in the end the account is as the acquirer was told.
 */
import { afterEach, expect, test } from 'vitest';
import { AdviceFile } from '../../src/advice/advice-file.ts';
import { Deadlines, processSchedule } from '../../src/base/deadlines.ts';
import { createLog } from '../../src/base/log.ts';
import { GuardRoom } from '../../src/issuer/guard-room.ts';
import { decideNow, openLedger } from '../../src/issuer/ledger.ts';
import type { Ledger } from '../../src/issuer/ledger.ts';
import { NegativeList } from '../../src/issuer/negative-list.ts';
import type { CardMessage } from '../../src/message/message.ts';
import { isApproval } from '../../src/message/reason.ts';
import { OwnAccounts } from '../../src/program/own-accounts.ts';
import { readTables } from '../../src/tables/tables.ts';
import { demoTables } from '../../src/program/demo-tables.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { Directory } from '../../src/switch/directory.ts';
import type { OwnOutcome } from '../../src/switch/own-desk.ts';
import { againOf, cardRecord, message, reversalOf } from '../account/fixture.ts';
import { FaultyStore } from '../fault/faulty-store.ts';
import type { Fault } from '../fault/faulty-store.ts';
import { demoKeyFile, openHsm } from '../keys/fixture.ts';
import { until } from '../switch/fixture.ts';

const accountId = 'acct00000001';
const startMinor = 100_000;
const most = { amountMinorMax: 1_000_000, countMax: 1_000 };
const standIn = {
  version: 2, currency: 'EUR', outageCaps: { card: most, account: most, issuer: most },
  unavailable: { tests: { cryptogram: 'off', cardValue: 'off', expiry: 'off' }, decisions: [], otherwise: 'approve', limits: [{ scope: 'overall', period: 'transaction', amountMinorMax: 500 }] },
};
const tables = readTables(demoTables.map((row) => (row.kind === 'issuer' && row.name === 'own' ? { ...row, document: { type: 'own', standIn } } : row)), 0);
const hsm = openHsm(demoKeyFile());
const now = Date.now;
const elapsed = (): number => performance.now();
const atTurnEnd = (work: () => void): void => void setImmediate(work);
const after = (delayMs: number, work: () => void): void => void setTimeout(work, delayMs).unref();
const running: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of running.splice(0)) await stop();
});

interface Composed {
  readonly store: FaultyStore;
  readonly disk: FaultyStore;
  readonly accounts: OwnAccounts;
  readonly ledger: Ledger;
  readonly list: NegativeList;
  /** Cards that all were told of as locked for wrong PINs. */
  readonly pinLocked: readonly string[];
}

let drawn = 0;

async function composed(): Promise<Composed> {
  const store = new FaultyStore(new MemoryStore({ partitions: 1, now }), undefined);
  const disk = new FaultyStore(new MemoryStore({ partitions: 1, now }), undefined);
  const deadlines = new Deadlines(elapsed, processSchedule, 2);
  const newId = (): string => `i${(drawn += 1)}`;
  const quiet = (): void => undefined;
  const ledger = await openLedger({ store, now, elapsed, atTurnEnd, after, events: { commit: quiet, conflict: quiet, trouble: quiet, recovered: quiet }, doubtMs: () => 20 });
  const at = { accountId, receivedAtMs: now() };
  await decideNow(ledger, accountId, { ...at, kind: 'open', id: 'open', currency: '978', program: 'demo', partner: 'bank' });
  await decideNow(ledger, accountId, { ...at, kind: 'cardChange', id: 'card', card: cardRecord(0), encryptedPan: 'sealed', maskedPan: '476173******0011' });
  await decideNow(ledger, accountId, { ...at, kind: 'load', id: 'load', amountMinor: startMinor });
  await store.enterAccount('token-0', accountId);
  const advices = await AdviceFile.open({ store: disk, now, atTurnEnd, deadlines, events: { trouble: quiet } });
  const list = await NegativeList.open({ store: new MemoryStore({ partitions: 1, now }), now, keepMs: 1_000_000 });
  const pinLocked: string[] = [];
  const accounts = new OwnAccounts({
    ledger, directory: new Directory(store, atTurnEnd), advices, list, guards: new GuardRoom({ store, now, elapsed, newId }), vault: hsm, deadlines, now, elapsed, random: Math.random, after, tellPinLock: (token) => void pinLocked.push(token),
    log: createLog({ destination: { write: quiet }, level: 'silent', nowMs: now }),
  });
  accounts.set(tables);
  running.push(async () => {
    await accounts.stop();
    advices.close();
    ledger.close();
  });
  return { store, disk, accounts, ledger, list, pinLocked };
}

async function asked({ accounts }: Composed, asks: CardMessage, withinMs = 30_000): Promise<OwnOutcome> {
  const { promise, resolve } = Promise.withResolvers<OwnOutcome>();
  accounts.desk.submit({ message: asks, issuer: 'own', isNobodys: false, surroundings: () => ({ minuteOfDay: 720, country: undefined }), deadlineMs: elapsed() + withinMs }, resolve);
  return await promise;
}

/** A message of today: what was seen of the account is not old. */
function today(type: Parameters<typeof message>[0], amountMinor: number): CardMessage {
  return message(type, amountMinor, { receivedAtMs: now() });
}

/** @returns what the acquirer heard; undefined: nothing */
function heard(outcome: OwnOutcome): string | undefined {
  if (outcome.kind === 'decided' && outcome.answer.kind === 'answer') return outcome.answer.response.reason;
  // Surely not done: the acquirer hears that it was not.
  return outcome.kind === 'unavailable' ? '9112' : undefined;
}

/** Nothing waits, and the store answers: what the account has of the card. */
async function settled(at: Composed): Promise<number> {
  at.store.heal();
  at.disk.heal();
  await until(() => at.ledger.storeAnswers && at.accounts.desk.waiting === 0 && at.accounts.status.backlog.count === 0, 'the account has all of it');
  const probe = await asked(at, message('0100', 1, { receivedAtMs: now(), purpose: 'balanceInquiry' }));
  if (probe.kind !== 'decided' || probe.answer.kind !== 'answer' || probe.answer.response.balance === undefined) throw new Error(`no balance: ${JSON.stringify(probe)}`);
  return probe.answer.response.balance.availableMinor;
}

/** Two purchases, one above what stand-in approves, the reversal of the first, and one more; each that heard nothing is repeated in the end. */
async function story(at: Composed): Promise<{ readonly expectedMinor: number; readonly found: number; readonly told: readonly string[] }> {
  const first = today('0200', 300);
  const messages = [first, today('0100', 200), today('0200', 700), reversalOf(first, 0, { receivedAtMs: now() }), today('0200', 50)];
  const answers = new Map<CardMessage, string | undefined>();
  // Not for long: some of them get no answer.
  for (const each of messages) answers.set(each, heard(await asked(at, each, 400)));
  await settled(at);
  for (const each of messages) if (answers.get(each) === undefined) answers.set(each, heard(await asked(at, { ...againOf(each), repeat: true })));
  const spent = messages.filter((each) => each.class !== 'reversal' && isApproval(answers.get(each) as never)).reduce((sum, { amount }) => sum + (amount?.amountMinor ?? 0), 0);
  const isBack = isApproval(answers.get(first) as never) && answers.get(messages[3]!) === '4000';
  const found = await settled(at);
  return { expectedMinor: startMinor - spent + (isBack ? 300 : 0), found, told: [...answers.values()].map((answer) => answer ?? 'nothing') };
}

test('whichever call to the store fails, and in whichever way, once or until it is healed, the account is as the acquirer was told', async () => {
  const wrong: string[] = [];
  for (const [kind, on] of [['before', 'commits'], ['after', 'commits'], ['lost', 'commits'], ['before', 'reads'], ['lost', 'all']] as const) {
    for (const persistent of [false, true]) {
      for (let nth = 1; nth < 30; nth += 1) {
        const at = await composed();
        expect(heard(await asked(at, today('0200', 100)))).toBe('0000');
        const fault: Fault = { nth, kind, persistent, on };
        at.store.fail(fault);
        const { expectedMinor, found, told } = await story(at);
        if (found !== expectedMinor - 100) wrong.push(`${JSON.stringify(fault)}: ${told.join(' ')} leaves ${expectedMinor - 100}, and ${found} is there`);
        if (at.store.met === 0) break;
      }
    }
  }
  expect(wrong).toEqual([]);
});

test('whichever write to this node’s disk fails while the store is away, the account is as the acquirer was told, and what is not on disk is no approval', async () => {
  const wrong: string[] = [];
  for (const kind of ['before', 'after', 'lost'] as const) {
    for (const persistent of [false, true]) {
      for (let nth = 1; nth < 30; nth += 1) {
        const at = await composed();
        expect(heard(await asked(at, today('0200', 100)))).toBe('0000');
        at.store.fail({ nth: 1, kind: 'before', persistent: true, on: 'all' });
        const fault: Fault = { nth, kind, persistent, on: 'commits' };
        at.disk.fail(fault);
        const { expectedMinor, found, told } = await story(at);
        if (found !== expectedMinor - 100) wrong.push(`${JSON.stringify(fault)}: ${told.join(' ')} leaves ${expectedMinor - 100}, and ${found} is there`);
        if (kind === 'before' && nth === 1 && told[0] !== '9109') wrong.push(`${JSON.stringify(fault)}: ${told[0]} without its advice`);
        if (at.disk.met === 0) break;
      }
    }
  }
  expect(wrong).toEqual([]);
});

const away: Fault = { nth: 1, kind: 'before', persistent: true, on: 'all' };

test('what another switch has closed on a card is closed here while the store is away, of two the later, and open again when it is', async () => {
  const at = await composed();
  expect(heard(await asked(at, today('0200', 100)))).toBe('0000');
  at.store.fail(away);
  expect(heard(await asked(at, today('0200', 100)))).toBe('0000');
  const pausedUntilMs = now() + 3_600_000;
  at.accounts.takeControls({ token: 'token-0', version: 100, controls: { partner: { pausedUntilMs } } });
  at.accounts.takeControls({ token: 'token-0', version: 99, controls: undefined });
  expect(heard(await asked(at, today('0200', 100)))).toBe('1870');
  at.accounts.takeControls({ token: 'token-0', version: 101, controls: { holder: { blocked: ['ecommerce'] } } });
  expect(heard(await asked(at, { ...today('0200', 100), entryMode: 'ecommerce', cardPresent: false }))).toBe('1871');
  expect(heard(await asked(at, today('0200', 100)))).toBe('0000');
  at.accounts.takeControls({ token: 'token-0', version: 102, controls: { holder: { limits: [{ scope: 'overall', period: 'transaction', amountMinorMax: 50 }] } } });
  expect(heard(await asked(at, today('0200', 51)))).toBe('1874');
  at.accounts.takeControls({ token: 'token-0', version: 103, controls: undefined });
  expect(heard(await asked(at, today('0200', 51)))).toBe('0000');
  await settled(at);
});

test('an account that was seen since says itself what is closed', async () => {
  const at = await composed();
  at.accounts.takeControls({ token: 'token-0', version: 1, controls: { partner: { pausedUntilMs: now() + 3_600_000 } } });
  expect(heard(await asked(at, today('0200', 100)))).toBe('0000');
  at.store.fail(away);
  expect(heard(await asked(at, today('0200', 100)))).toBe('0000');
  await settled(at);
});
