/** The options of `locum load`, the profile that they ask for, and the sentences about what is wrong in them. */
import { luhnDigit } from '../base/luhn.ts';
import { currencyNumber, parseAmount } from '../message/money.ts';
import { Pan } from '../message/pan.ts';
import { demoCards } from '../program/demo.ts';
import { demoExpiry, demoHostBin } from '../program/demo-tables.ts';
import { UsageError } from './command.ts';
import type { Example, Given, Options } from './command.ts';
import { configOption } from './configured.ts';
import { loadKinds } from './load-plan.ts';
import type { LoadKind, LoadProfile } from './load-plan.ts';
import type { LoadOptions } from './load-run.ts';
import type { EntryWish } from './send-draft-card.ts';
import { addressOptions, stationOption } from './send-target.ts';

const usualMix = 'purchase=80,cash=5,balance=5,preauth=10';
const entries: readonly EntryWish[] = ['chip', 'contactless', 'manual', 'ecommerce'];
const cardsMax = 1_000_000;
/** Of the demo's cards, the first are there for one refusal each. */
const demoLoadCards = 100;

export const loadOptions: Options = {
  ...stationOption,
  'per-second': { type: 'string', value: '<number>', about: 'messages a second, whatever the answers do; times count from when a message was due. 100 by default' },
  'in-flight': { type: 'string', value: '<number>', about: 'so many messages wait for answers, and an answer is followed by the next; in place of --per-second' },
  connections: { type: 'string', value: '<number>', about: 'how many, used in turn; 4 by default' },
  for: { type: 'string', value: '<seconds>', about: 'how long messages are sent; 10 by default, where there is no --count' },
  count: { type: 'string', value: '<number>', about: 'how many messages of the plan are sent' },
  mix: { type: 'string', value: '<kind=weight,…>', about: `what is sent, of ${loadKinds.join(', ')}; ${usualMix} by default. None has a PIN, so a program may decline cash` },
  completions: { type: 'string', value: '<percent>', about: 'of pre-authorizations, how many are completed, with half the amount or more; 80 by default' },
  reversals: { type: 'string', value: '<percent>', about: 'of purchases, cash and pre-authorizations, how many are reversed, whatever the answer was; 5 by default' },
  repeats: { type: 'string', value: '<percent>', about: 'of messages, how many are sent again a little later, with the type of a repeat; 0 by default' },
  duplicates: { type: 'string', value: '<percent>', about: 'of messages, how many are sent twice, byte for byte; 0 by default' },
  pan: { type: 'string', value: '<digits>', about: 'a card; can be repeated. By default the demo\'s hundred for load', multiple: true },
  cards: { type: 'string', value: '<from..to>', about: 'the cards between two numbers, both included; the last digit of each is its check digit' },
  amount: { type: 'string', value: '<1.00-50.00>', about: 'amounts between two, or one amount; 1.00-50.00 by default' },
  currency: { type: 'string', value: '<EUR | 978>', about: 'their currency; EUR by default' },
  entry: { type: 'string', value: `<${entries.join(' | ')}>`, about: 'how cards are read; chip by default (its own data are not sent)' },
  expiry: { type: 'string', value: '<YYMM>', about: `the cards' expiry date; ${demoExpiry} by default` },
  acquirer: { type: 'string', value: '<digits>', about: 'DE32; 100001 by default' },
  terminal: { type: 'string', value: '<id>', about: 'DE41; LOCUM001 by default' },
  merchant: { type: 'string', value: '<id>', about: 'DE42; LOCUMLOAD by default' },
  mcc: { type: 'string', value: '<digits>', about: 'the merchant category; 5999 by default' },
  seed: { type: 'string', value: '<number>', about: 'of everything that is drawn; 1 by default. The same seed and options are the same messages in the same order' },
  'sign-on': { type: 'boolean', about: 'signs on first, on each connection; where the station asks for it, that is done without this' },
  timeout: { type: 'string', value: '<ms>', about: 'how long an answer is waited for; 10000 by default' },
  ...addressOptions,
  json: { type: 'boolean', about: 'one JSON document for each second ("event": "second"), and one for the summary ("event": "summary")' },
  ...configOption,
};

export const loadAbout: readonly string[] = [
  'Each second is a line; the summary has the answers by DE39, the times from p50 to the longest, what was not answered within the timeout, and answers with a STAN that nothing waits for. A connection that breaks is made again; what waited on it is unanswered. What issuers have sent the acquirer, and the switch passes on, is acknowledged and counted.',
  'What is sent follows from the seed and the options alone: kinds, cards, amounts, trace numbers, and what belongs to an earlier message and when, counted in messages. The clock gives DE7, DE12, DE13 and DE37. One thing follows the answers: a completion is left out, and counted, where its pre-authorization was declined (at a rate, also where it is not answered by then).',
  'On SIGINT or SIGTERM no more is sent, and what is in flight is waited for. The exit code is 1 where nothing at all was answered, or an answer had a wrong STAN.',
];

export const loadExamples: readonly Example[] = [
  { line: 'load --per-second 50 --for 2', about: 'Fifty messages a second for two seconds, with the demo\'s cards for load.', needs: 'running demo' },
  { line: 'load --in-flight 8 --count 400 --mix preauth=100 --repeats 5 --duplicates 5 --seed 7 --station demo-1987-binary', about: 'Eight at once: pre-authorizations and what follows them, some told twice.', needs: 'running demo' },
  { line: `load --cards ${demoHostBin}0000100000..${demoHostBin}0000199999 --mix purchase=100 --count 50`, about: 'Ten thousand cards of the remote issuer; without it, stand-in answers.', needs: 'running demo' },
];

/** @throws UsageError */
export function loadOptionsOf(given: Given): LoadOptions {
  if (given.operands.length > 0) throw new UsageError(`nothing follows load; ${given.operands.join(' ')} needs an option in front of it`);
  if (given.text('per-second') !== undefined && given.text('in-flight') !== undefined) throw new UsageError('messages leave at a rate or after answers: give one of --per-second and --in-flight');
  const inFlight = given.whole('in-flight', 1, 100_000);
  const perSecond = given.number('per-second', 0.01, 100_000) ?? 100;
  const count = given.whole('count', 1, 1_000_000_000);
  const seconds = given.number('for', 0.001, 864_000) ?? (count === undefined ? 10 : undefined);
  const currency = currencyNumber(given.text('currency') ?? 'EUR');
  if (currency === undefined) throw new UsageError(`--currency is an ISO 4217 code such as EUR or 978, not ${given.text('currency')}`);
  const entry = entries.find((name) => name === (given.text('entry') ?? 'chip'));
  if (entry === undefined) throw new UsageError(`--entry is one of ${entries.join(', ')}, not ${given.text('entry')}`);
  return {
    profile: profileOf(given, currency, inFlight ?? Math.ceil(perSecond / 5)),
    pace: inFlight === undefined ? { perSecond } : { inFlight },
    connections: given.whole('connections', 1, 1_000) ?? 4,
    forMs: seconds === undefined ? undefined : seconds * 1_000,
    count,
    timeoutMs: given.whole('timeout', 1, 9_999_999) ?? 10_000,
    currency,
    entry,
    expiry: digitsOf(given, 'expiry', demoExpiry, 4, 4),
    acquirer: digitsOf(given, 'acquirer', '100001', 1, 11),
    terminal: given.text('terminal') ?? 'LOCUM001',
    merchant: given.text('merchant') ?? 'LOCUMLOAD',
    category: digitsOf(given, 'mcc', '5999', 4, 4),
  };
}

/** @param gap about how many messages an answer takes */
function profileOf(given: Given, currency: string, gap: number): LoadProfile {
  const [amountFromMinor, amountToMinor] = amountsOf(given.text('amount') ?? '1.00-50.00', currency);
  return {
    mix: mixOf(given.text('mix') ?? usualMix),
    pans: pansOf(given),
    amountFromMinor,
    amountToMinor,
    completions: given.number('completions', 0, 100) ?? 80,
    reversals: given.number('reversals', 0, 100) ?? 5,
    repeats: given.number('repeats', 0, 100) ?? 0,
    duplicates: given.number('duplicates', 0, 100) ?? 0,
    gap,
    seed: given.whole('seed', 0, 0xffff_ffff) ?? 1,
  };
}

function mixOf(text: string): Map<LoadKind, number> {
  const mix = new Map<LoadKind, number>();
  for (const part of text.split(',')) {
    const [, word = '', weight = ''] = /^\s*([a-z]+)=([0-9]+(?:\.[0-9]+)?)\s*$/.exec(part) ?? [];
    const kind = loadKinds.find((name) => name === word);
    if (kind === undefined) throw new UsageError(`--mix is kinds with their weights such as purchase=80,cash=20, not ${part}; the kinds are ${loadKinds.join(', ')}`);
    mix.set(kind, Number(weight));
  }
  if ([...mix.values()].every((weight) => weight === 0)) throw new UsageError('--mix gives nothing a weight');
  return mix;
}

/** What is wrong in one is told without its number. */
function pansOf(given: Given): readonly string[] {
  const pans = given.texts('pan');
  const range = given.text('cards');
  if (range !== undefined && pans.length > 0) throw new UsageError('--cards and --pan do not go together');
  if (range !== undefined) return cardsOf(range);
  for (const pan of pans) if (Pan.parse(pan) === undefined) throw new UsageError('--pan is 8 to 19 digits');
  return pans.length > 0 ? pans : demoCards().slice(-demoLoadCards).map(({ pan }) => pan);
}

function cardsOf(range: string): readonly string[] {
  const [, from = '', to = ''] = /^([0-9]{8,19})\.\.([0-9]{8,19})$/.exec(range) ?? [];
  if (from === '' || from.length !== to.length || from > to) throw new UsageError('--cards is two card numbers of the same length, the smaller one first, with .. between them');
  const digits = from.length - 1;
  const [first, last] = [BigInt(from.slice(0, digits)), BigInt(to.slice(0, digits))];
  if (last - first >= BigInt(cardsMax)) throw new UsageError(`--cards is ${cardsMax} cards at most`);
  return Array.from({ length: Number(last - first) + 1 }, (_, index) => {
    const body = String(first + BigInt(index)).padStart(digits, '0');
    return `${body}${luhnDigit(body) ?? ''}`;
  });
}

function amountsOf(text: string, currency: string): [number, number] {
  const [from = '', to = from] = text.split('-').map((part) => part.trim());
  const [fromMinor, toMinor] = [parseAmount(from, currency), parseAmount(to, currency)];
  if (fromMinor === undefined || toMinor === undefined || fromMinor < 1 || fromMinor > toMinor || toMinor > 999_999_999_999 || text.split('-').length > 2) {
    throw new UsageError(`--amount is an amount such as 12.50, or two with a hyphen between them, the smaller one first, not ${text}`);
  }
  return [fromMinor, toMinor];
}

function digitsOf(given: Given, option: string, byDefault: string, least: number, most: number): string {
  const text = given.text(option) ?? byDefault;
  if (!/^[0-9]+$/.test(text) || text.length < least || text.length > most) throw new UsageError(`--${option} is ${least === most ? least : `${least} to ${most}`} digits`);
  return text;
}
