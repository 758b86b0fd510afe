import { createHmac, createSecretKey } from 'node:crypto';
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { TokenMac } from '../../src/keys/token-mac.ts';

test('it is HMAC-SHA-256 for every length of text and key', () => {
  for (const keyBytes of [1, 20, 32, 64]) {
    const key = createSecretKey(Buffer.alloc(keyBytes, 0xa5));
    const mac = new TokenMac(key, 19);
    // Longest first, so that what a text leaves behind would show in the next.
    for (let length = 19; length >= 0; length -= 1) {
      const text = '9876543210987654321'.slice(0, length);
      expect(mac.of(text)).toBe(createHmac('sha256', key).update(text).digest('base64url'));
    }
  }
});

test('RFC 4231, test case 2', () => {
  const mac = new TokenMac(createSecretKey(Buffer.from('Jefe')), 28);
  expect(Buffer.from(mac.of('what do ya want for nothing?'), 'base64url').toString('hex')).toBe('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843');
});

test('a longer text or key than it has room for is our mistake', () => {
  expect(() => new TokenMac(createSecretKey(Buffer.alloc(32)), 19).of('0'.repeat(20))).toThrow('no longer than was said');
  expect(() => new TokenMac(createSecretKey(Buffer.alloc(65)), 19)).toThrow('digested first');
});

test('nothing of the key is printed', () => {
  const mac = new TokenMac(createSecretKey(Buffer.alloc(32, 0x41)), 19);
  expect(inspect(mac, { depth: 9, showHidden: true })).toBe('TokenMac {}');
  expect(JSON.stringify(mac)).toBe('{}');
});
