/**
 * Who the card is and how it was read: DE2, DE14, DE22, DE34, DE35, DE45, a chip's track in DE55, and the verification value to check.
 * Everything that must not be read by accident leaves here inside a Pan or a Secret.
 */
import type { Message } from '../iso8583/codec.ts';
import { Pan } from '../message/pan.ts';
import { Secret } from '../message/secret.ts';
import { readChip, readTags } from './chip-data.ts';
import type { ChipData } from './chip-data.ts';
import type { Dialect } from './dialect.ts';
import { isDigits } from './digits.ts';
import type { Faults } from './faults.ts';
import type { CarriedCardValue } from './meaning.ts';
import { placeText } from './places.ts';
import type { Entry, TrackValue } from './rules.ts';
import { isExpiry } from './times.ts';

export interface CardData extends ChipData {
  readonly pan: Pan | undefined;
  readonly expiry: string | undefined;
  readonly trackExpiry: string | undefined;
  readonly entry: Entry;
  readonly cardValue: CarriedCardValue | undefined;
  readonly trackDiscretionary: Secret<string> | undefined;
}

/** A track, taken apart. Lives no longer than the reading of its message. */
interface Track {
  readonly field: number;
  readonly digits: string;
  /** Empty where the track has a separator instead. */
  readonly expiry: string;
  readonly serviceCode: string;
  readonly discretionary: string;
  readonly valueAt: number;
}

export function readCardData(message: Message, dialect: Dialect, faults: Faults): CardData {
  const tags = readTags(message);
  const track = readTrack(message, dialect, tags?.get('57'), faults);
  const expiry = message.text(14);
  if (expiry !== undefined && !isExpiry(expiry)) faults.add(14, 'is not a month');
  const entry = readEntry(message, dialect);
  const pan = readPan(message, track, dialect, faults);
  const chip = readChip(message, tags, pan, faults);
  return {
    pan,
    expiry,
    trackExpiry: track === undefined || track.expiry === '' ? undefined : track.expiry,
    entry,
    cardValue: chooseCardValue(message, dialect, entry, track, expiry),
    trackDiscretionary: track === undefined || track.field === 45 || entry.trackValue === 'dynamic' || !isDigits(track.discretionary) ? undefined : new Secret(track.discretionary),
    chip: chip.chip,
    panSequence: chip.panSequence,
  };
}

function readPan(message: Message, track: Track | undefined, dialect: Dialect, faults: Faults): Pan | undefined {
  const text = message.text(2);
  if (text !== undefined) {
    const pan = Pan.parse(text);
    if (pan === undefined) faults.add(2, 'is not a card number');
    else if (track !== undefined && track.digits !== text) faults.add(track.field, 'the track is of another card than the number');
    return pan;
  }
  // DE34 of 2003 is something else.
  const extended = track === undefined && dialect.version !== '2003' ? message.text(34)?.trim() : undefined;
  const digits = track?.digits ?? extended;
  if (digits === undefined) {
    faults.add(2, 'the card number is missing');
    return undefined;
  }
  const pan = Pan.parse(digits);
  if (pan === undefined) faults.add(track?.field ?? 34, 'has no card number');
  return pan;
}

function readTrack(message: Message, dialect: Dialect, chip: string | undefined, faults: Faults): Track | undefined {
  const track2 = message.text(35);
  if (track2 !== undefined) return checked(splitTrack2(track2, 35, dialect.track2ValueAt), 35, faults);
  const track1 = message.text(45);
  if (track1 !== undefined) return checked(splitTrack1(track1, dialect.track1ValueAt), 45, faults);
  return chip === undefined ? undefined : checked(splitTrack2(chip.endsWith('F') ? chip.slice(0, -1) : chip, 55, dialect.track2ValueAt), 55, faults);
}

function checked(track: Track | undefined, field: number, faults: Faults): Track | undefined {
  if (track === undefined || (track.expiry !== '' && !isExpiry(track.expiry))) faults.add(field, 'is not a track');
  return track;
}

/** PAN, separator, YYMM, service code, discretionary data (ISO/IEC 7813); a separator stands for a date or code that is not there. */
function splitTrack2(text: string, field: number, valueAt: number): Track | undefined {
  let at = text.indexOf('=');
  if (at < 0) at = text.indexOf('D');
  return at < 0 ? undefined : splitAfter(text, text.slice(0, at), at + 1, text.charAt(at), field, valueAt);
}

/** Format B: PAN, name and the rest between carets; with or without the format code and its sentinel. */
function splitTrack1(text: string, valueAt: number): Track | undefined {
  const first = text.indexOf('^');
  const second = first < 0 ? -1 : text.indexOf('^', first + 1);
  if (second < 0) return undefined;
  let start = text.startsWith('%') ? 1 : 0;
  if (text.startsWith('B', start)) start++;
  return splitAfter(text, text.slice(start, first), second + 1, '^', 45, valueAt);
}

function splitAfter(text: string, digits: string, start: number, separator: string, field: number, valueAt: number): Track {
  let at = start;
  const hasExpiry = !text.startsWith(separator, at);
  const expiry = hasExpiry ? text.slice(at, at + 4) : '';
  at += hasExpiry ? 4 : 1;
  const hasService = at < text.length && !text.startsWith(separator, at);
  const serviceCode = hasService ? text.slice(at, at + 3) : '';
  at += hasService ? 3 : 1;
  return { field, digits, expiry, serviceCode, discretionary: text.slice(at).trimEnd(), valueAt };
}

const unknownEntry: Entry = { mode: 'unknown', cardPresent: true, trackValue: 'cvv' };
const unknownChipEntry: Entry = { mode: 'unknown', cardPresent: true, trackValue: 'icvv' };

/** What DE22 says; where it says nothing, what the message's other fields let one suppose. */
export function readEntry(message: Message, dialect: Dialect): Entry {
  const rules = dialect.entryModes;
  if (rules.form === 'codes') {
    const text = message.text(rules.field);
    const entry = text === undefined ? undefined : rules.codes.get(text.slice(rules.at, rules.at + rules.length));
    if (entry !== undefined) return entry;
  } else {
    const bytes = message.bytes(rules.field);
    for (const rule of bytes === undefined ? [] : rules.rules) {
      if (rule.bits.every(({ byte, mask }) => ((bytes?.[byte] ?? 0) & mask) !== 0)) return rule.entry;
    }
  }
  return message.has(55) ? unknownChipEntry : unknownEntry;
}

/** The track's value where the entry is one that has it; otherwise the CVV2, if there is one. */
function chooseCardValue(message: Message, dialect: Dialect, entry: Entry, track: Track | undefined, expiry: string | undefined): CarriedCardValue | undefined {
  const fromTrack = track === undefined ? undefined : trackValueOf(track, entry.trackValue);
  if (fromTrack !== undefined) return fromTrack;
  const values = dialect.cvv2.map((place) => placeText(message, place, 'characters') ?? '').filter((value) => value !== '');
  // What is none is carried all the same, and fails: it is not left unchecked for being wrong.
  const value = values.find((one) => (one.length === 3 || one.length === 4) && isDigits(one)) ?? values[0];
  return value === undefined ? undefined : carried('cvv2', value, expiry ?? (track?.expiry || undefined), '000');
}

function trackValueOf(track: Track, kind: TrackValue): CarriedCardValue | undefined {
  if (kind === 'none' || track.expiry === '') return undefined;
  if (kind === 'dynamic') return contactlessStripe(track);
  const { discretionary, valueAt } = track;
  const start = valueAt < 0 ? discretionary.length + valueAt : valueAt;
  // Cut off, or of letters, it is carried as a wrong one.
  const value = start < 0 ? '' : discretionary.slice(start, start + 3);
  if (value.trim() === '') return undefined;
  if (kind === 'icvv') return carried('icvv', value, track.expiry, '999');
  return track.serviceCode === '' ? undefined : carried('cvv', value, track.expiry, track.serviceCode);
}

/** Of track 2 alone: where track 1 has the value and the counter differs from card to card. */
function contactlessStripe({ field, expiry, serviceCode, discretionary }: Track): CarriedCardValue | undefined {
  if (field === 45 || serviceCode === '' || !isDigits(discretionary)) return undefined;
  return { kind: 'contactlessStripe', expiry, serviceCode, discretionary: new Secret(discretionary) };
}

function carried(kind: 'cvv' | 'icvv' | 'cvv2', value: string, expiry: string | undefined, serviceCode: string): CarriedCardValue {
  return { kind, value: new Secret(value), expiry, serviceCode };
}
