/** Counts what a load sends and what comes back, for its line a second and its summary. No card number gets here. */
import type { Planned } from './load-plan.ts';

/** Times of answers in 32 steps to each doubling: read back, one is 2 % too long at most. */
export class Latencies {
  readonly #counts = new Uint32Array(1_024);
  count = 0;
  maxMs = 0;

  add(elapsedMs: number): void {
    const step = Math.floor(Math.log2(Math.max(1, elapsedMs * 1_000)) * 32);
    this.#counts[Math.min(step, this.#counts.length - 1)]! += 1;
    this.count += 1;
    this.maxMs = Math.max(this.maxMs, elapsedMs);
  }

  /** Milliseconds; 0 where there was none. @param share 0 to 1 */
  quantileMs(share: number): number {
    let left = Math.ceil(this.count * share);
    for (const [step, count] of this.#counts.entries()) {
      left -= count;
      if (left <= 0 && this.count > 0) return Math.min(this.maxMs, 2 ** ((step + 1) / 32) / 1_000);
    }
    return 0;
  }

  get json(): LatencyJson {
    const rounded = (ms: number): number => Number(ms.toFixed(3));
    return { p50: rounded(this.quantileMs(0.5)), p99: rounded(this.quantileMs(0.99)), max: rounded(this.maxMs) };
  }
}

export interface LatencyJson {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface LoadSecond {
  readonly event: 'second';
  /** From 1; the last one may be shorter. */
  readonly second: number;
  readonly sent: number;
  readonly answered: number;
  readonly approved: number;
  readonly unanswered: number;
  readonly inFlight: number;
  readonly latencyMs: LatencyJson;
}

export interface LoadSummary {
  readonly event: 'summary';
  readonly seed: number;
  /** From the first message to the last answer or its timeout. */
  readonly seconds: number;
  readonly sent: number;
  /** By what was sent, such as `purchase` or `repeat of purchase`. */
  readonly sentByKind: Readonly<Record<string, number>>;
  /** Planned, but there was nothing to send it on. */
  readonly notSent: number;
  /** Completions whose pre-authorization was not approved, or not answered yet. */
  readonly notCompleted: number;
  readonly answered: number;
  readonly answeredPerSecond: number;
  readonly approved: number;
  /** By the answer's DE39; `none` where it has none. */
  readonly byResponseCode: Readonly<Record<string, number>>;
  readonly latencyMs: LatencyJson;
  /** Not answered within the timeout, or before the connection broke. */
  readonly unanswered: number;
  /** Answers after the timeout. */
  readonly late: number;
  /** Answers with a STAN and type that nothing waits for: of another's message, or one answer too many. */
  readonly wrongStans: number;
  /** Frames that are no message of this format. */
  readonly undecodable: number;
  readonly connectionsLost: number;
  /** Messages of issuers that the switch had kept, and that were acknowledged. */
  readonly acknowledged: number;
}

export class LoadTally {
  readonly #all = new Latencies();
  #second = new Latencies();
  #secondSent = 0;
  #secondApproved = 0;
  #secondUnanswered = 0;
  #seconds = 0;
  #sent = 0;
  #approved = 0;
  #unanswered = 0;
  readonly #sentByKind: Record<string, number> = {};
  readonly #byResponseCode: Record<string, number> = {};
  notSent = 0;
  notCompleted = 0;
  late = 0;
  wrongStans = 0;
  undecodable = 0;
  connectionsLost = 0;
  acknowledged = 0;

  get answered(): number {
    return this.#all.count;
  }

  /** Something happened that no second has told. */
  get isUntold(): boolean {
    return this.#secondSent + this.#second.count + this.#secondUnanswered > 0;
  }

  sent({ kind, form }: Planned): void {
    this.#sent += 1;
    this.#secondSent += 1;
    const name = form === 'first' ? kind : `${form} of ${kind}`;
    this.#sentByKind[name] = (this.#sentByKind[name] ?? 0) + 1;
  }

  answer(responseCode: string | undefined, approved: boolean, elapsedMs: number): void {
    this.#all.add(elapsedMs);
    this.#second.add(elapsedMs);
    const code = responseCode ?? 'none';
    this.#byResponseCode[code] = (this.#byResponseCode[code] ?? 0) + 1;
    if (!approved) return;
    this.#approved += 1;
    this.#secondApproved += 1;
  }

  unanswered(): void {
    this.#unanswered += 1;
    this.#secondUnanswered += 1;
  }

  /** What was since the last call. */
  second(inFlight: number): LoadSecond {
    const told: LoadSecond = {
      event: 'second', second: (this.#seconds += 1), sent: this.#secondSent, answered: this.#second.count, approved: this.#secondApproved,
      unanswered: this.#secondUnanswered, inFlight, latencyMs: this.#second.json,
    };
    this.#second = new Latencies();
    this.#secondSent = 0;
    this.#secondApproved = 0;
    this.#secondUnanswered = 0;
    return told;
  }

  summary(seed: number, elapsedMs: number): LoadSummary {
    const { notSent, notCompleted, answered, late, wrongStans, undecodable, connectionsLost, acknowledged } = this;
    const sorted = (counts: Record<string, number>): Record<string, number> => Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)));
    return {
      event: 'summary', seed, seconds: Number((elapsedMs / 1_000).toFixed(3)), sent: this.#sent, sentByKind: sorted(this.#sentByKind), notSent, notCompleted, answered,
      answeredPerSecond: elapsedMs > 0 ? Number(((answered * 1_000) / elapsedMs).toFixed(1)) : 0, approved: this.#approved, byResponseCode: sorted(this.#byResponseCode),
      latencyMs: this.#all.json, unanswered: this.#unanswered, late, wrongStans, undecodable, connectionsLost, acknowledged,
    };
  }
}

export function secondLine({ second, sent, answered, approved, unanswered, inFlight, latencyMs }: LoadSecond): string {
  return `${String(second).padStart(4)} s  sent ${sent}, answered ${answered} (${approved} approved), ${times(latencyMs)}, in flight ${inFlight}${unanswered === 0 ? '' : `, unanswered ${unanswered}`}`;
}

/** @param meaningOf a DE39 in words */
export function summaryLines(summary: LoadSummary, meaningOf: (responseCode: string) => string): string[] {
  const { seed, seconds, sent, sentByKind, answered, answeredPerSecond, byResponseCode, latencyMs } = summary;
  const kinds = Object.entries(sentByKind).map(([kind, count]) => `${kind} ${count}`).join(', ');
  const strange = ([
    ['unanswered', 'unanswered'], ['late', 'answered late'], ['wrongStans', 'answers with a wrong STAN'], ['undecodable', 'frames that are no message'],
    ['notSent', 'not sent, without a connection'], ['notCompleted', 'not completed, without an approval'], ['connectionsLost', 'connections lost'], ['acknowledged', 'messages of issuers, acknowledged'],
  ] as const).filter(([name]) => summary[name] > 0 || name === 'unanswered' || name === 'wrongStans').map(([name, words]) => `${words}: ${summary[name]}`);
  return [
    '',
    `seed ${seed}, ${seconds.toFixed(1)} s: ${sent} sent${kinds === '' ? '' : ` (${kinds})`}`,
    `${answered} answered, ${answeredPerSecond}/s, ${times(latencyMs)}`,
    ...Object.entries(byResponseCode).map(([code, count]) => `  ${code}: ${meaningOf(code)}: ${count}`),
    strange.join(', '),
  ];
}

function times({ p50, p99, max }: LatencyJson): string {
  return `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, max ${max.toFixed(1)} ms`;
}
