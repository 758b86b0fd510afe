import type {
  CardEntry,
  Effects,
  ExpiryEntry,
  HoldChange,
  JournalEntry,
  LoadedEntry,
  OpenedEntry,
  Posting,
  TransactionEntry,
} from '../../src/account/journal.ts';

/** A Tuesday noon; every entry is decided a second after the one before. */
const startMs = Date.UTC(2026, 5, 16, 12);
const currency = '978';
export const noEffects: Effects = { ledgerMinor: 0, heldMinor: 0, openHolds: 0, counters: [], postings: [], guard: undefined, card: undefined };

export const checks: TransactionEntry['checks'] = [
  { check: 'content', outcome: 'pass', value: '' },
  { check: 'luhn', outcome: 'pass', value: '' },
  { check: 'cardKnown', outcome: 'pass', value: '' },
  { check: 'cardState', outcome: 'pass', value: 'active, lock 0' },
  { check: 'expiry', outcome: 'pass', value: '3112' },
  { check: 'cardValue', outcome: 'skipped', value: 'nothing carried' },
  { check: 'pin', outcome: 'skipped', value: 'absent' },
  { check: 'cryptogram', outcome: 'skipped', value: '' },
  { check: 'authentication', outcome: 'skipped', value: '' },
  { check: 'limits', outcome: 'pass', value: '1 of 100' },
  { check: 'currency', outcome: 'pass', value: currency },
  { check: 'balance', outcome: 'pass', value: '1250 of 100000' },
  { check: 'partnerBalance', outcome: 'skipped', value: 'none' },
];

/** Writes one account's journal as the account itself would: sequences without a gap, sums that come out. */
export class AccountWriter {
  readonly accountId: string;
  sequence = 0;
  ledgerMinor = 0;
  heldMinor = 0;
  openHolds = 0;

  constructor(accountId: string) {
    this.accountId = accountId;
  }

  opened(): OpenedEntry {
    return { ...this.#base('opened', noEffects), kind: 'opened', currency, program: 'demo', partner: 'founder' };
  }

  card(index: number, token: string, change: Partial<CardEntry['card']> = {}, added = true): CardEntry {
    return {
      ...this.#base('card', noEffects),
      kind: 'card',
      index,
      card: { token, state: 'active', lockCode: 0, expiry: '3112', serviceCode: '201', cvv2Generation: 0, pinVersion: 0, pin: undefined, ...change },
      encryptedPan: added ? `pan/1:${token}` : undefined,
      maskedPan: added ? '476173******0011' : undefined,
    };
  }

  loaded(amountMinor: number): LoadedEntry {
    const effects = { ...noEffects, ledgerMinor: amountMinor, postings: this.#postings(amountMinor, 'funding:founder') };
    return { ...this.#base('loaded', effects), kind: 'loaded', amountMinor };
  }

  authorized(amountMinor: number, change: Partial<TransactionEntry> = {}): TransactionEntry {
    const effects = { ...noEffects, heldMinor: amountMinor, openHolds: 1 };
    const entry = this.#transaction('0100', effects, amountMinor, { class: 'authorization', ...change });
    return { ...entry, hold: this.#hold(entry.id, 'open', amountMinor) };
  }

  reversed(original: TransactionEntry, change: Partial<TransactionEntry> = {}): TransactionEntry {
    const held = original.hold?.heldMinor ?? 0;
    const entry = this.#transaction('0400', { ...noEffects, heldMinor: -held, openHolds: -1 }, held, {
      class: 'reversal', reason: '4000', approved: false, originalId: original.id, ...change,
    });
    return { ...entry, hold: this.#hold(original.id, 'reversed', 0) };
  }

  completed(original: TransactionEntry, amountMinor: number): TransactionEntry {
    const held = original.hold?.heldMinor ?? 0;
    const effects = { ...noEffects, heldMinor: -held, openHolds: -1, ledgerMinor: -amountMinor, postings: this.#postings(-amountMinor, 'settlement:demo') };
    const entry = this.#transaction('0220', effects, amountMinor, { class: 'financial', function: 'advice', purpose: 'completion', originalId: original.id });
    return { ...entry, hold: this.#hold(original.id, 'completed', 0) };
  }

  purchased(amountMinor: number, change: Partial<TransactionEntry> = {}): TransactionEntry {
    const effects = { ...noEffects, ledgerMinor: -amountMinor, postings: this.#postings(-amountMinor, 'settlement:demo') };
    return this.#transaction('0200', effects, amountMinor, { class: 'financial', ...change });
  }

  declined(amountMinor: number): TransactionEntry {
    return this.#transaction('0100', noEffects, amountMinor, { class: 'authorization', reason: '1016', approved: false, approvalCode: '' });
  }

  expired(original: TransactionEntry): ExpiryEntry {
    const held = original.hold?.heldMinor ?? 0;
    const effects = { ...noEffects, heldMinor: -held, openHolds: -1 };
    return { ...this.#base('expiry', effects), kind: 'expiry', originalId: original.id, hold: this.#hold(original.id, 'expired', 0) };
  }

  /** A postings pair that does not come out: what no account writes. */
  unbalanced(): TransactionEntry {
    const postings = [...this.#postings(-100, 'settlement:demo').slice(0, 1), { ledger: 'settlement:demo', amountMinor: 99, currency }];
    return this.#transaction('0200', { ...noEffects, ledgerMinor: -100, postings }, 100, { class: 'financial' });
  }

  #transaction(mti: string, effects: Effects, amountMinor: number, change: Partial<TransactionEntry>): TransactionEntry {
    const base = this.#base('message', effects);
    return {
      ...base,
      kind: 'transaction',
      version: '1987', mti, class: 'authorization', function: 'request', purpose: 'purchase', station: 'demo-ascii', acquirer: '12345',
      stan: String((base.sequence * 7919) % 1_000_000), rrn: `6167${String(base.sequence).padStart(8, '0')}`, terminal: 'TERM0001',
      transmittedAt: '0616120000', localAt: '0616140000', processingCode: '000000', cardToken: `token-${this.accountId}`,
      maskedPan: '476173******0011', amount: { amountMinor, currency }, billing: undefined, entryMode: 'chip',
      merchant: { category: '5411', id: 'MERCHANT0000001', name: 'Corner shop, Zagreb' }, reason: '0000', approved: true,
      approvalCode: `A${String(base.sequence % 100_000).padStart(5, '0')}`, decidedBy: 'account', checks, originalId: undefined, hold: undefined, flags: [],
      records: [{ id: base.id, value: `{"of":"${base.id}"}`, keepUntilMs: startMs, dueAtMs: undefined }],
      ...change,
    };
  }

  #base(name: string, effects: Effects): Pick<JournalEntry, 'accountId' | 'sequence' | 'id' | 'receivedAtMs' | 'decidedAtMs' | 'effects' | 'records'> {
    this.sequence += 1;
    this.ledgerMinor += effects.ledgerMinor;
    this.heldMinor += effects.heldMinor;
    this.openHolds += effects.openHolds;
    const decidedAtMs = startMs + this.sequence * 1000;
    return { accountId: this.accountId, sequence: this.sequence, id: `${name}-${this.accountId}-${this.sequence}`, receivedAtMs: decidedAtMs - 3, decidedAtMs, effects, records: [] };
  }

  #hold(id: string, state: HoldChange['state'], heldMinor: number): HoldChange {
    return { id, state, heldMinor, expiresAtMs: startMs + 5 * 86_400_000 };
  }

  #postings(amountMinor: number, other: string): readonly Posting[] {
    return [
      { ledger: `holder:${this.accountId}`, amountMinor, currency },
      { ledger: other, amountMinor: -amountMinor, currency },
    ];
  }
}

/** The decline of a card that nobody has: no account, no sequence. */
export function declinedUnknownCard(id: string): TransactionEntry {
  const entry = new AccountWriter('').declined(500);
  return { ...entry, id, accountId: '', sequence: 0, decidedBy: 'switch', reason: '1018' };
}

/** A life of an account with all kinds of entries, `rounds` purchases long. */
export function accountLife(accountId: string, rounds: number): readonly JournalEntry[] {
  const writer = new AccountWriter(accountId);
  const entries: JournalEntry[] = [writer.opened(), writer.card(0, `token-${accountId}`), writer.loaded(1_000_000)];
  for (let round = 0; round < rounds; round += 1) {
    const authorization = writer.authorized(1000 + round);
    entries.push(authorization);
    if (round % 4 === 0) entries.push(writer.reversed(authorization));
    if (round % 4 === 1) entries.push(writer.completed(authorization, 900));
    if (round % 4 === 2) entries.push(writer.expired(authorization));
    entries.push(writer.purchased(5), writer.declined(99_999_999));
  }
  return entries;
}
