/** The options of `locum host`, what they ask for, and the sentences about what is wrong in them. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { currencyNumber, parseAmount } from '../message/money.ts';
import { Pan } from '../message/pan.ts';
import { Failure, UsageError } from './command.ts';
import type { Example, Given, Options, Outside } from './command.ts';
import { framingOption, parseFraming } from './framing.ts';
import type { CardSetup } from './host-book.ts';
import type { HostOptions } from './host-desk.ts';
import { messageForm, messageOf } from './host-message.ts';
import type { HttpHostOptions } from './host-http.ts';
import { networkNames } from './host-report.ts';
import type { NetworkName } from './host-report.ts';
import { centsTable, doings, readRules } from './host-script.ts';
import { pathOrName } from './spec.ts';

export const hostOptions: Options = {
  connect: { type: 'string', value: '<host:port>', about: 'where the station listens; 127.0.0.1:8590 by default. Tried again until it is there' },
  listen: { type: 'string', value: '<port | host:port>', about: 'where the host listens, in place of --connect; 0 takes any port' },
  http: { type: 'string', value: '<port | host:port>', about: 'an issuer at a URL, in place of --connect: JSON over HTTPS, as docs/remote-issuer.md has it; 0 takes any port' },
  keys: { type: 'string', value: '<folder>', about: 'with --http: the certificates and keys of both sides, made where the folder is not there yet; issuer-keys by default' },
  connections: { type: 'string', value: '<number>', about: 'with --connect: how many connections are kept; 1 by default' },
  spec: { type: 'string', value: '<name | file>', about: 'the format of the messages (locum spec list); iso8583-1987-binary by default' },
  dialect: { type: 'string', value: '<name | file>', about: 'how its fields are understood; by default as the edition of the format has them' },
  ...framingOption,
  'no-sign-on': { type: 'boolean', about: 'do not sign on after connecting' },
  'ask-advices': { type: 'boolean', about: 'ask for stored advices after each sign-on' },
  echo: { type: 'string', value: '<seconds>', about: 'send an echo every so often; three in a row without an answer end the connection' },
  'take-keys': { type: 'boolean', about: 'accept key changes (the host has no keys, and only says so); otherwise they are refused' },
  'network-code': { type: 'string', value: '<name=code>', about: `a code of DE70 (1987) or DE24 other than the usual: ${networkNames.filter((name) => name !== 'other').join(', ')}. Can be repeated`, multiple: true },
  message: { type: 'string', value: messageForm, about: 'say this to an acquirer when it is signed on, until it is answered: chargeback, feeCollection, fundsDisbursement or text, with acquirer=, and pan=, amount=, currency=, rrn=, text= (the last). Can be repeated', multiple: true },
  card: { type: 'string', value: '<pan[=balance]>', about: 'a card, and what may be spent with it; without a balance, anything. Can be repeated', multiple: true },
  currency: { type: 'string', value: '<EUR | 978>', about: 'the currency of the balances; EUR by default' },
  'known-cards-only': { type: 'boolean', about: 'decline cards that no --card names; otherwise they may spend anything' },
  script: { type: 'string', value: '<file>', about: 'rules for misbehaviour (JSON); the first that matches a message says what is done' },
  'by-cents': { type: 'boolean', about: 'the cents of a request\'s amount do something, where no rule matches' },
  chaos: { type: 'string', value: '<percent>', about: 'how many of the other messages are treated badly, by chance' },
  seed: { type: 'string', value: '<number>', about: 'of chance and approval codes; 1 by default. The same seed and the same messages are the same run' },
  for: { type: 'string', value: '<seconds>', about: 'end by itself after so long' },
  quiet: { type: 'boolean', about: 'only the summary' },
  json: { type: 'boolean', about: 'one JSON document for each event, and one for the summary ("event": "summary")' },
};

export const hostAbout: readonly string[] = [
  'Requests are approved, with an approval code, as far as the card\'s balance goes; advices and reversals are taken and acknowledged. A repeat is answered as before. A payment that was told twice as new, under one trace without the type of a repeat or under two traces, is reported loudly at the end, and is what "doubles" counts. Each message is a line, card numbers masked; on SIGINT or SIGTERM the host signs off, prints its summary and ends with 0.',
  `A script is a list of rules such as [{"match": {"mti": "100", "pan": "541333", "amountMinorFrom": 5000, "every": 3}, "do": "late", "ms": 8000}]. match may have mti (three digits or four, x for any, several with commas; without it, all messages about cards), pan (or how it begins), amountMinor, amountMinorFrom, amountMinorTo, cents, after, every, times. do is one of ${doings.join(', ')}; with it ms, code (decline, standIn: DE39 or an action code of ISO 8583:2003), amountMinor (partial), wrong (amount, pan, stan, rrn, terminal, type). delay decides after ms, late decides at once and answers after ms, drop decides and never answers, ignore is as if the message never came. signOff and enterSuppressInquiry are taken back after ms. Rules with mti 8xx hold for network management: drop, ignore, decline, late, twice, garbled, disconnect.`,
  `With --by-cents, of requests: ${centsTable.map(([cents, , words]) => `.${cents} ${words}`).join('; ')}.`,
  'With --http the host prints the row that the switch\'s tables need to ask it, with the files in the folder of --keys. The options of connections, formats and network management are not for it; a script is, where mti is that of the message in ISO 8583:1987, mti 0800 is a question about the host\'s health, code is one of docs/reasons.md, and wrong can also be signature, unsigned, stale, key, way, status, redirect, contentType, compressed, large, http.',
  'Asking for advices and suppress inquiry have no code in the standard. Unless the dialect or --network-code has others, they are 078 (start), 079 (stop), 088 (enter), 089 (leave), and in 1993 and 2003 878, 879, 888, 889.',
];

export const hostExamples: readonly Example[] = [
  { line: 'host', about: 'The issuer of the demo\'s cards 541333…: connects to 127.0.0.1:8590, and tries until a switch is there.', needs: 'free ports' },
  { line: 'host --card 5413330000000019=1000 --by-cents --ask-advices --echo 10', about: 'With a balance of 1000.00, and amounts that end in .85 to .99 going wrong.', needs: 'free ports' },
  { line: 'host --message chargeback,acquirer=100001,pan=5413330000000019,amount=12.50 --message text,acquirer=100001,text=Hello', about: 'Says these to the acquirer 100001 of the demo: kept there until it is connected (locum load), then passed on.', needs: 'free ports' },
  { line: 'host --http 0 --for 1', about: 'An issuer at a URL, with certificates and keys made for it, and the row for the switch\'s tables.', needs: 'empty folder' },
  { line: 'host --chaos 20 --seed 7 --for 1 --json', about: 'One message in five is treated badly, the same ones each time; ends after a second.', needs: 'nothing' },
  { line: 'host --listen 0 --spec iso8583-1993-binary --framing 4,ascii --for 1', about: 'A host that is called, in another format and framing.', needs: 'nothing' },
];

/** Those of an issuer at a URL, and the folder with its keys; undefined: it is to be reached over a station. @throws UsageError, ConfigError, Failure */
export function httpOptionsOf(given: Given, outside: Outside): { readonly folder: string; readonly options: Omit<HttpHostOptions, 'keys'> } | undefined {
  const http = given.text('http');
  if (http === undefined) {
    if (given.text('keys') !== undefined) throw new UsageError('--keys is for an issuer at a URL; give --http as well');
    return undefined;
  }
  const other = stationOptions.find((name) => given.has(name) || given.text(name) !== undefined || given.texts(name).length > 0);
  if (other !== undefined) throw new UsageError(`--${other} is for a host that is reached over a station, not for --http`);
  return {
    folder: resolve(outside.cwd, given.text('keys') ?? 'issuer-keys'),
    options: { listen: addressOf(/^[0-9]+$/.test(http) ? `127.0.0.1:${http}` : http, '--http'), ...bookOptionsOf(given, outside) },
  };
}

const stationOptions = ['connect', 'listen', 'connections', 'spec', 'dialect', 'framing', 'no-sign-on', 'ask-advices', 'echo', 'take-keys', 'network-code', 'message'] as const;

/** What decides, and what goes wrong. */
function bookOptionsOf(given: Given, outside: Outside): Pick<HostOptions, 'cards' | 'knownCardsOnly' | 'rules' | 'byCents' | 'chaosPercent' | 'seed'> {
  return {
    cards: given.texts('card').map((text) => cardOf(text, given.text('currency') ?? 'EUR')),
    knownCardsOnly: given.has('known-cards-only'),
    rules: rulesOf(given.text('script'), outside),
    byCents: given.has('by-cents'),
    chaosPercent: given.number('chaos', 0, 100) ?? 0,
    seed: given.whole('seed', 0, 0xffff_ffff) ?? 1,
  };
}

/** @throws UsageError, ConfigError, Failure */
export function hostOptionsOf(given: Given, outside: Outside): HostOptions {
  if (given.text('connect') !== undefined && given.text('listen') !== undefined) throw new UsageError('the host connects or listens: give one of --connect and --listen');
  const framingText = given.text('framing');
  const framing = framingText === undefined ? undefined : parseFraming(framingText);
  if (framingText !== undefined && framing === undefined) throw new UsageError('over a connection there is always a length in front of a message');
  const listen = given.text('listen');
  const dialect = given.text('dialect');
  const echo = given.number('echo', 0.001, 86_400);
  return {
    spec: pathOrName(given.text('spec') ?? 'iso8583-1987-binary', outside.cwd),
    ...(dialect === undefined ? {} : { dialect: pathOrName(dialect, outside.cwd) }),
    ...(framing === undefined ? {} : { framing }),
    ...(listen === undefined
      ? { connect: { ...addressOf(given.text('connect') ?? '127.0.0.1:8590', '--connect'), connections: given.whole('connections', 1, 64) ?? 1 } }
      : { listen: addressOf(/^[0-9]+$/.test(listen) ? `127.0.0.1:${listen}` : listen, '--listen') }),
    signOn: !given.has('no-sign-on'),
    askAdvices: given.has('ask-advices'),
    takeKeys: given.has('take-keys'),
    ...(echo === undefined ? {} : { echoEveryMs: echo * 1_000 }),
    ...bookOptionsOf(given, outside),
    networkCodes: new Map(given.texts('network-code').map(codeOf)),
    messages: given.texts('message').map(messageOf),
  };
}

/** @throws UsageError */
export function durationOf(given: Given): number | undefined {
  const seconds = given.number('for', 0.001, 86_400);
  return seconds === undefined ? undefined : seconds * 1_000;
}

function rulesOf(file: string | undefined, { cwd }: Outside): HostOptions['rules'] & object {
  if (file === undefined) return [];
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(resolve(cwd, file), 'utf8'));
  } catch (error) {
    throw new Failure(`the script ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  return readRules(json, file);
}

function addressOf(text: string, option: string): { host: string; port: number } {
  const [, host = '', port = ''] = /^(.+):([0-9]{1,5})$/.exec(text) ?? [];
  if (host === '' || Number(port) > 65_535) throw new UsageError(`${option} is a host and a port such as 127.0.0.1:8590, not ${text}`);
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
}

/** What is wrong in one is told without its number. */
function cardOf(text: string, currencyText: string): CardSetup {
  const [, pan = '', balanceText] = /^([0-9]+)(?:=(.*))?$/.exec(text) ?? [];
  if (Pan.parse(pan) === undefined) throw new UsageError('--card is a card number of 8 to 19 digits, and after = a balance');
  const currency = currencyNumber(currencyText);
  if (currency === undefined) throw new UsageError(`--currency is an ISO 4217 code such as EUR or 978, not ${currencyText}`);
  if (balanceText === undefined || balanceText === 'unlimited') return { pan, balance: undefined };
  const amountMinor = parseAmount(balanceText, currency);
  if (amountMinor === undefined) throw new UsageError(`a balance of --card is an amount such as 1000.00, not ${balanceText}`);
  return { pan, balance: { amountMinor, currency } };
}

function codeOf(text: string): [NetworkName, string] {
  const [, word = '', code = ''] = /^([A-Za-z]+)=([0-9]{3})$/.exec(text) ?? [];
  const name = networkNames.find((each) => each === word && each !== 'other');
  if (name === undefined) throw new UsageError(`--network-code is a name and three digits such as startAdvices=078, not ${text}; the names are ${networkNames.filter((each) => each !== 'other').join(', ')}`);
  return [name, code];
}
