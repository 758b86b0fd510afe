/** How one remote issuer wants it: who decides when, for how long it is waited for, and by which rules it is stood in for. */
import type { CardMeaning } from '../dialect/meaning.ts';
import type { Unavailability } from '../host/circuit.ts';
import type { MessageClass } from '../message/message.ts';
import type { StandInReason } from '../standin/condition.ts';
import type { StandInRules } from '../standin/rules.ts';
import type { StationSecurity } from './station-security.ts';
import type { VolumeStep } from './volume.ts';

/** Milliseconds that the issuer has for its answer, at a point of sale and for cash. */
export interface ChannelTimers {
  readonly posMs: number;
  readonly cashMs: number;
}

/** By type of message: `advice` is any that tells of what happened, a reversal apart. */
export type HostTimers = Readonly<Record<MessageClass | 'advice', ChannelTimers>>;

export function timerMs(timers: HostTimers, of: keyof HostTimers, purpose: CardMeaning['purpose']): number {
  const { posMs, cashMs } = timers[of];
  return purpose === 'cash' ? cashMs : posMs;
}

/**
 * Who decides. `host`: the issuer, or nobody. `hostWithStandIn`: where it cannot, stand-in. `hostWithShadowBalance`: the same, within the
 * balance that the host pushes. `switch`: stand-in's rules, and the issuer is told. `switchThenHost`: the same, and the issuer may decide
 * otherwise in its time.
 */
export type HostMode = (typeof hostModes)[number];

export const hostModes = ['host', 'hostWithStandIn', 'hostWithShadowBalance', 'switch', 'switchThenHost'] as const;

export interface HostPolicy {
  readonly name: string;
  readonly mode: HostMode;
  /** Does stand-in decide where the issuer cannot? */
  readonly hasStandIn: boolean;
  /** While the issuer can be asked: does it get all requests, or do stand-in's rules approve the easy ones first? */
  readonly whileAvailable: 'forward' | 'standInFirst';
  /** While the issuer gets all requests: what is kept from it under load; empty: nothing. */
  readonly volumeSteps: readonly VolumeStep[];
  /** Is a request that was sent, and not answered in time, decided by stand-in? If not, the acquirer gets no answer. */
  readonly assuredResponse: boolean;
  readonly unanswered: 'reverseThenAdvise' | 'adviseReplaces';
  readonly timers: HostTimers;
  readonly rules: StandInRules;
  /** Under which the issuer takes PINs; undefined: it gets none. */
  readonly pin: Pick<StationSecurity, 'pinKey' | 'pinFormat'> | undefined;
}

/** What is done with a request that is new here. */
export type Course =
  /** The issuer is asked. */
  | { readonly kind: 'ask' }
  /** Stand-in decides, by its rules for an issuer that is there or one that is not; what the former leave to the issuer, it is asked. */
  | { readonly kind: 'standIn'; readonly why: StandInReason; readonly isAvailable: boolean }
  /** This switch decides, and the issuer is asked whether it sees it otherwise. */
  | { readonly kind: 'propose' }
  /** Nobody decides. */
  | { readonly kind: 'refuse' };

const ask: Course = { kind: 'ask' };
const lookFirst: Course = { kind: 'standIn', why: 'withinParameters', isAvailable: true };
const belowThreshold: Course = { kind: 'standIn', why: 'belowThreshold', isAvailable: true };
const propose: Course = { kind: 'propose' };
const byAgreement: Course = { kind: 'standIn', why: 'issuersOption', isAvailable: false };
const refuse: Course = { kind: 'refuse' };

/**
 * @param why the issuer cannot be asked; undefined: it can
 * @param isSmall it is below the amount that the issuer's load has set
 */
export function courseOf({ mode, hasStandIn, whileAvailable }: HostPolicy, why: Unavailability | undefined, isSmall: boolean): Course {
  if (mode === 'switch') return byAgreement;
  if (why !== undefined) return hasStandIn ? { kind: 'standIn', why, isAvailable: false } : refuse;
  if (mode === 'switchThenHost') return propose;
  if (whileAvailable === 'standInFirst') return lookFirst;
  return isSmall ? belowThreshold : ask;
}
