/**
 * The checks of what comes with a card: its verification value, PIN, cryptogram and authentication value. The calculation was done
 * before and is stamped on the message; here it is judged, against the card's record and what the card has used. Fails closed: a
 * verdict that was made against anything but the record is none.
 */
import type { CardMessage } from '../message/message.ts';
import { chipOf, isFreshAtc, wholeAtc } from './atc.ts';
import type { Card } from './account.ts';
import type { ChipCounter } from './card.ts';
import type { Leg } from './record.ts';
import { fail, pass, skip } from './verdict.ts';
import type { Verdict } from './verdict.ts';

/** A card as it was presented. */
export interface Presented {
  readonly message: CardMessage;
  readonly card: Card | undefined;
  /** The open authorization that the message completes or adds to. */
  readonly original: Leg | undefined;
  /** Is what the message follows, or tells of, on record? Its counter and its authentication value may come again with it. */
  readonly follows: boolean;
  /** Was the authentication value used by another transaction? */
  readonly authenticationUsed: boolean;
  /** Was the terminal's key that its PIN came under used by another transaction? */
  readonly pinKeyUsed: boolean;
}

/** A merchant may keep no value for later: what follows an authorization that stands, and a refund, have none to carry. */
function couldCarry({ message: { purpose }, original }: Presented): boolean {
  return original === undefined && purpose !== 'refund';
}

/** Only a request is asked for what it does not carry: an advice tells of what was done without it. */
function isAsked(presented: Presented): boolean {
  return presented.message.function === 'request' && couldCarry(presented);
}

export function checkCardValue(presented: Presented): Verdict {
  const { cardValue: verdict, terms } = presented.message;
  if (verdict === undefined) return terms.verificationValueRequired && couldCarry(presented) ? fail('1812', 'nothing carried') : skip('nothing carried');
  if (verdict.outcome === 'match') return pass(verdict.kind);
  return verdict.outcome === 'mismatch' ? fail('1045', verdict.kind) : fail('1814', verdict.kind);
}

/** Does a wrong PIN count, and a right one end the count? What an advice tells of has counted if it is on record. */
export function isPinCounted({ message, follows }: Pick<Presented, 'message' | 'follows'>): boolean {
  return message.function === 'request' || !follows;
}

export function checkPin(presented: Presented): Verdict {
  const { message: { pin: carried, purpose, chip, terms }, card } = presented;
  if (carried === 'absent') {
    if (purpose === 'pinChange') return fail('1012', 'none carried');
    if (purpose !== 'cash') return skip('none carried');
    return chip?.outcome === 'match' ? skip('none carried, with a cryptogram') : fail('1012', 'none carried');
  }
  if (card?.record.pin === undefined) return fail('1813', 'PIN data carried');
  if (carried === 'unverified' || carried.pinVersion !== card.record.pinVersion) return fail('1815', 'not checked against the PIN on record');
  if (presented.pinKeyUsed && (carried.outcome === 'verified' || carried.outcome === 'wrong')) return fail('1818', 'terminal key used before');
  switch (carried.outcome) {
    case 'verified': return purpose === 'pinChange' ? newPin(presented.message) : pass('verified');
    case 'malformed': return fail('1026', 'malformed');
    case 'error': return fail('1815', 'error');
    case 'wrong': {
      if (!isPinCounted(presented)) return fail('1017', 'wrong');
      const tries = card.security.pinTries + 1;
      const value = `wrong, ${tries} of ${terms.pinTriesMax}`;
      // The try that locks the card is told so at once.
      return tries >= terms.pinTriesMax ? fail('1806', `${value}: locked`) : fail('1017', value);
    }
  }
}

function newPin({ newPin: asked }: CardMessage): Verdict {
  if (asked?.outcome === 'ready') return pass('verified, a new one');
  return asked?.outcome === 'error' ? fail('1815', 'the new PIN: error') : fail('1048', asked === undefined ? 'no new PIN' : 'the new PIN: malformed');
}

/** A chip's transaction counter, and what is known of that chip's. */
export interface ProvenCounter {
  readonly panSequence: string;
  readonly atc: number;
  readonly known: ChipCounter | undefined;
}

/** The counter, where something that only its chip can make came with it: a cryptogram, or a stripe's value of one payment. */
export function provenCounter({ chip, cardValue }: CardMessage, card: Card | undefined): ProvenCounter | undefined {
  const chips = card?.security.chips ?? [];
  if (chip !== undefined) return chip.outcome === 'match' ? { panSequence: chip.panSequence, atc: chip.atc, known: chipOf(chips, chip.panSequence) } : undefined;
  if (cardValue?.outcome !== 'match' || cardValue.counter === undefined) return undefined;
  const { panSequence, atc, modulus } = cardValue.counter;
  const known = chipOf(chips, panSequence);
  return { panSequence, atc: wholeAtc(known, atc, modulus), known };
}

export function checkCryptogram(presented: Presented): Verdict {
  const { message, card, follows } = presented;
  const { chip, entryMode, terms, cardValue } = message;
  const proven = provenCounter(message, card);
  const isUsed = proven !== undefined && !follows && !isFreshAtc(proven.known, proven.atc, terms.atcWindow);
  const replayed = (): Verdict => fail('1842', `counter ${proven?.atc ?? ''}, highest ${proven?.known?.highestAtc ?? ''}, sequence ${proven?.panSequence ?? ''}`);
  if (entryMode === 'fallback' && !terms.fallbackAllowed) return fail('1844', 'fallback');
  if (chip === undefined) {
    if (isUsed) return replayed();
    if (entryMode !== 'chip' && entryMode !== 'contactless') return skip('nothing carried');
    // A contactless card that answers as a stripe has a value of this payment instead.
    if (entryMode === 'contactless' && cardValue?.outcome === 'match' && (cardValue.kind === 'dcvv' || cardValue.kind === 'cvc3')) return pass(cardValue.kind);
    return terms.cryptogramRequired && isAsked(presented) ? fail('1841', 'nothing carried') : skip('nothing carried');
  }
  if (chip.outcome === 'error') return fail('1845', 'error');
  if (chip.outcome !== 'match') return fail('1840', chip.outcome);
  if (isUsed) return replayed();
  const declining = chip.findings.find(({ effect }) => effect === 'decline');
  return declining === undefined ? pass(`counter ${chip.atc}`) : fail('1843', declining.name);
}

export function checkAuthentication(presented: Presented): Verdict {
  const { message: { authentication, entryMode, purpose, terms }, authenticationUsed } = presented;
  if (authentication === undefined) {
    const isPayment = entryMode === 'ecommerce' && (purpose === 'purchase' || purpose === 'preauthorization');
    return isPayment && terms.authenticationRequired && isAsked(presented) ? fail('1852', 'nothing carried') : skip('nothing carried');
  }
  if (authentication.outcome === 'error') return fail('1853', 'error');
  if (authentication.outcome !== 'match') return fail('1850', authentication.outcome);
  return authenticationUsed ? fail('1851', 'used before') : pass('match');
}
