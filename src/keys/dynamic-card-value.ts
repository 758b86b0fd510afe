/**
 * Values that a contactless chip makes anew for each payment where it plays a stripe: Visa's dCVV and Mastercard's CVC3, under the card's
 * key, which is derived by option A (EMV Book 2, A1.4.1).
 *
 *   dCVV   a CVV, with the counter's last four digits in place of the PAN's first four (Thales payShield host commands, PM)
 *   CVC3   IV  = last two bytes of the retail MAC of the track as it is stored, padding method 2
 *          IV | unpredictable number | ATC -> triple DES -> last two bytes as a number -> its last digits (knovichikhin/pyemv, cvv.py)
 */
import { Pan } from '../message/pan.ts';
import { TdesKey } from './block-cipher.ts';
import { CardValueBatch, CardValueKey, isDigits } from './card-value.ts';
import { cardMasterKey } from './chip-keys.ts';
import { isHex } from './hex.ts';
import type { CardValue } from './hsm-card-value.ts';
import { retailMac } from './mac.ts';

export type DynamicCardValue = Extract<CardValue, { kind: 'dcvv' | 'cvc3' }>;

/** A track on a chip, of either kind, has no more bytes. */
const trackBytesMax = 128;

/** How many digits the value has. */
export function digitsOf(value: DynamicCardValue): number {
  return value.kind === 'dcvv' ? 3 : value.digits;
}

/** Why there is no such value, in a sentence without its content; undefined: there is. */
export function faultOf(value: DynamicCardValue): string | undefined {
  if (!isDigits(value.panSequence, 2)) return 'the PAN sequence number is not two digits';
  if (!Number.isInteger(value.atc) || value.atc < 0 || value.atc > 0xffff) return 'the transaction counter is not of two bytes';
  if (value.kind === 'dcvv') return undefined;
  const track = value.staticTrack.reveal();
  if (track.length === 0 || track.length % 2 !== 0 || track.length > 2 * trackBytesMax || !isHex(track)) return 'the static track is not hexadecimal';
  if (!isDigits(value.unpredictableNumber, 8)) return 'the unpredictable number is not eight digits';
  return Number.isInteger(value.digits) && value.digits >= 3 && value.digits <= 5 ? undefined : 'a CVC3 has three to five digits in the track';
}

/** The value's digits, or a fault of a dCVV's expiry or service code. Ask `faultOf` first. */
export function dynamicCardValue(issuerKey: TdesKey, value: DynamicCardValue): { readonly digits: string } | { readonly fault: string } {
  const master = cardMasterKey(issuerKey, value.pan.reveal(), value.panSequence, 'A');
  const cardKey = new TdesKey(master);
  master.fill(0);
  return value.kind === 'dcvv' ? dcvv(cardKey, value) : { digits: cvc3(cardKey, value) };
}

const batch = new CardValueBatch();

function dcvv(cardKey: TdesKey, value: Extract<DynamicCardValue, { kind: 'dcvv' }>): { readonly digits: string } | { readonly fault: string } {
  const counter = String(value.atc).padStart(4, '0').slice(-4);
  const overlaid = Pan.parse(counter + value.pan.reveal().slice(4))!;
  const fault = batch.add({ kind: 'cvv', key: value.key, pan: overlaid, expiry: value.expiry, serviceCode: value.serviceCode });
  if (fault !== undefined) return { fault };
  batch.compute(new CardValueKey(cardKey));
  return { digits: String(batch.at(0)).padStart(3, '0') };
}

function cvc3(cardKey: TdesKey, value: Extract<DynamicCardValue, { kind: 'cvc3' }>): string {
  const mac = retailMac(cardKey, Buffer.from(value.staticTrack.reveal(), 'hex'), 2);
  const block = Buffer.alloc(8);
  block.set(mac.subarray(6, 8), 0);
  block.write(value.unpredictableNumber, 2, 'hex');
  block.writeUInt16BE(value.atc, 6);
  return String(cardKey.encrypt(block).readUInt16BE(6)).padStart(5, '0').slice(-value.digits);
}
