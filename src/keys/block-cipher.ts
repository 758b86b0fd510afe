/**
 * Keyed block ciphers, made once per key and used many times: in ECB mode without padding a cipher has no state but its key.
 *
 * Single DES is not in the library any more; triple DES with three times the same key is the same function. Who hands over key bytes
 * wipes them; what is kept here is in the library, where nothing prints it.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Cipheriv, Decipheriv } from 'node:crypto';
import { assert } from '../base/assert.ts';

/** A triple DES key of 8 (single DES), 16 or 24 bytes. Blocks of 8 bytes; several in one call cost little more than one. */
export class TdesKey {
  readonly #triple: Buffer;
  #encryptor: Cipheriv | undefined;
  #decryptor: Decipheriv | undefined;
  #left: TdesKey | undefined;
  #right: TdesKey | undefined;

  constructor(key: Uint8Array) {
    this.#triple = asTriple(key);
  }

  get blockBytes(): 8 {
    return 8;
  }

  encrypt(blocks: Uint8Array): Buffer {
    this.#encryptor ??= createCipheriv('des-ede3-ecb', this.#triple, null).setAutoPadding(false);
    return this.#encryptor.update(blocks);
  }

  decrypt(blocks: Uint8Array): Buffer {
    this.#decryptor ??= createDecipheriv('des-ede3-ecb', this.#triple, null).setAutoPadding(false);
    return this.#decryptor.update(blocks);
  }

  /** Cipher block chaining from an IV of eight bytes. */
  encryptChained(blocks: Uint8Array, iv: Uint8Array): Buffer {
    return createCipheriv('des-ede3-cbc', this.#triple, iv).setAutoPadding(false).update(blocks);
  }

  decryptChained(blocks: Uint8Array, iv: Uint8Array): Buffer {
    return createDecipheriv('des-ede3-cbc', this.#triple, iv).setAutoPadding(false).update(blocks);
  }

  /** The key's first eight bytes as a single DES key. */
  get left(): TdesKey {
    this.#left ??= new TdesKey(this.#triple.subarray(0, 8));
    return this.#left;
  }

  /** The key's second eight bytes as a single DES key. */
  get right(): TdesKey {
    this.#right ??= new TdesKey(this.#triple.subarray(8, 16));
    return this.#right;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[key]';
  }
}

/** An AES key of 16, 24 or 32 bytes. Blocks of 16 bytes. */
export class AesKey {
  readonly #key: Buffer;
  #encryptor: Cipheriv | undefined;
  #decryptor: Decipheriv | undefined;

  constructor(key: Uint8Array) {
    assert(key.length === 16 || key.length === 24 || key.length === 32, 'an AES key has 16, 24 or 32 bytes');
    this.#key = Buffer.from(key);
  }

  get blockBytes(): 16 {
    return 16;
  }

  get keyBytes(): number {
    return this.#key.length;
  }

  encrypt(blocks: Uint8Array): Buffer {
    this.#encryptor ??= createCipheriv(`aes-${this.#key.length * 8}-ecb`, this.#key, null).setAutoPadding(false);
    return this.#encryptor.update(blocks);
  }

  decrypt(blocks: Uint8Array): Buffer {
    this.#decryptor ??= createDecipheriv(`aes-${this.#key.length * 8}-ecb`, this.#key, null).setAutoPadding(false);
    return this.#decryptor.update(blocks);
  }

  encryptChained(blocks: Uint8Array, iv: Uint8Array): Buffer {
    return createCipheriv(`aes-${this.#key.length * 8}-cbc`, this.#key, iv).setAutoPadding(false).update(blocks);
  }

  decryptChained(blocks: Uint8Array, iv: Uint8Array): Buffer {
    return createDecipheriv(`aes-${this.#key.length * 8}-cbc`, this.#key, iv).setAutoPadding(false).update(blocks);
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[key]';
  }
}

/** Eight bytes thrice, sixteen as K1 K2 K1, twenty-four as they are. */
function asTriple(key: Uint8Array): Buffer {
  assert(key.length === 8 || key.length === 16 || key.length === 24, 'a DES key has 8, 16 or 24 bytes');
  const triple = Buffer.alloc(24);
  for (let index = 0; index < 24; index++) triple[index] = key[index % key.length]!;
  return triple;
}

/** The bytes with each one's lowest bit set so that its ones are odd in number, as a DES key has them (FIPS 46-3). Another buffer. */
export function withOddParity(key: Uint8Array): Buffer {
  const adjusted = Buffer.from(key);
  for (let index = 0; index < adjusted.length; index++) adjusted[index] = oddParity(adjusted[index]!);
  return adjusted;
}

export function hasOddParity(key: Uint8Array): boolean {
  return key.every((byte) => oddParity(byte) === byte);
}

function oddParity(byte: number): number {
  let ones = 0;
  for (let bit = 1; bit < 8; bit++) ones ^= (byte >> bit) & 1;
  return (byte & 0xfe) | (ones ^ 1);
}
