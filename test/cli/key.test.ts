import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { openBook } from '../../src/book/connection.ts';
import type { Finding } from '../../src/cli/finding.ts';
import type { AccessLine } from '../../src/keys/access-log.ts';
import type { KeyInfo } from '../../src/keys/hsm.ts';
import { leastConfig } from '../../src/program/config-docs.ts';
import { startPostgres } from '../servers/postgres.ts';
import { keyInputs } from './key-inputs.ts';
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

async function logOf(cwd: string): Promise<readonly AccessLine[]> {
  const { code, out } = await locum(['key', 'log', '--json'], { cwd });
  expect(code).toBe(0);
  return JSON.parse(out) as readonly AccessLine[];
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
  expect(running.lines.filter(({ event }) => event === 'key missing')).toEqual([]);
});

test('a program whose key is not there is told of at the start and when the tables change, and by the doctor with the commands', async () => {
  const cwd = await withKeys();
  const postgres = await startPostgres();
  onTestFinished(() => postgres.remove());
  const databaseUrl = await postgres.database('keys');
  const running = await startDemo({ cwd, env: { LOCUM_STATIONS_POS_LINK_LISTEN_PORT: '0', LOCUM_BOOK_REFRESH_MS: '100', DATABASE_URL: databaseUrl } });
  const told = (): (readonly [unknown, unknown])[] => running.lines.filter(({ event }) => event === 'key missing').map(({ named, key }) => [named, key]);
  expect(told()[0]).toEqual(['programs.gift.cvk', 'gift-cvk']);
  // The book may come after the switch.
  await eventually(() => Promise.resolve(running.lines), (lines) => lines.some(({ event, from }) => event === 'system tables read' && from === 'book'));
  const book = await openBook({ databaseUrl });
  await book.query(`update system_table set document = document || '{"cvk": "token"}' where kind = 'program'`);
  await book.close();
  await eventually(() => Promise.resolve(told()), (lines) => lines.some(([, key]) => key === 'token'));
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

test('a key of a kind that the setting beside it cannot use is told of, at the start and by the doctor', async () => {
  const cwd = await withKeys();
  for (const words of ['partner-zak --usage zak --algorithm aes-128', 'gift-cavv --usage cavv', 'gift-cvk --usage cvk']) await locum(`key generate ${words}`.split(' '), { cwd });
  const config = JSON.parse(readFileSync(join(cwd, 'locum.json'), 'utf8')) as { stations: Record<string, object>; programs: Record<string, object> };
  Object.assign(config.stations['pos']!, { security: { mac: { key: 'partner-zak' } } });
  Object.assign(config.programs['gift']!, { authentication: { key: 'gift-cavv', form: 'mastercard-spa1' } });
  writeFileSync(join(cwd, 'locum.json'), JSON.stringify(config));
  const { code, out } = await locum(['doctor'], { cwd });
  expect(code).toBe(1);
  expect(out).toContain('stations.pos.security.mac.key names the key partner-zak, which is aes-128, and stations.pos.security.mac.algorithm (retail) takes a triple DES key.');
  expect(out).toContain('programs.gift.authentication.key names the key gift-cavv, which is tdes-2key, and programs.gift.authentication.form (mastercard-spa1) takes an HMAC key.');
  const running = await startDemo({ cwd, env: { LOCUM_STATIONS_POS_LINK_LISTEN_PORT: '0' } });
  await running.stop();
  expect(running.lines.filter(({ event }) => event === 'key missing').map(({ todo }) => todo)).toEqual(expect.arrayContaining([
    'partner-zak is aes-128, and stations.pos.security.mac.algorithm (retail) takes a triple DES key',
    'gift-cavv is tdes-2key, and programs.gift.authentication.form (mastercard-spa1) takes an HMAC key',
  ]));
});

describe('locum key init', () => {
  test('makes both files for their owner alone, and says what losing the master key means', async () => {
    const cwd = folder();
    const { code, out, err } = await locum(['key', 'init'], { cwd });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('whoever loses it loses every key');
    for (const file of ['master.key', 'keys.json']) expect(statSync(join(cwd, 'data', file)).mode & 0o777, file).toBe(0o600);
    expect(out).not.toContain(readFileSync(join(cwd, 'data/master.key'), 'utf8').trim());
    expect(await keysOf({ cwd })).toMatchObject(['pan', 'pin', 'token'].map((usage) => ({ name: usage, usage, version: 1 })));
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
    expect(await keysOf({ cwd })).toHaveLength(3);
  });

  test('goes by --config, and with the demo makes what the demo needs', async () => {
    const cwd = folder();
    mkdirSync(join(cwd, 'etc'));
    writeFileSync(join(cwd, 'etc/mine.json'), JSON.stringify({ demo: true, dataDir: '../elsewhere' }));
    expect(await locum(['key', 'init', '--config', 'etc/mine.json'], { cwd })).toMatchObject({ code: 0 });
    const { out } = await locum(['key', 'list', '--config', 'etc/mine.json'], { cwd });
    expect(out.split('\n')[0]).toMatch(/^name +version +usage +algorithm +check value$/);
    expect(out).toMatch(new RegExp(`^demo-cvk +1 +cvk +tdes-2key +${publishedKcv}$`, 'm'));
    expect(out).toMatch(/^pin +1 +pin +aes-256 /m);
  });

  test('a folder that cannot be made is told in a sentence', async () => {
    const cwd = folder();
    writeFileSync(join(cwd, 'data'), '');
    expect(await locum(['key', 'init'], { cwd })).toMatchObject({ code: 1, err: `locum key init: the folder ${join(cwd, 'data')} cannot be made (EEXIST).\n` });
  });
});

describe('locum key import', () => {
  test('a key in clear is taken for tests, and has the published check value', async () => {
    const cwd = await withKeys();
    const { code, out, err } = await importing(cwd, '0123 4567 89AB CDEF FEDC BA98 7654 3210\r\n');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain(`check value ${publishedKcv}`);
    expect(out).not.toContain('4567');
    expect((await keysOf({ cwd })).filter(({ usage }) => usage === 'cvk')).toMatchObject([{ name: 'gift-cvk', version: 1, algorithm: 'tdes-2key', kcv: publishedKcv }]);
  });

  test.for<[what: string, input: string, options: string, sentence: RegExp]>([
    ['nothing', '\n', '', /has 0 lines\.\n$/],
    ['components on two lines, which one person would have both of', `${publishedKey}\n${publishedKey}\n`, '', /\(components are entered each by its custodian: locum key component\) on one line, and has 2 lines\.\n$/],
    ['a key of single length', publishedKey.slice(16), '', /a cvk key is tdes-2key and has 16 bytes; this one has 8\.\n$/],
    ['what is no hexadecimal', 'x'.repeat(32), '', /not in hexadecimal digits/],
    ['a key of even parity', publishedKey.replace(/0$/, '1'), '', /has bytes of even parity, which no DES key has/],
    ['a key with another check value', publishedKey, ' --kcv 123456', /the key gift-cvk has the check value 08D7B4, and not the expected one\.\n$/],
    ['a key block under no key', publishedKey, ' --under none', /there is no key named none\.\n$/],
    ['a key block under what is no key-encrypting key', publishedKey, ' --under pan', /the key pan is for pan, not for kek\.\n$/],
  ])('%s is refused without being shown, and that is written down', async ([, input, options, sentence]) => {
    const cwd = await withKeys();
    const { code, out, err } = await locum(`key import gift-cvk --usage cvk${options}`.split(' '), { cwd, input });
    expect(code).toBe(1);
    expect(err).toMatch(sentence);
    expect(out + err).not.toContain(publishedKey.slice(16));
    expect(await keysOf({ cwd })).toHaveLength(3);
    const refused = (await logOf(cwd)).filter((line) => line.refused !== undefined);
    expect(refused.map(({ operation, key }) => [operation, key])).toEqual(/lines|hexadecimal/.test(err) ? [] : [[options.includes('under') ? 'import' : 'import clear', 'gift-cvk']]);
  });

  test('a key-encrypting key in clear is taken where that is said to be meant', async () => {
    const cwd = await withKeys();
    const words = ['key', 'import', 'kek', '--usage', 'kek'];
    expect(await locum(words, { cwd, input: publishedKey })).toMatchObject({ code: 1, err: expect.stringMatching(/known to whoever typed it, and opens every key under it: enter it as components .* or say --clear-kek/) as string });
    expect(await locum([...words, '--clear-kek'], { cwd, input: publishedKey })).toMatchObject({ code: 0, err: '' });
  });
});

describe('locum key component', () => {
  const enter = (cwd: string, input: string, words: string): Promise<Ended> => locum(['key', 'component', 'scheme-kek', ...words.split(' ')], { cwd, input });
  const first = '--usage kek --of 2 --custodian alice --expect-kcv 7B83';

  test('two custodians make a key; what waits is listed, and who entered what is written down', async () => {
    const cwd = await withKeys();
    expect(await enter(cwd, keyInputs['alice.txt']!, first)).toMatchObject({ code: 0, err: '', out: 'Component 1 of 2 of scheme-kek, by alice: check value 212CF9.\n1 more to come, each by another custodian.\n' });
    expect((await locum(['key', 'list'], { cwd })).out).toMatch(/^scheme-kek, for kek \(tdes-2key\), waits for 1 of 2 components; entered by alice \(check value 212CF9\)\.$/m);
    expect(JSON.parse((await locum(['key', 'list', '--pending', '--json'], { cwd })).out)).toMatchObject([{ name: 'scheme-kek', of: 2, components: [{ custodian: 'alice' }] }]);
    const { out } = await enter(cwd, keyInputs['bob.txt']!, '--custodian bob');
    expect(out).toMatch(/scheme-kek, version 1, for kek \(tdes-2key\), check value 7B8358\. A running switch takes it within seconds\.\n$/);
    expect((await locum(['key', 'list', '--pending'], { cwd })).out).toBe('No key waits for components.\n');
    expect((await logOf(cwd)).slice(3).map(({ operation, custodian, kcv }) => [operation, custodian, kcv])).toEqual([
      ['component', 'alice', '212CF9'], ['component', 'bob', '5FD6C7'], ['complete', undefined, '7B8358'],
    ]);
  });

  test('one custodian cannot enter both, and a wrong component is not kept', async () => {
    const cwd = await withKeys();
    await enter(cwd, keyInputs['alice.txt']!, first);
    expect(await enter(cwd, keyInputs['bob.txt']!, '--custodian alice')).toMatchObject({ code: 1, err: 'locum key component: alice has entered a component of scheme-kek already; another custodian enters the next one.\n' });
    expect(await enter(cwd, '1111111111111111222222222222222F', '--custodian bob')).toMatchObject({ code: 1, err: expect.stringContaining('not the expected one') as string });
    expect(await enter(cwd, keyInputs['bob.txt']!, '--custodian bob --kcv 123456')).toMatchObject({ code: 1, err: expect.stringContaining('and not the one that it came with') as string });
    expect(await enter(cwd, keyInputs['bob.txt']!, '--custodian bob --kcv 5FD6C7')).toMatchObject({ code: 0 });
    expect((await logOf(cwd)).filter(({ refused }) => refused !== undefined)).toHaveLength(3);
  });

  test('what was entered is forgotten with --cancel', async () => {
    const cwd = await withKeys();
    await enter(cwd, keyInputs['alice.txt']!, first);
    expect(await enter(cwd, '', '--cancel')).toMatchObject({ code: 0, out: 'The components of scheme-kek are forgotten.\n' });
    expect(await enter(cwd, '', '--cancel')).toMatchObject({ code: 1 });
    expect(await enter(cwd, keyInputs['bob.txt']!, '--custodian bob')).toMatchObject({ code: 1, err: expect.stringContaining('the first one says what the key is for') as string });
  });

  test('the files of a key that was drawn for custodians make it at the other party', async () => {
    const [ours, theirs] = [await withKeys(), await withKeys()];
    const { code, out, err } = await locum('key generate zone-kek --usage kek --algorithm aes-256 --components 3 --out-dir ceremony'.split(' '), { cwd: ours });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const files = [1, 2, 3].map((index) => join(ours, `ceremony/zone-kek-${index}-of-3.txt`));
    for (const [index, file] of files.entries()) {
      expect(statSync(file).mode & 0o777).toBe(0o600);
      const input = readFileSync(file, 'utf8');
      expect(out).not.toContain(input.trim());
      await locum(`key component zone-kek --usage kek --algorithm aes-256 --of 3 --custodian c${index}`.split(' '), { cwd: theirs, input });
    }
    const [one, other] = await Promise.all([ours, theirs].map(async (cwd) => (await keysOf({ cwd })).find(({ name }) => name === 'zone-kek')));
    expect(other).toEqual(one);
    expect(await locum('key generate zone-kek --usage kek --algorithm aes-256 --components 3 --out-dir ceremony'.split(' '), { cwd: ours })).toMatchObject({ code: 1, err: expect.stringContaining('exists already') as string });
    expect((await keysOf({ cwd: ours })).filter(({ name }) => name === 'zone-kek')).toHaveLength(1);
  });
});

test('a key that was exported by one switch is imported by another, and nothing else goes out', async () => {
  const [ours, theirs] = [await withKeys(), await withKeys()];
  for (const cwd of [ours, theirs]) await locum('key import kek --usage kek --clear-kek'.split(' '), { cwd, input: publishedKey });
  await locum('key generate zone --usage zpk'.split(' '), { cwd: ours });
  const { out: block } = await locum('key export zone --under kek'.split(' '), { cwd: ours });
  expect(block).toMatch(/^B0080P0TB00N0000[0-9A-F]{64}\n$/);
  expect(await locum('key import zone --usage zak --under kek'.split(' '), { cwd: theirs, input: block })).toMatchObject({ code: 1, err: expect.stringContaining('is for P0, and a zak key is for M3') as string });
  expect(await locum('key import zone --usage zpk --under kek'.split(' '), { cwd: theirs, input: block })).toMatchObject({ code: 0 });
  expect((await keysOf({ cwd: theirs })).find(({ name }) => name === 'zone')?.kcv).toBe((await keysOf({ cwd: ours })).find(({ name }) => name === 'zone')?.kcv);
  expect(await locum('key export pan --under kek'.split(' '), { cwd: ours })).toMatchObject({ code: 1, out: '' });
  expect(await locum('key export zone --under kek'.split(' '), { cwd: theirs })).toMatchObject({ code: 1, out: '', err: expect.stringContaining('does not allow its export') as string });
  expect(await locum('key export zone'.split(' '), { cwd: ours })).toMatchObject({ code: 2, out: '' });
  expect((await logOf(ours)).filter(({ operation }) => operation === 'export').map(({ key, under, refused }) => [key, under, refused])).toEqual([['zone', 'kek', undefined], ['pan', 'kek', 'key_refused']]);
});

test('a running switch takes keys that are added and rotated, and a new master key changes nothing for it', async () => {
  const cwd = await withKeys();
  const running = await startDemo({ cwd, env: { LOCUM_STATIONS_POS_LINK_LISTEN_PORT: '0' } });
  const loaded = (): number => running.lines.filter(({ event }) => event === 'keys loaded').length;
  for (const [index, words] of ['generate gift-cvk --usage cvk', 'rotate gift-cvk --overlap 1h', 'rotate-master', 'retire gift-cvk --key-version 1'].entries()) {
    expect(await locum(['key', ...words.split(' ')], { cwd })).toMatchObject({ code: 0, err: '' });
    await eventually(() => Promise.resolve(loaded()), (count) => count > index);
  }
  expect(running.lines.filter(({ event }) => event === 'keys not loaded')).toEqual([]);
  expect(await launched(['send', 'echo', '--station', 'pos'], running)).toMatchObject({ code: 0 });
  expect(await running.stop()).toMatchObject({ code: 0 });
});

describe('locum key rotate and retire', () => {
  test('the version before has its time, and is destroyed when that is said', async () => {
    const cwd = await withKeys();
    await locum('key generate gift-cvk --usage cvk'.split(' '), { cwd });
    expect(await locum(['key', 'rotate', 'gift-cvk'], { cwd })).toMatchObject({ code: 2, err: expect.stringContaining('--overlap is missing') as string });
    const { out } = await locum('key rotate gift-cvk --overlap 90d'.split(' '), { cwd });
    const [first, second] = (await keysOf({ cwd })).filter(({ name }) => name === 'gift-cvk');
    expect(out).toContain(`Checks are made with version 1 as well until ${new Date(first?.checksUntilMs ?? 0).toISOString()}.`);
    expect((first?.checksUntilMs ?? 0) - Date.now()).toBeGreaterThan(89 * 86_400_000);
    expect(second).toMatchObject({ version: 2, usage: 'cvk' });
    expect(await locum('key retire gift-cvk --key-version 2'.split(' '), { cwd })).toMatchObject({ code: 1 });
    expect(await locum('key retire gift-cvk'.split(' '), { cwd })).toMatchObject({ code: 2 });
    expect(await locum('key retire gift-cvk --key-version 1'.split(' '), { cwd })).toMatchObject({ code: 0, out: expect.stringMatching(/^Destroyed: gift-cvk, version 1, /) as string });
    expect(await locum('key retire gift-cvk --all'.split(' '), { cwd })).toMatchObject({ code: 0 });
    expect(await keysOf({ cwd })).toHaveLength(3);
  });

  test('what seals takes no overlap, and tokens have one key for ever', async () => {
    const cwd = await withKeys();
    expect(await locum(['key', 'rotate', 'pan'], { cwd })).toMatchObject({ code: 0, out: expect.stringContaining('What was sealed with version 1 still opens.') as string });
    expect(await locum('key rotate pan --overlap 1d'.split(' '), { cwd })).toMatchObject({ code: 2, err: expect.stringContaining('what is sealed with pan opens for ever') as string });
    expect((await keysOf({ cwd })).filter((key) => 'checksUntilMs' in key)).toEqual([]);
    expect(await locum(['key', 'rotate', 'token'], { cwd })).toMatchObject({ code: 1, err: 'locum key rotate: the token key token has a version already, and can have one only.\n' });
  });
});

describe('locum key rotate-master', () => {
  test('a file is replaced, and every key opens under the new one', async () => {
    const cwd = await withKeys();
    const file = join(cwd, 'data/master.key');
    const before = readFileSync(file, 'utf8');
    const { code, out } = await locum(['key', 'rotate-master'], { cwd });
    expect(code).toBe(0);
    expect(readFileSync(file, 'utf8')).not.toBe(before);
    expect(out).not.toContain(readFileSync(file, 'utf8').trim());
    expect(await locum(['key', 'generate', 'gift-cvk', '--usage', 'cvk'], { cwd })).toMatchObject({ code: 0 });
    writeFileSync(file, before);
    expect(await locum(['key', 'generate', 'gift-cvk', '--usage', 'cvk'], { cwd })).toMatchObject({ code: 1, err: expect.stringContaining('is wrapped under the master key') as string });
  });

  test('a variable is replaced by another, and either start works with both', async () => {
    const cwd = folder({ ...leastConfig, keys: { masterKey: { variable: 'SWITCH_MASTER' } } });
    const [one, two] = ['ab'.repeat(32), 'cd'.repeat(32)];
    await locum(['key', 'init'], { cwd, env: { SWITCH_MASTER: one } });
    expect(await locum(['key', 'rotate-master'], { cwd, env: { SWITCH_MASTER: one } })).toMatchObject({ code: 1, err: 'locum key rotate-master: the environment variable SWITCH_MASTER_NEXT is not set, and the master key is to be there.\n' });
    const both = { SWITCH_MASTER: one, SWITCH_MASTER_NEXT: two };
    expect(await locum(['key', 'rotate-master'], { cwd, env: both })).toMatchObject({ code: 0, err: '' });
    for (const env of [both, { SWITCH_MASTER: two }]) expect(await locum(['key', 'generate', 'gift-cvk', '--usage', 'cvk'], { cwd, env })).toMatchObject({ code: 0 });
    expect(await locum(['key', 'generate', 'gift-cvk', '--usage', 'cvk'], { cwd, env: { SWITCH_MASTER: one } })).toMatchObject({ code: 1 });
  });
});

describe('locum key log', () => {
  test('says who did what, and that it is whole, or where it is not', async () => {
    const cwd = await withKeys();
    await locum('key generate gift-cvk --usage cvk'.split(' '), { cwd });
    const { out } = await locum(['key', 'log'], { cwd });
    expect(out).toMatch(/^\S+Z {2}\S.* \(locum key\) +generate +gift-cvk\/1 +for cvk, check value [0-9A-F]{6}$/m);
    expect((await locum(['key', 'log', '--last', '1'], { cwd })).out.split('\n')).toHaveLength(2);
    const whole = await locum(['key', 'log', '--verify'], { cwd });
    expect(whole).toMatchObject({ code: 0, out: expect.stringMatching(/ has 4 lines, each of which follows the one before\. .* [0-9a-f]{64}\n$/) as string });
    const noted = /[0-9a-f]{64}/.exec(whole.out)?.[0] ?? '';
    const file = join(cwd, 'data/keys.json.log');
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    writeFileSync(file, `${lines.slice(0, 3).join('\n')}\n`);
    expect(await locum(['key', 'log', '--verify'], { cwd })).toMatchObject({ code: 0 });
    expect(await locum(['key', 'log', '--verify', '--noted', noted], { cwd })).toMatchObject({ code: 1, out: expect.stringContaining('Wrong: the line with the hash that was noted is not there.') as string });
    writeFileSync(file, `${[lines[0], ...lines.slice(2)].join('\n')}\n`);
    expect(await locum(['key', 'log', '--verify'], { cwd })).toMatchObject({ code: 1, out: expect.stringContaining('Wrong: line 2 does not follow') as string });
  });
});

test('what cannot be written down is not done', async () => {
  const cwd = await withKeys();
  const before = readFileSync(join(cwd, 'data/keys.json'), 'utf8');
  rmSync(join(cwd, 'data/keys.json.log'));
  mkdirSync(join(cwd, 'data/keys.json.log'));
  for (const words of ['generate gift-cvk --usage cvk', 'rotate pan', 'rotate-master', 'generate zone --usage kek --components 2 --out-dir ceremony', 'retire pan --all']) {
    expect(await locum(['key', ...words.split(' ')], { cwd })).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/keys\.json\.log cannot be opened/) as string });
  }
  expect(readFileSync(join(cwd, 'data/keys.json'), 'utf8')).toBe(before);
});

test('the doctor tells of components that are waited for, and of a change of the master key that was interrupted', async () => {
  const cwd = await withKeys();
  await locum('key generate gift-cvk --usage cvk'.split(' '), { cwd });
  await locum('key component zone --usage kek --of 2 --custodian alice'.split(' '), { cwd, input: keyInputs['alice.txt']! });
  const master = join(cwd, 'data/master.key');
  const before = readFileSync(master, 'utf8');
  await locum(['key', 'rotate-master'], { cwd });
  renameSync(master, `${master}.new`);
  writeFileSync(master, before, { mode: 0o600 });
  const { out } = await locum(['doctor', '--json'], { cwd });
  const keys = (JSON.parse(out) as { findings: readonly Finding[] }).findings.filter(({ check }) => check === 'keys');
  expect(keys.map(({ state }) => state)).toEqual(['ok', 'ok', 'note', 'note']);
  expect(keys.slice(2).map(({ text }) => text)).toEqual(['The key zone waits for 1 component of 2.', expect.stringMatching(/^A change of the master key was interrupted: /)]);
});

test('a second key of the same name is its next version, and the consequence is told', async () => {
  const cwd = await withKeys();
  await locum(['key', 'generate', 'gift-cvk', '--usage', 'cvk'], { cwd });
  const { out } = await locum(['key', 'generate', 'gift-cvk', '--usage', 'cvk'], { cwd });
  expect(out).toMatch(/gift-cvk, version 2, .*\nWhat was made with version 1 fails its check from then on\.\n$/);
  const both = (await keysOf({ cwd })).filter(({ name }) => name === 'gift-cvk');
  expect(new Set(both.map(({ kcv }) => kcv)).size).toBe(2);
});

test.for<[words: string, code: number, sentence: string]>([
  ['key', 2, 'locum: key is followed by a word: key init, key generate, key component, key import, key export, key list, key rotate, key retire, key rotate-master, key log.'],
  ['key generate --usage cvk', 2, 'locum key generate: the name of the key is missing.'],
  ['key generate gift-cvk', 2, 'locum key generate: --usage is missing; it is one of token, pan, pin, cvk, imk-cvc, cavv, pvk, zpk, bdk, imk-ac, imk-smi, imk-smc, zak, kek.'],
  ['key generate gift-cvk --usage zmk', 2, 'locum key generate: --usage is unknown; it is one of token, pan, pin, cvk, imk-cvc, cavv, pvk, zpk, bdk, imk-ac, imk-smi, imk-smc, zak, kek.'],
  [`key import gift-cvk ${publishedKey} --usage cvk`, 2, 'locum key import: one name follows key import, and nothing else: a key itself is never an argument.'],
  ['key generate Gift --usage cvk', 1, 'locum key generate: a key name is 1 to 64 of a-z, 0-9, dot and hyphen.'],
  ['key generate gift-cvk --usage cvk --algorithm aes-256', 1, 'locum key generate: a cvk key is tdes-2key, not aes-256.'],
  ['key generate gift-cvk --usage cvk --algorithm des', 2, 'locum key generate: --algorithm is unknown;'],
  ['key generate gift-cvk --usage cvk --overlap 1w', 2, 'locum key generate: --overlap is a number of days, hours or minutes, such as 90d, 36h or 30m, not 1w.'],
  ['key generate gift-cvk --usage cvk --components 2', 2, 'locum key generate: --components and --out-dir go together.'],
  ['key component zone --usage kek --of 2', 2, 'locum key component: --custodian is missing: whose component it is.'],
  ['key import zone --usage zpk --ecb --under kek', 2, 'locum key import: --ecb needs --under and --kcv: nothing else says whether the key is the right one.'],
  ['key import zone --usage zpk --kcv 12', 2, 'locum key import: --kcv is a check value: 4 to 16 hexadecimal digits.'],
  ['key rotate none --overlap 0', 1, 'locum key rotate: there is no key named none.'],
  ['key rotate-master --to-variable X', 2, 'locum key rotate-master: --to-variable is for a master key in a variable, and this one is in a file.'],
  ['key log --noted x', 2, 'locum key log: --noted goes with --verify.'],
  ['key generate second --usage token', 1, 'locum key generate: second is the token key, and there is one only.'],
])('%s is refused in a sentence', async ([words, code, sentence]) => {
  const { code: exit, err } = await locum(words.split(' '), { cwd: await withKeys() });
  expect({ exit, err: err.startsWith(sentence) ? sentence : err }).toEqual({ exit: code, err: sentence });
});

test('without a key file the commands name the one that makes it', async () => {
  const cwd = folder();
  for (const words of [['list'], ['log'], ['rotate-master'], ['retire', 'gift-cvk', '--all'], ['generate', 'gift-cvk', '--usage', 'cvk'], ['import', 'gift-cvk', '--usage', 'cvk']]) {
    expect(await locum(['key', ...words], { cwd })).toMatchObject({ code: 1, err: expect.stringMatching(/there is no key file .*keys\.json; locum key init makes it\.\n$/) as string });
  }
});
