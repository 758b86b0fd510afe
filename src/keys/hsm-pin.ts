/** What the port takes for PINs. A PIN is clear nowhere outside the port, but in an order that makes a test message. */
import type { Pan } from '../message/pan.ts';
import type { PinReference } from '../message/pin.ts';
import type { Secret } from '../message/secret.ts';
import type { KeyName } from './key-name.ts';

/** ISO 9564-1 formats; 4 is of AES keys, the others of triple DES keys. */
export type PinFormat = 0 | 1 | 3 | 4;

/** What a PIN block is enciphered under: a key between two parties, or what a terminal derived for one transaction (DUKPT). */
export type PinKey =
  | { readonly zone: KeyName }
  /** `keySerial`: hexadecimal, 10 bytes for TDES (ANSI X9.24-1), 12 for AES (ANSI X9.24-3). */
  | { readonly base: KeyName; readonly keySerial: string };

/** A PIN as it travels. */
export interface EncipheredPin {
  /** Hexadecimal: 8 bytes, 16 of format 4. */
  readonly block: Secret<string>;
  readonly format: PinFormat;
  readonly key: PinKey;
  /** The card that the block is bound to. */
  readonly pan: Pan;
}

/** How a program's PINs are verified. */
export type PinMethod =
  /** A PVV is of four digits. `longerPins`: that a longer PIN is verified by its leftmost four; otherwise it is a wrong one, and none is made of it. */
  | { readonly method: 'pvv'; readonly longerPins?: 'leftmostFour' | undefined }
  | {
      readonly method: 'ibm3624';
      /** Sixteen digits. */
      readonly decimalisationTable: string;
      /** Which part of the PAN is enciphered: the first place (from 0), how many digits, and with what hexadecimal digit it is filled up to sixteen. */
      readonly validation: { readonly start: number; readonly length: number; readonly pad: string };
    };

export interface PinCheck {
  readonly kind: 'pin';
  readonly pin: EncipheredPin;
  /** A key of usage `pvk`: the one of the reference's index. */
  readonly key: KeyName;
  readonly rules: PinMethod;
  readonly reference: PinReference;
}

/** The reference of a PIN: the product is the PVV (four digits), or the offset (as long as the PIN). */
export interface PinReferenceOrder {
  readonly kind: 'pinReference';
  readonly pin: EncipheredPin | { readonly clear: Secret<string>; readonly pan: Pan };
  readonly key: KeyName;
  readonly keyIndex: number;
  readonly rules: PinMethod;
}

/** A PIN block for a test message; the product is hexadecimal. */
export interface PinBlockOrder {
  readonly kind: 'pinBlock';
  readonly clear: Secret<string>;
  readonly format: PinFormat;
  readonly key: PinKey;
  readonly pan: Pan;
}

/** The same PIN under another party's key, perhaps in another format; the product is hexadecimal. */
export interface PinTranslationOrder {
  readonly kind: 'pinTranslation';
  readonly from: EncipheredPin;
  readonly to: { readonly key: PinKey; readonly format: PinFormat };
}

/** A new PIN until its chip has it, under the key of usage `pin`; the product is text, opened by a script order alone. */
export interface PinSealOrder {
  readonly kind: 'pinSeal';
  readonly pin: EncipheredPin | { readonly clear: Secret<string>; readonly pan: Pan };
  /** The card's token. */
  readonly boundTo: string;
}
