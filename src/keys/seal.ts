/**
 * Sealing under AES-256-GCM: what is sealed opens with the same key and the same label only, and otherwise not at all.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** Draws bytes for nonces and new keys; from the operating system in production. */
export type RandomBytes = (bytes: number) => Uint8Array;

const nonceBytes = 12;
const tagBytes = 16;
/** Nonces that are drawn at once: a call for each costs a third of what a seal costs. */
const noncesDrawn = 256;

/** Draws from `random` for many seals at once. For nonces alone: what lies in store here is no secret, and no key may. */
export function drawnNonces(random: RandomBytes): RandomBytes {
  let drawn: Uint8Array = new Uint8Array();
  let at = 0;
  return (bytes) => {
    if (at + bytes > drawn.length) {
      drawn = random(noncesDrawn * bytes);
      at = 0;
    }
    at += bytes;
    return drawn.subarray(at - bytes, at);
  };
}

/**
 * `nonce | ciphertext | tag`; the label is authenticated, not contained. Random nonces are safe for 2^32 seals under one key
 * (NIST SP 800-38D, 8.3).
 */
export function seal(key: KeyObject, clear: Uint8Array, label: string, random: RandomBytes): Buffer {
  const nonce = random(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(label, 'utf8'));
  return Buffer.concat([nonce, cipher.update(clear), cipher.final(), cipher.getAuthTag()]);
}

/** What `seal` took; undefined where the key, the label or any bit differs. */
export function unseal(key: KeyObject, sealed: Uint8Array, label: string): Buffer | undefined {
  if (sealed.length < nonceBytes + tagBytes) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(label, 'utf8'));
  decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes));
  const clear = decipher.update(sealed.subarray(nonceBytes, sealed.length - tagBytes));
  try {
    decipher.final();
  } catch {
    // The one exception that a wrong tag is reported by: what was decrypted is not to be seen.
    clear.fill(0);
    return undefined;
  }
  return clear;
}
