/**
 * The messages that `locum send` makes: what an acquirer would send, in each edition of the standard.
 *
 * Owns which field says what a person asked for. Whatever a format has no field for is left out; `--field` has the last word.
 */
import { actions } from '../dialect/actions.ts';
import { compositeText, twelveDigits } from '../dialect/amounts.ts';
import { draftNetworkRequest } from '../dialect/answer.ts';
import type { Dialect } from '../dialect/dialect.ts';
import { Draft } from '../iso8583/draft.ts';
import type { Spec } from '../iso8583/spec.ts';
import type { Amount } from '../message/money.ts';
import { UsageError } from './command.ts';
import { setPresented } from './send-draft-card.ts';
import type { Presented } from './send-draft-card.ts';
import { fileActionType, setFileAction } from './send-file-action.ts';
import type { FileActionWish } from './send-file-action.ts';

export const kinds = [
  'purchase', 'cash', 'refund', 'balance', 'verify', 'pinchange', 'preauth', 'increment', 'completion', 'reversal', 'advice', 'fileaction', 'echo', 'signon', 'signoff', 'raw',
] as const;

export type Kind = (typeof kinds)[number];

/** What a message is to say; everything that is not given is left out or has its usual value. */
export interface Wish {
  readonly kind: Kind;
  /** Three digits after the edition's; the kind's own where undefined. */
  readonly type: string | undefined;
  readonly presented: Presented;
  readonly amount: Amount | undefined;
  /** Reversal: what the transaction came to after all. */
  readonly actual: Amount | undefined;
  /** Digits; at most six, or twelve in 2003. */
  readonly stan: string;
  readonly rrn: string;
  readonly approvalCode: string | undefined;
  readonly original: Original | undefined;
  readonly acquirer: string;
  readonly terminal: string;
  readonly merchant: string;
  readonly category: string;
  readonly partial: boolean;
  readonly times: Times;
  /** Of a file action; absent otherwise. */
  readonly fileAction?: FileActionWish | undefined;
  /** Field number to text; empty: the field is taken away. */
  readonly fields: ReadonlyMap<number, string>;
}

export interface Original {
  /** Three digits after the edition's. */
  readonly type: string;
  readonly stan: string;
  /** DE7 (1987) or DE12 (1993, 2003) of the original. */
  readonly at: string;
}

export interface Times {
  /** MMDDhhmmss, UTC. */
  readonly transmitted: string;
  /** CCYYMMDDhhmmss, of this machine's zone. */
  readonly local: string;
}

const types: Readonly<Record<Kind, string>> = {
  purchase: '100', cash: '100', refund: '100', balance: '100', verify: '100', pinchange: '100', preauth: '100', increment: '100',
  completion: '220', reversal: '400', advice: '120', fileaction: '', echo: '800', signon: '800', signoff: '800', raw: '',
};

const processingCodes: Readonly<Partial<Record<Kind, string>>> = { cash: '010000', refund: '200000', balance: '310000' };

const networkFunctions = { echo: 'echo', signon: 'signOn', signoff: 'signOff' } as const;

const editionDigits = { '1987': '0', '1993': '1', '2003': '2' } as const;

/** The message. @throws UsageError where the wish and the edition don't go together */
export function draftOf(wish: Wish, dialect: Dialect, spec: Spec): Draft {
  const draft = new Draft('0000');
  if (wish.kind === 'echo' || wish.kind === 'signon' || wish.kind === 'signoff') {
    const { transmitted, local } = wish.times;
    if (!draftNetworkRequest(networkFunctions[wish.kind], wish.stan, transmitted, local, dialect, draft)) throw new UsageError(`the dialect ${dialect.name} has no code for ${wish.kind}`);
    if (wish.type !== undefined) draft.mti = draft.mti.slice(0, 1) + wish.type;
  } else if (wish.kind === 'raw') {
    if (wish.type === undefined) throw new UsageError('a raw message needs --mti');
    draft.clear(editionDigits[dialect.version] + wish.type);
  } else if (wish.fileAction !== undefined) {
    draft.clear(editionDigits[dialect.version] + (wish.type ?? fileActionType(dialect)));
    setTrace(draft, wish, dialect);
    setFileAction(draft, wish.fileAction, dialect, spec);
  } else {
    draft.clear(editionDigits[dialect.version] + (wish.type ?? types[wish.kind]));
    setTransaction(draft, wish, dialect);
    setOriginal(draft, wish, dialect);
    for (const field of draft.numbers.filter((number) => !spec.fields.has(number))) draft.remove(field);
    setPresented(draft, wish.presented, dialect, spec);
  }
  for (const [field, text] of wish.fields) {
    if (text === '') draft.remove(field);
    else draft.set(field, text);
  }
  return draft;
}

/** Two characters of name, two digits of length, the content. */
function appendElement(draft: Draft, field: number, skip: number, element: string, content: string): void {
  const held = draft.get(field);
  const before = typeof held === 'string' ? held : ' '.repeat(skip);
  draft.set(field, `${before}${element}${String(content.length).padStart(2, '0')}${content}`);
}

function setTransaction(draft: Draft, wish: Wish, dialect: Dialect): void {
  const { kind, amount } = wish;
  const { version } = dialect;
  draft.set(3, processingCodeOf(kind, dialect));
  setTrace(draft, wish, dialect);
  if (version === '1987') draft.set(25, condition(wish));
  else draft.set(24, functionCode(wish, draft.mti));
  draft.set(version === '1987' ? 18 : 26, wish.category).set(37, wish.rrn);
  if (wish.approvalCode !== undefined) draft.set(38, wish.approvalCode);
  if (draft.mti[2] === '2' && draft.mti[1] !== '4') draft.set(39, dialect.reasons.responseCode('0000'));
  draft.set(41, wish.terminal).set(42, wish.merchant);
  if (amount !== undefined) setAmount(draft, amount, dialect);
  if (wish.partial && version === '1987') allowPartial(draft, dialect);
}

/** Who sends it when under which number. */
function setTrace(draft: Draft, { times, stan, acquirer }: Wish, { version }: Dialect): void {
  draft.set(7, times.transmitted).set(11, stan.padStart(version === '2003' ? 12 : 6, '0')).set(32, acquirer);
  if (version === '1987') draft.set(12, times.local.slice(8)).set(13, times.local.slice(4, 8));
  else draft.set(12, version === '1993' ? times.local.slice(2) : times.local);
}

/** DE3 in the dialect's words: of a PIN change networks have different codes. */
export function processingCodeOf(kind: Kind, dialect: Dialect): string {
  if (kind !== 'pinchange') return processingCodes[kind] ?? '000000';
  for (const [code, purpose] of dialect.processingCodes) if (purpose === 'pinChange') return `${code}0000`;
  throw new UsageError(`the dialect ${dialect.name} has no processing code for a PIN change`);
}

/** DE25 of 1987. */
function condition({ kind, presented: { entry } }: Wish): string {
  if (isPreauthorized(kind)) return '06';
  return entry === 'ecommerce' ? '59' : '00';
}

function isPreauthorized(kind: Kind): boolean {
  return kind === 'preauth' || kind === 'increment' || kind === 'completion';
}

/** DE24 of 1993 and 2003. */
function functionCode({ kind, actual, partial }: Wish, mti: string): string {
  switch (kind) {
    case 'preauth':
      return '101';
    case 'increment':
      return '106';
    case 'completion':
      return '201';
    case 'reversal':
      return actual === undefined ? '400' : '401';
    default:
      return partial ? '181' : mti[1] === '1' ? '100' : `${mti[1] ?? ''}00`;
  }
}

function setAmount(draft: Draft, amount: Amount, { amounts }: Dialect): void {
  if (amounts.currencyField === undefined) draft.set(4, compositeText(amount));
  else draft.set(4, twelveDigits(amount.amountMinor)).set(amounts.currencyField, amount.currency);
}

/** In 1987 the allowance is where the dialect looks for it; the others say it by DE24. */
function allowPartial(draft: Draft, { name, partialApproval }: Dialect): void {
  const place = partialApproval.find((condition) => condition.form === 'values');
  const value = place === undefined ? undefined : [...place.values][0];
  if (place === undefined || value === undefined) throw new UsageError(`the dialect ${name} has no sign that a partial approval is allowed`);
  if (place.element === undefined) draft.set(place.field, `${' '.repeat(place.at)}${value}`);
  else appendElement(draft, place.field, place.skip, place.element, ' '.repeat(place.at) + value);
}

/** What the message says of an earlier one, and of its amount. */
function setOriginal(draft: Draft, wish: Wish, dialect: Dialect): void {
  const { original, actual, amount, acquirer } = wish;
  const { version } = dialect;
  if (original !== undefined) {
    const type = editionDigits[version] + original.type;
    const atLength = { '1987': 10, '1993': 12, '2003': 14 }[version];
    if (original.at.length !== atLength) {
      const form = version === '1987' ? 'DE7, MMDDhhmmss' : `DE12, ${version === '1993' ? 'YY' : 'CCYY'}MMDDhhmmss`;
      throw new UsageError(`of a message of ${version}, --original takes the time as ${atLength} digits (${form}), not ${original.at.length}`);
    }
    if (version === '1987') {
      draft.set(90, type + original.stan.padStart(6, '0') + original.at + acquirer.padStart(11, '0') + '0'.repeat(11));
    } else {
      draft.set(56, type + original.stan.padStart(version === '1993' ? 6 : 12, '0') + original.at + String(acquirer.length).padStart(2, '0') + acquirer);
    }
  }
  if (actual === undefined) return;
  if (amount === undefined) throw new UsageError('--actual needs --amount, what the original was for');
  if (version === '1987') {
    draft.set(95, twelveDigits(actual.amountMinor) + '0'.repeat(30));
    return;
  }
  setAmount(draft, actual, dialect);
  draft.set(30, dialect.amounts.form === 'composite' ? compositeText(amount) + '0'.repeat(16) : twelveDigits(amount.amountMinor) + '0'.repeat(12));
}

/** A DE39 in words; undefined where the link's map does not know it. */
export function meaningOf(responseCode: string, dialect: Dialect): { readonly action: string; readonly text: string } | undefined {
  const action = dialect.reasons.action(responseCode);
  return action === undefined ? undefined : { action, text: actions[action] ?? 'Not in the standard' };
}
