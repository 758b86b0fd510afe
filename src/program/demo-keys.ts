/**
 * The demo's keys: published test keys that the documentation names, so that anyone's client can make its PIN blocks, cryptograms and
 * message authentication codes. What protects the demo's own files is drawn.
 */
import { Buffer } from 'node:buffer';
import { existsSync } from 'node:fs';
import type { KeyAlgorithm, KeyUsage } from '../keys/hsm.ts';
import { addKey, createKeyFile, generateKey, listKeys } from '../keys/key-store.ts';
import type { MasterKey } from '../keys/master-key.ts';
import type { RandomBytes } from '../keys/seal.ts';

export interface DemoKey {
  readonly name: string;
  readonly usage: KeyUsage;
  readonly algorithm: KeyAlgorithm;
  readonly hex: string;
}

/** In the order of the documentation (docs/security.md). */
export const demoKeys: readonly DemoKey[] = [
  { name: 'demo-cvk', usage: 'cvk', algorithm: 'tdes-2key', hex: '0123456789ABCDEFFEDCBA9876543210' },
  { name: 'demo-pvk', usage: 'pvk', algorithm: 'tdes-2key', hex: 'ABD602238C15D0B6E9CD5801BFD3AECD' },
  { name: 'demo-zpk', usage: 'zpk', algorithm: 'tdes-2key', hex: '1A34383DF10DF873702A8579206BC2AB' },
  { name: 'demo-bdk', usage: 'bdk', algorithm: 'tdes-2key', hex: '0123456789ABCDEFFEDCBA9876543210' },
  { name: 'demo-bdk-aes', usage: 'bdk', algorithm: 'aes-128', hex: 'FEDCBA9876543210F1F1F1F1F1F1F1F1' },
  { name: 'demo-imk-ac', usage: 'imk-ac', algorithm: 'tdes-2key', hex: '0123456789ABCDEFFEDCBA9876543210' },
  { name: 'demo-imk-smi', usage: 'imk-smi', algorithm: 'tdes-2key', hex: 'FEDCBA98765432100123456789ABCDEF' },
  { name: 'demo-imk-smc', usage: 'imk-smc', algorithm: 'tdes-2key', hex: '89ABCDEF0123456776543210FEDCBA98' },
  { name: 'demo-imk-cvc', usage: 'imk-cvc', algorithm: 'tdes-2key', hex: '01234567899876543210012345678998' },
  { name: 'demo-cavv', usage: 'cavv', algorithm: 'tdes-2key', hex: 'E9A179FDC85E70C4FDFE015486024654' },
  { name: 'demo-zak', usage: 'zak', algorithm: 'tdes-2key', hex: '1640734FFBB3CE13F2B3DF6464A1C408' },
  { name: 'demo-kek', usage: 'kek', algorithm: 'tdes-2key', hex: 'ECC25208B6FD2023E9767A5489BC9415' },
  { name: 'demo-bureau', usage: 'kek', algorithm: 'aes-256', hex: '603DEB1015CA71BE2B73AEF0857D77811F352C073B6108D72D9810A30914DFF4' },
];

/** Makes the key file where there is none, and adds what is missing of the demo's keys. @returns whether it was made */
export function makeDemoKeys(keyFile: string, master: MasterKey, random: RandomBytes): boolean {
  const isNew = !existsSync(keyFile);
  if (isNew) createKeyFile(keyFile, master);
  const held = listKeys(keyFile);
  for (const usage of ['token', 'pan', 'pin'] as const) {
    if (!held.some((key) => key.usage === usage)) generateKey(keyFile, master, { name: usage, usage }, random);
  }
  for (const { name, usage, algorithm, hex } of demoKeys) {
    if (!held.some((key) => key.name === name)) addKey(keyFile, master, { name, usage, algorithm }, Buffer.from(hex, 'hex'), random);
  }
  return isNew;
}
