/**
 * The demo program's cards, made on the first start: numbers that the documentation names, so that a
 * newcomer can see every kind of answer. Made again it changes nothing.
 */
import { luhnDigit } from '../base/luhn.ts';
import type { CardRecord } from '../account/journal.ts';
import type { Ledger } from '../issuer/ledger.ts';
import { decideNow } from '../issuer/ledger.ts';
import type { Hsm } from '../keys/hsm.ts';
import { Pan } from '../message/pan.ts';
import { Secret } from '../message/secret.ts';
import type { Store } from '../store/store.ts';
import { demoBin, demoCurrency, demoPartner, demoProgram, demoPvkIndex } from './demo-tables.ts';

/** Every demo card's. */
export const demoPin = '1234';

export interface DemoCard {
  readonly pan: string;
  readonly amountMinor: number;
  readonly state: CardRecord['state'];
  readonly lockCode: number;
  readonly expiry: string;
}

const usual = { amountMinor: 10_000, state: 'active', lockCode: 0, expiry: '3112' } as const;

/** Cards for load: balances that outlast a benchmark. */
const loadCards = 100;
const loadBalanceMinor = 500_000_000_000;

/** Every card of the demo, in the order of the documentation. */
export function demoCards(): readonly DemoCard[] {
  const cards: DemoCard[] = [
    { ...usual, pan: '4761730000000011', amountMinor: 100_000 },
    { ...usual, pan: '4761730000000029', amountMinor: 500 },
    { ...usual, pan: '4761730000000037', expiry: '2512' },
    { ...usual, pan: '4761730000000045', state: 'ordered' },
    { ...usual, pan: '4761730000000052', state: 'removed' },
  ];
  for (let lockCode = 1; lockCode <= 8; lockCode += 1) {
    cards.push({ ...usual, pan: withLuhn(`${demoBin}0000000${String(10 + lockCode)}`), lockCode });
  }
  for (let index = 0; index < loadCards; index += 1) {
    cards.push({ ...usual, pan: withLuhn(`${demoBin}000000${100 + index}`), amountMinor: loadBalanceMinor });
  }
  return cards;
}

function withLuhn(digits: string): string {
  return `${digits}${luhnDigit(digits) ?? ''}`;
}

export interface DemoOutside {
  readonly store: Store;
  readonly ledger: Ledger;
  readonly hsm: Hsm;
  readonly now: () => number;
}

/** Opens the demo's accounts with their cards and balances, where they are not there. @throws Error where the store refuses one */
export async function makeDemoCards(outside: DemoOutside): Promise<void> {
  await Promise.all(demoCards().map((card) => makeDemoCard(card, outside)));
}

/** Opens one such account, where it is not there. @throws Error where the store refuses it */
export async function makeDemoCard(card: DemoCard, { store, ledger, hsm, now }: DemoOutside): Promise<void> {
  const pan = Pan.parse(card.pan);
  if (pan === undefined) throw new Error('a demo card has a card number');
  const token = hsm.cardToken(pan);
  const accountId = token.slice(0, 12);
  await store.enterAccount(token, accountId);
  const [pvv] = await hsm.produce([{
    kind: 'pinReference', pin: { clear: new Secret(demoPin), pan }, key: { name: 'demo-pvk' }, keyIndex: demoPvkIndex, rules: { method: 'pvv' },
  }]);
  if (pvv === undefined || 'error' in pvv) throw new Error(`the demo card ${pan.masked} could not get its PIN: ${pvv?.error.reason ?? 'no answer'}`);
  const record: CardRecord = {
    token, state: card.state, lockCode: card.lockCode, expiry: card.expiry, serviceCode: '201', cvv2Generation: 0, pinVersion: 1,
    pin: { method: 'pvv', keyIndex: demoPvkIndex, value: pvv.value.reveal() },
  };
  const receivedAtMs = now();
  const base = { accountId, receivedAtMs };
  const steps = [
    { ...base, kind: 'open', id: `demo-open-${token}`, currency: demoCurrency, program: demoProgram, partner: demoPartner },
    { ...base, kind: 'cardChange', id: `demo-card-${token}`, card: record, encryptedPan: hsm.encryptPan(pan, token), maskedPan: pan.masked },
    { ...base, kind: 'load', id: `demo-load-${token}`, amountMinor: card.amountMinor },
  ] as const;
  for (const step of steps) {
    const outcome = await decideNow(ledger, accountId, step);
    if (outcome.kind !== 'decided' || outcome.answer.kind !== 'answer' || outcome.answer.response.reason !== '0000') throw new Error(`the demo card ${pan.masked} could not be made: ${outcome.kind}`);
  }
}
