/**
 * What card cryptography costs on one core, per operation, in microseconds: CVV checks one by one and in the batches that a
 * turn of the event loop gathers, tokens, PANs sealed and opened.
 */
import { createSecretKey, randomBytes } from 'node:crypto';
import { Pan } from '../src/message/pan.ts';
import { Secret } from '../src/message/secret.ts';
import type { CardValueCheck, KeyInfo } from '../src/keys/hsm.ts';
import type { LoadedKey } from '../src/keys/key-store.ts';
import { SoftwareHsm } from '../src/keys/software-hsm.ts';

export interface KeysFigure {
  readonly operation: string;
  readonly microseconds: number;
}

/** Runs each operation about `count` times, after a tenth of it to warm up. */
export function run(count = 100_000): readonly KeysFigure[] {
  const hsm = new SoftwareHsm([loaded('token', 'token', 32), loaded('pan', 'pan', 32), loaded('cvk', 'cvk', 16)], randomBytes);
  const pans = Array.from({ length: 256 }, (_, index) => Pan.parse(`476173000000${String(1000 + index)}`)!);
  const figures: KeysFigure[] = [];
  for (const size of [1, 8, 64, 256]) {
    const checks = pans.slice(0, size).map(check);
    figures.push(measured(`CVV check, ${size} a turn`, count, size, () => hsm.verifyCardValues(checks)));
  }
  let next = 0;
  figures.push(measured('card token', count, 1, () => hsm.cardToken(pans[next++ & 255]!)));
  figures.push(measured('PAN sealed', count / 4, 1, () => hsm.encryptPan(pans[next++ & 255]!, 'row')));
  const sealed = pans.map((pan) => hsm.encryptPan(pan, 'row'));
  figures.push(measured('PAN opened', count / 4, 1, () => hsm.decryptPan(sealed[next++ & 255]!, 'row')));
  return figures;
}

function loaded(name: string, usage: KeyInfo['usage'], bytes: number): LoadedKey {
  const algorithm = ({ token: 'hmac-sha256', pan: 'aes-256', cvk: 'tdes-2key' } as const)[usage];
  return { info: { name, version: 1, usage, algorithm, kcv: '000000' }, key: createSecretKey(randomBytes(bytes)) };
}

function check(pan: Pan): CardValueCheck {
  return { kind: 'cvv', key: { name: 'cvk' }, pan, expiry: '3112', serviceCode: '201', value: new Secret('123') };
}

/** Microseconds for one of the `size` operations that a call makes. */
function measured(operation: string, count: number, size: number, call: () => unknown): KeysFigure {
  const calls = Math.max(1, Math.ceil(count / size));
  for (let index = 0; index < calls / 10; index++) call();
  const startedAtNs = process.hrtime.bigint();
  for (let index = 0; index < calls; index++) call();
  const elapsedNs = Number(process.hrtime.bigint() - startedAtNs);
  return { operation, microseconds: elapsedNs / (calls * size) / 1000 };
}

if (import.meta.main) {
  for (const { operation, microseconds } of run()) console.log(`${operation.padEnd(24)} ${microseconds.toFixed(2)} µs`);
}
