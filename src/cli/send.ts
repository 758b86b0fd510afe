/** `locum send`: an acquirer in one line. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import type { Dialect } from '../dialect/dialect.ts';
import type { Message } from '../iso8583/codec.ts';
import { describe } from '../iso8583/describe.ts';
import { fieldNumberMax } from '../base/limits.ts';
import { plainFraming, compileFraming } from '../link/framing.ts';
import { currencyNumber, parseAmount } from '../message/money.ts';
import type { Amount } from '../message/money.ts';
import { Pan } from '../message/pan.ts';
import type { Config } from '../program/config.ts';
import { demoBin, demoExpiry } from '../program/demo-tables.ts';
import { loadFormat } from '../program/tables-format.ts';
import type { StationRow } from '../program/tables.ts';
import { UsageError } from './command.ts';
import type { Command, Given, Outside } from './command.ts';
import { configOf, configOption } from './configured.ts';
import { fieldLines } from './decode.ts';
import { framingOption, parseFraming } from './framing.ts';
import { CardValues } from './send-card.ts';
import { Acquirer } from './send-client.ts';
import type { Exchange, Target } from './send-client.ts';
import { draftOf, kinds, meaningOf } from './send-draft.ts';
import type { Kind, Original, Times, Wish } from './send-draft.ts';
import { pathOrName } from './spec.ts';

export const sendCommand: Command = {
  name: 'send',
  summary: 'Sends one message as an acquirer would, and prints it and its answer field by field, masked',
  operands: `<${kinds.join(' | ')}>`,
  about: [
    'The message is built for the station\'s edition of ISO 8583: purchase, cash, refund, balance, verify, preauth and increment are requests for authorization (x100), completion is a financial advice (x220), reversal an x400, advice an x120; --mti takes another type. raw has the fields of --field alone.',
    'The line that begins with "original:" is what --original takes in a later reversal, increment or completion.',
    'The exit code is 0 where there was an answer, a decline as well as an approval, and 1 where there was none.',
  ],
  options: {
    station: { type: 'string', value: '<name | host:port>', about: 'a station of the configuration, the first by default; or any address, with --spec' },
    pan: { type: 'string', value: '<digits>', about: 'the card number' },
    amount: { type: 'string', value: '<12.50>', about: 'the amount' },
    currency: { type: 'string', value: '<EUR | 978>', about: 'its currency; EUR by default' },
    expiry: { type: 'string', value: '<YYMM>', about: 'the expiry date' },
    cvv2: { type: 'string', value: '<digits>', about: 'the CVV2' },
    'with-cvv2': { type: 'boolean', about: 'a right CVV2, computed with the keys of the configuration' },
    track2: { type: 'string', value: '<track>', about: 'track 2, with = between number and date' },
    'with-cvv': { type: 'boolean', about: 'a track 2 with a right CVV, computed with the keys of the configuration' },
    partial: { type: 'boolean', about: 'a part of the amount may be approved' },
    actual: { type: 'string', value: '<5.00>', about: 'reversal: what the transaction came to after all; the rest is given back' },
    original: { type: 'string', value: '<[type,]stan,time>', about: 'the message that this one refers to: its type if it is not the x100, its STAN, and its DE7 (1987) or DE12 (1993, 2003)' },
    'approval-code': { type: 'string', value: '<code>', about: 'DE38 of a completion, advice or reversal' },
    stan: { type: 'string', value: '<digits>', about: 'the trace number; drawn by default' },
    rrn: { type: 'string', value: '<12 characters>', about: 'the retrieval reference number; made from day, hour and STAN by default' },
    at: { type: 'string', value: '<MMDDhhmmss>', about: 'DE7; now by default' },
    acquirer: { type: 'string', value: '<digits>', about: 'DE32; 100001 by default' },
    terminal: { type: 'string', value: '<id>', about: 'DE41; LOCUM001 by default' },
    merchant: { type: 'string', value: '<id>', about: 'DE42; LOCUMSEND by default' },
    mcc: { type: 'string', value: '<digits>', about: 'the merchant category; 5999 by default' },
    mti: { type: 'string', value: '<type>', about: 'another message type, with or without the edition\'s digit: 200 or 0200' },
    field: { type: 'string', value: '<number=text>', about: 'a field as it is, binary ones in hexadecimal; without a text the field is left out. Can be repeated', multiple: true },
    repeat: { type: 'boolean', about: 'sends the message again as a repeat (x101 after x100), on the same connection' },
    'sign-on': { type: 'boolean', about: 'signs on first; where the station asks for it, that is done without this' },
    timeout: { type: 'string', value: '<ms>', about: 'how long to wait for a connection and for each answer; 10000 by default' },
    spec: { type: 'string', value: '<name | file>', about: 'the message format of an address' },
    ...framingOption,
    tls: { type: 'boolean', about: 'TLS to an address' },
    authorities: { type: 'string', value: '<file>', about: 'who may have issued the station\'s certificate (PEM); by default, the station\'s own certificate is trusted' },
    certificate: { type: 'string', value: '<file>', about: 'our certificate (PEM), with --private-key' },
    'private-key': { type: 'string', value: '<file>', about: 'our private key (PEM)' },
    'server-name': { type: 'string', value: '<name>', about: 'the name that the station\'s certificate must have' },
    json: { type: 'boolean', about: 'one JSON document instead of lines for a person' },
    ...configOption,
  },
  examples: [
    { line: 'send purchase --pan 4761730000000011 --amount 12.50 --station demo-1987-ascii', about: 'A purchase of 12.50 EUR.', needs: 'running demo' },
    { line: 'send purchase --pan 4761730000000029 --amount 9.00 --partial --station demo-1987-binary', about: 'More than the balance of 5.00: a part of it is approved.', needs: 'running demo' },
    { line: 'send purchase --pan 4761730000001001 --amount 1.00 --with-cvv --station demo-2003-binary', about: 'By stripe, with a right CVV.', needs: 'running demo' },
    { line: 'send preauth --pan 4761730000001019 --amount 80 --stan 4217 --at 1122080512', about: 'Holds 80.00 …', needs: 'running demo' },
    { line: 'send completion --pan 4761730000001019 --amount 64.20 --original 4217,1122080512', about: '… of which 64.20 is taken, and the rest given back.', needs: 'running demo' },
    { line: 'send balance --pan 4761730000000011 --json', about: 'What a program reads.', needs: 'running demo' },
    { line: 'send echo --station 127.0.0.1:8585 --spec iso8583-2003-binary --framing 2', about: 'To any address, in any format.', needs: 'running demo' },
  ],
  async run(given, outside) {
    const config = configOf(given, outside);
    const timeoutMs = wholeNumber(given.text('timeout') ?? '10000', '--timeout');
    const { target, dialect, signOn } = destination(given, outside, config);
    const wish = await wishOf(given, outside, config, dialect);
    const draft = draftOf(wish, dialect, target.codec.spec);
    const json = given.has('json');
    const acquirer = await Acquirer.connect(target, timeoutMs, outside.elapsed, (message) => {
      if (!json) outside.print(`(${target.name} sent a ${message.mti} of its own, which is not answered)`);
    });
    const exchanges: Exchange[] = [];
    try {
      if (signOn) await acquirer.exchange(draftOf({ ...wish, kind: 'signon', type: undefined, fields: new Map(), stan: otherStan(wish.stan) }, dialect, target.codec.spec), timeoutMs);
      exchanges.push(await acquirer.exchange(draft, timeoutMs));
      if (!json) printExchange(exchanges[0]!, target, dialect, outside);
      if (given.has('repeat')) {
        draft.mti = `${draft.mti.slice(0, 3)}1`;
        exchanges.push(await acquirer.exchange(draft, timeoutMs));
        if (!json) outside.print('');
        if (!json) printExchange(exchanges[1]!, target, dialect, outside);
      }
    } finally {
      acquirer.close();
    }
    if (json) outside.print(JSON.stringify({ station: target.name, exchanges: exchanges.map((exchange) => jsonOf(exchange, dialect)) }));
    return 0;
  },
};

interface Destination {
  readonly target: Target;
  readonly dialect: Dialect;
  readonly signOn: boolean;
}

function destination(given: Given, outside: Outside, config: Config): Destination {
  const named = given.text('station') ?? config.stations[0]?.name;
  if (named === undefined) throw new UsageError('the configuration has no station; --station <host:port> takes any address');
  const address = /^(.+):([0-9]{1,5})$/.exec(named);
  const station = config.stations.find(({ name }) => name === named);
  const framingText = given.text('framing');
  const framing = framingText === undefined ? undefined : parseFraming(framingText);
  if (framingText !== undefined && framing === undefined) throw new UsageError('over a connection there is always a length in front of a message');
  if (station !== undefined) {
    const { codec, dialect } = loadFormat(station, `stations.${named}`);
    const { host, port } = reached(station);
    const target = { name: named, host, port, framing: framing ?? station.link.framing, codec, tls: tlsOf(given, outside, station.link.tls !== undefined, station.link.tls?.certificateFile, host) };
    return { target, dialect, signOn: given.has('sign-on') || station.link.session.signOn === 'peer' };
  }
  if (address === null) throw new UsageError(`the configuration has no station ${named}; it has ${config.stations.map(({ name }) => name).join(', ')}, and --station <host:port> takes any address`);
  const spec = given.text('spec');
  if (spec === undefined) throw new UsageError('an address needs --spec, the format of its messages (locum spec list)');
  const { codec, dialect } = loadFormat({ spec: pathOrName(spec, outside.cwd) }, '--spec');
  const [, host = '', port = ''] = address;
  const target = { name: named, host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port), framing: framing ?? compileFraming(plainFraming), codec, tls: tlsOf(given, outside, given.has('tls'), undefined, host) };
  return { target, dialect, signOn: given.has('sign-on') };
}

function reached({ name, link }: StationRow): { host: string; port: number } {
  if (link.role === 'connect') throw new UsageError(`the switch calls ${name} (${link.host}:${link.port}), it does not listen for it; there is nothing to connect to`);
  if (link.port === 0) throw new UsageError(`the port of ${name} is drawn when the switch starts; its log names it, and --station <host:port> takes it`);
  return { host: link.host === '0.0.0.0' ? '127.0.0.1' : link.host === '::' ? '::1' : link.host, port: link.port };
}

function tlsOf(given: Given, outside: Outside, wanted: boolean, ownCertificate: string | undefined, host: string): ConnectionOptions | undefined {
  if (!wanted) return undefined;
  const read = (file: string | undefined): string | undefined => (file === undefined ? undefined : readFileSync(resolve(outside.cwd, file), 'utf8'));
  const [ca, cert, key] = [read(given.text('authorities') ?? ownCertificate), read(given.text('certificate')), read(given.text('private-key'))];
  return {
    minVersion: 'TLSv1.2',
    servername: given.text('server-name') ?? (/^[0-9.]+$|:/.test(host) ? '' : host),
    ...(given.text('server-name') === undefined && ownCertificate !== undefined ? { checkServerIdentity: () => undefined, allowPartialTrustChain: true } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

async function wishOf(given: Given, outside: Outside, config: Config, dialect: Dialect): Promise<Wish> {
  const kind = kindOf(given);
  const nowMs = outside.now();
  const stan = given.text('stan') ?? String(1 + Math.floor(outside.random() * 999_999));
  if (!/^[0-9]+$/.test(stan) || stan.length > (dialect.version === '2003' ? 12 : 6)) throw new UsageError(`--stan is ${dialect.version === '2003' ? 12 : 6} digits at most`);
  const times = timesOf(nowMs, given.text('at'));
  const wish: Wish = {
    kind,
    type: typeOf(given.text('mti')),
    pan: given.text('pan'),
    amount: amountOf(given, 'amount'),
    actual: amountOf(given, 'actual'),
    expiry: given.text('expiry'),
    track2: given.text('track2'),
    cvv2: given.text('cvv2'),
    stan,
    rrn: given.text('rrn') ?? referenceOf(nowMs, stan),
    approvalCode: given.text('approval-code'),
    original: originalOf(given.text('original')),
    acquirer: digitsOf(given, 'acquirer', '100001', 11),
    terminal: given.text('terminal') ?? 'LOCUM001',
    merchant: given.text('merchant') ?? 'LOCUMSEND',
    category: digitsOf(given, 'mcc', '5999', 4),
    partial: given.has('partial'),
    times,
    fields: fieldsOf(given.texts('field')),
  };
  return kind === 'raw' || isNetwork(kind) ? wish : await withCard(cardWish(wish), given, outside, config, dialect);
}

function kindOf(given: Given): Kind {
  const [word, ...rest] = given.operands;
  const kind = kinds.find((name) => name === word);
  if (kind === undefined) throw new UsageError(`${word === undefined ? 'what to send is missing' : `there is no message ${word}`}; there are ${kinds.join(', ')}`);
  if (rest.length > 0) throw new UsageError(`nothing follows ${kind}; ${rest.join(' ')} needs an option in front of it`);
  return kind;
}

function isNetwork(kind: Kind): boolean {
  return kind === 'echo' || kind === 'signon' || kind === 'signoff';
}

/** What a card message needs. */
function cardWish(wish: Wish): Wish {
  const { kind } = wish;
  if (wish.pan === undefined && wish.track2 === undefined) throw new UsageError(`${kind} needs --pan or --track2`);
  if (wish.pan !== undefined && Pan.parse(wish.pan) === undefined) throw new UsageError('--pan is 8 to 19 digits');
  if (kind === 'verify') return { ...wish, amount: { amountMinor: 0, currency: wish.amount?.currency ?? '978' } };
  if (kind !== 'balance' && wish.amount === undefined) throw new UsageError(`${kind} needs --amount`);
  if ((kind === 'increment' || kind === 'completion') && wish.original === undefined && wish.approvalCode === undefined) {
    throw new UsageError(`${kind} needs --original or --approval-code: what it belongs to`);
  }
  return wish;
}

async function withCard(wish: Wish, given: Given, outside: Outside, config: Config, dialect: Dialect): Promise<Wish> {
  if (!given.has('with-cvv') && !given.has('with-cvv2')) return wish;
  const pan = Pan.parse(wish.pan ?? wish.track2?.split(/[=D]/, 1)[0] ?? '');
  if (pan === undefined) throw new UsageError('a verification value is computed for --pan');
  const expiry = wish.expiry ?? (pan.bin(6) === demoBin ? demoExpiry : undefined);
  if (expiry === undefined) throw new UsageError('a verification value is computed over --expiry as well');
  const values = new CardValues(config, outside);
  if (given.has('with-cvv')) return { ...wish, expiry, track2: await values.track2(pan, expiry, dialect.track2ValueAt) };
  return { ...wish, expiry, cvv2: await values.cvv2(pan, expiry) };
}

function amountOf(given: Given, option: 'amount' | 'actual'): Amount | undefined {
  const text = given.text(option);
  if (text === undefined) return undefined;
  const name = given.text('currency') ?? 'EUR';
  const currency = currencyNumber(name);
  if (currency === undefined) throw new UsageError(`--currency is an ISO 4217 code such as EUR or 978, not ${name}`);
  const amountMinor = parseAmount(text, currency);
  if (amountMinor === undefined) throw new UsageError(`--${option} is an amount such as 12.50, with no more decimals than the currency has, not ${text}`);
  if (amountMinor > 999_999_999_999) throw new UsageError(`--${option} is more than a message can say`);
  return { amountMinor, currency };
}

function typeOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (!/^[0-2]?[0-9]{3}$/.test(text)) throw new UsageError(`--mti is three digits, or four with the edition's, not ${text}`);
  return text.slice(-3);
}

function originalOf(text: string | undefined): Original | undefined {
  if (text === undefined) return undefined;
  const parts = text.split(',').map((part) => part.trim());
  const [type = '100', stan = '', at = ''] = parts.length === 2 ? ['100', ...parts] : parts;
  if (parts.length > 3 || ![type, stan].every((part) => /^[0-9]+$/.test(part)) || !/^[0-9]{10,14}$/.test(at)) {
    throw new UsageError('--original is a STAN and the time of that message with a comma between them, as send prints them, such as 4217,1122080512');
  }
  return { type: type.slice(-3).padStart(3, '0'), stan, at };
}

function fieldsOf(texts: readonly string[]): Map<number, string> {
  return new Map(texts.map((text) => {
    const [, number = '', value = ''] = /^([0-9]+)=(.*)$/s.exec(text) ?? [];
    const field = Number(number);
    if (number === '' || field < 2 || field > fieldNumberMax) throw new UsageError(`--field is a number from 2 to ${fieldNumberMax}, = and the text, such as 48=0123`);
    return [field, value];
  }));
}

function digitsOf(given: Given, option: string, byDefault: string, most: number): string {
  const text = given.text(option) ?? byDefault;
  if (!/^[0-9]+$/.test(text) || text.length > most) throw new UsageError(`--${option} is ${most} digits at most`);
  return text;
}

function wholeNumber(text: string, option: string): number {
  if (!/^[0-9]{1,7}$/.test(text) || Number(text) === 0) throw new UsageError(`${option} is a number of milliseconds`);
  return Number(text);
}

/** The clock of the machine's zone for local time, and UTC for transmission. */
function timesOf(nowMs: number, at: string | undefined): Times {
  if (at !== undefined && !/^[0-9]{10}$/.test(at)) throw new UsageError('--at is MMDDhhmmss');
  const digits = (time: Date): string => time.toISOString().replace(/\D/g, '').slice(0, 14);
  const local = digits(new Date(nowMs - new Date(nowMs).getTimezoneOffset() * 60_000));
  // A given moment goes into both, so that DE7 and DE12 of a repeat are the first one's.
  return at === undefined ? { transmitted: digits(new Date(nowMs)).slice(4), local } : { transmitted: at, local: local.slice(0, 4) + at };
}

/** Last digit of the year, day of the year, hour, then the STAN's last six digits. */
function referenceOf(nowMs: number, stan: string): string {
  const now = new Date(nowMs);
  const day = Math.floor((nowMs - Date.UTC(now.getUTCFullYear(), 0, 1)) / 86_400_000) + 1;
  return `${now.getUTCFullYear() % 10}${String(day).padStart(3, '0')}${String(now.getUTCHours()).padStart(2, '0')}${stan.slice(-6).padStart(6, '0')}`;
}

function otherStan(stan: string): string {
  return stan === '1' ? '2' : '1';
}

function printExchange(exchange: Exchange, target: Target, dialect: Dialect, outside: Outside): void {
  const { request, response } = exchange;
  outside.print(`${request.mti} to ${target.name} (${target.host}:${target.port}), ${exchange.requestBytes} bytes`);
  for (const line of fieldLines(request, '  ')) outside.print(line);
  outside.print('');
  outside.print(`${response.mti} after ${exchange.elapsedMs.toFixed(1)} ms, ${exchange.responseBytes} bytes`);
  for (const line of fieldLines(response, '  ')) outside.print(line);
  outside.print('');
  outside.print(outcomeWords(response, dialect));
  const original = originalWords(request, dialect);
  if (original !== undefined) outside.print(`original: ${original}`);
}

function outcomeWords(response: Message, dialect: Dialect): string {
  const responseCode = response.text(39);
  if (responseCode === undefined) return 'The answer has no response code.';
  const meaning = meaningOf(responseCode, dialect);
  const approvalCode = response.text(38)?.trim();
  const words = meaning === undefined ? 'not in the link\'s map of response codes' : wordsFor(response, meaning);
  return `${responseCode}: ${words}${approvalCode === undefined || approvalCode === '' ? '' : `, approval code ${approvalCode}`}.`;
}

/** 1987 answers reversals and network management with the code of an approval. */
function wordsFor({ mti }: Message, { action, text }: { readonly action: string; readonly text: string }): string {
  return action === '0000' && (mti[1] === '4' || mti[1] === '8') ? 'Accepted' : text;
}

/** What `--original` takes for this message; undefined of network management. */
function originalWords(request: Message, { version }: Dialect): string | undefined {
  const [stan, at] = [request.text(11), request.text(version === '1987' ? 7 : 12)];
  if (stan === undefined || at === undefined || request.mti[1] === '8') return undefined;
  // A repeat is no other message than the first one.
  const type = `${request.mti.slice(1, 3)}0`;
  return [...(type === '100' ? [] : [type]), stan, at].join(',');
}

function jsonOf({ request, requestBytes, response, responseBytes, elapsedMs }: Exchange, dialect: Dialect): object {
  const responseCode = response.text(39) ?? null;
  const meaning = responseCode === null ? undefined : meaningOf(responseCode, dialect);
  return {
    request: { mti: request.mti, bytes: requestBytes, fields: describe(request) },
    response: { mti: response.mti, bytes: responseBytes, fields: describe(response) },
    elapsedMs: Number(elapsedMs.toFixed(3)),
    responseCode,
    action: meaning?.action ?? null,
    meaning: meaning?.text ?? null,
    approved: responseCode !== null && dialect.reasons.approved(responseCode),
    approvalCode: response.text(38)?.trim() ?? null,
    rrn: response.text(37)?.trim() ?? null,
    original: originalWords(request, dialect) ?? null,
  };
}
