/** What the port takes for chip cards: application cryptograms, the answers to them, and scripts to the card (EMV Book 2; EMV CPA; VIS). */
import type { Pan } from '../message/pan.ts';
import type { KeyName } from './key-name.ts';

/** A cryptogram version of a scheme: what it covers, and how its keys are derived. The table is in chip-profile.ts. */
export type ChipProfileName = 'visa-cvn10' | 'visa-cvn14' | 'visa-cvn17' | 'visa-cvn18' | 'visa-cvn22' | 'mastercard-cvn16' | 'mastercard-cvn17' | 'emv-common';

/** What every derivation from an issuer's master key begins with. */
export interface ChipSubject {
  readonly pan: Pan;
  /** Two digits: tag 5F34 or DE23. */
  readonly panSequence: string;
  /** EMV Book 2, A1.4.1 (option A) and A1.4.2 (option B, for PANs of more than sixteen digits). */
  readonly masterKeyOption: 'A' | 'B';
  readonly profile: ChipProfileName;
}

/** Tag to value, both upper-case hexadecimal. */
export type ChipTags = ReadonlyMap<string, string>;

export interface CryptogramCheck extends ChipSubject {
  readonly kind: 'cryptogram';
  /** A key of usage `imk-ac`. */
  readonly key: KeyName;
  /** The tags of DE55, 9F26 (the cryptogram itself) and 9F36 (ATC) among them. */
  readonly tags: ChipTags;
}

/** The cryptogram that a card would make, for a test message: sixteen hexadecimal digits. */
export interface CryptogramOrder extends ChipSubject {
  readonly kind: 'cryptogram';
  readonly key: KeyName;
  readonly tags: ChipTags;
}

/**
 * The answer to a cryptogram that matched: tag 91's value, hexadecimal. By method 1 it is ARPC and ARC (10 bytes), by method 2 ARPC and
 * CSU (8 bytes); the profile says which. Of a key with several versions in use, the one answers under which the cryptogram of `tags` holds.
 */
export interface ResponseCryptogramOrder extends ChipSubject {
  readonly kind: 'responseCryptogram';
  readonly key: KeyName;
  readonly tags: ChipTags;
  /** Authorization response code, tag 8A: two characters. */
  readonly responseCode: string;
  /** Card status update of method 2: four bytes, hexadecimal. */
  readonly cardStatusUpdate: string;
}

export type ScriptCommand =
  | { readonly command: 'applicationBlock' }
  | { readonly command: 'applicationUnblock' }
  | { readonly command: 'pinUnblock' }
  /** `sealed`: the product of a `pinSeal`, bound to `boundTo`. */
  | { readonly command: 'pinChange'; readonly sealed: string; readonly boundTo: string };

/**
 * One command to the card under secure messaging, ready for tag 86; hexadecimal. Its keys come from the transaction whose answer it
 * travels in (ATC or cryptogram of `tags`), under versions as old as that under which the cryptogram holds.
 */
export interface ScriptOrder extends ChipSubject {
  readonly kind: 'script';
  readonly integrityKey: KeyName;
  readonly confidentialityKey: KeyName;
  /** Visa's PIN change mixes the card's cryptogram key into the block. */
  readonly cryptogramKey: KeyName;
  readonly tags: ChipTags;
  readonly command: ScriptCommand;
  /** 0 for the first command in one answer. A profile whose commands' MACs go on from each other takes one command an answer. */
  readonly sequence: number;
}

