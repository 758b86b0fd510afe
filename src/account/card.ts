/**
 * A card as the head keeps it: its record, which is what the card is, and its security, which is what was counted and queued for
 * it. Both are written so that a card that uses none of it costs nothing.
 *
 * Invariants: versions and generations only rise; at most `scriptsMax` scripts wait; of at most `chipsMax` chips the counters are kept,
 * each bounded by its window.
 */
import { loadControls, storeControls } from './controls.ts';
import type { CardControls, StoredControls } from './controls.ts';
import type { QueuedScript } from '../message/message.ts';
import type { PinReference } from '../message/pin.ts';

export interface CardRecord {
  readonly token: string;
  readonly state: 'ordered' | 'active' | 'removed';
  /** 0: none; else 1 to 8. */
  readonly lockCode: number;
  /** YYMM, valid through that month. */
  readonly expiry: string;
  readonly serviceCode: string;
  /** 0: the CVV2 as it was issued; one more with each reset. */
  readonly cvv2Generation: number;
  /** 0: no PIN was ever set; one more with each. */
  readonly pinVersion: number;
  readonly pin: PinReference | undefined;
  /** Undefined: neither its holder nor its partner has closed anything on it. */
  readonly controls?: CardControls | undefined;
}

/** The transaction counters (ATC) that came with a cryptogram of one chip that matched. */
export interface ChipCounter {
  /** Two digits; empty in a head from before chips were told apart: the first chip that comes has it. */
  readonly panSequence: string;
  readonly highestAtc: number;
  /** Bit n, 0 to 30: `highestAtc - 1 - n` came as well. */
  readonly seen: number;
  /** Message id of the transaction that came with the highest: its answer alone is for that cryptogram. */
  readonly takenBy?: string | undefined;
}

export interface CardSecurity {
  /** Wrong PINs since the last right one. */
  readonly pinTries: number;
  /** One for each PAN sequence number, the last that came first; the one that did not come for longest makes room. Empty: no cryptogram has matched yet. */
  readonly chips: readonly ChipCounter[];
  /** In the order in which the chip is to carry them out. */
  readonly scripts: readonly QueuedScript[];
}

/** What changes about one card of the head: whole new values. */
export interface CardEffect {
  readonly index: number;
  readonly record: CardRecord | undefined;
  readonly security: CardSecurity | undefined;
}

export const scriptsMax = 8;
/** A renewed chip, the one before it, and one more. */
export const chipsMax = 3;

export const newSecurity: CardSecurity = { pinTries: 0, chips: [], scripts: [] };

const cardStates = ['ordered', 'active', 'removed'] as const;
const pinMethods = ['pvv', 'ibm3624'] as const;
const commands = ['applicationBlock', 'applicationUnblock', 'pinUnblock', 'pinChange'] as const;

type StoredScript = readonly [id: string, command: number, sealed: 0 | string, sentBy: 0 | string, sentTo?: number];
type StoredPin = 0 | string;
/** Four for each chip, in one list; a counter of no known chip is the only one, and has no sequence. */
type StoredChips = 0 | readonly (number | string)[];

/** What every card has. */
export type StoredBasics = [token: string, state: number, lockCode: number, expiry: string, serviceCode: string];

/** What most cards have none of; zeros at its end are left away. The controls, where there are any, stand before the scripts. */
export type StoredExtras = [
  cvv2Generation?: number, pinVersion?: number, pin?: StoredPin, pinTries?: number, chips?: StoredChips, ...rest: (StoredControls | StoredScript)[],
];

export type StoredCardEffect = [index: number, basics: 0 | StoredBasics, security: 0 | 1, ...extras: StoredExtras];

export function storeBasics({ token, state, lockCode, expiry, serviceCode }: CardRecord): StoredBasics {
  return [token, cardStates.indexOf(state), lockCode, expiry, serviceCode];
}

export function storeExtras({ cvv2Generation, pinVersion, pin, controls }: CardRecord, { pinTries, chips, scripts }: CardSecurity): StoredExtras {
  if (controls !== undefined) return [cvv2Generation, pinVersion, storePin(pin), pinTries, storeChips(chips), storeControls(controls), ...scripts.map(storeScript)];
  if (scripts.length > 0) return [cvv2Generation, pinVersion, storePin(pin), pinTries, storeChips(chips), ...scripts.map(storeScript)];
  if (chips.length > 0) return [cvv2Generation, pinVersion, storePin(pin), pinTries, storeChips(chips)];
  if (pinTries !== 0) return [cvv2Generation, pinVersion, storePin(pin), pinTries];
  if (pin !== undefined) return [cvv2Generation, pinVersion, storePin(pin)];
  if (pinVersion !== 0) return [cvv2Generation, pinVersion];
  return cvv2Generation === 0 ? [] : [cvv2Generation];
}

export function loadRecord([token, state, lockCode, expiry, serviceCode]: StoredBasics, extras: StoredExtras): CardRecord {
  const record = {
    token, state: cardStates[state] ?? 'removed', lockCode, expiry, serviceCode,
    cvv2Generation: extras[0] ?? 0, pinVersion: extras[1] ?? 0, pin: loadPin(extras[2] ?? 0),
  };
  const controls = extras[5];
  return controls === undefined || isScript(controls) ? record : { ...record, controls: loadControls(controls) };
}

function isScript(stored: StoredControls | StoredScript): stored is StoredScript {
  return Array.isArray(stored);
}

export function loadSecurity(extras: StoredExtras): CardSecurity {
  if (extras.length <= 3) return newSecurity;
  const [, , , pinTries = 0, chips = 0, ...rest] = extras;
  const scripts = rest.filter(isScript);
  // What there is none of is the same as what was never there.
  if (pinTries === 0 && chips === 0 && scripts.length === 0) return newSecurity;
  return { pinTries, chips: loadChips(chips), scripts: scripts.map(loadScript) };
}

/** For the journal. */
export function storeEffect({ index, record, security }: CardEffect): StoredCardEffect {
  const extras = storeExtras(record ?? noRecord, security ?? newSecurity);
  return [index, record === undefined ? 0 : storeBasics(record), security === undefined ? 0 : 1, ...extras];
}

export function loadEffect([index, basics, hasSecurity, ...extras]: StoredCardEffect): CardEffect {
  return {
    index, record: basics === 0 ? undefined : loadRecord(basics, extras), security: hasSecurity === 0 ? undefined : loadSecurity(extras),
  };
}

const noRecord: CardRecord = {
  token: '', state: 'removed', lockCode: 0, expiry: '', serviceCode: '', cvv2Generation: 0, pinVersion: 0, pin: undefined,
};

/** Method, index of the key and digits, in one short text. */
function storePin(pin: PinReference | undefined): StoredPin {
  return pin === undefined ? 0 : `${pinMethods.indexOf(pin.method)}${pin.keyIndex}${pin.value}`;
}

function loadPin(stored: StoredPin): PinReference | undefined {
  if (stored === 0) return undefined;
  return { method: pinMethods[Number(stored[0])] ?? 'pvv', keyIndex: Number(stored[1]), value: stored.slice(2) };
}

function storeChips(chips: readonly ChipCounter[]): StoredChips {
  if (chips.length === 0) return 0;
  const stored: (number | string)[] = [];
  for (const { panSequence, highestAtc, seen, takenBy } of chips) {
    stored.push(highestAtc, seen);
    if (panSequence !== '') stored.push(takenBy ?? 0, Number(panSequence));
    else if (takenBy !== undefined) stored.push(takenBy);
  }
  return stored;
}

function loadChips(stored: StoredChips): readonly ChipCounter[] {
  if (stored === 0) return [];
  const chips: ChipCounter[] = [];
  for (let at = 0; at < stored.length; at += 4) {
    const [highestAtc, seen, takenBy = 0, sequence] = stored.slice(at, at + 4);
    const counter = { panSequence: sequence === undefined ? '' : loadSequence(Number(sequence)), highestAtc: Number(highestAtc), seen: Number(seen) };
    chips.push(takenBy === 0 ? counter : { ...counter, takenBy: String(takenBy) });
  }
  return chips;
}

function loadSequence(stored: number): string {
  return String(stored).padStart(2, '0');
}

function storeScript({ id, command, sealed, sentBy, sentTo }: QueuedScript): StoredScript {
  const stored = [id, commands.indexOf(command), sealed ?? 0, sentBy ?? 0] as const;
  return sentTo === undefined ? stored : [...stored, Number(sentTo)];
}

function loadScript([id, command, sealed, sentBy, sentTo]: StoredScript): QueuedScript {
  const script = {
    id, command: commands[command] ?? 'pinUnblock', sealed: sealed === 0 ? undefined : sealed, sentBy: sentBy === 0 ? undefined : sentBy,
  };
  return sentTo === undefined ? script : { ...script, sentTo: loadSequence(sentTo) };
}
