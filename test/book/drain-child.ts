/** Drains a SQLite store into a book until it is killed or the journal is empty; prints a line for each batch. */
import { setTimeout as delay } from 'node:timers/promises';
import { openBook, type BookOptions } from '../../src/book/connection.ts';
import { Drain } from '../../src/office/drain.ts';
import { SqliteStore } from '../../src/store/sqlite.ts';

const [file = '', place = '', partitions = '1'] = process.argv.slice(2);
const store = await SqliteStore.open({ file, partitions: Number(partitions), now: Date.now });
const book = await openBook(JSON.parse(place) as BookOptions);
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
const drain = new Drain({
  store,
  book,
  now: Date.now,
  random: Math.random,
  sleep: (ms, signal) => delay(ms, undefined, { signal }),
  batchMax: 25,
  events: {
    drained: (_partition, entries) => say(`drained ${entries}`),
    unavailable: (_partition, error) => say(`unavailable ${error.message}`),
    recovered: () => say('recovered'),
    stopped: (_partition, error) => say(`stopped ${error.message}`),
    lag: () => {},
  },
});
drain.start();
await drain.emptied();
await drain.stop();
say('empty');
await book.close();
await store.close();
