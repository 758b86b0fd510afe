/** What the port makes for the bureau that personalises cards: a document that only the bureau opens, and a card's own chip keys for it. */
import type { Pan } from '../message/pan.ts';
import type { Secret } from '../message/secret.ts';
import type { KeyName } from './key-name.ts';

/**
 * A text for the holder of a key-encrypting key alone; the product is a JWE in compact form (RFC 7516): a content key that is drawn for
 * it (A256GCM), wrapped under the AES key (A128KW, A192KW or A256KW, RFC 7518, 4.4), which `kid` names as `<name>/<version>`.
 */
export interface TransportOrder {
  readonly kind: 'transport';
  /** An AES key of usage `kek`. */
  readonly key: KeyName;
  readonly text: Secret<string>;
}

/** A card's master key, derived from the issuer's (EMV Book 2, A1.4), for the bureau; the product is a key block (X9.143, version D). */
export interface CardKeyOrder {
  readonly kind: 'cardKey';
  readonly usage: 'imk-ac' | 'imk-smi' | 'imk-smc';
  /** A key of that usage. */
  readonly key: KeyName;
  /** An AES key of usage `kek`. */
  readonly under: KeyName;
  readonly pan: Pan;
  /** Two digits. */
  readonly panSequence: string;
  readonly masterKeyOption: 'A' | 'B';
}
