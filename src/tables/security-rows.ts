/**
 * What a station's and a program's row say of keys, PINs, chips and authentication values, as the switch works with it. The schema has
 * checked each value; here are the rules between them.
 */
import { ConfigError } from '../base/schema.ts';
import type { ChipProfileName } from '../keys/hsm-chip.ts';
import type { PinMethod } from '../keys/hsm-pin.ts';
import { schemeProfiles, standingFindings } from '../switch/chip-rules.ts';
import type { ChipKeys, ChipRules, FindingRule } from '../switch/chip-rules.ts';
import type { ContactlessStripe } from '../switch/contactless-stripe.ts';
import type { PinRules, ProgramRules } from '../switch/routing.ts';
import type { StationSecurity } from '../switch/station-security.ts';

export type ProgramSecurity = Pick<ProgramRules, 'pin' | 'chip' | 'contactlessStripe' | 'authentication'>;

interface PinDocument {
  readonly method: PinMethod['method'];
  readonly pvks: Readonly<Record<string, string>>;
  readonly longerPins: 'refused' | 'leftmostFour';
  readonly triesMax: number;
  readonly trackReferenceAt?: number;
  readonly decimalisationTable?: string;
  readonly validation: { readonly start: number; readonly length: number; readonly pad?: string };
}

interface FindingDocument extends Omit<FindingRule, 'mask' | 'value'> {
  readonly mask: string;
  readonly value?: string;
}

interface ChipDocument extends Omit<ChipRules, 'keys' | 'profiles' | 'findings'> {
  readonly keys: Readonly<Record<string, { readonly ac: string; readonly smi?: string; readonly smc?: string }>>;
  readonly profiles: Readonly<Record<string, ChipProfileName>>;
  readonly findings: readonly FindingDocument[];
}

type StripeDocument = Omit<ContactlessStripe, 'unpredictableNumber'> & { readonly unpredictableNumber?: ContactlessStripe['unpredictableNumber'] };

/** @throws ConfigError with the place in the program's row */
export function readProgramSecurity(document: unknown, path: string): ProgramSecurity {
  const { pin, chip, contactlessStripe, authentication } = document as {
    readonly pin?: PinDocument; readonly chip?: ChipDocument; readonly contactlessStripe?: StripeDocument; readonly authentication?: ProgramRules['authentication'];
  };
  return {
    pin: pin === undefined ? undefined : readPin(pin, `${path}.pin`),
    chip: chip === undefined ? undefined : readChipRules(chip, `${path}.chip`),
    contactlessStripe: contactlessStripe === undefined ? undefined : readStripe(contactlessStripe, `${path}.contactlessStripe`),
    authentication,
  };
}

export function readStationSecurity(document: unknown): StationSecurity {
  const { pinKey, terminalKey, terminalKeyOnce, pinFormat, mac, transportKey, keyOverlapSeconds, keyRenewalHours } = document as {
    readonly pinKey?: string; readonly terminalKey?: string; readonly terminalKeyOnce: boolean; readonly pinFormat: 0 | 1 | 3; readonly mac?: StationSecurity['mac'];
    readonly transportKey?: string; readonly keyOverlapSeconds: number; readonly keyRenewalHours: number;
  };
  return { pinKey, terminalKey, terminalKeyOnce, pinFormat, mac, transportKey, keyOverlapMs: keyOverlapSeconds * 1000, keyRenewalMs: keyRenewalHours * 3_600_000 };
}

function readPin({ method, pvks, longerPins, triesMax, trackReferenceAt, decimalisationTable, validation }: PinDocument, path: string): PinRules {
  const keys = new Map(Object.entries(pvks).map(([index, name]) => [Number(index), name]));
  if (keys.size === 0) throw new ConfigError(`${path}.pvks`, 'must have a key at least');
  if (method === 'pvv') {
    if (decimalisationTable !== undefined) throw new ConfigError(`${path}.decimalisationTable`, 'is of the method ibm3624 alone');
    return { rules: longerPins === 'refused' ? { method } : { method, longerPins }, pvks: keys, triesMax, trackReferenceAt };
  }
  if (longerPins !== 'refused') throw new ConfigError(`${path}.longerPins`, 'is of the method pvv alone: the offset of ibm3624 is as long as the PIN');
  if (trackReferenceAt !== undefined) throw new ConfigError(`${path}.trackReferenceAt`, 'is of the method pvv alone');
  if (decimalisationTable === undefined) throw new ConfigError(`${path}.decimalisationTable`, 'is missing, and the method ibm3624 needs one: sixteen digits');
  const { start, length, pad = 'F' } = validation;
  if (start + length > 19) throw new ConfigError(`${path}.validation`, 'reaches beyond the longest card number');
  return { rules: { method, decimalisationTable, validation: { start, length, pad: pad.toUpperCase() } }, pvks: keys, triesMax };
}

function readChipRules(document: ChipDocument, path: string): ChipRules {
  const keys = new Map(Object.entries(document.keys).map(([index, { ac, smi, smc }]) => [numberOf(index, `${path}.keys`), { ac, smi, smc } satisfies ChipKeys]));
  if (keys.size === 0) throw new ConfigError(`${path}.keys`, 'must have the keys of an index at least');
  const withoutScripts = [...keys].find(([, { smi }]) => smi === undefined)?.[0];
  if (document.blockAtLocks.length > 0 && withoutScripts !== undefined) throw new ConfigError(`${path}.keys.${withoutScripts}.smi`, 'is missing, and chips are told nothing without it (blockAtLocks)');
  const profiles = new Map([
    ...schemeProfiles[document.applicationData],
    ...Object.entries(document.profiles).map(([version, profile]) => [numberOf(version, `${path}.profiles`), profile] as const),
  ]);
  const findings = document.findings.map(({ mask, value, ...rest }): FindingRule => ({
    ...rest, mask: Number.parseInt(mask, 16), value: value === undefined ? undefined : Number.parseInt(value, 16),
  }));
  for (const [index, { mask, value }] of findings.entries()) {
    if (mask === 0) throw new ConfigError(`${path}.findings[${index}].mask`, 'must have a bit set');
    if (((value ?? 0) & ~mask) !== 0) throw new ConfigError(`${path}.findings[${index}].value`, 'has bits that the mask has not');
  }
  const { approved, declined } = document.cardStatusUpdate;
  return {
    ...document, keys, profiles, findings: [...standingFindings, ...findings],
    cardStatusUpdate: { approved: approved.toUpperCase(), declined: declined.toUpperCase() },
  };
}

function numberOf(text: string, path: string): number {
  const value = Number(text);
  if (value > 255) throw new ConfigError(`${path}.${text}`, 'is a number from 0 to 255');
  return value;
}

function readStripe({ unpredictableNumber, ...stripe }: StripeDocument, path: string): ContactlessStripe {
  if (stripe.form === 'cvc3' && unpredictableNumber === undefined) throw new ConfigError(`${path}.unpredictableNumber`, 'is missing, and cvc3 is made with it');
  if (stripe.form === 'dcvv' && unpredictableNumber !== undefined) throw new ConfigError(`${path}.unpredictableNumber`, 'is of cvc3 alone');
  const { length } = stripe.value;
  if (stripe.form === 'dcvv' ? length !== 3 : length < 3 || length > 5) throw new ConfigError(`${path}.value.length`, stripe.form === 'dcvv' ? 'must be 3' : 'must be 3 to 5');
  return { ...stripe, unpredictableNumber };
}
