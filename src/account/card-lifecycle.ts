/**
 * What holders, partners and staff do to a card: add and change it, lock and unlock it, set its PIN, reset its CVV2, send its chip a
 * command. Each says what the card is afterwards, or why not.
 *
 * Invariants (C8): an irreversible lock code (1 lost, 2 stolen, 5 inactive, 8 replaced) is never replaced by another, nor lifted, whoever
 * asks. Whatever takes a card out of code 6 ends the count of wrong PINs. PIN and CVV2 change by their own messages alone, so that their
 * versions never go back.
 */
import type { CardReferences, QueuedScript } from '../message/message.ts';
import type { PinReference } from '../message/pin.ts';
import { reasonOfLock } from '../message/reason.ts';
import type { Reason } from '../message/reason.ts';
import { cardIndex } from './account.ts';
import type { Account, Card } from './account.ts';
import type { CardRecord, CardSecurity } from './card.ts';
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
}

/** From now on only the CVV2 of the next generation is right. */
export interface Cvv2ResetMessage extends LifecycleBase {
  readonly kind: 'cvv2Reset';
  readonly cardToken: string;
}

export interface CardLockMessage extends LifecycleBase {
  readonly kind: 'cardLock';
  readonly cardToken: string;
  /** 1 to 8. */
  readonly lockCode: number;
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

export type CardLifecycleMessage = CardChangeMessage | PinSetMessage | Cvv2ResetMessage | CardLockMessage | CardUnlockMessage | ScriptQueueMessage;

export type CardOutcome =
  | { readonly kind: 'changed'; readonly index: number; readonly record: CardRecord; /** Undefined: as it was. */ readonly security: CardSecurity | undefined }
  | { readonly kind: 'refused'; readonly reason: Reason };

const refused = (reason: Reason): CardOutcome => ({ kind: 'refused', reason });

/** Lock codes that nothing lifts. */
export const irreversibleLocks: readonly number[] = [1, 2, 5, 8];

/**
 * The card after the message. Refused with 1018 (no such card), 1810 (it was removed), the reason of the irreversible code that it has,
 * 9100 (a lock code, PIN reference or script that cannot be), 9113 (a script with that id waits already), or 9109 (too many wait).
 */
export function cardAfter(account: Account, message: CardLifecycleMessage): CardOutcome {
  const index = cardIndex(account, message.kind === 'cardChange' ? message.card.token : message.cardToken);
  const card = account.cards[index];
  if (message.kind === 'cardChange') return cardChanged(index === -1 ? account.cards.length : index, card, message.card);
  if (card === undefined) return refused('1018');
  if (card.record.state === 'removed') return refused('1810');
  const { record, security } = card;
  switch (message.kind) {
    case 'pinSet': {
      const { id, reference, sealed } = message;
      if (!isPinReference(reference)) return refused('9100');
      const after: CardRecord = { ...record, pin: reference, pinVersion: record.pinVersion + 1 };
      const scripts = sealed === undefined ? security.scripts : withScript(security, { id, command: 'pinChange', sealed });
      return scripts === undefined ? refused('9109') : changed(index, card, after, { ...withoutTries(security), scripts });
    }
    case 'cvv2Reset': return changed(index, card, { ...record, cvv2Generation: record.cvv2Generation + 1 }, security);
    case 'cardLock': return message.lockCode === 0 ? refused('9100') : locked(index, card, record, message.lockCode);
    case 'cardUnlock': return locked(index, card, record, 0);
    case 'scriptQueue': return message.unsent === undefined ? scriptQueued(index, card, message.script) : waitsOn(index, card, message.script.id, message.unsent);
  }
}

function cardChanged(index: number, card: Card | undefined, asked: CardRecord): CardOutcome {
  if (card === undefined) {
    const isKnown = isLockCode(asked.lockCode) && (asked.pin === undefined || isPinReference(asked.pin));
    return isKnown ? { kind: 'changed', index, record: asked, security: undefined } : refused('9100');
  }
  const { cvv2Generation, pinVersion, pin }: Omit<CardReferences, 'expiry'> = card.record;
  return locked(index, card, { ...asked, cvv2Generation, pinVersion, pin }, asked.lockCode);
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
