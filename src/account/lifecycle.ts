/**
 * What opens and closes an account, loads its balance, moves money to another, adds and changes its cards: messages like the wire's, through the same store. The same id
 * changes the account once, whatever became of it since.
 */
import { assert } from '../base/assert.ts';
import { amountMinorMax } from '../base/limits.ts';
import type { Reason } from '../message/reason.ts';
import { availableMinor, cardIndex, evolve, isWithinBounds, noEffects } from './account.ts';
import type { Account } from './account.ts';
import { cardAfter } from './card-lifecycle.ts';
import type { CardLifecycleMessage, CardOutcome, LifecycleBase } from './card-lifecycle.ts';
import { controlSetOf } from './controls.ts';
import { plainResponse } from './decision.ts';
import type { Decision } from './decision.ts';
import type { CardEntry, ClosedEntry, JournalEntry, LoadedEntry, OpenedEntry } from './journal.ts';
import type { Records } from './locate.ts';
import { digest } from './record.ts';
import { applyTransfer, isTransfer } from './transfer.ts';
import type { TransferMessage } from './transfer.ts';

export interface OpenMessage extends LifecycleBase {
  readonly kind: 'open';
  readonly currency: string;
  readonly program: string;
  readonly partner: string;
}

/** Money in (positive) or out (negative) between the partner and the holder. */
export interface LoadMessage extends LifecycleBase {
  readonly kind: 'load';
  readonly amountMinor: number;
}

/** Closes the account for good: it is empty, and nothing is held. */
export interface CloseMessage extends LifecycleBase {
  readonly kind: 'close';
}

export type LifecycleMessage = OpenMessage | CloseMessage | LoadMessage | TransferMessage | CardLifecycleMessage;

/** Those that are done once by their own id. */
type MarkedMessage = Exclude<LifecycleMessage, TransferMessage>;

/**
 * An id is remembered for longer than anyone tries a call again, and not for ever. Opening an account and adding a card need no such mark:
 * that they are there says that it was done.
 */
const markDays = 400;
const dayMs = 86_400_000;
/** Of before marks said what was done. */
const plainMark = '1';

/** Applies a lifecycle message once; the same id again changes nothing, and is no answer for another message, as for another amount, card or lock code (9113). */
export function applyLifecycle(account: Account | undefined, message: LifecycleMessage, records: Records): Decision {
  if (isTransfer(message)) return applyTransfer(account, message, records);
  if (isDone(account, message)) return { kind: 'decided', response: plainResponse('0000'), change: undefined, note: 'repeat' };
  const markId = needsMark(account, message) ? `${message.accountId}#${digest(message.id)}` : undefined;
  const mark = markId === undefined ? undefined : records.get(markId);
  if (typeof mark === 'string') {
    if (mark !== plainMark && mark !== markOf(message)) return { kind: 'decided', response: plainResponse('9113'), change: undefined, note: undefined };
    return { kind: 'decided', response: plainResponse('0000'), change: undefined, note: 'repeat' };
  }
  const outcome = account === undefined || isOfAccount(message) ? undefined : cardAfter(account, message);
  const refused = outcome?.kind === 'refused' ? outcome.reason : refusal(account, message);
  if (refused !== undefined) {
    // What is refused now may have been done before: then it is a repeat, and answered as one.
    if (markId !== undefined && mark === undefined && account !== undefined) return { kind: 'read', ids: [markId] };
    return { kind: 'decided', response: plainResponse(refused), change: undefined, note: undefined };
  }
  const entry = entryOf(account, message, outcome, markId);
  return {
    kind: 'decided', response: plainResponse('0000'), note: undefined,
    change: { entry, account: evolve(account, entry), once: markId === undefined || mark === null ? [] : [markId], guardMayRefuse: true },
  };
}

/** What the mark of a message's id says of it: all that another message under the same id may say otherwise. */
function markOf(message: MarkedMessage): string {
  if (message.kind === 'load') return `load ${message.amountMinor}`;
  if (message.kind === 'open' || message.kind === 'close') return plainMark;
  return `${message.kind} ${digest(JSON.stringify([message.kind === 'cardChange' ? message.card.token : message.cardToken, contentOf(message)]))}`;
}

/** What whoever sends a card message has chosen of it: neither when it came, nor what was drawn, sealed or reckoned from the day. */
function contentOf(message: CardLifecycleMessage): unknown {
  switch (message.kind) {
    case 'cardChange':
    case 'cardReplace': return message.card;
    case 'cardLock': return message.lockCode;
    case 'pinSet': return [message.reference.method, message.reference.keyIndex, message.reference.value];
    case 'controlsSet': return [message.by, controlSetOf(message.controls)];
    case 'cardPause': return [message.by, message.untilMs];
    case 'scriptQueue': return [message.script.id, message.script.command];
    case 'cardActivate':
    case 'cardRemove':
    case 'cardRenew':
    case 'cardUnlock':
    case 'cvv2Reset': return null;
  }
}

function isOfAccount(message: MarkedMessage): message is OpenMessage | CloseMessage | LoadMessage {
  return message.kind === 'open' || message.kind === 'close' || message.kind === 'load';
}

function isDone(account: Account | undefined, message: MarkedMessage): boolean {
  if (account === undefined) return false;
  if (message.kind === 'close') return account.isClosed;
  if (message.kind === 'open') {
    return account.currency === message.currency && account.program === message.program && account.partner === message.partner;
  }
  // Only the message that adds a card carries its number.
  return (message.kind === 'cardChange' || message.kind === 'cardReplace') && message.encryptedPan !== undefined && cardIndex(account, message.card.token) !== -1;
}

function needsMark(account: Account | undefined, message: MarkedMessage): boolean {
  if (message.kind === 'open' || message.kind === 'close' || message.kind === 'cardReplace') return false;
  return message.kind !== 'cardChange' || account === undefined || cardIndex(account, message.card.token) !== -1 || message.encryptedPan === undefined;
}

/** What the account says against it. */
function refusal(account: Account | undefined, message: MarkedMessage): Reason | undefined {
  if (message.kind === 'open') return account === undefined ? undefined : '9113';
  if (account === undefined) return '1018';
  if (message.kind === 'close') return account.ledgerMinor === 0 && account.openHolds === 0 ? undefined : '1817';
  if (message.kind !== 'load') return undefined;
  const { amountMinor } = message;
  if (!Number.isSafeInteger(amountMinor) || amountMinor === 0 || Math.abs(amountMinor) > amountMinorMax) return '1010';
  // What has happened after it was closed may have left something to take out.
  if (account.isClosed && amountMinor > 0) return '1816';
  if (!isWithinBounds(account, { ...noEffects, ledgerMinor: amountMinor })) return '1010';
  return amountMinor < 0 && availableMinor(account) + amountMinor < 0 ? '1016' : undefined;
}

function entryOf(account: Account | undefined, message: MarkedMessage, outcome: CardOutcome | undefined, markId: string | undefined): JournalEntry {
  const base = {
    accountId: message.accountId, sequence: (account?.version ?? 0) + 1, id: message.id,
    receivedAtMs: message.receivedAtMs, decidedAtMs: message.receivedAtMs, effects: noEffects,
    records: markId === undefined ? [] : [{ id: markId, value: markOf(message), keepUntilMs: message.receivedAtMs + markDays * dayMs, dueAtMs: undefined }],
  };
  if (message.kind === 'open') {
    const { currency, program, partner } = message;
    return { ...base, kind: 'opened', currency, program, partner } satisfies OpenedEntry;
  }
  assert(account !== undefined, 'only an opened account changes');
  if (message.kind === 'close') return { ...base, kind: 'closed' } satisfies ClosedEntry;
  if (message.kind !== 'load') {
    assert(outcome?.kind === 'changed', 'a card message that is not refused changes its card');
    const { index, record, security, other } = outcome;
    const pan = message.kind === 'cardChange' || message.kind === 'cardReplace' ? message : { encryptedPan: undefined, maskedPan: undefined };
    return {
      ...base, kind: 'card', index, card: record, encryptedPan: pan.encryptedPan, maskedPan: pan.maskedPan,
      effects: security === undefined ? { ...noEffects, card: other } : { ...noEffects, card: { index, record: undefined, security } },
    } satisfies CardEntry;
  }
  const { amountMinor } = message;
  return {
    ...base, kind: 'loaded', amountMinor,
    effects: {
      ...noEffects, ledgerMinor: amountMinor,
      postings: [
        { ledger: `holder:${account.id}`, amountMinor, currency: account.currency },
        { ledger: `funding:${account.partner}`, amountMinor: -amountMinor, currency: account.currency },
      ],
    },
  } satisfies LoadedEntry;
}
