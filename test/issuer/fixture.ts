/** Cards, their messages, and switches on a store. Benchmarks use it too. */
import { setTimeout as delay } from 'node:timers/promises';
import type { AccountMessage } from '../../src/account/apply.ts';
import { decideNow, openLedger, type Ledger, type LedgerAnswer } from '../../src/issuer/ledger.ts';
import { Pan } from '../../src/message/pan.ts';
import type { CardMessage, Response, Trace } from '../../src/message/message.ts';
import type { DecideEvents, DecideOptions, Outcome } from '../../src/store/decide.ts';
import { partitionOf, type Store } from '../../src/store/store.ts';

/** Far ahead of any real clock, by which Redis forgets records. */
export const nowMs = Date.UTC(2098, 5, 15, 12);
export const recordDays = 7;
const dayMs = 86_400_000;
const pan = Pan.parse('4761730000000011');
if (pan === undefined) throw new Error('the fixture’s PAN is one');

/** Message ids, and what else must not come twice. */
let drawn = 0;
export function draw(): string {
  drawn += 1;
  return `m${drawn.toString(36).padStart(8, '0')}`;
}

/** An account id in the partition, different for each `index`. */
export function accountIn(partition: number, partitions: number, index = 0): string {
  for (let tried = 0, found = 0; ; tried += 1) {
    const id = `a${tried.toString(36).padStart(11, '0')}`;
    if (partitionOf(id, partitions) !== partition) continue;
    if (found === index) return id;
    found += 1;
  }
}

export function tokenOf(accountId: string): string {
  return `token-${accountId}`;
}

export type CardChanges = Partial<Omit<CardMessage, 'kind' | 'trace' | 'amount' | 'terms'>> & {
  readonly trace?: Partial<Trace>;
  readonly amountMinor?: number;
  readonly creditGuard?: boolean;
};

/** A purchase of 1.00 under a STAN of its own, changed by `changes`. */
export function cardMessage(accountId: string, changes: CardChanges = {}): CardMessage {
  const { trace, amountMinor = 100, creditGuard = false, ...rest } = changes;
  const id = rest.id ?? draw();
  const messageClass = rest.class ?? 'authorization';
  return {
    kind: 'card', id, version: '1987', mti: '0100', class: messageClass, function: 'request', repeat: false,
    trace: {
      station: 'pos', acquirer: '12345', class: messageClass, function: rest.function === undefined || rest.function === 'request' ? 'request' : 'advice',
      stan: String(Number.parseInt(id.slice(1), 36) % 1_000_000), transmittedAt: '0615120000', localAt: '0615120000', terminal: 'T1', ...trace,
    },
    rrn: id, purpose: 'purchase', processingCode: '000000', amount: { amountMinor, currency: '978' }, billing: undefined, actualMinor: undefined,
    partialAllowed: false, approvalCode: '', advisedDecline: false, original: undefined,
    card: { pan: pan as Pan, token: tokenOf(accountId), luhnValid: true, expiry: undefined, trackExpiry: undefined },
    cardPresent: true, entryMode: 'chip', pin: { outcome: 'verified', pinVersion: 1 }, newPin: undefined, cardValue: undefined, chip: undefined, authentication: undefined,
    merchant: { category: '5411', id: 'M1', name: 'Shop', groups: [] }, fault: undefined,
    fingerprint: `${amountMinor}`, approvalCodeOffer: id.slice(-6).toUpperCase(),
    terms: {
      program: 'demo', limits: [], verificationValueRequired: false, pinTriesMax: 3, cryptogramRequired: false, atcWindow: 10, fallbackAllowed: true,
      authenticationRequired: false, holdDays: { cardPresent: 5, cardNotPresent: 10, preauthorization: 30 },
      recordDays, creditGuard, originalKeys: [],
    },
    receivedAtMs: nowMs, day: Math.floor(nowMs / dayMs), month: (2098 - 1970) * 12 + 5, ...rest,
  };
}

/** The reversal of a message, whole unless `actualMinor` says what it came to. */
export function reversalOf(message: CardMessage, changes: CardChanges = {}): CardMessage {
  const { trace } = message;
  return cardMessage(message.card.token.slice('token-'.length), {
    mti: '0400', class: 'reversal', amountMinor: message.amount?.amountMinor ?? 0, creditGuard: message.terms.creditGuard,
    original: { class: trace.class, function: trace.function, stan: trace.stan, transmittedAt: trace.transmittedAt, localAt: '', acquirer: '' },
    ...changes,
  });
}

/** The message again, as the sender repeats it: another id for the same trace and contents. */
export function repeatOf(message: CardMessage): CardMessage {
  return { ...message, id: draw(), repeat: true, mti: `${message.mti.slice(0, 3)}1` };
}

export const silent: DecideEvents = { commit() {}, conflict() {}, trouble() {}, recovered() {} };

export interface SwitchOptions extends Partial<DecideOptions> {
  readonly store: Store;
}

/** A switch's own issuer, in real time but for the time of day. */
export async function openSwitch(options: SwitchOptions): Promise<Ledger> {
  return await openLedger({
    now: () => nowMs, elapsed: () => performance.now(), atTurnEnd: (work) => setImmediate(work),
    after: (delayMs, work) => void setTimeout(work, delayMs), events: silent, ...options,
  });
}

export async function submit(ledger: Ledger, accountId: string, message: AccountMessage, timeoutMs = 60_000): Promise<Outcome<LedgerAnswer>> {
  const { promise, resolve, reject } = Promise.withResolvers<Outcome<LedgerAnswer>>();
  let outcomes = 0;
  ledger.submit(accountId, '', message, performance.now() + timeoutMs, (outcome) => {
    outcomes += 1;
    if (outcomes > 1) reject(new Error('a message has one outcome'));
    resolve(outcome);
  });
  return await promise;
}

/** The answer's reason, or the outcome's kind where there is none. */
export function reasonOf(outcome: Outcome<LedgerAnswer>): string {
  return responseOf(outcome)?.reason ?? (outcome.kind === 'decided' ? outcome.answer.kind : outcome.kind);
}

/** The account's answer, where there is one. */
export function responseOf(outcome: Outcome<LedgerAnswer>): Response | undefined {
  return outcome.kind === 'decided' && outcome.answer.kind === 'answer' ? outcome.answer.response : undefined;
}

/** Opens the account with one active card and `amountMinor` on it. */
export async function openAccount(ledger: Ledger, accountId: string, amountMinor: number, partner = 'partner'): Promise<void> {
  const base = { accountId, receivedAtMs: nowMs };
  await decideNow(ledger, accountId, { ...base, kind: 'open', id: `open-${accountId}`, currency: '978', program: 'demo', partner });
  await decideNow(ledger, accountId, {
    ...base, kind: 'cardChange', id: `card-${accountId}`, encryptedPan: undefined, maskedPan: undefined,
    card: {
      token: tokenOf(accountId), state: 'active', lockCode: 0, expiry: '9912', serviceCode: '201', cvv2Generation: 0, pinVersion: 1,
      pin: { method: 'pvv', keyIndex: 1, value: '4201' },
    },
  });
  if (amountMinor > 0) await decideNow(ledger, accountId, { ...base, kind: 'load', id: `load-${accountId}`, amountMinor });
}

/** Waits for the condition, which something real will bring about. */
export async function until(condition: () => boolean | Promise<boolean>, what: string, timeoutMs = 60_000): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`within ${timeoutMs} ms it did not come about that ${what}`);
    await delay(5);
  }
}
