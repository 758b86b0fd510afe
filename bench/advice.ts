/**
 * What the advice file does in a second: advices that are on disk before their answer may leave, advices that are delivered to
 * a destination that answers at once, and how long a restart takes to find those that wait.
 *
 *   node bench/advice.ts [--count=40000] [--in-flight=256]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AdviceFile } from '../src/advice/advice-file.ts';
import type { Advice } from '../src/advice/advice.ts';
import { Delivery } from '../src/advice/delivery.ts';
import { Deadlines, processSchedule } from '../src/base/deadlines.ts';
import { SqliteStore } from '../src/store/sqlite.ts';

export interface AdviceLoad {
  readonly count: number;
  /** Writes that wait for their answer at once. */
  readonly inFlight: number;
}

export interface AdviceFigure {
  readonly writesPerSecond: number;
  readonly writeMs: { readonly median: number; readonly p99: number };
  /** Milliseconds until all that wait are known again. */
  readonly openMs: number;
  readonly deliveredPerSecond: number;
}

const day = Date.UTC(2026, 10, 22);

/** Of about a thousand characters, as a purchase's is. */
function adviceOf(index: number): Advice {
  const trace = { station: 'pos', acquirer: '476100', class: 'financial', function: 'request', stan: String(index % 999_999), transmittedAt: '1122133700', localAt: '261122133700', terminal: 'TERM0001' } as const;
  return {
    id: `switch-1.${index}`, destination: 'host', cardKey: `card-${(index * 7_919) % 9_973}`, kind: 'financial', createdAtMs: day + index, sealedPan: 'k1:' + 'p'.repeat(60),
    content: {
      what: 'decision', own: { stan: '000001', transmittedAt: '1122133700' }, messageId: `switch-1.${index}`, function: 'request', trace, rrn: '632613000017', purpose: 'purchase', processingCode: '000000',
      amount: { amountMinor: 1_250, currency: '978' }, billing: undefined, approved: undefined, actualMinor: undefined, reason: '0000',
      approvalCode: 'A1B2C3', standInReason: 'issuerTimedOut', expiry: '3112', panSequence: '01', entryMode: 'chip', pointOfService: '051', condition: '00',
      cardPresent: true, merchant: { category: '5411', id: 'MERCHANT0000001', name: 'CORNER SHOP              BERLIN       DE', country: '276' },
      wrongPins: 0, pinVerified: true, original: undefined, replaces: undefined, receivedAtMs: day + index, decidedAtMs: day + index + 2,
    },
  };
}

export async function run({ count, inFlight }: AdviceLoad): Promise<AdviceFigure> {
  const folder = mkdtempSync(join(tmpdir(), 'locum-bench-'));
  const open = () => SqliteStore.open({ file: join(folder, 'advices.sqlite'), partitions: 1, now: Date.now });
  const deadlines = new Deadlines(() => performance.now(), processSchedule);
  const fileOn = (store: SqliteStore) => AdviceFile.open({ store, now: Date.now, atTurnEnd: setImmediate, deadlines, events: { trouble: fail } });
  try {
    let store = await open();
    let file = await fileOn(store);
    const written = await write(file, count, inFlight);
    file.close();
    await store.close();
    store = await open();
    const startedMs = performance.now();
    file = await fileOn(store);
    const openMs = performance.now() - startedMs;
    const deliveredPerSecond = await deliverAll(file, deadlines, count);
    file.close();
    await store.close();
    return { ...written, openMs, deliveredPerSecond };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function write(file: AdviceFile, count: number, inFlight: number): Promise<Pick<AdviceFigure, 'writesPerSecond' | 'writeMs'>> {
  const tookMs: number[] = [];
  let next = 0;
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: inFlight }, async () => {
    while (next < count) {
      const advice = adviceOf(next++);
      const beganMs = performance.now();
      const outcome = await file.write(advice);
      if (outcome !== 'durable') throw new Error(`the benchmark met ${outcome}`);
      tookMs.push(performance.now() - beganMs);
    }
  }));
  const seconds = (performance.now() - startedMs) / 1_000;
  tookMs.sort((a, b) => a - b);
  const quantile = (share: number): number => tookMs[Math.floor(tookMs.length * share)] ?? 0;
  return { writesPerSecond: count / seconds, writeMs: { median: quantile(0.5), p99: quantile(0.99) } };
}

async function deliverAll(file: AdviceFile, deadlines: Deadlines, count: number): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let answered = 0;
  const nothing = (): void => undefined;
  const delivery = new Delivery({
    file, destination: 'host', deadlines, now: Date.now, random: () => 0, begins: 'usable', inFlightMax: 256, perSecond: 1_000_000, retryFirstMs: 100,
    retryMaxMs: 1_000, refusalsMax: 5, ignoredMax: 20,
    send() {
      answered += 1;
      if (answered === count) resolve();
      return Promise.resolve({ kind: 'accepted' });
    },
    events: { sent: nothing, answered: nothing, setAside: nothing },
  });
  const startedMs = performance.now();
  delivery.usable();
  await promise;
  await delivery.stop();
  if (file.backlog('host').count > 0) throw new Error('the benchmark delivered too little');
  return count / ((performance.now() - startedMs) / 1_000);
}

function fail(error: Error): void {
  throw error;
}

export function adviceTable({ writesPerSecond, writeMs, openMs, deliveredPerSecond }: AdviceFigure, { count, inFlight }: AdviceLoad): string {
  const [writes, delivered, waiting] = [writesPerSecond, deliveredPerSecond, count].map((figure) => Math.round(figure).toLocaleString('en'));
  return `advices: ${writes} durable/s (${inFlight} in flight, median ${writeMs.median.toFixed(2)} ms, p99 ${writeMs.p99.toFixed(2)} ms), `
    + `${delivered} delivered/s, ${waiting} found again in ${openMs.toFixed(0)} ms`;
}

function option(name: string, otherwise: number): number {
  const found = process.argv.find((argument) => argument.startsWith(`--${name}=`));
  return found === undefined ? otherwise : Number(found.slice(name.length + 3));
}

if (import.meta.main) {
  const load: AdviceLoad = { count: option('count', 40_000), inFlight: option('in-flight', 256) };
  console.log(adviceTable(await run(load), load));
}
