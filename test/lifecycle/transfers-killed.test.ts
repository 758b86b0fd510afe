import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBook, type BookOptions } from '../../src/book/connection.ts';
import { migrate } from '../../src/book/migrate.ts';
import { verify } from '../../src/book/verify.ts';
import { SqliteStore } from '../../src/store/sqlite.ts';
import { bookFixtures, type BookFixture } from '../book/books.ts';
import { drainAll } from '../book/drains.ts';
import { openSwitch } from '../issuer/fixture.ts';
import { endsWithUs, goesWithUs } from '../servers/children.ts';
import { person } from './people.ts';
import { newId } from './fixture.ts';

const roundsMax = 20;
const childFile = new URL('transfer-child.ts', import.meta.url).pathname;

/** Sends in a process of its own, which is killed after so many transfers were begun and some milliseconds; what it printed. */
async function killed(args: readonly string[], afterBegun: number, afterMs: number): Promise<readonly string[]> {
  const child = endsWithUs(spawn(process.execPath, [childFile, ...args], { stdio: ['ignore', 'pipe', 'inherit'] }));
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (lines.filter((each) => each === 'begun').length >= afterBegun && child.signalCode === null && !child.killed) {
      await delay(afterMs);
      child.kill('SIGKILL');
    }
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return lines;
}

describe.each([['embedded', [[3, 0], [6, 4], [9, 1]]], ['server', [[3, 0], [5, 2], [7, 5], [9, 1], [12, 3], [16, 7]]]] as const)('transfers over the %s book', (kind, moments) => {
  let books: BookFixture;
  beforeAll(async () => {
    books = await bookFixtures[kind]();
  });
  afterAll(() => books.remove());

  // Each kill costs the embedded book a start with recovery, and other tests run beside this one.
  test('killed at any moment, every one has its end, and all the money is on the balances', { timeout: 240_000 }, async () => {
    const place: BookOptions = await books.place();
    const file = join(goesWithUs(mkdtempSync(join(tmpdir(), 'locum-transfers-'))), 'store.sqlite');
    const made = await openBook(place);
    await migrate(made);
    const holders = await Promise.all(Array.from({ length: 5 }, async () => ({ ...(await person(made)), balanceId: newId('b') })));
    const first = await SqliteStore.open({ file, partitions: 4, now: Date.now });
    const ledger = await openSwitch({ store: first, now: () => Date.now() });
    for (const { userId, balanceId } of holders) {
      const apply = async (message: Parameters<typeof ledger.submit>[2]): Promise<void> => {
        await new Promise((resolve) => {
          ledger.submit(balanceId, '', message, performance.now() + 60_000, resolve);
        });
      };
      await apply({ kind: 'open', id: newId('i'), accountId: balanceId, receivedAtMs: Date.now(), currency: '978', program: 'demo', partner: 'demo' });
      await apply({ kind: 'load', id: newId('i'), accountId: balanceId, receivedAtMs: Date.now(), amountMinor: 1_000 });
      await made.query(
        `insert into user_balance (balance_id, user_id, partner, program, currency, name, state, request_key, created_at, changed_at) values ($1, $2, 'demo', 'demo', '978', '', 'open', $1, now(), now())`, [balanceId, userId],
      );
    }
    await ledger.drained();
    ledger.close();
    await first.close();
    await made.close();

    const args = [file, JSON.stringify(place), JSON.stringify(holders)];
    const printed: string[] = [];
    // A kill may come before anything was completed, or just when nothing was under way: then it is tried once more.
    for (let round = 0; round < moments.length || (round < roundsMax && !['completed', 'resumed'].every((line) => printed.includes(line))); round += 1) {
      const [begun, ms] = moments[round % moments.length]!;
      printed.push(...(await killed([...args, '400'], begun + round, ms)));
    }
    // The last one goes on with what is left, and sends nothing.
    const last = await killed([...args, '0'], Infinity, 0);
    expect(last.at(-1)).toBe('ended');
    expect([...printed, ...last].filter((line) => line.startsWith('stuck'))).toEqual([]);
    expect(printed).toContain('completed');
    expect(printed).toContain('resumed');

    const book = await openBook(place);
    const store = await SqliteStore.open({ file, partitions: 4, now: Date.now });
    await drainAll(store, book);
    expect(await book.query('select transfer_id from transfer where ended_at is null')).toEqual([]);
    expect(await book.query('select sum(ledger_minor)::bigint as total from account')).toEqual([{ total: 5_000 }]);
    expect(await book.query(`select sum(amount_minor)::bigint as total from posting where ledger like 'transit:%' having sum(amount_minor) <> 0`)).toEqual([]);
    const moved = await book.query(
      `select a.account_id from account a where a.ledger_minor <> 1000
         + coalesce((select sum(amount_minor) from transfer where receiver_balance = a.account_id and state = 'completed'), 0)
         - coalesce((select sum(amount_minor) from transfer where sender_balance = a.account_id and state = 'completed'), 0)`,
    );
    expect(moved).toEqual([]);
    expect(await verify(book, 10)).toEqual([]);
    await book.close();
    await store.close();
  });
});
