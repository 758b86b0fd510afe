/**
 * One remote issuer at work: what its cards ask for goes to it while it can be asked, is decided by stand-in where it cannot, and it
 * is told of everything that was decided or taken back without it.
 *
 *   request          to the issuer; no valid answer in time -> stand-in, or silence; what the issuer may have done is taken back
 *   advice, reversal acknowledged and kept for the issuer: it happened, and nobody may refuse it
 *
 * Invariants: the answer of a decision that the issuer has to be told of leaves after the advice is on this node's disk; a request is not
 * sent twice; a late answer never reaches the acquirer.
 */
import type { AdviceFile } from '../advice/advice-file.ts';
import type { Advice, DecisionContent } from '../advice/advice.ts';
import { adviceContent, reversalContent } from '../dialect/forward-advice.ts';
import type { ForwardRoute, OwnValues } from '../dialect/forward.ts';
import type { Side } from '../dialect/forward-write.ts';
import type { ResponseMeaning } from '../dialect/meaning.ts';
import type { HostIssuer } from '../host/host-issuer.ts';
import type { HostResult, NotSent, OwnTrace } from '../host/host.ts';
import { cardHeadId } from '../issuer/stand-in-ledger.ts';
import type { StandInAnswer, StandInLedger, StandInMessage, StandInRecord } from '../issuer/stand-in-ledger.ts';
import type { Message } from '../iso8583/codec.ts';
import type { CardVault } from '../keys/hsm.ts';
import type { SentReference } from '../message/advice.ts';
import type { CardMessage, Response } from '../message/message.ts';
import { isApproval } from '../message/reason.ts';
import type { Reason } from '../message/reason.ts';
import type { StandInReason } from '../standin/condition.ts';
import type { StandInRules } from '../standin/rules.ts';
import type { Outcome } from '../store/decide.ts';
import type { HsmTurn } from './hsm-turn.ts';
import type { StationSecurity } from './station-security.ts';
import type { Carried } from './verification.ts';
import { encipheredPin } from './verification.ts';

/** How one issuer wants it. */
export interface HostPolicy {
  readonly name: string;
  /** Does stand-in decide where the issuer cannot? */
  readonly hasStandIn: boolean;
  /** Is a request that was sent, and not answered in time, decided by stand-in? If not, the acquirer gets no answer. */
  readonly assuredResponse: boolean;
  readonly unanswered: 'reverseThenAdvise' | 'adviseReplaces';
  readonly timers: { readonly posMs: number; readonly cashMs: number };
  readonly rules: StandInRules;
  /** Under which the issuer takes PINs; undefined: it gets none. */
  readonly pin: Pick<StationSecurity, 'pinKey' | 'pinFormat'> | undefined;
}

export interface HostDeskOptions {
  readonly policy: HostPolicy;
  readonly host: HostIssuer;
  readonly advices: AdviceFile;
  readonly shared: StandInLedger;
  /** On this node's disk, for while the shared store is away. */
  readonly local: StandInLedger;
  /** How many switches count apart then. */
  readonly switches: number;
  readonly vault: CardVault;
  readonly hsm: HsmTurn;
  /** Unix ms. */
  readonly now: () => number;
  /** Monotonic, the clock of deadlines. */
  readonly elapsed: () => number;
  readonly newId: () => string;
}

/** A message of one of the issuer's cards, with all that is known of it. */
export interface HostArrival extends Carried {
  readonly id: string;
  readonly request: Message;
  readonly source: Side;
  readonly receivedAtMs: number;
  readonly deadlineMs: number;
  /** The message as a fact, with what was verified of it by the issuer's keys. */
  verified(done: (message: CardMessage) => void): void;
  /** The same without anything verified. */
  readonly message: CardMessage;
}

export type HostOutcome =
  | { readonly kind: 'answer'; readonly response: Response; readonly responder: 'standin' | 'switch'; readonly note: 'repeat' | 'duplicate' | undefined }
  /** The issuer's own answer. */
  | { readonly kind: 'returned'; readonly answer: Message; readonly meaning: ResponseMeaning; readonly route: ForwardRoute; readonly reason: Reason; readonly note: 'repeat' | undefined }
  /** Nobody answers: the acquirer times out, and reverses. */
  | { readonly kind: 'silence'; readonly why: string };

type Done = (outcome: HostOutcome) => void;

/** What is left of the acquirer's time for the way back. */
const marginMs = 250;
/** Answers that are remembered here, for repeats. */
const rememberedMax = 50_000;

export class HostDesk {
  readonly #options: HostDeskOptions;
  /** Transactions under way, by their key: a repeat joins. */
  readonly #underWay = new Map<string, Done[]>();
  readonly #remembered = new Map<string, HostOutcome>();
  #outageId = 0;

  constructor(options: HostDeskOptions) {
    this.#options = options;
  }

  get policy(): HostPolicy {
    return this.#options.policy;
  }

  /** Decides a message; `done` is called once. */
  decide(arrival: HostArrival, done: Done): void {
    const key = keyOf(arrival);
    const waiting = this.#underWay.get(key);
    if (waiting !== undefined) {
      waiting.push((outcome) => done(asRepeat(outcome)));
      return;
    }
    const remembered = this.#remembered.get(key);
    if (remembered !== undefined) {
      done(asRepeat(remembered));
      return;
    }
    this.#underWay.set(key, [done]);
    const finish: Done = (outcome) => {
      const all = this.#underWay.get(key) ?? [];
      this.#underWay.delete(key);
      if (outcome.kind !== 'silence') this.#remember(key, outcome);
      for (const each of all) each(outcome);
    };
    if (arrival.meaning.class === 'reversal' || arrival.meaning.function !== 'request') this.#keep(arrival, finish);
    else if (arrival.meaning.repeat) this.#lookUp(arrival, finish);
    else this.#ask(arrival, finish);
  }

  /** The issuer can, or can no longer, be asked: its outage begins and ends for all switches that share the store. */
  async outage(isOpen: boolean): Promise<void> {
    const { shared, policy, newId } = this.#options;
    const { promise, resolve } = Promise.withResolvers<Outcome<StandInAnswer>>();
    shared.submit(`o:${policy.name}`, '', { kind: 'outage', id: newId(), issuer: policy.name, isOpen }, Infinity, resolve);
    if (isOpen && this.#outageId === 0) this.#outageId = this.#options.now();
    const outcome = await promise;
    if (outcome.kind === 'decided' && outcome.answer.kind === 'outage') this.#outageId = isOpen ? outcome.answer.outageId : 0;
  }

  /** A repeat that this switch does not know may be known to another. */
  #lookUp(arrival: HostArrival, finish: Done): void {
    const { policy } = this.#options;
    this.#submit(arrival, { kind: 'look', id: arrival.id, issuer: this.policy.name, message: arrival.message, rules: policy.rules }, (outcome) => {
      const record = outcome.kind === 'decided' && outcome.answer.kind === 'answered' ? outcome.answer.record : undefined;
      if (record === undefined) this.#ask(arrival, finish);
      else void this.#fromRecord(arrival, record, outcome.kind === 'decided' && outcome.answer.kind === 'answered' ? outcome.answer.note : 'repeat', finish);
    });
  }

  #ask(arrival: HostArrival, finish: Done): void {
    const { host, policy } = this.#options;
    const why = host.unavailability(arrival.meaning.class);
    if (why !== undefined) {
      this.#instead(arrival, why, undefined, finish);
      return;
    }
    this.#pin(arrival, (pin) => {
      if (pin === 'refused') {
        finish(bySwitch(arrival, arrival.meaning.purpose === 'pinChange' ? '1048' : '1026'));
        return;
      }
      const { posMs, cashMs } = policy.timers;
      const deadlineMs = Math.min(arrival.deadlineMs - marginMs, this.#options.elapsed() + (arrival.meaning.purpose === 'cash' ? cashMs : posMs));
      host.forward({ message: arrival.request, meaning: arrival.meaning, source: arrival.source, deadlineMs, pin, rrn: arrival.meaning.rrn }, (result) => this.#answered(arrival, result, finish));
    });
  }

  #answered(arrival: HostArrival, result: HostResult, finish: Done): void {
    switch (result.kind) {
      case 'answered': {
        const { message: answer, meaning, route, sent } = result;
        const reason = meaning.reason ?? (meaning.approved ? '0000' : '1000');
        this.#log(arrival, { reason, approvalCode: meaning.approvalCode, amount: meaning.amount ?? arrival.meaning.amount }, sent.reference, 'issuer', [`station:${sent.station}`]);
        if (route === undefined) finish(bySwitch(arrival, '9109'));
        else finish({ kind: 'returned', answer, meaning, route, reason, note: undefined });
        return;
      }
      case 'asked':
        this.#instead(arrival, 'asked', undefined, finish);
        return;
      case 'notSent':
        this.#notSent(arrival, result.why, finish);
        return;
      case 'expired':
        if (this.policy.hasStandIn && this.policy.assuredResponse) this.#instead(arrival, 'timeout', result.sent.reference, finish);
        else void this.#dropped(arrival, result.sent.reference, finish);
    }
  }

  #notSent(arrival: HostArrival, why: NotSent, finish: Done): void {
    if (why === 'unfit' || why === 'tooLarge') finish(bySwitch(arrival, '9102'));
    else this.#instead(arrival, why === 'full' || why === 'tooLate' ? 'overCapacity' : why, undefined, finish);
  }

  /** Nobody answers the acquirer; the issuer takes back what it may have done. */
  async #dropped(arrival: HostArrival, sent: SentReference, finish: Done): Promise<void> {
    await this.#write(this.#reversalOf(arrival, sent, 'timeout', arrival.id));
    finish({ kind: 'silence', why: 'the issuer did not answer' });
  }

  /** Stand-in decides. @param sent the request as the issuer may have got it */
  #instead(arrival: HostArrival, why: StandInReason, sent: SentReference | undefined, finish: Done): void {
    const { policy, host } = this.#options;
    if (!policy.hasStandIn) {
      finish(bySwitch(arrival, '9112'));
      return;
    }
    const own = host.reserveTrace();
    arrival.verified((message) => {
      const minute = new Date(arrival.receivedAtMs);
      const request: StandInMessage = {
        kind: 'request', id: arrival.id, issuer: policy.name, message, rules: policy.rules, sent, advised: referenceOf(arrival, own),
        facts: {
          why, isAvailable: false, outageId: this.#outageId, switchesSharing: 1, day: message.day, month: message.month,
          minuteOfDay: minute.getUTCHours() * 60 + minute.getUTCMinutes(),
        },
      };
      this.#submit(arrival, request, (outcome) => {
        if (outcome.kind === 'unavailable' && outcome.cause === 'store') this.#alone(arrival, request, finish);
        else this.#stoodIn(arrival, outcome, finish);
      });
    });
  }

  /** The shared store is away: this switch counts by itself, and has its share of every limit. */
  #alone(arrival: HostArrival, request: Extract<StandInMessage, { kind: 'request' }>, finish: Done): void {
    const { local, switches } = this.#options;
    const facts = { ...request.facts, switchesSharing: switches };
    local.submit(cardHeadId(arrival.token), '', { ...request, facts }, arrival.deadlineMs, (outcome) => this.#stoodIn(arrival, outcome, finish));
  }

  #stoodIn(arrival: HostArrival, outcome: Outcome<StandInAnswer>, finish: Done): void {
    if (outcome.kind === 'unresolved') finish({ kind: 'silence', why: 'whether it was decided is not known' });
    else if (outcome.kind === 'unavailable' || outcome.answer.kind !== 'answered') finish(bySwitch(arrival, '9109'));
    else void this.#fromRecord(arrival, outcome.answer.record, outcome.answer.note, finish, outcome.answer.decision?.pin);
  }

  /** What was decided is answered once the issuer is sure to be told; of a repeat too, as nobody may have come so far before. */
  async #fromRecord(arrival: HostArrival, record: StandInRecord, note: 'repeat' | 'duplicate' | undefined, finish: Done, pin?: { readonly outcome: 'verified' | 'wrong'; readonly tries: number }): Promise<void> {
    const response: Response = { reason: record.reason, approvalCode: record.approvalCode, amount: record.amount, billing: undefined, balance: undefined, field: arrival.meaning.fault?.field };
    if (record.by === 'standin' && note !== 'duplicate') {
      const written = await this.#writeAll(this.#advicesOf(arrival, record, pin));
      if (written === 'unknown') {
        finish({ kind: 'silence', why: 'whether the advice is on disk is not known' });
        return;
      }
      if (written === 'failed') {
        // Nobody would tell the issuer: it is not approved, and nothing of it counts.
        this.#submit(arrival, { kind: 'undone', id: `${arrival.id}-undone`, issuer: this.policy.name, message: arrival.message, rules: this.policy.rules }, () => undefined);
        finish(bySwitch(arrival, '9109'));
        return;
      }
    }
    finish({ kind: 'answer', response, responder: record.by === 'standin' ? 'standin' : 'switch', note });
  }

  /** An advice or a reversal from an acquirer: it is known, acknowledged, and the issuer is told in its turn. */
  #keep(arrival: HostArrival, finish: Done): void {
    const { host, policy } = this.#options;
    const isReversal = arrival.meaning.class === 'reversal';
    const reason: Reason = arrival.meaning.fault?.reason ?? (isReversal ? '4000' : '9001');
    const own = host.reserveTrace();
    const response = { reason, approvalCode: '', amount: arrival.meaning.amount };
    const told: StandInMessage = { kind: 'told', id: arrival.id, issuer: policy.name, message: arrival.message, rules: policy.rules, by: 'switch', response, sent: referenceOf(arrival, own), flags: ['forTheIssuer'] };
    this.#submit(arrival, told, (outcome) => {
      if (outcome.kind === 'unresolved') {
        finish({ kind: 'silence', why: 'whether it was noted is not known' });
        return;
      }
      // While the store is away it is kept all the same: the file is this node's own.
      const answer = outcome.kind === 'decided' && outcome.answer.kind === 'answered' ? outcome.answer : undefined;
      void this.#kept(arrival, own, answer?.original, answer?.record, answer?.note, finish);
    });
  }

  async #kept(arrival: HostArrival, own: OwnTrace, original: StandInRecord | undefined, record: StandInRecord | undefined, note: 'repeat' | 'duplicate' | undefined, finish: Done): Promise<void> {
    const reason: Reason = record?.reason ?? arrival.meaning.fault?.reason ?? (arrival.meaning.class === 'reversal' ? '4000' : '9001');
    const response: Response = { reason, approvalCode: '', amount: arrival.meaning.amount, billing: undefined, balance: undefined, field: arrival.meaning.fault?.field };
    // The issuer has nothing of what it was never told of, and has taken back already what it was told to.
    const concerns = arrival.meaning.fault === undefined && note !== 'duplicate' && original?.reason !== '1830' && original?.isReversed !== true;
    if (concerns) {
      const content = this.#content(arrival, own, { reason, approvalCode: arrival.meaning.approvalCode, approved: undefined }, 'forwarded', original?.advised ?? original?.sent);
      const written = await this.#write(this.#advice(arrival, record?.id ?? arrival.id, arrival.meaning.class === 'reversal' ? 'reversal' : arrival.meaning.class, content));
      if (written !== 'durable') {
        finish({ kind: 'silence', why: 'it cannot be kept for the issuer' });
        return;
      }
    }
    finish({ kind: 'answer', response, responder: 'switch', note });
  }

  /** What the issuer is told of a decision: where it may have the request itself, that this is taken back or replaced. */
  #advicesOf(arrival: HostArrival, record: StandInRecord, pin: { readonly outcome: 'verified' | 'wrong'; readonly tries: number } | undefined): Advice[] {
    const { sent, advised, id, reason, approvalCode } = record;
    const own: OwnTrace = { stan: advised?.stan ?? '0', transmittedAt: advised?.transmittedAt ?? '' };
    const approved = isApproval(reason);
    const replaces = sent !== undefined && approved && this.policy.unanswered === 'adviseReplaces' ? sent : undefined;
    const content = this.#content(arrival, own, { reason, approvalCode, approved: undefined }, sent === undefined ? 'unavailable' : 'timeout', replaces, pin);
    const advice = this.#advice(arrival, id, arrival.meaning.class, content);
    const takesBack = sent !== undefined && replaces === undefined;
    return takesBack ? [this.#reversalOf(arrival, sent, 'timeout', id), advice] : [advice];
  }

  #reversalOf(arrival: HostArrival, sent: SentReference, why: string, id: string): Advice {
    const own = this.#options.host.reserveTrace();
    const content = this.#content(arrival, own, { reason: '4000', approvalCode: '', approved: undefined }, why, sent);
    return this.#advice(arrival, `${id}-reversal`, 'reversal', { ...content, ...reversalContent(content, sent, why) });
  }

  #content(
    arrival: HostArrival, own: OwnTrace, decided: Pick<DecisionContent, 'approved' | 'reason' | 'approvalCode'>, standInReason: string, replaces: SentReference | undefined,
    pin?: { readonly outcome: 'verified' | 'wrong'; readonly tries: number },
  ): DecisionContent {
    const { request, meaning, source, id, receivedAtMs } = arrival;
    return {
      ...adviceContent(request, meaning, source.dialect, { ...decided, standInReason, replaces }),
      what: 'decision', messageId: id, function: meaning.function === 'request' ? 'request' : 'advice', own, wrongPins: pin?.outcome === 'wrong' ? pin.tries : 0,
      pinVerified: pin?.outcome === 'verified', receivedAtMs, decidedAtMs: this.#options.now(),
    };
  }

  #advice(arrival: HostArrival, id: string, kind: Advice['kind'], content: DecisionContent): Advice {
    const { policy, vault, now } = this.#options;
    return { id, destination: policy.name, cardKey: arrival.token, kind, createdAtMs: now(), sealedPan: vault.encryptPan(arrival.pan, id), content };
  }

  async #writeAll(advices: readonly Advice[]): Promise<'durable' | 'failed' | 'unknown'> {
    for (const advice of advices) {
      const outcome = await this.#write(advice);
      if (outcome !== 'durable') return outcome;
    }
    return 'durable';
  }

  async #write(advice: Advice): Promise<'durable' | 'failed' | 'unknown'> {
    return await this.#options.advices.write(advice);
  }

  /** What the issuer decided is written down beside its answer, which does not wait for it. */
  #log(arrival: HostArrival, response: Pick<Response, 'reason' | 'approvalCode' | 'amount'>, sent: SentReference, by: 'issuer', flags: readonly string[]): void {
    this.#submit(arrival, { kind: 'told', id: arrival.id, issuer: this.policy.name, message: arrival.message, rules: this.policy.rules, by, response, sent, flags }, () => undefined);
  }

  #submit(arrival: HostArrival, message: StandInMessage, done: (outcome: Outcome<StandInAnswer>) => void): void {
    this.#options.shared.submit(cardHeadId(arrival.token), '', message, arrival.deadlineMs, done);
  }

  /** The PIN block under the issuer's key. */
  #pin(arrival: HostArrival, done: (pin: OwnValues['pin'] | 'refused') => void): void {
    const { policy: { pin: rules }, hsm } = this.#options;
    const { meaning } = arrival;
    if (meaning.pin === undefined) {
      done(undefined);
      return;
    }
    const from = encipheredPin(arrival, meaning.pin.block.reveal().length);
    if (rules?.pinKey === undefined || from === undefined) {
      done('refused');
      return;
    }
    const to = { key: { zone: { name: rules.pinKey } }, format: rules.pinFormat } as const;
    const blocks = [from, ...(meaning.newPinBlock === undefined ? [] : [{ ...from, block: meaning.newPinBlock }])];
    hsm.produce(blocks.map((block) => ({ kind: 'pinTranslation', from: block, to })), ([block, newBlock]) => {
      if (block === undefined || 'error' in block || (newBlock !== undefined && 'error' in newBlock)) done('refused');
      else done({ block: block.value, newBlock: newBlock?.value, format: rules.pinFormat });
    });
  }

  #remember(key: string, outcome: HostOutcome): void {
    if (this.#remembered.size >= rememberedMax) {
      const oldest = this.#remembered.keys().next();
      if (oldest.done !== true) this.#remembered.delete(oldest.value);
    }
    this.#remembered.set(key, outcome);
  }
}

function keyOf({ token, meaning: { trace, fingerprint } }: HostArrival): string {
  return `${token} ${trace.station} ${trace.acquirer} ${trace.class} ${trace.function} ${trace.stan} ${trace.transmittedAt} ${trace.localAt} ${fingerprint}`;
}

function asRepeat(outcome: HostOutcome): HostOutcome {
  return outcome.kind === 'silence' ? outcome : { ...outcome, note: 'repeat' };
}

function bySwitch({ meaning }: HostArrival, reason: Reason): HostOutcome {
  const response: Response = { reason, approvalCode: '', amount: meaning.amount, billing: undefined, balance: undefined, field: meaning.fault?.field };
  return { kind: 'answer', response, responder: 'switch', note: undefined };
}

/** How the issuer will know a message of ours that tells of this one. */
function referenceOf({ meaning: { trace } }: HostArrival, { stan, transmittedAt }: OwnTrace): SentReference {
  return { class: trace.class, function: 'advice', stan, transmittedAt, localAt: trace.localAt, acquirer: trace.acquirer };
}
