/** Operators' orders on the running program: `locum issuer`, `locum advices` and `locum tables`, and the routes behind them over HTTP. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { locum } from '../cli/locum.ts';
import type { Ended } from '../cli/locum.ts';
import { buys, code, hostPan } from '../switch/hosts.ts';
import { ascii, emptyFolder, endAll, eventually, startProgram } from './fixture.ts';
import type { ProgramProcess } from './fixture.ts';
import { TestHost } from '../../src/cli/host-desk.ts';
import type { HostMessage } from '../../src/cli/host-report.ts';

const hosts: TestHost[] = [];

afterAll(async () => {
  await endAll();
  for (const host of hosts) await host.kill();
});

interface IssuerLink {
  readonly requests: () => HostMessage[];
  readonly advices: () => HostMessage[];
}

/** The issuer: approves, but refuses the advice of this amount. */
async function issuerAt(program: ProgramProcess, refusedMinor = 3_131): Promise<IssuerLink> {
  const messages: HostMessage[] = [];
  const host = await TestHost.start({
    connect: { port: program.port('demo-host') }, signOn: true, rules: [{ match: { mti: '12x', amountMinor: refusedMinor }, do: 'decline', code: '12' }],
    onEvent: (event) => {
      if (event.event === 'message') messages.push(event);
    },
  });
  hosts.push(host);
  await eventually(() => host.signedOn, 'the issuer signs on');
  return { requests: () => messages.filter(({ mti }) => mti === '0100'), advices: () => messages.filter(({ mti }) => mti.startsWith('012') || mti.startsWith('042')) };
}

async function command(program: ProgramProcess, line: string, more: readonly string[] = []): Promise<Ended> {
  return await locum([...line.split(' '), ...more], { cwd: program.folder, env: { LOCUM_HTTP_PORT: String(program.httpPort) } });
}

/** Of a command that does what it is asked. */
async function told<T>(program: ProgramProcess, line: string, more: readonly string[] = []): Promise<T> {
  const { code: ended, out, err } = await command(program, line, [...more, '--json']);
  if (ended !== 0) throw new Error(`${line}: ${err}`);
  return JSON.parse(out) as T;
}

interface Issuer {
  readonly phase: string;
  readonly why?: string;
  readonly orders: Readonly<Record<string, { readonly why: string; readonly by: string }>>;
  readonly advices: { readonly waiting: number; readonly setAside: number; readonly state: string; readonly perSecond: number };
}

async function issuer(program: ProgramProcess): Promise<Issuer> {
  return await told<Issuer>(program, 'issuer show demo-host');
}

async function inHistory(program: ProgramProcess): Promise<{ readonly by: string; readonly why: string; readonly changes: readonly { readonly path: string; readonly before?: unknown; readonly after?: unknown }[] }[]> {
  return await told(program, 'tables history issuer demo-host');
}

describe('an operator’s orders', () => {
  let program: ProgramProcess;
  let host: IssuerLink;
  beforeAll(async () => {
    program = await startProgram(emptyFolder());
    await eventually(async () => (await command(program, 'tables list')).code === 0, 'the book is open');
    host = await issuerAt(program);
  });

  test('an issuer that is taken out is sent nothing, stand-in decides with the reason operator, and it is asked again when it is in', async () => {
    const shop = await program.call(ascii);
    expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
    expect(host.requests()).toHaveLength(1);
    expect(await command(program, 'issuer out demo-host --by mia --why slow')).toMatchObject({ code: 0, out: 'demo-host is out: stand-in decides for it.\n' });
    expect(await command(program, 'issuer out demo-host --why slow')).toMatchObject({ code: 0, out: 'demo-host is out already.\n' });
    expect(await issuer(program)).toMatchObject({ phase: 'open', why: 'operator', orders: { out: { why: 'slow', by: 'mia' } } });
    expect(code(await shop.ask(buys(shop, 2)))).toBe('0110 00');
    expect(host.requests()).toHaveLength(1);
    expect(await issuer(program)).toMatchObject({ advices: { waiting: 1 } });
    expect(await command(program, 'issuer in demo-host --by tom')).toMatchObject({ code: 0, out: 'demo-host is in: it is asked where it can be.\n' });
    await eventually(() => host.advices().length === 1, 'the issuer is told');
    expect(code(await shop.ask(buys(shop, 3)))).toBe('0110 00');
    expect(host.requests()).toHaveLength(2);
    const history = await inHistory(program);
    expect(history.slice(0, 2).map(({ by, why }) => [by, why])).toEqual([['tom', ''], ['mia', 'slow']]);
    // It says what the configuration says again, and follows it again.
    expect(await told(program, 'tables show issuer demo-host')).toMatchObject({ source: 'configuration' });
    const { out } = await eventuallyTraced(program, '2');
    expect(out).toContain('operator');
    shop.socket.destroy();
  });

  test('with the kill switch thrown stand-in approves nothing, and approves again when it is not', async () => {
    const shop = await program.call(ascii);
    await told(program, 'issuer out demo-host --why test');
    await told(program, 'issuer kill demo-host --why fraud');
    expect(code(await shop.ask(buys(shop, 11)))).toMatch(/^0110 (?!00)/);
    await told(program, 'issuer unkill demo-host');
    expect(code(await shop.ask(buys(shop, 12)))).toBe('0110 00');
    await told(program, 'issuer in demo-host');
    shop.socket.destroy();
  });

  test('advices that are held back wait, whatever the issuer asks for, and go out at the speed that was set', async () => {
    const shop = await program.call(ascii);
    await told(program, 'advices pause demo-host --why repair');
    await told(program, 'issuer out demo-host --why test');
    const before = host.advices().length;
    expect(code(await shop.ask(buys(shop, 21)))).toMatch(/^0110/);
    expect(code(await shop.ask(buys(shop, 22)))).toMatch(/^0110/);
    await told(program, 'issuer in demo-host');
    await told(program, 'advices speed demo-host --per-second 7');
    await eventually(async () => (await issuer(program)).phase === 'closed', 'the issuer is asked again');
    expect(await issuer(program)).toMatchObject({ advices: { state: 'paused', waiting: 2, perSecond: 7 }, orders: { pause: { why: 'repair' } } });
    expect(host.advices()).toHaveLength(before);
    await told(program, 'advices resume demo-host');
    await eventually(() => host.advices().length === before + 2, 'the issuer is told');
    await told(program, 'advices speed demo-host --per-second 50');
    shop.socket.destroy();
  });

  test('an advice that the issuer refuses too often is set aside, shown without the card’s number, sent again, and given up with who and why in its story', async () => {
    const shop = await program.call(ascii);
    await told(program, 'tables set issuer demo-host advices.refusalsMax=1');
    await told(program, 'issuer out demo-host --why test');
    expect(code(await shop.ask(buys(shop, 31, { 4: '000000003131' })))).toMatch(/^0110/);
    await told(program, 'issuer in demo-host');
    const aside = async (): Promise<readonly { readonly id: string; readonly why: string }[]> => await told(program, 'advices list --issuer demo-host --state setAside');
    await eventually(async () => (await aside()).length === 1, 'it is set aside');
    const [{ id, why } = { id: '', why: '' }] = await aside();
    expect(why).toBe('answered 12');
    const shown = await command(program, `advices show ${id}`);
    expect(shown.out).toContain('541333******0019');
    expect(shown.out).not.toContain(hostPan);
    expect(await command(program, `advices replay ${id}`)).toMatchObject({ code: 0, out: '1 advice is sent again.\n' });
    await eventually(async () => (await aside()).length === 1 && host.advices().some(({ mti }) => mti === '0121'), 'it is refused again');
    expect(await command(program, `advices replay --all-set-aside demo-host`)).toMatchObject({ code: 0 });
    await eventually(async () => (await aside()).length === 1, 'it is refused once more');
    expect(await command(program, `advices drop ${id}`)).toMatchObject({ code: 2, err: 'locum advices drop: --why is missing: the reason, for the record. locum advices drop --help shows how it is used.\n' });
    expect(await command(program, `advices drop ${id} --by mia --why`, ['told by telephone'])).toMatchObject({ code: 0, out: `Advice ${id} is given up, and stays on record.\n` });
    expect(await command(program, `advices drop ${id} --why again`)).toMatchObject({ code: 1, err: `locum advices drop: advice ${id} has its end already.\n` });
    expect(await told(program, `advices show ${id}`)).toMatchObject({ state: 'dropped', end: { by: 'mia', why: 'told by telephone' } });
    const { out } = await eventuallyTraced(program, '31', 'adviceGivenUp');
    expect(out).toMatch(/Flagged: by:mia\.[^]*Flagged: why:told by telephone\./);
    shop.socket.destroy();
  });

  test.for<[line: string, sentence: string]>([
    ['issuer out nobody --why x', 'there is no issuer nobody; there are demo-host, own'],
    ['issuer out own --why x', 'own is this switch\'s own issuer: it is where the accounts are, and cannot be taken out'],
    ['advices pause own --why x', 'own is this switch\'s own issuer: it is told by its accounts, and has no advices'],
    ['advices show no-such', 'there is no advice no-such at this switch; one that was taken is kept for two weeks'],
    ['advices list --state lost', 'state must be waiting or sent or setAside, not "lost"'],
    ['advices speed demo-host --per-second 0', 'perSecond must be a whole number from 1 to 100000, not 0'],
    ['tables show issuer nobody', 'there is no issuer nobody; locum tables list issuer lists those that there are'],
    ['tables set issuer demo-host timers.posMs=99', 'issuers.demo-host.timers.posMs must be a whole number from 100 to 60000, not 99'],
    ['tables set issuer demo-host timers.posMss=99', 'issuers.demo-host.timers.posMss is unknown (did you mean posMs?); allowed here: posMs, cashMs, adviceMs, authorization, financial, reversal, advice'],
    ['tables set issuer demo-host standIn.version=9', 'standIn.version is counted by the switch'],
    ['tables set issuer demo-host orders.out=1', 'orders.out is set by locum issuer and locum advices'],
    ['tables set issuer demo-host standIn.unavailable.limits[9].countMax=1', 'standIn.unavailable.limits[9].countMax is beyond the end of the list, which has 2'],
    ['tables set issuer demo-host a..b=1', 'a..b is no place: names with dots between them, and [0] for the first of a list, as in standIn.unavailable.limits[0].countMax'],
    ['tables set issuer nobody timers.posMs=2000', 'there is no issuer nobody, and this does not make one: issuers.nobody.type is missing: own: this switch, by its accounts; host: a centre that is reached over stations'],
    ['tables set range demo-host program=nobody', 'ranges.demo-host.program names nobody, and programs has demo, demo-host'],
    ['tables remove range demo-host', 'range demo-host is in the configuration, which would bring it back at the next start; take it out there'],
    ['tables set parameter system alerts.windowMs=1', 'parameters.system.alerts.windowMs must be a whole number from 1000 to 86400000, not 1'],
    ['tables set parameter other answerMs=100', 'parameters.other is no row: the only one is system'],
    ['tables remove parameter system', 'parameter system is in the configuration, which would bring it back at the next start; take it out there'],
    ['tables list issuers', 'kind must be station or program or range or issuer or rate or parameter, not "issuers"'],
  ])('%s is refused with its sentence', async ([line, sentence]) => {
    const before = await inHistory(program);
    expect(await command(program, line)).toMatchObject({ code: 1, out: '' });
    expect((await command(program, line)).err).toContain(sentence);
    expect(await inHistory(program)).toEqual(before);
  });

  test('a list whose quotes a shell took away is not sent, and the sentence says how it is written', async () => {
    const { code, err } = await command(program, 'tables set station demo-2003-binary classes=[reversal]');
    expect(code).toBe(2);
    expect(err).toContain(`classes takes a list as JSON, which a shell wants in quotes: 'classes=["first","second"]'`);
  });

  test('every route is closed without the token, and with another one', async () => {
    const token = readFileSync(join(program.folder, 'data', 'operator.token'), 'utf8').trim();
    expect(statSync(join(program.folder, 'data', 'operator.token')).mode & 0o777).toBe(0o600);
    const base = `http://127.0.0.1:${program.httpPort}`;
    const get = async (path: string, headers: Record<string, string>, method = 'GET'): Promise<Response> =>
      await fetch(`${base}${path}`, { method, headers: { ...headers, ...(method === 'POST' ? { 'content-type': 'application/json' } : {}) }, ...(method === 'POST' ? { body: '{}' } : {}) });
    const { operations } = await (await get('/operator/', { authorization: `Bearer ${token}` })).json() as { operations: { method: string; path: string }[] };
    expect(operations.length).toBeGreaterThan(18);
    const before = await inHistory(program);
    for (const { method, path } of operations) {
      const place = path.replaceAll(/\{kind\}/g, 'issuer').replaceAll(/\{(?:issuer|name)\}/g, 'demo-host').replaceAll(/\{[a-zA-Z]+\}/g, 'x');
      for (const headers of [{}, { authorization: `Bearer ${token}x` }, { authorization: 'Bearer' }]) {
        const reply = await get(place, headers as Record<string, string>, method);
        expect([place, reply.status, (reply.headers.get('content-type') ?? '').split(';')[0]]).toEqual([place, 401, 'application/problem+json']);
      }
      if (method !== 'POST') continue;
      // A body that is wrong is refused by name, with the token as well.
      for (const body of ['[]', '{', '{"nonsense":1}']) {
        const reply = await fetch(`${base}${place}`, { method, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body });
        expect([place, body, reply.status]).toEqual([place, body, 400]);
        expect(await reply.json()).toMatchObject(body === '{"nonsense":1}' ? { field: 'nonsense' } : { status: 400 });
      }
    }
    expect(await inHistory(program)).toEqual(before);
    expect(program.output).not.toContain(token);
  });
});

async function eventuallyTraced(program: ProgramProcess, stan: string, wanted = 'issuerTold'): Promise<Ended> {
  let traced = await command(program, `trace ${stan} --by stan`);
  await eventually(async () => {
    traced = await command(program, `trace ${stan} --by stan`);
    return traced.out.includes(wanted);
  }, `the story of ${stan} has ${wanted}`);
  return traced;
}

test('a switch that is started again stands by its operators’ orders; parameters and rules changed without a restart are in force, numbered, and in the history', async () => {
  const folder = emptyFolder();
  let program = await startProgram(folder);
  await eventually(async () => (await command(program, 'tables list')).code === 0, 'the book is open');
  await told(program, 'issuer out demo-host --by mia --why', ['the line is cut']);
  await told(program, 'advices pause demo-host --why repair');
  await told(program, 'tables set issuer demo-host standIn.unavailable.limits[0].amountMinorMax=1000 timers.posMs=2500 --by mia --why', ['fewer risks']);
  const shop = await program.call(ascii);
  expect(code(await shop.ask(buys(shop, 41, { 4: '000000001001' })))).toBe('0110 61');
  expect(code(await shop.ask(buys(shop, 42, { 4: '000000001000' })))).toBe('0110 00');
  expect((await inHistory(program))[0]).toMatchObject({
    by: 'mia', why: 'fewer risks', changes: expect.arrayContaining([
      { path: 'standIn.unavailable.limits[0].amountMinorMax', before: 5_000, after: 1_000 }, { path: 'standIn.version', before: 1, after: 2 }, { path: 'timers.posMs', after: 2_500 },
    ]) as unknown,
  });
  await program.stop();
  program = await startProgram(folder);
  const host = await issuerAt(program);
  const again = await program.call(ascii);
  expect(code(await again.ask(buys(again, 43, { 4: '000000001001' })))).toBe('0110 61');
  expect(await issuer(program)).toMatchObject({ why: 'operator', rulesVersion: 2, orders: { out: { by: 'mia' }, pause: { why: 'repair' } }, advices: { state: 'paused', waiting: 3 } });
  await eventually(async () => (await command(program, 'tables list')).code === 0, 'the book is open');
  await told(program, 'issuer in demo-host');
  await told(program, 'tables set issuer demo-host standIn.unavailable.limits[0].amountMinorMax=5000');
  expect(await issuer(program)).toMatchObject({ rulesVersion: 3 });
  await told(program, 'advices resume demo-host');
  await told(program, 'tables reset issuer demo-host');
  expect(await issuer(program)).toMatchObject({ rulesVersion: 1 });
  expect(await told(program, 'tables show issuer demo-host')).toMatchObject({ source: 'configuration' });
  await eventually(() => host.advices().length === 3, 'the issuer is told of all three');
});
