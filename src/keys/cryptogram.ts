/**
 * Application cryptograms (ARQC, TC, AAC) and the issuer's answers to them (ARPC), under keys that were derived already.
 * EMV Book 2, 8.1 and 8.2: a cryptogram is the retail MAC of what the card and the terminal say; so is the answer of method 2, cut to
 * four bytes; that of method 1 is one triple DES block.
 */
import { TdesKey } from './block-cipher.ts';
import { retailMac } from './mac.ts';

/** `zeros`: ISO/IEC 9797-1 method 1, only where the last block is not full. `always80`: method 2. */
export type CryptogramPadding = 'zeros' | 'always80';

/** Eight bytes. */
export function applicationCryptogram(key: Uint8Array, data: Uint8Array, padding: CryptogramPadding): Buffer {
  return retailMac(new TdesKey(key), data, padding === 'zeros' ? 1 : 2);
}

/** Method 1 (8.2.1): eight bytes. @param responseCode two bytes */
export function responseCryptogram1(key: Uint8Array, cryptogram: Uint8Array, responseCode: Uint8Array): Buffer {
  const block = Buffer.from(cryptogram);
  block[0]! ^= responseCode[0]!;
  block[1]! ^= responseCode[1]!;
  return new TdesKey(key).encrypt(block);
}

/** Method 2 (8.2.2) without proprietary authentication data: four bytes. @param cardStatusUpdate four bytes */
export function responseCryptogram2(key: Uint8Array, cryptogram: Uint8Array, cardStatusUpdate: Uint8Array): Buffer {
  return retailMac(new TdesKey(key), Buffer.concat([cryptogram, cardStatusUpdate]), 2).subarray(0, 4);
}
