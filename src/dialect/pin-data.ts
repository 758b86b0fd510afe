/**
 * A PIN on its way: the block, its format and the serial number of its key. Says nothing about the block's content, which the HSM alone
 * can read: a block of a length or of characters that none can have is carried on, and refused there.
 */
import type { Message } from '../iso8583/codec.ts';
import { Secret } from '../message/secret.ts';
import type { Dialect } from './dialect.ts';
import type { Faults } from './faults.ts';
import { isHex } from './digits.ts';
import type { CarriedPin } from './meaning.ts';
import { firstText, placeText } from './places.ts';
import type { CodePlace, PinFormat } from './rules.ts';

/** Hexadecimal digits of a key serial number: of TDES DUKPT (ANSI X9.24-1) and of AES DUKPT (ANSI X9.24-3). */
const keySerialDigits: readonly number[] = [20, 24];

/** Undefined where no PIN is carried: then nothing is read of what would go with it. */
export function readPin(message: Message, dialect: Dialect, faults: Faults): CarriedPin | undefined {
  for (const { place, format } of dialect.pin.blocks) {
    if (!message.has(place.field)) continue;
    const block = placeText(message, place, 'hex');
    if (block === undefined || block === '') continue;
    return {
      block: new Secret(block.toUpperCase()),
      format: readFormat(message, dialect.pin.formats, faults) ?? format,
      keySerial: readKeySerial(message, dialect, faults),
    };
  }
  return undefined;
}

/** The block with the new PIN of a PIN change. */
export function readNewPin(message: Message, dialect: Dialect): Secret<string> | undefined {
  const block = firstText(message, dialect.pin.newBlocks, 'hex');
  return block === '' ? undefined : new Secret(block.toUpperCase());
}

function readFormat(message: Message, formats: readonly CodePlace<PinFormat | 'unsaid'>[], faults: Faults): PinFormat | undefined {
  for (const { place, codes } of formats) {
    const code = placeText(message, place, 'hex');
    if (code === undefined) continue;
    const format = codes.get(code);
    if (format === undefined) faults.add(place.field, 'names no PIN block format that is known here');
    return format === 'unsaid' ? undefined : format;
  }
  return undefined;
}

function readKeySerial(message: Message, dialect: Dialect, faults: Faults): string {
  for (const place of dialect.pin.keySerials) {
    const serial = placeText(message, place, 'hex');
    if (serial === undefined || serial === '') continue;
    if (keySerialDigits.includes(serial.length) && isHex(serial)) return serial.toUpperCase();
    faults.add(place.field, 'has no key serial number where one belongs');
    return '';
  }
  return '';
}
