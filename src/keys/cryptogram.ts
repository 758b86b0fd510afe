/**
 * Application cryptograms (ARQC, TC, AAC) and the issuer's answers to them (ARPC), under keys that were derived already.
 * EMV Book 2, 8.1 and 8.2: a cryptogram is the retail MAC of what the card and the terminal say; so is the answer of method 2, cut to
 * four bytes; that of method 1 is one triple DES block.
 */
import { encryptOnce, retailMacOnce } from './single-use-cipher.ts';
import type { BlockPadding } from './single-use-cipher.ts';

/** Eight bytes. */
export function applicationCryptogram(key: Uint8Array, data: Uint8Array, padding: BlockPadding): Buffer {
  return retailMacOnce(key, data, padding);
}

/** Method 1 (8.2.1): eight bytes. @param responseCode two bytes */
export function responseCryptogram1(key: Uint8Array, cryptogram: Uint8Array, responseCode: Uint8Array): Buffer {
  const block = Buffer.from(cryptogram);
  block[0]! ^= responseCode[0]!;
  block[1]! ^= responseCode[1]!;
  return encryptOnce(key, block);
}

/** Method 2 (8.2.2) without proprietary authentication data: four bytes. @param cardStatusUpdate four bytes */
export function responseCryptogram2(key: Uint8Array, cryptogram: Uint8Array, cardStatusUpdate: Uint8Array): Buffer {
  return retailMacOnce(key, Buffer.concat([cryptogram, cardStatusUpdate]), 'always80').subarray(0, 4);
}
