/**
 * The acquirers of the tables, put together: what issuers have sent them waits in the advice file, and goes to each over its station.
 * What is the same after a change of the tables works on.
 */
import type { AdviceFile, BegunAdvice } from '../advice/advice-file.ts';
import { Delivery } from '../advice/delivery.ts';
import type { DeliveryStatus, SendOutcome } from '../advice/delivery.ts';
import type { UsedNumbers } from '../advice/used-numbers.ts';
import type { Deadlines } from '../base/deadlines.ts';
import type { Log } from '../base/log.ts';
import { Faults } from '../dialect/faults.ts';
import { readAmount } from '../dialect/amounts.ts';
import { typeSentAgain } from '../dialect/mti.ts';
import { HostIssuer } from '../host/host-issuer.ts';
import type { CircuitConfig } from '../host/circuit.ts';
import type { HostResult, LateAnswer } from '../host/host.ts';
import { usualMatchKeys } from '../host/match-keys.ts';
import { WireTimes } from '../host/wire-times.ts';
import type { Message } from '../iso8583/codec.ts';
import { Draft } from '../iso8583/draft.ts';
import { DecodeError } from '../iso8583/errors.ts';
import type { CardVault } from '../keys/hsm.ts';
import { Pan } from '../message/pan.ts';
import { destinationOf } from '../switch/acquirers.ts';
import type { WorkingAcquirer } from '../switch/acquirers.ts';
import type { Hosts } from '../switch/hosts.ts';
import { blankLine, exchangeLine, noMessageLog, withoutCard } from '../switch/message-log.ts';
import type { MessageLog } from '../switch/message-log.ts';
import { loadFormat } from '../tables/format.ts';
import type { Format } from '../tables/format.ts';
import type { StationRow, Tables } from '../tables/rows.ts';
import { outcomeOf, takenBy } from './advice-outcome.ts';
import type { AlertNotes } from './alerts.ts';
import type { LogGate } from './events.ts';
import { firstStanOf } from './first-stan.ts';
import type { Metrics } from './metrics.ts';
import { nearestWords } from './unmatched-answer.ts';

export interface AcquirersOutside {
  readonly hosts: Hosts;
  readonly switchName: string;
  readonly advices: AdviceFile;
  readonly numbers: Pick<UsedNumbers, 'through' | 'reserve'>;
  readonly vault: CardVault;
  readonly deadlines: Deadlines;
  readonly now: () => number;
  readonly elapsed: () => number;
  readonly random: () => number;
  readonly log: Log;
  readonly gate: LogGate;
  readonly metrics: Metrics;
  readonly notes: AlertNotes;
  readonly messages: MessageLog;
}

interface Running {
  readonly working: WorkingAcquirer;
  readonly delivery: Delivery;
  readonly line: HostIssuer;
  readonly text: string;
  /** What the row says that needs no new start. */
  follow(row: StationRow): void;
}

/** Of messages that wait for their answers, and of those whose late answers are still known. */
const pendingMax = 10_000;
/** Between attempts of one message. */
const retryFirstMs = 1_000;
const retryMaxMs = 60_000;
const ignoredMax = 5;
/** Answers to messages that are out may take this long to come to the disk at the end. */
const stopMaxMs = 2_000;

/** Nothing is asked of an acquirer that could fail: whether its station is usable is all that counts, and this is never looked at. */
const circuit: CircuitConfig = { failuresMax: 1, sharePercent: 101, shareWindowMs: 60_000, shareCountMin: 1, openMs: 2_000, openMaxMs: 60_000, askedMs: 60_000, echoMs: 5_000 };

/** Fields that an answer is known by: text in a message that is sent. */
const known = [7, 11, 12, 13, 32, 37, 41];

export class AcquirerStations {
  readonly #outside: AcquirersOutside;
  readonly #times: WireTimes;
  #running = new Map<string, Running>();

  constructor(outside: AcquirersOutside) {
    this.#outside = outside;
    this.#times = new WireTimes(outside.now);
  }

  /** The acquirers of these tables from now on. */
  set({ stations }: Pick<Tables, 'stations'>): void {
    const { hosts, advices, vault, now } = this.#outside;
    const next = new Map<string, Running>();
    for (const row of stations) {
      // What waits for one that is no acquirer any more waits on.
      if (row.acquirer.institutions.length === 0) continue;
      const text = JSON.stringify([{ ...row, acquirer: { ...row.acquirer, advices: { ...row.acquirer.advices, perSecond: 0 }, orders: {} } }]);
      const before = this.#running.get(row.name);
      const running = before?.text === text ? before : this.#start(row, text);
      running.follow(row);
      next.set(row.name, running);
    }
    for (const [name, running] of this.#running) {
      if (next.get(name) === running) continue;
      running.line.stop();
      void running.delivery.stop();
    }
    this.#running = next;
    hosts.acquirers.set([...next.values()].map(({ working }) => working), { advices, vault, now });
  }

  /** Of the messages that wait for the acquirer at a station; undefined: it is none. */
  delivery(station: string): DeliveryStatus | undefined {
    return this.#running.get(station)?.delivery.status;
  }

  /** Nothing more is sent; what was not answered is sent again after the next start. */
  async stop(): Promise<void> {
    for (const { line } of this.#running.values()) line.stop();
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const limit = this.#outside.deadlines.after(stopMaxMs, resolve);
    // What cannot be written, as on a full disk, is tried until the file is closed.
    await Promise.race([late, Promise.all([...this.#running.values()].map(({ delivery }) => delivery.stop()))]);
    limit.cancel();
  }

  #start(first: StationRow, text: string): Running {
    const { advices, deadlines, now, random, log, hosts } = this.#outside;
    const { name, acquirer: { institutions, advices: rules } } = first;
    const format = loadFormat(first, `stations.${name}`);
    const side = { dialect: format.dialect, spec: format.codec.spec };
    const line = this.#line(first, format);
    const destination = destinationOf(name);
    const delivery = new Delivery({
      file: advices, destination, deadlines, now, random, send: (begun) => this.#send(line, first, format, delivery, begun),
      events: {
        sent: () => undefined,
        answered: () => undefined,
        setAside: ({ id }) => log.warning('advice set aside', { acquirer: name, advice: id }),
      },
      begins: 'usable', inFlightMax: rules.cardsAtOnce, perSecond: rules.perSecond, retryFirstMs, retryMaxMs, refusalsMax: rules.refusalsMax, ignoredMax,
    });
    const link = hosts.link(name);
    let wasUsable = false;
    return {
      line, delivery, text,
      working: {
        station: name, institutions, side, codec: format.codec, line,
        linksChanged: () => {
          if (link.usable === wasUsable) return;
          wasUsable = link.usable;
          if (wasUsable) delivery.usable();
          else delivery.unusable();
        },
      },
      follow: ({ acquirer }) => {
        if (acquirer.advices.perSecond !== delivery.status.perSecond) delivery.speed(acquirer.advices.perSecond);
        if (acquirer.orders.pause === undefined) delivery.resume('operator');
        else delivery.pause('operator');
      },
    };
  }

  #line(row: StationRow, { codec, dialect }: Format): HostIssuer {
    const { hosts, deadlines, now, gate, messages, numbers, switchName, notes, metrics: { link } } = this.#outside;
    const { name } = row;
    const destination = destinationOf(name);
    return new HostIssuer(
      { name: destination, circuit, pendingMax, rememberedMax: pendingMax, askingCodes: new Set() },
      [{ name, side: { dialect, spec: codec.spec }, codec, link: hosts.link(name), matchKeys: usualMatchKeys, forwardingInstitution: '', firstStan: firstStanOf(numbers.through(destination), now(), switchName) }],
      {
        deadlines, times: this.#times, reserveStans: (through) => numbers.reserve(destination, through),
        events: {
          ...link,
          circuitChanged: () => undefined,
          advices: () => undefined,
          answerRefused: (station, fault) => {
            notes.happened('answersRefused', destination, fault);
            gate.warning('acquirer answer refused', () => ({ station, fault }));
          },
          unmatched: (_acquirer, station, meaning, nearest) => {
            notes.happened('answersUnmatched', destination, nearestWords(nearest));
            gate.warning('acquirer answer unmatched', () => ({ station, mti: meaning.mti, stan: meaning.stan, nearest: nearestWords(nearest) }));
          },
          unfit: (station, fault) => gate.warning('message cannot be passed on', () => ({ station, field: fault.field, fault: fault.text })),
          late: (_acquirer, answer) => {
            const { sent, lateMs, meaning, fault, order } = answer;
            if ('written' in order) order.late?.(answer);
            notes.happened('answersLate', destination, `${Math.round(lateMs)} ms after its time`);
            gate.warning('acquirer answer late', () => ({ station: name, stan: sent.reference.stan, lateMs: Math.round(lateMs), approved: meaning.approved, fault }));
            messages.write({
              ...blankLine, atMs: now() - lateMs, elapsedMs: lateMs, station: sent.station, direction: 'out', mti: sent.mti, answerMti: meaning.mti, class: meaning.class, stan: sent.reference.stan,
              acquirer: meaning.acquirer, routed: destination, outcome: 'late', answeredBy: 'acquirer', reason: meaning.reason ?? '', responseCode: meaning.responseCode, detail: 'its request had its end so long before',
            });
          },
        },
      },
    );
  }

  async #send(line: HostIssuer, row: StationRow, { codec, dialect }: Format, delivery: Delivery, { advice, isRepeat }: BegunAdvice): Promise<SendOutcome> {
    const { vault, elapsed, now, messages } = this.#outside;
    const { content, id, kind, cardKey } = advice;
    if (content.what !== 'message') return { kind: 'refused', why: 'an acquirer takes messages of issuers alone' };
    const opened = vault.openMessage(content.sealedMessage, id);
    if ('error' in opened) return { kind: 'refused', why: `it does not open: ${opened.error.reason}` };
    let message: Message;
    try {
      message = codec.decode(opened.message);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return { kind: 'refused', why: `it was written in another format than the station has now: ${error.message}` };
    }
    const pan = Pan.parse(message.text(2) ?? '');
    const what = { isReversal: false, isRepeat };
    const { promise, resolve } = Promise.withResolvers<HostResult>();
    const late = ({ meaning, fault }: LateAnswer): void => {
      if (fault === '' && takenBy(meaning, what) !== undefined) void delivery.taken(id);
    };
    line.pass({ written: writtenAs(message, isRepeat ? typeSentAgain(content.mti) : content.mti), pan, deadlineMs: elapsed() + row.acquirer.advices.answerMs, late }, resolve);
    const result = await promise;
    if (messages !== noMessageLog) {
      const facts = {
        issuer: advice.destination, nowMs: now(), class: 'other', what: kind, maskedPan: pan?.masked ?? '', token: pan === undefined ? '' : cardKey, rrn: withoutCard(message.text(37)?.trim() ?? '', pan),
        acquirer: withoutCard(message.text(32) ?? '', pan), terminal: withoutCard(message.text(41)?.trim() ?? '', pan), amount: readAmount(message, dialect, new Faults()), messageId: content.messageId, why: '',
      };
      const logged = exchangeLine(facts, result);
      messages.write(logged.answeredBy === 'issuer' ? { ...logged, answeredBy: 'acquirer' } : logged);
    }
    return outcomeOf(result, what);
  }
}

function writtenAs(message: Message, mti: string): Draft {
  const draft = new Draft(mti);
  for (const field of message.codec.spec.fields.keys()) {
    if (field < 2 || field === 65 || !message.has(field)) continue;
    if (known.includes(field)) draft.set(field, message.text(field)!);
    else draft.copy(message, field);
  }
  return draft;
}
