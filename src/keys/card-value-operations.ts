/**
 * Card verification values of one turn: all of one key's in a call or two to the library, as a call costs what a handful of blocks cost.
 */
import { CardValueBatch, CardValueKey, cardValuesMax, cvv2GenerationMax, isDigits } from './card-value.ts';
import type { FixedCardValue } from './card-value.ts';
import type { Product, Refusal, Verdict } from './hsm.ts';
import { refusal } from './key-finder.ts';
import type { KeyFinder, KeyVersion } from './key-finder.ts';
import { Secret } from '../message/secret.ts';

/** A value with the digits that the message carried. */
export type FixedCardValueCheck = FixedCardValue & { readonly value: Secret<string> };

/** Keys of CVV2 generations that are kept for each CVK; another is derived again. */
const generationsMax = 64;

/** What is asked at one place of a call, and the key versions that may yet answer it. */
interface Asked {
  /** Among the fixed values of the call. */
  readonly index: number;
  readonly place: number;
  readonly value: FixedCardValue;
  readonly versions: readonly KeyVersion[];
}

export class CardValueOperations {
  readonly #keys: KeyFinder;
  readonly #batch = new CardValueBatch();
  readonly #generations = new WeakMap<KeyVersion, Map<number, CardValueKey>>();

  constructor(keys: KeyFinder) {
    this.#keys = keys;
  }

  /**
   * Puts each check's verdict in its place of `verdicts`.
   * @returns for each check the version of its key that answered: the one that matched, or the current one; 0 where there is no such key
   */
  verify(checks: readonly FixedCardValueCheck[], places: readonly number[], verdicts: Verdict[]): readonly number[] {
    const answeredBy: number[] = [];
    const digitsOf = new Map<number, string>();
    const asked: Asked[] = [];
    for (const [index, check] of checks.entries()) {
      const place = places[index]!;
      const found = this.#find(check);
      const digits = check.value.reveal();
      answeredBy.push('code' in found ? 0 : found[0]!.info.version);
      if ('code' in found) verdicts[place] = { error: found };
      else if (!isDigits(digits, 3)) verdicts[place] = { error: refusal('malformed', 'the value is not three digits') };
      else {
        digitsOf.set(place, digits);
        asked.push({ index, place, value: check, versions: found });
      }
    }
    // A value that is not the current version's may be an older one's, which is in use until its cards are replaced.
    let left = asked;
    while (left.length > 0) {
      const mismatched: Asked[] = [];
      this.#compute(left, (one, value) => {
        const matches = (value ^ Number(digitsOf.get(one.place))) === 0;
        verdicts[one.place] = matches ? 'match' : 'mismatch';
        if (matches) answeredBy[one.index] = one.versions[0]!.info.version;
        else if (one.versions.length > 1) mismatched.push({ ...one, versions: one.versions.slice(1) });
      }, ({ place }, error) => {
        verdicts[place] = { error };
      });
      left = mismatched;
    }
    return answeredBy;
  }

  produce(value: FixedCardValue): Product {
    const found = this.#find(value);
    if ('code' in found) return { error: found };
    let product: Product = { error: refusal('unavailable', 'nothing was computed') };
    this.#compute([{ index: 0, place: 0, value, versions: found }], (_, digits) => {
      product = { value: new Secret(String(digits).padStart(3, '0')) };
    }, (_, error) => {
      product = { error };
    });
    return product;
  }

  #find(value: FixedCardValue): readonly KeyVersion[] | Refusal {
    const generation = value.kind === 'cvv2' ? (value.generation ?? 0) : 0;
    if (!Number.isInteger(generation) || generation < 0 || generation > cvv2GenerationMax) return refusal('malformed', `a generation is 0 to ${cvv2GenerationMax}`);
    return this.#keys.find(value.key, 'cvk');
  }

  /** Computes all values under the first of their versions, key by key in bounded batches. */
  #compute(asked: readonly Asked[], result: (one: Asked, value: number) => void, refused: (one: Asked, error: Refusal) => void): void {
    const byKey = new Map<CardValueKey, Asked[]>();
    for (const one of asked) {
      const key = this.#keyOf(one);
      const others = byKey.get(key);
      if (others === undefined) byKey.set(key, [one]);
      else others.push(one);
    }
    const batch = this.#batch;
    for (const [key, all] of byKey) {
      let taken: Asked[] = [];
      const finish = (): void => {
        batch.compute(key);
        for (const [index, one] of taken.entries()) result(one, batch.at(index));
        taken = [];
      };
      for (const one of all) {
        const fault = batch.add(one.value);
        if (fault === undefined) taken.push(one);
        else refused(one, refusal('malformed', fault));
        if (batch.size === cardValuesMax) finish();
      }
      if (batch.size > 0) finish();
    }
  }

  #keyOf({ value, versions }: Asked): CardValueKey {
    const version = versions[0]!;
    const generation = value.kind === 'cvv2' ? (value.generation ?? 0) : 0;
    let byGeneration = this.#generations.get(version);
    if (byGeneration === undefined) {
      byGeneration = new Map([[0, new CardValueKey(version.tdes!)]]);
      this.#generations.set(version, byGeneration);
    }
    let key = byGeneration.get(generation);
    if (key === undefined) {
      if (byGeneration.size > generationsMax) byGeneration.delete([...byGeneration.keys()][1]!);
      key = byGeneration.get(0)!.generation(generation);
      byGeneration.set(generation, key);
    }
    return key;
  }
}
