/** What the port takes for messages as a whole (MACs), and for the cardholder authentication values of e-commerce. */
import type { Amount } from '../message/money.ts';
import type { Pan } from '../message/pan.ts';
import type { Secret } from '../message/secret.ts';
import type { KeyName } from './key-name.ts';

/** `retail`: ISO 9797-1 algorithm 3 with padding method 1 (ANSI X9.19), of triple DES keys; `cmac`: NIST SP 800-38B, of either. */
export type MacAlgorithm = 'retail' | 'cmac';

export interface MacOrder {
  readonly kind: 'mac';
  /** A key of usage `zak`. */
  readonly key: KeyName;
  readonly algorithm: MacAlgorithm;
  /** The bytes before the MAC field's value. */
  readonly data: Uint8Array;
  /** Bytes of the MAC that are carried, from the left: 4 to 8. */
  readonly length: number;
}

/** `mac`: hexadecimal. */
export type MacCheck = MacOrder & { readonly mac: Secret<string> };

/**
 * What an authentication value is made of, and so bound to: each to the card.
 * `visa-cavv-0`: CAVV usage 3 version 0 (CVV algorithm over PAN, results and the last digits of the tracking number); `visa-cavv-7`:
 * version 7, with amount and currency. Both under a triple DES key.
 * `mastercard-spa1`: AAV with the merchant (HMAC-SHA-1); `mastercard-spa2`: IAV with merchant, amount, currency and transaction id
 * (HMAC-SHA-256). Both under an HMAC key.
 */
export type AuthenticationForm = 'visa-cavv-0' | 'visa-cavv-7' | 'mastercard-spa1' | 'mastercard-spa2';

export interface AuthenticationOrder {
  readonly kind: 'authentication';
  /** A key of usage `cavv`. */
  readonly key: KeyName;
  readonly form: AuthenticationForm;
  readonly pan: Pan;
  /** What the authentication was for; a form that does not bind it takes no note of it. */
  readonly amount: Amount | undefined;
  /** Directory server transaction id, where the form binds it: 36 characters, as a UUID; empty where not carried. */
  readonly transactionId: string;
  /** Authentication tracking number or transaction sequence number, which makes the value unique: up to sixteen digits (SPA1: below 2^32). */
  readonly trackingNumber: string;
  /** Whether the cardholder was authenticated (the rule) or that was only attempted; SPA2 does not tell. */
  readonly outcome?: 'authenticated' | 'attempted';
  /** As the cardholder was shown it, for the forms of Mastercard: the value carries a hash of it. */
  readonly merchantName?: string;
}

/** `value`: the 20 bytes as carried, hexadecimal. What it carries of the facts above is taken from it. */
export type AuthenticationCheck = Omit<AuthenticationOrder, 'trackingNumber' | 'outcome' | 'merchantName'> & { readonly value: Secret<string> };
