/**
 * The `hsm` port in this process, on the crypto library. It owns keyed ciphers and key objects, which print nothing.
 * It answers at once. A wrong usage, an unknown key and a malformed request are refusals with a reason; no comparison ends early
 * at the first digit that differs.
 */
import { Pan, panDigitsMax } from '../message/pan.ts';
import { CardValueOperations } from './card-value-operations.ts';
import type { FixedCardValueCheck } from './card-value-operations.ts';
import { produceCryptogram, produceDynamicCardValue, produceResponseCryptogram, produceScript, verifyCryptogram, verifyDynamicCardValue } from './chip-operations.ts';
import type { Check, Hsm, KeyInfo, Order, Product, Refusal, Verdict } from './hsm.ts';
import { refusal } from './key-finder.ts';
import type { KeyVersion } from './key-finder.ts';
import { KeyRing } from './key-ring.ts';
import type { LoadedKey } from './key-store.ts';
import { produceAuthentication, produceMac, verifyAuthentication, verifyMac } from './message-operations.ts';
import { produceCardKey, produceTransport } from './personalisation-operations.ts';
import { openSealedPin, producePinBlock, producePinReference, sealPin, translatePin, verifyPin } from './pin-operations.ts';
import { drawnNonces, seal, unseal } from './seal.ts';
import type { RandomBytes } from './seal.ts';
import { TokenMac } from './token-mac.ts';

const tokenCharacters = 22;

/** What is told of each use of a key, for the access log: which version answered, 0 where there is no such key. */
export type OnKeyUse = (operation: string, name: string, version: number, refused: boolean) => void;

export interface SoftwareHsmOutside {
  /** For nonces and the filling of PIN blocks. */
  readonly random: RandomBytes;
  /** Unix ms: until when versions that were replaced may be used. */
  readonly now: () => number;
  readonly onUse?: OnKeyUse;
}

export class SoftwareHsm implements Hsm {
  readonly #ring: KeyRing;
  readonly #outside: SoftwareHsmOutside;
  readonly #nonces: RandomBytes;
  readonly #cardValues: CardValueOperations;
  readonly #token: TokenMac;
  readonly #tokenKey: KeyInfo;
  #pan: KeyVersion;

  /** From the keys of a key file; refused without one key for tokens and one for PANs. */
  constructor(keys: readonly LoadedKey[], outside: SoftwareHsmOutside) {
    this.#ring = new KeyRing(keys, outside.now);
    this.#outside = outside;
    this.#nonces = drawnNonces(outside.random);
    this.#cardValues = new CardValueOperations(this.#ring);
    const token = this.#ring.current('token');
    this.#token = new TokenMac(token.key, panDigitsMax);
    this.#tokenKey = token.info;
    this.#pan = this.#ring.current('pan');
  }

  /** Takes the keys of a key file that was changed. Refused, with what is held kept: a set without a PAN key, or with another token key. */
  replaceKeys(keys: readonly LoadedKey[]): Refusal | undefined {
    const next = new KeyRing(keys, this.#outside.now);
    const held = next.infos();
    const token = held.find(({ usage }) => usage === 'token');
    if (token?.kcv !== this.#tokenKey.kcv) return refusal('unknown_key', 'the key for card tokens is another, or is missing: no card would be found by it');
    if (!held.some(({ usage }) => usage === 'pan')) return refusal('unknown_key', 'there is no key of usage pan');
    this.#ring.fill(keys);
    this.#pan = this.#ring.current('pan');
    return undefined;
  }

  cardToken(pan: Pan): string {
    this.#outside.onUse?.('card token', this.#tokenKey.name, this.#tokenKey.version, false);
    return this.#token.of(pan.reveal()).slice(0, tokenCharacters);
  }

  encryptPan(pan: Pan, boundTo: string): string {
    return this.#seal('PAN', Buffer.from(pan.reveal(), 'latin1'), panLabel, boundTo);
  }

  decryptPan(sealed: string, boundTo: string): { readonly pan: Pan } | { readonly error: Refusal } {
    const opened = this.#open('PAN', sealed, panLabel, boundTo);
    if ('error' in opened) return opened;
    const pan = Pan.parse(opened.clear.toString('latin1'));
    opened.clear.fill(0);
    return pan === undefined ? { error: notOpened } : { pan };
  }

  sealMessage(message: Uint8Array, boundTo: string): string {
    return this.#seal('message', message, messageLabel, boundTo);
  }

  openMessage(sealed: string, boundTo: string): { readonly message: Uint8Array } | { readonly error: Refusal } {
    const opened = this.#open('message', sealed, messageLabel, boundTo);
    return 'error' in opened ? opened : { message: opened.clear };
  }

  #seal(what: 'PAN' | 'message', clear: Uint8Array, labelOf: typeof panLabel, boundTo: string): string {
    const { info, key } = this.#pan;
    this.#outside.onUse?.(`seal ${what}`, info.name, info.version, false);
    const keyId = `${info.name}/${info.version}`;
    return `${keyId}:${seal(key, clear, labelOf(keyId, boundTo), this.#nonces).toString('base64url')}`;
  }

  #open(what: 'PAN' | 'message', sealed: string, labelOf: typeof panLabel, boundTo: string): { readonly clear: Buffer } | { readonly error: Refusal } {
    const parts = /^([a-z0-9.-]{1,64})\/([0-9]{1,9}):([A-Za-z0-9_-]+)$/.exec(sealed);
    if (parts === null) return { error: refusal('malformed', 'this is not a sealed PAN') };
    const [, name = '', version = '', content = ''] = parts;
    const found = this.#ring.find({ name, version: Number(version) }, 'pan');
    const clear = 'code' in found ? undefined : unseal(found[0].key, Buffer.from(content, 'base64url'), labelOf(`${name}/${version}`, boundTo));
    this.#tellUses(`open ${what}`, clear === undefined);
    if ('code' in found) return { error: found };
    return clear === undefined ? { error: notOpened } : { clear };
  }

  verify(checks: readonly Check[]): readonly Verdict[] {
    const verdicts = Array<Verdict>(checks.length).fill('mismatch');
    const cardValues: FixedCardValueCheck[] = [];
    const places: number[] = [];
    for (const [place, check] of checks.entries()) {
      if (check.kind === 'cvv' || check.kind === 'icvv' || check.kind === 'cvv2') {
        cardValues.push(check);
        places.push(place);
      } else {
        const verdict = this.#verify(check);
        verdicts[place] = verdict;
        this.#tellUses(`verify ${check.kind}`, typeof verdict === 'object');
      }
    }
    if (cardValues.length > 0) this.#verifyCardValues(cardValues, places, verdicts);
    return verdicts;
  }

  produce(orders: readonly Order[]): readonly Product[] {
    return orders.map((order) => {
      const product = this.#produce(order);
      this.#tellUses(`produce ${order.kind}`, 'error' in product);
      return product;
    });
  }

  keys(): readonly KeyInfo[] {
    return this.#ring.infos();
  }

  #verifyCardValues(checks: readonly FixedCardValueCheck[], places: readonly number[], verdicts: Verdict[]): void {
    const answeredBy = this.#cardValues.verify(checks, places, verdicts);
    // Each is told by itself: the ring has noted the key of many checks once.
    this.#ring.takeUses();
    for (const [index, { kind, key }] of checks.entries()) this.#outside.onUse?.(`verify ${kind}`, key.name, answeredBy[index]!, typeof verdicts[places[index]!] === 'object');
  }

  /** Tells of every key that one operation has asked for. */
  #tellUses(operation: string, refused: boolean): void {
    for (const [name, version] of this.#ring.takeUses()) this.#outside.onUse?.(operation, name, version, refused);
  }

  #verify(check: Exclude<Check, FixedCardValueCheck>): Verdict {
    switch (check.kind) {
      case 'dcvv':
      case 'cvc3':
        return verifyDynamicCardValue(this.#ring, check);
      case 'pin':
        return verifyPin(this.#ring, check);
      case 'cryptogram':
        return verifyCryptogram(this.#ring, check);
      case 'authentication':
        return verifyAuthentication(this.#ring, check);
      case 'mac':
        return verifyMac(this.#ring, check);
    }
  }

  #produce(order: Order): Product {
    const { random } = this.#outside;
    switch (order.kind) {
      case 'cvv':
      case 'icvv':
      case 'cvv2':
        return this.#cardValues.produce(order);
      case 'dcvv':
      case 'cvc3':
        return produceDynamicCardValue(this.#ring, order);
      case 'pinReference':
        return producePinReference(this.#ring, order);
      case 'pinBlock':
        return producePinBlock(this.#ring, order, random);
      case 'pinTranslation':
        return translatePin(this.#ring, order, random);
      case 'pinSeal':
        return sealPin(this.#ring, order, random);
      case 'cryptogram':
        return produceCryptogram(this.#ring, order);
      case 'responseCryptogram':
        return produceResponseCryptogram(this.#ring, order);
      case 'script':
        return produceScript(this.#ring, order, openSealedPin);
      case 'authentication':
        return produceAuthentication(this.#ring, order);
      case 'mac':
        return produceMac(this.#ring, order);
      case 'transport':
        return produceTransport(this.#ring, order, random);
      case 'cardKey':
        return produceCardKey(this.#ring, order, random);
    }
  }
}

function panLabel(keyId: string, boundTo: string): string {
  return `locum-pan/1|${keyId}|${boundTo}`;
}

function messageLabel(keyId: string, boundTo: string): string {
  return `locum-message/1|${keyId}|${boundTo}`;
}

const notOpened = refusal('malformed', 'this sealed PAN was changed, or belongs to another row');
