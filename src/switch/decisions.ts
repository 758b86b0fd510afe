/**
 * From a card message's meaning to its answer: finds out who decides, adds the facts that need a clock, a key or a table, and
 * hands it to the own issuer. The checks of card verification values of one turn go to the HSM together.
 */
import type { CardMeaning } from '../dialect/meaning.ts';
import type { CardValueCheck, Hsm, Verdict } from '../keys/hsm.ts';
import type { CardMessage, CardValueVerdict, OriginalKey, Response } from '../message/message.ts';
import type { Pan } from '../message/pan.ts';
import type { Reason } from '../message/reason.ts';
import type { Ledger, LedgerAnswer } from '../issuer/ledger.ts';
import type { Outcome } from '../store/decide.ts';
import type { Directory } from './directory.ts';
import type { Responder } from './events.ts';
import { noTerms } from './routing.ts';
import type { Program, Routing } from './routing.ts';
import type { Stamps } from './stamp.ts';

export type Result =
  | { readonly kind: 'answer'; readonly id: string; readonly response: Response; readonly responder: Responder; readonly note: LedgerAnswer['note'] }
  /** Whether it happened is not known: silence lets the acquirer reverse it. */
  | { readonly kind: 'unresolved'; readonly id: string };

export interface DecisionsOptions {
  readonly ledger: Ledger;
  readonly directory: Directory;
  readonly hsm: Hsm;
  readonly routing: Routing;
  readonly stamps: Stamps;
  /** Unix ms. */
  readonly now: () => number;
  /** Monotonic ms. */
  readonly elapsed: () => number;
  readonly atTurnEnd: (work: () => void) => void;
  /** From a request's arrival to its answer. */
  readonly answerMs: number;
  /** Is the book further behind than it may be? Then nothing more is taken in. */
  readonly bookIsTooFarBehind: () => boolean;
}

/** A message that waits for the verdict on its verification value. */
interface Checking {
  readonly arrival: Arrival;
  readonly check: CardValueCheck;
}

interface Arrival {
  readonly id: string;
  readonly meaning: CardMeaning;
  readonly pan: Pan;
  readonly token: string;
  readonly program: Program | undefined;
  readonly originalKeys: readonly OriginalKey[];
  readonly receivedAtMs: number;
  readonly deadlineMs: number;
  readonly done: (result: Result) => void;
}

export class Decisions {
  readonly #options: DecisionsOptions;
  #routing: Routing;
  #checking: Checking[] = [];

  constructor(options: DecisionsOptions) {
    this.#options = options;
    this.#routing = options.routing;
  }

  /** Other ranges and programs from the next message on. */
  reroute(routing: Routing): void {
    this.#routing = routing;
  }

  /** Decides a message; `done` is called once, from this turn or a later one. */
  decide(meaning: CardMeaning, originalKeys: readonly OriginalKey[], done: (result: Result) => void): void {
    const { stamps, now, elapsed, answerMs, hsm } = this.#options;
    const id = stamps.messageId();
    const { pan } = meaning;
    if (pan === undefined) {
      done(bySwitch(id, meaning.fault?.reason ?? '9100', meaning));
      return;
    }
    if (this.#options.bookIsTooFarBehind()) {
      done(bySwitch(id, '9107', meaning));
      return;
    }
    const arrival: Arrival = {
      id, meaning, pan, token: hsm.cardToken(pan), program: this.#routing.programOf(pan.reveal()), originalKeys, receivedAtMs: now(),
      deadlineMs: elapsed() + answerMs, done,
    };
    const check = checkOf(arrival);
    // Without the expiry date that it is made with, no value is the right one.
    if (check === 'impossible') this.#proceed(arrival, { kind: meaning.cardValue?.kind ?? 'cvv2', outcome: 'mismatch' });
    else if (check === undefined) this.#proceed(arrival, undefined);
    else {
      if (this.#checking.length === 0) this.#options.atTurnEnd(() => void this.#checkAll());
      this.#checking.push({ arrival, check });
    }
  }

  async #checkAll(): Promise<void> {
    const checking = this.#checking;
    this.#checking = [];
    let verdicts: readonly Verdict[];
    try {
      const answered = this.#options.hsm.verifyCardValues(checking.map(({ check }) => check));
      verdicts = answered instanceof Promise ? await answered : answered;
    } catch {
      // An HSM that fails gives no verdict: the check is an error, and the request is declined for it.
      verdicts = [];
    }
    for (const [index, { arrival, check }] of checking.entries()) {
      const verdict = verdicts[index];
      const outcome: CardValueVerdict['outcome'] = verdict === 'match' || verdict === 'mismatch' ? verdict : malformed(verdict) ? 'mismatch' : 'error';
      this.#proceed(arrival, { kind: check.kind, outcome });
    }
  }

  #proceed(arrival: Arrival, cardValue: CardValueVerdict | undefined): void {
    const message = stamped(arrival, cardValue, this.#options.stamps.approvalCode());
    const { token, program, pan } = arrival;
    if (program === undefined || !pan.luhnValid) {
      this.#submit(arrival, undefined, message);
      return;
    }
    const known = this.#options.directory.known(token);
    if (known !== undefined) {
      this.#submit(arrival, known, message);
      return;
    }
    this.#options.directory.find(token, (found) => {
      if (found.kind === 'found') this.#submit(arrival, found.accountId, message);
      else arrival.done(bySwitch(arrival.id, '9112', arrival.meaning));
    });
  }

  #submit(arrival: Arrival, accountId: string | undefined, message: CardMessage): void {
    this.#options.ledger.submit(accountId, arrival.token, message, arrival.deadlineMs, (outcome) => {
      arrival.done(resultOf(arrival, outcome));
    });
  }
}

/** The check that the message asks for; undefined: none; `impossible`: what it would take was not carried. */
function checkOf({ meaning, pan, program }: Arrival): CardValueCheck | 'impossible' | undefined {
  const { cardValue } = meaning;
  if (cardValue === undefined || program === undefined) return undefined;
  const { kind, value, expiry, serviceCode } = cardValue;
  if (expiry === undefined) return 'impossible';
  const subject = { key: { name: program.rules.cvk }, pan, expiry, value };
  if (kind === 'cvv') return { ...subject, kind, serviceCode };
  return kind === 'icvv' ? { ...subject, kind } : { ...subject, kind, expiryOrder: program.rules.cvv2ExpiryOrder };
}

/** A value of the wrong form is a wrong value; any other refusal is ours. */
function malformed(verdict: Verdict | undefined): boolean {
  return typeof verdict === 'object' && verdict.error.code === 'malformed';
}

function stamped(arrival: Arrival, cardValue: CardValueVerdict | undefined, approvalCodeOffer: string): CardMessage {
  const { id, meaning, pan, token, program, receivedAtMs } = arrival;
  const terms = program?.terms(arrival.originalKeys) ?? noTerms;
  const { day, month } = program?.calendar(receivedAtMs) ?? { day: 0, month: 0 };
  const { merchant } = meaning;
  return {
    kind: 'card', id, version: meaning.version, mti: meaning.mti, class: meaning.class, function: meaning.function, repeat: meaning.repeat,
    trace: meaning.trace, rrn: meaning.rrn, purpose: meaning.purpose, processingCode: meaning.processingCode, amount: meaning.amount,
    billing: meaning.billing, actualMinor: meaning.actualMinor, partialAllowed: meaning.partialAllowed, approvalCode: meaning.approvalCode,
    advisedDecline: meaning.advisedDecline, original: meaning.original,
    card: { pan, token, luhnValid: pan.luhnValid, expiry: meaning.expiry, trackExpiry: meaning.trackExpiry },
    cardPresent: meaning.cardPresent, entryMode: meaning.entryMode, pin: meaning.pin, cardValue,
    merchant: { ...merchant, groups: program?.groupsOf(merchant.category) ?? [] },
    fault: meaning.fault, fingerprint: meaning.fingerprint, approvalCodeOffer, terms, receivedAtMs, day, month,
  };
}

function resultOf(arrival: Arrival, outcome: Outcome<LedgerAnswer>): Result {
  const { id, meaning } = arrival;
  if (outcome.kind === 'decided') {
    const { response, note } = outcome.answer;
    return { kind: 'answer', id, response, responder: 'account', note };
  }
  if (outcome.kind === 'unresolved') return { kind: 'unresolved', id };
  return bySwitch(id, outcome.cause === 'overload' ? '9109' : '9112', meaning);
}

/** The switch's own answer, where nothing reached the account. */
function bySwitch(id: string, reason: Reason, meaning: CardMeaning): Result {
  const response: Response = {
    reason, approvalCode: '', amount: meaning.amount, billing: undefined, balance: undefined, field: meaning.fault?.field,
  };
  return { kind: 'answer', id, response, responder: 'switch', note: undefined };
}
