/** PIN blocks of test messages: a PIN from the command line, enciphered as the station's terminals would. Invariant: the PIN is in nothing that is printed. */
import type { PinFormat, PinKey } from '../keys/hsm-pin.ts';
import type { Pan } from '../message/pan.ts';
import type { Secret } from '../message/secret.ts';
import type { StationRow } from '../tables/rows.ts';
import { Failure } from './command.ts';
import type { TestKeys } from './send-card.ts';

export interface PinWish {
  readonly pin: Secret<string>;
  /** Of a PIN change. */
  readonly newPin: Secret<string> | undefined;
  /** Undefined: the station's own. */
  readonly format: PinFormat | undefined;
  /** Hexadecimal; empty: under the key that station and switch share. */
  readonly keySerial: string;
}

export interface EncipheredPins {
  /** Hexadecimal. */
  readonly block: string;
  readonly newBlock: string | undefined;
  readonly format: PinFormat;
  readonly keySerial: string;
}

/** @throws Failure where the station has no key for it */
export async function encipherPins(wish: PinWish, pan: Pan, { name: station, security }: Pick<StationRow, 'name' | 'security'>, keys: TestKeys): Promise<EncipheredPins> {
  const derived = wish.keySerial !== '';
  const name = derived ? security.terminalKey : security.pinKey;
  if (name === undefined) {
    throw new Failure(derived
      ? `the station ${station} has no key that its terminals derive theirs from (stations.${station}.security.terminalKey)`
      : `the station ${station} has no key for PIN blocks (stations.${station}.security.pinKey)`);
  }
  const key: PinKey = derived ? { base: { name }, keySerial: wish.keySerial } : { zone: { name } };
  const format = wish.format ?? (keys.isAes(name) ? 4 : security.pinFormat);
  const make = async (clear: Secret<string>): Promise<string> => await keys.make({ kind: 'pinBlock', clear, format, key, pan }, 'the PIN block');
  return { block: await make(wish.pin), newBlock: wish.newPin === undefined ? undefined : await make(wish.newPin), format, keySerial: wish.keySerial };
}
