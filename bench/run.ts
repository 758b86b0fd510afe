/**
 * `npm run bench`: runs the benchmarks that are named, or all of them.
 *
 *   npm run bench -- [codec] [keys] [echo] [store] [holds] [advice] [forward] [doors] [memory] [path] [--quick] [options of path and store]
 */
import { adviceTable, run as runAdvice } from './advice.ts';
import { run as runCodec, table } from './codec.ts';
import { run as runKeys } from './keys.ts';
import { loadEcho, startBareServer, startEndpointEcho } from './echo.ts';
import { benchDoors } from './doors.ts';
import { benchForward } from './forward.ts';
import { run as runHolds } from './holds.ts';
import { formatLoad } from './load.ts';
import { benchMemory, memoryTable } from './memory.ts';
import { benchPath, pathOptions } from './path.ts';
import { benchedEngines, measureStore } from './store.ts';

type Tell = (line: string) => void;

/** What each benchmark does; `quick` is for seeing that it runs: its figures mean little. */
export const benches: Readonly<Record<string, (tell: Tell, isQuick: boolean, words: readonly string[]) => Promise<void>>> = {
  async codec(tell, isQuick) {
    tell(table(await (isQuick ? runCodec(3, 500) : runCodec())));
  },
  async keys(tell, isQuick) {
    await Promise.resolve();
    for (const { operation, microseconds } of runKeys(isQuick ? 2_000 : 100_000)) tell(`${operation.padEnd(24)} ${microseconds.toFixed(2)} µs`);
  },
  async echo(tell, isQuick) {
    for (const [name, start] of [['bare', startBareServer], ['endpoint', startEndpointEcho]] as const) {
      const server = await start();
      const time = isQuick ? { warmUpMs: 100, durationMs: 500 } : { warmUpMs: 1_000, durationMs: 3_000 };
      const result = await loadEcho(server, { connections: 16, inFlight: 256, payloadBytes: 150, ...time });
      tell(formatLoad(`${name}, 16 connections, 256 in flight`, result));
      await server.stop();
    }
  },
  async store(tell, isQuick) {
    for (const [name, open] of Object.entries(benchedEngines)) {
      const engine = await open();
      const { store } = engine;
      const load = { group: 64, inFlight: store.commitsInFlightMax, accounts: 10_000, withRecord: true, durationMs: isQuick ? 300 : 2_000 };
      const { commitsPerSecond, callMs } = await measureStore(store, load);
      await engine.close();
      tell(`${name.padEnd(15)} groups of 64, head + entry + record ${Math.round(commitsPerSecond).toLocaleString('en').padStart(9)}/s, call p99 ${callMs.p99.toFixed(2)} ms`);
    }
  },
  async holds(tell, isQuick) {
    for (const name of ['sqlite', 'redis-always']) {
      const engine = await benchedEngines[name]?.();
      if (engine === undefined) continue;
      const load = isQuick ? { holds: 1_000, rounds: 2, durationMs: 200, inFlight: 64 } : { holds: 100_000, rounds: 6, durationMs: 1_000, inFlight: 256 };
      const { emptyPerSecond, fullPerSecond, openHolds } = await runHolds(engine.store, load);
      await engine.close();
      tell(`${name.padEnd(15)} one account: empty ${Math.round(emptyPerSecond)}/s, with ${openHolds} open holds ${Math.round(fullPerSecond)}/s`);
    }
  },
  async advice(tell, isQuick) {
    const load = isQuick ? { count: 500, inFlight: 64 } : { count: 100_000, inFlight: 256 };
    tell(adviceTable(await runAdvice(load), load));
  },
  async forward(tell, isQuick) {
    await benchForward(isQuick, tell);
  },
  async doors(tell, isQuick) {
    await benchDoors(isQuick, tell);
  },
  async memory(tell) {
    for (const originalKeys of [[], ['rrn']] as const) tell(memoryTable(await benchMemory(originalKeys)));
  },
  async path(tell, isQuick, words) {
    await benchPath(pathOptions(isQuick ? [...words, '--quick'] : words), tell);
  },
};

/** @throws Error where a name is no benchmark's */
export async function runBenches(words: readonly string[], tell: Tell): Promise<void> {
  const isQuick = words.includes('--quick');
  const options = words.filter((word) => word.startsWith('--'));
  const named = words.filter((word) => !word.startsWith('--'));
  const names = named.length > 0 ? named : Object.keys(benches);
  for (const name of names) if (benches[name] === undefined) throw new Error(`there is no benchmark ${name}; there are ${Object.keys(benches).join(', ')}`);
  for (const name of names) {
    tell(`\n${name}`);
    await benches[name]?.(tell, isQuick, options);
  }
}

if (import.meta.main) await runBenches(process.argv.slice(2), (line) => console.log(line));
