/**
 * The card as the options of `locum send` present it: what was read of it, and what comes with it. Owns which options go together, and
 * the sentences about those that do not.
 */
import type { ChipProfileName } from '../keys/hsm-chip.ts';
import type { PinFormat } from '../keys/hsm-pin.ts';
import { Pan } from '../message/pan.ts';
import { Secret } from '../message/secret.ts';
import type { Config } from '../program/config.ts';
import { demoBin, demoExpiry } from '../program/demo-tables.ts';
import { UsageError } from './command.ts';
import type { Given, Outside } from './command.ts';
import { TestCard } from './send-card.ts';
import type { TestKeys } from './send-card.ts';
import { chipProfileNames, chipTags } from './send-chip.ts';
import type { TagChanges } from './send-chip.ts';
import { counterMax, countersFile, nextCounter } from './send-counter.ts';
import type { EntryWish, Presented } from './send-draft-card.ts';
import { processingCodeOf } from './send-draft.ts';
import type { Wish } from './send-draft.ts';
import { encipherPins } from './send-pin.ts';
import type { EncipheredPins, PinWish } from './send-pin.ts';
import type { Destination } from './send-target.ts';

export interface Presentation {
  readonly presented: Presented;
  /** Whose chip the answer is for, with the keys that it is checked with; undefined where no chip's data were made. */
  readonly chip: { readonly card: TestCard; readonly keys: TestKeys; readonly newPin: Secret<string> | undefined } | undefined;
  /** What `--cavv` takes; undefined where none was made. */
  readonly madeAuthentication: string | undefined;
}

const nothing: Presented = {
  entry: 'manual', pan: undefined, expiry: undefined, track1: undefined, track2: undefined, cvv2: undefined, panSequence: undefined, pin: undefined,
  chip: undefined, authentication: undefined,
};

/** Of a message that is not about a card. */
export const noPresentation: Presentation = { presented: nothing, chip: undefined, madeAuthentication: undefined };

type Asked = Omit<Wish, 'presented'>;

/** @throws UsageError, Failure, KeyError */
export async function presentationOf(asked: Asked, given: Given, outside: Outside, config: Config, to: Destination, keys: () => TestKeys): Promise<Presentation> {
  const { dialect, station } = to;
  checkTogether(asked, given);
  const withChip = given.has('with-chip');
  const digits = given.text('pan') ?? panOfTrack(given);
  const expiry = given.text('expiry');
  const panSequence = sequenceOf(given);
  const card = (): TestCard => new TestCard(keys(), panOf(digits), panSequence ?? '00');
  const made = async (option: string, make: (card: TestCard, expiry: string) => Promise<string>): Promise<string | undefined> => {
    if (!given.has(option)) return undefined;
    const own = card();
    return await make(own, usualExpiry(own.pan, expiry) ?? needsExpiry());
  };
  const ofCounter = (): number => nextCounter(countersFile(config.keys.keyFile), keys().hsm.cardToken(panOf(digits)), given.whole('atc', 0, counterMax));
  const track2 = (await made('with-dcvv', async (own, date) => await own.contactlessTrack2(date, ofCounter(), drawn(outside, 10).slice(-4))))
    ?? (await made('with-cvv', async (own, date) => await own.track2(withChip ? 'icvv' : 'cvv', date, dialect.track2ValueAt)))
    ?? given.text('track2');
  const generation = given.whole('cvv2-generation', 0, 999_999) ?? 0;
  const pinWish = pinWishOf(given);
  const authentication = await authenticationOf(asked, given, outside, card);
  const own = withChip ? card() : undefined;
  const presented: Presented = {
    entry: entryOf(given, track2),
    pan: given.text('pan'),
    expiry: expiry ?? (usesKeys(given) && Pan.parse(digits ?? '') !== undefined ? usualExpiry(panOf(digits), undefined) : undefined),
    track1: (await made('with-track1', async (of, date) => await of.track1(date, dialect.track1ValueAt))) ?? given.text('track1'),
    track2,
    cvv2: (await made('with-cvv2', async (of, date) => await of.cvv2(date, generation))) ?? given.text('cvv2'),
    panSequence,
    pin: pinWish === undefined ? undefined : await pinsOf(pinWish, panOf(digits), station, keys),
    chip: own === undefined ? undefined : await chipTags({
      profile: profileOf(given), atc: ofCounter(), amount: asked.amount, transactionType: processingCodeOf(asked.kind, dialect).slice(0, 2),
      date: asked.times.local.slice(2, 8), unpredictableNumber: drawn(outside, 16), withPin: pinWish !== undefined,
      tags: tagsOf(given, 'tag'), forgedTags: tagsOf(given, 'forged-tag'),
    }, own, keys()),
    authentication: authentication?.carried,
  };
  return {
    presented,
    chip: own === undefined ? undefined : { card: own, keys: keys(), newPin: pinWish?.newPin },
    madeAuthentication: authentication?.made,
  };
}

/** Options that are nothing without one of others. */
const needed: readonly (readonly [option: string, ...of: readonly string[]])[] = [
  ['pin-format', 'pin'], ['key-serial', 'pin'], ['new-pin', 'pin'],
  ['chip-profile', 'with-chip'], ['tag', 'with-chip'], ['forged-tag', 'with-chip'], ['atc', 'with-chip', 'with-dcvv'],
  ['contactless', 'with-chip', 'track2'], ['fallback', 'with-cvv', 'with-track1', 'track1', 'track2'], ['cvv2-generation', 'with-cvv2'],
];

/** Of these a card is presented in one way. */
const oneOf: readonly (readonly string[])[] = [
  ['with-chip', 'with-dcvv', 'fallback', 'ecommerce'], ['with-chip', 'with-dcvv', 'fallback', 'with-cavv'], ['with-chip', 'with-dcvv', 'fallback', 'cavv'],
  ['contactless', 'with-dcvv', 'fallback'], ['with-cavv', 'cavv'], ['track2', 'with-cvv', 'with-dcvv'], ['track1', 'with-track1'], ['cvv2', 'with-cvv2'],
];

function checkTogether(asked: Asked, given: Given): void {
  const isGiven = (option: string): boolean => given.has(option) || given.text(option) !== undefined || given.texts(option).length > 0;
  for (const [option, ...of] of needed) {
    if (isGiven(option) && !of.some(isGiven)) throw new UsageError(`--${option} needs ${of.map((name) => `--${name}`).join(' or ')}`);
  }
  for (const options of oneOf) {
    const both = options.filter(isGiven);
    if (both.length > 1) throw new UsageError(`${both.map((name) => `--${name}`).join(' and ')} do not go together`);
  }
  if (asked.kind === 'pinchange' && !(isGiven('pin') && isGiven('new-pin'))) throw new UsageError('pinchange needs --pin and --new-pin');
  if (asked.kind !== 'pinchange' && isGiven('new-pin')) throw new UsageError('--new-pin is of pinchange alone');
}

/** What cards have whose key is here, so that an own card's expiry may be known. */
function usesKeys(given: Given): boolean {
  return ['with-cvv', 'with-track1', 'with-dcvv', 'with-chip', 'with-cvv2', 'with-cavv'].some((option) => given.has(option));
}

function entryOf(given: Given, track2: string | undefined): EntryWish {
  if (given.has('ecommerce') || given.has('with-cavv') || given.text('cavv') !== undefined) return 'ecommerce';
  if (given.has('with-chip')) return given.has('contactless') ? 'contactless' : 'chip';
  if (given.has('with-dcvv') || given.has('contactless')) return 'contactlessStripe';
  if (given.has('fallback')) return 'fallback';
  return track2 !== undefined || given.has('with-track1') || given.text('track1') !== undefined ? 'stripe' : 'manual';
}

function panOfTrack(given: Given): string | undefined {
  return given.text('track2')?.split(/[=D]/, 1)[0] ?? /^%?B?([0-9]+)\^/.exec(given.text('track1') ?? '')?.[1];
}

function panOf(digits: string | undefined): Pan {
  const pan = Pan.parse(digits ?? '');
  if (pan === undefined) throw new UsageError('what is computed for a card needs --pan');
  return pan;
}

/** Of the demo's cards it is known. */
function usualExpiry(pan: Pan, expiry: string | undefined): string | undefined {
  return expiry ?? (pan.bin(6) === demoBin ? demoExpiry : undefined);
}

function needsExpiry(): never {
  throw new UsageError('a verification value is computed over --expiry as well');
}

function sequenceOf(given: Given): string | undefined {
  const text = given.text('psn') ?? (given.has('with-chip') || given.has('with-dcvv') ? '01' : undefined);
  if (text !== undefined && !/^[0-9]{2}$/.test(text)) throw new UsageError('--psn is two digits');
  return text;
}

function profileOf(given: Given): ChipProfileName | undefined {
  const text = given.text('chip-profile');
  const found = chipProfileNames.find((name) => name === text);
  if (text !== undefined && found === undefined) throw new UsageError(`--chip-profile is one of ${chipProfileNames.join(', ')}, not ${text}`);
  return found;
}

function tagsOf(given: Given, option: string): TagChanges {
  return new Map(given.texts(option).map((text) => {
    const [, tag = '', value = ''] = /^((?:[0-9A-F]{2}){1,4})=((?:[0-9A-F]{2})*)$/.exec(text.toUpperCase()) ?? [];
    if (tag === '') throw new UsageError(`--${option} is a tag, = and its value in hexadecimal, such as 95=0000008000`);
    return [tag, value];
  }));
}

function pinWishOf(given: Given): PinWish | undefined {
  const pin = pinOf(given, 'pin');
  if (pin === undefined) return undefined;
  const format = given.text('pin-format');
  if (format !== undefined && !['0', '1', '3', '4'].includes(format)) throw new UsageError('--pin-format is 0, 1, 3 or 4');
  const keySerial = given.text('key-serial')?.toUpperCase() ?? '';
  if (!/^(?:[0-9A-F]{20}|[0-9A-F]{24})?$/.test(keySerial)) throw new UsageError('--key-serial is 20 hexadecimal digits, or 24 of an AES key');
  return { pin, newPin: pinOf(given, 'new-pin'), format: format === undefined ? undefined : (Number(format) as PinFormat), keySerial };
}

function pinOf(given: Given, option: string): Secret<string> | undefined {
  const text = given.text(option);
  if (text !== undefined && !/^[0-9]{4,12}$/.test(text)) throw new UsageError(`--${option} is 4 to 12 digits`);
  return text === undefined ? undefined : new Secret(text);
}

async function pinsOf(wish: PinWish, pan: Pan, station: Destination['station'], keys: () => TestKeys): Promise<EncipheredPins> {
  if (station === undefined) throw new UsageError('no key is shared with an address; --pin needs a station of the configuration');
  return await encipherPins(wish, pan, station, keys());
}

interface Authentication {
  readonly carried: NonNullable<Presented['authentication']>;
  readonly made: string | undefined;
}

async function authenticationOf({ amount, merchant }: Asked, given: Given, outside: Outside, card: () => TestCard): Promise<Authentication | undefined> {
  const text = given.text('cavv');
  if (text !== undefined) {
    const [, value = '', transactionId = ''] = /^([0-9A-Fa-f]{40})(?:,([0-9A-Fa-f-]{36}))?$/.exec(text) ?? [];
    if (value === '') throw new UsageError('--cavv is 40 hexadecimal digits; behind a comma, the transaction id that goes with it');
    return { carried: { value: value.toUpperCase(), transactionId }, made: undefined };
  }
  if (!given.has('with-cavv')) return undefined;
  const carried = await card().authentication(amount, drawn(outside, 10), merchant);
  return { carried, made: [carried.value, ...(carried.transactionId === '' ? [] : [carried.transactionId])].join(',') };
}

/** A number of four bytes, in decimal or in eight hexadecimal digits. */
function drawn(outside: Outside, radix: 10 | 16): string {
  const text = Math.floor(outside.random() * 2 ** 32).toString(radix);
  return radix === 16 ? text.toUpperCase().padStart(8, '0') : text;
}
