/**
 * What operators are alerted to, by the thresholds of the system's parameters: the switch as it is now goes in, what is not as it should be
 * comes out.
 *
 * Owns the kinds of alerts and their sentences. Pure. What ends at half of where it starts does so because it is asked whether it is on.
 */
import type { Condition } from '../base/alerts.ts';
import type { Unavailability } from '../host/circuit.ts';
import type { WebhookBacklog } from '../lifecycle/webhook-backlog.ts';
import type { SessionState } from '../link/session.ts';
import type { AlertThresholds } from '../tables/parameters.ts';

/** Every kind, in words, as `locum alerts` and docs/operating.md name it. */
export const alertKinds = {
  stationDown: 'station down',
  standIn: 'issuer stood in for',
  adviceBacklog: 'advice backlog',
  adviceAge: 'advices too old',
  advicesSetAside: 'advices set aside',
  journalLag: 'journal lag',
  storeUnreachable: 'store unreachable',
  bookUnreachable: 'book unreachable',
  answersLate: 'late answers',
  answersUnmatched: 'unmatched answers',
  answersRefused: 'refused answers',
  adviceFileTrouble: 'advice file trouble',
  messageLogLost: 'message log lost',
  webhookBehind: 'webhook behind',
  webhookDead: 'webhook given up',
} as const;

export type AlertKind = keyof typeof alertKinds;

export interface WatchedStation {
  readonly name: string;
  /** Undefined: it could not be started. */
  readonly state: SessionState | 'down' | undefined;
  /** Is somebody to be there at all times? */
  readonly isExpected: boolean;
  /** Why nobody is, as far as its link said. For people. */
  readonly trouble: string;
}

export interface WatchedIssuer {
  readonly name: string;
  /** Why it is not asked; undefined: it is. */
  readonly why: Unavailability | 'storeUnreachable' | undefined;
  readonly hasStandIn: boolean;
}

/** Advices of one issuer that wait for it. */
export interface WatchedAdvices {
  readonly issuer: string;
  readonly count: number;
  /** Unix ms. */
  readonly oldestAtMs: number | undefined;
  readonly setAside: number;
}

/** What happened within the window. */
export interface WatchedEvents {
  readonly kind: AlertKind;
  readonly subject: string;
  readonly count: number;
  readonly last: string;
}

export interface Watched {
  /** Unix ms. */
  readonly nowMs: number;
  readonly stations: readonly WatchedStation[];
  readonly issuers: readonly WatchedIssuer[];
  readonly advices: readonly WatchedAdvices[];
  readonly journal: { readonly entries: number; readonly seconds: number; /** What of it stands still, and why; undefined: nothing. For people. */ readonly stopped: string | undefined };
  /** Why it does not answer; undefined: it does. For people. */
  readonly storeTrouble: string | undefined;
  readonly bookTrouble: string | undefined;
  readonly webhooks: readonly WebhookBacklog[];
  readonly events: readonly WatchedEvents[];
}

const whyWords: Readonly<Record<NonNullable<WatchedIssuer['why']>, string>> = {
  operator: 'an operator took it out',
  signedOff: 'it is signed off',
  unreachable: 'it cannot be reached',
  suppressInquiry: 'it asked to be spared requests',
  circuitOpen: 'too many requests had no valid answer',
  asked: 'it asked for it',
  storeUnreachable: 'the store of its accounts is away, or they are not told of everything yet',
};

/** @param isOn whether there is an alert of the kind and subject already */
export function conditionsOf(watched: Watched, thresholds: AlertThresholds, isOn: (kind: AlertKind, subject: string) => boolean): Condition[] {
  const conditions: Condition[] = [];
  const add = (kind: AlertKind, subject: string, reason: string, delayMs = 0): void => void conditions.push({ kind, subject, reason, delayMs });
  /** Starts at so many, and ends at half as many. */
  const reaches = (kind: AlertKind, subject: string, count: number, most: number): boolean => (isOn(kind, subject) ? count > most / 2 : count >= most);

  for (const { name, state, isExpected, trouble } of watched.stations) {
    if (state === undefined) add('stationDown', name, 'it could not be started', thresholds.stationDownMs);
    else if (isExpected && state !== 'signedOn') add('stationDown', name, downWords(state, trouble), thresholds.stationDownMs);
  }
  for (const { name, why, hasStandIn } of watched.issuers) {
    if (why !== undefined) add('standIn', name, `${why}: ${whyWords[why]}${hasStandIn ? '' : '; nobody stands in for it, and what it is asked for is declined'}`, thresholds.standInMs);
  }
  for (const { issuer, count, oldestAtMs, setAside } of watched.advices) {
    const ageMs = oldestAtMs === undefined ? 0 : Math.max(0, watched.nowMs - oldestAtMs);
    if (reaches('adviceBacklog', issuer, count, thresholds.adviceCount)) add('adviceBacklog', issuer, `${count} advices wait`);
    if (count > 0 && ageMs >= thresholds.adviceAgeMs) add('adviceAge', issuer, `the oldest of ${count} has waited for ${seconds(ageMs)} s`);
    if (setAside > 0) add('advicesSetAside', issuer, `${setAside} wait for an operator`);
  }
  const { entries, seconds: oldSeconds, stopped } = watched.journal;
  const isOld = entries > 0 && oldSeconds * 1_000 >= thresholds.journalAgeMs;
  if (isOld || stopped !== undefined || reaches('journalLag', 'journal', entries, thresholds.journalEntries)) {
    add('journalLag', 'journal', `the book is ${entries} entries behind, the oldest ${oldSeconds} s old${stopped === undefined ? '' : `; ${stopped}`}`);
  }
  if (watched.storeTrouble !== undefined) add('storeUnreachable', 'store', watched.storeTrouble, thresholds.storeMs);
  if (watched.bookTrouble !== undefined) add('bookUnreachable', 'book', watched.bookTrouble, thresholds.bookMs);
  for (const { webhookId, partner, waiting, oldestAtMs, dead } of watched.webhooks) {
    const ageMs = oldestAtMs === undefined ? 0 : Math.max(0, watched.nowMs - oldestAtMs);
    const subject = `${partner}/${webhookId}`;
    if ((waiting > 0 && ageMs >= thresholds.webhookAgeMs) || reaches('webhookBehind', subject, waiting, thresholds.webhookEvents)) {
      add('webhookBehind', subject, `${waiting} ${waiting === 1 ? 'event waits' : 'events wait'}, the oldest for ${seconds(ageMs)} s`);
    }
    if (dead > 0) add('webhookDead', subject, `${dead} were given up within a day`);
  }
  for (const { kind, subject, count, last } of watched.events) {
    if (reaches(kind, subject, count, mostOf(kind, thresholds))) add(kind, subject, `${count} within ${seconds(thresholds.windowMs)} s${last === '' ? '' : `; the last: ${last}`}`);
  }
  return conditions;
}

function mostOf(kind: AlertKind, { late, unmatched, refused }: AlertThresholds): number {
  return kind === 'answersLate' ? late : kind === 'answersUnmatched' ? unmatched : kind === 'answersRefused' ? refused : 1;
}

function downWords(state: WatchedStation['state'], trouble: string): string {
  if (state === 'signedOff') return 'signed off';
  if (state === 'held') return 'signed off by an operator';
  if (state === 'connected') return 'connected, and not signed on';
  return trouble === '' ? 'nobody is connected' : `nobody is connected: ${trouble}`;
}

function seconds(ms: number): number {
  return Math.round(ms / 1_000);
}
