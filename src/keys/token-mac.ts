/**
 * HMAC-SHA-256 of short texts under one key, by its definition (RFC 2104) on the library's one-shot digest: for the token of each
 * message's card, where the library's own HMAC costs more than twice as much for the object that it makes each time.
 *
 * The key is in two blocks that are outside the heap, as a key object's is, and are printed by nothing.
 */
import { hash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { assert } from '../base/assert.ts';

const blockBytes = 64;
const digestBytes = 32;
const innerPad = 0x36;
const outerPad = 0x5c;

export class TokenMac {
  /** The key's inner block, then room for the text. */
  readonly #inner: Buffer;
  /** The key's outer block, then room for the inner digest. */
  readonly #outer: Buffer;
  /** By the text's length: what of the inner is digested. */
  readonly #views: readonly Buffer[];

  /** @param key at most 64 bytes. @param textCharactersMax of the longest text */
  constructor(key: KeyObject, textCharactersMax: number) {
    const clear = key.export();
    assert(clear.length <= blockBytes, 'a longer key would be digested first');
    this.#inner = Buffer.alloc(blockBytes + textCharactersMax);
    this.#outer = Buffer.alloc(blockBytes + digestBytes);
    for (let index = 0; index < blockBytes; index += 1) {
      this.#inner[index] = (clear[index] ?? 0) ^ innerPad;
      this.#outer[index] = (clear[index] ?? 0) ^ outerPad;
    }
    clear.fill(0);
    this.#views = Array.from({ length: textCharactersMax + 1 }, (_, length) => this.#inner.subarray(0, blockBytes + length));
  }

  /** @param text in Latin-1. @returns base64url */
  of(text: string): string {
    const view = this.#views[text.length];
    assert(view !== undefined, 'a text is no longer than was said');
    view.write(text, blockBytes, 'latin1');
    this.#outer.write(hash('sha256', view, 'latin1'), blockBytes, 'latin1');
    view.fill(0, blockBytes);
    return hash('sha256', this.#outer, 'base64url');
  }
}
