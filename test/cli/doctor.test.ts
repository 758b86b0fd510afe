import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Finding } from '../../src/cli/finding.ts';
import { startRedis } from '../servers/redis.ts';
import { emptyFolder, eventually, locum, startDemo } from './locum.ts';
import type { RunningLocum, RunOptions } from './locum.ts';

const folders: string[] = [];

function folder(): string {
  const made = emptyFolder();
  folders.push(made);
  return made;
}

afterAll(() => {
  for (const made of folders) rmSync(made, { recursive: true, force: true });
});

interface Diagnosis {
  readonly code: number | null;
  readonly ok: boolean;
  readonly findings: readonly Finding[];
}

async function diagnosis(options: RunOptions): Promise<Diagnosis> {
  const { code, out, err } = await locum(['doctor', '--json'], options);
  expect(err).toBe('');
  return { code, ...(JSON.parse(out) as Omit<Diagnosis, 'code'>) };
}

function wrongOf({ findings }: Diagnosis): readonly Finding[] {
  return findings.filter(({ state }) => state === 'wrong');
}

/** The stations are there first, the book a little later. */
async function bookOpened({ lines }: RunningLocum): Promise<void> {
  await eventually(async () => await Promise.resolve(lines.some(({ event }) => event === 'book opened')), (open) => open);
}

/** Ports that nobody else has by accident. */
const drawn = {
  LOCUM_HTTP_PORT: '0', LOCUM_STATIONS_DEMO_1987_ASCII_LINK_LISTEN_PORT: '0', LOCUM_STATIONS_DEMO_1987_BINARY_LINK_LISTEN_PORT: '0', LOCUM_STATIONS_DEMO_2003_BINARY_LINK_LISTEN_PORT: '0',
  LOCUM_STATIONS_DEMO_HOST_LINK_LISTEN_PORT: '0', LOCUM_DOORS_SECURE_PORT: '0',
};

test('before the first start nothing is wrong, and nothing is made by asking', async () => {
  const cwd = folder();
  const found = await diagnosis({ cwd, env: drawn });
  expect({ code: found.code, ok: found.ok, wrong: wrongOf(found) }).toEqual({ code: 0, ok: true, wrong: [] });
  expect([...new Set(found.findings.map(({ check }) => check))]).toEqual(['node', 'configuration', 'data folder', 'ports', 'keys', 'store', 'book', 'formats', 'system tables']);
  const { readdirSync } = await import('node:fs');
  expect(readdirSync(cwd)).toEqual([]);
});

describe('beside a running switch', () => {
  let demo: RunningLocum;
  beforeAll(async () => {
    demo = await startDemo({ cwd: folder() });
    await bookOpened(demo);
  });
  afterAll(async () => {
    await demo.stop();
  });

  test('nothing is wrong: its ports answer, its keys open, its book agrees with itself', async () => {
    await locum(['send', 'purchase', '--pan', '4761730000000011', '--amount', '1'], demo);
    const found = await diagnosis(demo);
    expect({ code: found.code, wrong: wrongOf(found) }).toEqual({ code: 0, wrong: [] });
    const texts = found.findings.map(({ text }) => text).join('\n');
    expect(texts).toMatch(/A switch runs here \(HTTP on \d+\) and is ready\./);
    expect(texts.match(/answers an echo\./g)).toHaveLength(4);
    expect(texts).toContain('for its owner alone');
    expect(texts).toMatch(/store\.sqlite is open in the running switch, and answers\./);
    expect(texts).toMatch(/The book is \d+ journal entries behind; requests are refused above 1000000\./);
    expect(texts).toContain('The book agrees with itself');
  });

  test('a person reads it in lines, with the verdict last', async () => {
    const { code, out } = await locum(['doctor'], demo);
    expect(code).toBe(0);
    expect(out).toMatch(/^ok +node +Node \d+\.\d+\.\d+\.$/m);
    expect(out.trim().split('\n').at(-1)).toBe('Nothing is wrong.');
  });
});

test('a book that has another store’s journal is found beside the running switch, though that is ready', async () => {
  const cwd = folder();
  const first = await startDemo({ cwd });
  await bookOpened(first);
  await first.stop();
  // The demo’s accounts are opened again, under other times.
  const demo = await startDemo({ cwd, env: { LOCUM_STORE_FILE: join(cwd, 'other.sqlite') } });
  try {
    const found = await eventually(async () => await diagnosis(demo), (now) => wrongOf(now).length > 0);
    expect(wrongOf(found)).toMatchObject([{
      check: 'book', text: 'Of the journal 1 of 1 partitions stand still: entry 1 of partition 0 is another one in the book: it is the book of another store.',
      todo: expect.stringContaining('docs/book.md') as string,
    }]);
    expect((await fetch(`http://127.0.0.1:${demo.httpPort}/ready`)).status).toBe(200);
    const { out } = await eventually(async () => await locum(['alerts'], demo), ({ out: told }) => told.includes('journal lag'));
    expect(out).toContain('it is the book of another store');
  } finally {
    await demo.stop();
  }
});

test('a switch whose environment has another store is not told of as if it had this one', async () => {
  const cwd = folder();
  const demo = await startDemo({ cwd, env: { LOCUM_STORE_FILE: join(cwd, 'other.sqlite') } });
  try {
    await bookOpened(demo);
    const { findings } = await diagnosis({ ...demo, env: { ...demo.env, LOCUM_STORE_FILE: '' } });
    expect(findings.filter(({ check }) => check === 'store')).toEqual([{
      check: 'store', state: 'note', text: `A switch runs here whose store answers, and it is not ${join(cwd, 'data', 'store.sqlite')}, which is not there.`,
      todo: 'Ask again with the environment of the switch, such as its REDIS_URL.',
    }]);
  } finally {
    await demo.stop();
  }
});

test('an SQLite file that lies beside a switch on Redis is called what it is, and never the switch’s store', async () => {
  const redis = await startRedis();
  const cwd = folder();
  mkdirSync(join(cwd, 'data'));
  const file = join(cwd, 'data', 'store.sqlite');
  writeFileSync(file, 'of before', { mode: 0o600 });
  const demo = await startDemo({ cwd, env: { REDIS_URL: redis.url } });
  try {
    await bookOpened(demo);
    const ofStore = async (env: NonNullable<RunOptions['env']>): Promise<readonly Finding[]> => (await diagnosis({ ...demo, env })).findings.filter(({ check }) => check === 'store');
    expect(await ofStore({ ...demo.env, REDIS_URL: '' })).toEqual([{
      check: 'store', state: 'note', text: `A switch runs here whose store is Redis, and answers. ${file} is not in use: it is of a switch on SQLite, from before or elsewhere.`,
      todo: expect.stringContaining('REDIS_URL') as string,
    }]);
    expect(await ofStore(demo.env)).toContainEqual({
      check: 'store', state: 'note', text: `${file} is there and not in use: the store is Redis, and this file is of a switch on SQLite.`, todo: expect.stringContaining('Put it away') as string,
    });
  } finally {
    await demo.stop();
    await redis.stop();
  }
});

describe('after a stop', () => {
  let cwd: string;
  beforeAll(async () => {
    cwd = folder();
    const demo = await startDemo({ cwd });
    await bookOpened(demo);
    await demo.stop();
  });

  test('store, book, keys and the copy of the system tables are looked at where they lie', async () => {
    const found = await diagnosis({ cwd, env: drawn });
    expect(wrongOf(found)).toEqual([]);
    const texts = found.findings.map(({ text }) => text).join('\n');
    expect(texts).toContain('a commit is on disk before it is acknowledged');
    expect(texts).toContain('0 journal entries behind');
    expect(texts).toMatch(/The copy on this disk has revision \d+ with \d+ rows/);
  });

  test.for<[what: string, spoil: (data: string) => void, check: Finding['check'], text: RegExp, todo: RegExp]>([
    ['a copy of the system tables that was edited', (data) => writeFileSync(join(data, 'system-tables.json'), 'mine'), 'system tables', /is damaged/, /^Remove it/],
    ['a master key that others can read', (data) => chmodSync(join(data, 'master.key'), 0o644), 'keys', /can be read by others \(mode 644\)/, /^chmod 600/],
    ['another master key', (data) => {
      writeFileSync(join(data, 'master.key'), `${'ab'.repeat(32)}\n`);
      chmodSync(join(data, 'master.key'), 0o600);
    }, 'keys', /is wrapped under the master key with check value [0-9A-F]{6}, and this one has [0-9A-F]{6}/, /^Give the master key that this key file was made with/],
    ['a key file that is gone', (data) => rmSync(join(data, 'master.key')), 'keys', /master key file .* cannot be opened/, /without it no key opens/],
  ])('%s is found, with what to do', async ([, spoil, check, text, todo]) => {
    spoil(join(cwd, 'data'));
    const found = await diagnosis({ cwd, env: drawn });
    expect(found.code).toBe(1);
    const concerned = wrongOf(found).filter((finding) => finding.check === check);
    expect(concerned).toMatchObject([{ text: expect.stringMatching(text) as string, todo: expect.stringMatching(todo) as string }]);
  });
});

describe('what is wrong is found, with what to do', () => {
  test('a configuration that is refused', async () => {
    const cwd = folder();
    writeFileSync(join(cwd, 'locum.json'), '{"htpp": {}}');
    const found = await diagnosis({ cwd });
    expect(found).toMatchObject({ code: 1, ok: false });
    expect(wrongOf(found)).toMatchObject([{ check: 'configuration', text: expect.stringContaining('htpp is unknown (did you mean http?)') as string, todo: expect.stringContaining('docs/configuration.md') as string }]);
  });

  test('a variable that is misspelt', async () => {
    const found = await diagnosis({ cwd: folder(), env: { ...drawn, LOCUM_HTPP_PORT: '1' } });
    expect(wrongOf(found)).toMatchObject([{ check: 'configuration', text: 'LOCUM_HTPP_PORT is no setting; did you mean LOCUM_HTTP_PORT?' }]);
  });

  test('a data folder that is a file', async () => {
    const cwd = folder();
    writeFileSync(join(cwd, 'data'), '');
    expect(wrongOf(await diagnosis({ cwd, env: drawn }))).toContainEqual(expect.objectContaining({ check: 'data folder', text: `${join(cwd, 'data')} is not a folder.` }));
  });

  test('ports that somebody else has', async () => {
    const server = createServer((socket) => socket.on('error', () => undefined).end());
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, '127.0.0.1', resolve);
    await promise;
    const port = String((server.address() as AddressInfo).port);
    const found = wrongOf(await diagnosis({ cwd: folder(), env: { ...drawn, LOCUM_STATIONS_DEMO_1987_ASCII_LINK_LISTEN_PORT: port } }));
    const http = wrongOf(await diagnosis({ cwd: folder(), env: { ...drawn, LOCUM_HTTP_PORT: port } }));
    server.close();
    expect(found).toMatchObject([{ check: 'ports', text: expect.stringMatching(/cannot be listened on \(it is in use\), and is no switch's: /) as string, todo: expect.stringContaining('LOCUM_STATIONS_DEMO_1987_ASCII_LINK_LISTEN_PORT') as string }]);
    expect(http).toMatchObject([{ check: 'ports', text: `127.0.0.1:${port} (HTTP) cannot be listened on: it is in use.`, todo: expect.stringContaining('LOCUM_HTTP_PORT') as string }]);
  });

  test('a Redis and a PostgreSQL that are not there, without their passwords', async () => {
    const found = await diagnosis({ cwd: folder(), env: { ...drawn, REDIS_URL: 'redis://me:hunter2@127.0.0.1:1', DATABASE_URL: 'postgresql://me:hunter2@127.0.0.1:1/db' } });
    expect(wrongOf(found).map(({ check }) => check)).toEqual(['store', 'book']);
    expect(JSON.stringify(found)).not.toContain('hunter2');
    expect(JSON.stringify(found)).toContain('127.0.0.1:1');
  });

  test('what would let the switch\'s keys out of its memory; of the demo\'s it is only told', async () => {
    const env = { ...drawn, NODE_OPTIONS: '--heapsnapshot-signal=SIGUSR2' };
    const text = 'In NODE_OPTIONS, --heapsnapshot-signal writes heap snapshots, which lets the switch\'s keys out of its memory.';
    const own = folder();
    writeFileSync(join(own, 'locum.json'), '{"http": {"port": 0}}');
    expect(wrongOf(await diagnosis({ cwd: own, env }))).toContainEqual({ check: 'node', state: 'wrong', text, todo: 'Take it out: the switch does not start so.' });
    const demo = await diagnosis({ cwd: folder(), env });
    expect([demo.code, demo.findings.find((finding) => finding.text === text)?.state]).toEqual([0, 'note']);
  });

  test('no keys, where it is not the demo', async () => {
    const cwd = folder();
    mkdirSync(join(cwd, 'data'), { mode: 0o700 });
    writeFileSync(join(cwd, 'locum.json'), '{"http": {"port": 0}}');
    const found = wrongOf(await diagnosis({ cwd }));
    expect(found).toMatchObject([{ check: 'keys', text: expect.stringContaining('master key file') as string }]);
  });
});
