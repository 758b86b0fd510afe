/**
 * The keys of a key file, keyed and found by name. It may be filled anew while it is in use: each question is answered by one filling.
 * It notes which version of which key an operation asked for, so that none is used and not in the access log.
 *
 * Refused: a set without the vault's keys. Invariant: a key is found for its usage only.
 */
import { AesKey, TdesKey } from './block-cipher.ts';
import type { KeyInfo, KeyUsage, Refusal } from './hsm.ts';
import type { KeyName } from './key-name.ts';
import { KeyError } from './key-error.ts';
import { refusal } from './key-finder.ts';
import type { KeyFinder, KeyVersion } from './key-finder.ts';
import type { LoadedKey } from './key-store.ts';

/** Versions of one name, the newest first. */
type Versions = readonly [KeyVersion, ...KeyVersion[]];

export class KeyRing implements KeyFinder {
  readonly #now: () => number;
  #named: ReadonlyMap<string, Versions> = new Map();
  /** By name. */
  readonly #used = new Map<string, number>();

  /** @param now Unix ms */
  constructor(keys: readonly LoadedKey[], now: () => number) {
    this.#now = now;
    this.fill(keys);
  }

  /** Takes these keys in place of those before. What has not changed keeps its ciphers. */
  fill(keys: readonly LoadedKey[]): void {
    const named = new Map<string, [KeyVersion, ...KeyVersion[]]>();
    for (const loaded of [...keys].sort((a, b) => b.info.version - a.info.version)) {
      const version = this.#keyed(loaded);
      const versions = named.get(loaded.info.name);
      if (versions === undefined) named.set(loaded.info.name, [version]);
      else versions.push(version);
    }
    this.#named = named;
  }

  find(key: KeyName, usage: KeyUsage): Versions | Refusal {
    const found = this.#find(key, usage);
    if (!this.#used.has(key.name)) this.#used.set(key.name, 'code' in found ? this.currentVersion(key.name) : found[0].info.version);
    return found;
  }

  answeredUnder({ info: { name, version } }: KeyVersion): void {
    this.#used.set(name, version);
  }

  /** What was asked for since the last time, by name: the version that answered, 0 where there is no such key. */
  takeUses(): readonly (readonly [name: string, version: number])[] {
    const uses = [...this.#used];
    this.#used.clear();
    return uses;
  }

  #find({ name, version }: KeyName, usage: KeyUsage): Versions | Refusal {
    const versions = this.#named.get(name);
    if (versions === undefined) return refusal('unknown_key', `there is no key named ${name}`);
    const [current] = versions;
    if (current.info.usage !== usage) return refusal('wrong_usage', `the key ${name} is for ${current.info.usage}, not for ${usage}`);
    if (version !== undefined) {
      const found = versions.find(({ info }) => info.version === version);
      return found === undefined ? refusal('unknown_key', `the key ${name} has no version ${version}`) : [found];
    }
    if (versions.length === 1) return versions;
    const nowMs = this.#now();
    return [current, ...versions.filter(({ info }) => info.version !== current.info.version && (info.checksUntilMs ?? 0) > nowMs)];
  }

  /** The current version of the usage's one name. @throws KeyError */
  current(usage: KeyUsage): KeyVersion {
    for (const [current] of this.#named.values()) if (current.info.usage === usage) return current;
    throw new KeyError('key_refused', `there is no key of usage ${usage}`);
  }

  /** The current version of a name; 0 where there is none. */
  currentVersion(name: string): number {
    return this.#named.get(name)?.[0].info.version ?? 0;
  }

  /** Every key and version held, by name, then version. */
  infos(): readonly KeyInfo[] {
    return [...this.#named.keys()].sort().flatMap((name) => this.#named.get(name)!.map(({ info }) => info).reverse());
  }

  #keyed({ info, key }: LoadedKey): KeyVersion {
    const held = this.#named.get(info.name)?.find((version) => version.info.version === info.version);
    if (held !== undefined && held.key.equals(key)) return { ...held, info };
    if (info.algorithm === 'hmac-sha256') return { info, key, tdes: undefined, aes: undefined };
    const clear = key.export();
    const isAes = info.algorithm.startsWith('aes');
    const version: KeyVersion = { info, key, tdes: isAes ? undefined : new TdesKey(clear), aes: isAes ? new AesKey(clear) : undefined };
    clear.fill(0);
    return version;
  }
}
