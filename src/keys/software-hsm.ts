/**
 * The `hsm` port in this process, on the crypto library. It owns keyed ciphers and key objects, which print nothing.
 * It answers at once. A wrong usage, an unknown key and a malformed request are refusals with a reason; no comparison ends early
 * at the first digit that differs.
 */
import type { KeyObject } from 'node:crypto';
import { Pan, panDigitsMax } from '../message/pan.ts';
import { Secret } from '../message/secret.ts';
import { CardValueBatch, CardValueKey, cardValuesMax, isDigits } from './card-value.ts';
import type { CardValue, CardValueCheck, GeneratedValue, Hsm, KeyInfo, KeyName, KeyUsage, Refusal, RefusalCode, Verdict } from './hsm.ts';
import { KeyError } from './key-error.ts';
import type { LoadedKey } from './key-store.ts';
import { seal, unseal } from './seal.ts';
import type { RandomBytes } from './seal.ts';
import { TokenMac } from './token-mac.ts';

const tokenCharacters = 22;

/** One version of a named key. */
interface KeyVersion {
  readonly info: KeyInfo;
  readonly key: KeyObject;
  /** Only a CVK has ciphers. */
  readonly cardValue: CardValueKey | undefined;
}

interface NamedKey {
  readonly current: KeyVersion;
  readonly versions: ReadonlyMap<number, KeyVersion>;
}

export class SoftwareHsm implements Hsm {
  readonly #named = new Map<string, NamedKey>();
  readonly #token: TokenMac;
  readonly #pan: KeyVersion;
  readonly #random: RandomBytes;
  readonly #batch = new CardValueBatch();

  /** From the keys of a key file; refused without one key for tokens and one for PANs. `random` is for nonces. */
  constructor(keys: readonly LoadedKey[], random: RandomBytes) {
    for (const loaded of [...keys].sort((a, b) => a.info.version - b.info.version)) {
      const version = { ...loaded, cardValue: loaded.info.usage === 'cvk' ? cardValueKeyOf(loaded.key) : undefined };
      const versions = new Map([...(this.#named.get(loaded.info.name)?.versions ?? []), [loaded.info.version, version]]);
      this.#named.set(loaded.info.name, { current: version, versions });
    }
    this.#token = new TokenMac(this.#current('token').key, panDigitsMax);
    this.#pan = this.#current('pan');
    this.#random = random;
  }

  cardToken(pan: Pan): string {
    return this.#token.of(pan.reveal()).slice(0, tokenCharacters);
  }

  encryptPan(pan: Pan, boundTo: string): string {
    const { info, key } = this.#pan;
    const keyId = `${info.name}/${info.version}`;
    return `${keyId}:${seal(key, Buffer.from(pan.reveal(), 'latin1'), panLabel(keyId, boundTo), this.#random).toString('base64url')}`;
  }

  decryptPan(sealed: string, boundTo: string): { readonly pan: Pan } | { readonly error: Refusal } {
    const parts = /^([a-z0-9.-]{1,64})\/([0-9]{1,9}):([A-Za-z0-9_-]+)$/.exec(sealed);
    if (parts === null) return { error: refusal('malformed', 'this is not a sealed PAN') };
    const [, name = '', version = '', content = ''] = parts;
    const found = this.#find({ name, version: Number(version) }, 'pan');
    if ('code' in found) return { error: found };
    const clear = unseal(found.key, Buffer.from(content, 'base64url'), panLabel(`${name}/${version}`, boundTo));
    const pan = clear === undefined ? undefined : Pan.parse(clear.toString('latin1'));
    clear?.fill(0);
    return pan === undefined ? { error: refusal('malformed', 'this sealed PAN was changed, or belongs to another row') } : { pan };
  }

  verifyCardValues(checks: readonly CardValueCheck[]): readonly Verdict[] {
    const verdicts = Array<Verdict>(checks.length).fill('mismatch');
    this.#compute(
      checks,
      (place, value) => {
        verdicts[place] = sameValue(value, checks[place]!.value.reveal());
      },
      (place, error) => {
        verdicts[place] = { error };
      },
    );
    return verdicts;
  }

  generateCardValues(values: readonly CardValue[]): readonly GeneratedValue[] {
    const generated: GeneratedValue[] = [];
    this.#compute(
      values,
      (place, value) => {
        generated[place] = { value: new Secret(String(value).padStart(3, '0')) };
      },
      (place, error) => {
        generated[place] = { error };
      },
    );
    return generated;
  }

  keys(): readonly KeyInfo[] {
    const names = [...this.#named.keys()].sort();
    return names.flatMap((name) => [...this.#named.get(name)!.versions.values()].map((version) => version.info));
  }

  /** Computes all values, key by key in bounded batches, and hands each one's result or refusal to the caller by its place. */
  #compute(values: readonly CardValue[], result: (place: number, value: number) => void, refused: (place: number, error: Refusal) => void): void {
    const placesByKey = new Map<CardValueKey, number[]>();
    for (let place = 0; place < values.length; place++) {
      const found = this.#find(values[place]!.key, 'cvk');
      if ('code' in found) {
        refused(place, found);
        continue;
      }
      const places = placesByKey.get(found.cardValue!);
      if (places === undefined) placesByKey.set(found.cardValue!, [place]);
      else places.push(place);
    }
    const batch = this.#batch;
    for (const [key, places] of placesByKey) {
      let taken: number[] = [];
      const finish = (): void => {
        batch.compute(key);
        for (let index = 0; index < taken.length; index++) result(taken[index]!, batch.at(index));
        taken = [];
      };
      for (const place of places) {
        const fault = batch.add(values[place]!);
        if (fault === undefined) taken.push(place);
        else refused(place, refusal('malformed', fault));
        if (batch.size === cardValuesMax) finish();
      }
      if (batch.size > 0) finish();
    }
  }

  #find({ name, version }: KeyName, usage: KeyUsage): KeyVersion | Refusal {
    const named = this.#named.get(name);
    if (named === undefined) return refusal('unknown_key', `there is no key named ${name}`);
    const found = version === undefined ? named.current : named.versions.get(version);
    if (found === undefined) return refusal('unknown_key', `the key ${name} has no version ${version}`);
    if (found.info.usage !== usage) return refusal('wrong_usage', `the key ${name} is for ${found.info.usage}, not for ${usage}`);
    return found;
  }

  #current(usage: KeyUsage): KeyVersion {
    for (const named of this.#named.values()) if (named.current.info.usage === usage) return named.current;
    throw new KeyError('key_refused', `there is no key of usage ${usage}`);
  }
}

function refusal(code: RefusalCode, reason: string): Refusal {
  return { code, reason };
}

function panLabel(keyId: string, boundTo: string): string {
  return `locum-pan/1|${keyId}|${boundTo}`;
}

function cardValueKeyOf(key: KeyObject): CardValueKey {
  const clear = key.export();
  const cardValueKey = new CardValueKey(clear);
  clear.fill(0);
  return cardValueKey;
}

/** Compares all three digits whatever the first ones are. */
function sameValue(expected: number, presented: string): Verdict {
  if (!isDigits(presented, 3)) return { error: refusal('malformed', 'the value is not three digits') };
  return (expected ^ Number(presented)) === 0 ? 'match' : 'mismatch';
}
