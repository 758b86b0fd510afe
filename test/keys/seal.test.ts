import { createSecretKey, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { drawnNonces, seal, unseal } from '../../src/keys/seal.ts';

test('nonces that are drawn for many seals at once are each used for one, and open what they sealed', () => {
  const key = createSecretKey(randomBytes(32));
  let calls = 0;
  const nonces = drawnNonces((bytes) => {
    calls += 1;
    return randomBytes(bytes);
  });
  const clear = Buffer.from('what is sealed');
  const sealed = Array.from({ length: 1_000 }, (_, index) => seal(key, clear, `label ${index}`, nonces));
  expect(new Set(sealed.map((each) => each.subarray(0, 12).toString('hex'))).size).toBe(1_000);
  expect(calls).toBeLessThan(10);
  expect(sealed.every((each, index) => unseal(key, each, `label ${index}`)?.equals(clear) === true)).toBe(true);
  expect(unseal(key, sealed[0]!, 'label 1')).toBe(undefined);
});
