/**
 * What the services' ports say between threads: plain values. A card number or a PIN is text for as long as the crossing takes, since a
 * clone has no classes; each side wraps it where it comes in.
 */
import type { LifecycleMessage } from '../account/lifecycle.ts';
import type { PinReference } from '../message/pin.ts';
import type { AppliedOutcome, LockListed, OrderedLock, PlasticOrder, ProgramFacts } from './ports.ts';

export type DeskAsk =
  | { readonly what: 'apply'; readonly message: LifecycleMessage }
  | { readonly what: 'orderLock'; readonly order: OrderedLock }
  /** `known`: the version that whoever asks has. */
  | { readonly what: 'programs'; readonly known: number | undefined }
  | { readonly what: 'newCard'; readonly program: string; readonly pan: string; readonly expiry: string; readonly needsCvv2: boolean }
  | { readonly what: 'openPan'; readonly sealed: string; readonly boundTo: string }
  | { readonly what: 'cvv2'; readonly program: string; readonly pan: string; readonly expiry: string; readonly generation: number }
  | { readonly what: 'newPin'; readonly program: string; readonly pan: string; readonly token: string; readonly pin: string; readonly keyIndex: number | undefined }
  | { readonly what: 'pinBlock'; readonly pan: string; readonly pin: string; readonly zoneKey: string }
  | { readonly what: 'translatePinBlock'; readonly pan: string; readonly block: string; readonly fromKey: string; readonly toKey: string }
  | ({ readonly what: 'personalise'; readonly pan: string; readonly pin: string | undefined } & Omit<PlasticOrder, 'pan' | 'pin'>)
  | { readonly what: 'sealMessage'; readonly message: Uint8Array; readonly boundTo: string }
  | { readonly what: 'openMessage'; readonly sealed: string; readonly boundTo: string }
  | { readonly what: 'creditLeft'; readonly partner: string }
  | { readonly what: 'creditLoad'; readonly id: string; readonly partner: string; readonly amountMinor: number };

export type DeskTold =
  | { readonly what: 'applied'; readonly outcome: AppliedOutcome }
  | { readonly what: 'lockListed'; readonly listed: LockListed }
  | { readonly what: 'programs'; readonly version: number; readonly programs: readonly ProgramFacts[] }
  | { readonly what: 'programsAsKnown' }
  | { readonly what: 'newCard'; readonly token: string; readonly encryptedPan: string; readonly cvv2: string | undefined }
  /** A sealed value, a number or a value of cryptography, as was asked. */
  | { readonly what: 'text'; readonly text: string }
  | { readonly what: 'newPin'; readonly reference: PinReference; readonly sealed: string | undefined }
  | { readonly what: 'bytes'; readonly bytes: Uint8Array }
  | { readonly what: 'minor'; readonly amountMinor: number }
  | { readonly what: 'loaded'; readonly result: 'loaded' | 'repeat' | 'conflict' | 'refused' }
  /** `accounts`, `keys`: they do not answer, or cannot do it now. `input`: what was given is malformed. */
  | { readonly what: 'failed'; readonly of: 'accounts' | 'keys' | 'input' };

/** One of several questions that cross together. */
export interface DeskCall {
  readonly id: number;
  readonly ask: DeskAsk;
}

export interface DeskReply {
  readonly id: number;
  readonly told: DeskTold;
}
