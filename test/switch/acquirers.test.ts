/** What issuers' messages come to at the advice file: on disk and sealed, kept once, or refused with the reason. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { AdviceFile } from '../../src/advice/advice-file.ts';
import { Deadlines, processSchedule } from '../../src/base/deadlines.ts';
import { readPassed } from '../../src/dialect/to-acquirer.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import type { SoftwareHsm } from '../../src/keys/software-hsm.ts';
import { loadFormat } from '../../src/tables/format.ts';
import { SqliteStore } from '../../src/store/sqlite.ts';
import { Acquirers } from '../../src/switch/acquirers.ts';
import type { PassedOutcome } from '../../src/switch/acquirers.ts';
import { demoKeyFile, openHsm } from '../keys/fixture.ts';

const card = '5413330000000019';
const { codec, dialect } = loadFormat({ spec: 'iso8583-1987-ascii' }, 'test');
const side = { dialect, spec: codec.spec };

interface Desk {
  readonly acquirers: Acquirers;
  readonly file: AdviceFile;
  readonly folder: string;
  readonly hsm: SoftwareHsm;
  readonly close: () => Promise<void>;
}

const desks: Desk[] = [];
const folders: string[] = [];

afterEach(async () => {
  for (const desk of desks.splice(0)) await desk.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

async function openDesk(options: { folder?: string; hsm?: SoftwareHsm; bytesMax?: number } = {}): Promise<Desk> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'locum-acquirers-'));
  if (options.folder === undefined) folders.push(folder);
  const hsm = options.hsm ?? openHsm(demoKeyFile());
  const now = (): number => Date.now();
  const store = await SqliteStore.open({ file: join(folder, 'advices.sqlite'), partitions: 1, now, onLost: () => undefined, ...(options.bytesMax === undefined ? {} : { bytesMax: options.bytesMax }) });
  const file = await AdviceFile.open({ store, now, atTurnEnd: setImmediate, deadlines: new Deadlines(() => performance.now(), processSchedule), events: { trouble: () => undefined } });
  const acquirers = new Acquirers();
  let stan = 100;
  acquirers.set([{
    station: 'pos', institutions: ['100001'], side, codec, linksChanged: () => undefined,
    line: { reserveTrace: () => ({ stan: String((stan += 1)), transmittedAt: '1122101500' }), answered: () => undefined, garbled: () => undefined },
  }], { advices: file, vault: hsm, now });
  let isClosed = false;
  const desk: Desk = {
    acquirers, file, folder, hsm,
    close: async () => {
      if (isClosed) return;
      isClosed = true;
      file.close();
      await store.close();
    },
  };
  desks.push(desk);
  return desk;
}

async function keep({ acquirers }: Desk, stan: number, changes: Readonly<Record<number, string>> = {}): Promise<PassedOutcome> {
  const draft = new Draft('0422');
  const fields = { 2: card, 3: '000000', 4: '000000001250', 7: '1122101500', 11: String(stan).padStart(6, '0'), 12: '101500', 13: '1122', 32: '100001', 37: String(stan).padStart(12, '0'), 49: '978', 63: `about ${card}`, ...changes };
  for (const [field, text] of Object.entries(fields)) draft.set(Number(field), text);
  const message = codec.decode(Uint8Array.from(codec.encode(draft)));
  return await acquirers.keep({ issuer: 'bank', message, meaning: readPassed(message, dialect)!, source: side, receivedAtMs: Date.now() });
}

test('a message is on disk when it is said to be kept, found again after a restart, and nowhere is its card number in clear', async () => {
  const first = await openDesk();
  const kept = await keep(first, 1);
  expect(kept).toMatchObject({ kind: 'kept', station: 'pos', isKnown: false });
  const files = readdirSync(first.folder).map((name) => readFileSync(join(first.folder, name)));
  for (const bytes of files) expect(bytes.includes(card)).toBe(false);
  await first.close();
  const second = await openDesk({ folder: first.folder, hsm: first.hsm });
  expect(second.file.backlog('station:pos').count).toBe(1);
  expect(await keep(second, 1)).toMatchObject({ kind: 'kept', isKnown: true });
  expect(await keep(second, 1, { 4: '000000001251' })).toMatchObject({ kind: 'refused', reason: '9113' });
  expect(second.file.backlog('station:pos').count).toBe(1);
});

test('the same one that comes twice at once is kept once', async () => {
  const desk = await openDesk();
  const outcomes = await Promise.all([keep(desk, 1), keep(desk, 1), keep(desk, 1)]);
  expect(outcomes.map(({ kind }) => kind)).toEqual(['kept', 'kept', 'kept']);
  expect(desk.file.backlog('station:pos').count).toBe(1);
  const others = await Promise.all([keep(desk, 2), keep(desk, 2, { 4: '000000009999' }), keep(desk, 2)]);
  expect(others.map((outcome) => (outcome.kind === 'refused' ? outcome.reason : outcome.kind))).toEqual(['kept', '9113', 'kept']);
  expect(desk.file.backlog('station:pos').count).toBe(2);
});

test('one that the disk does not take is refused, never said to be kept, and no other is lost by it', async () => {
  const desk = await openDesk({ bytesMax: 150_000 });
  let kept = 0;
  let last: PassedOutcome = { kind: 'unknown', id: '' };
  for (let stan = 1; stan <= 2_000 && last.kind !== 'refused'; stan += 1) {
    last = await keep(desk, stan);
    if (last.kind === 'kept') kept += 1;
  }
  expect(last).toMatchObject({ kind: 'refused', reason: '9109' });
  expect(kept).toBeGreaterThan(5);
  await desk.close();
  const again = await openDesk({ folder: desk.folder, hsm: desk.hsm });
  expect(again.file.backlog('station:pos').count).toBe(kept);
});

test('a desk whose file is closed refuses, and lets its issuer send again', async () => {
  const desk = await openDesk();
  await desk.close();
  expect(await keep(desk, 1)).toMatchObject({ kind: 'refused', reason: '9109' });
});

test('what no station is the acquirer of, and what cannot be read, is refused with the reason and the field', async () => {
  const desk = await openDesk();
  expect(await keep(desk, 1, { 32: '100009' })).toMatchObject({ kind: 'refused', reason: '9108' });
  expect(await keep(desk, 2, { 7: '9922101500' })).toMatchObject({ kind: 'refused', reason: '9100', field: 7 });
  expect(desk.file.destinations).toEqual([]);
});
