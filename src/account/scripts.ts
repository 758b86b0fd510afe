/**
 * Commands that wait for a card's chip (EMV issuer scripts). One goes out with the answer to the next request whose cryptogram
 * matches, whichever chip of the PAN's that is of, and is from then on that chip's: it is taken as carried out when the same chip comes
 * with another cryptogram, unless it reports a failure then, or with the advice of the same transaction, or the transaction was
 * reversed, whose answer then did not reach it. What another chip says confirms nothing of it.
 */
import type { QueuedScript } from '../message/message.ts';
import { scriptsMax } from './card.ts';
import type { CardSecurity } from './card.ts';

/**
 * With one more behind them; undefined: too many wait. A new PIN takes the place of one that waits: the chip is to have the last. Where
 * there is no other room, the oldest that was sent to a chip which has not come last makes it: a chip that was renewed confirms nothing more.
 */
export function withScript({ scripts, chips }: CardSecurity, added: Omit<QueuedScript, 'sentBy' | 'sentTo'>): readonly QueuedScript[] | undefined {
  const left = added.command === 'pinChange' ? scripts.filter(({ command }) => command !== 'pinChange') : scripts;
  const all = [...left, { ...added, sentBy: undefined }];
  if (all.length <= scriptsMax) return all;
  const leaving = all.findIndex(({ sentTo }) => sentTo !== undefined && sentTo !== chips[0]?.panSequence);
  return leaving === -1 ? undefined : all.toSpliced(leaving, 1);
}

/**
 * The scripts after a request of a chip; those that another chip was sent stay as they are.
 * @param sentBy the request, with whose answer all of them go out; undefined: the answer will not reach the chip
 * @param hasFailed the chip says that it did not carry out what it was sent last
 */
export function afterChip(scripts: readonly QueuedScript[], panSequence: string, sentBy: string | undefined, hasFailed: boolean): readonly QueuedScript[] {
  if (scripts.length === 0) return scripts;
  const after: QueuedScript[] = [];
  for (const script of scripts) {
    if (!couldBeOf(script, panSequence)) after.push(script);
    else if (script.sentBy === undefined || hasFailed) after.push(sentBy === undefined ? unsent(script) : { ...script, sentBy, sentTo: panSequence });
  }
  return after;
}

/** What went out with this message's answer. */
export function scriptsSentBy(scripts: readonly QueuedScript[], messageId: string): readonly QueuedScript[] {
  return scripts.filter(({ sentBy }) => sentBy === messageId);
}

/**
 * The scripts once the message in whose answer they went out is reversed, or they are said to have failed; undefined: nothing changes.
 * @param panSequence the chip that says so
 */
export function unsentAgain(scripts: readonly QueuedScript[], messageId: string, panSequence?: string): readonly QueuedScript[] | undefined {
  const isUnsent = (script: QueuedScript): boolean => script.sentBy === messageId && (panSequence === undefined || couldBeOf(script, panSequence));
  return scripts.some(isUnsent) ? scripts.map((script) => (isUnsent(script) ? unsent(script) : script)) : undefined;
}

/** Waiting as if it had not been sent: the next chip that comes has it. */
export function unsent({ id, command, sealed }: QueuedScript): QueuedScript {
  return { id, command, sealed, sentBy: undefined };
}

function couldBeOf({ sentTo }: QueuedScript, panSequence: string): boolean {
  return sentTo === undefined || sentTo === panSequence;
}
