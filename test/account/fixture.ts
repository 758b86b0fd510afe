/**
 * Account, cards and messages for the account's tests, and a ledger in memory that plays messages as the store's loop does: it reads
 * what is asked for, hands in what was taken for absent and is there, and holds every invariant after each step.
 */
import { deepStrictEqual, strictEqual } from 'node:assert/strict';
import { availableMinor, decodeAccount, encodeAccount } from '../../src/account/account.ts';
import type { Account } from '../../src/account/account.ts';
import { apply } from '../../src/account/apply.ts';
import type { AccountMessage } from '../../src/account/apply.ts';
import type { DecidedChange } from '../../src/account/decision.ts';
import { decodeEntry, encodeEntry } from '../../src/account/journal.ts';
import { chipsMax, newSecurity, scriptsMax } from '../../src/account/card.ts';
import type { CardRecord, CardSecurity } from '../../src/account/card.ts';
import type { JournalEntry, TransactionEntry } from '../../src/account/journal.ts';
import { decodeRecord, digest, encodeRecord } from '../../src/account/record.ts';
import type { Leg } from '../../src/account/record.ts';
import { replay } from '../../src/account/replay.ts';
import type {
  CardMessage, CardReferences, CardValueKind, CardValueVerdict, ChipFacts, ChipFinding, MessageClass, OriginalReference, PinVerdict, Response, Terms, Trace,
} from '../../src/message/message.ts';
import { Pan } from '../../src/message/pan.ts';
import type { Reason } from '../../src/message/reason.ts';

export const accountId = 'acct00000001';
export const dayMs = 86_400_000;
/** Noon of business day 20000, in month 657. */
export const startMs = 20_000 * dayMs + 43_200_000;
export const startDay = 20_000;
export const startMonth = 657;
export const stations = ['north', 'south'] as const;

const pans = ['4761730000000011', '4761730000000029', '4761730000000037', '4761730000000045'];

export function panOf(card: number): Pan {
  const pan = Pan.parse(pans[card] ?? '4761730000000052');
  if (pan === undefined) throw new Error('a test card has a number');
  return pan;
}

/** A card with a PIN, its first. */
export function cardRecord(card: number, change: Partial<CardRecord> = {}): CardRecord {
  return {
    token: `token-${card}`, state: 'active', lockCode: 0, expiry: '3112', serviceCode: '201', cvv2Generation: 0, pinVersion: 1,
    pin: { method: 'pvv', keyIndex: 1, value: '4201' }, ...change,
  };
}

export const rightPin: PinVerdict = { outcome: 'verified', pinVersion: 1 };
export const wrongPin: PinVerdict = { outcome: 'wrong', pinVersion: 1 };

/** A verdict on a value; a CVV2's is of the first generation. */
export function valueVerdict(kind: CardValueKind, outcome: CardValueVerdict['outcome']): CardValueVerdict {
  return { kind, outcome, against: kind === 'cvv2' ? { cvv2Generation: 0, expiry: undefined } : undefined };
}

/** What a chip says whose cryptogram matches. */
export function chipFacts(atc: number, ...findings: ChipFinding[]): ChipFacts {
  return { outcome: 'match', panSequence: '01', atc, findings };
}

export const terms: Terms = {
  program: 'demo', limits: [], verificationValueRequired: false, pinTriesMax: 3, cryptogramRequired: false, atcWindow: 10, fallbackAllowed: true,
  authenticationRequired: false,
  holdDays: { cardPresent: 5, cardNotPresent: 10, preauthorization: 30 },
  recordDays: 7, creditGuard: false, originalKeys: [],
};

export type MessageChange = Partial<Omit<CardMessage, 'trace' | 'terms' | 'card' | 'merchant' | 'original' | 'amount'>> & {
  readonly card?: number;
  readonly cardFacts?: Partial<CardMessage['card']>;
  readonly trace?: Partial<Trace>;
  readonly terms?: Partial<Terms>;
  readonly merchant?: Partial<CardMessage['merchant']>;
  readonly original?: OriginalReference | undefined;
  readonly currency?: string;
  /** Whole days that the message comes after the first. */
  readonly afterDays?: number;
};

let drawn = 0;

const mtis: Readonly<Record<MessageClass, Readonly<Record<'request' | 'advice' | 'notification', string>>>> = {
  authorization: { request: '0100', advice: '0120', notification: '0140' },
  financial: { request: '0200', advice: '0220', notification: '0240' },
  reversal: { request: '0400', advice: '0420', notification: '0440' },
};

/**
 * A card message as the switch stamps it. Its STAN, transmission time and local time are its own unless they are given.
 * @param amountMinor undefined: it carries none
 */
export function message(type: '0100' | '0120' | '0200' | '0220' | '0400' | '0420', amountMinor: number | undefined, change: MessageChange = {}): CardMessage {
  drawn += 1;
  const of = type[1] === '1' ? 'authorization' : type[1] === '2' ? 'financial' : 'reversal';
  const isRequest = type[2] === '0';
  const { card = 0, cardFacts, trace, terms: otherTerms, merchant, currency = '978', afterDays = 0, original, ...rest } = change;
  const pan = panOf(card);
  const amount = amountMinor === undefined ? undefined : { amountMinor, currency };
  const made: CardMessage = {
    kind: 'card', id: `m${drawn}`, version: '1987', mti: mtis[of][isRequest ? 'request' : 'advice'], class: of, function: isRequest ? 'request' : 'advice',
    repeat: false,
    trace: {
      station: 'north', acquirer: '12345', class: of, function: isRequest ? 'request' : 'advice', stan: String(drawn),
      transmittedAt: `1122${String(drawn % 1_000_000).padStart(6, '0')}`, localAt: `1122${String(drawn % 1_000_000).padStart(6, '0')}`, terminal: 'T1', ...trace,
    },
    rrn: '', purpose: 'purchase', processingCode: '000000', amount, billing: undefined, actualMinor: undefined, partialAllowed: false,
    approvalCode: '', advisedDecline: false, original,
    card: { pan, token: `token-${card}`, luhnValid: true, expiry: undefined, trackExpiry: undefined, ...cardFacts },
    cardPresent: true, entryMode: 'chip', pin: 'absent', newPin: undefined, cardValue: undefined, chip: undefined, authentication: undefined,
    merchant: { category: '5411', id: 'SHOP', name: 'A shop', groups: [], ...merchant },
    fault: undefined, fingerprint: `f${of}${amountMinor ?? ''}`, approvalCodeOffer: `A${String(drawn).padStart(5, '0')}`,
    terms: { ...terms, ...otherTerms }, receivedAtMs: startMs + afterDays * dayMs, day: startDay + afterDays,
    month: startMonth + Math.floor(afterDays / 30), ...rest,
  };
  return made;
}

/** What a message of 1987 says of an earlier one (DE90). */
export function reference({ trace }: CardMessage): OriginalReference {
  return { class: trace.class, function: trace.function, stan: trace.stan, transmittedAt: trace.transmittedAt, localAt: '', acquirer: trace.acquirer };
}

/** What a message of 1993 or 2003 says of an earlier one (DE56). */
export function localReference({ trace }: CardMessage): OriginalReference {
  return { class: trace.class, function: trace.function, stan: trace.stan, transmittedAt: '', localAt: trace.localAt, acquirer: trace.acquirer };
}

/** A reversal of a message by reference; `actualMinor` undefined reverses all of it. */
export function reversalOf(original: CardMessage, actualMinor?: number, change: MessageChange = {}): CardMessage {
  const card = pans.indexOf(original.card.pan.reveal());
  return message('0420', original.amount?.amountMinor, {
    card, original: reference(original), actualMinor, currency: original.amount?.currency ?? '978', purpose: original.purpose,
    terms: original.terms, receivedAtMs: original.receivedAtMs, day: original.day, month: original.month,
    fingerprint: `r${actualMinor ?? ''}`, ...change,
    trace: { station: original.trace.station, acquirer: original.trace.acquirer, terminal: original.trace.terminal, ...change.trace },
  });
}

/** The same message again, as its sender repeats it: another id, the type of a repeat. */
export function repeatOf(original: CardMessage): CardMessage {
  drawn += 1;
  return { ...original, id: `m${drawn}`, mti: `${original.mti.slice(0, 3)}1`, repeat: true, approvalCodeOffer: `B${String(drawn).padStart(5, '0')}` };
}

/** The same again, with the type of the first. */
export function againOf(original: CardMessage): CardMessage {
  drawn += 1;
  return { ...original, id: `m${drawn}`, approvalCodeOffer: `C${String(drawn).padStart(5, '0')}` };
}

interface StoredRecord {
  readonly value: string;
  readonly keepUntilMs: number | undefined;
  readonly dueAtMs: number | undefined;
}

export interface Played {
  readonly response: Response;
  readonly note: 'repeat' | 'duplicate' | undefined;
  readonly change: DecidedChange | undefined;
  /** How often `apply` was asked. */
  readonly rounds: number;
  /** What the message was to be checked against anew, each time. */
  readonly asked: readonly CardReferences[];
}

/** Checks a message again, as the switch does with its keys. */
export type Verifier = (message: CardMessage, references: CardReferences) => CardMessage;

/** One account in memory, with the partner's guard. */
export class Ledger {
  account: Account | undefined;
  readonly records = new Map<string, StoredRecord>();
  readonly entries: JournalEntry[] = [];
  guardMinor: number;
  /** Without one no message may be asked to be checked again. */
  verifier: Verifier | undefined;
  readonly #guardStartMinor: number;
  /** Days are checked against counters only while no record has been forgotten. */
  #hasForgotten = false;

  constructor(guardMinor = 0) {
    this.guardMinor = guardMinor;
    this.#guardStartMinor = guardMinor;
  }

  /** An open account in euros with cards and a balance. */
  static with(balanceMinor: number, cards: readonly CardRecord[] = [cardRecord(0)], guardMinor = 0): Ledger {
    const ledger = new Ledger(guardMinor);
    const base = { accountId, receivedAtMs: startMs };
    ledger.play({ ...base, kind: 'open', id: 'open', currency: '978', program: 'demo', partner: 'bank' });
    for (const card of cards) {
      ledger.play({ ...base, kind: 'cardChange', id: `add-${card.token}`, card, encryptedPan: 'sealed', maskedPan: '476173******0011' });
    }
    if (balanceMinor !== 0) ledger.play({ ...base, kind: 'load', id: 'load', amountMinor: balanceMinor });
    return ledger;
  }

  get ledgerMinor(): number {
    return this.account?.ledgerMinor ?? 0;
  }

  get heldMinor(): number {
    return this.account?.heldMinor ?? 0;
  }

  get openHolds(): number {
    return this.account?.openHolds ?? 0;
  }

  get availableMinor(): number {
    return this.account === undefined ? 0 : availableMinor(this.account);
  }

  /** Ledger, held, open holds, in one line. */
  get totals(): string {
    return `${this.ledgerMinor} ${this.heldMinor} ${this.openHolds}`;
  }

  /** What was counted and queued for a card. */
  security(card = 0): CardSecurity {
    return this.account?.cards[card]?.security ?? newSecurity;
  }

  record(card = 0): CardRecord {
    const found = this.account?.cards[card]?.record;
    if (found === undefined) throw new Error('there is no such card');
    return found;
  }

  /** The last entry, of a card message. */
  get last(): TransactionEntry {
    const entry = this.entries.at(-1);
    if (entry?.kind !== 'transaction') throw new Error('the last entry is not a card message’s');
    return entry;
  }

  /** What the account is, apart from how often it changed and from windows in which nothing counts. */
  get substance(): unknown {
    const { account } = this;
    return {
      ledgerMinor: account?.ledgerMinor, heldMinor: account?.heldMinor, openHolds: account?.openHolds, guardMinor: this.guardMinor,
      counters: account?.cards.map(({ counters }) => [usedOf(counters.day), usedOf(counters.month)]),
    };
  }

  /** Plays messages in turn. @returns the last answer */
  playAll(...messages: readonly AccountMessage[]): Played {
    let played: Played | undefined;
    for (const each of messages) played = this.play(each);
    if (played === undefined) throw new Error('nothing was played');
    return played;
  }

  play(sent: AccountMessage, decidedAtMs = sent.kind === 'expire' ? sent.nowMs : sent.receivedAtMs + 3): Played {
    this.#forget(decidedAtMs);
    let played = sent;
    const asked: CardReferences[] = [];
    const known = new Map<string, string | null>();
    let guardRefused = false;
    for (let rounds = 1; rounds < 20; rounds += 1) {
      const decision = apply(this.account, known, played, { decidedAtMs, guardRefused });
      if (decision.kind === 'read') {
        for (const id of decision.ids) {
          strictEqual(known.has(id), false, 'a record is asked for once');
          known.set(id, this.records.get(id)?.value ?? null);
        }
        continue;
      }
      if (decision.kind === 'verify') {
        if (played.kind !== 'card' || this.verifier === undefined) throw new Error('nobody checks this message again');
        asked.push(decision.references);
        played = this.verifier(played, decision.references);
        continue;
      }
      const { change, response, note } = decision;
      if (change === undefined) return { response, note, change, rounds, asked };
      if (change.once.some((id) => this.records.has(id))) {
        for (const id of change.once) known.set(id, this.records.get(id)?.value ?? null);
        continue;
      }
      const delta = change.entry.effects.guard?.delta ?? 0;
      if (change.guardMayRefuse && delta < 0 && this.guardMinor + delta < 0) {
        strictEqual(guardRefused, false, 'a message whose guard was refused does not ask for it again');
        guardRefused = true;
        continue;
      }
      this.#commit(change);
      return { response, note, change, rounds, asked };
    }
    throw new Error('no decision in twenty rounds');
  }

  /** Lets every hold run out whose time has come. @returns how many did */
  expire(nowMs: number): number {
    let expired = 0;
    for (;;) {
      const due = [...this.records].find(([, { dueAtMs }]) => dueAtMs !== undefined && dueAtMs <= nowMs);
      if (due === undefined) return expired;
      drawn += 1;
      const { change } = this.play({ kind: 'expire', id: `x${drawn}`, accountId, recordId: due[0], nowMs, recordDays: 7 });
      strictEqual(change !== undefined, true, 'a record that is due has a hold that runs out');
      expired += 1;
    }
  }

  /** Every leg of the account, by the record it is in. */
  legs(): { recordId: string; leg: Leg }[] {
    const legs: { recordId: string; leg: Leg }[] = [];
    for (const [id, { value }] of this.records) {
      if ('!?#$%'.includes(id.charAt(accountId.length))) continue;
      for (const leg of decodeRecord(id, value).legs) legs.push({ recordId: id, leg });
    }
    return legs;
  }

  #commit({ entry, account }: DecidedChange): void {
    const written = encodeEntry(entry);
    const read = decodeEntry(written);
    strictEqual(encodeEntry(read), written, 'an entry reads as it was written');
    if (entry.kind === 'transaction') deepStrictEqual(read, entry);
    this.entries.push(read);
    if (account === undefined) return;
    strictEqual(account.version, (this.account?.version ?? 0) + 1);
    deepStrictEqual(decodeAccount(accountId, encodeAccount(account)), account);
    this.account = account;
    for (const { id, value, keepUntilMs, dueAtMs } of entry.records) {
      if (value === undefined) this.records.delete(id);
      else this.records.set(id, { value, keepUntilMs, dueAtMs });
    }
    strictEqual(new Set(entry.records.map(({ id }) => id)).size, entry.records.length, 'a record is put once in an entry');
    this.guardMinor += entry.effects.guard?.delta ?? 0;
    this.check();
  }

  #forget(nowMs: number): void {
    if (nowMs >= startMs + terms.recordDays * dayMs) this.#hasForgotten = true;
    for (const [id, { keepUntilMs, dueAtMs }] of this.records) {
      if (dueAtMs !== undefined || keepUntilMs === undefined || keepUntilMs > nowMs) continue;
      this.records.delete(id);
    }
  }

  /** The invariants that hold between any two messages. */
  check(): void {
    const { account } = this;
    if (account === undefined) return;
    const legs = this.legs();
    const open = legs.filter(({ leg }) => leg.state === 'open');
    strictEqual(account.heldMinor, open.reduce((sum, { leg }) => sum + leg.nowMinor, 0), 'held is the sum of the open holds');
    strictEqual(account.openHolds, open.length, 'every open hold is a leg');
    strictEqual(new Set(legs.map(({ leg }) => leg.id)).size, legs.length, 'a leg is in one place');
    for (const { recordId, leg } of open) {
      const stored = this.records.get(recordId);
      strictEqual(stored?.dueAtMs !== undefined && stored.dueAtMs <= leg.expiresAtMs, true, 'an open hold is due by its expiry');
      strictEqual(stored?.keepUntilMs, undefined, 'an open hold is not forgotten');
    }
    for (const [id, { value }] of this.records) {
      if (!'!?#$%'.includes(id.charAt(accountId.length))) strictEqual(encodeRecord(decodeRecord(id, value)), value);
    }
    for (const { security: { pinTries, chips, scripts } } of account.cards) {
      strictEqual(pinTries <= 15 && scripts.length <= scriptsMax && chips.length <= chipsMax && chips.every(({ seen }) => seen >= 0), true, 'what is kept of a card is bounded');
    }
    this.#checkMoney();
    if (!this.#hasForgotten) this.#checkCounters(account, legs);
  }

  #checkMoney(): void {
    const sums = new Map<string, number>();
    let ledgerMinor = 0;
    let guardMinor = this.#guardStartMinor;
    for (const { effects } of this.entries) {
      let sum = 0;
      for (const { ledger, amountMinor } of effects.postings) {
        sum += amountMinor;
        sums.set(ledger, (sums.get(ledger) ?? 0) + amountMinor);
      }
      strictEqual(sum, 0, 'the postings of an entry sum to zero');
      ledgerMinor += effects.ledgerMinor;
      guardMinor += effects.guard?.delta ?? 0;
    }
    strictEqual(this.ledgerMinor, sums.get(`holder:${accountId}`) ?? 0, 'the ledger is the sum of the holder’s postings');
    strictEqual(this.ledgerMinor, ledgerMinor);
    strictEqual(this.guardMinor, guardMinor, 'the guard is its start and the sum of its moves');
  }

  /** What counts in the windows that run is what the legs say that they count for. */
  #checkCounters(account: Account, legs: readonly { recordId: string; leg: Leg }[]): void {
    for (const [index, { counters }] of account.cards.entries()) {
      const own = stations.map((station) => `${accountId}${digest(`${index}|${station}`)}.`);
      const mine = legs.filter(({ recordId }) => own.some((start) => recordId.startsWith(start)));
      for (const period of ['day', 'month'] as const) {
        const window = counters[period];
        const used: Record<string, [number, number]> = {};
        for (const { leg } of mine) {
          if (leg.counted === undefined || leg.counted[period] !== window.window || leg.state === 'added') continue;
          if (leg.state !== 'open' && leg.state !== 'posted' && leg.state !== 'expired') continue;
          for (const scope of leg.counted.scopes) {
            const [count, amountMinor] = used[scope] ?? [0, 0];
            used[scope] = [count + 1, amountMinor + leg.nowMinor];
          }
        }
        deepStrictEqual(usedOf(window), sorted(used), `the ${period}'s counters are what its legs count for`);
      }
    }
  }

  /** The journal alone gives the account and its records. */
  checkReplay(): void {
    const replayed = replay(this.entries.filter((entry) => entry.accountId !== ''));
    deepStrictEqual(replayed.account, this.account);
    for (const [id, { value }] of this.records) strictEqual(replayed.records.get(id), value);
    if (!this.#hasForgotten) strictEqual(replayed.records.size, this.records.size);
  }
}

function usedOf({ scopes }: { readonly scopes: Readonly<Record<string, readonly [number, number]>> }): unknown {
  return sorted(scopes);
}

function sorted(scopes: Readonly<Record<string, readonly [number, number]>>): unknown {
  return Object.entries(scopes).filter(([, [count, amount]]) => count !== 0 || amount !== 0).map(([scope, used]) => [scope, ...used])
    .sort((a, b) => String(a[0]).localeCompare(String(b[0])));
}

/** Name of the check that failed, if one did. */
export function failedCheck({ checks }: TransactionEntry): string | undefined {
  return checks.find(({ outcome }) => outcome === 'fail')?.check;
}

export type { CardMessage, Reason };
