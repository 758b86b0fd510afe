/** The keys that a station and the switch share, by name. */
import type { MacAlgorithm } from '../keys/hsm-message.ts';

export interface StationSecurity {
  /** Usage `zpk`; undefined: no PIN of this station can be verified but those of its terminals' own keys. */
  readonly pinKey: string | undefined;
  /** Usage `bdk`: for PIN blocks with a key serial number. */
  readonly terminalKey: string | undefined;
  /** Is a PIN under a terminal's own key taken once for each key? */
  readonly terminalKeyOnce: boolean;
  /** Of a PIN block of eight bytes whose message does not say it. */
  readonly pinFormat: 0 | 1 | 3;
  readonly mac: { readonly key: string; readonly algorithm: MacAlgorithm; readonly required: boolean } | undefined;
  /** Usage `kek`; undefined: a key change is refused. */
  readonly transportKey: string | undefined;
  /** How long the old key may be used after an exchange. */
  readonly keyOverlapMs: number;
  /** How often we bring the station new keys, while it is connected; 0: never by ourselves. */
  readonly keyRenewalMs: number;
}
