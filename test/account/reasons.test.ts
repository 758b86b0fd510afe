import { expect, test } from 'vitest';
import { checkNames } from '../../src/message/message.ts';
import { reasons } from '../../src/message/reason.ts';
import type { ControlSet } from '../../src/account/controls.ts';
import { accountId, againOf, cardRecord, chipFacts, failedCheck, Ledger, message, reference, reversalOf, rightPin, startMs, valueVerdict, wrongPin } from './fixture.ts';
import type { CardMessage, MessageChange, Reason } from './fixture.ts';

interface Row {
  readonly reason: Reason;
  /** The check that fails; undefined: none does. */
  readonly check?: (typeof checkNames)[number];
  readonly cards?: ReturnType<typeof cardRecord>[];
  readonly guardMinor?: number;
  /** The balance was emptied and closed. */
  readonly isClosed?: boolean;
  readonly before?: readonly CardMessage[];
  readonly message: CardMessage;
  /** Of the balance of 100, after what came before. */
  readonly left?: number;
}

const limit = { scope: 'overall', period: 'day' } as const;
const online = { entryMode: 'ecommerce', cardPresent: false } as const;
const withoutPin = cardRecord(0, { pinVersion: 0, pin: undefined });
const held = message('0100', 80, { purpose: 'preauthorization' });
const reversed = message('0100', 80, { purpose: 'preauthorization' });
const bought = message('0200', 30);
const later = message('0200', 30);
const advised = message('0120', 10);
const otherAmount: CardMessage = { ...againOf(bought), amount: { amountMinor: 31, currency: '978' }, fingerprint: 'other' };

/** Sixteen messages under one STAN and one local time of 2003, told apart by nothing but their transmission time. */
function crowd(index: number): CardMessage {
  return message('0200', 1, { trace: { stan: '7', localAt: '20261122120000', transmittedAt: `11221200${String(index).padStart(2, '0')}` } });
}

function locked(lockCode: number): ReturnType<typeof cardRecord>[] {
  return [cardRecord(0, { lockCode })];
}

function controlled(holder: ControlSet): ReturnType<typeof cardRecord>[] {
  return [cardRecord(0, { controls: { holder } })];
}

const rows: readonly Row[] = [
  { reason: '0000', message: message('0200', 100) },
  { reason: '0002', message: message('0200', 200, { partialAllowed: true }) },
  { reason: '1001', check: 'expiry', cards: [cardRecord(0, { expiry: '2409' })], message: message('0200', 10) },
  { reason: '1010', check: 'content', message: message('0200', 10, { currency: '840', billing: { amountMinor: 0, currency: '978' } }) },
  { reason: '1011', check: 'luhn', message: message('0200', 10, { cardFacts: { luhnValid: false } }) },
  { reason: '1012', check: 'pin', message: message('0200', 10, { purpose: 'cash' }) },
  { reason: '1015', check: 'content', message: message('0200', 10, { purpose: 'unsupported' }) },
  { reason: '1016', check: 'balance', message: message('0200', 101) },
  { reason: '1017', check: 'pin', message: message('0200', 10, { pin: wrongPin }) },
  { reason: '1018', check: 'cardKnown', message: message('0200', 10, { card: 3 }) },
  { reason: '1021', check: 'limits', message: message('0200', 10, { terms: { limits: [{ ...limit, amountMinorMax: 9 }] } }) },
  { reason: '1023', check: 'limits', message: message('0200', 10, { terms: { limits: [{ ...limit, countMax: 0 }] } }) },
  { reason: '1026', check: 'pin', message: message('0200', 10, { pin: { outcome: 'malformed', pinVersion: 1 } }) },
  { reason: '1030', check: 'currency', message: message('0200', 10, { currency: '840' }) },
  { reason: '1034', before: [reversed, reversalOf(reversed)], message: message('0100', 5, { purpose: 'increment', original: reference(reversed) }) },
  { reason: '1045', check: 'cardValue', message: message('0200', 10, { cardValue: valueVerdict('cvv2', 'mismatch') }) },
  { reason: '1048', check: 'pin', message: message('0200', undefined, { purpose: 'pinChange', pin: rightPin, newPin: { outcome: 'malformed' } }) },
  { reason: '1801', check: 'cardState', cards: locked(1), message: message('0200', 10) },
  { reason: '1802', check: 'cardState', cards: locked(2), message: message('0200', 10) },
  { reason: '1803', check: 'cardState', cards: locked(3), message: message('0200', 10) },
  { reason: '1804', check: 'cardState', cards: locked(4), message: message('0200', 10) },
  { reason: '1805', check: 'cardState', cards: locked(5), message: message('0200', 10) },
  { reason: '1806', check: 'cardState', cards: locked(6), message: message('0200', 10) },
  { reason: '1807', check: 'cardState', cards: locked(7), message: message('0200', 10) },
  { reason: '1808', check: 'cardState', cards: locked(8), message: message('0200', 10) },
  { reason: '1810', check: 'cardState', cards: [cardRecord(0, { state: 'removed' })], message: message('0200', 10) },
  { reason: '1811', check: 'cardState', cards: [cardRecord(0, { state: 'ordered' })], message: message('0200', 10) },
  { reason: '1812', check: 'cardValue', message: message('0200', 10, { terms: { verificationValueRequired: true } }) },
  { reason: '1813', check: 'pin', cards: [withoutPin], message: message('0200', 10, { pin: 'unverified' }) },
  { reason: '1814', check: 'cardValue', message: message('0200', 10, { cardValue: valueVerdict('icvv', 'error') }) },
  { reason: '1815', check: 'pin', message: message('0200', 10, { pin: { outcome: 'error', pinVersion: 1 } }) },
  { reason: '1816', check: 'cardState', isClosed: true, message: message('0200', 10), left: 0 },
  { reason: '1818', check: 'pin', before: [message('0200', 10, { pin: { ...rightPin, keyUseId: 'k' } })], message: message('0200', 10, { pin: { ...rightPin, keyUseId: 'k' } }), left: 90 },
  { reason: '1820', check: 'partnerBalance', guardMinor: 9, message: message('0200', 10, { terms: { creditGuard: true } }) },
  { reason: '1821', check: 'partnerBalance', guardMinor: 99, message: message('0200', 10, { terms: { creditGuard: true, credit: { currency: '840', sell: undefined, buy: undefined } } }) },
  { reason: '1830', before: [reversalOf(later)], message: later },
  { reason: '1832', before: [bought], message: { ...reversalOf(bought), amount: { amountMinor: 31, currency: '978' } } },
  { reason: '1840', check: 'cryptogram', message: message('0200', 10, { chip: { ...chipFacts(5), outcome: 'mismatch' } }) },
  { reason: '1841', check: 'cryptogram', message: message('0200', 10, { terms: { cryptogramRequired: true } }) },
  { reason: '1842', check: 'cryptogram', before: [message('0200', 10, { chip: chipFacts(5) })], message: message('0200', 10, { chip: chipFacts(5) }), left: 90 },
  { reason: '1843', check: 'cryptogram', message: message('0200', 10, { chip: chipFacts(5, { name: 'cvm', effect: 'decline' }) }) },
  { reason: '1844', check: 'cryptogram', message: message('0200', 10, { entryMode: 'fallback', terms: { fallbackAllowed: false } }) },
  { reason: '1845', check: 'cryptogram', message: message('0200', 10, { chip: { ...chipFacts(5), outcome: 'error' } }) },
  { reason: '1850', check: 'authentication', message: message('0200', 10, { ...online, authentication: { outcome: 'mismatch', useId: 'a' } }) },
  {
    reason: '1851', check: 'authentication', before: [message('0200', 10, { ...online, authentication: { outcome: 'match', useId: 'a' } })],
    message: message('0200', 10, { ...online, authentication: { outcome: 'match', useId: 'a' } }), left: 90,
  },
  { reason: '1852', check: 'authentication', message: message('0200', 10, { ...online, terms: { authenticationRequired: true } }) },
  { reason: '1853', check: 'authentication', message: message('0200', 10, { ...online, authentication: { outcome: 'error', useId: 'a' } }) },
  { reason: '1870', check: 'cardState', cards: controlled({ pausedUntilMs: startMs + 1 }), message: message('0200', 10) },
  { reason: '1871', check: 'limits', cards: controlled({ blocked: ['ecommerce'] }), message: message('0200', 10, online) },
  { reason: '1872', check: 'limits', cards: controlled({ countries: { kind: 'deny', names: ['276'] } }), message: message('0200', 10, { merchant: { country: '276' } }) },
  { reason: '1873', check: 'limits', cards: controlled({ merchants: { kind: 'deny', names: ['gambling'] } }), message: message('0200', 10, { merchant: { groups: ['gambling'] } }) },
  { reason: '1874', check: 'limits', cards: controlled({ limits: [{ ...limit, amountMinorMax: 9 }] }), message: message('0200', 10) },
  { reason: '1875', check: 'limits', cards: controlled({ limits: [{ ...limit, countMax: 0 }] }), message: message('0200', 10) },
  { reason: '4000', before: [bought], message: reversalOf(bought) },
  { reason: '9000', message: message('0220', 10, { advisedDecline: true }) },
  { reason: '9001', message: advised },
  { reason: '9100', check: 'content', message: message('0200', 10, { fault: { field: '41', reason: '9100', text: 'is missing' } }) },
  { reason: '9103', before: Array.from({ length: 16 }, (_, index) => crowd(index)), message: crowd(16) },
  { reason: '9113', before: [bought], message: otherAmount },
  { reason: '9114', message: message('0100', 5, { purpose: 'increment', original: reference(held) }) },
];

/** Reasons that others give, or that are given to others: the switch, stand-in, a host's answer; who would close a balance. */
const givenElsewhere: readonly Reason[] = [
  '1000', '1002', '1004', '1007', '1008', '1019', '1020', '1022', '1817', '1860', '1861', '1862', '2000', '2002', '2004', '2007',
  '9102', '9107', '9108', '9109', '9112', '9116', '9119', '9123',
];

function played({ cards, guardMinor = 0, isClosed = false, before = [], message: last }: Row): Ledger & { reason?: Reason } {
  const ledger: Ledger & { reason?: Reason } = Ledger.with(isClosed ? 0 : 100, cards ?? [cardRecord(0)], guardMinor);
  if (isClosed) ledger.play({ kind: 'close', id: 'close', accountId, receivedAtMs: startMs });
  for (const each of before) ledger.play(each);
  ledger.reason = ledger.play(last).response.reason;
  ledger.checkReplay();
  return ledger;
}

test.each(rows.map((row) => [row.reason, reasons[row.reason].name, row] as const))('%s %s', (reason, _name, row) => {
  const ledger = played(row);
  expect(ledger.reason).toBe(reason);
  if (reason === '9113') return;
  expect(ledger.last.reason).toBe(reason);
  expect(ledger.last.approved).toBe(reason.startsWith('0'));
  expect(failedCheck(ledger.last)).toBe(row.check);
});

test('every reason that the account can give has its line, in the order of the reasons', () => {
  const listed = rows.map(({ reason }) => reason);
  const given = (Object.keys(reasons) as Reason[]).filter((reason) => !givenElsewhere.includes(reason)).sort();
  expect(listed).toEqual(given);
});

test('a decline moves no money and keeps its reason for a repeat', () => {
  for (const row of rows) {
    if (row.check === undefined) continue;
    const ledger = played(row);
    const totals = `${row.left ?? 100} 0 0`;
    expect(ledger.totals).toBe(totals);
    expect(ledger.play(againOf(row.message)).response.reason).toBe(row.reason);
    expect(ledger.totals).toBe(totals);
  }
});

/** Each line fails its own check; all lines together fail the first. */
const faults: readonly (readonly [check: string, reason: Reason, change: MessageChange])[] = [
  ['content', '9100', { fault: { field: '11', reason: '9100', text: 'is missing' } }],
  ['luhn', '1011', { cardFacts: { luhnValid: false } }],
  ['cardValue', '1045', { cardValue: valueVerdict('cvv', 'mismatch') }],
  ['pin', '1017', { pin: wrongPin }],
  ['cryptogram', '1840', { chip: { ...chipFacts(1), outcome: 'malformed' } }],
  ['authentication', '1850', { authentication: { outcome: 'malformed', useId: 'a' } }],
  ['limits', '1021', { terms: { limits: [{ scope: 'overall', period: 'transaction', amountMinorMax: 400 }], creditGuard: true } }],
  ['balance', '1016', {}],
];

test('checks run in their order, and those behind the first that fails are skipped', () => {
  for (let from = 0; from < faults.length; from += 1) {
    const [check, reason] = faults[from] ?? ['', '0000'];
    const change = Object.assign({}, ...faults.slice(from).map(([, , each]) => each)) as MessageChange;
    const ledger = Ledger.with(100);
    expect(ledger.play(message('0200', 500, change)).response.reason).toBe(reason);
    const { checks } = ledger.last;
    expect(checks.map((each) => each.check)).toEqual(checkNames);
    const at = checkNames.findIndex((name) => name === check);
    expect(checks.slice(0, at).filter(({ outcome }) => outcome === 'fail')).toEqual([]);
    expect(checks[at]?.outcome).toBe('fail');
    expect(checks.slice(at + 1).map(({ outcome }) => outcome)).toEqual(checkNames.slice(at + 1).map(() => 'skipped'));
  }
});

test('limits come before the currency, the currency before the balance, the balance before the partner’s', () => {
  const limits = [{ scope: 'overall', period: 'day', countMax: 0 }] as const;
  const foreign = { currency: '840', billing: { amountMinor: 500, currency: '826' } };
  const ledger = Ledger.with(100);
  expect(ledger.play(message('0200', 500, { terms: { limits } })).response.reason).toBe('1023');
  expect(ledger.play(message('0200', 500, foreign)).response.reason).toBe('1030');
  expect(ledger.play(message('0200', 500, { terms: { creditGuard: true } })).response.reason).toBe('1016');
  expect(ledger.play(message('0200', 50, { terms: { creditGuard: true } })).response.reason).toBe('1820');
});

test('a program that demands verification values demands none of a refund, nor of what follows an authorization that stands', () => {
  const demanding: MessageChange = { terms: { verificationValueRequired: true } };
  const ledger = Ledger.with(1000);
  const first = message('0100', 100, { ...demanding, purpose: 'preauthorization', cardValue: valueVerdict('cvv2', 'match') });
  const follow = (type: '0100' | '0200', amountMinor: number, purpose: 'increment' | 'completion'): CardMessage =>
    message(type, amountMinor, { ...demanding, purpose, original: reference(first) });
  const answer = (each: CardMessage): Reason => ledger.play(each).response.reason;
  expect(answer(first)).toBe('0000');
  expect(answer(follow('0100', 20, 'increment'))).toBe('0000');
  expect(answer({ ...follow('0100', 20, 'increment'), cardValue: valueVerdict('cvv2', 'mismatch') })).toBe('1045');
  expect(answer(follow('0200', 110, 'completion'))).toBe('0000');
  expect(answer(follow('0200', 110, 'completion'))).toBe('1812');
  expect(answer(message('0200', 5, { ...demanding, purpose: 'refund' }))).toBe('0000');
  expect(answer(message('0200', 5, demanding))).toBe('1812');
});

test('removed comes before a lock code, a lock code before not activated, not activated before expired', () => {
  const answer = (change: Parameters<typeof cardRecord>[1]): Reason => Ledger.with(100, [cardRecord(0, change)]).play(message('0200', 10)).response.reason;
  expect(answer({ state: 'removed', lockCode: 2, expiry: '2409' })).toBe('1810');
  expect(answer({ state: 'ordered', lockCode: 2, expiry: '2409' })).toBe('1802');
  expect(answer({ state: 'ordered', expiry: '2409' })).toBe('1811');
  expect(answer({ expiry: '2409' })).toBe('1001');
  expect(reasons['1810'].action).toBe('1018');
  expect(reasons['1811'].action).toBe('1018');
});

test('the lock codes answer the action codes of C8', () => {
  const actions = [1, 2, 3, 4, 5, 6, 7, 8].map((lockCode) => {
    const { reason } = Ledger.with(100, locked(lockCode)).play(message('0200', 10)).response;
    return reasons[reason].action;
  });
  expect(actions).toEqual(['2008', '2009', '1000', '1016', '1018', '1006', '1002', '1011']);
});

test('the journal has each check with its outcome and what was compared', () => {
  const ledger = Ledger.with(100, [cardRecord(0)], 1000);
  ledger.play(message('0200', 40, { cardValue: valueVerdict('icvv', 'match'), pin: rightPin, chip: chipFacts(7), authentication: { outcome: 'match', useId: 'u' }, terms: { creditGuard: true } }));
  expect(ledger.last.checks.map(({ check, outcome, value }) => `${check} ${outcome} ${value}`.trim())).toEqual([
    'content pass', 'luhn pass', 'cardKnown pass', 'cardState pass active', 'expiry pass 3112', 'cardValue pass icvv', 'pin pass verified',
    'cryptogram pass counter 7', 'authentication pass match', 'limits pass', 'currency pass 978, balance 978', 'balance pass 40 of 100', 'partnerBalance pass',
  ]);
  ledger.play(message('0200', 61, {}));
  expect(ledger.last.checks.slice(5).map(({ check, outcome, value }) => `${check} ${outcome} ${value}`.trim())).toEqual([
    'cardValue skipped nothing carried', 'pin skipped none carried', 'cryptogram skipped nothing carried', 'authentication skipped nothing carried',
    'limits pass', 'currency pass 978, balance 978', 'balance fail 61 of 60',
    'partnerBalance skipped',
  ]);
});

test('a card is good through the last day of its month, and DE14 and the track must say what the record says', () => {
  const ledger = Ledger.with(1000, [cardRecord(0, { expiry: '2410' })]);
  expect(ledger.play(message('0200', 1, { month: 657 })).response.reason).toBe('0000');
  expect(ledger.play(message('0200', 1, { month: 658 })).response.reason).toBe('1001');
  expect(ledger.play(message('0200', 1, { cardFacts: { expiry: '2410', trackExpiry: '2410' } })).response.reason).toBe('0000');
  expect(ledger.play(message('0200', 1, { cardFacts: { expiry: '2411' } })).response.reason).toBe('1001');
  expect(ledger.play(message('0200', 1, { cardFacts: { trackExpiry: '2411' } })).response.reason).toBe('1001');
});

test('cash needs a verified PIN, and a message for a card that nobody has is written down without an account', () => {
  const ledger = Ledger.with(100);
  expect(ledger.play(message('0200', 10, { purpose: 'cash', pin: rightPin })).response.reason).toBe('0000');
  ledger.play(message('0200', 10, { card: 2 }));
  expect([ledger.last.accountId, ledger.last.sequence, ledger.last.decidedBy]).toEqual(['', 0, 'switch']);
  expect(ledger.play(message('0420', 10, { card: 2 })).response.reason).toBe('4000');
  expect(ledger.play(message('0220', 10, { card: 2 })).response.reason).toBe('9000');
  expect(ledger.last.flags).toEqual(['cardUnknown']);
  expect(ledger.totals).toBe('90 0 0');
  ledger.checkReplay();
});

test('amounts that are none are refused', () => {
  const ledger = Ledger.with(100);
  const answer = (amountMinor: number | undefined, change: MessageChange = {}): Reason => ledger.play(message('0200', amountMinor, change)).response.reason;
  expect(answer(-5)).toBe('1010');
  expect(answer(0.5)).toBe('1010');
  expect(answer(1_000_000_000_000)).toBe('1010');
  expect(answer(undefined)).toBe('9100');
  expect(answer(10, { billing: { amountMinor: 1, currency: '978' } })).toBe('1010');
  expect(answer(10, { currency: '840', billing: { amountMinor: -1, currency: '978' } })).toBe('1010');
  expect(ledger.play(message('0420', -5)).response.reason).toBe('1010');
  expect(ledger.play(message('0420', 5, { actualMinor: -1 })).response.reason).toBe('1010');
  expect(ledger.play(message('0220', -5)).response.reason).toBe('1010');
  expect(ledger.totals).toBe('100 0 0');
});
