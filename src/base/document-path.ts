/**
 * Places in a JSON document, as people write them: `timers.posMs`, `standIn.unavailable.limits[0].countMax`.
 *
 * Owns their reading, one change at a place, and what differs between two documents, place by place. Refuses a place that cannot be.
 * Pure: a change gives a new document.
 */
import { ConfigError } from './schema.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** A name, or the number of one in a list. */
export type Step = string | number;

export interface PlaceChange {
  readonly path: string;
  /** Undefined: it was not there. */
  readonly before: unknown;
  /** Undefined: it is not there any more. */
  readonly after: unknown;
}

const stepsMax = 16;
const stepForm = /^(?:(?<name>[A-Za-z0-9_][A-Za-z0-9_-]{0,63})|\[(?<index>[0-9]{1,4})\])/;

/** @throws ConfigError where it is no place */
export function stepsOf(path: string): Step[] {
  const steps: Step[] = [];
  let rest = path;
  while (rest !== '') {
    const found = stepForm.exec(rest);
    const { name, index } = found?.groups ?? {};
    if (found === null || (name !== undefined && steps.length > 0 && path[path.length - rest.length - 1] !== '.') || name === '__proto__') throw notAPlace(path);
    steps.push(name ?? Number(index));
    rest = rest.slice(found[0].length);
    if (rest.startsWith('.')) {
      rest = rest.slice(1);
      if (rest === '' || rest.startsWith('[')) throw notAPlace(path);
    } else if (rest !== '' && !rest.startsWith('[')) throw notAPlace(path);
  }
  if (steps.length === 0 || typeof steps[0] === 'number' || steps.length > stepsMax) throw notAPlace(path);
  return steps;
}

function notAPlace(path: string): ConfigError {
  return new ConfigError(path, 'is no place: names with dots between them, and [0] for the first of a list, as in standIn.unavailable.limits[0].countMax');
}

/**
 * The document with the value at the place; null takes away what is there. Objects on the way are made; a list grows by one at its end.
 *
 * @throws ConfigError where the place cannot be in this document
 */
export function withValueAt(document: JsonObject, path: string, value: unknown): JsonObject {
  return changed(document, stepsOf(path), path, value) as JsonObject;
}

function changed(at: unknown, steps: readonly Step[], path: string, value: unknown): unknown {
  const [step, ...rest] = steps;
  if (step === undefined) return value;
  const isLast = rest.length === 0;
  if (typeof step === 'number') {
    if (at !== undefined && !Array.isArray(at)) throw new ConfigError(path, `has [${step}] where there is no list`);
    const list: readonly unknown[] = at ?? [];
    if (step > list.length || (step === list.length && isLast && value === null)) throw new ConfigError(path, `is beyond the end of the list, which has ${list.length}`);
    if (isLast && value === null) return list.toSpliced(step, 1);
    return step === list.length ? [...list, changed(undefined, rest, path, value)] : list.with(step, changed(list[step], rest, path, value));
  }
  if (at !== undefined && (typeof at !== 'object' || at === null || Array.isArray(at))) throw new ConfigError(path, `has ${step} where there is no object`);
  const object: JsonObject = (at ?? {}) as JsonObject;
  const inner = isLast ? value : changed(Object.hasOwn(object, step) ? object[step] : undefined, rest, path, value);
  // An object out of which the last was taken says nothing any more.
  const isGone = value === null && (isLast || (isObject(inner) && Object.keys(inner).length === 0));
  return isGone ? Object.fromEntries(Object.entries(object).filter(([name]) => name !== step)) : { ...object, [step]: inner };
}

/** What the second has otherwise than the first, in the order of the places; of a list of other length, the list. */
export function changesOf(before: unknown, after: unknown, path = ''): PlaceChange[] {
  if ((before === undefined || isObject(before)) && (after === undefined || isObject(after))) {
    const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
    if (names.length > 0) return names.flatMap((name) => changesOf(before?.[name], after?.[name], path === '' ? name : `${path}.${name}`));
    return before === undefined && after === undefined || isObject(before) && isObject(after) ? [] : [{ path, before, after }];
  }
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) return before.flatMap((item, index) => changesOf(item, after[index], `${path}[${index}]`));
  return same(before, after) ? [] : [{ path, before, after }];
}

/** Every value of the document that has no others in it, by its place. */
export function valuesOf(document: unknown, path = ''): { readonly path: string; readonly value: unknown }[] {
  if (isObject(document) && (path === '' || Object.keys(document).length > 0)) return Object.entries(document).flatMap(([name, inner]) => valuesOf(inner, path === '' ? name : `${path}.${name}`));
  if (Array.isArray(document) && document.some((item) => typeof item === 'object')) return document.flatMap((item, index) => valuesOf(item, `${path}[${index}]`));
  return [{ path, value: document }];
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function same(one: unknown, other: unknown): boolean {
  if (Array.isArray(one) && Array.isArray(other)) return one.length === other.length && one.every((item, index) => changesOf(item, other[index]).length === 0);
  return one === other;
}
