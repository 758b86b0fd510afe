/**
 * Zone keys over the wire: a key that a station brings (0800 with DE70 161; 1804, 2804 with DE24 811) is taken under the station's
 * transport key, and one of ours is brought to it. The old key stays usable for the station's overlap, so that what is under way still
 * verifies.
 */
import type { CarriedKey } from '../dialect/meaning.ts';
import type { Eventually, Refusal } from '../keys/hsm.ts';
import type { ZoneUsage } from '../keys/key-custody.ts';
import type { StationSecurity } from './station-security.ts';

/** A new key that the other side has to accept first. */
export interface PreparedKey {
  readonly key: CarriedKey;
  /** Makes it the current one. */
  accept(): Eventually<Refusal | undefined>;
  /** Leaves everything as it was. */
  forget(): void;
}

/** What a key that came is known by from now on. */
export interface TakenKey {
  readonly kcv: string;
  /** Of the station's key. */
  readonly version: number;
}

/** Who holds the keys: what an exchange asks of it. */
export interface KeyDesk {
  receive(wish: {
    readonly transportKey: string; readonly name: string; readonly usage: ZoneUsage; readonly key: CarriedKey; readonly overlapMs: number;
  }): Eventually<TakenKey | { readonly error: Refusal }>;
  /** A key that was prepared, and neither accepted nor forgotten, is given again. */
  prepare(wish: {
    readonly transportKey: string; readonly name: string; readonly usage: ZoneUsage; readonly overlapMs: number;
  }): Eventually<PreparedKey | { readonly error: Refusal }>;
}

/** What comes of a key change: the key that is current now, or why it was not taken. */
export type KeyTaken = TakenKey | { readonly fault: string };

/** What comes of bringing a key. */
export type Renewal =
  | { readonly kind: 'renewed' }
  /** The same is under way already. */
  | { readonly kind: 'underWay' }
  /** `settled`: both sides are as before. Otherwise the station may use a key that is not current here. */
  | { readonly kind: 'failed'; readonly fault: string; readonly settled: boolean };

/** The name of the station's key for a purpose; undefined where it has none. */
export function zoneKeyName(security: StationSecurity, purpose: CarriedKey['purpose']): string | undefined {
  return purpose === 'pin' ? security.pinKey : security.mac?.key;
}

export const zoneKeyUsage: Readonly<Record<CarriedKey['purpose'], ZoneUsage>> = { pin: 'zpk', mac: 'zak' };

/** Brings a key to the station; `done` gets its answer, undefined where none came in time. False where it cannot be brought at all; then `done` is not called. */
export type BringKey = (key: CarriedKey, done: (accepted: boolean | undefined) => void) => boolean;

/** A change of keys waits for the disk, and everybody with it: so many a minute of one station, and the rest are refused. */
const changesPerMinuteMax = 60;
const minuteMs = 60_000;

/** The zone keys of one station: taken from it, and brought to it. */
export class ZoneKeys {
  readonly #security: StationSecurity;
  readonly #desk: KeyDesk;
  readonly #underWay = new Set<CarriedKey['purpose']>();
  readonly #unsettled = new Set<CarriedKey['purpose']>();
  #minuteEndsMs = -Infinity;
  #changes = 0;

  constructor(security: StationSecurity, desk: KeyDesk) {
    this.#security = security;
    this.#desk = desk;
    // What was under way at the end of the process before, the station may have taken.
    if (security.keyRenewalMs > 0) for (const purpose of this.purposes) this.#unsettled.add(purpose);
  }

  /** What the station has keys for. */
  get purposes(): readonly CarriedKey['purpose'][] {
    return this.#security.transportKey === undefined ? [] : (['pin', 'mac'] as const).filter((purpose) => zoneKeyName(this.#security, purpose) !== undefined);
  }

  /** Those whose last exchange had no answer, or is not known: the station may use a key that is not current here. */
  get unsettled(): readonly CarriedKey['purpose'][] {
    return this.purposes.filter((purpose) => this.#unsettled.has(purpose));
  }

  /** Counts a change that the station wants. @param nowMs monotonic @returns why it is one too many; empty where it is not */
  begin(nowMs: number): string {
    if (nowMs >= this.#minuteEndsMs) {
      this.#minuteEndsMs = nowMs + minuteMs;
      this.#changes = 0;
    }
    this.#changes += 1;
    return this.#changes > changesPerMinuteMax ? `the station wants more than ${changesPerMinuteMax} key changes in a minute` : '';
  }

  /** Takes a key that the station brings. */
  async take(key: CarriedKey): Promise<KeyTaken> {
    const { transportKey, keyOverlapMs } = this.#security;
    if (transportKey === undefined) return { fault: 'the station has no transport key' };
    const name = zoneKeyName(this.#security, key.purpose);
    if (name === undefined) return { fault: `the station has no key for ${key.purpose === 'pin' ? 'PINs' : 'message authentication'}` };
    const taken = await this.#desk.receive({ transportKey, name, usage: zoneKeyUsage[key.purpose], key, overlapMs: keyOverlapMs });
    return 'error' in taken ? { fault: taken.error.reason } : taken;
  }

  /** Makes a new key and brings it to the station; it is used once the station has accepted it. What had no answer is brought again as it was. */
  async renew(purpose: CarriedKey['purpose'], bring: BringKey): Promise<Renewal> {
    if (this.#underWay.has(purpose)) return { kind: 'underWay' };
    this.#underWay.add(purpose);
    try {
      const renewal = await this.#renew(purpose, bring);
      if (renewal.kind === 'failed' && !renewal.settled) this.#unsettled.add(purpose);
      else this.#unsettled.delete(purpose);
      return renewal;
    } finally {
      this.#underWay.delete(purpose);
    }
  }

  async #renew(purpose: CarriedKey['purpose'], bring: BringKey): Promise<Renewal> {
    const { transportKey, keyOverlapMs } = this.#security;
    const name = zoneKeyName(this.#security, purpose);
    const settled = !this.#unsettled.has(purpose);
    if (transportKey === undefined || name === undefined) return { kind: 'failed', fault: 'the station has no transport key, or no such key', settled };
    const prepared = await this.#desk.prepare({ transportKey, name, usage: zoneKeyUsage[purpose], overlapMs: keyOverlapMs });
    if ('error' in prepared) return { kind: 'failed', fault: prepared.error.reason, settled };
    const { promise, resolve } = Promise.withResolvers<boolean | undefined>();
    if (!bring(prepared.key, resolve)) return { kind: 'failed', fault: 'the station\'s messages have no place for a key', settled };
    const accepted = await promise;
    // It may be in use there: the same key is brought again, and not another.
    if (accepted === undefined) return { kind: 'failed', fault: 'no answer came', settled: false };
    if (!accepted) {
      prepared.forget();
      return { kind: 'failed', fault: 'the station refused it', settled: true };
    }
    const refused = await prepared.accept();
    return refused === undefined ? { kind: 'renewed' } : { kind: 'failed', fault: refused.reason, settled: false };
  }
}

/** Where keys are not exchanged. */
export const noKeyDesk: KeyDesk = {
  receive: () => ({ error: { code: 'unavailable', reason: 'keys are not exchanged here' } }),
  prepare: () => ({ error: { code: 'unavailable', reason: 'keys are not exchanged here' } }),
};
