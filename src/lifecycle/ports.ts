/**
 * What the services over the book's tables need of the switch: its accounts, by messages to the one loop that changes them; what its
 * programs say; and card cryptography, by what is to be done and never by a key.
 *
 *   services ──> AccountDesk ──> account.apply, through the store's loop
 *            └─> CardDesk    ──> the HSM's port
 *            └─> CreditDesk  ──> the partners' counters in the store
 *
 * Invariants: a card number, PIN or verification value is a `Pan` or a `Secret` on both sides; what cannot be reached is said to be so, and
 * never taken for a refusal.
 */
import type { Account } from '../account/account.ts';
import type { AskedBy } from '../account/card-lifecycle.ts';
import type { LifecycleMessage } from '../account/lifecycle.ts';
import type { LimitRule } from '../message/message.ts';
import type { Pan } from '../message/pan.ts';
import type { PinReference } from '../message/pin.ts';
import type { Reason } from '../message/reason.ts';
import type { Secret } from '../message/secret.ts';
import { LifecycleRefused } from './refusal.ts';

/** What became of a message to an account. */
export type AppliedOutcome =
  /**
   * The account has decided: `0000`, and it is durable, or why not, and nothing has changed. `isRepeat`: it was done before, under the same id. `notReached`: names of
   * switches that could not be told what the card is closed for now, and may stand in against it; not there: all have it.
   */
  | { readonly kind: 'applied'; readonly reason: Reason; readonly isRepeat: boolean; readonly notReached?: readonly string[] }
  /** Nobody can say whether it was done; the same message again, under the same id, does it once. */
  | { readonly kind: 'unreachable' };

/** A lock that is ordered while its account cannot be asked. */
export interface OrderedLock {
  /** The same as of the message to the account: it is done there once, whoever brings it. */
  readonly id: string;
  readonly token: string;
  /** C8. */
  readonly lockCode: number;
  readonly by: AskedBy;
}

/** What became of it. `listed`: switches that stand in decline from now on, but for those that were not reached; where the account has not got it yet it waits on their disks. */
export type LockListed =
  | { readonly kind: 'listed'; readonly account: 'has' | 'waits'; readonly notReached: readonly string[] }
  | { readonly kind: 'refused'; readonly reason: Reason }
  | { readonly kind: 'unreachable' };

export interface LockDesk {
  /** Has a card declined while the store of its account is away. */
  orderLock(order: OrderedLock): Promise<LockListed>;
}

export interface AccountDesk {
  /**
   * Has an account decide a message. A message that adds a card enters its token into the directory first, so that the card is found
   * from the moment at which it can pay; a token that leads to another account already is refused with 9113.
   */
  apply(message: LifecycleMessage): Promise<AppliedOutcome>;
  /**
   * Accounts as the store has them at this moment; those that are not there are missing. Calls of one turn are one question.
   * @throws LifecycleRefused 503
   */
  accounts(ids: readonly string[]): Promise<ReadonlyMap<string, Account>>;
  /** Which account a card's token leads to, for ever; tokens that nobody has are missing. @throws LifecycleRefused 503 */
  accountsOfCards(tokens: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** The programs as the switch runs on them now. @throws LifecycleRefused 503 */
  programs(): Promise<readonly ProgramFacts[]>;
}

export type CardKind = 'virtual' | 'physical' | 'digitalFirst';

/** A program, as far as it concerns whoever issues its cards. */
export interface ProgramFacts {
  readonly name: string;
  readonly partner: string;
  /** Its balances are held here; if not, its issuer decides, and no account is opened for it. */
  readonly isOwn: boolean;
  /** ISO 4217 numeric. */
  readonly currency: string;
  /** First digits of its cards' numbers, `from` to `to`, both inclusive and of one length. */
  readonly ranges: readonly { readonly from: string; readonly to: string }[];
  /** IANA: its business days and months, and those in which its cards end. */
  readonly timeZone: string;
  readonly cards: CardProduct;
  readonly hasPin: boolean;
  readonly hasChip: boolean;
  /** Must what its cards spend fit into the partner's credit balance as well? */
  readonly creditGuard: boolean;
  /** That balance's currency, ISO 4217 numeric. */
  readonly creditCurrency: string;
  readonly limits: readonly LimitRule[];
  /** Names of merchant category groups that limits and controls may speak of. */
  readonly merchantGroups: readonly string[];
}

/** What a program's row says of the cards that it issues. */
export interface CardProduct {
  readonly kinds: readonly CardKind[];
  /** How long a new card is valid, 1 to 240; it ends with a month. */
  readonly validMonths: number;
  /** Three digits. */
  readonly serviceCode: string;
  /** Who makes the plastics; undefined: nobody, and none can be ordered. */
  readonly bureau?: BureauRules;
}

export interface BureauRules {
  /** Name of the key-encrypting key that the bureau opens its cards with. */
  readonly key: string;
  /** Name of the zone key that it gets PINs under; undefined: it gets none. */
  readonly pinKey?: string;
  /** Which of the program's chip keys its chips get. */
  readonly chipKeyIndex: number;
}

export interface CardDesk {
  /** What a new number is known and kept by, in one question. @param card.needsCvv2 is its first CVV2 wanted? @throws LifecycleRefused 503 */
  newCard(card: { readonly program: string; readonly pan: Pan; readonly expiry: string; readonly needsCvv2: boolean }): Promise<NewCardReady>;
  /** @throws LifecycleRefused 503 where it does not open with this */
  openPan(sealed: string, boundTo: string): Promise<Pan>;
  /** Three digits, of the generation that the card's record has. */
  cvv2(card: { readonly program: string; readonly pan: Pan; readonly expiry: string; readonly generation: number }): Promise<Secret<string>>;
  /**
   * What a new PIN is verified against from now on, and the PIN for the chip's script where the program's cards have chips.
   * @param pin.keyIndex of the card's PIN of before, where it has one
   * @throws LifecycleRefused 400 `PIN_INVALID` where it is no PIN of 4 to 12 digits
   */
  newPin(pin: { readonly program: string; readonly pan: Pan; readonly token: string; readonly pin: Secret<string>; readonly keyIndex: number | undefined }): Promise<NewPinReady>;
  /** The PIN as a block of ISO format 0 (hexadecimal) under a zone key that is named in the key file. */
  pinBlock(block: { readonly pan: Pan; readonly pin: Secret<string>; readonly zoneKey: string }): Promise<Secret<string>>;
  /**
   * All that the bureau needs to make a plastic, as a JWE that the bureau alone opens (docs/personalisation.md).
   * @throws LifecycleRefused 503, also where the program has no bureau
   */
  personalise(plastic: PlasticOrder): Promise<string>;
  /** A block of ISO format 0 from under one zone key under another. */
  translatePinBlock(block: { readonly pan: Pan; readonly block: Secret<string>; readonly fromKey: string; readonly toKey: string }): Promise<Secret<string>>;
  /** Bytes that may hold a card number, such as an answer that is kept for its repeats. */
  sealMessage(message: Uint8Array, boundTo: string): Promise<string>;
  /** @throws LifecycleRefused 503 */
  openMessage(sealed: string, boundTo: string): Promise<Uint8Array>;
}

/** A plastic to be made. */
export interface PlasticOrder {
  readonly orderId: string;
  readonly program: string;
  /** Of a digital-first card nothing is printed, so that the bureau is told no CVC2. */
  readonly kind: 'physical' | 'digitalFirst';
  readonly pan: Pan;
  /** YYMM. */
  readonly expiry: string;
  readonly serviceCode: string;
  readonly cvv2Generation: number;
  /** Two digits: another for each plastic of a card, as its chip's keys and counter are. */
  readonly panSequence: string;
  readonly holderName: string;
  readonly delivery: Delivery;
  /** Undefined: it gets none from here. */
  readonly pin: Secret<string> | undefined;
}

/** Where a plastic is sent. */
export interface Delivery {
  readonly name: string;
  /** Street and number, and what else there is before the town: one to three lines. */
  readonly lines: readonly string[];
  readonly postalCode: string;
  readonly town: string;
  /** ISO 3166-1, two letters. */
  readonly country: string;
}

export interface NewCardReady {
  /** What stores know the card by. */
  readonly token: string;
  /** The number at rest; it opens only together with the token. */
  readonly encryptedPan: string;
  /** Three digits; undefined where it was not wanted. */
  readonly cvv2: Secret<string> | undefined;
}

export interface NewPinReady {
  readonly reference: PinReference;
  /** For `pinSet`; undefined: the program's cards have no chip to tell. */
  readonly sealed: string | undefined;
}

/** The counters that what a partner's users spend has to fit into: of users' balances held here, and of those held elsewhere. */
export interface CreditDesk {
  /** What is left, minor units, over all partitions. @throws LifecycleRefused 503 */
  leftMinor(partner: string): Promise<number>;
  /** Changes it once for each id: positive, more may be spent. `conflict`: the id was used otherwise; `refused`: less is left than is taken. @throws LifecycleRefused 503 */
  load(load: { readonly id: string; readonly partner: string; readonly amountMinor: number }): Promise<'loaded' | 'repeat' | 'conflict' | 'refused'>;
}

const accountsAway = 'ACCOUNTS_UNREACHABLE';

/** Is it that the accounts cannot be reached? */
export function isAway(error: unknown): boolean {
  return error instanceof LifecycleRefused && error.code === accountsAway;
}

/** 503: nobody can say whether it was done. */
export function unreachable(what: 'accounts' | 'keys'): LifecycleRefused {
  return what === 'accounts'
    ? new LifecycleRefused(503, accountsAway, 'the accounts cannot be reached; the same call again, under the same key, does it once')
    : new LifecycleRefused(503, 'KEYS_UNREACHABLE', 'what this needs of card cryptography does not answer now');
}
