/**
 * One remote issuer at work: what its cards ask for goes to it while it can be asked, is decided by stand-in where it cannot, and it
 * is told of everything that was decided or taken back without it.
 *
 *   request          to the issuer; no valid answer in time -> stand-in, or silence; what the issuer may have done is taken back
 *   advice, reversal acknowledged and kept for the issuer: it happened, and nobody may refuse it
 *
 * Invariants: a request is on record, with the name that the issuer will know it by, before it is sent, so that whoever comes later, after
 * this process died too, takes back what may have happened and sends no second one; an answer leaves after it is on record, and after
 * what the issuer has to be told is on this node's disk; a late answer never reaches the acquirer.
 */
import type { Advice } from '../advice/advice.ts';
import type { OwnValues } from '../dialect/forward.ts';
import type { ForwardOrder, HostResult, LateAnswer, NotSent } from '../host/host.ts';
import { lateEntry } from '../issuer/stand-in-entry.ts';
import type { AskMessage, Overtaken, StandInAnswer, StandInMessage } from '../issuer/stand-in-message.ts';
import { originalKeysOf } from '../issuer/stand-in-record.ts';
import type { Owed, StandInRecord } from '../issuer/stand-in-record.ts';
import type { SentReference } from '../message/advice.ts';
import type { CardMessage, Response } from '../message/message.ts';
import { isApproval } from '../message/reason.ts';
import type { Reason } from '../message/reason.ts';
import { billedMinorOf } from '../standin/subject.ts';
import type { Outcome } from '../store/decide.ts';
import { depositOrder, unknownToDeposit } from './deposit-order.ts';
import { bySwitch, referenceOf } from './host-arrival.ts';
import type { Done, HostArrival } from './host-arrival.ts';
import type { HostDeskOptions } from './host-desk-options.ts';
import { HostHeard } from './host-heard.ts';
import { HostOutage } from './host-outage.ts';
import { takeOverdueBack } from './host-overdue.ts';
import { pinForHost } from './host-pin.ts';
import { courseOf, timerMs } from './host-policy.ts';
import type { HostPolicy } from './host-policy.ts';
import { HostTelling } from './host-telling.ts';
import { Repeats } from './repeats.ts';
import { standInFacts } from './stand-in-facts.ts';
import { apartFrom, away } from './stand-in-order.ts';
import type { StandInOrder } from './stand-in-order.ts';
import { UnderWay } from './under-way.ts';
import { thresholdAt, Volume } from './volume.ts';

/** What is left of the acquirer's time for the way back. */
const marginMs = 250;
/** Answers that are remembered here, for repeats. */
const rememberedMax = 50_000;
/** What the issuer was asked by somebody else is looked at again after so long, and counts as unanswered so long after its time. */
const lookAgainMs = 100;
const graceMs = 500;
/** A request that names what the issuer is still to be told of waits so long for that. */
const aheadMs = 1_000;
/** What is to be put on record beside an answer may take this long. */
const recordMs = 5_000;
/** After its time, and what may still be on its way to the record, a request that nobody has ended is taken back. */
const overdueMs = graceMs + recordMs;
/** What could not be written is tried again after so long. */
const againMs = 1_000;

/** A request on its way to the issuer. */
interface Way {
  /** As it will be sent. */
  readonly sent: SentReference;
  /** Unix ms until which the issuer may answer. */
  readonly untilMs: number;
  readonly order: Pick<ForwardOrder, 'trace' | 'pin' | 'deadlineMs'>;
}

export class HostDesk {
  readonly #options: HostDeskOptions;
  readonly #telling: HostTelling;
  readonly #heard: HostHeard;
  readonly #repeats = new Repeats(rememberedMax);
  readonly #volume: Volume;
  readonly #underWay = new UnderWay();
  readonly #outage: HostOutage;

  constructor(options: HostDeskOptions) {
    this.#options = options;
    this.#volume = new Volume(options.elapsed);
    this.#telling = new HostTelling(options);
    this.#heard = new HostHeard(options, this.#telling, this.#underWay);
    this.#outage = new HostOutage(options);
  }

  get policy(): HostPolicy {
    return this.#options.policy;
  }

  /** Decides a message; `done` is called once. */
  decide(arrival: HostArrival, done: Done): void {
    const end = this.#repeats.begin(arrival, done);
    if (end === undefined) return;
    this.#underWay.begin();
    const finish: Done = (outcome) => {
      end(outcome);
      this.#underWay.end();
    };
    if (arrival.meaning.class === 'reversal' || arrival.meaning.function !== 'request') this.#keep(arrival, finish);
    else this.#begin(arrival, finish);
  }

  /** The issuer can, or can no longer, be asked. */
  async outage(isOpen: boolean): Promise<void> {
    await this.#outage.set(isOpen);
  }

  /** Resolves when nothing that was begun is under way any more: each has its answer, and what the issuer is to be told is on disk. */
  async idle(): Promise<void> {
    await this.#underWay.idle();
  }

  /** An answer that came after its request had its end: it belongs to the story, and to nobody else. */
  late({ order, sent, meaning, lateMs }: LateAnswer): void {
    if (!('asker' in order)) return;
    const arrival = order.asker as HostArrival;
    const flags = ['late', `lateMs:${Math.round(lateMs)}`, `station:${sent.station}`, `sentStan:${sent.reference.stan}`];
    void this.#heard.note(arrival.token, lateEntry(arrival.message, this.#options.now(), meaning, flags));
    if (!meaning.approved) return;
    this.#submit(arrival, { ...this.#about(arrival), kind: 'look' }, this.#options.elapsed() + recordMs, (outcome) => {
      const record = outcome.kind === 'decided' && outcome.answer.kind === 'answered' ? outcome.answer.record : undefined;
      const isReplaced = this.policy.unanswered === 'adviseReplaces' && !(record !== undefined && (record.isReversed || !isApproval(record.reason)));
      if (!isReplaced) this.#again(arrival, sent.reference);
    });
  }

  /** The issuer approves what it was told was taken back: it may have heard of that before it came to the request, and hears of it once more. */
  #again(arrival: HostArrival, sent: SentReference): void {
    this.#underWay.begin();
    void this.#telling.keep([this.#telling.reversal(arrival, sent, 'timeout', `${arrival.id}-late`)]).finally(() => this.#underWay.end());
  }

  /** What takes a request back is due, and no disk has it: once it is certain that nothing else becomes of the request, it is written. */
  async overdue(token: string, recordId: string, text: string): Promise<void> {
    await takeOverdueBack(this.#options, this.#telling, token, recordId, text);
  }

  /** What it was told by an advice, or is, it knows by other names too, and takes back; or what it has heard of was overtaken. @returns whether that is on disk */
  async takeBack(advice: Advice, names: readonly SentReference[], overtaken?: Overtaken): Promise<boolean> {
    if (overtaken !== undefined && !await this.#heard.overtaken(advice, overtaken)) return false;
    return await this.#telling.keep(this.#telling.alsoBack(advice, names)) === 'durable';
  }

  /** The issuer has what it had to be told. @returns whether it need not hear of it again */
  async told(...of: Parameters<HostHeard['told']>): Promise<boolean> {
    return await this.#heard.told(...of);
  }

  /** A request: to the issuer where it is to be asked, or in its place. */
  #begin(arrival: HostArrival, finish: Done): void {
    const course = courseOf(this.policy, this.#options.host.unavailability(arrival.meaning.class), this.#isSmall(arrival));
    const unknown = unknownToDeposit(arrival);
    if (course.kind !== 'refuse' && unknown !== undefined) this.#end(arrival, 'switch', { reason: unknown, approvalCode: '', amount: arrival.meaning.amount }, undefined, [], finish, () => finish(bySwitch(arrival, unknown)));
    else if (course.kind === 'ask' || course.kind === 'propose') this.#ask(arrival, course.kind === 'propose', finish);
    else if (course.kind === 'standIn') this.#standIn(arrival, course, finish);
    else this.#lookUp(arrival, () => finish(bySwitch(arrival, '9112')), finish);
  }

  /** Under the load that there is, small enough to be kept from the issuer. */
  #isSmall({ message }: HostArrival): boolean {
    const { volumeSteps, rules } = this.policy;
    if (volumeSteps.length === 0) return false;
    const belowMinor = thresholdAt(volumeSteps, this.#volume.add());
    const billedMinor = billedMinorOf(message, rules.currency);
    return billedMinor !== undefined && billedMinor > 0 && billedMinor < belowMinor;
  }

  /** Does it name what the issuer may not know of yet? Advices of its card still wait. */
  #isAhead({ message, token }: HostArrival): boolean {
    return (message.original !== undefined || message.purpose === 'completion') && this.#options.advices.hasOf(this.policy.name, token);
  }

  /** The issuer is still to hear of what it names: it waits for that, or is decided in its place. @returns false where nobody could decide it */
  #waits(arrival: HostArrival, again: () => void, finish: Done, deadlineMs = Infinity): boolean {
    const { elapsed, after } = this.#options;
    const isEarly = elapsed() < Math.min(arrival.arrivedMs + aheadMs, deadlineMs - 2 * lookAgainMs);
    if (isEarly) after(lookAgainMs, again);
    else if (this.policy.hasStandIn) this.#standIn(arrival, away('overCapacity'), finish);
    return isEarly || this.policy.hasStandIn;
  }

  /** @param proposes with what this switch would decide */
  #ask(arrival: HostArrival, proposes: boolean, finish: Done): void {
    const go = (pin: OwnValues['pin']): void => (proposes ? this.#propose(arrival, pin, finish) : this.#record(arrival, pin, finish));
    if (this.#isAhead(arrival) && this.#waits(arrival, () => this.#ask(arrival, proposes, finish), finish)) return;
    if (this.policy.pin === undefined && this.#options.host.wantsFacts) {
      // It is told how the PIN was verified, and needs none.
      go(undefined);
      return;
    }
    pinForHost(arrival, this.policy.pin, this.#options.hsm, (pin) => {
      if (pin === 'refused') finish(bySwitch(arrival, arrival.meaning.purpose === 'pinChange' ? '1048' : '1026'));
      else go(pin);
    });
  }

  /** What was answered before, by any switch; `unknown` where it was not. */
  #lookUp(arrival: HostArrival, unknown: () => void, finish: Done): void {
    this.#submit(arrival, { ...this.#about(arrival), kind: 'look' }, arrival.deadlineMs, (outcome) => {
      if (outcome.kind === 'decided' && (outcome.answer.kind === 'answered' || outcome.answer.kind === 'asked')) this.#found(arrival, outcome.answer, finish);
      else if (arrival.message.repeat && (outcome.kind !== 'decided' || this.#options.book.isApart)) finish({ kind: 'silence', why: 'whether it was decided before is not known' });
      else unknown();
    });
  }

  /** It is on record before it is sent. @param inOrder what it names, and another switch tells the issuer of, goes first */
  #record(arrival: HostArrival, pin: OwnValues['pin'], finish: Done, inOrder = this.#options.hasOthers): void {
    const way = this.#way(arrival, pin);
    const { sent, untilMs, order } = way;
    this.#submit(arrival, { ...this.#about(arrival), kind: 'ask', sent, untilMs, inOrder, owed: this.#telling.owed(arrival, sent, untilMs + overdueMs), deposit: depositOrder(arrival) }, order.deadlineMs, (outcome) => this.#recorded(arrival, way, outcome, (again) => this.#record(arrival, pin, finish, again), finish));
  }

  /** Decided here, and on record as a proposal before it is sent with it: the issuer may decide otherwise. */
  #propose(arrival: HostArrival, pin: OwnValues['pin'], finish: Done, inOrder = this.#options.hasOthers): void {
    const way = this.#way(arrival, pin);
    const { sent, untilMs: proposesUntilMs, order } = way;
    const advised = referenceOf(arrival, this.#options.host.reserveTrace());
    arrival.verified((message) => {
      const facts = standInFacts(arrival, message, 'issuersOption', false, 0);
      this.#submit(arrival, { ...this.#about(arrival), message, kind: 'request', sent, advised, follows: undefined, inOrder, facts, proposesUntilMs, owed: this.#telling.owed(arrival, sent, proposesUntilMs + overdueMs), deposit: depositOrder(arrival) }, order.deadlineMs, (outcome) => this.#recorded(arrival, way, outcome, (again) => this.#propose(arrival, pin, finish, again), finish));
    });
  }

  #way(arrival: HostArrival, pin: OwnValues['pin']): Way {
    const { host, policy, elapsed, now } = this.#options;
    const deadlineMs = Math.min(arrival.deadlineMs - marginMs, arrival.arrivedMs + timerMs(policy.timers, arrival.meaning.class, arrival.meaning.purpose));
    const trace = host.reserveTrace();
    return { sent: { ...referenceOf(arrival, trace), function: undefined }, untilMs: now() + Math.max(0, deadlineMs - elapsed()), order: { trace, pin, deadlineMs } };
  }

  /** @param again has it recorded once more, in order or not */
  #recorded(arrival: HostArrival, { order }: Way, outcome: Outcome<StandInAnswer>, again: (inOrder: boolean) => void, finish: Done): void {
    if (outcome.kind === 'unresolved') finish({ kind: 'silence', why: 'whether it is on record is not known' });
    else if (outcome.kind === 'unavailable') finish(bySwitch(arrival, '9109'));
    else if (outcome.answer.kind === 'ahead') {
      if (!this.#waits(arrival, () => again(true), finish, order.deadlineMs)) again(false);
    } else if (outcome.answer.kind === 'go') this.#forward(arrival, { ...order, original: outcome.answer.names, proposal: outcome.answer.proposal }, finish);
    else this.#found(arrival, outcome.answer, finish);
  }

  #forward(arrival: HostArrival, way: Pick<ForwardOrder, 'trace' | 'pin' | 'deadlineMs' | 'original' | 'proposal'>, finish: Done): void {
    const order: ForwardOrder = { message: arrival.request, meaning: arrival.meaning, source: arrival.source, rrn: arrival.meaning.rrn, asker: arrival, ...way };
    if (this.#options.host.wantsFacts) arrival.verified((facts) => this.#send(arrival, { ...order, facts }, finish));
    else this.#send(arrival, order, finish);
  }

  #send(arrival: HostArrival, order: ForwardOrder, finish: Done): void {
    this.#options.host.forward(order, (result) => {
      this.#options.exchanged?.(arrival, result);
      if (order.proposal !== undefined && result.kind !== 'answered' && result.kind !== 'decided') this.#stand(arrival, result.kind === 'expired' ? result.sent.reference : undefined, arrival.id, finish);
      else this.#answered(arrival, result, finish);
    });
  }

  /** It is known already: answered, or on its way to the issuer by another switch or by one that died. */
  #found(arrival: HostArrival, answer: StandInAnswer, finish: Done): void {
    if (answer.kind === 'answered') {
      void this.#fromRecord(arrival, answer.record, answer.note, finish);
      return;
    }
    if (answer.kind !== 'asked') {
      finish(bySwitch(arrival, '9109'));
      return;
    }
    const { now, elapsed, after } = this.#options;
    const { record } = answer;
    if (now() >= record.untilMs + graceMs) {
      if (record.sent === undefined) finish(bySwitch(arrival, '9112'));
      else if (record.more?.proposal !== undefined) this.#stand(arrival, record.sent, record.id, finish);
      else this.#unanswered(arrival, 'timeout', record.sent, record.id, finish);
    } else if (elapsed() + lookAgainMs >= arrival.deadlineMs) finish({ kind: 'silence', why: 'the issuer is being asked by another switch' });
    else after(lookAgainMs, () => this.#lookUp(arrival, () => finish({ kind: 'silence', why: 'what another switch makes of it is not known' }), finish));
  }

  #answered(arrival: HostArrival, result: HostResult, finish: Done): void {
    switch (result.kind) {
      case 'answered': {
        const { message: answer, meaning, route, sent } = result;
        const reason = meaning.reason ?? (meaning.approved ? '0000' : '1000');
        const response = { reason, approvalCode: meaning.approvalCode, amount: meaning.amount ?? arrival.meaning.amount };
        this.#end(arrival, 'issuer', response, sent.reference, [`station:${sent.station}`, `sentStan:${sent.reference.stan}`], finish, () => {
          if (route === undefined) finish(bySwitch(arrival, '9109'));
          else finish({ kind: 'returned', answer, meaning, route, reason, note: undefined });
        });
        return;
      }
      case 'decided': {
        const { response, chip, sent } = result;
        this.#end(arrival, 'issuer', response, sent.reference, [`station:${sent.station}`, `sentStan:${sent.reference.stan}`], finish, () => finish({ kind: 'answer', response, responder: 'issuer', note: undefined, chip }));
        return;
      }
      case 'asked':
        this.#standIn(arrival, away('asked'), finish);
        return;
      case 'notSent':
        this.#notSent(arrival, result.why, finish);
        return;
      case 'expired':
        this.#unanswered(arrival, result.cause, result.sent.reference, undefined, finish);
    }
  }

  /** Its end is on record before anybody hears of it; `then` where that is its end, and no reversal or other switch came before. */
  #end(arrival: HostArrival, by: 'issuer' | 'switch', response: Pick<Response, 'reason' | 'approvalCode' | 'amount'>, sent: SentReference | undefined, flags: readonly string[], finish: Done, then: () => void): void {
    const { elapsed } = this.#options;
    const told: StandInMessage = {
      ...this.#about(arrival), kind: 'told', by, response, sent, advised: undefined, isReversed: false, flags, remembered: undefined, deposit: depositOrder(arrival),
    };
    this.#submit(arrival, told, elapsed() + recordMs, (outcome) => {
      if (outcome.kind !== 'decided' || outcome.answer.kind !== 'answered') finish({ kind: 'silence', why: 'what the issuer answered is not on record' });
      else if (outcome.answer.record.id !== arrival.id) void this.#fromRecord(arrival, outcome.answer.record, outcome.answer.note, finish);
      else if (outcome.answer.record.isReversed) {
        if (by === 'issuer' && sent !== undefined && isApproval(response.reason)) this.#again(arrival, sent);
        finish(bySwitch(arrival, '1830'));
      } else then();
    });
  }

  #notSent(arrival: HostArrival, why: NotSent, finish: Done): void {
    if (why !== 'unfit' && why !== 'tooLarge' && this.policy.hasStandIn) {
      this.#standIn(arrival, away(why === 'full' || why === 'tooLate' ? 'overCapacity' : why), finish);
      return;
    }
    const reason = why === 'unfit' || why === 'tooLarge' ? '9102' : '9112';
    this.#end(arrival, 'switch', { reason, approvalCode: '', amount: arrival.meaning.amount }, undefined, [`notSent:${why}`], finish, () => finish(bySwitch(arrival, reason)));
  }

  #unanswered(arrival: HostArrival, cause: 'timeout' | 'badAnswer', sent: SentReference, follows: string | undefined, finish: Done): void {
    if (this.policy.hasStandIn && this.policy.assuredResponse) this.#standIn(arrival, { ...away(cause), sent, follows }, finish);
    else void this.#dropped(arrival, cause, sent, follows ?? arrival.id, finish);
  }

  /** Nobody answers the acquirer; the issuer takes back what it may have done. A repeat hears that nothing stands. */
  async #dropped(arrival: HostArrival, cause: 'timeout' | 'badAnswer', sent: SentReference, id: string, finish: Done): Promise<void> {
    const { elapsed, now } = this.#options;
    const written = await this.#telling.keep([this.#telling.reversal(arrival, sent, cause, id)]);
    const told: StandInMessage = {
      ...this.#about(arrival), kind: 'told', by: 'switch', response: { reason: '9112', approvalCode: '', amount: arrival.meaning.amount },
      sent, advised: undefined, isReversed: true, owed: written === 'durable' ? undefined : this.#telling.owed(arrival, sent, now() + againMs), flags: ['noAnswer'], remembered: undefined, deposit: depositOrder(arrival),
    };
    this.#submit(arrival, told, elapsed() + recordMs, () => finish({ kind: 'silence', why: 'the issuer did not answer' }));
  }

  /** Stand-in decides; what its rules leave to an issuer that is there, it is asked. */
  #standIn(arrival: HostArrival, { why, isAvailable, sent, follows }: StandInOrder, finish: Done): void {
    const { policy, host } = this.#options;
    if (!policy.hasStandIn) {
      this.#notSent(arrival, 'unreachable', finish);
      return;
    }
    const own = host.reserveTrace();
    // With the decision, where nobody else has to hear that it is told, and nothing else has to be told with it.
    const told = sent === undefined && !this.#options.hasOthers ? this.#telling.besideDecision(arrival) : undefined;
    arrival.verified((message) => {
      const request: StandInMessage = {
        ...this.#about(arrival), message, kind: 'request', sent, advised: referenceOf(arrival, own), follows, owed: this.#owed(arrival, sent), deposit: depositOrder(arrival), tell: told?.tell,
        facts: standInFacts(arrival, message, why, isAvailable, isAvailable || why === 'issuersOption' ? 0 : this.#outage.id),
      };
      this.#submit(arrival, request, arrival.deadlineMs, (outcome) => {
        if (outcome.kind === 'unresolved') finish({ kind: 'silence', why: 'whether it was decided is not known' });
        else if (outcome.kind === 'unavailable') finish(bySwitch(arrival, '9109'));
        else if (outcome.answer.kind === 'answered' && told?.isDurable === true) this.#answer(arrival, outcome.answer.record, outcome.answer.note, finish);
        else if (outcome.answer.kind === 'answered') void this.#fromRecord(arrival, outcome.answer.record, outcome.answer.note, finish);
        else if (outcome.answer.kind === 'forward') this.#ask(arrival, false, finish);
        else this.#found(arrival, outcome.answer, finish);
      });
    });
  }

  /** The issuer has said nothing of what was proposed to it: that stands. @param sent as it may have reached it */
  #stand(arrival: HostArrival, sent: SentReference | undefined, follows: string, finish: Done): void {
    this.#submit(arrival, { ...this.#about(arrival), kind: 'stand', sent, follows, owed: this.#owed(arrival, sent), deposit: depositOrder(arrival) }, this.#options.elapsed() + recordMs, (outcome) => {
      if (outcome.kind !== 'decided') finish({ kind: 'silence', why: 'whether the proposal stands is not known' });
      // The store that has the proposal is away: it is decided again, with this node's share.
      else if (outcome.answer.kind === 'unknown') this.#standIn(arrival, { ...away('issuersOption'), ...(sent === undefined ? {} : { sent }), follows }, finish);
      else this.#found(arrival, outcome.answer, finish);
    });
  }

  /** What takes back what was sent, where this decision's advices do not come to the disk. */
  #owed(arrival: HostArrival, sent: SentReference | undefined): Owed | undefined {
    return sent === undefined ? undefined : this.#telling.owed(arrival, sent, this.#options.now() + recordMs);
  }

  /** What was decided is answered once the issuer is sure to be told; of a repeat too, as nobody may have come so far before. */
  async #fromRecord(arrival: HostArrival, record: StandInRecord, note: 'repeat' | 'duplicate' | undefined, finish: Done): Promise<void> {
    if (record.telling === 'due' && note !== 'duplicate' && !record.isReversed) {
      const written = await this.#tell(arrival, record, this.#telling.decision(arrival, record), note);
      // Of a repeat, another may have written it, and answered.
      if (written === 'unknown' || (written === 'failed' && note === 'repeat')) {
        finish({ kind: 'silence', why: 'whether the advice is on disk is not known' });
        return;
      }
      if (written === 'failed') {
        // Nobody would tell the issuer: it is not approved, and nothing of it counts.
        this.#submit(arrival, { ...this.#about(arrival), kind: 'undone', id: `${record.id}-undone` }, this.#options.elapsed() + recordMs, () => finish(bySwitch(arrival, '9109')));
        return;
      }
    }
    this.#answer(arrival, record, note, finish);
  }

  #answer({ meaning }: HostArrival, { reason, approvalCode, amount, by, why }: StandInRecord, note: 'repeat' | 'duplicate' | undefined, finish: Done): void {
    const response: Response = { reason, approvalCode, amount, billing: undefined, balance: undefined, field: meaning.fault?.field };
    finish({ kind: 'answer', response, responder: by === 'standin' || by === 'issuer' ? by : 'switch', note, standInReason: why });
  }

  /** An advice or a reversal from an acquirer: it is known, acknowledged, and the issuer is told in its turn. */
  #keep(arrival: HostArrival, finish: Done): void {
    const { host } = this.#options;
    const { meaning, message } = arrival;
    const reason: Reason = meaning.fault?.reason ?? (meaning.class === 'reversal' ? '4000' : '9001');
    const own = host.reserveTrace();
    const told: StandInMessage = {
      ...this.#about(arrival), kind: 'told', by: 'switch', response: { reason, approvalCode: '', amount: meaning.amount }, deposit: meaning.advisedDecline ? undefined : depositOrder(arrival),
      sent: undefined, advised: referenceOf(arrival, own), isReversed: false, flags: [], remembered: this.#rememberedOriginal(message),
    };
    this.#noted(arrival, told, finish);
  }

  #noted(arrival: HostArrival, told: StandInMessage, finish: Done): void {
    const { after, elapsed } = this.#options;
    this.#submit(arrival, told, arrival.deadlineMs, (outcome) => {
      if (outcome.kind === 'decided' && outcome.answer.kind === 'asked' && elapsed() + lookAgainMs < arrival.deadlineMs) {
        // Another reversal of the same is being told.
        after(lookAgainMs, () => this.#noted(arrival, told, finish));
        return;
      }
      if (outcome.kind !== 'decided' || outcome.answer.kind !== 'answered') {
        finish({ kind: 'silence', why: 'whether it was noted is not known' });
        return;
      }
      void this.#kept(arrival, outcome.answer.record, outcome.answer.note, finish);
    });
  }

  async #kept(arrival: HostArrival, record: StandInRecord, note: 'repeat' | 'duplicate' | undefined, finish: Done): Promise<void> {
    const { meaning } = arrival;
    if (record.telling === 'due' && note !== 'duplicate') {
      if (meaning.class === 'reversal' && record.names === undefined && !this.#options.unknownReversals.take(meaning.trace.station)) {
        finish({ kind: 'silence', why: 'its station has reversed too much that is not known' });
        return;
      }
      const written = await this.#tell(arrival, record, this.#telling.forwarded(arrival, record), note);
      if (written !== 'durable') {
        finish({ kind: 'silence', why: 'it cannot be kept for the issuer' });
        return;
      }
    }
    const response: Response = { reason: record.reason, approvalCode: '', amount: meaning.amount, billing: undefined, balance: undefined, field: meaning.fault?.field };
    finish({ kind: 'answer', response, responder: 'switch', note });
  }

  /** Other switches hear that it is on this node's disk, and none of them tells it again; nor does whoever looks for what is owed. This node's file knows it by its id. */
  async #tell(arrival: HostArrival, record: StandInRecord, advices: readonly Advice[], note: 'repeat' | 'duplicate' | undefined): Promise<'durable' | 'failed' | 'unknown'> {
    const written = await this.#telling.keep(advices, { isRepeat: note === 'repeat', hasOthers: this.#options.hasOthers });
    if (written !== 'durable' || !(this.#options.hasOthers || record.sent !== undefined || arrival.meaning.class === 'reversal')) return written;
    this.#underWay.begin();
    this.#submit(arrival, { ...this.#about(arrival), kind: 'kept', id: `${record.id}-kept` }, this.#options.elapsed() + recordMs, () => this.#underWay.end());
    return written;
  }

  /** What each message to the ledger begins with. */
  #about({ id, message, key }: HostArrival): Pick<AskMessage, 'id' | 'issuer' | 'message' | 'key' | 'rules' | 'keepsBalance'> {
    const { name, rules, mode } = this.policy;
    return { id, issuer: name, message, key, rules, keepsBalance: mode === 'hostWithShadowBalance' };
  }

  #submit(arrival: HostArrival, message: StandInMessage, deadlineMs: number, done: (outcome: Outcome<StandInAnswer>) => void): void {
    this.#options.book.submit(arrival.token, message, (whole) => apartFrom(whole, this.#options.switches), deadlineMs, done);
  }

  /** For where the shared store is away, and this node's file does not know it. */
  #rememberedOriginal(message: CardMessage): StandInRecord | undefined {
    return message.class !== 'reversal' && message.original === undefined ? undefined : this.#options.book.remembered(message.card.token, originalKeysOf(message));
  }
}
