/**
 * CVV, iCVV and CVV2 (the common three-digit algorithm over a two-key triple DES CVK), many values in two calls to the library:
 *
 *   PAN | expiry | service code, as hex digits, padded with zeros to 32
 *     left 16 -> DES under K1 -> xor right 16 -> triple DES under K1, K2 -> decimalize -> three digits
 *
 * A call to the library costs what a handful of blocks cost, so all left halves go in one call and all sums in another.
 * Invariant: what is written for one value never depends on another's place in the batch.
 */
import { assert } from '../base/assert.ts';
import { TdesKey, withOddParity } from './block-cipher.ts';
import type { CardValue } from './hsm-card-value.ts';

/** The values that are the same for every payment. */
export type FixedCardValue = Extract<CardValue, { kind: 'cvv' | 'icvv' | 'cvv2' }>;

/** Values that one batch takes; work buffers are made for it once. */
export const cardValuesMax = 256;

const blockBytes = 8;

/** Highest generation of a CVV2. */
export const cvv2GenerationMax = 0xffff;

/** A CVK's two ciphers: the algorithm begins with the left half alone. */
export class CardValueKey {
  readonly #key: TdesKey;

  constructor(key: TdesKey) {
    this.#key = key;
  }

  /**
   * The key of a CVV2's generation, so that a value of an earlier one does not verify. Generation 0 is the CVK itself; a later one's
   * halves are `CVV2 | generation (2 bytes) | 0 | half (1, 2)`, each enciphered under the CVK, with odd parity: a derivation of our own,
   * as the schemes leave to the issuer how a value is made anew.
   */
  generation(generation: number): CardValueKey {
    if (generation === 0) return this;
    const halves = Buffer.from('43565632000000014356563200000002', 'hex');
    halves.writeUInt16BE(generation, 4);
    halves.writeUInt16BE(generation, 12);
    const clear = this.#key.encrypt(halves);
    const adjusted = withOddParity(clear);
    const derived = new CardValueKey(new TdesKey(adjusted));
    clear.fill(0);
    adjusted.fill(0);
    return derived;
  }

  encryptSingle(blocks: Uint8Array): Buffer {
    return this.#key.left.encrypt(blocks);
  }

  encryptTriple(blocks: Uint8Array): Buffer {
    return this.#key.encrypt(blocks);
  }
}

/** Work space for one batch under one key: `start`, `add` each, `compute`, then read each. Not shared by batches under way. */
export class CardValueBatch {
  readonly #left = Buffer.alloc(cardValuesMax * blockBytes);
  readonly #right = Buffer.alloc(cardValuesMax * blockBytes);
  #size = 0;
  #result: Uint8Array = this.#left;

  get size(): number {
    return this.#size;
  }

  /** Adds a value, or says in a sentence why there is none; a refused value takes no place. */
  add(value: FixedCardValue): string | undefined {
    assert(this.#size < cardValuesMax, 'a batch of card values has a bounded size');
    const expiry = value.expiry;
    if (!isDigits(expiry, 4)) return 'the expiry is not four digits';
    const code = serviceCodeOf(value);
    if (code === undefined) return 'the service code is not three digits, or is one that no stripe carries';
    this.#left.fill(0, this.#size * blockBytes, (this.#size + 1) * blockBytes);
    this.#right.fill(0, this.#size * blockBytes, (this.#size + 1) * blockBytes);
    const pan = value.pan.reveal();
    this.#write(pan, 0);
    this.#write(value.kind === 'cvv2' && value.expiryOrder === 'mmyy' ? expiry.slice(2) + expiry.slice(0, 2) : expiry, pan.length);
    this.#write(code, pan.length + 4);
    this.#size++;
    return undefined;
  }

  compute(key: CardValueKey): void {
    const bytes = this.#size * blockBytes;
    const right = this.#right;
    const sum = key.encryptSingle(this.#left.subarray(0, bytes));
    for (let index = 0; index < bytes; index++) sum[index]! ^= right[index]!;
    this.#result = key.encryptTriple(sum);
    this.#size = 0;
  }

  /** The value at a place, 0 to 999; to be read before the next `compute`. */
  at(place: number): number {
    return decimalize(this.#result, place * blockBytes);
  }

  /** Packs digits as nibbles: the first sixteen of a value go to the left block, the others to the right one. */
  #write(digits: string, offset: number): void {
    for (let index = 0; index < digits.length; index++) {
      const nibble = offset + index;
      const block = nibble < 16 ? this.#left : this.#right;
      const byte = this.#size * blockBytes + ((nibble & 15) >> 1);
      const digit = digits.charCodeAt(index) - 48;
      block[byte] = block[byte]! | ((nibble & 1) === 0 ? digit << 4 : digit);
    }
  }
}

/** Exactly `count` decimal digits. */
export function isDigits(text: string, count: number): boolean {
  if (text.length !== count) return false;
  for (let index = 0; index < count; index++) {
    const code = text.charCodeAt(index);
    if (code < 48 || code > 57) return false;
  }
  return true;
}

/**
 * 000 and 999 stand for CVV2 and iCVV. On a stripe they would let a value read from a chip or a card's back pass as a CVV,
 * so a CVV over them does not exist.
 */
function serviceCodeOf(value: FixedCardValue): string | undefined {
  if (value.kind === 'icvv') return '999';
  if (value.kind === 'cvv2') return '000';
  const code = value.serviceCode;
  return isDigits(code, 3) && code !== '000' && code !== '999' ? code : undefined;
}

/** The first three of: all hex digits 0 to 9 from the left, then all A to F from the left, less ten. */
function decimalize(bytes: Uint8Array, offset: number): number {
  let value = 0;
  let count = 0;
  for (let letters = 0; letters < 2; letters++) {
    for (let nibble = 0; nibble < 16 && count < 3; nibble++) {
      const byte = bytes[offset + (nibble >> 1)]!;
      const digit = (nibble & 1) === 0 ? byte >> 4 : byte & 15;
      if (digit > 9 === (letters === 1)) {
        value = value * 10 + (letters === 1 ? digit - 10 : digit);
        count++;
      }
    }
  }
  return value;
}
