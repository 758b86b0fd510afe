/**
 * Counting what stand-in approved, and giving it back: in the card's windows, and in what its account, issuer and partner are exposed to.
 */
import { move } from './activity.ts';
import type { Move } from './activity.ts';
import type { Counted, StandInState } from './decision.ts';
import { addPending, isRecent, moveInOutage, reducePending, settlePending } from './exposure.ts';
import type { Exposure } from './exposure.ts';
import type { Counter } from './rules.ts';

/** Counts an approval; also in another copy of the heads, such as the shared ones when the store is back. */
export function count(state: StandInState, counted: Counted, counters: readonly Counter[]): StandInState {
  const { id, leftMinor, outageId, transactions, isInOutage, accountMinor, partnerMinor } = counted;
  const inThis = (exposure: Exposure): Exposure => (isInOutage ? moveInOutage(exposure, outageId, transactions, leftMinor) : exposure);
  const held = (exposure: Exposure, pendingMinor: number): Exposure => (pendingMinor === 0 ? exposure : addPending(exposure, id, pendingMinor));
  return {
    card: move(state.card, counted.moves, counters),
    issuer: inThis(state.issuer),
    account: state.account === undefined ? undefined : held(inThis(state.account), accountMinor),
    partner: state.partner === undefined ? undefined : held(state.partner, partnerMinor),
  };
}

/**
 * Gives back what an approval counted beyond `leftMinor`: a reversal leaves nothing, or what the transaction came to after all; a
 * completion leaves what it is for. Giving the same back twice changes nothing.
 *
 * @param leftMinor minor units of the rules' currency; what is more than counts now gives nothing back
 * @returns the heads after it, and what still counts
 */
export function giveBack(state: StandInState, counted: Counted, leftMinor: number, counters: readonly Counter[]): { readonly state: StandInState; readonly counted: Counted } {
  if (leftMinor >= counted.leftMinor || leftMinor < 0) return { state, counted };
  const backMinor = counted.leftMinor - leftMinor;
  const isAll = leftMinor === 0;
  const moves = counted.moves.map(([span, at, scope, times, minor]): Move => [span, at, scope, isAll ? 0 : times, part(minor, leftMinor, counted.leftMinor)]);
  const differences = counted.moves.map(([span, at, scope, times, minor], index): Move => [span, at, scope, moves[index]![3] - times, moves[index]![4] - minor]);
  const inThis = (exposure: Exposure): Exposure => (counted.isInOutage ? moveInOutage(exposure, counted.outageId, isAll ? -counted.transactions : 0, -backMinor) : exposure);
  const account = takeBack(state.account === undefined ? undefined : inThis(state.account), counted.id, counted.accountMinor, backMinor);
  const partner = takeBack(state.partner, counted.id, counted.partnerMinor, backMinor);
  return {
    state: { card: move(state.card, differences, counters), issuer: inThis(state.issuer), account: account.exposure, partner: partner.exposure },
    counted: {
      ...counted, leftMinor, transactions: isAll ? 0 : counted.transactions, moves, accountMinor: counted.accountMinor - account.takenMinor,
      partnerMinor: counted.partnerMinor - partner.takenMinor,
    },
  };
}

function takeBack(exposure: Exposure | undefined, id: string, pendingMinor: number, backMinor: number): { readonly exposure: Exposure | undefined; readonly takenMinor: number } {
  const takenMinor = Math.min(pendingMinor, backMinor);
  if (exposure === undefined || takenMinor === 0 || !isRecent(exposure, id)) return { exposure, takenMinor: 0 };
  return { exposure: reducePending(exposure, id, takenMinor), takenMinor };
}

/** What is left of an amount in another currency; rounded up, so that never too much is given back. */
function part(minor: number, leftMinor: number, wholeMinor: number): number {
  if (minor === wholeMinor || leftMinor === 0) return leftMinor;
  const whole = BigInt(wholeMinor);
  return Number((BigInt(minor) * BigInt(leftMinor) + whole - 1n) / whole);
}

/** The account and the partner have taken in what was approved: it no longer narrows what is known of them. Once for each approval. */
export function settle(state: StandInState, counted: Counted): { readonly state: StandInState; readonly counted: Counted } {
  const { id, accountMinor, partnerMinor } = counted;
  const account = state.account === undefined || accountMinor === 0 ? state.account : settlePending(state.account, id, accountMinor);
  const partner = state.partner === undefined || partnerMinor === 0 ? state.partner : settlePending(state.partner, id, partnerMinor);
  return { state: { ...state, account, partner }, counted: { ...counted, accountMinor: 0, partnerMinor: 0 } };
}
