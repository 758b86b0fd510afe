/**
 * What holders, partners and staff do to a card: add and change it, activate and remove it, lock and unlock it, renew and replace it, close
 * ways of paying with it, set its PIN, reset its CVV2, send its chip a command. Each says what the card is afterwards, or why not.
 *
 * Invariants (C8): an irreversible lock code (1 lost, 2 stolen, 5 inactive, 8 replaced) is never replaced by another, nor lifted, whoever
 * asks; a holder sets 1, 2, 3 and 7 alone. What was removed stays so. Whatever takes a card out of code 6 ends the count of wrong PINs. PIN and CVV2 change by their own messages alone, so that their
 * versions never go back.
 */
import type { CardReferences, QueuedScript } from '../message/message.ts';
import type { PinReference } from '../message/pin.ts';
import { reasonOfLock } from '../message/reason.ts';
import type { Reason } from '../message/reason.ts';
import { cardIndex } from './account.ts';
import type { Account, Card } from './account.ts';
import type { CardEffect, CardRecord, CardSecurity } from './card.ts';
import { controlSetOf, withControls } from './controls.ts';
import type { ControlOwner, ControlSet } from './controls.ts';
import { unsent, withScript } from './scripts.ts';
import { pinTriesLock, withoutTries } from './security.ts';

export interface LifecycleBase {
  /** The caller's idempotency key: the same id changes the account once. */
  readonly id: string;
  readonly accountId: string;
  readonly receivedAtMs: number;
}

/** Adds the card, or replaces the record of the card with its token; of a card that is there, PIN and CVV2 stay as they are. */
export interface CardChangeMessage extends LifecycleBase {
  readonly kind: 'cardChange';
  readonly card: CardRecord;
  /** For the book, when the card is added. */
  readonly encryptedPan: string | undefined;
  readonly maskedPan: string | undefined;
}

/** A new PIN, from now on the only one, with no wrong ones counted. It does not unlock the card. */
export interface PinSetMessage extends LifecycleBase {
  readonly kind: 'pinSet';
  readonly cardToken: string;
  readonly reference: PinReference;
  /** For the chip's script; undefined: the chip is not told. */
  readonly sealed: string | undefined;
  /** The bureau's: of a card that has had a PIN already nothing changes. */
  readonly onlyFirst?: boolean | undefined;
}

/** From now on only the CVV2 of the next generation is right. */
export interface Cvv2ResetMessage extends LifecycleBase {
  readonly kind: 'cvv2Reset';
  readonly cardToken: string;
}

/** Who asks. `network`: a scheme, or an acquirer; by default the system itself. */
export const askers = ['holder', 'partner', 'staff', 'system', 'network'] as const;

export type AskedBy = (typeof askers)[number];

export interface CardLockMessage extends LifecycleBase {
  readonly kind: 'cardLock';
  readonly cardToken: string;
  /** 1 to 8. */
  readonly lockCode: number;
  readonly by?: AskedBy | undefined;
}

/** An ordered card pays from now on. */
export interface CardActivateMessage extends LifecycleBase {
  readonly kind: 'cardActivate';
  readonly cardToken: string;
}

/** The card pays nothing any more, and cannot be brought back. */
export interface CardRemoveMessage extends LifecycleBase {
  readonly kind: 'cardRemove';
  readonly cardToken: string;
}

/** The same card with a later expiry date, under which its values are made from now on: when the holder has what it is written on. */
export interface CardRenewMessage extends LifecycleBase {
  readonly kind: 'cardRenew';
  readonly cardToken: string;
  /** YYMM, later than the one before. */
  readonly expiry: string;
}

/** Adds a card in the place of another, which gets code 8, if it has no irreversible one. What is closed on that is closed on this. */
export interface CardReplaceMessage extends LifecycleBase {
  readonly kind: 'cardReplace';
  /** Of the card that is replaced. */
  readonly cardToken: string;
  readonly card: CardRecord;
  readonly encryptedPan: string;
  readonly maskedPan: string;
}

/** From now on this is what one of them has closed on the card: all of it, in the place of what it had. */
export interface ControlsSetMessage extends LifecycleBase {
  readonly kind: 'controlsSet';
  readonly cardToken: string;
  readonly by: ControlOwner;
  readonly controls: ControlSet;
}

/** Locks the card until a time, or not any more, beside whatever else the one who asks has closed on it at that moment. */
export interface CardPauseMessage extends LifecycleBase {
  readonly kind: 'cardPause';
  readonly cardToken: string;
  readonly by: ControlOwner;
  /** Unix ms; 0, or over when it comes: not any more. */
  readonly untilMs: number;
}

export interface CardUnlockMessage extends LifecycleBase {
  readonly kind: 'cardUnlock';
  readonly cardToken: string;
}

/** A command for the card's chip, behind those that wait. */
export interface ScriptQueueMessage extends LifecycleBase {
  readonly kind: 'scriptQueue';
  readonly cardToken: string;
  readonly script: Omit<QueuedScript, 'sentBy' | 'sentTo'>;
  /** The message whose answer should have had it, and had not after all: it waits on, where it still does. */
  readonly unsent?: string | undefined;
}

export type CardLifecycleMessage =
  | CardChangeMessage | CardActivateMessage | CardRemoveMessage | CardRenewMessage | CardReplaceMessage | ControlsSetMessage | CardPauseMessage | PinSetMessage | Cvv2ResetMessage
  | CardLockMessage | CardUnlockMessage | ScriptQueueMessage;

export type CardOutcome =
  | {
      readonly kind: 'changed'; readonly index: number; readonly record: CardRecord; /** Undefined: as it was. */ readonly security: CardSecurity | undefined;
      /** What becomes of the card that is replaced. */ readonly other?: CardEffect | undefined;
    }
  | { readonly kind: 'refused'; readonly reason: Reason };

const refused = (reason: Reason): CardOutcome => ({ kind: 'refused', reason });

/** Lock codes that nothing lifts. */
export const irreversibleLocks: readonly number[] = [1, 2, 5, 8];

/** Lock codes that a holder may set. */
export const holderLocks: readonly number[] = [1, 2, 3, 7];

/** Cards that one account has had at most: its head is read and written whole with every decision. */
export const cardsMax = 200;

/** Of a card that another one replaces. */
const replacedLock = 8;

/**
 * The card after the message. Refused with 1018 (no such card), 1810 (it was removed), the reason of the irreversible code that it has,
 * 1019 (a lock code that a holder may not set), 1816 (a card for an account that is closed), 1023 (the account has had as many as it may), 9100 (a lock code, PIN reference, expiry date,
 * set of controls or script that cannot be), 9113 (it is active already, or a script with that id waits already), or 9109 (too many wait).
 */
export function cardAfter(account: Account, message: CardLifecycleMessage): CardOutcome {
  const index = cardIndex(account, message.kind === 'cardChange' ? message.card.token : message.cardToken);
  const card = account.cards[index];
  if (message.kind === 'cardChange') {
    const full = card === undefined ? withoutRoom(account) : undefined;
    if (full !== undefined) return full;
    return card?.record.state === 'removed' ? refused('1810') : cardChanged(index === -1 ? account.cards.length : index, card, message.card);
  }
  if (card === undefined) return refused('1018');
  if (card.record.state === 'removed') return refused('1810');
  const { record, security } = card;
  switch (message.kind) {
    case 'pinSet': {
      const { id, reference, sealed } = message;
      if (!isPinReference(reference)) return refused('9100');
      if (message.onlyFirst === true && record.pinVersion > 0) return changed(index, card, record, security);
      const after: CardRecord = { ...record, pin: reference, pinVersion: record.pinVersion + 1 };
      const scripts = sealed === undefined ? security.scripts : withScript(security, { id, command: 'pinChange', sealed });
      return scripts === undefined ? refused('9109') : changed(index, card, after, { ...withoutTries(security), scripts });
    }
    case 'cvv2Reset': return changed(index, card, { ...record, cvv2Generation: record.cvv2Generation + 1 }, security);
    case 'cardLock': {
      const { lockCode, by } = message;
      if (lockCode === 0) return refused('9100');
      return by === 'holder' && isLockCode(lockCode) && !holderLocks.includes(lockCode) ? refused('1019') : locked(index, card, record, lockCode);
    }
    case 'cardActivate': return record.state === 'active' ? refused('9113') : changed(index, card, { ...record, state: 'active' }, security);
    case 'cardRemove': return changed(index, card, { ...record, state: 'removed' }, security);
    case 'cardRenew': {
      if (!/^[0-9]{2}(0[1-9]|1[0-2])$/.test(message.expiry) || message.expiry <= record.expiry) return refused('9100');
      return irreversibleLocks.includes(record.lockCode) ? refused(reasonOfLock(record.lockCode)) : changed(index, card, { ...record, expiry: message.expiry }, security);
    }
    case 'cardReplace': return replaced(account, index, card, message.card);
    case 'controlsSet': return controlled(index, card, message.by, message.controls);
    case 'cardPause': {
      const pausedUntilMs = message.untilMs > 0 && message.untilMs <= message.receivedAtMs ? 0 : message.untilMs;
      return controlled(index, card, message.by, { ...record.controls?.[message.by], pausedUntilMs });
    }
    case 'cardUnlock': return locked(index, card, record, 0);
    case 'scriptQueue': return message.unsent === undefined ? scriptQueued(index, card, message.script) : waitsOn(index, card, message.script.id, message.unsent);
  }
}

/** Why the account takes no card more; undefined: it does. */
function withoutRoom({ isClosed, cards }: Account): CardOutcome | undefined {
  if (isClosed) return refused('1816');
  return cards.length >= cardsMax ? refused('1023') : undefined;
}

function cardChanged(index: number, card: Card | undefined, asked: CardRecord): CardOutcome {
  if (card === undefined) {
    const isKnown = isLockCode(asked.lockCode) && (asked.pin === undefined || isPinReference(asked.pin));
    return isKnown ? { kind: 'changed', index, record: asked, security: undefined } : refused('9100');
  }
  const { cvv2Generation, pinVersion, pin }: Omit<CardReferences, 'expiry'> = card.record;
  const { controls: _, ...rest } = asked;
  const { controls } = card.record;
  return locked(index, card, { ...rest, cvv2Generation, pinVersion, pin, ...(controls === undefined ? {} : { controls }) }, asked.lockCode);
}

function replaced(account: Account, before: number, card: Card, asked: CardRecord): CardOutcome {
  const full = withoutRoom(account);
  if (full !== undefined) return full;
  // What is closed on the card at this moment, whatever it was when somebody asked.
  const { controls } = card.record;
  const { controls: _, ...rest } = asked;
  const added = cardChanged(account.cards.length, undefined, controls === undefined ? rest : { ...rest, controls });
  const old = irreversibleLocks.includes(card.record.lockCode) ? undefined : locked(before, card, card.record, replacedLock);
  if (added.kind === 'refused' || old?.kind !== 'changed') return added;
  return { ...added, other: { index: before, record: old.record, security: old.security } };
}

/** The card with one party's set in the place of what it had. */
function controlled(index: number, card: Card, by: ControlOwner, asked: ControlSet): CardOutcome {
  const set = controlSetOf(asked);
  if (set === undefined) return refused('9100');
  const { controls: before, ...rest } = card.record;
  const controls = withControls(before, by, set);
  return changed(index, card, controls === undefined ? rest : { ...rest, controls }, card.security);
}

/** The record under a lock code, 0 for none, if the code that the card has lets it. */
function locked(index: number, card: Card, record: CardRecord, lockCode: number): CardOutcome {
  const before = card.record.lockCode;
  if (!isLockCode(lockCode)) return refused('9100');
  if (lockCode !== before && irreversibleLocks.includes(before)) return refused(reasonOfLock(before));
  const isFreed = before === pinTriesLock && lockCode !== pinTriesLock;
  return changed(index, card, { ...record, lockCode }, isFreed ? withoutTries(card.security) : card.security);
}

function scriptQueued(index: number, card: Card, { id, command, sealed }: ScriptQueueMessage['script']): CardOutcome {
  if (id === '' || (command === 'pinChange') !== (sealed !== undefined)) return refused('9100');
  if (card.security.scripts.some((script) => script.id === id)) return refused('9113');
  const scripts = withScript(card.security, { id, command, sealed });
  return scripts === undefined ? refused('9109') : changed(index, card, card.record, { ...card.security, scripts });
}

function waitsOn(index: number, card: Card, id: string, messageId: string): CardOutcome {
  const { scripts } = card.security;
  const isThere = scripts.some((script) => script.id === id && script.sentBy === messageId);
  const after = scripts.map((script) => (script.id === id ? unsent(script) : script));
  return changed(index, card, card.record, isThere ? { ...card.security, scripts: after } : card.security);
}

function changed(index: number, card: Card, record: CardRecord, security: CardSecurity): CardOutcome {
  return { kind: 'changed', index, record, security: security === card.security ? undefined : security };
}

function isLockCode(lockCode: number): boolean {
  return Number.isInteger(lockCode) && lockCode >= 0 && lockCode <= 8;
}

function isPinReference({ method, keyIndex, value }: PinReference): boolean {
  return Number.isInteger(keyIndex) && keyIndex >= 0 && keyIndex <= 9 && (method === 'pvv' ? /^[0-9]{4}$/ : /^[0-9]{4,12}$/).test(value);
}
