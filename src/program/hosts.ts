/**
 * The remote issuers of the tables, put together: the connection to each, its desk, the advices that wait for it and their delivery. What
 * is the same after a change of the tables works on.
 */
import { join } from 'node:path';
import type { Deadlines } from '../base/deadlines.ts';
import type { Log } from '../base/log.ts';
import { AdviceFile } from '../advice/advice-file.ts';
import { Delivery } from '../advice/delivery.ts';
import type { DeliveryStatus, SendOutcome } from '../advice/delivery.ts';
import type { BegunAdvice } from '../advice/advice-file.ts';
import { decodeAdvice } from '../advice/advice.ts';
import type { DecisionContent } from '../advice/advice.ts';
import { UsedNumbers } from '../advice/used-numbers.ts';
import type { ResponseMeaning } from '../dialect/meaning.ts';
import type { Unavailability } from '../host/circuit.ts';
import { HostIssuer } from '../host/host-issuer.ts';
import type { HostEvents, HostResult, HostStation, HostStatus, LateAnswer, RemoteIssuer, Sent } from '../host/host.ts';
import { WireTimes } from '../host/wire-times.ts';
import type { TransactionEntry } from '../account/journal.ts';
import type { GuardRoom } from '../issuer/guard-room.ts';
import { StandInCards } from '../issuer/stand-in-cards.ts';
import { capFloor, capOf } from '../issuer/stand-in-counts.ts';
import { openLocalLedger, openStandInLedger } from '../issuer/stand-in-ledger.ts';
import type { StandInLedger } from '../issuer/stand-in-ledger.ts';
import type { Heard, StandInAnswer } from '../issuer/stand-in-message.ts';
import { cardHeadId } from '../issuer/stand-in-record.ts';
import { StandInRelay } from '../issuer/stand-in-relay.ts';
import type { StandInRelayOptions } from '../issuer/stand-in-relay.ts';
import type { CardVault } from '../keys/hsm.ts';
import type { CardMessage, MessageClass } from '../message/message.ts';
import type { Pan } from '../message/pan.ts';
import type { DecideOptions, Outcome } from '../store/decide.ts';
import type { OutageCaps } from '../standin/rules.ts';
import { SqliteStore } from '../store/sqlite.ts';
import { HostDesk } from '../switch/host-desk.ts';
import { timerMs } from '../switch/host-policy.ts';
import type { HostPolicy } from '../switch/host-policy.ts';
import type { Hosts, WorkingHost } from '../switch/hosts.ts';
import type { HsmTurn } from '../switch/hsm-turn.ts';
import { blankLine, exchangeLine, noMessageLog, withoutCard } from '../switch/message-log.ts';
import type { ExchangeFacts, MessageLog } from '../switch/message-log.ts';
import { UnknownReversals } from '../switch/unknown-reversals.ts';
import { loadFormat } from '../tables/format.ts';
import { usualAskingCodes } from '../tables/host-row.ts';
import type { HostIssuerRow } from '../tables/issuer-rows.ts';
import type { StationRow, Tables } from '../tables/rows.ts';
import { outcomeOf, takenBy } from './advice-outcome.ts';
import type { AlertNotes } from './alerts.ts';
import type { LogGate } from './events.ts';
import { firstStanOf } from './first-stan.ts';
import { openLeftAdvices } from './left-advices.ts';
import type { Metrics } from './metrics.ts';
import { takeOthersBack } from './other-names.ts';
import { openRemote, remoteSetup } from './remote-issuers.ts';
import { nearestWords } from './unmatched-answer.ts';

export interface HostsOutside {
  readonly dataDir: string;
  readonly switchName: string;
  readonly hosts: Hosts;
  readonly decide: DecideOptions;
  /** Is its store one that other switches may use too? */
  readonly isStoreShared: boolean;
  /** Looks for room in the shared counters of the store: partners' deposits, and caps of outages. */
  readonly guards?: Pick<GuardRoom, 'findGuardRoom' | 'findRoomAbove'>;
  readonly vault: CardVault;
  readonly hsm: HsmTurn;
  readonly deadlines: Deadlines;
  readonly now: () => number;
  readonly elapsed: () => number;
  readonly random: () => number;
  readonly newId: () => string;
  readonly onStoreLost: (reason: string) => void;
  readonly log: Log;
  readonly gate: LogGate;
  readonly metrics: Metrics;
  readonly notes: AlertNotes;
  readonly messages: MessageLog;
  /** What the advice file may grow to; by default far more than an outage of days takes. */
  readonly adviceBytesMax?: number | undefined;
}

interface Running {
  readonly working: WorkingHost;
  readonly delivery: Delivery;
  readonly text: string;
  /** What the row says that needs no new connection: how it is decided, waited for and told, and what operators order. */
  follow(row: HostIssuerRow): void;
  /** Another one works in its place: where it stands is of no account any more. */
  leave(): void;
  readonly row: HostIssuerRow;
  /** Unix ms: it has stood as it stands since. */
  readonly sinceMs: number;
}

/** One issuer, for operators. */
export interface HostOverview {
  readonly row: HostIssuerRow;
  readonly status: HostStatus;
  /** Why an authorization would not be sent to it now; undefined: it would, be it to try whether it answers again. */
  readonly unavailability: Unavailability | undefined;
  /** Unix ms. */
  readonly sinceMs: number;
  readonly delivery: DeliveryStatus;
}

const pendingMax = 20_000;
const rememberedMax = 20_000;
/** Between attempts of one advice. */
const retryFirstMs = 1_000;
const retryMaxMs = 60_000;
const ignoredMax = 5;
/** What is to be in a story may take this long to be there. */
const noteMs = 5_000;
/** Answers to advices that are out may take this long to come to the disk at the end. */
const stopMaxMs = 2_000;
/** What an issuer was asked before its row was changed is known for so long after its end. */
const leavingMs = 60_000;
/** Advices wait here for as long as it takes; the file may grow to this. */
const adviceBytesMax = 4_000_000_000;

export class HostIssuers {
  readonly #outside: HostsOutside;
  readonly #files: readonly SqliteStore[];
  readonly #advices: AdviceFile;
  readonly #shared: StandInLedger;
  readonly #local: StandInLedger;
  readonly #book: StandInRelay;
  readonly #numbers: UsedNumbers;
  readonly #times: WireTimes;
  readonly #unknownReversals: UnknownReversals;
  #running = new Map<string, Running>();
  /** Those of rows that were changed: they end what they began. */
  readonly #leaving = new Set<Running>();
  /** The issuers of the tables are there. */
  #isSet = false;
  /** What issuers and operators say of single cards. */
  readonly cards: StandInCards;

  private constructor(outside: HostsOutside, files: readonly SqliteStore[], advices: AdviceFile, shared: StandInLedger, local: StandInLedger, book: StandInRelay, numbers: UsedNumbers) {
    this.#outside = outside;
    this.#files = files;
    this.#advices = advices;
    this.#shared = shared;
    this.#local = local;
    this.#book = book;
    this.#numbers = numbers;
    this.#times = new WireTimes(outside.now);
    this.#unknownReversals = new UnknownReversals(outside.adviceBytesMax ?? adviceBytesMax, outside.elapsed);
    this.cards = new StandInCards({ shared, local, elapsed: outside.elapsed, newId: outside.newId });
  }

  /** Opens the advice file, with what waits in it. */
  static async open(outside: HostsOutside): Promise<HostIssuers> {
    const { dataDir, decide, deadlines, now, gate, log, notes, switchName, onStoreLost } = outside;
    const store = await SqliteStore.open({ file: join(dataDir, 'advices.sqlite'), partitions: 1, now, onLost: onStoreLost, bytesMax: outside.adviceBytesMax ?? adviceBytesMax });
    const left = decide.store.own === undefined ? await openLeftAdvices(dataDir, now, onStoreLost, log) : undefined;
    const advices = await AdviceFile.open({
      store, beside: decide.store.own, left: left?.own, now, atTurnEnd: decide.atTurnEnd, deadlines,
      events: {
        trouble: (error) => {
          notes.happened('adviceFileTrouble', 'advices', error.message);
          gate.warning('advice file trouble', () => ({ error: error.message }));
        },
      },
    });
    const quiet = (): void => undefined;
    const local = await openLocalLedger({ ...decide, store, events: { commit: quiet, conflict: quiet, trouble: quiet, recovered: quiet } });
    // Caps are those of the rows in force.
    const caps = { of: (_issuer: string): OutageCaps | undefined => undefined };
    const back = { take: async (..._of: Parameters<StandInRelayOptions['takeBack']>): Promise<boolean> => await Promise.resolve(false) };
    const shared = await openStandInLedger(outside.guards === undefined ? decide : { ...decide, findGuardRoom: roomFinder(outside.guards, decide.store.partitions, (issuer) => caps.of(issuer)) });
    const book = await StandInRelay.open({
      shared, local, store, node: switchName, after: decide.after, takeBack: async (...of) => await back.take(...of),
      events: {
        apart: (isApart, relayed) => (isApart ? log.warning('switch counts apart', { why: 'the store is away, or does not have all of this node\'s file yet' }) : log.event('switch counts with the store again', { relayed })),
        trouble: (error) => gate.warning('stand-in relay trouble', () => ({ error: error instanceof Error ? error.message : String(error) })),
      },
    });
    const numbers = await UsedNumbers.open(store, (error) => gate.warning('trace numbers not reserved', () => ({ error: error.message })));
    const issuers = new HostIssuers(outside, left === undefined ? [store] : [store, left], advices, shared, local, book, numbers);
    caps.of = (issuer) => issuers.#running.get(issuer)?.row.rules.outageCaps;
    const deskOf = (name: string): HostDesk | 'none' | undefined => issuers.#running.get(name)?.working.desk ?? (issuers.#isSet ? 'none' : undefined);
    back.take = async (adviceId, names, overtaken) => await takeOthersBack({ advices, after: decide.after, deskOf }, adviceId, names, overtaken);
    return issuers;
  }

  /** Reads what the rows of these tables name, and changes nothing. @throws ConfigError with the place in the row */
  check({ issuers }: Tables): void {
    for (const row of issuers) if (row.type === 'host' && row.remote !== undefined) remoteSetup(row, row.remote);
  }

  /** The issuers of these tables from now on. @throws as `check` does */
  set({ issuers, stations }: Tables): void {
    const next = new Map<string, Running>();
    for (const row of issuers) {
      if (row.type !== 'host') continue;
      const of = row.stations.map((name) => stations.find((station) => station.name === name)!);
      const text = JSON.stringify([connectionOf(row), of]);
      const before = this.#running.get(row.name);
      if (before?.text === text) before.follow(row);
      next.set(row.name, before?.text === text ? before : this.#start(row, of, text));
    }
    for (const [name, running] of this.#running) {
      if (next.get(name) !== running) void this.#leave(running);
    }
    this.#running = next;
    this.#isSet = true;
    this.#outside.hosts.set([...next.values()].map(({ working }) => working));
  }

  /** Advices that wait for an issuer. */
  backlog(issuer: string): number {
    return this.#advices.backlog(issuer).count;
  }

  /** Undefined: there is no such issuer. */
  status(issuer: string): HostStatus | undefined {
    return this.#running.get(issuer)?.working.issuer.status;
  }

  /** Every remote issuer, by name. */
  get overview(): readonly HostOverview[] {
    return [...this.#running.values()].map(({ row, working, delivery, sinceMs }) => ({ row, status: working.issuer.status, unavailability: working.issuer.unavailability('authorization'), sinceMs, delivery: delivery.status }))
      .sort((one, other) => (one.row.name < other.row.name ? -1 : 1));
  }

  /** Puts a line into the story of a card's transaction. @param heard what the issuer knows of from now on */
  note(cardToken: string, entry: TransactionEntry, heard?: Heard): void {
    const { elapsed } = this.#outside;
    this.#book.submit(cardToken, { kind: 'noted', id: entry.id, token: cardToken, entry, heard }, (message) => message, elapsed() + noteMs, () => undefined);
  }

  /** Lets go of what a transaction holds of its partner's deposit, and takes back what nobody has ended, where its time is over. Resolves when that is done. */
  async lapse(token: string, recordId: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<Outcome<StandInAnswer>>();
    this.#shared.submit(cardHeadId(token), '', { kind: 'lapse', id: this.#outside.newId(), token, recordId }, Infinity, resolve);
    const outcome = await promise;
    if (outcome.kind !== 'decided' || outcome.answer.kind !== 'overdue') return;
    const { text } = outcome.answer;
    await this.#running.get(decodeAdvice(text).advice.destination)?.working.desk.overdue(token, recordId, text);
  }

  /** How far the trace numbers of each destination of the advice file were used. */
  get numbers(): UsedNumbers {
    return this.#numbers;
  }

  /** All that waits, is set aside, or was delivered lately. */
  get advices(): AdviceFile {
    return this.#advices;
  }

  /** Resolves when nothing is decided by an issuer, or for one, any more. */
  async idle(): Promise<void> {
    await Promise.all([...this.#running.values(), ...this.#leaving].map(async ({ working }) => await working.desk.idle()));
  }

  /** Nothing more is sent; what is not delivered waits in the file. What waits for an issuer's answer is ended, and what that one is to be told comes to the disk. */
  async stop(): Promise<void> {
    const running = [...this.#running.values(), ...this.#leaving];
    for (const { working } of running) working.issuer.stop();
    const stopped = Promise.all(running.map(async ({ delivery }) => await delivery.stop()));
    const { promise: late, resolve } = Promise.withResolvers<void>();
    this.#outside.decide.after(stopMaxMs, resolve);
    await Promise.race([stopped.then(async () => await this.idle()), late]);
    // What cannot be written, as on a full disk, is tried until the file is closed.
    this.#advices.close();
    await stopped;
    this.#numbers.close();
    this.#book.close();
    this.#shared.close();
    this.#local.close();
    for (const file of this.#files) await file.close();
  }

  /** What it was sent is answered yet, and ended by it; nothing new comes to it. */
  async #leave(running: Running): Promise<void> {
    const { hosts, decide } = this.#outside;
    const { working, delivery } = running;
    this.#leaving.add(running);
    hosts.leave(working);
    running.leave();
    await Promise.all([delivery.stop(), working.desk.idle()]);
    working.issuer.stop();
    this.#leaving.delete(running);
    decide.after(leavingMs, () => hosts.left(working));
  }

  #start(first: HostIssuerRow, stations: readonly StationRow[], text: string): Running {
    let row = first;
    let policy = policyOf(row, stations[0]);
    let sinceMs = this.#outside.now();
    const { vault, hsm, deadlines, now, elapsed, random, newId, log } = this.#outside;
    let isAway: boolean | undefined;
    let isLeaving = false;
    const events = this.#events(row.name, () => moved(), () => watch(), () => desk);
    const overStations = row.remote === undefined ? this.#overStations(row, stations, events) : undefined;
    const issuer: RemoteIssuer = overStations ?? openRemote(remoteSetup(row, row.remote!), events, (order) => working.ordered(order), { deadlines, times: this.#times, vault, now, newId });
    const desk = new HostDesk({
      get policy() {
        return policy;
      },
      get switches() {
        return row.switches;
      },
      host: issuer, advices: this.#advices, unknownReversals: this.#unknownReversals, shared: this.#shared, book: this.#book, after: this.#outside.decide.after, hasOthers: this.#outside.isStoreShared, vault, hsm, now, elapsed, newId,
      exchanged: ({ token, message }, result) => this.#log(row.name, factsOf(message), token, message.id, result, ''),
    });
    const delivery = new Delivery({
      file: this.#advices, destination: row.name, deadlines, now, random, send: (begun) => this.#send(issuer, desk, row, delivery, begun),
      events: {
        sent: () => undefined,
        answered: () => undefined,
        setAside: ({ id }) => log.warning('advice set aside', { issuer: row.name, advice: id }),
      },
      begins: 'usable', inFlightMax: row.advices.cardsAtOnce, perSecond: row.advices.perSecond, retryFirstMs, retryMaxMs, refusalsMax: row.advices.refusalsMax,
      ignoredMax,
    });
    const follow = (next: HostIssuerRow): void => {
      const { orders, advices: { perSecond } } = next;
      // What the issuer itself asked for goes on where an operator changed something else.
      if (perSecond !== row.advices.perSecond) delivery.speed(perSecond);
      row = next;
      policy = policyOf(row, stations[0]);
      if (orders.pause === undefined) delivery.resume('operator');
      else delivery.pause('operator');
      issuer.standInByOrder(orders.out !== undefined);
    };
    const moved = (): void => {
      sinceMs = now();
      watch();
    };
    /** Where it stands changes what waits for it, and whose outage it is. */
    const watch = (): void => {
      if (isLeaving) return;
      if (issuer.takesAdvices) delivery.usable();
      else delivery.unusable();
      // One that answers echoes, and is still to answer a request, is away.
      const away = issuer.status.phase !== 'closed';
      if (away === isAway) return;
      isAway = away;
      void desk.outage(away);
    };
    const working: WorkingHost = {
      issuer, overStations, desk, stations: row.stations,
      linksChanged: () => {
        overStations?.linksChanged();
        watch();
      },
      ordered: (order) => {
        switch (order) {
          case 'startAdvices':
          case 'speedAdvices':
            // Fast until it asks for a start again.
            delivery.speed(order === 'startAdvices' ? row.advices.perSecond : Math.max(row.advices.perSecond, row.advices.fastPerSecond));
            delivery.resume('destination');
            delivery.ask();
            break;
          case 'stopAdvices':
            delivery.pause('destination');
            break;
          case 'enterSuppressInquiry':
          case 'leaveSuppressInquiry':
            issuer.suppressInquiry(order === 'enterSuppressInquiry');
            watch();
            break;
        }
      },
    };
    follow(first);
    return {
      working, delivery, text, follow,
      leave: () => {
        isLeaving = true;
      },
      get row() {
        return row;
      },
      get sinceMs() {
        return sinceMs;
      },
    };
  }

  #overStations(row: HostIssuerRow, stations: readonly StationRow[], events: HostEvents): HostIssuer {
    const { hosts, deadlines, now, switchName } = this.#outside;
    const firstStan = firstStanOf(this.#numbers.through(row.name), now(), switchName);
    const formats = stations.map((station) => loadFormat(station, `stations.${station.name}`));
    const askingCodes = row.askingCodes ?? formats.flatMap(({ dialect }) => usualAskingCodes[dialect.version]);
    return new HostIssuer(
      { name: row.name, circuit: row.circuit, pendingMax, rememberedMax, askingCodes: new Set(askingCodes) },
      stations.map((station, index): HostStation => {
        const { codec, dialect } = formats[index]!;
        return {
          name: station.name, side: { dialect, spec: codec.spec }, codec, link: hosts.link(station.name), matchKeys: row.matchKeys,
          forwardingInstitution: row.forwardingInstitution, firstStan,
        };
      }),
      { deadlines, times: this.#times, events, reserveStans: (through) => this.#numbers.reserve(row.name, through) },
    );
  }

  async #send(issuer: RemoteIssuer, desk: HostDesk, row: HostIssuerRow, delivery: Delivery, { advice, isRepeat }: BegunAdvice): Promise<SendOutcome> {
    const { vault, elapsed } = this.#outside;
    const { timers } = row;
    const { content, kind, sealedPan, id } = advice;
    if (content.what !== 'decision') return { kind: 'refused', why: 'this destination takes decisions alone' };
    const opened = vault.decryptPan(sealedPan, id);
    if ('error' in opened) return { kind: 'refused', why: `its card number does not open: ${opened.error.reason}` };
    const { promise, resolve } = Promise.withResolvers<SendOutcome>();
    const what = { isReversal: kind === 'reversal', isRepeat };
    /** It has its end once what it gave back is on record: until then it is told again. */
    const told = async (sent: Sent, meaning: ResponseMeaning): Promise<boolean> => {
      const flags = takenBy(meaning, what);
      return flags !== undefined && await desk.told(advice, opened.pan.masked, sent, meaning.version, [...(isRepeat ? ['repeated'] : []), ...flags]);
    };
    const late = ({ meaning, sent, fault }: LateAnswer): void => {
      if (fault === '') void told(sent, meaning).then(async (isNoted) => isNoted && await delivery.taken(id));
    };
    issuer.advise({ of: kind as MessageClass, content, pan: opened.pan, isRepeat, deadlineMs: elapsed() + timerMs(timers, kind === 'reversal' ? kind : 'advice', content.purpose), trace: content.own, decided: content, late }, (result) => {
      this.#log(row.name, adviceFacts(kind, content, opened.pan), advice.cardKey, content.messageId, result, content.standInReason);
      const outcome = outcomeOf(result, what);
      if (outcome.kind === 'accepted' && (result.kind === 'answered' || result.kind === 'decided')) void told(result.sent, result.meaning).then((isNoted) => resolve(isNoted ? outcome : { kind: 'noAnswer' }));
      else resolve(outcome);
    });
    return await promise;
  }

  #log(issuer: string, facts: MessageFacts, token: string, messageId: string, result: HostResult, why: string): void {
    const { messages, now } = this.#outside;
    if (messages !== noMessageLog) messages.write(exchangeLine({ ...facts, issuer, nowMs: now(), token, messageId, why }, result));
  }

  #events(name: string, moved: () => void, changed: () => void, desk: () => HostDesk): HostEvents {
    const { log, gate, messages, notes, now, metrics: { link } } = this.#outside;
    return {
      ...link,
      circuitChanged: (issuer, from, to) => {
        log.event('issuer circuit', { issuer, from: from.phase, to: to.phase, why: to.why ?? from.why ?? '' });
        moved();
      },
      advices: changed,
      answerRefused: (station, fault) => {
        notes.happened('answersRefused', name, fault);
        gate.warning('issuer answer refused', () => ({ issuer: name, station, fault }));
      },
      unmatched: (issuer, station, meaning, nearest) => {
        notes.happened('answersUnmatched', issuer, nearestWords(nearest));
        gate.warning('issuer answer unmatched', () => ({ issuer, station, mti: meaning.mti, stan: meaning.stan, nearest: nearestWords(nearest) }));
      },
      unfit: (station, fault) => gate.warning('message cannot be forwarded', () => ({ station, field: fault.field, fault: fault.text })),
      late: (issuer, late) => {
        const { sent, lateMs, meaning } = late;
        notes.happened('answersLate', issuer, `${Math.round(lateMs)} ms after its time`);
        gate.warning('issuer answer late', () => ({ issuer, station: sent.station, stan: sent.reference.stan, lateMs: Math.round(lateMs), approved: meaning.approved }));
        if ('late' in late.order) late.order.late?.(late);
        else desk().late(late);
        messages.write({
          ...blankLine, atMs: now() - lateMs, elapsedMs: lateMs, station: sent.station, direction: 'out', mti: sent.mti, answerMti: meaning.mti, class: meaning.class, stan: sent.reference.stan,
          acquirer: meaning.acquirer, routed: issuer, outcome: 'late', answeredBy: 'issuer', reason: meaning.reason ?? '', responseCode: meaning.responseCode, detail: 'its request had its end so long before',
        });
      },
    };
  }
}

/** A cap's counter has its room in one partition, from which the others borrow; a deposit's in all of them. */
function roomFinder(guards: Pick<GuardRoom, 'findGuardRoom' | 'findRoomAbove'>, partitions: number, capsOf: (issuer: string) => OutageCaps | undefined): NonNullable<DecideOptions['findGuardRoom']> {
  return async (partition, guardId, wantedMinor) => {
    const cap = capOf(guardId);
    if (cap === undefined) return await guards.findGuardRoom(partition, guardId, wantedMinor);
    const most = cap.most(capsOf(cap.issuer) ?? {});
    return most !== undefined && await guards.findRoomAbove(partition, guardId, wantedMinor, (of) => capFloor(guardId, most, { partition: of, partitions }));
  };
}

/** What another connection is made for where it changes. */
function connectionOf({ name, stations, circuit, advices: { cardsAtOnce, refusalsMax }, askingCodes, matchKeys, forwardingInstitution, remote }: HostIssuerRow): unknown {
  return [name, stations, circuit, cardsAtOnce, refusalsMax, askingCodes, matchKeys, forwardingInstitution, remote];
}

function policyOf({ name, mode, hasStandIn, whileAvailable, volumeSteps, assuredResponse, unanswered, timers, rules, orders, remote }: HostIssuerRow, station: StationRow | undefined): HostPolicy {
  return {
    name, mode, hasStandIn, whileAvailable, volumeSteps, assuredResponse, unanswered, timers, rules: orders.kill === undefined ? rules : { ...rules, killSwitch: true },
    pin: station === undefined ? remote?.pin : { pinKey: station.security.pinKey, pinFormat: station.security.pinFormat },
  };
}

type MessageFacts = Pick<ExchangeFacts, 'class' | 'what' | 'maskedPan' | 'rrn' | 'acquirer' | 'terminal' | 'amount'>;

function factsOf({ class: of, purpose, card, rrn, trace, amount }: CardMessage): MessageFacts {
  return { class: of, what: purpose, maskedPan: card.pan.masked, rrn: withoutCard(rrn, card.pan), acquirer: trace.acquirer, terminal: withoutCard(trace.terminal, card.pan), amount };
}

function adviceFacts(kind: string, { purpose, rrn, trace, amount }: DecisionContent, pan: Pan): MessageFacts {
  return { class: kind, what: `${kind === 'reversal' ? 'reversal' : 'advice'} of ${purpose}`, maskedPan: pan.masked, rrn: withoutCard(rrn, pan), acquirer: trace.acquirer, terminal: withoutCard(trace.terminal, pan), amount };
}
