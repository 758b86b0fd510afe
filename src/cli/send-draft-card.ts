/**
 * What the messages of `locum send` say of the card: how it was read, and what came with it. Which field says it is the dialect's data,
 * as for the switch; what the dialect or the format has no place for is refused in a sentence.
 */
import type { Dialect } from '../dialect/dialect.ts';
import { writePlace } from '../dialect/places.ts';
import type { Coding } from '../dialect/places.ts';
import type { Entry, ValuePlace } from '../dialect/rules.ts';
import type { Draft } from '../iso8583/draft.ts';
import type { Spec } from '../iso8583/spec.ts';
import { UsageError } from './command.ts';
import { chipField } from './send-chip.ts';
import type { EncipheredPins } from './send-pin.ts';

export type EntryWish = 'manual' | 'stripe' | 'fallback' | 'chip' | 'contactless' | 'contactlessStripe' | 'ecommerce';

/** A card as it is presented. What is undefined is left out. */
export interface Presented {
  readonly entry: EntryWish;
  readonly pan: string | undefined;
  /** YYMM. */
  readonly expiry: string | undefined;
  readonly track1: string | undefined;
  readonly track2: string | undefined;
  readonly cvv2: string | undefined;
  /** Two digits. */
  readonly panSequence: string | undefined;
  readonly pin: EncipheredPins | undefined;
  /** Tags of DE55. */
  readonly chip: ReadonlyMap<string, string> | undefined;
  readonly authentication: { readonly value: string; readonly transactionId: string } | undefined;
}

/** @throws UsageError */
export function setPresented(draft: Draft, presented: Presented, dialect: Dialect, spec: Spec): void {
  const { entry, pan, expiry, track1, track2, panSequence, cvv2, pin, chip, authentication } = presented;
  const write = (field: number, text: string | undefined): void => {
    if (text !== undefined && spec.fields.has(field)) draft.set(field, text);
  };
  write(2, pan);
  write(14, expiry);
  if (spec.fields.has(22)) draft.set(22, entryMode(entry, pin !== undefined, dialect));
  write(23, panSequence?.padStart(3, '0'));
  write(35, track2);
  write(45, track1);
  const put = (what: string, place: ValuePlace | undefined, value: string, coding: Coding): void => {
    if (place === undefined) throw new UsageError(`the dialect ${dialect.name} has no place for ${what}`);
    if (!writePlace(draft, spec, place, value, coding)) throw new UsageError(`the format ${spec.name} has no field ${place.field} that could hold ${what}`);
  };
  if (cvv2 !== undefined) put('a CVV2', dialect.cvv2[0], cvv2, 'characters');
  if (pin !== undefined) setPin(draft, pin, dialect, spec, put);
  if (chip !== undefined) {
    if (spec.fields.get(55)?.kind !== 'b') throw new UsageError(`the format ${spec.name} has no field 55 for chip data`);
    draft.setBytes(55, chipField(chip));
  }
  if (authentication !== undefined) {
    put('an authentication value', dialect.authentication.values[0], authentication.value, 'hex');
    if (authentication.transactionId !== '') put('a transaction id', dialect.authentication.transactionIds[0], authentication.transactionId, 'characters');
  }
}

type Put = (what: string, place: ValuePlace | undefined, value: string, coding: Coding) => void;

/** As networks write them, where the dialect takes them for the format. */
const usualFormatCodes = { 0: '01', 1: '05', 3: '47', 4: '48' } as const;

/** DE53 up to its format code: zone encryption, DES or AES; then the zone key's index. */
const controlBegins = '20010001';

function setPin(draft: Draft, { block, newBlock, format, keySerial }: EncipheredPins, dialect: Dialect, spec: Spec, put: Put): void {
  const { blocks, newBlocks, formats, keySerials } = dialect.pin;
  put(`a PIN block of format ${format}`, (blocks.find((rule) => (rule.format === 4) === (format === 4)) ?? blocks[0])?.place, block, 'hex');
  for (const { place, codes } of formats) {
    const code = codes.get(usualFormatCodes[format]) === format ? usualFormatCodes[format] : [...codes].find(([, named]) => named === format)?.[0];
    if (code === undefined) continue;
    if (place.field === 53 && spec.fields.has(53)) draft.set(53, controlBegins.padEnd(16, '0'));
    put('the PIN block\'s format', place, code, 'hex');
    break;
  }
  if (keySerial !== '') put('a key serial number', keySerials[0], keySerial, 'hex');
  if (newBlock !== undefined) put('a new PIN', newBlocks[0], newBlock, 'hex');
}

/** What the switch must understand of DE22. */
const entries: Readonly<Record<EntryWish, Pick<Entry, 'mode' | 'trackValue'>>> = {
  manual: { mode: 'manual', trackValue: 'none' },
  stripe: { mode: 'stripe', trackValue: 'cvv' },
  fallback: { mode: 'fallback', trackValue: 'cvv' },
  chip: { mode: 'chip', trackValue: 'icvv' },
  contactless: { mode: 'contactless', trackValue: 'icvv' },
  contactlessStripe: { mode: 'contactless', trackValue: 'dynamic' },
  ecommerce: { mode: 'ecommerce', trackValue: 'none' },
};

/** The codes that most have, where the dialect takes them for the entry. */
const usualCodes: Readonly<Record<'1987' | '1993', Readonly<Record<EntryWish, string>>>> = {
  '1987': { manual: '01', stripe: '90', fallback: '80', chip: '05', contactless: '07', contactlessStripe: '91', ecommerce: '81' },
  '1993': { manual: '6', stripe: '2', fallback: '9', chip: '5', contactless: 'M', contactlessStripe: 'A', ecommerce: 'S' },
};

/** DE22. @throws UsageError where the dialect has no such entry */
function entryMode(entry: EntryWish, withPin: boolean, dialect: Dialect): string {
  const { version, entryModes: rules } = dialect;
  const { mode, trackValue } = entries[entry];
  const isWanted = (found: Entry | undefined): boolean => found?.mode === mode && found.trackValue === trackValue;
  const none = (): never => {
    throw new UsageError(`the dialect ${dialect.name} has no entry mode for ${mode}${trackValue === 'dynamic' ? ' as a stripe' : ''}`);
  };
  if (rules.form === 'bits') {
    const rule = rules.rules.find((candidate) => isWanted(candidate.entry)) ?? none();
    const bytes = Buffer.alloc(16);
    for (const { byte, mask } of rule.bits) bytes[byte]! |= mask;
    // Verification methods: online PIN.
    if (withPin) bytes[4]! |= 0x04;
    return bytes.toString('hex').toUpperCase();
  }
  const usual = version === '2003' ? '' : usualCodes[version][entry];
  const code = isWanted(rules.codes.get(usual)) ? usual : ([...rules.codes].find(([, candidate]) => isWanted(candidate))?.[0] ?? none());
  // By a terminal that has a PIN pad, which was used or not; the cardholder is there, but in e-commerce.
  if (version === '1987') return code + (withPin ? '1' : '2');
  return `0${withPin ? '1' : '0'}00${entry === 'ecommerce' ? '50' : '01'}${code}${withPin ? '1' : '0'}0000`;
}
