/**
 * The keys that the tables name, compared with those of the key file: what is missing, or is for something else, is known at start and at
 * each change, and not with the first card that is declined for it.
 */
import type { KeyInfo, KeyUsage } from '../keys/hsm.ts';
import { familyOf } from '../keys/key-usage.ts';
import type { Tables } from '../tables/rows.ts';

/** A key that a row names. */
export interface NamedKey {
  /** The place that names it. */
  readonly place: string;
  readonly name: string;
  readonly usage: KeyUsage;
  /** Where another setting takes keys of one family only. */
  readonly form?: KeyForm | undefined;
}

export interface KeyForm {
  readonly place: string;
  readonly value: string;
  readonly family: 'tdes' | 'hmac';
}

/** Families in words. */
export const familyWords = { tdes: 'a triple DES key', hmac: 'an HMAC key' } as const;

/** Every key that a program's or a station's row names. */
export function namedKeys({ programs, stations, issuers }: Pick<Tables, 'programs' | 'stations' | 'issuers'>): NamedKey[] {
  const named: NamedKey[] = [];
  const add = (place: string, name: string | undefined, usage: KeyUsage, form?: KeyForm): void => {
    if (name !== undefined) named.push({ place, name, usage, form });
  };
  for (const { name, cvk, pin, chip, contactlessStripe, authentication, cards } of programs) {
    const place = `programs.${name}`;
    add(`${place}.cvk`, cvk, 'cvk');
    for (const [index, pvk] of pin?.pvks ?? []) add(`${place}.pin.pvks.${index}`, pvk, 'pvk');
    for (const [index, { ac, smi, smc }] of chip?.keys ?? []) {
      add(`${place}.chip.keys.${index}.ac`, ac, 'imk-ac');
      add(`${place}.chip.keys.${index}.smi`, smi, 'imk-smi');
      add(`${place}.chip.keys.${index}.smc`, smc, 'imk-smc');
    }
    add(`${place}.cards.bureau.key`, cards.bureau?.key, 'kek');
    add(`${place}.cards.bureau.pinKey`, cards.bureau?.pinKey, 'zpk');
    add(`${place}.contactlessStripe.key`, contactlessStripe?.key, 'imk-cvc');
    const value = authentication?.form;
    add(`${place}.authentication.key`, authentication?.key, 'cavv', value && { place: `${place}.authentication.form`, value, family: value.startsWith('visa') ? 'tdes' : 'hmac' });
  }
  for (const { name, security: { pinKey, terminalKey, mac, transportKey } } of stations) {
    const place = `stations.${name}.security`;
    add(`${place}.pinKey`, pinKey, 'zpk');
    add(`${place}.terminalKey`, terminalKey, 'bdk');
    add(`${place}.mac.key`, mac?.key, 'zak', mac?.algorithm === 'retail' ? { place: `${place}.mac.algorithm`, value: 'retail', family: 'tdes' } : undefined);
    add(`${place}.transportKey`, transportKey, 'kek');
  }
  for (const issuer of issuers) if (issuer.type === 'host') add(`issuers.${issuer.name}.remote.pin.key`, issuer.remote?.pin?.pinKey, 'zpk');
  return named;
}

/** Those of them that no key of the file answers to. */
export function missingKeys(named: readonly NamedKey[], held: readonly KeyInfo[]): NamedKey[] {
  return named.filter(({ name, usage, form }) => {
    // The last version is the one in use.
    const key = held.findLast((one) => one.name === name);
    return key?.usage !== usage || (form !== undefined && familyOf(key.algorithm) !== form.family);
  });
}
