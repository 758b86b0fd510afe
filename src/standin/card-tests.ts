/**
 * Stand-in's tests of what came with the card. The calculation was done before and is stamped on the message.
 *
 * What is wrong (a value, a PIN, a cryptogram, an authentication value that fails) is declined whether the issuer is there or not. What
 * is missing or could not be checked is a failure of stand-in's alone: the issuer, while it is there, may be able to tell.
 */
import type { ChipFacts } from '../message/message.ts';
import { reasonOfLock } from '../message/reason.ts';
import { hasSeen } from './activity.ts';
import { holds } from './condition.ts';
import type { Request } from './subject.ts';
import { fail, pass, skip, wrong } from './verdict.ts';
import type { Verdict } from './verdict.ts';

export function testLuhn({ message: { card }, set: { tests: { luhn } } }: Request): Verdict {
  if (luhn === 'off') return skip(luhn);
  return card.luhnValid ? pass(luhn, '') : fail('1011', luhn, card.pan.masked);
}

export function testCardState({ facts: { knownCard, why } }: Request): Verdict {
  // A host's card is the host's to know; an own card is in the store, or was.
  if (knownCard === undefined) return why === 'storeUnreachable' ? fail('9112', 'active', 'not known') : skip('', 'not known');
  const { state, lockCode } = knownCard;
  if (state === 'removed') return fail('1810', 'active', state);
  if (lockCode !== 0) return fail(reasonOfLock(lockCode), 'no lock', `lock ${lockCode}`);
  return state === 'active' ? pass('active', state) : fail('1811', 'active', state);
}

export function testExpiry({ message, set: { tests: { expiry: mode } }, facts: { knownCard, month } }: Request): Verdict {
  if (mode === 'off') return skip(mode);
  const dates = [knownCard?.expiry, message.card.expiry, message.card.trackExpiry].filter((date) => date !== undefined);
  const [date] = dates;
  if (date === undefined) return mode === 'required' ? fail('1001', mode, 'nothing carried') : skip(mode, 'nothing carried');
  if (dates.some((other) => other !== date)) return fail('1001', mode, 'the dates differ');
  // Months since 1970 of the last month in which the card is valid.
  const lastMonth = (Number(date.slice(0, 2)) + 30) * 12 + Number(date.slice(2)) - 1;
  return month > lastMonth ? fail('1001', mode, date) : pass(mode, date);
}

/** A merchant may keep no value for later: what follows an approval that counted, and a refund, have none to carry. */
function couldCarry({ message: { purpose }, follows }: Request): boolean {
  return !follows && purpose !== 'refund';
}

export function testCardValue(request: Request): Verdict {
  const { message: { cardValue }, set: { tests: { cardValue: mode } } } = request;
  if (mode === 'off') return skip(mode);
  if (cardValue === undefined) return mode === 'required' && couldCarry(request) ? fail('1812', mode, 'nothing carried') : skip(mode, 'nothing carried');
  if (cardValue.outcome === 'match') return pass(mode, cardValue.kind);
  return cardValue.outcome === 'mismatch' ? wrong('1045', mode, cardValue.kind) : fail('1814', mode, cardValue.kind);
}

/** Wrong PINs in a row: those that stand-in counted, and those that the account's card had when it was last seen. */
export function triesOf({ state: { card }, facts: { knownCard } }: Request): number {
  return card.pinTries + (knownCard?.pinTries ?? 0);
}

export function testPin(request: Request): Verdict {
  const { message, set: { tests: { pin: mode, pinTriesMax } }, facts: { knownCard } } = request;
  if (mode === 'off') return skip(mode);
  const parameter = `${mode}, ${pinTriesMax} tries`;
  const { pin } = message;
  const tries = triesOf(request);
  if (typeof pin !== 'string' && pin.outcome === 'wrong' && (knownCard === undefined || knownCard.pinVersion === pin.pinVersion)) {
    return wrong(tries + 1 >= pinTriesMax ? '1806' : '1017', parameter, `wrong, ${tries + 1} of ${pinTriesMax}`);
  }
  if (tries >= pinTriesMax) return fail('1806', parameter, `${tries} wrong before`);
  if (pin === 'absent') {
    const isMissing = mode === 'required' ? couldCarry(request) : message.purpose === 'cash' && !holds({ verified: ['cryptogram'] }, request);
    return isMissing ? fail('1012', parameter, 'none carried') : skip(parameter, 'none carried');
  }
  if (pin === 'unverified') return fail('1815', parameter, 'not checked');
  if (pin.outcome === 'malformed') return wrong('1026', parameter, pin.outcome);
  if (pin.outcome === 'error' || (knownCard !== undefined && knownCard.pinVersion !== pin.pinVersion)) return fail('1815', parameter, 'not checked against the PIN on record');
  return pass(parameter, 'verified');
}

/** By what a cryptogram and an authentication value are known again, where they match. */
export function marksOf({ message: { chip, authentication } }: Request): readonly string[] {
  const marks: string[] = [];
  if (chip?.outcome === 'match') marks.push(atcMark(chip));
  if (authentication?.outcome === 'match') marks.push(authentication.useId);
  return marks;
}

/** Shorter than any digest of an authentication value. */
function atcMark({ panSequence, atc }: ChipFacts): string {
  return `#${panSequence}.${atc}`;
}

export function testCryptogram(request: Request): Verdict {
  const { message: { chip, entryMode }, set: { tests: { cryptogram: mode } }, state, facts: { knownCard }, follows } = request;
  if (mode === 'off') return skip(mode);
  if (chip === undefined) {
    if (entryMode !== 'chip' && entryMode !== 'contactless') return skip(mode, 'no chip was read');
    if (holds({ verified: ['cryptogram'] }, request)) return pass(mode, 'a value of this payment');
    return mode === 'required' && couldCarry(request) ? fail('1841', mode, 'nothing carried') : skip(mode, 'nothing carried');
  }
  if (chip.outcome === 'error') return fail('1845', mode, chip.outcome);
  if (chip.outcome !== 'match') return wrong('1840', mode, chip.outcome);
  const isOld = knownCard?.chips.some(({ panSequence, highestAtc }) => (panSequence === chip.panSequence || panSequence === '') && chip.atc <= highestAtc) === true;
  if (!follows && (isOld || hasSeen(state.card, atcMark(chip)))) return wrong('1842', mode, `counter ${chip.atc}`);
  const declining = chip.findings.find(({ effect }) => effect === 'decline');
  return declining === undefined ? pass(mode, `counter ${chip.atc}`) : wrong('1843', mode, declining.name);
}

export function testAuthentication(request: Request): Verdict {
  const { message: { authentication, purpose }, channel, set: { tests: { authentication: mode } }, state, follows } = request;
  if (mode === 'off') return skip(mode);
  if (authentication === undefined) {
    const isPayment = channel === 'ecommerce' && (purpose === 'purchase' || purpose === 'preauthorization');
    return mode === 'required' && isPayment && couldCarry(request) ? fail('1852', mode, 'nothing carried') : skip(mode, 'nothing carried');
  }
  if (authentication.outcome === 'error') return fail('1853', mode, authentication.outcome);
  if (authentication.outcome !== 'match') return wrong('1850', mode, authentication.outcome);
  return !follows && hasSeen(state.card, authentication.useId) ? wrong('1851', mode, 'used before') : pass(mode, 'match');
}
