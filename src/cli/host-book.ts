/**
 * What a test host knows of its cards: what each may spend, what it was told, and what it answered.
 *
 * Owns the decision as the book would have it, repeats (answered as before), reversals (before their original as well) and doubles: one
 * payment that was told twice as new, under two traces or under one without the repeat type. A double under two traces is booked, so that the
 * exposure shows what it costs. Invariant: what is kept is bounded; the oldest goes first.
 */
import type { CardMeaning } from '../dialect/meaning.ts';
import type { OriginalReference, Purpose } from '../message/message.ts';
import type { Amount } from '../message/money.ts';
import type { Pan } from '../message/pan.ts';
import type { Reason } from '../message/reason.ts';

/** Transactions, remembered reversals and cards that are kept. */
const keptMax = 200_000;

export interface CardSetup {
  readonly pan: string;
  /** What may be spent; undefined: anything. */
  readonly balance: Amount | undefined;
}

/** What is to come of a message whatever the book would say. */
export interface Wish {
  readonly approve: boolean;
  /** Declined with this DE39. */
  readonly declineCode: string | undefined;
  /** Approved for so much, or for half where undefined. */
  readonly partial: { readonly amountMinor: number | undefined } | undefined;
  /** Where it is approved. */
  readonly approvalCode: string;
}

/** What is answered. */
export interface Answer {
  readonly reason: Reason;
  /** DE39 in place of the reason's; undefined: the reason's. */
  readonly code: string | undefined;
  readonly approved: boolean;
  readonly approvalCode: string;
  /** Of a partial approval, and of an increment: what is approved. */
  readonly amount: Amount | undefined;
  /** Of a content fault. */
  readonly field: string | undefined;
}

export interface Verdict {
  /** `toldAgain`: the trace of a message before, without saying that it is a repeat. `double`: the payment of a message before under another trace. */
  readonly heard: 'new' | 'repeat' | 'toldAgain' | 'double';
  readonly answer: Answer;
  /** What was found out besides; empty: nothing. */
  readonly note: string;
}

/** One payment told twice as new. */
export interface Double {
  readonly pan: Pan;
  readonly rrn: string;
  readonly amount: Amount | undefined;
  readonly firstMti: string;
  readonly firstStan: string;
  readonly mti: string;
  readonly stan: string;
  readonly sameTrace: boolean;
}

interface Entry {
  readonly mti: string;
  readonly stan: string;
  readonly pan: Pan;
  readonly purpose: Purpose;
  readonly answer: Answer;
  readonly currency: string;
  /** What it stands for now; a credit is negative. */
  exposureMinor: number;
  /** Approved, and not reversed or replaced. */
  stands: boolean;
}

export interface CardExposure {
  readonly pan: Pan;
  readonly currency: string;
  readonly exposureMinor: number;
  readonly balance: Amount | undefined;
}

export class HostBook {
  readonly #setups: ReadonlyMap<string, CardSetup>;
  readonly #knownCardsOnly: boolean;
  readonly #doubles: Double[] = [];
  readonly #byTrace = new Map<string, Entry>();
  readonly #byReference = new Map<string, Entry>();
  readonly #byRrn = new Map<string, Entry>();
  readonly #byPayment = new Map<string, Entry>();
  /** References of originals that were reversed before they came. */
  readonly #reversedBefore = new Map<string, true>();
  readonly #exposures = new Map<string, { readonly pan: Pan; readonly currency: string; exposureMinor: number }>();
  #doublesCount = 0;

  constructor(cards: readonly CardSetup[], knownCardsOnly: boolean) {
    this.#setups = new Map(cards.map((card) => [card.pan, card]));
    this.#knownCardsOnly = knownCardsOnly;
  }

  /** The first hundred. */
  get doubles(): readonly Double[] {
    return this.#doubles;
  }

  get doublesCount(): number {
    return this.#doublesCount;
  }

  /** Of each card and currency that something was booked of, in the order of their first. */
  get exposures(): CardExposure[] {
    return [...this.#exposures.values()].map(({ pan, currency, exposureMinor }) => ({ pan, currency, exposureMinor, balance: this.#setups.get(pan.reveal())?.balance }));
  }

  /** What stands of a card: approved and not reversed, less credits. @param currency ISO 4217, three digits */
  exposureMinor(pan: string, currency: string): number {
    return this.#exposures.get(`${pan}|${currency}`)?.exposureMinor ?? 0;
  }

  take(meaning: CardMeaning, wish: Wish): Verdict {
    const { pan, fault } = meaning;
    if (pan === undefined || fault !== undefined) return { heard: 'new', answer: declined(fault?.reason ?? '9100', fault?.field ?? '2'), note: fault?.text ?? 'no card number' };
    const key = traceKey(meaning, pan);
    const known = this.#byTrace.get(key);
    if (known !== undefined) return this.#again(known, meaning, pan);
    const reference = referenceOf(meaning, pan);
    const verdict = meaning.class === 'reversal' ? this.#reverse(meaning, pan) : this.#pay(meaning, pan, wish, reference);
    remember(this.#byTrace, key, verdict.entry);
    if (meaning.class !== 'reversal') {
      remember(this.#byReference, reference, verdict.entry);
      if (meaning.rrn !== '' && verdict.entry.stands) remember(this.#byRrn, `${pan.reveal()}|${meaning.rrn}`, verdict.entry);
    }
    return verdict;
  }

  #again(known: Entry, meaning: CardMeaning, pan: Pan): Verdict {
    if (meaning.repeat) return { heard: 'repeat', answer: known.answer, note: '' };
    this.#double(known, meaning, pan, true);
    return { heard: 'toldAgain', answer: known.answer, note: 'told again, and not as a repeat' };
  }

  #double(first: Entry, meaning: CardMeaning, pan: Pan, sameTrace: boolean): void {
    this.#doublesCount += 1;
    if (this.#doubles.length >= 100) return;
    this.#doubles.push({ pan, rrn: meaning.rrn.replaceAll(pan.reveal(), pan.masked), amount: meaning.amount, firstMti: first.mti, firstStan: first.stan, mti: meaning.mti, stan: meaning.trace.stan, sameTrace });
  }

  #pay(meaning: CardMeaning, pan: Pan, wish: Wish, reference: string): Verdict & { readonly entry: Entry } {
    const named = meaning.original === undefined ? undefined : this.#find(meaning.original, meaning, pan);
    const isRequest = meaning.function === 'request';
    if (this.#reversedBefore.delete(reference)) {
      const answer = isRequest ? declined('1830') : acknowledged('9000');
      return { heard: 'new', answer, note: 'its reversal came before it', entry: entryOf(meaning, pan, answer, 0) };
    }
    const answer = isRequest ? this.#decide(meaning, pan, wish, named) : this.#noted(meaning, wish);
    const books = isRequest ? answer.approved : !meaning.advisedDecline && answer.approved;
    if (!books) return { heard: 'new', answer, note: '', entry: entryOf(meaning, pan, answer, 0) };
    const first = named === undefined ? this.#standing(meaning, pan) : undefined;
    if (first !== undefined) this.#double(first, meaning, pan, false);
    const entry = entryOf(meaning, pan, answer, signed(meaning, answer.reason === '0002' ? answer.amount : countedOf(meaning, this.#balanceOf(pan))));
    entry.stands = true;
    this.#replace(named, meaning, entry);
    this.#expose(pan, entry.currency, entry.exposureMinor);
    const payment = paymentOf(meaning, pan);
    if (payment !== undefined) remember(this.#byPayment, payment, entry);
    return { heard: first === undefined ? 'new' : 'double', answer, note: first === undefined ? '' : `the payment of ${first.mti} ${first.stan}, told under another trace`, entry };
  }

  /** A completion, or an advice that names what it tells, stands in place of it; an increment stands beside it. */
  #replace(named: Entry | undefined, meaning: CardMeaning, entry: Entry): void {
    const original = named ?? (meaning.purpose === 'completion' ? this.#byRrn.get(`${entry.pan.reveal()}|${meaning.rrn}`) : undefined);
    if (original === undefined || !original.stands || meaning.purpose === 'increment') return;
    if (meaning.purpose === 'refund' && original.purpose !== 'refund') return;
    this.#expose(original.pan, original.currency, -original.exposureMinor);
    original.exposureMinor = 0;
    original.stands = false;
  }

  #standing(meaning: CardMeaning, pan: Pan): Entry | undefined {
    const payment = paymentOf(meaning, pan);
    const first = payment === undefined ? undefined : this.#byPayment.get(payment);
    return first?.stands === true && moves(meaning.purpose) ? first : undefined;
  }

  #decide(meaning: CardMeaning, pan: Pan, wish: Wish, named: Entry | undefined): Answer {
    if (wish.declineCode !== undefined) return { ...declined('1000'), code: wish.declineCode };
    const approved: Answer = { reason: '0000', code: undefined, approved: true, approvalCode: wish.approvalCode, amount: undefined, field: undefined };
    if (wish.partial !== undefined && meaning.amount !== undefined) {
      const amountMinor = wish.partial.amountMinor ?? Math.floor(meaning.amount.amountMinor / 2);
      return { ...approved, reason: '0002', amount: { ...meaning.amount, amountMinor } };
    }
    if (wish.approve || !moves(meaning.purpose)) return approved;
    const card = this.#setups.get(pan.reveal());
    if (card === undefined && this.#knownCardsOnly) return declined('1018');
    if (card?.balance === undefined || meaning.purpose === 'refund') return approved;
    const counted = countedOf(meaning, card.balance);
    if (counted?.currency !== card.balance.currency) return declined('1030');
    const replaced = named?.stands === true && meaning.purpose === 'completion' ? named.exposureMinor : 0;
    const exposed = this.exposureMinor(pan.reveal(), counted.currency) - replaced;
    return exposed + counted.amountMinor > card.balance.amountMinor ? declined('1016') : approved;
  }

  /** An advice is done already: it is taken, unless the script says otherwise. */
  #noted({ advisedDecline }: CardMeaning, { declineCode }: Wish): Answer {
    if (declineCode !== undefined) return { ...declined('1000'), code: declineCode };
    return acknowledged(advisedDecline ? '9000' : '9001');
  }

  #reverse(meaning: CardMeaning, pan: Pan): Verdict & { readonly entry: Entry } {
    const answer = acknowledged('4000');
    const found = meaning.original === undefined ? undefined : this.#find(meaning.original, meaning, pan);
    const original = found ?? (meaning.rrn === '' ? undefined : this.#byRrn.get(`${pan.reveal()}|${meaning.rrn}`));
    const entry = entryOf(meaning, pan, answer, 0);
    if (original === undefined) {
      if (meaning.original !== undefined) remember(this.#reversedBefore, originalKey(meaning.original, meaning, pan), true);
      return { heard: 'new', answer, note: 'its original is not known', entry };
    }
    if (!original.stands) return { heard: 'new', answer, note: original.answer.approved ? 'nothing of its original stood' : 'its original was declined', entry };
    const left = meaning.actualMinor === undefined ? 0 : Math.sign(original.exposureMinor) * Math.min(Math.abs(original.exposureMinor), meaning.actualMinor);
    this.#expose(pan, original.currency, left - original.exposureMinor);
    original.exposureMinor = left;
    original.stands = left !== 0;
    return { heard: 'new', answer, note: left === 0 ? '' : 'a part of it stays', entry };
  }

  #find(original: OriginalReference, meaning: CardMeaning, pan: Pan): Entry | undefined {
    return this.#byReference.get(originalKey(original, meaning, pan));
  }

  #balanceOf(pan: Pan): Amount | undefined {
    return this.#setups.get(pan.reveal())?.balance;
  }

  #expose(pan: Pan, currency: string, byMinor: number): void {
    const key = `${pan.reveal()}|${currency}`;
    const held = this.#exposures.get(key);
    if (held !== undefined) held.exposureMinor += byMinor;
    else if (byMinor !== 0) remember(this.#exposures, key, { pan, currency, exposureMinor: byMinor });
  }
}

function declined(reason: Reason, field?: string): Answer {
  return { reason, code: undefined, approved: false, approvalCode: '', amount: undefined, field };
}

function acknowledged(reason: '4000' | '9000' | '9001'): Answer {
  return { reason, code: undefined, approved: true, approvalCode: '', amount: undefined, field: undefined };
}

function entryOf({ mti, trace, purpose, amount }: CardMeaning, pan: Pan, answer: Answer, booked: Amount | 0): Entry {
  const { amountMinor, currency } = booked === 0 ? { amountMinor: 0, currency: amount?.currency ?? '' } : booked;
  return { mti, stan: trace.stan, pan, purpose, answer, currency, exposureMinor: amountMinor, stands: false };
}

function moves(purpose: Purpose): boolean {
  return purpose !== 'balanceInquiry' && purpose !== 'verification' && purpose !== 'pinChange' && purpose !== 'unsupported';
}

/** In the card's currency, where the message has it so. */
function countedOf({ amount, billing }: CardMeaning, balance: Amount | undefined): Amount | undefined {
  return billing !== undefined && balance !== undefined && billing.currency === balance.currency ? billing : amount;
}

function signed({ purpose }: CardMeaning, counted: Amount | undefined): Amount | 0 {
  if (counted === undefined || !moves(purpose)) return 0;
  return purpose === 'refund' ? { ...counted, amountMinor: -counted.amountMinor } : counted;
}

/** A repeat may have a time of transmission of its own. */
function traceKey({ trace, rrn, purpose }: CardMeaning, pan: Pan): string {
  const { acquirer, stan, localAt, transmittedAt, terminal } = trace;
  return [pan.reveal(), trace.class, trace.function, acquirer, stan, localAt === '' ? transmittedAt : localAt, terminal, rrn, purpose].join('|');
}

/** By what a later message would name this one. */
function referenceOf({ version, trace }: CardMeaning, pan: Pan): string {
  return [pan.reveal(), trace.class, trace.function, trace.stan, version === '1987' ? trace.transmittedAt : trace.localAt].join('|');
}

function originalKey(original: OriginalReference, { version }: CardMeaning, pan: Pan): string {
  return [pan.reveal(), original.class, original.function, original.stan, version === '1987' ? original.transmittedAt : original.localAt].join('|');
}

/** What makes two messages tell of one payment; undefined where nothing does. */
function paymentOf({ trace, rrn, purpose }: CardMeaning, pan: Pan): string | undefined {
  if (rrn === '' || !moves(purpose)) return undefined;
  return [pan.reveal(), purpose, trace.terminal, rrn, trace.localAt].join('|');
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.set(key, value);
  if (map.size <= keptMax) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    break;
  }
}
