import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { openBook } from '../../src/book/connection.ts';
import type { Finding } from '../../src/cli/finding.ts';
import type { KeyInfo } from '../../src/keys/hsm.ts';
import { leastConfig } from '../../src/program/config-docs.ts';
import { startPostgres } from '../servers/postgres.ts';
import { emptyFolder, eventually, launched, locum, startDemo } from './locum.ts';
import type { Ended, RunOptions } from './locum.ts';

const folders: string[] = [];

afterAll(() => {
  for (const made of folders) rmSync(made, { recursive: true, force: true });
});

/** A folder with the documentation's configuration. */
function folder(config: object = leastConfig): string {
  const made = emptyFolder();
  folders.push(made);
  writeFileSync(join(made, 'locum.json'), JSON.stringify(config));
  return made;
}

async function withKeys(): Promise<string> {
  const cwd = folder();
  expect(await locum(['key', 'init'], { cwd })).toMatchObject({ code: 0, err: '' });
  return cwd;
}

async function keysOf(options: RunOptions): Promise<readonly KeyInfo[]> {
  const { code, out, err } = await locum(['key', 'list', '--json'], options);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return JSON.parse(out) as readonly KeyInfo[];
}

const importing = (cwd: string, input: string, name = 'gift-cvk'): Promise<Ended> => locum(['key', 'import', name, '--usage', 'cvk'], { cwd, input });

/** The pair that published verification values are made with, and its check value. */
const publishedKey = '0123456789ABCDEFFEDCBA9876543210';
const publishedKcv = '08D7B4';

test('a switch without the demo starts on the keys that the documentation\'s commands make, and answers', async () => {
  const cwd = folder();
  expect(await launched(['start'], { cwd })).toMatchObject({ code: 1, err: expect.stringMatching(/^locum start: the master key file .* cannot be opened.*; locum key init makes what is missing\.\n$/) as string });
  for (const words of [['key', 'init'], ['key', 'generate', 'gift-cvk', '--usage', 'cvk']]) {
    expect(await launched(words, { cwd })).toMatchObject({ code: 0, err: '' });
  }
  const running = await startDemo({ cwd, env: { LOCUM_STATIONS_POS_LINK_LISTEN_PORT: '0' } });
  expect(Object.keys(running.ports)).toEqual(['pos']);
  const echo = await launched(['send', 'echo', '--station', 'pos'], running);
  expect(echo).toMatchObject({ code: 0, out: expect.stringMatching(/: (?:Approved|Accepted|Network management accepted)/) as string });
  const purchase = await launched(['send', 'purchase', '--station', 'pos', '--pan', '4761735500000017', '--amount', '1.00', '--json'], running);
  const [exchange] = (JSON.parse(purchase.out) as { exchanges: readonly { response: { fields: readonly { path: string; value: string }[] } }[] }).exchanges;
  expect(exchange?.response.fields.find(({ path }) => path === '39')?.value).toBe('14');
  expect(await running.stop()).toMatchObject({ code: 0 });
  expect(running.lines.filter(({ event }) => event === 'program without its key')).toEqual([]);
});

test('a program whose key is not there is told of at the start and when the tables change, and by the doctor with the commands', async () => {
  const cwd = await withKeys();
  const postgres = await startPostgres();
  onTestFinished(() => postgres.remove());
  const databaseUrl = await postgres.database('keys');
  const running = await startDemo({ cwd, env: { LOCUM_STATIONS_POS_LINK_LISTEN_PORT: '0', LOCUM_BOOK_REFRESH_MS: '100', DATABASE_URL: databaseUrl } });
  const told = (): (readonly [unknown, unknown])[] => running.lines.filter(({ event }) => event === 'program without its key').map(({ program, cvk }) => [program, cvk]);
  expect(told()[0]).toEqual(['gift', 'gift-cvk']);
  // The book may come after the switch.
  await eventually(() => Promise.resolve(running.lines), (lines) => lines.some(({ event, from }) => event === 'system tables read' && from === 'book'));
  const book = await openBook({ databaseUrl });
  await book.query(`update system_table set document = document || '{"cvk": "token"}' where kind = 'program'`);
  await book.close();
  await eventually(() => Promise.resolve(told()), (lines) => lines.some(([, cvk]) => cvk === 'token'));
  await running.stop();
  const todo = async (): Promise<(string | undefined)[]> => {
    const { out } = await locum(['doctor', '--json'], { cwd });
    return (JSON.parse(out) as { findings: readonly Finding[] }).findings.filter(({ check, state }) => check === 'keys' && state === 'wrong').map((finding) => finding.todo);
  };
  expect(await todo()).toEqual([expect.stringMatching(/^locum key generate gift-cvk --usage cvk makes it, locum key import gift-cvk --usage cvk /)]);
  rmSync(join(cwd, 'data/keys.json'));
  expect(await todo()).toEqual([expect.stringMatching(/^locum key init makes one/)]);
  rmSync(join(cwd, 'data/master.key'));
  expect(await todo()).toEqual([expect.stringMatching(/^locum key init makes it, and the key file/)]);
});

describe('locum key init', () => {
  test('makes both files for their owner alone, and says what losing the master key means', async () => {
    const cwd = folder();
    const { code, out, err } = await locum(['key', 'init'], { cwd });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('whoever loses it loses every key');
    for (const file of ['master.key', 'keys.json']) expect(statSync(join(cwd, 'data', file)).mode & 0o777, file).toBe(0o600);
    expect(out).not.toContain(readFileSync(join(cwd, 'data/master.key'), 'utf8').trim());
    expect(await keysOf({ cwd })).toMatchObject([{ name: 'pan', usage: 'pan', version: 1 }, { name: 'token', usage: 'token', version: 1 }]);
  });

  test('leaves what is there as it is', async () => {
    const cwd = await withKeys();
    const contents = (): string[] => ['master.key', 'keys.json'].map((file) => readFileSync(join(cwd, 'data', file), 'utf8'));
    const before = contents();
    const { code, out } = await locum(['key', 'init'], { cwd });
    expect({ code, said: out.match(/stays as it is/g)?.length }).toEqual({ code: 0, said: 2 });
    expect(contents()).toEqual(before);
  });

  test('makes no second master key for a key file that has one', async () => {
    const cwd = await withKeys();
    rmSync(join(cwd, 'data/master.key'));
    expect(await locum(['key', 'init'], { cwd })).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/^locum key init: .*keys\.json is there, and its master key .* is not; .*\.\n$/) as string });
    expect(() => statSync(join(cwd, 'data/master.key'))).toThrow('ENOENT');
  });

  test('refuses a master key that the key file was not made with', async () => {
    const cwd = await withKeys();
    const env = { LOCUM_MASTER_KEY: 'ab'.repeat(32) };
    expect(await locum(['key', 'init'], { cwd, env })).toMatchObject({ code: 1, err: expect.stringContaining('is wrapped under the master key with check value') as string });
  });

  test('takes the master key of the environment, and makes no file of it', async () => {
    const cwd = folder({ ...leastConfig, keys: { masterKey: { variable: 'SWITCH_MASTER' } } });
    expect(await locum(['key', 'init'], { cwd })).toMatchObject({ code: 1, err: 'locum key init: the environment variable SWITCH_MASTER is not set, and the master key is to be there.\n' });
    expect(await locum(['key', 'init'], { cwd, env: { SWITCH_MASTER: 'ab'.repeat(32) } })).toMatchObject({ code: 0, err: '' });
    expect(() => statSync(join(cwd, 'data/master.key'))).toThrow('ENOENT');
    expect(await keysOf({ cwd })).toHaveLength(2);
  });

  test('goes by --config, and with the demo makes what the demo needs', async () => {
    const cwd = folder();
    mkdirSync(join(cwd, 'etc'));
    writeFileSync(join(cwd, 'etc/mine.json'), JSON.stringify({ demo: true, dataDir: '../elsewhere' }));
    expect(await locum(['key', 'init', '--config', 'etc/mine.json'], { cwd })).toMatchObject({ code: 0 });
    const { out } = await locum(['key', 'list', '--config', 'etc/mine.json'], { cwd });
    expect(out.split('\n').slice(0, 2)).toEqual([expect.stringMatching(/^name +version +usage +algorithm +check value$/), expect.stringMatching(new RegExp(`^demo-cvk +1 +cvk +tdes-2key +${publishedKcv}$`))]);
  });

  test('a folder that cannot be made is told in a sentence', async () => {
    const cwd = folder();
    writeFileSync(join(cwd, 'data'), '');
    expect(await locum(['key', 'init'], { cwd })).toMatchObject({ code: 1, err: `locum key init: the folder ${join(cwd, 'data')} cannot be made (EEXIST).\n` });
  });
});

describe('locum key import', () => {
  test('a key of one line and the same key of two components have the published check value', async () => {
    const cwd = await withKeys();
    const whole = await importing(cwd, `${publishedKey}\n`);
    const parts = await importing(cwd, '1123 4567 89AB CDEF FEDC BA98 7654 3210\r\n10000000000000000000000000000000\r\n', 'bureau-cvk');
    for (const { code, out, err } of [whole, parts]) {
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(out).toContain(`check value ${publishedKcv}`);
      expect(out).not.toContain(publishedKey);
    }
    expect((await keysOf({ cwd })).filter(({ usage }) => usage === 'cvk')).toMatchObject([
      { name: 'bureau-cvk', version: 1, algorithm: 'tdes-2key', kcv: publishedKcv }, { name: 'gift-cvk', version: 1, kcv: publishedKcv },
    ]);
  });

  test.for<[what: string, input: string, sentence: RegExp]>([
    ['nothing', '\n', /has 0 lines\.\n$/],
    ['three lines', `${publishedKey}\n`.repeat(3), /has 3 lines\.\n$/],
    ['a key of single length', publishedKey.slice(16), /line 1 of standard input is not 32 hexadecimal digits, as a cvk key has\.\n$/],
    ['a component that is no hexadecimal', `${publishedKey}\n${'x'.repeat(32)}`, /line 2 of standard input is not 32 hexadecimal digits/],
    ['components that cancel out', `${publishedKey}\n${publishedKey}`, /the key gift-cvk is nothing but zeros\.\n$/],
  ])('%s is refused without being shown', async ([, input, sentence]) => {
    const cwd = await withKeys();
    const { code, out, err } = await importing(cwd, input);
    expect(code).toBe(1);
    expect(err).toMatch(sentence);
    expect(out + err).not.toContain(publishedKey.slice(16));
    expect(await keysOf({ cwd })).toHaveLength(2);
  });
});

test('a second key of the same name is its next version, and the consequence is told', async () => {
  const cwd = await withKeys();
  await locum(['key', 'generate', 'gift-cvk', '--usage', 'cvk'], { cwd });
  const { out } = await locum(['key', 'generate', 'gift-cvk', '--usage', 'cvk'], { cwd });
  expect(out).toMatch(/gift-cvk, version 2, .*\nVerification values that were made with version 1 fail their check from then on\.\n$/);
  const both = (await keysOf({ cwd })).filter(({ name }) => name === 'gift-cvk');
  expect(new Set(both.map(({ kcv }) => kcv)).size).toBe(2);
});

test.for<[words: string, code: number, sentence: string]>([
  ['key', 2, 'locum: key is followed by a word: key init, key generate, key import, key list.'],
  ['key generate --usage cvk', 2, 'locum key generate: the name of the key is missing.'],
  ['key generate gift-cvk', 2, 'locum key generate: --usage is missing; it is one of token, pan, cvk.'],
  ['key generate gift-cvk --usage zmk', 2, 'locum key generate: --usage is unknown; it is one of token, pan, cvk.'],
  [`key import gift-cvk ${publishedKey} --usage cvk`, 2, 'locum key import: one name follows key import, and nothing else: a key itself is never an argument.'],
  ['key generate Gift --usage cvk', 1, 'locum key generate: a key name is 1 to 64 of a-z, 0-9, dot and hyphen.'],
  ['key generate second --usage token', 1, 'locum key generate: second is the token key, and there is one only.'],
])('%s is refused in a sentence', async ([words, code, sentence]) => {
  const { code: exit, err } = await locum(words.split(' '), { cwd: await withKeys() });
  expect({ exit, err: err.startsWith(sentence) ? sentence : err }).toEqual({ exit: code, err: sentence });
});

test('without a key file the commands name the one that makes it', async () => {
  const cwd = folder();
  for (const words of [['list'], ['generate', 'gift-cvk', '--usage', 'cvk'], ['import', 'gift-cvk', '--usage', 'cvk']]) {
    expect(await locum(['key', ...words], { cwd })).toMatchObject({ code: 1, err: expect.stringMatching(/there is no key file .*keys\.json; locum key init makes it\.\n$/) as string });
  }
});
