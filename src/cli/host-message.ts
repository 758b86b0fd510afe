/**
 * What a test host says to acquirers of its own accord: chargebacks, fee collections, funds disbursements and texts, as a command line
 * asks for them, and as they are written.
 *
 * Invariant: a message has one trace, however often it is sent.
 */
import { compositeText, twelveDigits } from '../dialect/amounts.ts';
import type { Dialect } from '../dialect/dialect.ts';
import { typeSentAgain } from '../dialect/mti.ts';
import { writePlace } from '../dialect/places.ts';
import { passedKinds } from '../dialect/rules.ts';
import type { PassedKind } from '../dialect/rules.ts';
import type { Codec } from '../iso8583/codec.ts';
import { Draft } from '../iso8583/draft.ts';
import { currencyNumber, parseAmount } from '../message/money.ts';
import type { Amount } from '../message/money.ts';
import { Pan } from '../message/pan.ts';
import { UsageError } from './command.ts';

export interface MessageWish {
  readonly kind: PassedKind;
  /** Digits: the institution it is for. */
  readonly acquirer: string;
  readonly pan: Pan | undefined;
  readonly amount: Amount | undefined;
  /** Up to twelve characters; empty: none. */
  readonly rrn: string;
  readonly text: string;
}

export const messageForm = '<kind,acquirer=100001,…>';

const names = ['acquirer', 'pan', 'amount', 'currency', 'rrn', 'text'] as const;

/** `chargeback,acquirer=100001,pan=5413330000000019,amount=12.50`; a text is the last part, and may have commas. @throws UsageError without any card number */
export function messageOf(written: string): MessageWish {
  const [, head = written, text = ''] = /^(.*?),text=(.*)$/.exec(written) ?? [];
  const [word = '', ...parts] = head.split(',');
  const kind = passedKinds.find((each) => each === word) ?? refuse(`--message begins with ${passedKinds.join(', ')}`);
  const given = new Map(parts.map((part): [string, string] => {
    const at = part.indexOf('=');
    const name = part.slice(0, Math.max(at, 0));
    return names.some((each) => each === name) ? [name, part.slice(at + 1)] : refuse(`after its kind a --message has parts such as acquirer=100001; there are ${names.join(', ')}`);
  }));
  const acquirer = given.get('acquirer') ?? '';
  if (!/^[0-9]{1,11}$/.test(acquirer)) refuse('a --message has acquirer=, the institution that it is for, up to eleven digits');
  const number = given.get('pan');
  const pan = number === undefined ? undefined : (Pan.parse(number) ?? refuse('pan= of a --message is a card number of 8 to 19 digits'));
  const currency = currencyNumber(given.get('currency') ?? 'EUR') ?? refuse('currency= of a --message is an ISO 4217 code such as EUR or 978');
  const amountText = given.get('amount');
  const amountMinor = amountText === undefined ? undefined : (parseAmount(amountText, currency) ?? refuse('amount= of a --message is an amount such as 12.50'));
  const rrn = given.get('rrn') ?? '';
  if (!/^[A-Za-z0-9]{0,12}$/.test(rrn)) refuse('rrn= of a --message has up to twelve letters and digits');
  return { kind, acquirer, pan, amount: amountMinor === undefined ? undefined : { amountMinor, currency }, rrn, text };
}

function refuse(sentence: string): never {
  throw new UsageError(sentence);
}

/** One on its way: under one trace. */
export interface OwnMessage {
  readonly wish: MessageWish;
  readonly stan: string;
  /** CCYYMMDDhhmmss, UTC. */
  readonly writtenAt: string;
  /** Times that it was sent. */
  attempts: number;
  /** DE39; undefined: it was not answered. */
  responseCode: string | undefined;
}

/** As it is sent the next time. @throws EncodeError; UsageError where the dialect has no such message */
export function writtenMessage({ wish, stan, writtenAt, attempts }: OwnMessage, dialect: Dialect, codec: Codec): { readonly mti: string; readonly bytes: Uint8Array } {
  const rule = dialect.toAcquirer.kinds.find(({ kind }) => kind === wish.kind) ?? refuse(`the dialect ${dialect.name} has no message of the kind ${wish.kind}`);
  const type = rule.types[0]!;
  const draft = new Draft(attempts === 0 ? type : typeSentAgain(type));
  const { fields } = codec.spec;
  if (wish.pan !== undefined) draft.set(2, wish.pan.reveal());
  if (wish.kind !== 'text') draft.set(3, `${rule.processingCodes[0] ?? (wish.kind === 'feeCollection' ? '19' : '00')}0000`);
  const { form, currencyField } = dialect.amounts;
  if (wish.amount !== undefined) draft.set(4, form === 'composite' ? compositeText(wish.amount) : twelveDigits(wish.amount.amountMinor));
  if (wish.amount !== undefined && currencyField !== undefined) draft.set(currencyField, wish.amount.currency);
  draft.set(7, writtenAt.slice(4)).set(11, stan.padStart(dialect.version === '2003' ? 12 : 6, '0'));
  if (dialect.version === '1987') draft.set(12, writtenAt.slice(8)).set(13, writtenAt.slice(4, 8));
  else draft.set(12, dialect.version === '1993' ? writtenAt.slice(2) : writtenAt);
  if (rule.functionCode !== undefined && fields.has(24)) draft.set(24, rule.functionCode);
  draft.set(32, wish.acquirer);
  if (wish.rrn !== '') draft.set(37, wish.rrn.padStart(12, '0'));
  if (wish.text !== '' && dialect.toAcquirer.text !== undefined) writePlace(draft, codec.spec, dialect.toAcquirer.text, wish.text, 'characters');
  return { mti: draft.mti, bytes: codec.encode(draft) };
}

/** The messages of a host, in the order in which they were asked for. */
export class OwnMessages {
  readonly #messages: OwnMessage[] = [];
  readonly #passing = new Set<OwnMessage>();

  /** @param nowMs Unix ms */
  add(wish: MessageWish, stan: number, nowMs: number): void {
    this.#messages.push({ wish, stan: String(stan), writtenAt: new Date(nowMs).toISOString().replaceAll(/\D/g, '').slice(0, 14), attempts: 0, responseCode: undefined });
  }

  /** One after the other: what was not answered is sent again, here or where the host signs on next. @param pass sends it once */
  async passOn(mayGo: () => boolean, pass: (message: OwnMessage) => Promise<string | undefined>): Promise<void> {
    for (;;) {
      const message = this.#messages.find((each) => each.responseCode === undefined && !this.#passing.has(each));
      if (message === undefined || !mayGo()) return;
      this.#passing.add(message);
      message.responseCode = await pass(message);
      this.#passing.delete(message);
    }
  }
}
