/** Verification values for test messages, made with the keys of the configuration's own cards. */
import { randomBytes } from 'node:crypto';
import type { CardValue, Hsm } from '../keys/hsm.ts';
import { loadKeys } from '../keys/key-store.ts';
import { MasterKey } from '../keys/master-key.ts';
import { SoftwareHsm } from '../keys/software-hsm.ts';
import type { Pan } from '../message/pan.ts';
import type { Config } from '../program/config.ts';
import { Routing } from '../switch/routing.ts';
import { Failure } from './command.ts';
import type { Outside } from './command.ts';

/** Where CVVs go in a track of the demo's: service code, then what precedes the value. */
const serviceCode = '201';

export class CardValues {
  readonly #hsm: Hsm;
  readonly #routing: Routing;

  /** @throws KeyError, Failure */
  constructor(config: Config, { environment }: Outside) {
    const { masterKey, keyFile } = config.keys;
    this.#hsm = new SoftwareHsm(loadKeys(keyFile, openMasterKey(masterKey, environment)), randomBytes);
    this.#routing = new Routing(config.programs, config.ranges);
  }

  /** The CVV2 of an own card. @param expiry YYMM */
  async cvv2(pan: Pan, expiry: string): Promise<string> {
    const { key, expiryOrder } = this.#rules(pan);
    return await this.#value({ kind: 'cvv2', key, pan, expiry, expiryOrder });
  }

  /** A track 2 with its CVV. @param valueAt where in the discretionary data the value starts; negative: from its end */
  async track2(pan: Pan, expiry: string, valueAt: number): Promise<string> {
    const value = await this.#value({ kind: 'cvv', key: this.#rules(pan).key, pan, expiry, serviceCode });
    const discretionary = valueAt < 0 ? value.padEnd(-valueAt, '0') : value.padStart(valueAt + value.length, '0');
    return `${pan.reveal()}=${expiry}${serviceCode}${discretionary}`;
  }

  #rules(pan: Pan): { readonly key: { readonly name: string }; readonly expiryOrder: 'yymm' | 'mmyy' } {
    const program = this.#routing.programOf(pan.reveal());
    if (program === undefined) throw new Failure(`${pan.masked} is in no range of the configuration, so there is no key to compute its verification value with`);
    return { key: { name: program.rules.cvk }, expiryOrder: program.rules.cvv2ExpiryOrder };
  }

  async #value(value: CardValue): Promise<string> {
    const [generated] = await this.#hsm.generateCardValues([value]);
    if (generated === undefined || 'error' in generated) throw new Failure(`the verification value cannot be computed: ${generated?.error.reason ?? 'no answer'}`);
    return generated.value.reveal();
  }
}

/** @throws KeyError, Failure */
export function openMasterKey(named: Config['keys']['masterKey'], environment: Outside['environment']): MasterKey {
  if ('file' in named) return MasterKey.fromFile(named.file);
  const text = environment[named.variable];
  if (text === undefined || text === '') throw new Failure(`the environment variable ${named.variable} is not set, and the master key is to be there`);
  return MasterKey.fromText(text);
}
