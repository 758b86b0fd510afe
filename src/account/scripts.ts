/**
 * Commands that wait for a card's chip (EMV issuer scripts). One goes out with the answer to the next request whose cryptogram
 * matches, and is taken as carried out when the chip comes with another: unless it reports a failure then, or with the advice of the
 * same transaction, or the transaction was reversed, whose answer then did not reach it.
 */
import type { QueuedScript } from '../message/message.ts';

/** With one more behind them. A new PIN takes the place of one that waits: the chip is to have the last. */
export function withScript(scripts: readonly QueuedScript[], added: QueuedScript): readonly QueuedScript[] {
  const left = added.command === 'pinChange' ? scripts.filter(({ command }) => command !== 'pinChange') : scripts;
  return [...left, { ...added, sentBy: undefined }];
}

/**
 * The scripts after a request of the chip.
 * @param sentBy the request, with whose answer all of them go out; undefined: the answer will not reach the chip
 * @param hasFailed the chip says that it did not carry out what it was sent last
 */
export function afterChip(scripts: readonly QueuedScript[], sentBy: string | undefined, hasFailed: boolean): readonly QueuedScript[] {
  if (scripts.length === 0) return scripts;
  const left = hasFailed ? scripts : scripts.filter((script) => script.sentBy === undefined);
  return left.map((script) => ({ ...script, sentBy }));
}

/** What went out with this message's answer. */
export function scriptsSentBy(scripts: readonly QueuedScript[], messageId: string): readonly QueuedScript[] {
  return scripts.filter(({ sentBy }) => sentBy === messageId);
}

/** The scripts once the message in whose answer they went out is reversed, or they are said to have failed; undefined: nothing changes. */
export function unsentAgain(scripts: readonly QueuedScript[], messageId: string): readonly QueuedScript[] | undefined {
  if (!scripts.some(({ sentBy }) => sentBy === messageId)) return undefined;
  return scripts.map((script) => (script.sentBy === messageId ? { ...script, sentBy: undefined } : script));
}
