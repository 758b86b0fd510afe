/** What a chip and its terminal say: DE55 and DE23. Card data of DE55 is compared and left behind: it does not leave here. */
import type { Message } from '../iso8583/codec.ts';
import type { Pan } from '../message/pan.ts';
import { isDigits } from './digits.ts';
import type { Faults } from './faults.ts';

/**
 * Tags that hold card data: track 1 and 2 (56, 57, 9F6B) and their discretionary data (9F1F, 9F20), PAN (5A), names (5F20, 9F0B), expiry
 * (5F24), service code (5F30), enciphered PIN (99).
 */
export const cardDataTags: ReadonlySet<string> = new Set(['56', '57', '5A', '5F20', '5F24', '5F30', '99', '9F0B', '9F1F', '9F20', '9F6B']);

/** The tags of DE55, to be taken apart by `readCardData`; undefined where there is none. */
export function readTags(message: Message): Map<string, string> | undefined {
  return message.has(55) ? message.tags(55) : undefined;
}

export interface ChipData {
  readonly chip: ReadonlyMap<string, string> | undefined;
  readonly panSequence: string;
}

/** @param tags consumed: card data is taken out of it */
export function readChip(message: Message, tags: Map<string, string> | undefined, pan: Pan | undefined, faults: Faults): ChipData {
  const field = message.text(23);
  const panSequence = field === undefined ? '' : field.slice(-2);
  if (tags === undefined) return { chip: undefined, panSequence };
  checkPan(tags, pan, faults);
  const ofChip = tags.get('5F34');
  if (ofChip !== undefined && !(ofChip.length === 2 && isDigits(ofChip))) faults.add(55, 'tag 5F34 is not a PAN sequence number');
  else if (ofChip !== undefined && field !== undefined && ofChip !== panSequence) faults.add(23, 'is not the PAN sequence number that the chip said');
  takeOutCardData(tags, pan);
  return { chip: tags.has('9F26') ? tags : undefined, panSequence: field === undefined ? (ofChip ?? '') : panSequence };
}

/** A cryptogram goes with the card that made it: chip data of one under the number of another is refused before any key is asked. */
function checkPan(tags: ReadonlyMap<string, string>, pan: Pan | undefined, faults: Faults): void {
  if (pan === undefined) return;
  const digits = pan.reveal();
  const ofChip = tags.get('5A');
  if (ofChip !== undefined && ofChip.replace(/F+$/, '') !== digits) faults.add(55, 'the chip data is of another card than the number');
  const track = tags.get('57');
  if (track !== undefined && !(track.startsWith(digits) && track.charAt(digits.length) === 'D')) faults.add(55, 'the track of the chip data is of another card than the number');
}

function takeOutCardData(tags: Map<string, string>, pan: Pan | undefined): void {
  for (const [path, value] of tags) {
    if (cardDataTags.has(path.length <= 4 ? path : path.slice(path.lastIndexOf('.') + 1)) || (pan !== undefined && holds(value, pan.reveal()))) tags.delete(path);
  }
}

/** A tag of a network's own may repeat the card number, packed or in ASCII. */
function holds(value: string, digits: string): boolean {
  if (value.length < digits.length) return false;
  return value.includes(digits) || (value.length >= 2 * digits.length && value.includes(digits.replace(/./g, '3$&')));
}
