/**
 * The port to card cryptography. Callers name keys and hand over facts; keys never cross it.
 *
 * Two questions are all that a decision needs: do these checks hold (`verify`), and make these values (`produce`). Both take what one
 * turn of the event loop gathered, together, and may answer later: one exchange a turn with an HSM on a network, and no promise at all
 * where the software implementation answers at once (`await` only what is a promise). Who
 * asks waits for a bounded time, and takes no answer for a refusal of each.
 * The two keys of the vault are data keys: any implementation holds them in the process, so the vault is synchronous.
 *
 * Invariants: a key serves its usage only; an answer is a verdict or a refusal with its reason, never an exception for what the
 * outside sent; a refusal is not a match, and never carries a card's data or a key.
 */
import type { Pan } from '../message/pan.ts';
import type { Secret } from '../message/secret.ts';
import type { CardValue, CardValueCheck } from './hsm-card-value.ts';
import type { CryptogramCheck, CryptogramOrder, ResponseCryptogramOrder, ScriptOrder } from './hsm-chip.ts';
import type { AuthenticationCheck, AuthenticationOrder, MacCheck, MacOrder } from './hsm-message.ts';
import type { CardKeyOrder, TransportOrder } from './hsm-personalisation.ts';
import type { PinBlockOrder, PinCheck, PinReferenceOrder, PinSealOrder, PinTranslationOrder } from './hsm-pin.ts';

/**
 * What a key is for.
 * - `token`: card tokens; `pan`: PANs at rest; `pin`: PINs that wait for their chip, at rest
 * - `cvk`: CVV, iCVV, CVV2; `imk-cvc`: dCVV and CVC3; `cavv`: cardholder authentication values
 * - `pvk`: PVV and IBM 3624; `zpk`: PIN blocks between two parties; `bdk`: DUKPT base derivation, for PIN blocks of terminals
 * - `imk-ac`, `imk-smi`, `imk-smc`: a chip's cryptograms, and integrity and confidentiality of its scripts
 * - `zak`: MACs between two parties; `kek`: keys between two parties
 */
export type KeyUsage =
  | 'token' | 'pan' | 'pin' | 'cvk' | 'imk-cvc' | 'cavv' | 'pvk' | 'zpk' | 'bdk' | 'imk-ac' | 'imk-smi' | 'imk-smc' | 'zak' | 'kek';

export type KeyAlgorithm = 'hmac-sha256' | 'aes-128' | 'aes-192' | 'aes-256' | 'tdes-2key' | 'tdes-3key';

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
  /** Of a version that was replaced: until when (Unix ms) checks by name may still be made with it. Undefined: not any more. */
  readonly checksUntilMs?: number | undefined;
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

export type Check = CardValueCheck | PinCheck | CryptogramCheck | AuthenticationCheck | MacCheck;

/** A value to be made. What the product is says each order: digits, upper-case hexadecimal, or text. */
export type Order =
  | CardValue
  | PinReferenceOrder
  | PinBlockOrder
  | PinTranslationOrder
  | PinSealOrder
  | CryptogramOrder
  | ResponseCryptogramOrder
  | ScriptOrder
  | AuthenticationOrder
  | MacOrder
  | TransportOrder
  | CardKeyOrder;

export type Product = { readonly value: Secret<string> } | { readonly error: Refusal };

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
  /** A message that may hold a PAN, in the same way. */
  sealMessage(message: Uint8Array, boundTo: string): string;
  openMessage(sealed: string, boundTo: string): { readonly message: Uint8Array } | { readonly error: Refusal };
}

export interface Hsm extends CardVault {
  /** Verdicts in the order of the checks, one for each. */
  verify(checks: readonly Check[]): Eventually<readonly Verdict[]>;
  /** Products in the order of the orders, one for each. */
  produce(orders: readonly Order[]): Eventually<readonly Product[]>;
  /** Every key and version held, by name, then version. */
  keys(): readonly KeyInfo[];
}
