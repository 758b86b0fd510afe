/**
 * The port to card cryptography. Callers name keys and hand over facts; keys never cross it.
 *
 * Everything that an HSM on a network would answer takes the checks of one turn together and may answer later: one exchange
 * a turn, and no promise at all where the software implementation answers at once (`await` only what is a promise).
 * The two keys of the vault are data keys: any implementation holds them in the process, so the vault is synchronous.
 *
 * Invariants: a key serves its usage only; an answer is a verdict or a refusal with its reason, never an exception for what the
 * outside sent; a refusal is not a match, and never carries a card's data or a key.
 */
import type { Pan } from '../message/pan.ts';
import type { Secret } from '../message/secret.ts';

/** What a key is for. `token`: card tokens; `pan`: PANs at rest; `cvk`: CVV, iCVV and CVV2. */
export type KeyUsage = 'token' | 'pan' | 'cvk';

export type KeyAlgorithm = 'hmac-sha256' | 'aes-256' | 'tdes-2key';

/** What anyone may know about a key. */
export interface KeyInfo {
  /** 1 to 64 of a-z, 0-9, dot and hyphen. */
  readonly name: string;
  /** From 1; the highest is the current one. */
  readonly version: number;
  readonly usage: KeyUsage;
  readonly algorithm: KeyAlgorithm;
  /** Key check value: six hex digits. */
  readonly kcv: string;
}

/** `unavailable` alone may differ on a retry; `malformed` is the message's fault, the others are ours. */
export type RefusalCode = 'unknown_key' | 'wrong_usage' | 'malformed' | 'unavailable';

export interface Refusal {
  readonly code: RefusalCode;
  /** A sentence without any card data. */
  readonly reason: string;
}

/** Anything but `match` is a failed check. */
export type Verdict = 'match' | 'mismatch' | { readonly error: Refusal };

/** One name in a key set; without a version the current one. */
export interface KeyName {
  readonly name: string;
  readonly version?: number;
}

interface CardValueSubject {
  /** A key of usage `cvk`. */
  readonly key: KeyName;
  readonly pan: Pan;
  /** Four digits, YYMM, as on the card. */
  readonly expiry: string;
}

/**
 * The value to be computed: a CVV goes with the service code on the stripe; an iCVV has 999, a CVV2 000, so neither can be
 * passed off as another. A CVV2 is computed over MMYY by some issuers.
 */
export type CardValue = CardValueSubject &
  (
    | { readonly kind: 'cvv'; readonly serviceCode: string }
    | { readonly kind: 'icvv' }
    | { readonly kind: 'cvv2'; readonly expiryOrder?: 'yymm' | 'mmyy' }
  );

/** `value`: the three digits that the message carried. */
export type CardValueCheck = CardValue & { readonly value: Secret<string> };

export type GeneratedValue = { readonly value: Secret<string> } | { readonly error: Refusal };

/** At once, or later. */
export type Eventually<T> = T | Promise<T>;

/** What stores and the book need: cards by token, PANs at rest. */
export interface CardVault {
  /** What a card is found by: HMAC-SHA-256 of the PAN cut to 128 bits, base64url, 22 characters. The same PAN has one token for ever. */
  cardToken(pan: Pan): string;
  /**
   * The PAN under AES-256-GCM, as `<key name>/<version>:<base64url>`. It opens only together with the same `boundTo`
   * (the card's token or id: what its row is found by), so a row's PAN cannot be moved to another row.
   */
  encryptPan(pan: Pan, boundTo: string): string;
  decryptPan(sealed: string, boundTo: string): { readonly pan: Pan } | { readonly error: Refusal };
}

export interface Hsm extends CardVault {
  /** Verdicts in the order of the checks, one for each. */
  verifyCardValues(checks: readonly CardValueCheck[]): Eventually<readonly Verdict[]>;
  /** For making demo cards and test messages; a switch that decides never calls it. */
  generateCardValues(values: readonly CardValue[]): Eventually<readonly GeneratedValue[]>;
  /** Every key and version held, by name, then version. */
  keys(): readonly KeyInfo[];
}
