/**
 * Commands to a card under secure messaging (EMV Book 2, 9; Book 3, 6.5), as bytes for tag 86:
 *
 *   84 | INS | P1 | P2 | Lc | enciphered data (a PIN change only) | MAC
 *
 * The class byte 84 says that data and MAC are in a form which the card's issuer knows (format 2). Keys come from outside.
 */
import type { ScriptProfile } from './chip-profile.ts';
import { encryptChainedOnce, encryptOnce, inBlocks, retailMacOnce } from './single-use-cipher.ts';

/** INS, P1 and P2 (Book 3: 6.5.1, 6.5.2, 6.5.10). A PIN change carries its new PIN alone: P2 is 02. */
const instructions = {
  applicationBlock: Buffer.from('841E0000', 'hex'),
  applicationUnblock: Buffer.from('84180000', 'hex'),
  pinUnblock: Buffer.from('84240000', 'hex'),
  pinChange: Buffer.from('84240002', 'hex'),
};

export type Instruction = keyof typeof instructions;

/** The transaction in whose answer the command travels. */
export interface ScriptTransaction {
  /** Two bytes. */
  readonly atc: Buffer;
  /** Eight bytes; of the command that it is for, where the profile counts them. */
  readonly cryptogram: Buffer;
}

/** @param data enciphered, or empty */
export function scriptCommand(instruction: Instruction, data: Buffer, integrityKey: Uint8Array, { atc, cryptogram }: ScriptTransaction, profile: ScriptProfile): Buffer {
  const header = Buffer.concat([instructions[instruction], Buffer.of(data.length + profile.macBytes)]);
  const covered = profile.transactionData === 'before' ? [cryptogram, header, data] : [header, atc, cryptogram, data];
  const mac = retailMacOnce(integrityKey, Buffer.concat(covered), 'always80');
  return Buffer.concat([header, data, mac.subarray(0, profile.macBytes)]);
}

/** The cryptogram plus the command's number, as one big integer that wraps. */
export function countedCryptogram(cryptogram: Buffer, sequence: number): Buffer {
  const counted = Buffer.alloc(8);
  counted.writeBigUInt64BE(BigInt.asUintN(64, cryptogram.readBigUInt64BE(0) + BigInt(sequence)));
  return counted;
}

/**
 * The new PIN as its card takes it; eight bytes, to be wiped.
 *
 * @param pin its digits, 4 to 12
 * @param cardKey the card's master key for cryptograms: of Visa's block its fifth to eighth byte are part
 */
export function pinBlock(pin: Uint8Array, form: ScriptProfile['pinBlock'], cardKey: Uint8Array | undefined): Buffer {
  const block = Buffer.alloc(8, 0xff);
  block[0] = form === 'iso-2' ? 0x20 | pin.length : pin.length;
  for (let index = 0; index < pin.length; index++) {
    const at = 1 + (index >> 1);
    const digit = pin[index]! - 48;
    block[at] = index % 2 === 0 ? (digit << 4) | 0x0f : (block[at]! & 0xf0) | digit;
  }
  if (cardKey !== undefined) for (let index = 4; index < 8; index++) block[index]! ^= cardKey[index]!;
  return block;
}

export function encipherData(data: Buffer, key: Uint8Array, profile: ScriptProfile): Buffer {
  const clear = paddedData(data, profile.dataPadding);
  const enciphered = profile.encipherment === 'ecb' ? encryptOnce(key, clear) : encryptChainedOnce(key, clear);
  clear.fill(0);
  return enciphered;
}

function paddedData(data: Buffer, padding: ScriptProfile['dataPadding']): Buffer {
  if (padding === 'always80') return inBlocks(data, 'always80');
  if (padding === 'onlyIfShort') return data.length % 8 === 0 ? Buffer.from(data) : inBlocks(data, 'always80');
  const prefixed = Buffer.concat([Buffer.of(data.length), data]);
  const result = inBlocks(prefixed, 'always80');
  prefixed.fill(0);
  return result;
}
