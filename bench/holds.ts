/**
 * What open holds cost: the rate of purchases on one account with a hundred thousand open holds beside the rate on an empty
 * one, in turns on the same store, through the decide loop and without network or codec.
 *
 *   node bench/holds.ts [memory] [sqlite] [redis-always] [redis-everysec] [--holds=100000] [--rounds=20] [--seconds=0.3] [--in-flight=256]
 */
import type { Ledger } from '../src/issuer/ledger.ts';
import type { CardMessage } from '../src/message/message.ts';
import type { Store } from '../src/store/store.ts';
import { cardMessage, openAccount, openSwitch, reversalOf, submit } from '../test/issuer/fixture.ts';
import { benchedEngines } from './store.ts';

export interface HoldsLoad {
  /** Open holds on the one account. */
  readonly holds: number;
  /** Both accounts have their turn in each. */
  readonly rounds: number;
  readonly durationMs: number;
  readonly inFlight: number;
}

export interface HoldsFigure {
  /** Purchases a second, the median of the rounds. */
  readonly emptyPerSecond: number;
  readonly fullPerSecond: number;
  /** The median of the rounds' own ratios, full to empty: what else the machine does meanwhile hits both. */
  readonly ratio: number;
  /** Reversals a second of holds that no cache has: each reads its record. */
  readonly reversalsPerSecond: number;
  /** Open holds of the one account while it was measured, by its head. */
  readonly openHolds: number;
}

const loadedMinor = 999_999_999_999;
const timeoutMs = 600_000;
const trimEvery = 20_000;

export async function run(store: Store, load: HoldsLoad): Promise<HoldsFigure> {
  const ledger = await openSwitch({ store });
  const [empty, full] = ['empty0000000', 'full00000000'] as const;
  await openAccount(ledger, empty, loadedMinor);
  await openAccount(ledger, full, loadedMinor);
  const held = await fill(ledger, store, full, load.holds);
  const openHolds = await openHoldsOf(store, full);
  const rates: { readonly empty: number; readonly full: number }[] = [];
  // One turn of each goes before, unmeasured.
  for (let round = 0; round <= load.rounds; round += 1) {
    const turn = { empty: 0, full: 0 };
    for (const which of round % 2 === 0 ? (['empty', 'full'] as const) : (['full', 'empty'] as const)) {
      const accountId = which === 'empty' ? empty : full;
      turn[which] = await measure(ledger, accountId, load, () => purchase(accountId));
      await trim(store);
    }
    if (round > 0) rates.push(turn);
  }
  let next = 0;
  const reversalsPerSecond = await measure(ledger, full, load, () => {
    const message = held[next];
    next += 1;
    return message === undefined ? undefined : reversalOf(message);
  });
  ledger.close();
  return {
    emptyPerSecond: median(rates.map((turn) => turn.empty)), fullPerSecond: median(rates.map((turn) => turn.full)),
    ratio: median(rates.map((turn) => turn.full / turn.empty)), reversalsPerSecond, openHolds,
  };
}

/** Posts at once, so that the empty account stays one. */
function purchase(accountId: string): CardMessage {
  return cardMessage(accountId, { mti: '0200', class: 'financial', amountMinor: 1 });
}

async function fill(ledger: Ledger, store: Store, accountId: string, holds: number): Promise<CardMessage[]> {
  const held: CardMessage[] = [];
  while (held.length < holds) {
    const some = Array.from({ length: Math.min(2_000, holds - held.length) }, () => cardMessage(accountId, { amountMinor: 1 }));
    await Promise.all(some.map((message) => expectApproval(ledger, accountId, message)));
    held.push(...some);
    if (held.length % trimEvery === 0) await trim(store);
  }
  return held;
}

/** Keeps `inFlight` messages under way. @returns how many were approved a second; messages end where `make` has none any more */
async function measure(ledger: Ledger, accountId: string, { durationMs, inFlight }: HoldsLoad, make: () => CardMessage | undefined): Promise<number> {
  const startedMs = performance.now();
  let done = 0;
  await Promise.all(Array.from({ length: inFlight }, async () => {
    while (performance.now() - startedMs < durationMs) {
      const message = make();
      if (message === undefined) return;
      await expectApproval(ledger, accountId, message);
      done += 1;
    }
  }));
  return done / ((performance.now() - startedMs) / 1_000);
}

async function expectApproval(ledger: Ledger, accountId: string, message: CardMessage): Promise<void> {
  const outcome = await submit(ledger, accountId, message, timeoutMs);
  const reason = outcome.kind === 'decided' ? outcome.answer.kind === 'answer' && outcome.answer.response.reason : outcome.kind;
  if (reason !== '0000' && reason !== '4000') throw new Error(`the benchmark met ${reason}`);
}

async function openHoldsOf(store: Store, accountId: string): Promise<number> {
  let openHolds = 0;
  for (const [partition, epoch] of (await store.epochs()).entries()) {
    const due = await store.due({ partition, epoch }, Infinity, 10_000_000);
    openHolds += due.filter(({ id }) => id.startsWith(accountId)).length;
  }
  return openHolds;
}

/** As the book does, behind the switch. */
async function trim(store: Store): Promise<void> {
  for (const [partition, epoch] of (await store.epochs()).entries()) await store.trim({ partition, epoch }, '1000000000');
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function option(name: string, otherwise: number): number {
  const found = process.argv.find((argument) => argument.startsWith(`--${name}=`));
  return found === undefined ? otherwise : Number(found.slice(name.length + 3));
}

async function main(): Promise<void> {
  const asked = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
  const load: HoldsLoad = {
    holds: option('holds', 100_000), rounds: option('rounds', 20), durationMs: option('seconds', 0.3) * 1_000, inFlight: option('in-flight', 256),
  };
  for (const name of asked.length > 0 ? asked : ['sqlite', 'redis-always']) {
    const engine = await benchedEngines[name]?.();
    if (engine === undefined) throw new Error(`there is no engine ${name}`);
    try {
      const { emptyPerSecond, fullPerSecond, ratio, reversalsPerSecond, openHolds } = await run(engine.store, load);
      const [empty, full, reversals] = [emptyPerSecond, fullPerSecond, reversalsPerSecond].map((rate) => Math.round(rate).toLocaleString('en'));
      const percent = ((ratio - 1) * 100).toFixed(1);
      console.log(`${name.padEnd(14)} empty ${empty}/s, ${openHolds.toLocaleString('en')} open holds ${full}/s (${percent} %), reversals of them ${reversals}/s`);
    } finally {
      await engine.close();
    }
  }
}

if (import.meta.main) await main();
