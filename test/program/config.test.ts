import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/base/schema.ts';
import { loadConfig } from '../../src/program/config.ts';
import type { Config } from '../../src/program/config.ts';
import { configurationMarkdown, exampleConfig } from '../../src/program/config-docs.ts';
import { settingsOf, variableOf } from '../../src/tables/environment.ts';
import { configSchema } from '../../src/program/config-schema.ts';

const folder = mkdtempSync(join(tmpdir(), 'locum-config-'));
const file = join(folder, 'mine.json');

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

type Variables = Readonly<Record<string, string>>;

function withFile(content: unknown, environment: Variables = {}): Config {
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return loadConfig({ file, environment, cwd: folder, hostName: 'host' });
}

function withoutFile(environment: Variables = {}): Config {
  return loadConfig({ environment, cwd: join(folder, 'nothing-here'), hostName: 'host' });
}

function sentenceOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return error instanceof Error ? error.message : '';
  }
  throw new Error('nothing was refused');
}

const link = { listen: { port: 7000 } };
const spec = 'iso8583-1987-ascii';
const program = { partner: 'p', currency: 'EUR', cvk: 'k' };

describe('a configuration is refused with file, place and what is allowed', () => {
  test.for<[what: string, content: unknown, sentence: string]>([
    ['no JSON', '{\n "http": }', ' is not JSON: line 2, column 10'],
    ['half of a JSON', '{"http":', ' is not JSON: it ends too early'],
    ['a list', [], ': must be an object, not []'],
    ['a setting with a slip of the pen', { htpp: {} }, ': htpp is unknown (did you mean http?); allowed here: dataDir, demo, switchName, log, http, doors, transfers, webhooks, mail, personalisation, store, book, keys, operator, deadlines, stations, programs, ranges, issuers, rates, parameters'],
    ['a slip of the pen further in', { http: { prot: 1 } }, ': http.prot is unknown (did you mean port?); allowed here: host, port, tls, trustedProxies'],
    ['a port that is none', { http: { port: 70_000 } }, ': http.port must be a whole number from 0 to 65535, not 70000'],
    ['a port in quotes', { http: { port: '80' } }, ': http.port must be a whole number from 0 to 65535, not "80"'],
    ['a level that is none', { log: { level: 'loud' } }, ': log.level must be debug or info or warn or error or silent, not "loud"'],
    ['yes for true', { demo: 'yes' }, ': demo must be true or false, not "yes"'],
    ['a long name', { switchName: 'switchboard' }, ': switchName must be 1 to 8 of a-z and 0-9, not "switchboard"'],
    ['Redis without an address', { store: { engine: 'redis' } }, ': store.url is missing: the engine redis needs it (or REDIS_URL)'],
    ['two master keys', { keys: { masterKey: { file: 'a', variable: 'b' } } }, ': keys.masterKey must have a file or a variable, not both'],
    ['stations in a list', { stations: [] }, ': stations must be an object, with names as its properties'],
    ['a station that is a text', { stations: { pos: 'x' } }, ': stations.pos must be an object'],
    ['a station with a capital', { stations: { Pos: { link, spec } } }, ': stations.Pos is no name: a name is 1 to 32 of a-z, 0-9 and hyphen, not beginning with a hyphen'],
    ['a station without a format', { stations: { pos: { link } } }, ': stations.pos.spec is missing: the message format: a file of specs/ or specs/variants/ without its .json, or a path'],
    ['three bytes of length', { stations: { pos: { link: { ...link, framing: { lengthBytes: 3 } }, spec } } }, ': stations.pos.link.framing.lengthBytes must be 2 or 4, not 3'],
    ['two ways to a station', { stations: { pos: { link: { ...link, connect: { host: 'h', port: 1 } }, spec } } }, ': stations.pos.link must have either listen or connect'],
    ['a format with a slip of the pen', { stations: { pos: { link, spec: 'iso8583-1987-asci' } } }, ': stations.pos.spec names iso8583-1987-asci, and no shipped file is called so (did you mean iso8583-1987-ascii?); a file of one\'s own is named by a path that ends in .json'],
    ['a format\'s file that is not there', { stations: { pos: { link, spec: '/nowhere/x.json' } } }, ': stations.pos.spec names /nowhere/x.json, and there is no such file'],
    ['a dialect of another edition', { stations: { pos: { link, spec, dialect: 'iso8583-1993' } } }, ': stations.pos.dialect cannot be used: iso8583-1993: $.version: the reason map iso8583-1987 is one of 1987'],
    ['a class that is none', { stations: { pos: { link, spec, classes: ['chargeback'] } } }, ': stations.pos.classes[0] must be authorization or financial or reversal, not "chargeback"'],
    ['two stations on one port', { stations: { a: { link, spec }, b: { link, spec } } }, ': stations.b.link.listen.port is 7000, on which stations.a listens'],
    ['a currency that nobody has', { programs: { p: { ...program, currency: 'XQZ' } } }, ': programs.p.currency must be an ISO 4217 code, not XQZ; a code of letters that is not known here can be given as its three digits'],
    ['a time zone that nobody is in', { programs: { p: { ...program, timeZone: 'Europe/Atlantis' } } }, ': programs.p.timeZone must be a time zone of the IANA such as Europe/Berlin, not Europe/Atlantis'],
    ['an issuer that is not there', { programs: { p: { ...program, issuer: 'bank' } } }, ': programs.p.issuer names bank, and issuers has own'],
    ['a limit of nothing', { programs: { p: { ...program, limits: [{ scope: 'cash', period: 'day' }] } } }, ': programs.p.limits[0] must have amountMinorMax, countMax or both'],
    ['a limit on an unknown group', { programs: { p: { ...program, limits: [{ scope: 'food', period: 'day', countMax: 1 }] } } }, ': programs.p.limits[0].scope must be overall or cash, not food'],
    ['a group that is called cash', { programs: { p: { ...program, merchantGroups: { cash: ['6011'] } } } }, ': programs.p.merchantGroups.cash is a scope of its own already; the group needs another name'],
    ['categories that go down', { programs: { p: { ...program, merchantGroups: { food: ['5499-5411'] } } } }, ': programs.p.merchantGroups.food[0] must be a range that goes up, not 5499-5411'],
    ['a range of no program', { ranges: { r: { from: '4761', program: 'p' } } }, ': ranges.r.program names p, and there are no programs'],
    ['a range that goes down', { programs: { p: program }, ranges: { r: { from: '4762', to: '4761', program: 'p' } } }, ': ranges.r.to must be 4762 or more, not 4761'],
    ['a range of two lengths', { programs: { p: program }, ranges: { r: { from: '4762', to: '47629', program: 'p' } } }, ': ranges.r.to must have as many digits as from (4), not 5'],
    ['the same range twice', { programs: { p: program }, ranges: { a: { from: '4761', program: 'p' }, b: { from: '4761', program: 'p' } } }, ': ranges.b shares card numbers with ranges.a; only a range with more digits that lies within another may'],
    ['two programs that take from one credit balance in two currencies', { programs: { p: { ...program, creditGuard: true }, q: { ...program, currency: 'USD', creditGuard: true } } }, ': programs.q.creditGuard takes from the credit balance of p, which programs.p has in EUR, not USD: creditCurrency says in which it is'],
    ['a longer PIN by an offset', { programs: { p: { ...program, pin: { method: 'ibm3624', pvks: { 1: 'k' }, decimalisationTable: '0123456789012345', longerPins: 'leftmostFour' } } } }, ': programs.p.pin.longerPins is of the method pvv alone: the offset of ibm3624 is as long as the PIN'],
    ['chips that are to be blocked and have no key for it', { programs: { p: { ...program, chip: { keys: { 1: { ac: 'k', smi: 'k' }, 2: { ac: 'k' } }, blockAtLocks: [1] } } } }, ': programs.p.chip.keys.2.smi is missing, and chips are told nothing without it (blockAtLocks)'],
    ['a lock code that is lifted again, for chips', { programs: { p: { ...program, chip: { keys: { 1: { ac: 'k', smi: 'k' } }, blockAtLocks: [3] } } } }, ': programs.p.chip.blockAtLocks[0] must be 1 or 2 or 5 or 8, not 3'],
    ['a mail server without a sender', { mail: { url: 'smtp://there' } }, ': mail.from is missing: the server and the sender go together'],
    ['a mail server that is none', { mail: { url: 'http://me:hunter2@there', from: 'a@b' } }, ': mail.url must be an address such as smtp://user:password@mail.example.com:587, or smtps://'],
    ['ranges that cross', { programs: { p: program }, ranges: { a: { from: '4761', to: '4763', program: 'p' }, b: { from: '47625', to: '47645', program: 'p' } } }, ': ranges.b shares card numbers with ranges.a; only a range with more digits that lies within another may'],
  ])('%s', ([, content, sentence]) => {
    expect(sentenceOf(() => withFile(content))).toBe(`${file}${/^[: ]/.test(sentence) ? sentence : `: ${sentence}`}`);
  });

  test('a named file that is not there', () => {
    expect(sentenceOf(() => loadConfig({ file: 'no.json', environment: {}, cwd: folder, hostName: 'h' }))).toBe(`there is no configuration file ${join(folder, 'no.json')}`);
    expect(sentenceOf(() => loadConfig({ environment: { LOCUM_CONFIG: 'no.json' }, cwd: folder, hostName: 'h' }))).toBe(`there is no configuration file ${join(folder, 'no.json')}`);
  });

  test('an address is never shown, since it may have a password', () => {
    const sentence = sentenceOf(() => withFile({ book: { databaseUrl: 'mysql://me:hunter2@there/db' } }));
    expect(sentence).toBe(`${file}: book.databaseUrl must be an address that starts with postgresql://`);
    expect(sentenceOf(() => withFile('{"book": {"databaseUrl": "postgresql://me:hunter2@there/db" "lagEntriesMax": 1}}'))).not.toContain('hunter2');
  });
});

describe('without a file it is the demo', () => {
  test('on the ports of its documentation, with everything under ./data', () => {
    const config = withoutFile();
    const dataDir = join(folder, 'nothing-here', 'data');
    expect(config).toMatchObject({
      dataDir, demo: true, file: undefined, warnings: [], http: { host: '127.0.0.1', port: 8080 },
      store: { engine: 'sqlite', file: join(dataDir, 'store.sqlite'), partitions: 1 },
      keys: { keyFile: join(dataDir, 'keys.json'), masterKey: { file: join(dataDir, 'master.key') } },
    });
    expect(config.book.databaseUrl).toBeUndefined();
    expect(config.stations.map(({ name, spec, link: { host, port, framing, session } }) => [name, spec, host, port, framing.lengthBytes, framing.config.lengthEncoding, framing.config.lengthIncludesItself, session.signOn])).toEqual([
      ['demo-1987-ascii', 'iso8583-1987-ascii', '127.0.0.1', 8583, 2, 'big-endian', false, 'none'],
      ['demo-1987-binary', 'iso8583-1987-binary', '127.0.0.1', 8584, 2, 'big-endian', false, 'none'],
      ['demo-2003-binary', 'iso8583-2003-binary', '127.0.0.1', 8585, 2, 'big-endian', false, 'none'],
      ['demo-host', 'iso8583-1987-binary', '127.0.0.1', 8590, 2, 'big-endian', false, 'peer'],
    ]);
    expect(config.programs).toMatchObject([
      { name: 'demo', issuer: 'own', partner: 'demo', currency: '978', timeZone: 'UTC', holdDays: { cardPresent: 5, cardNotPresent: 10, preauthorization: 30 }, recordDays: 7 },
      { name: 'demo-host', issuer: 'demo-host', partner: 'demo', currency: '978' },
    ]);
    expect(config.ranges).toEqual([{ name: 'demo', from: '476173', to: '476173', program: 'demo' }, { name: 'demo-host', from: '541333', to: '541333', program: 'demo-host' }]);
    expect(config.issuers).toMatchObject([{ name: 'own', type: 'own' }, { name: 'demo-host', type: 'host', stations: ['demo-host'] }]);
  });

  test('its limits outlast ten million transactions of 0.01 on a card in a day', () => {
    const [rules] = withoutFile().programs;
    for (const { scope, period, amountMinorMax = Infinity, countMax = Infinity } of rules?.limits ?? []) {
      if (scope !== 'overall' || period === 'transaction') continue;
      expect(amountMinorMax, `${period} ${scope}`).toBeGreaterThanOrEqual(10_000_000);
      expect(countMax, `${period} ${scope}`).toBeGreaterThanOrEqual(10_000_000);
    }
    expect(rules?.limits.length).toBeGreaterThan(0);
  });
});

describe('with a file it is not the demo', () => {
  test('unless it says so; a row of the demo\'s name takes its place', () => {
    expect(withFile({})).toMatchObject({ demo: false, stations: [], programs: [], ranges: [], file });
    const config = withFile({ demo: true, stations: { 'demo-1987-ascii': { link: { listen: { port: 9583 } }, spec } } });
    expect(config.stations.map(({ name, link: { port } }) => `${name}:${port}`).sort()).toEqual(['demo-1987-ascii:9583', 'demo-1987-binary:8584', 'demo-2003-binary:8585', 'demo-host:8590']);
  });

  test('its paths are relative to its folder', () => {
    const config = withFile({
      dataDir: 'var', store: { file: 'accounts.sqlite' }, keys: { keyFile: 'k.json', masterKey: { file: '../m.key' } },
      stations: { pos: { link: { ...link, tls: { certificateFile: 'tls/c.pem', privateKeyFile: 'tls/k.pem' } }, spec } },
    });
    expect(config).toMatchObject({
      dataDir: join(folder, 'var'), store: { file: join(folder, 'accounts.sqlite') }, keys: { keyFile: join(folder, 'k.json'), masterKey: { file: join(folder, '..', 'm.key') } },
    });
    expect(config.stations[0]?.link.tls).toMatchObject({ certificateFile: join(folder, 'tls/c.pem'), privateKeyFile: join(folder, 'tls/k.pem') });
    // As the book will have it, so that any folder will do.
    expect(config.rows[0]?.document).toMatchObject({ link: { tls: { certificateFile: join(folder, 'tls/c.pem') } } });
  });

  test('locum.json of the current folder is taken without being named', () => {
    writeFileSync(join(folder, 'locum.json'), '{"http": {"port": 1234}}');
    expect(loadConfig({ environment: {}, cwd: folder, hostName: 'h' })).toMatchObject({ file: join(folder, 'locum.json'), http: { port: 1234 }, demo: false });
    rmSync(join(folder, 'locum.json'));
  });
});

describe('the environment wins over the file', () => {
  test('for every single setting, by the name of its place', () => {
    const rows = { stations: { pos: { link, spec } }, programs: { p: program }, ranges: { r: { from: '4761', program: 'p' } }, issuers: { own: { type: 'own' } }, parameters: { system: {} } };
    for (const { path, schema } of settingsOf(configSchema, rows, [])) {
      const variable = variableOf(path);
      expect(variable).toMatch(/^LOCUM_[A-Z0-9_]+$/);
      if (schema.type === 'integer' || schema.type === 'boolean') {
        expect(sentenceOf(() => withFile(rows, { [variable]: 'many' })), variable).toMatch(new RegExp(`^${variable} must be .*, not "many"$`));
      }
    }
  });

  test.for<[what: string, environment: Variables, expected: object]>([
    ['a number', { LOCUM_HTTP_PORT: '9090' }, { http: { port: 9090, host: '0.0.0.0' } }],
    ['a truth', { LOCUM_DEMO: 'true' }, { demo: true }],
    ['a text', { LOCUM_HTTP_HOST: '::1' }, { http: { host: '::1' } }],
    ['words in capitals', { LOCUM_BOOK_LAG_ENTRIES_MAX: '5000' }, { book: { lagEntriesMax: 5000 } }],
    ['an empty variable is none', { LOCUM_HTTP_HOST: '' }, { http: { host: '0.0.0.0' } }],
    ['a path is relative to the current folder', { LOCUM_STORE_FILE: 'a.sqlite' }, { store: { file: join(folder, 'a.sqlite') } }],
    ['REDIS_URL is the store', { REDIS_URL: 'redis://there' }, { store: { engine: 'redis', url: 'redis://there', partitions: 4, replicasMin: 0 } }],
    ['our own name before REDIS_URL', { REDIS_URL: 'redis://there', LOCUM_STORE_URL: 'rediss://here' }, { store: { engine: 'redis', url: 'rediss://here' } }],
    ['the engine may say otherwise', { REDIS_URL: 'redis://there', LOCUM_STORE_ENGINE: 'sqlite' }, { store: { engine: 'sqlite' } }],
    ['DATABASE_URL is the book', { DATABASE_URL: 'postgres://there/db' }, { book: { databaseUrl: 'postgres://there/db' } }],
    ['LOCUM_MASTER_KEY is where the master key is', { LOCUM_MASTER_KEY: '00ff' }, { keys: { masterKey: { variable: 'LOCUM_MASTER_KEY' } } }],
    ['another variable may have it', { LOCUM_MASTER_KEY: '00ff', LOCUM_KEYS_MASTER_KEY_VARIABLE: 'MINE' }, { keys: { masterKey: { variable: 'MINE' } } }],
    ['or a file', { LOCUM_MASTER_KEY: '00ff', LOCUM_KEYS_MASTER_KEY_FILE: '/m' }, { keys: { masterKey: { file: '/m' } } }],
    ['a station\'s port', { LOCUM_STATIONS_POS_LINK_LISTEN_PORT: '7001' }, { stations: [{ name: 'pos', link: { port: 7001 } }] }],
    ['a station\'s classes', { LOCUM_STATIONS_POS_CLASSES: 'authorization, reversal' }, { stations: [{ name: 'pos', classes: ['authorization', 'reversal'] }] }],
  ])('%s', ([, environment, expected]) => {
    const content = { http: { host: '0.0.0.0' }, keys: { masterKey: { file: 'm.key' } }, stations: { pos: { link, spec } } };
    expect(withFile(content, environment)).toMatchObject(expected);
  });

  test('what is wrong in it is said with the variable, and an address is not shown', () => {
    expect(sentenceOf(() => withoutFile({ LOCUM_HTTP_PORT: 'x' }))).toBe('LOCUM_HTTP_PORT must be a whole number from 0 to 65535, not "x"');
    expect(sentenceOf(() => withFile({}, { LOCUM_DEMO: '1' }))).toBe('LOCUM_DEMO must be true or false, not "1"');
    expect(sentenceOf(() => withoutFile({ DATABASE_URL: 'mysql://a:hunter2@b' }))).toBe('DATABASE_URL must be an address that starts with postgresql://');
    expect(sentenceOf(() => withoutFile({ REDIS_URL: 'http://a:hunter2@b' }))).toBe('REDIS_URL must be an address that starts with redis:// or rediss://');
  });

  test('a row\'s document is the file\'s all the same, for other switches have other environments', () => {
    const config = withFile({ stations: { pos: { link, spec } } }, { LOCUM_STATIONS_POS_LINK_LISTEN_PORT: '7001' });
    expect(config.rows).toEqual([{ kind: 'station', name: 'pos', document: { link, spec } }, { kind: 'parameter', name: 'system', document: {} }]);
    expect(config.outside.environment).toEqual({ LOCUM_STATIONS_POS_LINK_LISTEN_PORT: '7001' });
  });

  test('a misspelt variable is warned of, another program\'s is not', () => {
    expect(withoutFile({ LOCUM_HTPP_PORT: '1', LOCUM_STATION_DEMO_1987_ASCII_LINK_LISTEN_PORT: '1', LOCUM_SERVICE_HOST: '10.0.0.1', HOME: '/' }).warnings).toEqual([
      'LOCUM_HTPP_PORT is no setting; did you mean LOCUM_HTTP_PORT?',
      'LOCUM_STATION_DEMO_1987_ASCII_LINK_LISTEN_PORT is no setting; did you mean LOCUM_STATIONS_DEMO_1987_ASCII_LINK_LISTEN_PORT?',
    ]);
  });

  test('no secret is kept: the master key stays in the environment', () => {
    expect(JSON.stringify(withoutFile({ LOCUM_MASTER_KEY: 'ab'.repeat(32) }))).not.toContain('abab');
  });
});

test('what stands before the doors is addresses and networks, and never everybody', () => {
  const proxies = (list: string): readonly string[] => loadConfig({ environment: { LOCUM_HTTP_TRUSTED_PROXIES: list }, cwd: folder, hostName: 'h' }).http.trustedProxies;
  expect(loadConfig({ environment: {}, cwd: folder, hostName: 'h' }).http.trustedProxies).toEqual([]);
  expect(proxies('10.0.0.0/8, 192.0.2.1,2001:db8::/32')).toEqual(['10.0.0.0/8', '192.0.2.1', '2001:db8::/32']);
  for (const wrong of ['balancer.internal', '10.0.0.0/33', '0.0.0.0/0', '10.0.0.0/8/8', '10.0.0.0/']) expect(() => proxies(`192.0.2.1,${wrong}`)).toThrow('http.trustedProxies[1]');
});

test('two switches on one machine have two names, and one has the same at each start', () => {
  const name = (dataDir: string, hostName: string): string => loadConfig({ environment: { LOCUM_DATA_DIR: dataDir }, cwd: folder, hostName }).switchName;
  expect(name('a', 'h')).toMatch(/^[a-z0-9]{8}$/);
  expect(name('a', 'h')).toBe(name('a', 'h'));
  expect(new Set([name('a', 'h'), name('b', 'h'), name('a', 'i')]).size).toBe(3);
});

describe('docs/configuration.md', () => {
  test('is what the schema says (npx vitest run -u writes it)', async () => {
    await expect(configurationMarkdown()).toMatchFileSnapshot('../../docs/configuration.md');
  });

  test('shows an example that is accepted', () => {
    const config = withFile(exampleConfig);
    expect(config.stations.map(({ name, link: { role } }) => [name, role])).toEqual([['pos', 'listen'], ['network', 'connect']]);
    expect(config).toMatchObject({ store: { engine: 'redis', replicasMin: 1 }, demo: false });
  });
});
