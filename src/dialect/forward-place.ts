/**
 * How the card was read, where it and its holder were, and whether a PIN was entered: from one dialect's codes to another's. What a
 * dialect has no code for becomes the nearest that it has, or nothing.
 */
import type { Message } from '../iso8583/codec.ts';
import type { Draft } from '../iso8583/draft.ts';
import type { Spec } from '../iso8583/spec.ts';
import type { EntryMode } from '../message/message.ts';
import { holds } from './conditions.ts';
import type { Condition } from './conditions.ts';
import type { Dialect } from './dialect.ts';
import { writePlace } from './places.ts';
import type { Entry, Environment, TrackValue } from './rules.ts';

export interface PointOfService {
  readonly entryMode: EntryMode;
  /** Which value of a track may be checked; undefined: not known. */
  readonly trackValue: TrackValue | undefined;
  readonly environment: Environment;
  readonly pinEntered: boolean;
}

/** Where nothing more is known, from what the switch keeps of a message. */
export function environmentOf(cardPresent: boolean, entryMode: EntryMode): Environment {
  if (cardPresent) return 'present';
  return entryMode === 'ecommerce' ? 'ecommerce' : 'mail';
}

export function readEnvironment(message: Message, dialect: Dialect, cardPresent: boolean, entryMode: EntryMode): Environment {
  const plain = environmentOf(cardPresent, entryMode);
  if (cardPresent) return plain;
  for (const [environment, conditions] of dialect.forward.environments) {
    const [first] = conditions;
    if (environment !== 'present' && first !== undefined && holds(first, message)) return notAtOdds(environment, conditions, message, plain);
  }
  return plain;
}

/** A holder who is there, with a card that is not: the first condition alone does not say it. */
function notAtOdds(environment: Environment, conditions: readonly Condition[], message: Message, plain: Environment): Environment {
  return conditions.every((condition) => holds(condition, message)) ? environment : plain;
}

/** What stands for an environment that a dialect has no words for, one after the other. */
const nearest: Readonly<Record<Environment, readonly Environment[]>> = {
  present: [], noCard: ['notPresent', 'mail'], notPresent: ['mail', 'noCard'], mail: ['notPresent'], recurring: ['mail', 'notPresent'], ecommerce: ['mail', 'notPresent'],
};

/** Writes DE22, and what goes with it; every field of it that the format lacks is left out. */
export function writePointOfService(draft: Draft, spec: Spec, dialect: Dialect, point: PointOfService): void {
  const { entryModes, forward } = dialect;
  const field = spec.fields.get(entryModes.field);
  const entry = field === undefined ? undefined : wantedEntry(dialect, point);
  if (field !== undefined) draft.set(entryModes.field, '0'.repeat(field.max * (field.kind === 'b' ? 2 : 1)));
  if (entryModes.form === 'codes') {
    const code = entry as string | undefined;
    if (code !== undefined) writePlace(draft, spec, { form: 'text', field: entryModes.field, at: entryModes.at, length: entryModes.length }, code, 'characters');
  } else if (entry !== undefined) {
    for (const { byte, mask } of entryModes.rules[entry as number]!.bits) setBit(draft, entryModes.field, byte, mask);
  }
  const { environment } = point;
  const conditions = [environment, ...nearest[environment]].map((each) => forward.environments.get(each)).find((each) => each !== undefined);
  for (const condition of conditions ?? []) writeCondition(draft, spec, condition);
  if (point.pinEntered) for (const condition of forward.pinEntered) writeCondition(draft, spec, condition);
}

/** The code, or the index of the rule. What is not known of a track is taken for what is usual: a chip's or a stripe's, made once. */
function wantedEntry({ entryModes, forward }: Dialect, { entryMode, trackValue }: PointOfService): string | number | undefined {
  if (entryMode === 'unknown') return undefined;
  const isWanted = (entry: Entry | undefined): boolean => entry?.mode === entryMode && entry.trackValue === trackValue;
  const isNear = (entry: Entry | undefined): boolean => entry?.mode === entryMode && (entry.trackValue === 'dynamic') === (trackValue === 'dynamic');
  if (entryModes.form === 'bits') {
    const exact = entryModes.rules.findIndex(({ entry }) => isWanted(entry));
    const at = exact < 0 ? entryModes.rules.findIndex(({ entry }) => isNear(entry)) : exact;
    return at < 0 ? undefined : at;
  }
  const find = (is: (entry: Entry | undefined) => boolean): string | undefined =>
    forward.entryCodes.find((code) => is(entryModes.codes.get(code))) ?? [...entryModes.codes].find(([, entry]) => is(entry))?.[0];
  return find(isWanted) ?? find(isNear);
}

/** Makes a condition true of the draft. False where the format has no such field, or the form is one that is only read. */
export function writeCondition(draft: Draft, spec: Spec, condition: Condition): boolean {
  const { field } = condition;
  if (condition.form === 'bits') {
    if (spec.fields.get(field)?.kind !== 'b') return false;
    setBit(draft, field, condition.byte, condition.mask);
    return true;
  }
  const { element, skip, at, length } = condition;
  const [value = ''] = condition.values;
  const place = element === undefined ? { form: 'text', field, at, length } as const : { form: 'element', field, element, part: undefined, skip, lengthDigits: 2, at, length } as const;
  return writePlace(draft, spec, place, value, 'characters');
}

function setBit(draft: Draft, field: number, byte: number, mask: number): void {
  const held = draft.get(field);
  const text = (typeof held === 'string' ? held : '').padEnd(byte * 2 + 2, '0');
  // Of a mask with several bits, any one makes it true.
  const value = Number.parseInt(text.slice(byte * 2, byte * 2 + 2), 16) | (mask & -mask);
  draft.set(field, text.slice(0, byte * 2) + value.toString(16).toUpperCase().padStart(2, '0') + text.slice(byte * 2 + 2));
}
