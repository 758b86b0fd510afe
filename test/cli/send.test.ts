import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { luhnDigit } from '../../src/base/luhn.ts';
import { Authority, openssl } from '../link/certificates.ts';
import { freePort } from '../servers/ports.ts';
import { emptyFolder, locum, startDemo } from './locum.ts';
import type { Ended, RunningLocum } from './locum.ts';

interface Sent {
  readonly request: { readonly mti: string; readonly fields: readonly { readonly path: string; readonly value: string }[] };
  readonly response: Sent['request'];
  readonly responseCode: string;
  readonly action: string;
  readonly meaning: string;
  readonly approved: boolean;
  readonly approvalCode: string | null;
  readonly rrn: string | null;
  readonly original: string;
}

let demo: RunningLocum;

beforeAll(async () => {
  demo = await startDemo();
});

afterAll(async () => {
  await demo.stop();
  rmSync(demo.cwd, { recursive: true });
});

async function send(words: readonly string[]): Promise<Ended> {
  return await locum(['send', ...words], { cwd: demo.cwd, env: demo.env });
}

/** What a program reads of it. */
async function sent(words: readonly string[]): Promise<readonly Sent[]> {
  const { code, out, err } = await send([...words, '--json']);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return (JSON.parse(out) as { readonly exchanges: readonly Sent[] }).exchanges;
}

async function one(words: readonly string[]): Promise<Sent> {
  const [exchange] = await sent(words);
  if (exchange === undefined) throw new Error('nothing was exchanged');
  return exchange;
}

function valueOf(message: Sent['request'], path: string): string | undefined {
  return message.fields.find((field) => field.path === path)?.value;
}

const stations = [
  { name: 'demo-1987-ascii', edition: '0', codes: { approved: '00', partial: '10', funds: '51', expired: '54', reversed: '00', echo: '00', noPin: '55' } },
  { name: 'demo-1987-binary', edition: '0', codes: { approved: '00', partial: '10', funds: '51', expired: '54', reversed: '00', echo: '00', noPin: '55' } },
  { name: 'demo-2003-binary', edition: '2', codes: { approved: '0000', partial: '0002', funds: '1016', expired: '1001', reversed: '4000', echo: '8000', noPin: '1012' } },
] as const;

/** A card of the hundred for load, of which each test takes its own. */
let taken = 0;
function card(): string {
  const digits = `4761730000001${String(taken++).padStart(2, '0')}`;
  return `${digits}${luhnDigit(digits) ?? ''}`;
}

describe.each(stations)('to $name', ({ name, edition, codes }) => {
  const to = ['--station', name];

  test('each kind of message is built, sent and answered as it should be', async () => {
    const pan = ['--pan', card()];
    const kinds: readonly [words: readonly string[], mti: string, code: string][] = [
      [['purchase', '--amount', '12.50', ...pan], '100', codes.approved],
      [['purchase', '--amount', '12.50', '--with-cvv2', ...pan], '100', codes.approved],
      [['purchase', '--amount', '12.50', '--with-cvv', ...pan], '100', codes.approved],
      [['purchase', '--amount', '1', '--mti', '200', ...pan], '200', codes.approved],
      [['cash', '--amount', '10', ...pan], '100', codes.noPin],
      [['refund', '--amount', '3', ...pan], '100', codes.approved],
      [['balance', ...pan], '100', codes.approved],
      [['verify', ...pan], '100', codes.approved],
      [['purchase', '--amount', '12.50', '--expiry', '3001', ...pan], '100', codes.expired],
      [['echo'], edition === '0' ? '800' : '804', codes.echo],
    ];
    for (const [words, type, code] of kinds) {
      const exchange = await one([...words, ...to]);
      expect([words.join(' '), exchange.request.mti, exchange.responseCode]).toEqual([words.join(' '), edition + type, code]);
    }
  });

  test('a pre-authorization is added to, completed, and the answers say what it came to', async () => {
    const pan = ['--pan', card(), ...to];
    const held = await one(['preauth', '--amount', '80', ...pan]);
    const increased = await one(['increment', '--amount', '10', '--original', held.original, ...pan]);
    expect(increased).toMatchObject({ approved: true });
    expect(valueOf(increased.response, '4')?.slice(-12)).toBe('000000009000');
    const completed = await one(['completion', '--amount', '64.20', '--original', held.original, ...pan]);
    expect(completed).toMatchObject({ approved: true, request: { mti: `${edition}220` }, response: { mti: `${edition}230` } });
  });

  test('a purchase is reversed, in part and then whole, by what its line "original:" says', async () => {
    const pan = ['--pan', card(), ...to];
    const { out } = await send(['purchase', '--amount', '20', ...pan]);
    const original = /^original: ([0-9,]+)$/m.exec(out)?.[1] ?? '';
    const part = await one(['reversal', '--amount', '20', '--actual', '5', '--original', original, ...pan]);
    expect(part).toMatchObject({ responseCode: codes.reversed, approved: true, request: { mti: `${edition}400` } });
  });

  test('with --repeat the second message is the first\'s repeat, and is answered as the first', async () => {
    const [first, second] = await sent(['purchase', '--amount', '2', '--repeat', '--pan', card(), ...to]);
    expect([first?.request.mti, second?.request.mti]).toEqual([`${edition}100`, `${edition}101`]);
    expect(second?.approvalCode).toBe(first?.approvalCode);
    expect(first?.approvalCode).toMatch(/^[0-9A-Z]{6}$/);
  });
});

test('request and answer are printed field by field, masked, with the answer in words', async () => {
  const { code, out } = await send(['purchase', '--pan', '4761730000000029', '--amount', '9.00', '--partial', '--stan', '77', '--rrn', 'ABC000000077']);
  expect(code).toBe(0);
  expect(out).toContain('476173******0029');
  expect(out).not.toContain('4761730000000029');
  expect(out).toMatch(/^0100 to demo-1987-ascii \(127\.0\.0\.1:\d+\), \d+ bytes$/m);
  expect(out).toMatch(/^ {2}11 +Systems trace audit number +000077$/m);
  expect(out).toMatch(/^ {2}37 +Retrieval reference number +ABC000000077$/m);
  expect(out).toMatch(/^0110 after [0-9.]+ ms, \d+ bytes$/m);
  expect(out).toMatch(/^10: Approved, partial amount, approval code [0-9A-Z]{6}\.$/m);
  const declined = await send(['purchase', '--pan', '4761730000000029', '--amount', '9.00']);
  expect(declined.code).toBe(0);
  expect(declined.out).toMatch(/^51: Not sufficient funds\.$/m);
});

test('what --field says has the last word, also that a field is not there', async () => {
  const { request, responseCode } = await one(['purchase', '--pan', card(), '--amount', '1', '--field', '41=OTHER', '--field', '18=', '--field', '11=']);
  expect([valueOf(request, '41')?.trim(), valueOf(request, '18'), responseCode]).toEqual(['OTHER', undefined, '30']);
});

test('a raw message has the fields that it is given, and no other', async () => {
  const { request, response } = await one(['raw', '--mti', '0800', '--field', '7=1122080512', '--field', '11=000042', '--field', '70=301']);
  expect(request).toMatchObject({ mti: '0800' });
  expect(request.fields.map(({ path }) => path)).toEqual(['mti', '7', '11', '70']);
  expect(response.mti).toBe('0810');
});

test('any address takes messages of any format', async () => {
  const address = `127.0.0.1:${demo.ports['demo-2003-binary']}`;
  expect(await one(['echo', '--station', address, '--spec', 'iso8583-2003-binary', '--framing', '2'])).toMatchObject({ responseCode: '8000', meaning: 'Network management accepted' });
});

describe('to stations that want more', () => {
  let running: RunningLocum;
  let authority: Authority;

  beforeAll(async () => {
    const cwd = emptyFolder();
    authority = new Authority(await openssl(), 'Test');
    const [ours, client] = [authority.issue('switch'), authority.issue('shop')];
    const files = { 'switch.pem': ours.certificate, 'switch.key': ours.privateKey, 'ca.pem': authority.certificate, 'shop.pem': client.certificate, 'shop.key': client.privateKey };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
    const listen = { port: 0 };
    const tls = { certificateFile: 'switch.pem', privateKeyFile: 'switch.key' };
    writeFileSync(join(cwd, 'locum.json'), JSON.stringify({
      demo: true,
      stations: {
        secure: { spec: 'iso8583-1993-binary', link: { listen, tls } },
        mutual: { spec: 'iso8583-1993-ascii', link: { listen, tls: { ...tls, authoritiesFile: 'ca.pem', clientCertificate: 'required' } } },
        signed: { spec: 'iso8583-1987-ebcdic', link: { listen, session: { signOn: 'peer' }, framing: { lengthBytes: 4, lengthEncoding: 'ascii', tpdu: '6000030000' } } },
        caller: { spec: 'iso8583-1987-ascii', link: { connect: { host: '127.0.0.1', port: 1, retryFirstMs: 60_000, retryMaxMs: 60_000 } } },
      },
    }));
    const drawn = Object.fromEntries(['SECURE', 'MUTUAL', 'SIGNED'].map((name) => [`LOCUM_STATIONS_${name}_LINK_LISTEN_PORT`, '0']));
    running = await startDemo({ cwd, env: drawn });
  });

  afterAll(async () => {
    await running.stop();
    authority.remove();
    rmSync(running.cwd, { recursive: true });
  });

  test('TLS is spoken, and the station\'s own certificate is trusted', async () => {
    const { code, out, err } = await locum(['send', 'purchase', '--pan', '4761730000001993', '--amount', '1', '--station', 'secure'], running);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^000: Approved, approval code /m);
  });

  test('a client certificate is shown where one is demanded, and its lack is a sentence', async () => {
    const shown = ['--certificate', 'shop.pem', '--private-key', 'shop.key', '--authorities', 'ca.pem', '--server-name', 'switch'];
    expect(await locum(['send', 'echo', '--station', 'mutual', ...shown], running)).toMatchObject({ code: 0, err: '' });
    const { code, err } = await locum(['send', 'echo', '--station', 'mutual'], running);
    expect(code).toBe(1);
    expect(err).toBe('locum send: the connection to mutual broke: TLS says "tlsv13 alert certificate required"; --certificate and --private-key show ours.\n');
  });

  test('who has to sign on does so first, in the station\'s own framing', async () => {
    const { code, out, err } = await locum(['send', 'purchase', '--pan', '4761730000001993', '--amount', '1', '--station', 'signed'], running);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^00: Approved, approval code /m);
  });

  test('a station that the switch calls is not there to be called', async () => {
    expect(await locum(['send', 'echo', '--station', 'caller'], running)).toMatchObject({
      code: 2, err: 'locum send: the switch calls caller (127.0.0.1:1), it does not listen for it; there is nothing to connect to. locum send --help shows how it is used.\n',
    });
  });
});

describe('what does not work is a sentence', () => {
  const pan = ['--pan', '4761730000000011'];

  test.for<[words: readonly string[], code: number, sentence: string]>([
    [[], 2, 'what to send is missing; there are purchase, cash, refund, balance, verify, pinchange, preauth, increment, completion, reversal, advice, fileaction, echo, signon, signoff, raw.'],
    [['purchse'], 2, 'there is no message purchse; there are purchase, cash, refund, balance, verify, pinchange, preauth, increment, completion, reversal, advice, fileaction, echo, signon, signoff, raw.'],
    [['purchase', '12.50', ...pan], 2, 'nothing follows purchase; 12.50 needs an option in front of it.'],
    [['purchase', '--amount', '1'], 2, 'purchase needs --pan or --track2.'],
    [['purchase', '--amount', '1', '--pan', '47x'], 2, '--pan is 8 to 19 digits.'],
    [['purchase', ...pan], 2, 'purchase needs --amount.'],
    [['purchase', '--amount', '12.505', ...pan], 2, '--amount is an amount such as 12.50, with no more decimals than the currency has, not 12.505.'],
    [['purchase', '--amount', '1.5', '--currency', 'JPY', ...pan], 2, '--amount is an amount such as 12.50, with no more decimals than the currency has, not 1.5.'],
    [['purchase', '--amount', '1', '--currency', 'ducats', ...pan], 2, '--currency is an ISO 4217 code such as EUR or 978, not ducats.'],
    [['completion', '--amount', '1', ...pan], 2, 'completion needs --original or --approval-code: what it belongs to.'],
    [['reversal', '--amount', '1', '--original', '12', ...pan], 2, '--original is a STAN and the time of that message with a comma between them, as send prints them, such as 4217,1122080512.'],
    [['reversal', '--amount', '1', '--original', '12,20261122080512', ...pan], 2, 'of a message of 1987, --original takes the time as 10 digits (DE7, MMDDhhmmss), not 14.'],
    [['raw'], 2, 'a raw message needs --mti.'],
    [['raw', '--mti', '100', '--field', 'x'], 2, '--field is a number from 2 to 192, = and the text, such as 48=0123.'],
    [['echo', '--station', 'pos'], 2, 'the configuration has no station pos; it has demo-1987-ascii, demo-1987-binary, demo-2003-binary, demo-host, and --station <host:port> takes any address.'],
    [['echo', '--station', '127.0.0.1:1'], 2, 'an address needs --spec, the format of its messages (locum spec list).'],
  ])('%j', async ([words, code, sentence]) => {
    expect(await send(words)).toMatchObject({ code, out: '', err: `locum send: ${sentence} locum send --help shows how it is used.\n` });
  });

  test('a value that the format cannot hold', async () => {
    expect(await send(['purchase', '--amount', '1', ...pan, '--field', '49=EURO'])).toMatchObject({ code: 1, err: 'locum send: 49: the value is longer than the spec allows.\n' });
  });

  test('nobody who listens', async () => {
    const port = await freePort();
    expect(await send(['echo', '--station', `127.0.0.1:${port}`, '--spec', 'iso8583-1987-ascii'])).toMatchObject({
      code: 1, err: `locum send: nobody listens on 127.0.0.1:${port} (127.0.0.1:${port}); is the switch running (locum start)?\n`,
    });
  });

  test.for<[what: string, behave: (socket: Socket) => void, sentence: RegExp]>([
    ['silence', () => undefined, /did not answer the 0800 with trace number \d{6} within 2000 ms; whether it was carried out is not known\.$/],
    ['hanging up', (socket) => socket.destroy(), /(?:closed the connection without an answer|broke: .*)\.$/],
    ['another format', (socket) => socket.write(Buffer.from('00040800aabb', 'hex')), /answered with what is no message of iso8583-1987-ascii: mti at byte 0: .*\.$/],
  ])('an answer that is %s', async ([, behave, sentence]) => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket.on('error', () => undefined));
      socket.once('data', () => behave(socket));
    });
    const port = await listening(server);
    const { code, err } = await send(['echo', '--station', `127.0.0.1:${port}`, '--spec', 'iso8583-1987-ascii', '--timeout', '2000']);
    expect(code).toBe(1);
    expect(err.trim()).toMatch(sentence);
    for (const socket of sockets) socket.destroy();
    server.close();
  });
});

async function listening(server: ReturnType<typeof createServer>): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  return (server.address() as AddressInfo).port;
}
