/** What issuers send to acquirers that are away, on the running program: it is kept, survives the switch's death, and is told once. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launched, locum } from '../cli/locum.ts';
import type { Ended } from '../cli/locum.ts';
import { TestHost } from '../../src/cli/host-desk.ts';
import { messageOf } from '../../src/cli/host-message.ts';
import type { HostEvent } from '../../src/cli/host-report.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import type { Message } from '../../src/iso8583/codec.ts';
import { demoTables } from '../../src/program/demo-tables.ts';
import type { Acquirer, Fields } from '../switch/fixture.ts';
import { management } from '../switch/fixture.ts';
import { ascii, codecOf, configure, emptyFolder, endAll, eventually, startProgram } from './fixture.ts';
import type { ProgramProcess } from './fixture.ts';

afterAll(endAll);

const card = '5413330000000019';
const other = '5413330000000027';
const host = 'demo-host';
const iso2003 = 'demo-2003-binary';

/** An issuer of 1993 beside the demo's. */
function withBank(folder: string): void {
  configure(folder, {
    demo: true,
    stations: { bank93: { link: { listen: { port: 0 } }, spec: 'iso8583-1993-binary' } },
    issuers: { bank93: { type: 'host', stations: ['bank93'] } },
  });
}

/** Signs on as the demo's issuer. */
async function issuerAt(program: ProgramProcess): Promise<Acquirer> {
  const issuer = await program.call(host, 'iso8583-1987-binary');
  expect((await issuer.ask(management(issuer.codec, 1, '001'))).text(39)).toBe('00');
  return issuer;
}

function written(mti: string, fields: Fields): Draft {
  const draft = new Draft(mti);
  for (const [field, text] of Object.entries(fields)) if (text !== undefined) draft.set(Number(field), text);
  return draft;
}

function chargeback(stan: number, changes: Fields = {}, mti = '0422'): Draft {
  return written(mti, {
    2: card, 3: '000000', 4: '000000001250', 7: '1122101500', 11: String(stan).padStart(6, '0'), 12: '101500', 13: '1122', 18: '5411', 25: '17', 32: '100001', 37: String(stan).padStart(12, '0'),
    38: 'ABC123', 41: 'TERM0001', 42: 'MERCHANT0000123', 49: '978', 90: `0200000042112210150000000100001${'0'.repeat(11)}`, ...changes,
  });
}

function said(message: Message): unknown[] {
  return [message.mti, message.text(2), message.text(3), message.text(4), message.text(32), message.text(37), message.text(49)];
}

/** Acknowledges a message as an acquirer does. */
function acknowledge(acquirer: Acquirer, message: Message, code: string): void {
  const answer = new Draft(message.mti.slice(0, 2) + String(Number(message.mti[2]) + 1) + (Number(message.mti[3]) & ~1));
  for (const field of [7, 11, 12, 13, 32, 37, 41]) if (message.has(field)) answer.set(field, message.text(field)!);
  acquirer.send(answer.set(39, code));
}

interface Line {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly attempts: number;
  readonly why: string;
}

async function command(program: ProgramProcess, line: string): Promise<Ended> {
  return await locum(line.split(' '), { cwd: program.folder, env: { LOCUM_HTTP_PORT: String(program.httpPort) } });
}

async function waiting(program: ProgramProcess, station: string): Promise<Line[]> {
  const { out, err } = await command(program, `advices list --issuer station:${station} --json`);
  if (err !== '') throw new Error(err);
  return JSON.parse(out) as Line[];
}

async function emptied(program: ProgramProcess, station: string): Promise<void> {
  await eventually(async () => (await waiting(program, station)).length === 0, 'nothing waits for the acquirer');
}

describe('messages of issuers to acquirers', () => {
  let program: ProgramProcess;
  let issuer: Acquirer;
  beforeAll(async () => {
    const folder = emptyFolder();
    withBank(folder);
    program = await startProgram(folder);
    await eventually(async () => (await command(program, 'tables list')).code === 0, 'the book is open');
    for (const station of [ascii, iso2003]) expect(await command(program, `tables set station ${station} acquirer.advices.answerMs=5000 acquirer.advices.refusalsMax=2`)).toMatchObject({ code: 0 });
    issuer = await issuerAt(program);
  });

  test('a chargeback for an acquirer that is away is answered when it is kept, told when the acquirer is there, and once', async () => {
    const answer = await issuer.ask(chargeback(101));
    expect([answer.mti, answer.text(39), answer.text(11), answer.text(37)]).toEqual(['0432', '00', '000101', '000000000101']);
    expect(await waiting(program, ascii)).toMatchObject([{ kind: 'chargeback', state: 'waiting', attempts: 0 }]);
    const acquirer = await program.call(ascii);
    const told = await acquirer.next();
    expect(said(told)).toEqual(['0422', card, '000000', '000000001250', '100001', '000000000101', '978']);
    expect([told.text(18), told.text(25), told.text(38), told.text(90)]).toEqual(['5411', '17', 'ABC123', `0200000042112210150000000100001${'0'.repeat(11)}`]);
    acknowledge(acquirer, told, '00');
    await emptied(program, ascii);
    // One that comes later is told at once, and nothing is told a second time.
    expect((await issuer.ask(chargeback(102))).text(39)).toBe('00');
    const next = await acquirer.next();
    expect([next.mti, next.text(37), next.text(11) === told.text(11)]).toEqual(['0422', '000000000102', false]);
    acknowledge(acquirer, next, '00');
    await emptied(program, ascii);
    expect(acquirer.frames).toHaveLength(2);
    acquirer.socket.destroy();
  });

  test('fee collections, funds disbursements and texts are told as well, those of one card in their order', async () => {
    const fees = [chargeback(111, { 3: '190000', 90: undefined }, '0220'), chargeback(112, { 3: '290000', 90: undefined }, '0222'), chargeback(113)];
    const text = written('0620', { 7: '1122101501', 11: '000114', 32: '100001', 48: 'Please call us about 4711' });
    const answers: unknown[] = [];
    for (const each of [...fees, text]) answers.push(((answer) => [answer.mti, answer.text(39)])(await issuer.ask(each)));
    expect(answers).toEqual([['0230', '00'], ['0232', '00'], ['0432', '00'], ['0630', '00']]);
    expect((await waiting(program, ascii)).map(({ kind }) => kind)).toEqual(['feeCollection', 'fundsDisbursement', 'chargeback', 'text']);
    const acquirer = await program.call(ascii);
    const told: Message[] = [];
    for (let count = 0; count < 4; count += 1) {
      const message = await acquirer.next();
      told.push(message);
      acknowledge(acquirer, message, '00');
    }
    await emptied(program, ascii);
    expect(told.filter((message) => message.has(2)).map((message) => [message.mti, message.text(3)])).toEqual([['0220', '190000'], ['0222', '290000'], ['0422', '000000']]);
    expect(told.filter((message) => !message.has(2)).map((message) => [message.mti, message.text(48)])).toEqual([['0620', 'Please call us about 4711']]);
    acquirer.socket.destroy();
  });

  test('what its issuer repeats is kept once, and another message under the same trace is refused', async () => {
    for (const draft of [chargeback(121), chargeback(121), chargeback(121, {}, '0423')]) expect((await issuer.ask(draft)).text(39)).toBe('00');
    expect((await issuer.ask(chargeback(121, { 4: '000000009999' }, '0423'))).text(39)).toBe('94');
    expect(await waiting(program, ascii)).toHaveLength(1);
    const acquirer = await program.call(ascii);
    acknowledge(acquirer, await acquirer.next(), '00');
    await emptied(program, ascii);
    // And after its end.
    expect((await issuer.ask(chargeback(121, {}, '0423'))).text(39)).toBe('00');
    expect(await waiting(program, ascii)).toEqual([]);
    acquirer.socket.destroy();
  });

  test('one that is not acknowledged is repeated as a repeat, under its own trace', async () => {
    await issuer.ask(chargeback(131));
    const acquirer = await program.call(ascii);
    const first = await acquirer.next();
    const second = await acquirer.next();
    expect([first.mti, second.mti, second.text(11), second.text(7)]).toEqual(['0422', '0423', first.text(11), first.text(7)]);
    acknowledge(acquirer, second, '00');
    await emptied(program, ascii);
    acquirer.socket.destroy();
  });

  test('one that its acquirer refuses too often is set aside, holds up nobody, and is sent again by command', async () => {
    await issuer.ask(chargeback(141));
    const acquirer = await program.call(ascii);
    for (let count = 0; count < 2; count += 1) acknowledge(acquirer, await acquirer.next(), '12');
    await eventually(async () => (await waiting(program, ascii))[0]?.state === 'setAside', 'it is set aside');
    const [line] = await waiting(program, ascii);
    expect(line).toMatchObject({ state: 'setAside', why: 'answered 12' });
    expect(program.of('advice set aside').at(-1)).toMatchObject({ acquirer: ascii });
    const shown = await command(program, `advices show ${line!.id}`);
    expect(shown.out).toContain('541333******0019');
    expect(shown.out).not.toContain(card);
    // The next of the same card goes.
    await issuer.ask(chargeback(142));
    acknowledge(acquirer, await acquirer.next(), '00');
    expect(await command(program, `advices replay --all-set-aside station:${ascii}`)).toMatchObject({ code: 0, out: '1 advice is sent again.\n' });
    const again = await acquirer.next();
    expect([again.mti, again.text(37)]).toEqual(['0423', '000000000141']);
    acknowledge(acquirer, again, '00');
    await emptied(program, ascii);
    acquirer.socket.destroy();
  });

  test('operators hold them back, let them go, and set their speed, by the commands for advices', async () => {
    const acquirer = await program.call(ascii);
    expect(await command(program, `advices pause station:${ascii} --why repair --by mia`)).toMatchObject({ code: 0 });
    await issuer.ask(chargeback(151));
    expect(await command(program, `station show ${ascii}`)).toMatchObject({ out: expect.stringMatching(/messages to it +1 waiting, [0-9]+ s old; paused by operator, 50 a second/) as string });
    expect(acquirer.frames).toEqual([]);
    expect(await command(program, `advices speed station:${ascii} --per-second 7`)).toMatchObject({ code: 0 });
    expect(await command(program, `advices resume station:${ascii}`)).toMatchObject({ code: 0 });
    acknowledge(acquirer, await acquirer.next(), '00');
    await emptied(program, ascii);
    expect((await command(program, `tables history station ${ascii}`)).out).toMatch(/mia[^]*repair/);
    // The station itself went on: its connection was not closed.
    expect(acquirer.ended).toBe(false);
    for (const [line, sentence] of [['advices pause station:nobody --why x', 'there is no station nobody'], [`advices pause station:${host} --why x`, 'is no acquirer\'s'], [`issuer out station:${ascii} --why x`, 'there is no issuer']] as const) {
      const { code, err } = await command(program, line);
      expect(code).toBe(1);
      expect(err).toContain(sentence);
    }
    acquirer.socket.destroy();
  });

  test.for<[name: string, draft: () => Draft, code: string, fault: string | undefined]>([
    ['for an institution that no station has', () => chargeback(161, { 32: '777777' }), '92', undefined],
    ['without an amount', () => chargeback(162, { 4: undefined, 49: undefined }), '30', '004'],
    ['without a card', () => chargeback(163, { 2: undefined }), '30', '002'],
    ['without an institution', () => chargeback(164, { 32: undefined }), '30', '100'],
    ['of a text that is empty', () => written('0620', { 7: '1122101501', 11: '000165', 32: '100001' }), '30', '048'],
  ])('one %s is refused, and not kept', async ([_name, draft, code, fault]) => {
    const answer = await issuer.ask(draft());
    expect([answer.text(39), answer.text(44)]).toEqual([code, fault]);
    expect(await waiting(program, ascii)).toEqual([]);
  });

  test('an acquirer may not send one, and neither may an issuer that has not signed on', async () => {
    const acquirer = await program.call(ascii);
    expect((await acquirer.ask(chargeback(171))).text(39)).toBe('12');
    const stranger = await program.call(host, 'iso8583-1987-binary');
    expect((await stranger.ask(chargeback(172))).text(39)).toBe('12');
    expect(await waiting(program, ascii)).toEqual([]);
    for (const each of [acquirer, stranger]) each.socket.destroy();
  });

  test('the receiving institution (DE100) goes before the acquirer; from 1987 to 2003, what has another place there is told there', async () => {
    expect((await issuer.ask(chargeback(181, { 100: '00100003', 25: undefined }))).text(39)).toBe('00');
    const acquirer = await program.call(iso2003);
    const told = await acquirer.next();
    expect(said(told)).toEqual(['2422', card, '000000', '9782000000001250', '100001', '000000000181', undefined]);
    expect([told.text(12)?.slice(4), told.text(26), told.text(24), told.text(56)?.slice(0, 16)]).toEqual(['1122101500', '5411', '450', '2200000000000042']);
    acknowledge(acquirer, told, '4000');
    await emptied(program, iso2003);
    const text = written('0620', { 7: '1122101509', 11: '000182', 32: '100003', 48: 'Call us' });
    expect((await issuer.ask(text)).text(39)).toBe('00');
    const read = await acquirer.next();
    expect([read.mti, Buffer.from(read.text(72) ?? '', 'hex').toString()]).toEqual(['2622', 'Call us']);
    acknowledge(acquirer, read, '6000');
    await emptied(program, iso2003);
    acquirer.socket.destroy();
  });

  test('an issuer of 1993 and an acquirer of 1987 each hear their own edition', async () => {
    const bank = await program.call('bank93', 'iso8583-1993-binary');
    const collects = written('1722', { 2: other, 3: '190000', 4: '000000000300', 7: '1122101500', 11: '000191', 12: '261122101500', 25: '4020', 32: '100002', 37: '000000000191', 49: '978', 93: '100001' });
    const answer = await bank.ask(collects);
    expect([answer.mti, answer.text(39)]).toEqual(['1732', '700']);
    const charges = written('1422', { 2: other, 3: '000000', 4: '000000000500', 7: '1122101500', 11: '000192', 12: '261122101500', 24: '453', 32: '100001', 37: '000000000192', 41: 'TERM0001', 49: '978', 56: '120000004226112210150006100001' });
    expect((await bank.ask(charges)).text(39)).toBe('400');
    const acquirer = await program.call(ascii);
    const told = [await acquirer.next()];
    acknowledge(acquirer, told[0]!, '00');
    told.push(await acquirer.next());
    acknowledge(acquirer, told[1]!, '00');
    expect(told.map(said)).toEqual([
      ['0222', other, '190000', '000000000300', '100002', '000000000191', '978'], ['0422', other, '000000', '000000000500', '100001', '000000000192', '978'],
    ]);
    expect([told[0]!.text(12), told[0]!.text(13), told[0]!.text(60), told[1]!.text(90)?.slice(0, 10)]).toEqual(['101500', '1122', '4020', '0200000042']);
    await emptied(program, ascii);
    for (const each of [bank, acquirer]) each.socket.destroy();
  });

  test('both ways are in the log of messages, masked', async () => {
    const lines = async (): Promise<Ended> => await command(program, 'log --stan 101');
    await eventually(async () => (await lines()).out.includes('0432'), 'it is in the book');
    const { out } = await lines();
    expect(out).toContain('chargeback');
    expect(out).not.toContain(card);
    expect(program.output).not.toContain(card);
  });
});

test('a switch that dies while messages come and go loses none that it has answered, and tells none twice as new', async () => {
  const folder = emptyFolder();
  const { document } = demoTables.find(({ kind, name }) => kind === 'station' && name === ascii)!;
  configure(folder, { demo: true, stations: { [ascii]: { ...document, acquirer: { institutions: ['100001'], advices: { answerMs: 300 } } } } });
  let program = await startProgram(folder);
  const kept = new Set<string>();
  const toldAsNew = new Map<string, number>();
  const told = new Set<string>();
  const codec = codecOf('iso8583-1987-ascii');
  let stan = 200;
  for (let life = 0; life < 2; life += 1) {
    const issuer = await issuerAt(program);
    const acquirer = await program.call(ascii);
    const endMs = performance.now() + 500;
    let taken = 0;
    let answered = 1;
    const first = stan;
    // Some are to be kept in each life, however slow the machine is.
    while (performance.now() < endMs || issuer.frames.length < 12) {
      for (; taken < acquirer.frames.length; taken += 1) {
        const message = codec.decode(acquirer.frames[taken]!);
        const rrn = message.text(37)!;
        told.add(rrn);
        if (message.mti === '0422') toldAsNew.set(rrn, (toldAsNew.get(rrn) ?? 0) + 1);
        // Every third is heard and not acknowledged.
        if (Number(rrn) % 3 !== 0) acknowledge(acquirer, message, '00');
      }
      if (stan - first - (answered - 1) < 4) {
        stan += 1;
        issuer.send(chargeback(stan, { 2: stan % 2 === 0 ? card : other }));
      }
      answered = Math.max(answered, issuer.frames.length);
      await delay(2);
    }
    await program.kill();
    for (const frame of issuer.frames) {
      const message = codecOf('iso8583-1987-binary').decode(frame);
      if (message.mti === '0432' && message.text(39) === '00') kept.add(message.text(37)!);
    }
    for (const each of [issuer, acquirer]) each.socket.destroy();
    program = await startProgram(folder);
  }
  expect(kept.size).toBeGreaterThan(10);
  const acquirer = await program.call(ascii);
  let taken = 0;
  await eventually(async () => {
    for (; taken < acquirer.frames.length; taken += 1) {
      const message = codec.decode(acquirer.frames[taken]!);
      const rrn = message.text(37)!;
      told.add(rrn);
      if (message.mti === '0422') toldAsNew.set(rrn, (toldAsNew.get(rrn) ?? 0) + 1);
      acknowledge(acquirer, message, '00');
    }
    return [...kept].every((rrn) => told.has(rrn)) && (await waiting(program, ascii)).length === 0;
  }, 'the acquirer has been told of all');
  expect([...toldAsNew.values()].filter((times) => times > 1)).toEqual([]);
  acquirer.socket.destroy();
  expect(await program.stop()).toEqual({ code: 0, signal: null });
});

test('locum host says it, the switch keeps it, and locum load acknowledges it; another locum host is an acquirer as well', async () => {
  const program = await startProgram(emptyFolder());
  const events: HostEvent[] = [];
  const wishes = ['chargeback,acquirer=100001,pan=5413330000000019,amount=12.50,rrn=4711', 'text,acquirer=100003,text=Hello, there'].map(messageOf);
  const issuer = await TestHost.start({ connect: { port: program.port(host) }, messages: wishes, onEvent: (event) => void events.push(event) });
  const passed = (from: readonly HostEvent[]): unknown[] => from.filter((event) => event.event === 'passed').map(({ direction, kind, pan, responseCode }) => [direction, kind, pan, responseCode]);
  await eventually(() => passed(events).length === 2, 'both are answered');
  expect(passed(events)).toEqual([['sent', 'chargeback', '541333******0019', '00'], ['sent', 'text', '', '00']]);
  issuer.tell(messageOf('feeCollection,acquirer=777,amount=1'));
  await eventually(() => passed(events).length === 3, 'the third is answered');
  expect(passed(events)[2]).toEqual(['sent', 'feeCollection', '', '92']);
  const load = await launched(['load', '--station', `127.0.0.1:${program.port(ascii)}`, '--spec', 'iso8583-1987-ascii', '--per-second', '20', '--for', '2', '--json'], { cwd: program.folder, env: { LOCUM_HTTP_PORT: String(program.httpPort) } });
  expect(JSON.parse(load.out.trim().split('\n').at(-1)!)).toMatchObject({ event: 'summary', acknowledged: 1, wrongStans: 0 });
  await emptied(program, ascii);
  const heard: HostEvent[] = [];
  const acquirer = await TestHost.start({ connect: { port: program.port(iso2003) }, spec: 'iso8583-2003-binary', signOn: false, onEvent: (event) => void heard.push(event) });
  await emptied(program, iso2003);
  expect(passed(heard)).toEqual([['received', 'text', '', '6000']]);
  for (const each of [issuer, acquirer]) await each.kill();
  await program.stop();
});

test.for<[written: string, sentence: string]>([
  ['purchase,acquirer=1', '--message begins with chargeback, feeCollection, fundsDisbursement, text'],
  ['text,text=x', 'a --message has acquirer='],
  ['chargeback,acquirer=1,pan=x', 'pan= of a --message is a card number'],
  ['chargeback,acquirer=1,amount=1,5', 'after its kind a --message has parts such as acquirer=100001'],
  ['chargeback,acquirer=1,amount=x', 'amount= of a --message is an amount'],
])('--message %s is refused with its sentence', ([written_, sentence]) => {
  expect(() => messageOf(written_)).toThrow(sentence);
});
