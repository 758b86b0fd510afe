/** What the options of `locum send` ask for, but for the card. Owns the sentences about what is wrong in them. */
import { fieldNumberMax } from '../base/limits.ts';
import type { Dialect } from '../dialect/dialect.ts';
import { currencyNumber, parseAmount } from '../message/money.ts';
import type { Amount } from '../message/money.ts';
import { Pan } from '../message/pan.ts';
import { UsageError } from './command.ts';
import type { Given, Outside } from './command.ts';
import { kinds } from './send-draft.ts';
import type { Kind, Original, Times, Wish } from './send-draft.ts';
import { fileActionOf } from './send-file-action.ts';

/** @throws UsageError */
export function wishOf(given: Given, outside: Outside, dialect: Dialect): Omit<Wish, 'presented'> {
  const kind = kindOf(given);
  const nowMs = outside.now();
  const stan = given.text('stan') ?? String(1 + Math.floor(outside.random() * 999_999));
  if (!/^[0-9]+$/.test(stan) || stan.length > (dialect.version === '2003' ? 12 : 6)) throw new UsageError(`--stan is ${dialect.version === '2003' ? 12 : 6} digits at most`);
  const times = timesOf(nowMs, given.text('at'));
  const wish = {
    kind,
    type: typeOf(given.text('mti')),
    amount: amountOf(given, 'amount'),
    actual: amountOf(given, 'actual'),
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
    fileAction: kind === 'fileaction' ? fileActionOf(given) : undefined,
  };
  return isOfCard(kind) ? cardWish(wish, given) : wish;
}

function kindOf(given: Given): Kind {
  const [word, ...rest] = given.operands;
  const kind = kinds.find((name) => name === word);
  if (kind === undefined) throw new UsageError(`${word === undefined ? 'what to send is missing' : `there is no message ${word}`}; there are ${kinds.join(', ')}`);
  if (rest.length > 0) throw new UsageError(`nothing follows ${kind}; ${rest.join(' ')} needs an option in front of it`);
  return kind;
}

/** Is a card presented? */
export function isOfCard(kind: Kind): boolean {
  return kind !== 'raw' && kind !== 'fileaction' && kind !== 'echo' && kind !== 'signon' && kind !== 'signoff';
}

/** What a card message needs. */
function cardWish(wish: Omit<Wish, 'presented'>, given: Given): Omit<Wish, 'presented'> {
  const { kind } = wish;
  const pan = given.text('pan');
  if (pan === undefined && given.text('track2') === undefined && given.text('track1') === undefined) throw new UsageError(`${kind} needs --pan or --track2`);
  if (pan !== undefined && Pan.parse(pan) === undefined) throw new UsageError('--pan is 8 to 19 digits');
  if (kind === 'verify') return { ...wish, amount: { amountMinor: 0, currency: wish.amount?.currency ?? '978' } };
  if (kind !== 'balance' && kind !== 'pinchange' && wish.amount === undefined) throw new UsageError(`${kind} needs --amount`);
  if ((kind === 'increment' || kind === 'completion') && wish.original === undefined && wish.approvalCode === undefined) {
    throw new UsageError(`${kind} needs --original or --approval-code: what it belongs to`);
  }
  return wish;
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

/** The clock of the machine's zone for local time, and UTC for transmission. */
export function timesOf(nowMs: number, at: string | undefined): Times {
  if (at !== undefined && !/^[0-9]{10}$/.test(at)) throw new UsageError('--at is MMDDhhmmss');
  const digits = (time: Date): string => time.toISOString().replace(/\D/g, '').slice(0, 14);
  const local = digits(new Date(nowMs - new Date(nowMs).getTimezoneOffset() * 60_000));
  // A given moment goes into both, so that DE7 and DE12 of a repeat are the first one's.
  return at === undefined ? { transmitted: digits(new Date(nowMs)).slice(4), local } : { transmitted: at, local: local.slice(0, 4) + at };
}

/** Last digit of the year, day of the year, hour, then the STAN's last six digits. */
export function referenceOf(nowMs: number, stan: string): string {
  const now = new Date(nowMs);
  const day = Math.floor((nowMs - Date.UTC(now.getUTCFullYear(), 0, 1)) / 86_400_000) + 1;
  return `${now.getUTCFullYear() % 10}${String(day).padStart(3, '0')}${String(now.getUTCHours()).padStart(2, '0')}${stan.slice(-6).padStart(6, '0')}`;
}
