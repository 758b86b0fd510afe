/**
 * What presenting a card changes about the card: PIN tries, its chip's counter, scripts, a new PIN. It is in the entry of the message
 * that presented it, approved or declined, so that nothing is tried twice for free.
 *
 * - A wrong PIN that was judged counts once per transaction, of an advice too; at the program's limit it locks the card with code 6.
 *   One behind a check that failed is not judged, and not counted. A right one ends the count, whatever declines after it.
 * - A counter whose cryptogram matched, or whose value on a contactless stripe did, is used up, whatever declined the transaction: else the same cryptogram could be tried again.
 * - The chip of a card whose lock code its program says it for is told to block its application, each time that it comes.
 * - A new PIN takes effect with its approval. Reversing that leaves it: only its holder knows which PIN was meant.
 */
import type { CardMessage, QueuedScript } from '../message/message.ts';
import type { Card } from './account.ts';
import { isFreshAtc, withAtc } from './atc.ts';
import { provenCounter } from './card-checks.ts';
import type { CardEffect, CardRecord, CardSecurity } from './card.ts';
import { afterChip, scriptsSentBy, unsentAgain, withScript } from './scripts.ts';

export const pinTriesLock = 6;

export interface SecurityFacts {
  /** What a PIN that was judged and counts came to. */
  readonly pin: 'verified' | 'wrong' | undefined;
  readonly isApproved: boolean;
  /** Will the chip see the answer? */
  readonly isAwaited: boolean;
  /** The message that an advice tells of. */
  readonly tellsOf?: string | undefined;
}

export interface SecurityChange {
  readonly effect: CardEffect | undefined;
  /** For the chip, with the answer. */
  readonly scripts: readonly QueuedScript[];
  /** The cryptogram came before, so that whoever sends it now may not be its chip: it gets no answer of the issuer. */
  readonly isChipUsed: boolean;
  readonly flags: readonly string[];
}

export const noSecurityChange: SecurityChange = { effect: undefined, scripts: [], isChipUsed: false, flags: [] };

/** What a message does to its card. */
export function securityChange(index: number, card: Card, message: CardMessage, facts: SecurityFacts): SecurityChange {
  const { chip } = message;
  const { pin } = facts;
  const isRequest = message.function === 'request';
  const changesPin = facts.isApproved && isRequest && message.purpose === 'pinChange';
  const proven = message.fault === undefined ? provenCounter(message, card) : undefined;
  if (pin === undefined && !changesPin && proven === undefined) return noSecurityChange;
  let { record, security } = card;
  const flags: string[] = [];
  if (pin === 'wrong') {
    security = { ...security, pinTries: security.pinTries + 1 };
    if (security.pinTries >= message.terms.pinTriesMax) {
      record = { ...record, lockCode: pinTriesLock };
      flags.push(`locked:${pinTriesLock}`);
    }
  } else if (pin === 'verified') security = withoutTries(security);
  if (changesPin) ({ record, security } = withNewPin(record, security, message, flags));
  let scripts: readonly QueuedScript[] = [];
  let isChipUsed = false;
  if (proven !== undefined) {
    const { panSequence, atc, known } = proven;
    for (const { name, effect } of chip?.findings ?? []) if (effect !== 'decline') flags.push(`chip:${name}`);
    const hasFailed = chip?.findings.some(({ effect }) => effect === 'scriptFailed') === true;
    // A terminal knows how a script went when it has the answer, so it tells with what it sends next of the same transaction.
    const unsent = hasFailed && !isRequest && facts.tellsOf !== undefined ? unsentAgain(security.scripts, facts.tellsOf, panSequence) : undefined;
    if (unsent !== undefined) security = { ...security, scripts: unsent };
    if (isFreshAtc(known, atc, message.terms.atcWindow)) {
      security = { ...security, chips: withAtc(security.chips, panSequence, atc, message.id) };
      if (isRequest && chip !== undefined) {
        security = { ...security, scripts: afterChip(security.scripts, panSequence, facts.isAwaited ? message.id : undefined, hasFailed) };
        if (facts.isAwaited && message.terms.blockAtLocks?.includes(record.lockCode) === true) security = withBlock(security, message.id, panSequence, flags);
        scripts = scriptsSentBy(security.scripts, message.id);
      }
    } else isChipUsed = chip !== undefined;
  }
  return { effect: effectOf(index, card, record, security), scripts, isChipUsed, flags };
}

/** The chip of a card that is lost for good pays no more, offline as well. It comes again only where it was not told: then it is told again. */
function withBlock(security: CardSecurity, messageId: string, panSequence: string, flags: string[]): CardSecurity {
  const { scripts } = security;
  if (scripts.some(({ command, sentBy }) => command === 'applicationBlock' && sentBy === messageId)) return security;
  const queued = withScript(security, { id: `${messageId}-block`, command: 'applicationBlock', sealed: undefined });
  flags.push(queued === undefined ? 'scriptsFull' : 'applicationBlock');
  return queued === undefined ? security : { ...security, scripts: [...queued.slice(0, -1), { ...queued.at(-1)!, sentBy: messageId, sentTo: panSequence }] };
}

/** The new values, where there are any. */
export function effectOf(index: number, card: Card, record: CardRecord, security: CardSecurity): CardEffect | undefined {
  if (record === card.record && security === card.security) return undefined;
  return { index, record: record === card.record ? undefined : record, security: security === card.security ? undefined : security };
}

export function withoutTries(security: CardSecurity): CardSecurity {
  return security.pinTries === 0 ? security : { ...security, pinTries: 0 };
}

function withNewPin(record: CardRecord, security: CardSecurity, { id, newPin }: CardMessage, flags: string[]): Pick<Card, 'record' | 'security'> {
  if (newPin?.outcome !== 'ready') return { record, security };
  const { reference, sealed } = newPin;
  let { scripts } = security;
  // Also where no chip of the card was seen yet: its first visit is the one that it is told at.
  if (sealed !== undefined) {
    const queued = withScript(security, { id, command: 'pinChange', sealed });
    if (queued === undefined) flags.push('scriptsFull');
    else scripts = queued;
  }
  return { record: { ...record, pin: reference, pinVersion: record.pinVersion + 1 }, security: { ...security, pinTries: 0, scripts } };
}
