/**
 * A process that goes on with the transfers that it finds, and sends money between balances until it is killed or has sent so many; a line
 * for each that it began, and one for each that had its end.
 */
import { randomBytes } from 'node:crypto';
import { openBook, type BookOptions } from '../../src/book/connection.ts';
import type { LedgerAnswer } from '../../src/issuer/ledger.ts';
import type { AccountDesk } from '../../src/lifecycle/ports.ts';
import { TransferSaga } from '../../src/lifecycle/transfer-saga.ts';
import { Transfers } from '../../src/lifecycle/transfers.ts';
import type { Outcome } from '../../src/store/decide.ts';
import { SqliteStore } from '../../src/store/sqlite.ts';
import { openSwitch } from '../issuer/fixture.ts';

interface Sender {
  readonly userId: string;
  readonly balanceId: string;
  readonly phone: string;
}

const [file = '', place = '', holdersText = '[]', wanted = '0'] = process.argv.slice(2);
const holders = JSON.parse(holdersText) as readonly Sender[];
const store = await SqliteStore.open({ file, partitions: 4, now: Date.now });
const book = await openBook(JSON.parse(place) as BookOptions);
const ledger = await openSwitch({ store, now: () => Date.now() });
const desk: Pick<AccountDesk, 'apply'> = {
  apply: async (message) => {
    const { promise, resolve } = Promise.withResolvers<Outcome<LedgerAnswer>>();
    ledger.submit(message.accountId, '', message, performance.now() + 5_000, resolve);
    const outcome = await promise;
    if (outcome.kind !== 'decided' || outcome.answer.kind !== 'answer') return { kind: 'unreachable' };
    return { kind: 'applied', reason: outcome.answer.response.reason, isRepeat: outcome.answer.note === 'repeat' };
  },
};
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const later = { ms: 0 };
const now = (): number => Date.now() + later.ms;
const saga = new TransferSaga({ book, desk, now, random: Math.random, stuck: (id, reason) => say(`stuck ${id} ${reason}`) });
const transfers = new Transfers({ book, saga, now, randomBytes, limits: { amountMinorMax: 1_000, dayAmountMinorMax: 1_000_000, dayCountMax: 100_000 } });

// What a process before this one left is due at once.
later.ms = 3_600_000;
while ((await saga.resume()) > 0) say('resumed');
later.ms = 0;

async function send(from: Sender, to: Sender): Promise<void> {
  say('begun');
  const wish = { senderBalance: from.balanceId, receiver: { phone: to.phone }, amount: { amountMinor: 1 + Math.floor(Math.random() * 50), currency: 'EUR' } };
  const row = await transfers.begin({ partner: 'demo', userId: from.userId }, wish, randomBytes(12).toString('hex'));
  say(row.state);
}

for (let sent = 0; sent < Number(wanted); sent += 4) {
  await Promise.all([0, 1, 2, 3].map(async (index) => await send(holders[(sent + index) % holders.length]!, holders[(sent + index + 1 + (sent % 2)) % holders.length]!).catch(() => say('refused'))));
}
await ledger.drained();
ledger.close();
await book.close();
await store.close();
say('ended');
