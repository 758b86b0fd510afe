/**
 * Keys that two parties exchange while the switch runs (network management 0800): taken from the other side, or drawn here for it.
 *
 *   receive   the key that came is the next version at once; the one before may be used for checks a while longer
 *   renew     prepare: a key is drawn and wrapped for sending  ->  the peer answers  ->  activate, or forget
 *
 * What came once more is answered as the first time and changes nothing; a version that was replaced does not come back. A prepared key
 * is in memory only and stays the same until it is activated or forgotten, so that a repeat of the request carries it again; after a
 * crash the exchange begins anew.
 */
import { timingSafeEqual } from 'node:crypto';
import type { AccessLog } from './access-log.ts';
import { withOddParity } from './block-cipher.ts';
import type { KeyInfo, KeyUsage, Refusal, RefusalCode } from './hsm.ts';
import { KeyError } from './key-error.ts';
import type { KeyErrorCode } from './key-error.ts';
import { byNameAndVersion, infoOf, readKeyFile, replaceKeyFile, unwrapKey, withKeyLock } from './key-file.ts';
import type { KeyFile, WrappedKey } from './key-file.ts';
import { algorithmOf, currentKey, nextVersion, withKey } from './key-store.ts';
import type { NewKey } from './key-store.ts';
import { coverAsBlock, coverAsEcb, kekNamed, uncover, withUncovered } from './key-transport.ts';
import type { CarriedKey } from './key-transport.ts';
import { checkValueOf, drawKey, familyOf } from './key-usage.ts';
import type { MasterKey } from './master-key.ts';
import { underMasterKey } from './master-key-place.ts';
import type { RandomBytes } from './seal.ts';

/** Keys that are exchanged so. */
export type ZoneUsage = Extract<KeyUsage, 'zpk' | 'zak'>;

export interface ReceivedKey {
  /** Name of the key-encrypting key. */
  readonly kek: string;
  readonly name: string;
  readonly usage: ZoneUsage;
  readonly form: 'block' | 'ecb';
  readonly text: string;
  /** Demanded of the form `ecb`. */
  readonly kcv?: string | undefined;
  readonly adjustParity?: boolean | undefined;
  /** How long checks may still be made with the version before. */
  readonly overlapMs: number;
}

export interface RenewedKey {
  readonly kek: string;
  readonly name: string;
  readonly usage: ZoneUsage;
  readonly algorithm?: NewKey['algorithm'];
  readonly form: 'block' | 'ecb';
}

/** A key that the peer does not have yet. `info` has the version that it will be; `text` is what is sent. */
export interface PreparedKey {
  readonly info: KeyInfo;
  readonly text: string;
}

export interface KeyCustodyOptions {
  readonly keyFile: string;
  /** The master key as it is now: it may have been changed since the start. @throws KeyError */
  readonly openMaster: () => MasterKey;
  readonly random: RandomBytes;
  /** Unix ms. */
  readonly now: () => number;
  readonly log: Pick<AccessLog, 'record'>;
  /** What was done could not be written down. */
  readonly logFailed: (error: KeyError) => void;
}

interface Prepared extends PreparedKey {
  readonly order: RenewedKey;
  readonly clear: Buffer;
}

export class KeyCustody {
  readonly #options: KeyCustodyOptions;
  readonly #prepared = new Map<string, Prepared>();

  constructor(options: KeyCustodyOptions) {
    this.#options = options;
  }

  /** Takes a key from the other side: what it is known by from now on. */
  receive(received: ReceivedKey): KeyInfo | Refusal {
    const { name, usage, kek } = received;
    return this.#answer('receive', name, usage, kek, () => underMasterKey(this.#options.openMaster, (master) => this.#take(master, received)));
  }

  /** Draws a key for the other side, or says the one again that was prepared for the same name. */
  prepare(order: RenewedKey): PreparedKey | Refusal {
    const { name, usage, kek } = order;
    let prepared = this.#prepared.get(name);
    if (prepared !== undefined && !sameOrder(prepared.order, order)) this.forget(name);
    const refused = this.#answer('prepare', name, usage, kek, () => {
      prepared = this.#prepared.get(name) ?? underMasterKey(this.#options.openMaster, (master) => this.#draw(master, order));
      return prepared.info;
    });
    if ('code' in refused) return refused;
    this.#prepared.set(name, prepared!);
    return { info: prepared!.info, text: prepared!.text };
  }

  /** The peer has accepted the prepared key: it is the one that is used from now on. */
  activate(name: string, overlapMs: number): KeyInfo | Refusal {
    const prepared = this.#prepared.get(name);
    if (prepared === undefined) return { code: 'unknown_key', reason: `no key was prepared for ${name}` };
    const { usage, algorithm } = prepared.info;
    const { keyFile, openMaster, now, random } = this.#options;
    const nowMs = now();
    const added = this.#answer('activate', name, usage, prepared.order.kek, () => underMasterKey(openMaster, (master) => withKeyLock(keyFile, () => {
      const file = withoutExpired(readKeyFile(keyFile, master), name, nowMs);
      const next = withKey(keyFile, master, file, { name, usage, algorithm, checksUntilMs: nowMs + overlapMs }, prepared.clear, random);
      replaceKeyFile(keyFile, next.file);
      return next.info;
    })));
    // What may succeed at a second try is kept for it: the peer has the key already.
    if (!('code' in added) || added.code !== 'unavailable') this.forget(name);
    return added;
  }

  /** The peer has refused the prepared key, or nothing will come of it. */
  forget(name: string): void {
    this.#prepared.get(name)?.clear.fill(0);
    this.#prepared.delete(name);
  }

  #take(master: MasterKey, received: ReceivedKey): KeyInfo {
    const { keyFile, now, random } = this.#options;
    const { kek, name, usage, form, text, kcv, adjustParity, overlapMs } = received;
    const nowMs = now();
    const carried: CarriedKey = { kek, name, usage, form, text, expectedKcv: kcv === '' ? undefined : kcv, adjustParity, checksUntilMs: nowMs + overlapMs };
    return withKeyLock(keyFile, () => {
      const file = readKeyFile(keyFile, master);
      const uncovered = uncover(keyFile, master, file, carried, nowMs);
      try {
        const current = currentKey(file.keys, name);
        if (current?.usage === usage && isKey(keyFile, master, current, uncovered.clear)) return infoOf(current);
        refuseFormer(file, name, checkValueOf(uncovered.algorithm, uncovered.clear));
        const added = withUncovered(keyFile, master, withoutExpired(file, name, nowMs), carried, uncovered, random);
        replaceKeyFile(keyFile, added.file);
        return added.info;
      } finally {
        uncovered.clear.fill(0);
      }
    });
  }

  #draw(master: MasterKey, order: RenewedKey): Prepared {
    const { keyFile, random } = this.#options;
    const { name, usage, form } = order;
    const file = readKeyFile(keyFile, master);
    const current = currentKey(file.keys, name);
    if (current !== undefined && current.usage !== usage) throw new KeyError('key_wrong_usage', `the key ${name} is for ${current.usage}, not for ${usage}`);
    const algorithm = algorithmOf({ usage, algorithm: order.algorithm ?? current?.algorithm });
    const kek = kekNamed(file, order.kek);
    const clear = drawKey(algorithm, random);
    try {
      const text = form === 'block' ? coverAsBlock(keyFile, master, kek, { usage, algorithm }, clear, random) : coverAsEcb(keyFile, master, kek, { algorithm }, clear);
      const info = { name, version: nextVersion(file, name), usage, algorithm, kcv: checkValueOf(algorithm, clear) };
      return { order, info, text, clear };
    } catch (error) {
      clear.fill(0);
      throw error;
    }
  }

  /** What was done, or why it was not; written down. */
  #answer(operation: string, name: string, usage: KeyUsage, under: string, action: () => KeyInfo): KeyInfo | Refusal {
    let answer: KeyInfo | Refusal;
    let outcome: { refused: string } | { version: number; kcv: string };
    try {
      answer = action();
      outcome = { version: answer.version, kcv: answer.kcv };
    } catch (error) {
      answer = refusalOf(error);
      // The commands' codes, which say more than the port's.
      outcome = { refused: (error as KeyError).code };
    }
    try {
      this.#options.log.record({ operation, key: name, usage, under, ...outcome });
    } catch (error) {
      const refused = refusalOf(error);
      // A key that goes out is held back. One that is in its file stays: to refuse it now would leave the two sides with different ones.
      if (operation === 'prepare') return refused;
      this.#options.logFailed(error as KeyError);
    }
    return answer;
  }
}

/** @throws what is no KeyError */
function refusalOf(error: unknown): Refusal {
  if (!(error instanceof KeyError)) throw error;
  return { code: refusalCodes[error.code] ?? 'unavailable', reason: error.message };
}

const refusalCodes: Partial<Record<KeyErrorCode, RefusalCode>> = {
  key_unknown: 'unknown_key', key_wrong_usage: 'wrong_usage', key_refused: 'malformed', key_mismatch: 'malformed',
};

function sameOrder(a: RenewedKey, b: RenewedKey): boolean {
  return a.kek === b.kek && a.usage === b.usage && a.form === b.form && a.algorithm === b.algorithm;
}

/** Whether this is the key, whatever the parity of what came. */
function isKey(path: string, master: MasterKey, key: WrappedKey, clear: Buffer): boolean {
  const there = unwrapKey(path, master, key);
  const came = familyOf(key.algorithm) === 'tdes' ? withOddParity(clear) : Buffer.from(clear);
  const same = there.length === came.length && timingSafeEqual(there, came);
  there.fill(0);
  came.fill(0);
  return same;
}

/** Retired keys are known by their check values alone. */
function refuseFormer({ keys, retired }: KeyFile, name: string, kcv: string): void {
  const former = [...keys, ...retired].find((key) => key.name === name && key.kcv === kcv);
  if (former !== undefined) throw new KeyError('key_refused', `the key that came is version ${former.version} of ${name}, which was replaced`);
}

/** How many retired versions of a name are remembered, against their return. */
const retiredMax = 200;

/** How many versions before the current one are kept, whatever their time: each check under a wrong key tries all of them. */
const replacedMax = 16;

/** Without the versions whose time is over, and the oldest of too many: keys that are exchanged again and again do not pile up. */
function withoutExpired(file: KeyFile, name: string, nowMs: number): KeyFile {
  const current = currentKey(file.keys, name);
  const newest = current?.version ?? 0;
  const expired = (key: KeyInfo): boolean => key.name === name && key.version !== newest && ((key.checksUntilMs ?? 0) <= nowMs || key.version <= newest - replacedMax);
  const ofName = [...file.retired.filter((key) => key.name === name), ...file.keys.filter(expired).map(infoOf)].sort(byNameAndVersion);
  const retired = [...file.retired.filter((key) => key.name !== name), ...ofName.slice(-retiredMax)].sort(byNameAndVersion);
  return { ...file, keys: file.keys.filter((key) => !expired(key)), retired };
}
