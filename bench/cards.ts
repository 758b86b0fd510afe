/** The cards that benchmarks use: the demo's hundred for load, or as many more as are asked for, made as the demo's are. */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { luhnDigit } from '../src/base/luhn.ts';
import { openLedger } from '../src/issuer/ledger.ts';
import type { Ledger } from '../src/issuer/ledger.ts';
import type { Hsm } from '../src/keys/hsm.ts';
import { loadKeys } from '../src/keys/key-store.ts';
import { MasterKey } from '../src/keys/master-key.ts';
import { SoftwareHsm } from '../src/keys/software-hsm.ts';
import { demoCards, makeDemoCard } from '../src/program/demo.ts';
import { makeDemoKeys } from '../src/program/demo-keys.ts';
import type { DemoCard } from '../src/program/demo.ts';
import type { Store } from '../src/store/store.ts';

/** The demo's first cards are for other purposes: one refusal each. */
const firstLoadCard = 13;
const cardsAtOnce = 500;

/** So many cards with balances and limits that outlast a benchmark. */
export function benchCards(count: number): readonly DemoCard[] {
  const demo = demoCards().slice(firstLoadCard);
  const [first] = demo;
  if (first === undefined) throw new Error('the demo has cards for load');
  if (count <= demo.length) return demo.slice(0, count);
  return Array.from({ length: count }, (_, index) => {
    const digits = `47617311${String(index).padStart(7, '0')}`;
    return { ...first, pan: `${digits}${luhnDigit(digits) ?? ''}` };
  });
}

/** Keys in the folder, as the demo makes them there on its first start. */
export function benchVault(folder: string): SoftwareHsm {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const master = MasterKey.createFile(join(folder, 'master.key'), randomBytes);
  const keyFile = join(folder, 'keys.json');
  makeDemoKeys(keyFile, master, randomBytes);
  return new SoftwareHsm(loadKeys(keyFile, master), { random: randomBytes, now: () => Date.now() });
}

/** The own issuer on a store, in real time. */
export async function benchLedger(store: Store): Promise<Ledger> {
  const quiet = (): void => undefined;
  return await openLedger({
    store,
    now: () => Date.now(),
    elapsed: () => performance.now(),
    atTurnEnd: (work) => void setImmediate(work),
    after: (delayMs, work) => void setTimeout(work, delayMs).unref(),
    events: { commit: quiet, conflict: quiet, trouble: quiet, recovered: quiet },
  });
}

/** Opens the cards' accounts. */
export async function makeCards(cards: readonly DemoCard[], store: Store, ledger: Ledger, hsm: Hsm): Promise<void> {
  for (let from = 0; from < cards.length; from += cardsAtOnce) {
    await Promise.all(cards.slice(from, from + cardsAtOnce).map((card) => makeDemoCard(card, { store, ledger, hsm, now: () => Date.now() })));
  }
}
