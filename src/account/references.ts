/**
 * Whether a message's verdicts were made against what its card's record has now. Where not, it has to be checked again against that:
 * by whoever has the keys, before it is decided.
 */
import type { CardMessage, CardReferences } from '../message/message.ts';
import type { CardRecord } from './card.ts';

/**
 * What the message is to be checked against; undefined: its verdicts stand, whatever they say. Nothing is asked for a card that is
 * declined before its value and PIN are looked at.
 */
export function referencesToCheck(record: CardRecord, message: CardMessage): CardReferences | undefined {
  if (record.state !== 'active' || record.lockCode !== 0 || message.fault !== undefined) return undefined;
  if (!isValueStale(record, message) && !isPinStale(record, message)) return undefined;
  const { expiry, cvv2Generation, pinVersion, pin } = record;
  return { expiry, cvv2Generation, pinVersion, pin };
}

function isValueStale(record: CardRecord, { cardValue }: CardMessage): boolean {
  if (cardValue === undefined) return false;
  const { kind, outcome, against } = cardValue;
  if (outcome === 'unchecked') return true;
  if (kind !== 'cvv2') return false;
  if (against === undefined) return outcome !== 'error' && record.cvv2Generation !== 0;
  return against.cvv2Generation !== record.cvv2Generation || (against.expiry !== undefined && against.expiry !== record.expiry);
}

function isPinStale(record: CardRecord, { pin }: CardMessage): boolean {
  if (record.pin === undefined || pin === 'absent') return false;
  return pin === 'unverified' || pin.pinVersion !== record.pinVersion;
}
