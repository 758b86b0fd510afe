/**
 * Zone keys over the wire: a key that a station brings (0800 with DE70 161; 1804, 2804 with DE24 811) is taken under the station's
 * transport key, and one of ours is brought to it. The old key stays usable for the station's overlap, so that what is under way still
 * verifies.
 */
import type { CarriedKey, NetworkMeaning } from '../dialect/meaning.ts';
import type { Eventually, KeyUsage, Refusal } from '../keys/hsm.ts';
import type { StationSecurity } from './station-security.ts';

/** A new key that the other side has to accept first. */
export interface PreparedKey {
  readonly key: CarriedKey;
  /** Makes it the current one. */
  accept(): Eventually<void>;
  /** Leaves everything as it was. */
  forget(): void;
}

/** Who holds the keys: what an exchange asks of it. */
export interface KeyDesk {
  receive(wish: {
    readonly transportKey: string; readonly name: string; readonly usage: KeyUsage; readonly key: CarriedKey; readonly overlapMs: number;
  }): Eventually<{ readonly kcv: string } | { readonly error: Refusal }>;
  prepare(wish: {
    readonly transportKey: string; readonly name: string; readonly usage: KeyUsage; readonly overlapMs: number;
  }): Eventually<PreparedKey | { readonly error: Refusal }>;
}

/** What comes of a key change: the check value of the key that is current now, or why it was not taken. */
export type KeyTaken = { readonly kcv: string } | { readonly fault: string };

/** The name of the station's key for a purpose; undefined where it has none. */
export function zoneKeyName(security: StationSecurity, purpose: CarriedKey['purpose']): string | undefined {
  return purpose === 'pin' ? security.pinKey : security.mac?.key;
}

export const zoneKeyUsage: Readonly<Record<CarriedKey['purpose'], KeyUsage>> = { pin: 'zpk', mac: 'zak' };

/** Takes the key that a message brings. */
export async function takeKey({ key }: NetworkMeaning, security: StationSecurity, desk: KeyDesk): Promise<KeyTaken> {
  const { transportKey, keyOverlapMs } = security;
  if (transportKey === undefined) return { fault: 'the station has no transport key' };
  if (key === undefined) return { fault: 'no key was carried' };
  const name = zoneKeyName(security, key.purpose);
  if (name === undefined) return { fault: `the station has no key for ${key.purpose === 'pin' ? 'PINs' : 'message authentication'}` };
  const taken = await desk.receive({ transportKey, name, usage: zoneKeyUsage[key.purpose], key, overlapMs: keyOverlapMs });
  return 'error' in taken ? { fault: taken.error.reason } : taken;
}

/** Where keys are not exchanged. */
export const noKeyDesk: KeyDesk = {
  receive: () => ({ error: { code: 'unavailable', reason: 'keys are not exchanged here' } }),
  prepare: () => ({ error: { code: 'unavailable', reason: 'keys are not exchanged here' } }),
};
