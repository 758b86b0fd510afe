/**
 * From a card message's meaning to its answer: finds out who decides, adds the facts that need a clock, a key or a table, and
 * hands it to the own issuer. What a check takes of the card's record is remembered from the last time; where the account has another,
 * it says so, and the message is checked again.
 */
import type { ChipAnswer } from '../dialect/answer.ts';
import type { Side } from '../dialect/forward-write.ts';
import type { CardMeaning } from '../dialect/meaning.ts';
import type { Message } from '../iso8583/codec.ts';
import type { CardVault, Product } from '../keys/hsm.ts';
import type { CardMessage, CardReferences, OriginalKey, Response } from '../message/message.ts';
import { isApproval } from '../message/reason.ts';
import type { Reason } from '../message/reason.ts';
import type { Ledger, LedgerAnswer } from '../issuer/ledger.ts';
import { keyOf } from '../issuer/stand-in-record.ts';
import type { Outcome } from '../store/decide.ts';
import type { Directory } from './directory.ts';
import type { Responder } from './events.ts';
import type { HostOutcome } from './host-arrival.ts';
import type { HostDesk } from './host-desk.ts';
import type { Hosts } from './hosts.ts';
import type { HsmTurn } from './hsm-turn.ts';
import { OwnDesk } from './own-desk.ts';
import { noTerms } from './routing.ts';
import type { Routing } from './routing.ts';
import type { Stamps } from './stamp.ts';
import { terminalCountry } from './stand-in-facts.ts';
import type { StationSecurity } from './station-security.ts';
import { chipOrders, Verification } from './verification.ts';
import type { Carried, SecurityFacts } from './verification.ts';

export type Result =
  | {
      readonly kind: 'answer'; readonly id: string; readonly response: Response; readonly responder: Responder; readonly note: 'repeat' | 'duplicate' | undefined;
      /** For a chip whose cryptogram was verified. */
      readonly chip: ChipAnswer | undefined;
      /** Why stand-in decided: a name of `StandInReason`; absent where it did not. */
      readonly standInReason?: string;
    }
  /** A remote issuer's own answer. */
  | (Omit<Extract<HostOutcome, { kind: 'returned' }>, 'kind'> & { readonly kind: 'returned'; readonly id: string })
  /** Whether it happened is not known, or nobody may answer: silence lets the acquirer reverse it. @see why empty: the store's outcome */
  | { readonly kind: 'unresolved'; readonly id: string; readonly why: string };

export interface DecisionsOptions {
  readonly ledger: Ledger;
  readonly directory: Directory;
  /** By default nobody stands in for the own accounts' store. */
  readonly own?: OwnDesk;
  readonly vault: CardVault;
  readonly hosts: Hosts;
  readonly hsm: HsmTurn;
  readonly routing: Routing;
  readonly stamps: Stamps;
  /** Unix ms. */
  readonly now: () => number;
  /** Monotonic ms. */
  readonly elapsed: () => number;
  /** Scripts that could not be made are queued again: the program's log says why. */
  readonly onScriptsFailed: (program: string, reason: string) => void;
  /** From a request's arrival to its answer. */
  readonly answerMs: number;
  /** Is the book further behind than it may be? Then nothing more is taken in. */
  readonly bookIsTooFarBehind: () => boolean;
}

/** What a station adds to a message that it took. */
export interface StationContext {
  readonly originalKeys: readonly OriginalKey[];
  readonly security: StationSecurity;
  readonly side: Side;
  /** Two characters of tag 8A for a decision. */
  authorizationResponseCode(reason: Reason): string;
}

/** What the log of messages is told of a message's way, filled in as it is found. */
export interface Handling {
  /** Of the card; empty where none was carried. */
  token: string;
  /** The issuer that it is for, or why it is for none. */
  routed: string;
}

interface Arrival extends Carried {
  readonly id: string;
  readonly request: Message;
  readonly context: StationContext;
  readonly approvalCodeOffer: string;
  readonly receivedAtMs: number;
  /** Monotonic. */
  readonly arrivedMs: number;
  readonly deadlineMs: number;
  readonly done: (result: Result) => void;
}

/** Cards whose references are remembered. */
const referencesMax = 200_000;

/** A card's references change between two checks of one message hardly ever; three times in a row, something else is wrong. */
const roundsMax = 3;

export class Decisions {
  readonly #options: DecisionsOptions;
  readonly #own: OwnDesk;
  #routing: Routing;
  readonly #references = new Map<string, CardReferences>();

  constructor(options: DecisionsOptions) {
    this.#options = options;
    this.#own = options.own ?? new OwnDesk(options);
    this.#routing = options.routing;
  }

  /** Other ranges and programs from the next message on. */
  reroute(routing: Routing): void {
    this.#routing = routing;
  }

  /** Decides a message; `done` is called once, from this turn or a later one. */
  decide(meaning: CardMeaning, request: Message, context: StationContext, done: (result: Result) => void, handling?: Handling): void {
    const { stamps, now, elapsed, answerMs, vault } = this.#options;
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
    const arrivedMs = elapsed();
    const arrival: Arrival = {
      id, request, meaning, pan, token: vault.cardToken(pan), program: this.#routing.programOf(pan.reveal()), security: context.security, context,
      approvalCodeOffer: stamps.approvalCode(), receivedAtMs: now(), arrivedMs, deadlineMs: arrivedMs + answerMs, done,
    };
    if (handling !== undefined) {
      handling.token = arrival.token;
      handling.routed = arrival.program?.rules.issuer ?? 'no program has the card';
    }
    const desk = arrival.program === undefined ? undefined : this.#options.hosts.desk(arrival.program.rules.issuer);
    if (desk === undefined) this.#verify(arrival, 1);
    else this.#ask(desk, arrival);
  }

  /** A card of a remote issuer. */
  #ask(desk: HostDesk, arrival: Arrival): void {
    const { id, meaning, done } = arrival;
    const { fault } = meaning;
    if (fault !== undefined && meaning.function === 'request' && meaning.class !== 'reversal') {
      done(bySwitch(id, fault.reason, meaning));
      return;
    }
    const message = stamped(arrival, unverified(meaning));
    desk.decide({
      ...arrival, source: arrival.context.side, message, key: keyOf(message),
      verified: (took) => {
        const verification = new Verification(arrival, undefined, 'track');
        const { checks } = verification;
        if (checks.length === 0) took(stamped(arrival, verification.facts));
        else {
          this.#options.hsm.verify(checks, (verdicts) => {
            verification.settle(verdicts);
            took(stamped(arrival, verification.facts));
          });
        }
      },
    }, (outcome) => {
      if (outcome.kind === 'silence') done({ kind: 'unresolved', id, why: outcome.why });
      else if (outcome.kind === 'returned') done({ ...outcome, id });
      else done({ kind: 'answer', id, response: outcome.response, responder: outcome.responder, note: outcome.note, chip: outcome.chip, standInReason: outcome.standInReason ?? '' });
    });
  }

  #verify(arrival: Arrival, round: number): void {
    const { hsm } = this.#options;
    const verification = new Verification(arrival, this.#references.get(arrival.token));
    const { checks, orders } = verification;
    const ordered = (): void => {
      if (orders.length === 0) {
        this.#proceed(arrival, verification, round);
        return;
      }
      hsm.produce(orders, (products) => {
        verification.settleOrders(products);
        this.#proceed(arrival, verification, round);
      });
    };
    if (checks.length === 0) ordered();
    else {
      hsm.verify(checks, (verdicts) => {
        verification.settle(verdicts);
        ordered();
      });
    }
  }

  #proceed(arrival: Arrival, verification: Verification, round: number): void {
    const message = stamped(arrival, verification.facts);
    const { program, pan, receivedAtMs, deadlineMs, meaning, context, request } = arrival;
    this.#own.submit({
      message, issuer: program?.rules.issuer ?? '', isNobodys: program === undefined || !pan.luhnValid, deadlineMs,
      surroundings: () => ({ minuteOfDay: program?.calendar(receivedAtMs).minuteOfDay ?? 0, country: terminalCountry({ request, meaning, source: context.side }) }),
    }, (outcome) => {
      if (outcome.kind !== 'decided') {
        arrival.done(undecided(arrival, outcome));
        return;
      }
      const { answer } = outcome;
      if (answer.kind === 'answer') this.#answer(arrival, outcome.accountId, outcome.by, answer, message, verification);
      else if (round === roundsMax) arrival.done(bySwitch(arrival.id, '9109', arrival.meaning));
      else {
        this.#remember(arrival.token, answer.references);
        this.#verify(arrival, round + 1);
      }
    });
  }

  /** A chip whose cryptogram was right gets its issuer's, and what else the issuer has for it. */
  #answer(arrival: Arrival, accountId: string | undefined, responder: 'account' | 'standin', { response, note }: Answered, message: CardMessage, { reading }: Verification): void {
    const { id, context, done } = arrival;
    const result = { kind: 'answer', id, response, responder, note, standInReason: responder === 'standin' ? 'storeUnreachable' : '' } as const;
    const scripts = response.scripts ?? [];
    const responseCode = context.authorizationResponseCode(response.reason);
    const orders = message.chip?.outcome === 'match' && response.chipIsOther !== true && message.class !== 'reversal' && message.function === 'request' && reading !== undefined
      ? chipOrders(arrival, reading, responseCode, isApproval(response.reason), scripts)
      : undefined;
    if (orders === undefined) {
      done({ ...result, chip: undefined });
      return;
    }
    this.#options.hsm.produce(orders, ([cryptogram, ...commands]) => {
      const made = commands.flatMap((command) => ('value' in command ? [command.value.reveal()] : []));
      if (made.length < commands.length && accountId !== undefined && note === undefined) this.#queueAgain(arrival, accountId, scripts, commands);
      done({
        ...result,
        chip: {
          issuerAuthenticationData: cryptogram !== undefined && 'value' in cryptogram ? cryptogram.value.reveal() : '', responseCode,
          scripts: made.length === 0 ? [] : [{ template: '72', id: '', commands: made }],
        },
      });
    });
  }

  /** The account took them for sent. */
  #queueAgain(arrival: Arrival, accountId: string, scripts: Response['scripts'], commands: readonly Product[]): void {
    for (const [index, script] of (scripts ?? []).entries()) {
      const command = commands[index];
      if (command === undefined || 'value' in command) continue;
      this.#options.onScriptsFailed(arrival.program?.rules.name ?? '', command.error.reason);
      this.#options.ledger.submit(accountId, '', {
        kind: 'scriptQueue', id: `${arrival.id}-script-${index}`, accountId, receivedAtMs: arrival.receivedAtMs, cardToken: arrival.token,
        script: { id: script.id, command: script.command, sealed: script.sealed }, unsent: arrival.id,
      }, Infinity, () => undefined);
    }
  }

  #remember(token: string, references: CardReferences): void {
    if (this.#references.size >= referencesMax) {
      const oldest = this.#references.keys().next();
      if (oldest.done !== true) this.#references.delete(oldest.value);
    }
    this.#references.set(token, references);
  }
}

/** What is known of a message's secrets before anything was verified. */
function unverified({ pin }: CardMeaning): SecurityFacts {
  return { pin: pin === undefined ? 'absent' : 'unverified', newPin: undefined, cardValue: undefined, chip: undefined, authentication: undefined };
}

type Answered = Extract<LedgerAnswer, { kind: 'answer' }>;

function stamped(arrival: Arrival, facts: SecurityFacts): CardMessage {
  const { id, meaning, pan, token, program, receivedAtMs, approvalCodeOffer } = arrival;
  const terms = program?.terms(arrival.context.originalKeys) ?? noTerms;
  const { day, month } = program?.calendar(receivedAtMs) ?? { day: 0, month: 0 };
  const { merchant, amount } = meaning;
  const conversion = amount === undefined || meaning.billing !== undefined || amount.currency === program?.rules.currency ? undefined : program?.conversionOf(amount.currency, meaning.purpose);
  return {
    kind: 'card', id, version: meaning.version, mti: meaning.mti, class: meaning.class, function: meaning.function, repeat: meaning.repeat,
    trace: meaning.trace, rrn: meaning.rrn, purpose: meaning.purpose, processingCode: meaning.processingCode, amount: meaning.amount,
    billing: meaning.billing, conversion, actualMinor: meaning.actualMinor, partialAllowed: meaning.partialAllowed, approvalCode: meaning.approvalCode,
    advisedDecline: meaning.advisedDecline, original: meaning.original,
    card: { pan, token, luhnValid: pan.luhnValid, expiry: meaning.expiry, trackExpiry: meaning.trackExpiry },
    cardPresent: meaning.cardPresent, entryMode: meaning.entryMode,
    pin: facts.pin, newPin: facts.newPin, cardValue: facts.cardValue, chip: facts.chip, authentication: facts.authentication,
    merchant: { ...merchant, groups: program?.groupsOf(merchant.category) ?? [], country: terminalCountry({ request: arrival.request, meaning, source: arrival.context.side }) },
    fault: meaning.fault, fingerprint: meaning.fingerprint, approvalCodeOffer, terms, receivedAtMs, day, month,
  };
}

function undecided({ id, meaning }: Arrival, outcome: Exclude<Outcome<LedgerAnswer>, { kind: 'decided' }>): Result {
  if (outcome.kind === 'unresolved') return { kind: 'unresolved', id, why: '' };
  return bySwitch(id, outcome.cause === 'overload' ? '9109' : '9112', meaning);
}

/** The switch's own answer, where nothing reached the account. */
function bySwitch(id: string, reason: Reason, meaning: CardMeaning): Result {
  const response: Response = {
    reason, approvalCode: '', amount: meaning.amount, billing: undefined, balance: undefined, field: meaning.fault?.field,
  };
  return { kind: 'answer', id, response, responder: 'switch', note: undefined, chip: undefined };
}
