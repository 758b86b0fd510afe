/**
 * A process that a test kills: writes so many advices for each card to the file named by its first argument, and delivers what is
 * there to the peer at the port named by its second, which the test records. Prints an advice's id when it is durable. With
 * nothing to write, it ends when everything is delivered.
 */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { AdviceFile, type BegunAdvice } from '../../src/advice/advice-file.ts';
import { Delivery, type SendOutcome } from '../../src/advice/delivery.ts';
import { Deadlines, processSchedule } from '../../src/base/deadlines.ts';
import { SqliteStore } from '../../src/store/sqlite.ts';
import { adviceOf } from './fixture.ts';

const [, , path = '', port = '0', run = '', count = '0'] = process.argv;

const waiting = new Map<string, (outcome: SendOutcome) => void>();
const socket = connect(Number(port), '127.0.0.1');
createInterface({ input: socket }).on('line', (line) => {
  const [id = '', kind = ''] = line.split(' ');
  waiting.get(id)?.(kind === 'refused' ? { kind, why: 'code 30' } : { kind: kind as 'accepted' | 'noAnswer' });
  waiting.delete(id);
});

function send({ advice: { id, cardKey }, isRepeat }: BegunAdvice): Promise<SendOutcome> {
  socket.write(`${JSON.stringify({ id, cardKey, isRepeat })}\n`);
  return new Promise((resolve) => waiting.set(id, resolve));
}

async function writeCard(file: AdviceFile, card: string): Promise<void> {
  for (let index = 0; index < Number(count); index += 1) {
    const id = `${run}.${card}.${index}`;
    const outcome = await file.write(adviceOf(id, card));
    process.stdout.write(`${outcome} ${id}\n`);
  }
}

const store = await SqliteStore.open({ file: path, partitions: 1, now: Date.now, generationChanges: 20 });
const deadlines = new Deadlines(() => performance.now(), processSchedule);
const file = await AdviceFile.open({ store, now: Date.now, atTurnEnd: setImmediate, deadlines, events: { trouble: () => undefined } });
const nothing = (): void => undefined;
const delivery = new Delivery({
  file, destination: 'host', deadlines, now: Date.now, random: () => 0, send, begins: 'usable', inFlightMax: 4, perSecond: 100_000, retryFirstMs: 1,
  retryMaxMs: 4, refusalsMax: 1_000, ignoredMax: 100_000,
  events: { sent: nothing, answered: nothing, setAside: nothing },
});
delivery.usable();
await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((card) => writeCard(file, card)));
if (Number(count) === 0) {
  while (file.backlog('host').count > 0) await new Promise((resolve) => setTimeout(resolve, 2));
  await delivery.stop();
  file.close();
  await store.close();
  socket.destroy();
}
