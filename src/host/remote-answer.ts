/**
 * What an issuer at a URL answered: whether it is an answer to what was asked, and what it comes to. Contents that are at odds with the
 * message count as none.
 */
import { ConfigError, readBySchema } from '../base/schema.ts';
import type { ObjectSchema, Schema } from '../base/schema.ts';
import type { ChipAnswer } from '../dialect/answer.ts';
import { mtiOf } from '../dialect/forward-write.ts';
import { answerMti } from '../dialect/mti.ts';
import type { ResponseMeaning } from '../dialect/meaning.ts';
import type { MessageClass, MessageFunction, Response } from '../message/message.ts';
import { currencyNumber } from '../message/money.ts';
import type { Amount } from '../message/money.ts';
import { isApproval, reasons } from '../message/reason.ts';
import type { Reason } from '../message/reason.ts';
import type { SentReference } from '../message/advice.ts';
import { answerSchema, healthSchema } from './remote-schema.ts';
import type { AnswerDocument, HealthDocument, MoneyDocument } from './remote-schema.ts';

/** What of a message its answer is compared with. */
export interface RemoteAsked {
  readonly id: string;
  readonly class: MessageClass;
  readonly function: MessageFunction;
  readonly amount: Amount | undefined;
  readonly partialAllowed: boolean;
}

export type ReadAnswer =
  | { readonly kind: 'standIn' }
  | { readonly kind: 'decided'; readonly reason: Reason; readonly approved: boolean; readonly approvalCode: string; readonly amount: Amount | undefined; readonly billing: Amount | undefined; readonly balance: Response['balance']; readonly chip: ChipAnswer | undefined }
  /** A sentence without any value of the answer. */
  | { readonly kind: 'none'; readonly fault: string };

export function readAnswer(body: Buffer, asked: RemoteAsked): ReadAnswer {
  const document = readDocument(answerSchema, body);
  if (typeof document === 'string') return none(document);
  const answer = document as AnswerDocument;
  if (answer.id !== asked.id) return none('the answer is to another message (id)');
  const isRequest = asked.function === 'request' && asked.class !== 'reversal';
  switch (answer.result) {
    case 'accepted':
    case 'refused':
      if (isRequest) return none('the result is not one of a request (result)');
      return { ...acknowledged, approved: answer.result === 'accepted', reason: answer.result === 'accepted' ? (asked.class === 'reversal' ? '4000' : '9001') : '1000' };
    case 'standIn':
      return isRequest ? { kind: 'standIn' } : none('the result is not one of an advice or a reversal (result)');
    case 'approved':
    case 'declined':
      return isRequest ? decided(answer, asked) : none('the result is not one of an advice or a reversal (result)');
  }
}

const acknowledged = { kind: 'decided', approvalCode: '', amount: undefined, billing: undefined, balance: undefined, chip: undefined } as const;

function decided(answer: AnswerDocument, { amount: asked, partialAllowed }: RemoteAsked): ReadAnswer {
  const approved = answer.result === 'approved';
  const [amount, billing] = [amountOf(answer.amount), amountOf(answer.billing)];
  if (amount === 'unknown' || billing === 'unknown') return none('the currency is not known (currency)');
  const fault = approved ? amountFault(amount, asked, partialAllowed) : '';
  if (fault !== '') return none(fault);
  const isPartial = approved && amount !== undefined && asked !== undefined && amount.amountMinor < asked.amountMinor;
  const reason = answer.reason ?? (approved ? (isPartial ? '0002' : '0000') : '1000');
  if (!Object.hasOwn(reasons, reason)) return none('the reason is not known (reason)');
  const known = reason as Reason;
  if (isApproval(known) !== approved || (!approved && !/^(?:[12]|91)/.test(reason))) return none('the reason is at odds with the result (reason)');
  if (approved && (known === '0002') !== isPartial) return none('the reason is at odds with the amount (reason)');
  const { balances, chip } = answer;
  const currency = balances === undefined ? undefined : currencyNumber(balances.currency);
  if (balances !== undefined && currency === undefined) return none('the currency is not known (balances)');
  return {
    kind: 'decided', reason: known, approved, approvalCode: approved ? (answer.approvalCode ?? '') : '', amount: isPartial ? amount : asked, billing: approved ? billing : undefined,
    balance: balances === undefined || currency === undefined ? undefined : { ledgerMinor: balances.ledgerMinor, availableMinor: balances.availableMinor, currency },
    chip: chip === undefined ? undefined : {
      issuerAuthenticationData: chip.issuerAuthenticationData ?? '', responseCode: chip.responseCode, scripts: chip.scripts.map(({ template, id = '', commands }) => ({ template, id, commands: [...commands] })),
    },
  };
}

function amountFault(amount: Amount | undefined, asked: Amount | undefined, partialAllowed: boolean): string {
  if (amount === undefined) return '';
  if (asked === undefined) return amount.amountMinor === 0 ? '' : 'an amount was approved and none was asked for (amount)';
  if (amount.currency !== asked.currency) return 'the amount is in another currency than was asked for (amount)';
  if (amount.amountMinor > asked.amountMinor) return 'the amount is more than was asked for (amount)';
  if (amount.amountMinor === asked.amountMinor) return '';
  if (!partialAllowed) return 'the amount is less than was asked for, and no partial approval was allowed (amount)';
  return amount.amountMinor === 0 ? 'the amount is none (amount)' : '';
}

export type ReadHealth = HealthDocument | { readonly fault: string };

export function readHealth(body: Buffer, id: string): ReadHealth {
  const document = readDocument(healthSchema, body);
  if (typeof document === 'string') return { fault: document };
  const health = document as HealthDocument;
  return health.id === id ? health : { fault: 'the answer is to another question (id)' };
}

/** The same as an answer of ISO 8583:1987 would say it, for whoever tells the story. */
export function meaningOf(read: Extract<ReadAnswer, { kind: 'decided' }>, asked: RemoteAsked, { stan, transmittedAt, localAt, acquirer }: SentReference, rrn: string): ResponseMeaning {
  return {
    kind: 'response', version: '1987', mti: answerMti(mtiOf('1987', asked.class, asked.function, false)) ?? '', class: asked.class, function: asked.function,
    stan, transmittedAt, localAt, acquirer, terminal: '', rrn, responseCode: read.reason, action: reasons[read.reason].action, reason: read.reason, approved: read.approved,
    approvalCode: read.approvalCode, amount: read.amount, billing: read.billing,
  };
}

/** What is documented, of a body; or why it is none. What an issuer says besides is left unread. */
function readDocument(schema: ObjectSchema, body: Buffer): object | string {
  let json: unknown;
  try {
    json = JSON.parse(utf8.decode(body));
  } catch {
    return 'the body is no JSON';
  }
  try {
    return readBySchema(schema, known(schema, json), '') as object;
  } catch (error) {
    if (error instanceof ConfigError) return `the body is not as documented${error.path === '' ? '' : ` (${error.path})`}`;
    throw error;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Without the names that the schema does not have. */
function known(schema: Schema, value: unknown): unknown {
  if (schema.type === 'array' && Array.isArray(value)) return value.map((item: unknown) => known(schema.items, item));
  if (schema.type !== 'object' || typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const kept: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(schema.properties)) {
    if (Object.hasOwn(value, name)) kept[name] = known(property, (value as Readonly<Record<string, unknown>>)[name]);
  }
  return kept;
}

function amountOf(document: MoneyDocument | undefined): Amount | undefined | 'unknown' {
  if (document === undefined) return undefined;
  const currency = currencyNumber(document.currency);
  return currency === undefined ? 'unknown' : { amountMinor: document.amountMinor, currency };
}

function none(fault: string): ReadAnswer {
  return { kind: 'none', fault };
}
