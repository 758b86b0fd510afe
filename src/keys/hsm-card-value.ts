/** What the port takes for card verification values: printed ones and those of a stripe or chip, fixed or made anew for each payment. */
import type { Pan } from '../message/pan.ts';
import type { Secret } from '../message/secret.ts';
import type { KeyName } from './key-name.ts';

interface FixedValue {
  /** A key of usage `cvk`. */
  readonly key: KeyName;
  readonly pan: Pan;
  /** Four digits, YYMM, as on the card. */
  readonly expiry: string;
}

interface DynamicValue {
  /** A key of usage `imk-cvc`; the card's own is derived from it by PAN and sequence number (EMV Book 2, A1.4.1). */
  readonly key: KeyName;
  readonly pan: Pan;
  /** Two digits. */
  readonly panSequence: string;
  /** Transaction counter of the contactless application. */
  readonly atc: number;
}

/**
 * The value to be computed; the product is its digits.
 * A CVV goes with the service code on the stripe; an iCVV has 999, a CVV2 000, so neither can be passed off as another. A CVV2 is
 * computed over MMYY by some issuers; its generation (0: as it was issued) diversifies its key, so that after a reset only the newest works.
 */
export type CardValue =
  | (FixedValue & { readonly kind: 'cvv'; readonly serviceCode: string })
  | (FixedValue & { readonly kind: 'icvv' })
  | (FixedValue & { readonly kind: 'cvv2'; readonly expiryOrder?: 'yymm' | 'mmyy'; readonly generation?: number })
  /** Visa dCVV: as a CVV, with the ATC's last four digits in the PAN's first places, under the card's own key. */
  | (DynamicValue & { readonly kind: 'dcvv'; readonly expiry: string; readonly serviceCode: string })
  /** Mastercard CVC3: over the IV that the track's static data gives (or was personalised), the unpredictable number and the ATC. */
  | (DynamicValue & {
      readonly kind: 'cvc3';
      /** The track as it is stored on the chip, hexadecimal; its MAC is the IV. */
      readonly staticTrack: Secret<string>;
      /** Unpredictable number of the terminal, eight digits. */
      readonly unpredictableNumber: string;
      /** How many of the last digits of the number are in the track: 3 to 5. */
      readonly digits: number;
    });

/** `value`: the digits that the message carried. */
export type CardValueCheck = CardValue & { readonly value: Secret<string> };
