/**
 * Requests and facts for stand-in's tests: a purchase with a chip that every test of the default rules passes, and what can be
 * different about it.
 */
import { newActivity } from '../../src/standin/activity.ts';
import type { Activity } from '../../src/standin/activity.ts';
import type { KnownCard, StandInDecision, StandInFacts, StandInState } from '../../src/standin/decision.ts';
import { standIn } from '../../src/standin/engine.ts';
import { newExposure } from '../../src/standin/exposure.ts';
import { readStandInRules } from '../../src/standin/read-rules.ts';
import type { StandInRules } from '../../src/standin/rules.ts';
import { chipFacts, message, startDay, startMonth, startMs } from '../account/fixture.ts';
import type { CardMessage, MessageChange } from '../account/fixture.ts';

export const unavailable: StandInFacts = {
  why: 'timeout', isAvailable: false, outageId: 7, switchesSharing: 1, nowMs: startMs, day: startDay, month: startMonth, minuteOfDay: 720,
};

export const available: StandInFacts = { ...unavailable, why: 'belowThreshold', isAvailable: true, outageId: 0 };

export const storeLost: StandInFacts = { ...unavailable, why: 'storeUnreachable' };

export const knownCard: KnownCard = { state: 'active', lockCode: 0, expiry: '3112', pinVersion: 1, pinTries: 0, chips: [] };

export const newState: StandInState = { card: newActivity, issuer: newExposure, account: newExposure, partner: newExposure };

let atc = 0;

/** A purchase at a counter with a chip whose cryptogram matches; each with a counter of its own. */
export function purchase(amountMinor: number, change: MessageChange = {}): CardMessage {
  atc = (atc + 1) % 60_000;
  return message('0100', amountMinor, { chip: chipFacts(atc), ...change, cardFacts: { expiry: '3112', ...change.cardFacts } });
}

/** Rules that approve everything within the limits and caps that a test gives them. */
export function openRules(document: object = {}): StandInRules {
  const set = { decisions: [], otherwise: 'approve' };
  return readStandInRules({ version: 3, currency: 'EUR', available: set, unavailable: set, outageCaps: {}, ...document }, '');
}

export type Decided = Extract<StandInDecision, { kind: 'decided' }>;

export function decided(decision: StandInDecision): Decided {
  if (decision.kind !== 'decided') throw new Error(`passed on because of ${decision.reason}`);
  return decision;
}

/** `decline 1017` or `forward 1860`. */
export function said(decision: StandInDecision): string {
  return decision.kind === 'forward' ? `forward ${decision.reason}` : `${decision.outcome} ${decision.reason}`;
}

/** Which check failed last; undefined: none. */
export function failed({ checks }: StandInDecision): string | undefined {
  return checks.findLast(({ outcome }) => outcome === 'fail')?.check;
}

/** Decides on messages in turn, each with the state that the one before left. */
export function play(rules: StandInRules, facts: StandInFacts, messages: readonly CardMessage[], before: StandInState = newState): { said: string[]; state: StandInState; last: StandInDecision | undefined } {
  const all: string[] = [];
  let state = before;
  let last: StandInDecision | undefined;
  for (const each of messages) {
    last = standIn(state, rules, each, facts);
    all.push(said(last));
    if (last.kind === 'decided') ({ state } = last);
  }
  return { said: all, state, last };
}

export function withTries(pinTries: number): Activity {
  return { ...newActivity, pinTries };
}
