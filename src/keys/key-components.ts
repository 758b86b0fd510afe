/**
 * Keys from components: each custodian enters one, in a call of their own, and nobody ever has the whole key. The components are XORed
 * when the last one is there.
 *
 * What was entered waits in the key file, wrapped under the master key and bound to its key and custodian; when the key is complete it
 * vanishes. Refused: a second component by one custodian, a component twice (the two would cancel out), one of nothing but zeros (the
 * others would be the key), and whatever makes no key of the usage or not the expected one: then the last component is not kept.
 */
import { timingSafeEqual } from 'node:crypto';
import { hasOddParity, withOddParity } from './block-cipher.ts';
import type { KeyAlgorithm, KeyInfo, KeyUsage } from './hsm.ts';
import { KeyError } from './key-error.ts';
import { changeKeyFile, parseKeyFile, readKeyFile } from './key-file.ts';
import type { KeyFile, PendingKey } from './key-file.ts';
import { algorithmOf, componentLabel, currentKey, refuseName, withKey } from './key-store.ts';
import { checkValueOf, drawKey, familyOf, faultOfKey, hasCheckValue, keyBytes } from './key-usage.ts';
import type { MasterKey } from './master-key.ts';
import type { RandomBytes } from './seal.ts';

/** What a custodian says of a component. The first one says what the key is to be; the others may repeat it, and not differ. */
export interface ComponentEntry {
  readonly name: string;
  readonly custodian: string;
  readonly usage?: KeyUsage | undefined;
  readonly algorithm?: KeyAlgorithm | undefined;
  /** How many components there are: 2 to 9. */
  readonly of?: number | undefined;
  /** Four hex digits or more, with which the complete key's check value must begin. */
  readonly expectedKcv?: string | undefined;
  /** Takes a complete key that has bytes of even parity, with its parity adjusted. */
  readonly adjustParity?: boolean | undefined;
  /** The component's own check value, where it came with one. */
  readonly componentKcv?: string | undefined;
  /** Until when (Unix ms) checks may still be made with the version that the complete key replaces. */
  readonly checksUntilMs?: number | undefined;
}

/** `key`: what the key is known by, where this component was the last one. */
export interface ComponentResult {
  readonly componentKcv: string;
  readonly entered: number;
  readonly of: number;
  readonly key: KeyInfo | undefined;
}

/** What anyone may know of a key that is not complete. */
export interface PendingInfo {
  readonly name: string;
  readonly usage: KeyUsage;
  readonly algorithm: KeyAlgorithm;
  readonly of: number;
  readonly components: readonly { readonly custodian: string; readonly kcv: string; readonly enteredAtMs: number }[];
}

const custodianPattern = /^[a-z0-9][a-z0-9.-]{0,63}$/;
const componentsMax = 9;

/** Takes one component and wipes `clear`. @throws KeyError */
export function enterComponent(path: string, master: MasterKey, entry: ComponentEntry, clear: Uint8Array, nowMs: number, random: RandomBytes): ComponentResult {
  try {
    let result: ComponentResult | undefined;
    changeKeyFile(path, () => {
      const file = readKeyFile(path, master);
      const pending = pendingFor(file, entry);
      const entered = openComponents(path, master, pending);
      try {
        const componentKcv = refuseComponent(pending, entry, clear, entered);
        const of = pending.of;
        if (entered.length + 1 < of) {
          result = { componentKcv, entered: entered.length + 1, of, key: undefined };
          return withComponent(file, master, pending, { custodian: entry.custodian, kcv: componentKcv, enteredAtMs: nowMs }, clear, random);
        }
        const completed = complete(path, master, file, pending, [...entered, clear], entry, random);
        result = { componentKcv, entered: of, of, key: completed.info };
        return completed.file;
      } finally {
        for (const component of entered) component.fill(0);
      }
    });
    return result!;
  } finally {
    clear.fill(0);
  }
}

/** Keys that wait for components, without the master key. @throws KeyError */
export function listPending(path: string): readonly PendingInfo[] {
  return parseKeyFile(path).pending.map(({ name, usage, algorithm, of, components }) => ({
    name, usage, algorithm, of, components: components.map(({ custodian, kcv, enteredAtMs }) => ({ custodian, kcv, enteredAtMs })),
  }));
}

/** Forgets the components that were entered for a key. @throws KeyError where there are none */
export function cancelPending(path: string, master: MasterKey, name: string): void {
  changeKeyFile(path, () => {
    const file = readKeyFile(path, master);
    if (!file.pending.some((pending) => pending.name === name)) throw new KeyError('key_unknown', `no component of a key ${name} was entered`);
    return withoutPending(file, name);
  });
}

/** Components of a key that nobody has seen, for those who carry it to another party; the caller wipes them. */
export interface DrawnComponents {
  readonly clear: Buffer;
  readonly components: readonly Buffer[];
}

/** @throws KeyError */
export function drawComponents(key: { readonly usage: KeyUsage; readonly algorithm?: KeyAlgorithm | undefined }, count: number, random: RandomBytes): DrawnComponents {
  const algorithm = algorithmOf(key);
  refuseCount(count);
  for (;;) {
    const components = Array.from({ length: count }, () => drawKey(algorithm, random));
    const sum = combined(algorithm, components);
    const clear = familyOf(algorithm) === 'tdes' ? withOddParity(sum) : Buffer.from(sum);
    sum.fill(0);
    if (faultOfKey(algorithm, clear) === undefined) return { clear, components };
    for (const part of [clear, ...components]) part.fill(0);
  }
}

function pendingFor(file: KeyFile, entry: ComponentEntry): PendingKey {
  const { name, usage, algorithm, of, expectedKcv, adjustParity } = entry;
  if (!custodianPattern.test(entry.custodian)) throw new KeyError('key_refused', 'a custodian is named by 1 to 64 of a-z, 0-9, dot and hyphen');
  const there = file.pending.find((pending) => pending.name === name);
  if (there === undefined) {
    refuseName(name);
    if (usage === undefined || of === undefined) throw new KeyError('key_refused', `of ${name} there is no component yet: the first one says what the key is for, and how many components it has`);
    refuseCount(of);
    const current = currentKey(file.keys, name);
    if (current !== undefined && current.usage !== usage) throw new KeyError('key_refused', `the key ${name} is for ${current.usage}, not for ${usage}`);
    const named = { name, usage, algorithm: algorithmOf({ usage, algorithm }), of, components: [] };
    return { ...named, ...(expectedKcv === undefined ? {} : { expectedKcv }), ...(adjustParity === true ? { adjustParity } : {}) };
  }
  const differs = (usage ?? there.usage) !== there.usage || (algorithm ?? there.algorithm) !== there.algorithm || (of ?? there.of) !== there.of;
  if (differs || (expectedKcv ?? there.expectedKcv) !== there.expectedKcv) {
    throw new KeyError('key_refused', `the first component of ${name} made it a ${there.usage} key (${there.algorithm}) of ${there.of} components${there.expectedKcv === undefined ? '' : ' with an expected check value'}, and this one says otherwise`);
  }
  if (there.components.some(({ custodian }) => custodian === entry.custodian)) throw new KeyError('key_refused', `${entry.custodian} has entered a component of ${name} already; another custodian enters the next one`);
  return there;
}

function refuseCount(count: number): void {
  if (!Number.isSafeInteger(count) || count < 2 || count > componentsMax) throw new KeyError('key_refused', `a key has 2 to ${componentsMax} components`);
}

/** @returns the component's check value */
function refuseComponent({ name, algorithm }: PendingKey, { componentKcv }: ComponentEntry, clear: Uint8Array, entered: readonly Buffer[]): string {
  if (clear.length !== keyBytes[algorithm]) throw new KeyError('key_refused', `a component of ${name} has ${keyBytes[algorithm]} bytes (${algorithm}); this one has ${clear.length}`);
  if (clear.every((byte) => byte === 0)) throw new KeyError('key_refused', `this component of ${name} is nothing but zeros`);
  if (entered.some((other) => timingSafeEqual(other, clear))) throw new KeyError('key_refused', `this component of ${name} was entered already: two equal ones cancel out`);
  const kcv = checkValueOf(algorithm, clear);
  if (componentKcv !== undefined && !hasCheckValue(algorithm, clear, componentKcv)) throw new KeyError('key_mismatch', `this component of ${name} has the check value ${kcv}, and not the one that it came with`);
  return kcv;
}

function openComponents(path: string, master: MasterKey, pending: PendingKey): Buffer[] {
  return pending.components.map((component) => {
    const clear = master.unwrap(Buffer.from(component.wrapped, 'base64'), componentLabel(pending, component.custodian));
    if (clear === undefined || clear.length !== keyBytes[pending.algorithm]) {
      clear?.fill(0);
      throw new KeyError('key_damaged', `${path}: the component of ${pending.name} by ${component.custodian} is not what was wrapped`);
    }
    return clear;
  });
}

type NewComponent = { readonly custodian: string; readonly kcv: string; readonly enteredAtMs: number };

function withComponent(file: KeyFile, master: MasterKey, pending: PendingKey, component: NewComponent, clear: Uint8Array, random: RandomBytes): KeyFile {
  const wrapped = master.wrap(clear, componentLabel(pending, component.custodian), random).toString('base64');
  const others = withoutPending(file, pending.name);
  return { ...others, pending: [...others.pending, { ...pending, components: [...pending.components, { ...component, wrapped }] }] };
}

function withoutPending(file: KeyFile, name: string): KeyFile {
  return { ...file, pending: file.pending.filter((pending) => pending.name !== name) };
}

function complete(path: string, master: MasterKey, file: KeyFile, pending: PendingKey, components: readonly Uint8Array[], entry: ComponentEntry, random: RandomBytes): { readonly file: KeyFile; readonly info: KeyInfo } {
  const { name, usage, algorithm, expectedKcv } = pending;
  const clear = combined(algorithm, components);
  // An even number of components of odd parity, as every HSM makes them, is a key of even parity: that is nobody's mistake.
  const fromHsm = familyOf(algorithm) === 'tdes' && components.length % 2 === 0 && components.every((component) => hasOddParity(component));
  const adjustParity = fromHsm || pending.adjustParity === true || entry.adjustParity === true;
  try {
    return withKey(path, master, withoutPending(file, name), { name, usage, algorithm, expectedKcv, adjustParity, checksUntilMs: entry.checksUntilMs }, clear, random);
  } finally {
    clear.fill(0);
  }
}

function combined(algorithm: KeyAlgorithm, components: readonly Uint8Array[]): Buffer {
  const clear = Buffer.alloc(keyBytes[algorithm]);
  for (const component of components) for (let index = 0; index < clear.length; index++) clear[index]! ^= component[index]!;
  return clear;
}
