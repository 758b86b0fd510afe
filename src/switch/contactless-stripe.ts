/**
 * Tracks that a contactless chip makes anew for each payment (dCVV, CVC3): where in the discretionary data the value, the counter and
 * the terminal's number are. What is left when those places are zeros is the track as the chip holds it.
 */
import type { CarriedCardValue } from '../dialect/meaning.ts';
import type { CardValueCheck } from '../keys/hsm-card-value.ts';
import type { CardValueVerdict } from '../message/message.ts';
import type { Pan } from '../message/pan.ts';
import { Secret } from '../message/secret.ts';

interface Place {
  readonly at: number;
  readonly length: number;
}

export interface ContactlessStripe {
  readonly form: 'dcvv' | 'cvc3';
  /** Name of a key of usage `imk-cvc`. */
  readonly key: string;
  readonly value: Place;
  readonly atc: Place;
  readonly unpredictableNumber: Place | undefined;
}

/** The check of such a track's value; undefined where the track is too short to have one. */
export function contactlessCheck(
  carried: Extract<CarriedCardValue, { kind: 'contactlessStripe' }>, pan: Pan, panSequence: string, rules: ContactlessStripe,
): CardValueCheck | undefined {
  const { expiry, serviceCode } = carried;
  const discretionary = carried.discretionary.reveal();
  const value = digitsAt(discretionary, rules.value);
  const counter = digitsAt(discretionary, rules.atc);
  const number = rules.unpredictableNumber === undefined ? '' : digitsAt(discretionary, rules.unpredictableNumber);
  if (value === undefined || counter === undefined || number === undefined) return undefined;
  const subject = {
    key: { name: rules.key }, pan, panSequence: panSequence === '' ? '00' : panSequence, atc: Number(counter), value: new Secret(value),
  };
  if (rules.form === 'dcvv') return { ...subject, kind: 'dcvv', expiry, serviceCode };
  const places = [rules.value, rules.atc, ...(rules.unpredictableNumber === undefined ? [] : [rules.unpredictableNumber])];
  const held = places.reduce((text, { at, length }) => text.slice(0, at) + '0'.repeat(length) + text.slice(at + length), discretionary);
  const track = `${pan.reveal()}D${expiry}${serviceCode}${held}`;
  return {
    ...subject, kind: 'cvc3', staticTrack: new Secret(track.length % 2 === 0 ? track : `${track}F`), unpredictableNumber: number.padStart(8, '0'),
    digits: rules.value.length,
  };
}

/** What is known of the counter that a value was made with: a dCVV covers its last four digits, a CVC3 all of it. */
export function counterOf(check: CardValueCheck): CardValueVerdict['counter'] {
  if (check.kind === 'dcvv') return { panSequence: check.panSequence, atc: check.atc % 10_000, modulus: 10_000 };
  return check.kind === 'cvc3' ? { panSequence: check.panSequence, atc: check.atc, modulus: 0x1_0000 } : undefined;
}

function digitsAt(text: string, { at, length }: Place): string | undefined {
  const digits = text.slice(at, at + length);
  return digits.length === length && /^[0-9]+$/.test(digits) ? digits : undefined;
}
