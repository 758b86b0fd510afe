/** Keys of chips by the usage that they have, a transaction's facts, and what is published of an algorithm. */
import { createSecretKey } from 'node:crypto';
import type { KeyUsage, Product, Verdict } from '../../src/keys/hsm.ts';
import type { ChipProfileName, ChipSubject } from '../../src/keys/hsm-chip.ts';
import type { KeyName } from '../../src/keys/key-name.ts';
import { KeyRing } from '../../src/keys/key-ring.ts';
import { published } from '../vectors/published.ts';
import { pan } from './fixture.ts';

/** A ring of keys that are named as their usage; several of one usage are versions 1, 2, … and may all be used. Hexadecimal. */
export function ringOf(keys: Readonly<Partial<Record<KeyUsage, string | readonly string[]>>>): KeyRing {
  const loaded = Object.entries(keys).flatMap(([usage, values]) =>
    [values].flat().map((hex, index) => ({
      info: { name: usage, version: index + 1, usage: usage as KeyUsage, algorithm: 'tdes-2key' as const, kcv: '000000', checksUntilMs: 1 },
      key: createSecretKey(Buffer.from(hex, 'hex')),
    })),
  );
  return new KeyRing(loaded, () => 0);
}

export interface Subject extends ChipSubject {
  readonly key: KeyName;
  readonly tags: ReadonlyMap<string, string>;
}

export function subjectOf(of: { readonly profile: ChipProfileName; readonly pan: string; readonly panSequence: string; readonly masterKeyOption: 'A' | 'B'; readonly tags: Readonly<Record<string, string>> }): Subject {
  return { ...of, pan: pan(of.pan), key: { name: 'imk-ac' }, tags: new Map(Object.entries(of.tags)) };
}

export const scriptKeys = { integrityKey: { name: 'imk-smi' }, confidentialityKey: { name: 'imk-smc' }, cryptogramKey: { name: 'imk-ac' } };

export function valueOf(product: Product): string {
  return 'error' in product ? product.error.reason : product.value.reveal();
}

export function reasonOf(result: Verdict | Product): string {
  return typeof result === 'object' && 'error' in result ? `${result.error.code}: ${result.error.reason}` : 'not refused';
}

/** What is published of the algorithm in the file; none where the folder is not named, and no fewer than are known where it is. */
export function publishedChip(algorithm: string, atLeast: number, file = 'emv.json'): readonly unknown[] {
  const found = published(file, algorithm);
  if ((process.env['LOCUM_VECTORS'] ?? '') !== '' && found.length < atLeast) throw new Error(`${algorithm} has ${found.length} vectors, and had ${atLeast}`);
  return found;
}

export const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
export const hex = (of: Buffer): string => of.toString('hex').toUpperCase();
