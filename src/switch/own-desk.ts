/**
 * The own accounts at work: a message goes to its account, and where the store that has it cannot be reached, or does not answer in time,
 * it is answered here, and the account is told when the store is back.
 *
 *   submit ──> the account answers
 *      │  the store does not
 *      ▼
 *   decided on what was last seen ──> on this node's disk ──> answered ··· the store is back ──> taken in by the account
 *
 * Invariants: what is answered here is on this node's disk before; of one account, one decision at a time is made here, each on what those
 * before it leave; while something waits for an account, nothing else goes to it: it waits behind, or is answered here as well.
 */
import type { Advice } from '../advice/advice.ts';
import type { BegunAdvice } from '../advice/advice-file.ts';
import type { SendOutcome } from '../advice/delivery.ts';
import { assert } from '../base/assert.ts';
import { decodeOwn, encodeOwn } from '../issuer/own-advice.ts';
import type { OwnMessage } from '../issuer/own-advice.ts';
import { answerNobody, decideApart } from '../issuer/own-apart.ts';
import type { ApartDecided } from '../issuer/own-apart.ts';
import type { Ledger, LedgerAnswer } from '../issuer/ledger.ts';
import type { CardMessage, Response } from '../message/message.ts';
import type { Pan } from '../message/pan.ts';
import { isApproval } from '../message/reason.ts';
import type { Reason } from '../message/reason.ts';
import type { Outcome } from '../store/decide.ts';
import type { Directory, Found } from './directory.ts';
import type { OwnArrival, OwnStandIn } from './own-arrival.ts';
import { OwnOutage } from './own-outage.ts';
import { OwnWaiting } from './own-waiting.ts';

/** Whom the advices of own accounts are for. */
export const ownDestination = 'own';

/** Of what tells an account of this message. */
export function ownAdviceId(messageId: string): string {
  return `${messageId}-own`;
}

export interface OwnDeskOptions {
  readonly ledger: Ledger;
  readonly directory: Directory;
  /** Unix ms. */
  readonly now: () => number;
  /** Monotonic. */
  readonly elapsed: () => number;
  /** Undefined: nobody stands in for the store. */
  readonly standIn?: OwnStandIn | undefined;
}

export type OwnOutcome =
  | { readonly kind: 'decided'; readonly by: 'account' | 'standin'; readonly accountId: string | undefined; readonly answer: LedgerAnswer }
  | Exclude<Outcome<LedgerAnswer>, { kind: 'decided' }>;

type Done = (outcome: OwnOutcome) => void;

/** What is left for standing in, and for the way back. */
const marginMs = 250;
/** Of the wrong PIN that locks a card, and of whatever comes after it. */
const pinTriesReason: Reason = '1806';
/** After a silence of the store, how long one message waits for it. */
const silentMs = 300;
/** How long what stand-in could answer waits for the account, once the store is back. */
const heldMs = 1_000;

export class OwnDesk {
  readonly #options: OwnDeskOptions;
  readonly #standIn: OwnStandIn | undefined;
  readonly #outage: OwnOutage;
  readonly #waiting: OwnWaiting;
  /** Work of one account, in turn. */
  readonly #lines = new Map<string, (() => Promise<void>)[]>();
  /** The store let a message's time pass, or did not say whose a card is, and has answered none since. */
  #isSilent = false;

  constructor(options: OwnDeskOptions) {
    this.#options = options;
    this.#standIn = options.standIn;
    this.#outage = new OwnOutage(options);
    this.#waiting = new OwnWaiting(options.standIn);
  }

  /** Does nothing wait for an account that was answered in an earlier run? */
  get hasRecovered(): boolean {
    return !this.#waiting.isRecovering;
  }

  /** Accounts that something waits for. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Does something wait for the account, so that what comes waits behind it? */
  isBehind(accountId: string | undefined, token: string): boolean {
    return this.#waiting.keyOf(accountId, token) !== undefined;
  }

  /** Decides a message; `done` is called once. */
  submit(arrival: OwnArrival, done: Done): void {
    const { ledger, directory } = this.#options;
    const { message: { card: { token } } } = arrival;
    if (arrival.isNobodys) {
      this.#nobodys(arrival, done);
      return;
    }
    const accountId = directory.known(token);
    const key = this.#waiting.keyOf(accountId, token);
    if (key !== undefined) {
      if (ledger.storeAnswers && !this.#isSilent) this.#waiting.hold(key, this.#heldUntil(arrival, accountId), () => this.submit(arrival, done), () => this.#instead(arrival, accountId, false, done));
      else this.#instead(arrival, accountId, false, done);
    } else if (accountId === undefined) this.#find(arrival, done);
    else this.#ask(arrival, accountId, done);
  }

  /** Tells an account what was answered for it. For its delivery. */
  async send({ advice }: BegunAdvice): Promise<SendOutcome> {
    const { content, sealedPan, id, cardKey } = advice;
    if (content.what !== 'own') return { kind: 'refused', why: 'this is told to no account' };
    let pan: Pan | undefined;
    if (sealedPan !== '') {
      const opened = this.#needed.vault.decryptPan(sealedPan, id);
      if ('error' in opened) return { kind: 'refused', why: `its card number does not open: ${opened.error.reason}` };
      ({ pan } = opened);
    }
    const message = decodeOwn(content.facts, pan);
    const token = message.kind === 'card' ? message.card.token : message.cardToken;
    const found: Found = content.accountId === '' ? await this.#accountOf(token) : { kind: 'found', accountId: content.accountId };
    if (found.kind === 'unavailable') return { kind: 'notSent' };
    const { accountId } = found;
    if (message.kind !== 'card' && this.#needed.orders.isOvertaken(message)) {
      this.told(id, cardKey);
      return { kind: 'accepted' };
    }
    const response = accountId === undefined ? undefined : await this.#tell(accountId, message.kind === 'card' ? message : { ...message, accountId });
    if (message.kind !== 'card') this.#needed.orders.told(message, response === undefined ? '1018' : isApproval(response.reason) ? undefined : response.reason);
    this.told(id, cardKey);
    return { kind: 'accepted' };
  }

  /** An advice has its end, or is set aside: what waited behind it goes on. */
  told(id: string, key: string): void {
    this.#waiting.end(id, key, () => this.#outage.forget(key));
    if (this.#waiting.size === 0 && this.#options.ledger.storeAnswers) this.#outage.end();
  }

  /**
   * Puts on this node's disk what an account is to be told.
   * @param failed called where it is not there, and will not be
   */
  async keep(accountId: string | undefined, message: OwnMessage, kind: Advice['kind'], pan: Pan | undefined, failed?: () => void): Promise<'durable' | 'failed' | 'unknown'> {
    const { advices, vault } = this.#needed;
    const id = ownAdviceId(message.id);
    const key = accountId ?? (message.kind === 'card' ? message.card.token : message.cardToken);
    this.#waiting.begin(id, key);
    const written = await advices.write({
      id, destination: ownDestination, cardKey: key, kind, createdAtMs: this.#options.now(), sealedPan: pan === undefined ? '' : vault.encryptPan(pan, id),
      content: { what: 'own', messageId: message.id, accountId: accountId ?? '', facts: encodeOwn(message), receivedAtMs: message.receivedAtMs },
    });
    if (written === 'failed') failed?.();
    // What may be there after all is taken in when it turns up.
    if (written !== 'durable') this.told(id, key);
    return written;
  }

  /** What can be answered here waits less long for its account to have what is before it. */
  #heldUntil(arrival: OwnArrival, accountId: string | undefined): number {
    const latestMs = this.#latest(arrival);
    return accountId !== undefined && this.#outage.knows(accountId) ? Math.min(latestMs, this.#options.elapsed() + heldMs) : latestMs;
  }

  get #needed(): OwnStandIn {
    assert(this.#standIn !== undefined, 'who stands in has what it takes');
    return this.#standIn;
  }

  /** Until when the store may answer. */
  #latest({ deadlineMs }: OwnArrival): number {
    if (this.#standIn === undefined) return deadlineMs;
    const leftMs = deadlineMs - this.#options.elapsed();
    return deadlineMs - Math.min(marginMs, leftMs / 4);
  }

  /** A card that no account can have is answered without one. */
  #nobodys(arrival: OwnArrival, done: Done): void {
    const { message } = arrival;
    this.#options.ledger.submit(undefined, message.card.token, message, this.#latest(arrival), (outcome) => {
      if (this.#standIn !== undefined && outcome.kind === 'unavailable' && outcome.cause !== 'overload') done(this.#withoutAccount(message));
      else done(outcome.kind === 'decided' ? { ...outcome, by: 'account', accountId: undefined } : outcome);
    });
  }

  #withoutAccount(message: CardMessage): OwnOutcome {
    const response = answerNobody(message, this.#options.now());
    if (response === undefined) return { kind: 'unavailable', cause: 'store' };
    return { kind: 'decided', by: 'standin', accountId: undefined, answer: { kind: 'answer', response, note: undefined } };
  }

  #find(arrival: OwnArrival, done: Done): void {
    let isOver = false;
    const late = this.#standIn?.deadlines.at(this.#isSilent ? this.#options.elapsed() + silentMs : this.#latest(arrival), () => {
      isOver = true;
      this.#isSilent = true;
      this.#instead(arrival, undefined, false, done);
    });
    this.#options.directory.find(arrival.message.card.token, (found) => {
      if (isOver) return;
      late?.cancel();
      this.#isSilent = found.kind === 'unavailable';
      if (found.kind === 'unavailable') this.#instead(arrival, undefined, false, done);
      else if (found.accountId === undefined) this.#nobodys(arrival, done);
      else this.#ask(arrival, found.accountId, done);
    });
  }

  #ask(arrival: OwnArrival, accountId: string, done: Done): void {
    const { ledger, elapsed } = this.#options;
    const { message } = arrival;
    const latestMs = this.#latest(arrival);
    ledger.submit(accountId, message.card.token, message, this.#isSilent ? Math.min(latestMs, elapsed() + silentMs) : latestMs, (outcome) => {
      if (outcome.kind === 'decided') {
        this.#isSilent = false;
        if (outcome.answer.kind === 'answer' && outcome.answer.response.reason === pinTriesReason) this.#standIn?.pinLocked(message.card.token, accountId);
        done({ ...outcome, by: 'account', accountId });
      } else if (outcome.kind === 'unavailable' && outcome.cause === 'overload') done(outcome);
      else {
        if (outcome.kind === 'unresolved' || outcome.cause === 'deadline') this.#isSilent = true;
        this.#instead(arrival, accountId, outcome.kind === 'unresolved', done);
      }
    });
  }

  /** @param isUnknown the account may have taken the message after all */
  #instead(arrival: OwnArrival, accountId: string | undefined, isUnknown: boolean, done: Done): void {
    if (this.#standIn?.policy(arrival.issuer).hasStandIn !== true) {
      done(isUnknown ? { kind: 'unresolved' } : { kind: 'unavailable', cause: 'store' });
      return;
    }
    const key = accountId ?? arrival.message.card.token;
    const work = async (): Promise<void> => await this.#decide(arrival, accountId, isUnknown, done);
    const line = this.#lines.get(key);
    if (line !== undefined) {
      line.push(work);
      return;
    }
    const mine = [work];
    this.#lines.set(key, mine);
    void this.#run(key, mine);
  }

  async #run(key: string, line: (() => Promise<void>)[]): Promise<void> {
    for (let work = line[0]; work !== undefined; work = line[0]) {
      await work();
      line.shift();
    }
    this.#lines.delete(key);
  }

  async #decide(arrival: OwnArrival, accountId: string | undefined, isUnknown: boolean, done: Done): Promise<void> {
    const { elapsed } = this.#options;
    const { message, deadlineMs } = arrival;
    if (elapsed() >= deadlineMs) {
      done(isUnknown ? { kind: 'unresolved' } : { kind: 'unavailable', cause: 'deadline' });
      return;
    }
    const before = this.#outage.stateOf(this.#needed, arrival, accountId);
    const decision = decideApart(before.state, before.rules, message, before.facts);
    if (decision.kind === 'verify') {
      done({ kind: 'decided', by: 'standin', accountId, answer: decision });
      return;
    }
    const { response, note } = decision;
    if (note === undefined) {
      const takeBack = this.#outage.advance(arrival, accountId, before.state, decision);
      const written = await this.keep(accountId, kept(message, decision, before.facts.nowMs, before.rules.version), message.class, message.card.pan, takeBack);
      if (written !== 'durable') {
        // What may have happened, and cannot be set right, gets no answer.
        const isCertain = written === 'failed' && !isUnknown && message.function === 'request' && message.class !== 'reversal';
        done(isCertain ? notWritten(message, accountId) : { kind: 'unresolved' });
        return;
      }
    }
    if (response.reason === pinTriesReason) this.#standIn?.pinLocked(message.card.token, undefined);
    done({ kind: 'decided', by: 'standin', accountId, answer: { kind: 'answer', response, note } });
  }

  async #accountOf(token: string): Promise<Found> {
    const { directory } = this.#options;
    const known = directory.known(token);
    if (known !== undefined) return { kind: 'found', accountId: known };
    const { promise, resolve } = Promise.withResolvers<Found>();
    directory.find(token, resolve);
    return await promise;
  }

  async #tell(accountId: string, message: OwnMessage): Promise<Response | undefined> {
    const { ledger } = this.#options;
    const { promise, resolve } = Promise.withResolvers<Outcome<LedgerAnswer>>();
    ledger.submit(accountId, '', message, Infinity, resolve);
    const outcome = await promise;
    if (outcome.kind !== 'decided') return undefined;
    // Where every account is waited for, nobody else asks the store.
    this.#isSilent = false;
    if (outcome.answer.kind === 'answer') return outcome.answer.response;
    // What came with it cannot be checked anew, as it was not kept.
    return message.kind === 'card' ? await this.#tell(accountId, { ...message, pin: 'absent', cardValue: undefined }) : undefined;
  }
}

/** A request with what was answered; what needs no answer as it came. */
function kept(message: CardMessage, { response: { reason }, pin, checks, flags }: ApartDecided, decidedAtMs: number, rulesVersion: number): CardMessage {
  if (message.function !== 'request' || message.class === 'reversal') return message;
  return { ...message, stoodIn: { reason, pin, decidedAtMs, checks, flags: ['standin:storeUnreachable', `rules:${rulesVersion}`, ...flags] } };
}

function notWritten(message: CardMessage, accountId: string | undefined): OwnOutcome {
  const response: Response = { reason: '9109', approvalCode: '', amount: message.amount, billing: undefined, balance: undefined, field: undefined };
  return { kind: 'decided', by: 'standin', accountId, answer: { kind: 'answer', response, note: undefined } };
}
