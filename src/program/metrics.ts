/**
 * The switch's metrics (prom-client): everything that links, stations, the decide loop and the drain tell, as counters and histograms.
 */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { LinkEvents } from '../link/events.ts';
import type { DecideEvents } from '../store/decide.ts';
import type { SwitchEvents } from '../switch/events.ts';

/** Seconds: from well under the fastest commit to the longest that an acquirer waits. */
const latencyBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export interface Metrics {
  readonly registry: Registry;
  readonly link: LinkEvents;
  readonly switch: SwitchEvents;
  readonly decide: DecideEvents;
  /** The log of messages, looked at when metrics are asked for. */
  readonly messageLog: (lines: () => { readonly lost: number; readonly waiting: number }) => void;
  /** An alert started, or ended. */
  readonly alert: (kind: string, subject: string, isOn: boolean) => void;
}

/** What is known of the labels so far: the child, where they are all, and what the next label leads to. */
interface Branch<T> {
  child: T | undefined;
  readonly next: Map<string, Branch<T>>;
}

/**
 * Finds a label set's child once and keeps it: a lookup by hashing labels costs more than what is counted, and one by labels joined
 * costs half as much again as one label by label.
 */
function children<T>(make: (labels: readonly string[]) => T): (...labels: readonly string[]) => T {
  const root: Branch<T> = { child: undefined, next: new Map() };
  return (...labels) => {
    let branch = root;
    for (const label of labels) {
      let next = branch.next.get(label);
      if (next === undefined) {
        next = { child: undefined, next: new Map() };
        branch.next.set(label, next);
      }
      branch = next;
    }
    branch.child ??= make(labels);
    return branch.child;
  };
}

/** What was counted since somebody last asked: prom-client makes a text of all labels for each count, which is half of what a decision's metrics cost. */
class Tally {
  readonly #child: { inc(by: number): void };
  #count = 0;

  constructor(child: { inc(by: number): void }) {
    this.#child = child;
  }

  inc(by = 1): void {
    this.#count += by;
  }

  handOver(): void {
    if (this.#count > 0) this.#child.inc(this.#count);
    this.#count = 0;
  }
}

export function newMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const counter = (name: string, help: string, labelNames: readonly string[]) => {
    const tallies: Tally[] = [];
    const made = new Counter({
      name, help, labelNames: [...labelNames], registers,
      collect() {
        for (const tally of tallies) tally.handOver();
      },
    });
    return children((labels) => {
      const tally = new Tally(made.labels(...labels));
      tallies.push(tally);
      return tally;
    });
  };

  const received = counter('locum_messages_received_total', 'Messages received', ['station', 'mti']);
  const answered = counter('locum_decisions_total', 'Card messages answered', ['station', 'mti', 'responder', 'reason']);
  const stoodIn = counter('locum_stand_in_decisions_total', 'Card messages that stand-in decided, by why', ['station', 'mti', 'why']);
  const notes = counter('locum_repeats_total', 'Repeats and duplicates of messages that were decided before', ['station', 'kind']);
  const dropped = counter('locum_messages_dropped_total', 'Messages that got no answer', ['station', 'reason']);
  const refused = counter('locum_messages_refused_total', 'Messages of a type that is not taken', ['station', 'mti', 'reason']);
  const network = counter('locum_network_management_total', 'Network management requests', ['station', 'kind', 'accepted']);
  const fileActions = counter('locum_file_actions_total', 'File actions answered, by action code', ['station', 'operation', 'action']);
  const renewals = counter('locum_zone_key_renewals_total', 'Zone keys that were brought to a station', ['station', 'purpose', 'accepted']);
  const echoes = counter('locum_station_echoes_total', 'Echoes of ours', ['station', 'answered']);
  const cutOvers = counter('locum_cut_overs_total', 'Business days that were ended', ['station', 'by']);
  const answerTimes = new Histogram({
    name: 'locum_station_answer_seconds', help: 'How long a station takes to answer us', labelNames: ['station', 'kind'], buckets: latencyBuckets, registers,
  });
  const answerTime = children((labels) => answerTimes.labels(...labels));
  const unknown = counter('locum_unknown_content_total', 'Fields and tags that the spec does not define', ['station']);
  const latencyMetric = new Histogram({
    name: 'locum_answer_seconds', help: 'From a message’s arrival to its answer', labelNames: ['station', 'mti', 'responder'], buckets: latencyBuckets, registers,
  });
  const latency = children((labels) => latencyMetric.labels(...labels));
  const usableConnections = new Gauge({ name: 'locum_connections_usable', help: 'Connections that are signed on', labelNames: ['station'], registers });

  const connections = new Gauge({ name: 'locum_connections', help: 'Connections that stand', labelNames: ['station'], registers });
  const closed = counter('locum_connections_closed_total', 'Connections that ended', ['station', 'reason']);
  const turnedAway = counter('locum_connections_refused_total', 'Connections that never came to be', ['station', 'reason']);
  const frames = counter('locum_frames_total', 'Frames', ['station', 'direction']);
  const bytes = counter('locum_frame_bytes_total', 'Bytes of frames', ['station', 'direction']);
  const frameRefusals = counter('locum_frames_refused_total', 'Frames that ended their connection', ['station', 'reason']);
  const throttles = counter('locum_link_throttled_total', 'Times that a connection was not read at a limit', ['station', 'reason']);
  const matches = counter('locum_link_answers_total', 'Answers to requests of ours', ['station', 'kind']);

  const commitSeconds = new Histogram({ name: 'locum_commit_seconds', help: 'Durable commit calls to the store', buckets: latencyBuckets, registers });
  const commitMessages = new Histogram({
    name: 'locum_commit_messages', help: 'Messages in one commit call', buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024], registers,
  });
  const conflicts = new Counter({ name: 'locum_commit_conflicts_total', help: 'Decisions taken again on a newer account', registers });
  const trouble = counter('locum_store_trouble_total', 'Store calls that failed', ['kind']);

  const alerts = new Gauge({ name: 'locum_alerts', help: 'Alerts: 1 while one is on', labelNames: ['kind', 'subject'], registers });
  const alertStarts = counter('locum_alerts_started_total', 'Alerts that started', ['kind', 'subject']);

  const messageLog = (lines: () => { readonly lost: number; readonly waiting: number }): void => {
    void new Gauge({ name: 'locum_message_log_lines_waiting', help: 'Message log lines that the book does not have yet', registers, collect() { this.set(lines().waiting); } });
    void new Gauge({ name: 'locum_message_log_lines_lost', help: 'Message log lines that could not be kept, since the start', registers, collect() { this.set(lines().lost); } });
  };

  return {
    registry,
    messageLog,
    alert: (kind, subject, isOn) => {
      alerts.labels(kind, subject).set(isOn ? 1 : 0);
      if (isOn) alertStarts(kind, subject).inc();
    },
    link: {
      listening: () => undefined,
      connected: (station) => connections.labels(station).inc(),
      disconnected: (station, _id, reason) => {
        connections.labels(station).dec();
        closed(station, reason).inc();
      },
      connectionRefused: (station, _peer, reason) => turnedAway(station, reason).inc(),
      connectFailed: (station, reason) => turnedAway(station, reason).inc(),
      received: (station, count, size) => {
        frames(station, 'in').inc(count);
        bytes(station, 'in').inc(size);
      },
      sent: (station, count, size) => {
        frames(station, 'out').inc(count);
        bytes(station, 'out').inc(size);
      },
      keepAliveReceived: (station) => frames(station, 'keepAlive').inc(),
      frameRefused: (station, _id, reason) => frameRefusals(station, reason).inc(),
      throttled: (station, _id, reason) => throttles(station, reason).inc(),
      resumed: () => undefined,
      answerMatched: (station, elapsedMs) => {
        matches(station, 'matched').inc();
        answerTime(station, 'request').observe(elapsedMs / 1000);
      },
      requestExpired: (station) => matches(station, 'expired').inc(),
      answerLate: (station) => matches(station, 'late').inc(),
      answerDuplicate: (station) => matches(station, 'duplicate').inc(),
      answerUnmatched: (station) => matches(station, 'unmatched').inc(),
    },
    switch: {
      received: (station, mti) => received(station, mti).inc(),
      decided: (event) => {
        answered(event.station, event.mti, event.responder, event.reason).inc();
        latency(event.station, event.mti, event.responder).observe(event.elapsedMs / 1000);
        if (event.standInReason !== '') stoodIn(event.station, event.mti, event.standInReason).inc();
        if (event.note !== undefined) notes(event.station, event.note).inc();
      },
      dropped: (station, reason) => dropped(station, reason).inc(),
      refused: (station, mti, reason) => refused(station, mti, reason).inc(),
      networkManagement: (station, what, accepted) => network(station, what, String(accepted)).inc(),
      fileAction: (station, operation, action) => fileActions(station, operation, action).inc(),
      echoed: (station, _id, elapsedMs) => {
        echoes(station, String(elapsedMs !== undefined)).inc();
        if (elapsedMs !== undefined) answerTime(station, 'echo').observe(elapsedMs / 1000);
      },
      cutOver: (station, _date, by) => cutOvers(station, by).inc(),
      keyRenewed: (station, purpose, accepted) => renewals(station, purpose, String(accepted)).inc(),
      usable: (station, _id, usable) => usableConnections.labels(station).inc(usable ? 1 : -1),
      unknownContent: (station, count) => unknown(station).inc(count),
    },
    decide: {
      commit: (_partition, _items, messages, elapsedMs) => {
        commitSeconds.observe(elapsedMs / 1000);
        commitMessages.observe(messages);
      },
      conflict: () => conflicts.inc(),
      trouble: (kind) => trouble(kind).inc(),
      recovered: () => undefined,
    },
  };
}
