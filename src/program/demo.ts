/**
 * The demo program's keys and cards, made on the first start: published test keys and numbers that the documentation names, so that a
 * newcomer can see every kind of answer. Made again it changes nothing.
 */
import { Buffer } from 'node:buffer';
import { existsSync } from 'node:fs';
import { luhnDigit } from '../base/luhn.ts';
import type { CardRecord } from '../account/journal.ts';
import type { Ledger } from '../issuer/ledger.ts';
import { decideNow } from '../issuer/ledger.ts';
import { addKey, createKeyFile, generateKey } from '../keys/key-store.ts';
import type { CardVault } from '../keys/hsm.ts';
import type { MasterKey } from '../keys/master-key.ts';
import type { RandomBytes } from '../keys/seal.ts';
import { Pan } from '../message/pan.ts';
import type { Store } from '../store/store.ts';
import { demoBin, demoCurrency, demoCvk, demoPartner, demoProgram } from './demo-tables.ts';

/** The pair that the demo's verification values are made with. */
const demoCvkHex = '0123456789ABCDEFFEDCBA9876543210';


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

/** Makes the key file, where there is none: a key for tokens, one for PANs, and the demo's CVK. @returns whether it was made */
export function makeDemoKeys(keyFile: string, master: MasterKey, random: RandomBytes): boolean {
  if (existsSync(keyFile)) return false;
  createKeyFile(keyFile, master);
  generateKey(keyFile, master, { name: 'token', usage: 'token' }, random);
  generateKey(keyFile, master, { name: 'pan', usage: 'pan' }, random);
  addKey(keyFile, master, { name: demoCvk, usage: 'cvk' }, Buffer.from(demoCvkHex, 'hex'), random);
  return true;
}

export interface DemoOutside {
  readonly store: Store;
  readonly ledger: Ledger;
  readonly vault: CardVault;
  readonly now: () => number;
}

/** Opens the demo's accounts with their cards and balances, where they are not there. @throws Error where the store refuses one */
export async function makeDemoCards(outside: DemoOutside): Promise<void> {
  await Promise.all(demoCards().map((card) => makeDemoCard(card, outside)));
}

/** Opens one such account, where it is not there. @throws Error where the store refuses it */
export async function makeDemoCard(card: DemoCard, { store, ledger, vault, now }: DemoOutside): Promise<void> {
  const pan = Pan.parse(card.pan);
  if (pan === undefined) throw new Error('a demo card has a card number');
  const token = vault.cardToken(pan);
  const accountId = token.slice(0, 12);
  await store.enterAccount(token, accountId);
  const record: CardRecord = { token, state: card.state, lockCode: card.lockCode, expiry: card.expiry, serviceCode: '201' };
  const receivedAtMs = now();
  const base = { accountId, receivedAtMs };
  const steps = [
    { ...base, kind: 'open', id: `demo-open-${token}`, currency: demoCurrency, program: demoProgram, partner: demoPartner },
    { ...base, kind: 'cardChange', id: `demo-card-${token}`, card: record, encryptedPan: vault.encryptPan(pan, token), maskedPan: pan.masked },
    { ...base, kind: 'load', id: `demo-load-${token}`, amountMinor: card.amountMinor },
  ] as const;
  for (const step of steps) {
    const outcome = await decideNow(ledger, accountId, step);
    if (outcome.kind !== 'decided' || outcome.answer.response.reason !== '0000') throw new Error(`the demo card ${pan.masked} could not be made: ${outcome.kind}`);
  }
}
