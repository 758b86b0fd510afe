/** The services' ports over a real store, a real ledger and real keys, as the switch has them, without its threads' channel in between. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { GuardRoom } from '../../src/issuer/guard-room.ts';
import type { Book } from '../../src/book/book.ts';
import { WatchedBook } from '../../src/book/watched-book.ts';
import type { Ledger } from '../../src/issuer/ledger.ts';
import { loadKeys } from '../../src/keys/key-store.ts';
import { MasterKey } from '../../src/keys/master-key.ts';
import { SoftwareHsm } from '../../src/keys/software-hsm.ts';
import { DeskClient } from '../../src/lifecycle/desk-client.ts';
import { staleMsMax } from '../../src/lifecycle/row-memory.ts';
import { ShownRows } from '../../src/lifecycle/shown-rows.ts';
import { StoreHeads } from '../../src/office/account-heads.ts';
import { makeDemoKeys } from '../../src/program/demo-keys.ts';
import { demoTables } from '../../src/program/demo-tables.ts';
import { DeskCalls, DeskDoor } from '../../src/program/desk-calls.ts';
import type { Tables } from '../../src/tables/rows.ts';
import { readTables } from '../../src/tables/tables.ts';
import type { TableDocument } from '../../src/tables/tables.ts';
import { SqliteStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { openSwitch } from '../issuer/fixture.ts';

export interface Desks {
  /** Accounts, cards' cryptography and partners' credit. */
  readonly desk: DeskClient;
  readonly ledger: Ledger;
  readonly store: Store;
  readonly hsm: SoftwareHsm;
  readonly tables: Tables;
  /** Locks that all who may stand in were told of, of which switch whatever: token, code, who asked. */
  readonly toldLocks: readonly (readonly [token: string, lockCode: number, by: string])[];
  /** Accounts that something waits for which was answered in their place. */
  readonly behind: Set<string>;
  /** Another switch on the same store. */
  another(): Promise<{ readonly desk: DeskClient; readonly ledger: Ledger }>;
  close(): Promise<void>;
}

/** The id of a balance, card or the like: `b_`, `c_` and so on, with 22 letters. */
export function newId(prefix: string): string {
  return `${prefix}_${randomBytes(16).toString('base64url')}`;
}

/**
 * A book as a switch's services have it, with the rows of it that are shown.
 * @param elapsed monotonic ms; by default a second passes from each look to the next, so that what is shown is always read
 */
export function watched(book: Book, elapsed?: () => number): { readonly book: WatchedBook; readonly rows: ShownRows } {
  const seen = new WatchedBook(book);
  let atMs = 0;
  const leaping = (): number => (atMs += staleMsMax);
  return { book: seen, rows: new ShownRows({ book: seen, elapsed: elapsed ?? leaping }) };
}

/**
 * Opens them on a store and with keys of their own.
 * @param rows system tables; by default the demo's, whose program is `demo` of the partner `demo` in EUR
 */
export async function openDesks(rows: readonly TableDocument[] = demoTables): Promise<Desks> {
  const folder = mkdtempSync(join(tmpdir(), 'locum-desks-'));
  const store = await SqliteStore.open({ file: join(folder, 'store.db'), partitions: 4, now: () => Date.now() });
  const keyFile = join(folder, 'keys.json');
  const masterFile = join(folder, 'master.key');
  MasterKey.createFile(masterFile, randomBytes);
  const master = MasterKey.fromFile(masterFile);
  makeDemoKeys(keyFile, master, randomBytes);
  const hsm = new SoftwareHsm(loadKeys(keyFile, master), { random: randomBytes, now: () => Date.now() });
  const tables = readTables(rows, 1);
  const toldLocks: (readonly [string, number, string])[] = [];
  const behind = new Set<string>();
  const tellLock = async (...told: readonly [string, number, string]): Promise<readonly []> => {
    toldLocks.push(told);
    return await Promise.resolve([]);
  };
  const open = async (): Promise<{ readonly desk: DeskClient; readonly ledger: Ledger }> => {
    const elapsed = (): number => performance.now();
    const guards = new GuardRoom({ store, now: () => Date.now(), elapsed, newId: () => newId('g') });
    const ledger = await openSwitch({ store, now: () => Date.now(), findGuardRoom: guards.findGuardRoom });
    return { ledger, desk: deskOver(store, new DeskCalls({ ledger, store, hsm, guards, tables: () => tables, elapsed, tellLock, isBehind: (accountId) => behind.has(accountId) })) };
  };
  const { desk, ledger } = await open();
  const ledgers = [ledger];
  return {
    desk, ledger, store, hsm, tables, toldLocks, behind,
    another: async () => {
      const other = await open();
      ledgers.push(other.ledger);
      return other;
    },
    close: async () => {
      for (const each of ledgers) {
        await each.drained();
        each.close();
      }
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What crosses is cloned, as between threads. */
function deskOver(store: Store, calls: DeskCalls): DeskClient {
  const atTurnEnd = (work: () => void): void => void setImmediate(work);
  const door = new DeskDoor(calls, (replies) => desk.take(structuredClone(replies)));
  const desk: DeskClient = new DeskClient({
    send: (asked) => door.take(structuredClone(asked)), heads: new StoreHeads(store, atTurnEnd), atTurnEnd,
    after: (delayMs, work) => {
      const timer = setTimeout(work, delayMs);
      return { cancel: () => clearTimeout(timer) };
    },
  });
  return desk;
}
