/**
 * What only an issuer's keys can make, for test messages about the configuration's own cards: verification values, tracks, PIN blocks,
 * authentication values. Refused in a sentence: a card in no range, and what its program or the station has no rule or key for.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { CardValue } from '../keys/hsm-card-value.ts';
import type { Hsm, Order } from '../keys/hsm.ts';
import { AccessLog, KeyUseCounter } from '../keys/access-log.ts';
import { loadKeys } from '../keys/key-store.ts';
import { openMasterKey, underMasterKey } from '../keys/master-key-place.ts';
import { SoftwareHsm } from '../keys/software-hsm.ts';
import type { Amount } from '../message/money.ts';
import type { Pan } from '../message/pan.ts';
import { Secret } from '../message/secret.ts';
import type { Config } from '../program/config.ts';
import { userName } from '../program/user-name.ts';
import { contactlessCheck } from '../switch/contactless-stripe.ts';
import { Routing } from '../switch/routing.ts';
import type { ProgramRules } from '../switch/routing.ts';
import { Failure } from './command.ts';
import type { Outside } from './command.ts';

/** Of the demo's cards. */
const serviceCode = '201';

/** The key file, opened once for all that a message needs of it. Uses of keys are in the access log, as a switch's are. */
export class TestKeys {
  readonly hsm: Hsm;
  readonly #routing: Routing;
  readonly #uses: KeyUseCounter;

  /** @throws KeyError */
  constructor({ keys: { keyFile, masterKey }, programs, ranges }: Config, { environment, now }: Outside) {
    const keys = underMasterKey(() => openMasterKey(masterKey, environment, keyFile), (master) => loadKeys(keyFile, master));
    const log = new AccessLog({ keyFile, user: userName(), process: 'locum send', now });
    log.refuseUnwritable();
    this.#uses = new KeyUseCounter(log, now);
    this.hsm = new SoftwareHsm(keys, { random: randomBytes, now, onUse: (operation, name, version, refused) => this.#uses.count(operation, name, version, refused) });
    this.#routing = new Routing(programs, ranges);
  }

  /** Writes the uses down. @throws KeyError where that cannot be */
  close(): void {
    const failed = this.#uses.flush();
    if (failed !== undefined) throw failed;
  }

  /** @throws Failure where no program has the card */
  programOf(pan: Pan): ProgramRules {
    const program = this.#routing.programOf(pan.reveal());
    if (program === undefined) throw new Failure(`${pan.masked} is in no range of the configuration, so there is no key to compute anything of it with`);
    return program.rules;
  }

  /** @param what for the sentence, such as `the CVV2`. @throws Failure */
  async make(order: Order, what: string): Promise<string> {
    const [product] = await this.hsm.produce([order]);
    if (product === undefined || 'error' in product) throw new Failure(`${what} cannot be computed: ${product?.error.reason ?? 'no answer'}`);
    return product.value.reveal();
  }

  /** Is the current version of the key of AES? False of a key that is not there. */
  isAes(name: string): boolean {
    return this.hsm.keys().findLast((key) => key.name === name)?.algorithm.startsWith('aes') ?? false;
  }
}

/** One own card, and what its values are made with. */
export class TestCard {
  readonly pan: Pan;
  /** Two digits. */
  readonly panSequence: string;
  readonly rules: ProgramRules;
  readonly #keys: TestKeys;

  /** @throws Failure */
  constructor(keys: TestKeys, pan: Pan, panSequence: string) {
    this.#keys = keys;
    this.pan = pan;
    this.panSequence = panSequence;
    this.rules = keys.programOf(pan);
  }

  /** @param expiry YYMM; @param generation 0: as it was issued */
  async cvv2(expiry: string, generation: number): Promise<string> {
    return await this.#value({ kind: 'cvv2', key: { name: this.rules.cvk }, pan: this.pan, expiry, expiryOrder: this.rules.cvv2ExpiryOrder, generation });
  }

  /**
   * Track 2 with its value.
   * @param kind iCVV: the track of a chip
   * @param valueAt where in the discretionary data the value starts; negative: from its end
   */
  async track2(kind: 'cvv' | 'icvv', expiry: string, valueAt: number): Promise<string> {
    return `${this.pan.reveal()}=${expiry}${serviceCode}${await this.#discretionary(kind, expiry, valueAt)}`;
  }

  /** Track 1, format B, without sentinels. */
  async track1(expiry: string, valueAt: number): Promise<string> {
    return `B${this.pan.reveal()}^TEST/CARD^${expiry}${serviceCode}${await this.#discretionary('cvv', expiry, valueAt)}`;
  }

  async #discretionary(kind: 'cvv' | 'icvv', expiry: string, valueAt: number): Promise<string> {
    const common = { key: { name: this.rules.cvk }, pan: this.pan, expiry };
    const value = await this.#value(kind === 'cvv' ? { ...common, kind, serviceCode } : { ...common, kind });
    return valueAt < 0 ? value.padEnd(-valueAt, '0') : value.padStart(valueAt + value.length, '0');
  }

  /**
   * The track 2 that a contactless chip makes for one payment where it plays a stripe.
   * @param unpredictableNumber digits, of which as many as the track has room for are taken
   * @throws Failure
   */
  async contactlessTrack2(expiry: string, atc: number, unpredictableNumber: string): Promise<string> {
    const rules = this.rules.contactlessStripe;
    if (rules === undefined) throw new Failure(`the program ${this.rules.name} has no rules for tracks that a contactless chip makes (programs.${this.rules.name}.contactlessStripe)`);
    const places = [rules.value, rules.atc, ...(rules.unpredictableNumber === undefined ? [] : [rules.unpredictableNumber])];
    let discretionary = '0'.repeat(Math.max(...places.map(({ at, length }) => at + length)));
    const put = ({ at, length }: { readonly at: number; readonly length: number }, digits: string): void => {
      discretionary = discretionary.slice(0, at) + digits.slice(-length).padStart(length, '0') + discretionary.slice(at + length);
    };
    put(rules.atc, String(atc));
    if (rules.unpredictableNumber !== undefined) put(rules.unpredictableNumber, unpredictableNumber);
    // The order is the check that the switch will make, with a value that is not known yet.
    const order = contactlessCheck({ kind: 'contactlessStripe', expiry, serviceCode, discretionary: new Secret(discretionary) }, this.pan, this.panSequence, rules);
    if (order === undefined) throw new Failure('the track has no room for its value');
    put(rules.value, await this.#value(order));
    return `${this.pan.reveal()}=${expiry}${serviceCode}${discretionary}`;
  }

  /** A cardholder authentication value, and the transaction id that it is bound to, where its form has one. @throws Failure */
  async authentication(amount: Amount | undefined, trackingNumber: string, merchantName: string): Promise<{ readonly value: string; readonly transactionId: string }> {
    const rules = this.rules.authentication;
    if (rules === undefined) throw new Failure(`the program ${this.rules.name} has no rules for cardholder authentication values (programs.${this.rules.name}.authentication)`);
    const transactionId = rules.form === 'mastercard-spa2' ? randomUUID() : '';
    const value = await this.#keys.make(
      { kind: 'authentication', key: { name: rules.key }, form: rules.form, pan: this.pan, amount, transactionId, trackingNumber, merchantName }, 'the authentication value',
    );
    return { value, transactionId };
  }

  async #value(value: CardValue): Promise<string> {
    return await this.#keys.make(value, 'the verification value');
  }
}
