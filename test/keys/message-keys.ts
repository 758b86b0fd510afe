/** Keys held by name for checks and orders of messages, made of clear bytes. */
import { createSecretKey } from 'node:crypto';
import type { KeyAlgorithm, KeyUsage } from '../../src/keys/hsm.ts';
import { KeyRing } from '../../src/keys/key-ring.ts';

export interface TestKey {
  readonly name: string;
  readonly usage: KeyUsage;
  readonly algorithm: KeyAlgorithm;
  /** Hexadecimal. */
  readonly key: string;
  readonly version?: number;
  readonly checksUntilMs?: number;
}

export const testNowMs = 1_800_000_000_000;

export function keyRing(...keys: readonly TestKey[]): KeyRing {
  const loaded = keys.map(({ key, version = 1, ...info }) => ({ info: { ...info, version, kcv: '000000' }, key: createSecretKey(Buffer.from(key, 'hex')) }));
  return new KeyRing(loaded, () => testNowMs);
}
