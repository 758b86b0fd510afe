/** File actions of the network on the running program: cards are locked and unlocked by them in every edition, once, and by those who may. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openNeighbour } from '../../src/book/connection.ts';
import { bookOptionsOf } from '../../src/cli/book-of.ts';
import type { Codec, Message } from '../../src/iso8583/codec.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import { loadConfig } from '../../src/program/config.ts';
import type { ListedShown } from '../../src/program/operator-locks.ts';
import { locum } from '../cli/locum.ts';
import { purchase } from '../switch/fixture.ts';
import type { Acquirer, Fields } from '../switch/fixture.ts';
import { ascii, configure, emptyFolder, endAll, eventually, startProgram } from './fixture.ts';
import type { ProgramProcess } from './fixture.ts';

let program: ProgramProcess;

beforeAll(async () => {
  const folder = emptyFolder();
  configure(folder, { demo: true, stations: { net93: { link: { listen: { port: 0 } }, spec: 'iso8583-1993-binary', fileActions: true } } });
  program = await startProgram(folder);
});
afterAll(endAll);

type Operation = 'add' | 'change' | 'delete' | 'replace' | 'inquire';

const operations: readonly Operation[] = ['add', 'change', 'delete', 'replace', 'inquire'];

interface Edition {
  readonly station: string;
  readonly spec: string;
  /** Type as sent first, and that of its answer. */
  readonly types: readonly [string, string];
  readonly version: '1987' | '1993' | '2003';
  readonly stanDigits: number;
  /** Reasons: stolen, suspected fraud. */
  readonly reasons: readonly [stolen: string, fraud: string];
  /** DE39: done, no such record, refused to be taken off, purchase with a stolen card, with one under suspicion, approved. */
  readonly codes: readonly [done: string, none: string, kept: string, stolen: string, fraud: string, approved: string];
}

const editions: readonly Edition[] = [
  { station: ascii, spec: 'iso8583-1987-ascii', version: '1987', types: ['0302', '0312'], stanDigits: 6, reasons: ['43', '59'], codes: ['00', '25', '29', '43', '59', '00'] },
  { station: 'net93', spec: 'iso8583-1993-binary', version: '1993', types: ['1304', '1314'], stanDigits: 6, reasons: ['3001', '3003'], codes: ['300', '302', '306', '209', '102', '000'] },
  { station: 'demo-2003-binary', spec: 'iso8583-2003-binary', version: '2003', types: ['2304', '2314'], stanDigits: 12, reasons: ['3001', '3707'], codes: ['3000', '3002', '3006', '2009', '1002', '0000'] },
];

const [old] = editions as readonly [Edition, ...Edition[]];

let stan = 0;

function written(mti: string, fields: Fields): Draft {
  const draft = new Draft(mti);
  for (const [field, text] of Object.entries(fields)) if (text !== undefined) draft.set(Number(field), text);
  return draft;
}

function fileAction({ version, types: [type], stanDigits }: Edition, operation: Operation, pan: string, reason: string | undefined, changes: Fields = {}, mti: string = type): Draft {
  stan += 1;
  const index = operations.indexOf(operation) + 1;
  const named = version === '1987'
    ? { 12: '101500', 13: '1122', 91: String(index), 127: reason }
    : { 12: version === '1993' ? '261122101500' : '20261122101500', 24: `30${index}`, 25: reason };
  return written(mti, { 2: pan, 7: '1122101500', 11: String(stan).padStart(stanDigits, '0'), 33: '9001', 101: 'STOPLIST', ...named, ...changes });
}

function bought({ version }: Edition, codec: Codec, pan: string): Draft {
  stan += 1;
  if (version !== '1993') return purchase(codec, stan, { 2: pan });
  return written('1100', {
    2: pan, 3: '000000', 4: '000000001250', 7: '1122101500', 11: String(stan).padStart(6, '0'), 12: '261122101500', 14: '3112', 24: '100', 26: '5411', 32: '476173', 41: 'TERM0001', 42: 'MERCHANT0000123', 49: '978',
  });
}

async function call({ station, spec }: Pick<Edition, 'station' | 'spec'>): Promise<Acquirer> {
  return await program.call(station, spec);
}

function reasonIn({ version }: Edition, message: Message): string | undefined {
  return version === '1987' ? message.text(127) : message.text(25);
}

describe.each(editions)('a network of $version', (edition) => {
  const { version, codes: [done, none, kept, stolenCode, fraudCode, approved], reasons: [stolen, fraud], types: [, answerType] } = edition;
  const index = editions.indexOf(edition);
  const [first, second] = [['4761730000001001', '4761730000001019'], ['4761730000001027', '4761730000001035'], ['4761730000001043', '4761730000001050']][index] as [string, string];

  test('locks a card that pays nothing from then on, asks for it, and unlocks it again', async () => {
    const network = await call(edition);
    expect((await network.ask(bought(edition, network.codec, first))).text(39)).toBe(approved);
    expect((await network.ask(fileAction(edition, 'inquire', first, undefined))).text(39)).toBe(none);
    const request = fileAction(edition, 'add', first, fraud);
    const answer = await network.ask(request);
    expect([answer.mti, answer.text(39), answer.text(2), answer.text(11), answer.text(101)]).toEqual([answerType, done, first, request.get(11), 'STOPLIST']);
    expect((await network.ask(bought(edition, network.codec, first))).text(39)).toBe(fraudCode);
    const found = await network.ask(fileAction(edition, 'inquire', first, undefined));
    expect(found.text(39)).toBe(done);
    expect(reasonIn(edition, found)).toBe(version === '1987' ? '59' : '3707');
    expect((await network.ask(fileAction(edition, 'delete', first, undefined))).text(39)).toBe(done);
    expect((await network.ask(bought(edition, network.codec, first))).text(39)).toBe(approved);
    expect((await network.ask(fileAction(edition, 'delete', first, undefined))).text(39)).toBe(none);
    network.socket.destroy();
  });

  test('locks a stolen card for good: it is not taken from the list again, and gets no other reason', async () => {
    const network = await call(edition);
    expect((await network.ask(fileAction(edition, 'replace', second, stolen))).text(39)).toBe(done);
    expect((await network.ask(bought(edition, network.codec, second))).text(39)).toBe(stolenCode);
    expect((await network.ask(fileAction(edition, 'delete', second, undefined))).text(39)).toBe(kept);
    expect((await network.ask(fileAction(edition, 'change', second, fraud))).text(39)).toBe({ 1987: '26', 1993: '308', 2003: '3008' }[version]);
    expect((await network.ask(bought(edition, network.codec, second))).text(39)).toBe(stolenCode);
    network.socket.destroy();
  });
});

describe('a file action that', () => {
  let network: Acquirer;
  const pan = '4761730000001068';
  beforeAll(async () => {
    network = await call(old);
  });

  async function codeOf(draft: Draft): Promise<string | undefined> {
    return (await network.ask(draft)).text(39);
  }

  test.for<[what: string, code: string, operation: Operation, fields: Fields]>([
    ['names another file', '25', 'add', { 101: 'MERCHANTS' }],
    ['names no file', '25', 'add', { 101: undefined }],
    ['has no reason', '27', 'add', { 127: undefined }],
    ['has a reason that nobody knows', '27', 'add', { 127: 'ZZ' }],
    ['has a reason that is cut off', '27', 'change', { 127: '4' }],
    ['does what nobody knows', '24', 'add', { 91: '9' }],
    ['does nothing', '24', 'add', { 91: undefined }],
    ['names a card with a wrong check digit', '25', 'add', { 2: '4761730000001067' }],
    ['names a card that nobody has', '25', 'add', { 2: '4761730000999998' }],
    ['names a card of no program', '25', 'add', { 2: '4000000000000002' }],
    ['names a card that was removed', '25', 'add', { 2: '4761730000000052' }],
    ['names a card whose issuer is elsewhere', '24', 'add', { 2: '5413330000000019' }],
    ['names no card', '30', 'add', { 2: undefined }],
    ['has no trace number', '30', 'add', { 11: undefined }],
    ['has a time that is none', '30', 'add', { 7: '9922101500' }],
    ['has no time', '30', 'add', { 7: undefined, 12: undefined }],
  ])('%s is answered with %s, and locks nothing', async ([, code, operation, fields]) => {
    expect(await codeOf(fileAction(old, operation, pan, '43', fields))).toBe(code);
    expect(await codeOf(bought(old, network.codec, pan))).toBe('00');
  });

  test('names no card is told the field', async () => {
    expect((await network.ask(fileAction(old, 'add', pan, '43', { 2: undefined }))).text(44)).toBe('002');
  });

  test('comes as an advice, or from an acquirer, is done and answered by its type', async () => {
    for (const [mti, answer] of [['0322', '0332'], ['0300', '0310'], ['0320', '0330']] as const) {
      const locked = await network.ask(fileAction(old, 'add', pan, '05', {}, mti));
      expect([locked.mti, locked.text(39)]).toEqual([answer, '00']);
      expect(await codeOf(bought(old, network.codec, pan))).toBe('05');
      expect(await codeOf(fileAction(old, 'delete', pan, undefined, {}, mti))).toBe('00');
    }
  });

  test('is garbled is answered as what cannot be read, or not at all, and locks nothing', async () => {
    const draft = fileAction(old, 'add', pan, '43');
    const bytes = Buffer.from(network.codec.encode(draft));
    // DE101 says that it is longer than what is left of it.
    const at = bytes.lastIndexOf('08STOPLIST');
    const long = Buffer.from(bytes);
    long.write('17', at, 'latin1');
    expect((await network.askBytes(long)).text(39)).toBe('30');
    const letters = Buffer.from(bytes);
    letters.write('\u0001', bytes.indexOf('STOPLIST'), 'latin1');
    expect((await network.askBytes(letters)).text(39)).toBe('30');
    for (let end = 4; end < bytes.length; end += 7) network.sendBytes(bytes.subarray(0, end));
    const alive = await call(old);
    expect((await alive.ask(bought(old, alive.codec, pan))).text(39)).toBe('00');
    alive.socket.destroy();
  });
});

test('a station that may not is refused, counted and named in the log, and the card goes on paying', async () => {
  const station = { station: 'demo-1987-binary', spec: 'iso8583-1987-binary' };
  const acquirer = await call(station);
  const pan = '4761730000001076';
  const answer = await acquirer.ask(fileAction(old, 'add', pan, '43'));
  expect([answer.mti, answer.text(39)]).toEqual(['0312', '12']);
  expect((await acquirer.ask(bought(old, acquirer.codec, pan))).text(39)).toBe('00');
  expect(program.of('message refused').at(-1)).toMatchObject({ station: station.station, reason: '9102', detail: 'type 0302: a file action, which this station may not send (stations.demo-1987-binary.fileActions)' });
  expect(await program.metric('locum_messages_refused_total{station="demo-1987-binary",mti="other",reason="9102"}')).toBe(1);
  acquirer.socket.destroy();
});

interface Entries {
  readonly lock: number;
  readonly purchases: number;
  readonly changes: number;
  readonly approvedAfter: number;
  readonly refusedBefore: number;
}

/** The card in the book: its lock, how often it was changed, and purchases on the wrong side of its last change. */
async function inBook(pan: string): Promise<Entries> {
  const book = await openNeighbour(bookOptionsOf(loadConfig({ environment: {}, cwd: program.folder, hostName: 'test' })));
  try {
    const [row] = await book.query<Entries & Readonly<Record<string, unknown>>>(
      `with one as (select account_id, lock_code from card where masked_pan like $1 order by added_at limit 1),
        change as (select j.account_id, max(j.account_sequence) as last, count(*) as changes from journal_entry j join one using (account_id) where j.kind = 'card' group by j.account_id)
       select one.lock_code::int as lock, (select count(*)::int from transaction t where t.account_id = one.account_id) as purchases, change.changes::int as changes,
        (select count(*)::int from transaction t where t.account_id = one.account_id and t.approved and t.sequence > change.last) as "approvedAfter",
        (select count(*)::int from transaction t where t.account_id = one.account_id and t.reason = '1802' and t.sequence < change.last) as "refusedBefore"
       from one join change using (account_id)`, [`%${pan.slice(-4)}`],
    );
    return row ?? { lock: -1, purchases: -1, changes: -1, approvedAfter: -1, refusedBefore: -1 };
  } finally {
    await book.close();
  }
}

async function command(...words: string[]): Promise<string> {
  const { out, err, code } = await locum(words, { cwd: program.folder, env: { LOCUM_HTTP_PORT: String(program.httpPort) } });
  if (code !== 0) throw new Error(`locum ${words.join(' ')}: ${err}${out}`);
  return out;
}

test('a repeat answers as before, changes the card once, and does not undo what came in between', async () => {
  const network = await call(old);
  const pan = '4761730000001084';
  const request = fileAction(old, 'add', pan, '59');
  expect((await network.ask(request)).text(39)).toBe('00');
  await eventually(async () => (await inBook(pan)).lock === 7, 'the book has the lock');
  const { changes } = await inBook(pan);
  const again = network.codec.decode(Uint8Array.from(network.codec.encode(request)));
  const repeat = new Draft('0303');
  for (const field of [2, 7, 11, 12, 13, 33, 91, 101, 127]) repeat.copy(again, field);
  // Twice at once, beside an answer of before.
  network.send(repeat);
  network.send(repeat);
  expect([(await network.next()).text(39), (await network.next()).text(39)]).toEqual(['00', '00']);
  expect(await command('unlock', pan, '--by', 'mia', '--why', 'cleared')).toContain('is unlocked');
  expect((await network.ask(repeat)).text(39)).toBe('00');
  expect((await network.ask(bought(old, network.codec, pan))).text(39)).toBe('00');
  const listed = JSON.parse(await command('locks', '--json')) as readonly ListedShown[];
  expect(listed.filter(({ why }) => why === 'cleared')).toMatchObject([{ lockCode: 0, by: 'mia' }]);
  await eventually(async () => (await inBook(pan)).lock === 0, 'the book has its end');
  expect((await inBook(pan)).changes).toBe(changes + 1);
  // The same trace with another reason is another message.
  repeat.set(127, '43');
  expect((await network.ask(repeat)).text(39)).toBe('94');
  expect((await network.ask(bought(old, network.codec, pan))).text(39)).toBe('00');
  network.socket.destroy();
});

test('a purchase that meets a lock is decided on one side of it', async () => {
  const pan = '4761730000001092';
  const [network, ...shops] = await Promise.all([call(old), call(old), call(old), call(old)]);
  const sent = 40;
  for (let round = 0; round < sent; round += 1) {
    for (const shop of shops) shop.send(bought(old, shop.codec, pan));
    if (round === sent / 2) network.send(fileAction(old, 'add', pan, '43'));
  }
  expect((await network.next()).text(39)).toBe('00');
  const codes: (string | undefined)[] = [];
  for (const shop of shops) {
    for (let round = 0; round < sent; round += 1) codes.push((await shop.next()).text(39));
    shop.send(bought(old, shop.codec, pan));
    codes.push((await shop.next()).text(39));
  }
  expect([...new Set(codes)].sort()).toEqual(['00', '43']);
  await eventually(async () => (await inBook(pan)).lock === 2, 'the book has the lock');
  await eventually(async () => (await inBook(pan)).purchases === codes.length, 'the book has all purchases');
  expect(await inBook(pan)).toMatchObject({ approvedAfter: 0, refusedBefore: 0 });
  for (const acquirer of [network, ...shops]) acquirer.socket.destroy();
});

test('locum send makes one for each edition, and its way is in the log, in the trace and on the negative list', async () => {
  const pan = '4761730000001118';
  for (const [index, edition] of editions.entries()) {
    const to = ['--station', `127.0.0.1:${program.port(edition.station)}`, '--spec', edition.spec, '--pan', pan, '--stan', String(9001 + index)];
    const done = `${edition.codes[0]}: ${edition.version === '1987' ? 'Accepted' : 'File action successful'}.\n`;
    expect(await command('send', 'fileaction', ...to, '--code', '7')).toContain(done);
    expect(await command('send', 'fileaction', ...to, '--action', 'inquire')).toContain(done);
    const listed = JSON.parse(await command('locks', '--json')) as readonly ListedShown[];
    expect(listed.filter(({ by, lockCode }) => by === `station ${edition.station}` && lockCode === 7)).toMatchObject([{ why: 'file action add' }]);
    expect(await command('send', 'fileaction', ...to, '--action', 'delete', '--stan', String(9101 + index))).toContain(done);
  }
  await eventually(async () => (await locum(['trace', '9003'], { cwd: program.folder })).code === 0, 'the log has it');
  const told = await command('trace', '9003');
  expect(told).toMatch(/: 2304, stop list add, card 476173\*{6}1118\n {2}From station demo-2003-binary, acquirer 100001, STAN 9003; here n[\w-]{24}\.\n {2}Answered 2314 3000 after [^:]*: locked with code 7\.\n/);
  expect(told).not.toContain(pan);
  const lines = (await command('log', '--stan', '9003', '--json')).trim().split('\n').map((line) => JSON.parse(line) as { readonly class: string; readonly reason: string; readonly cardToken: string });
  expect(lines[0]).toMatchObject({ class: 'file', reason: '3000', cardToken: expect.stringMatching(/^[\w-]{22}$/) as unknown });
  expect(program.output).not.toContain(pan);
});
