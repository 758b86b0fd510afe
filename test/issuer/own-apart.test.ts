/** Decisions on an own account without its store: the account as it was last seen, stand-in's rules beside it, and each switch's share of what was left. */
import { describe, expect, test } from 'vitest';
import type { Account } from '../../src/account/account.ts';
import { decodeOwn, encodeOwn } from '../../src/issuer/own-advice.ts';
import { apartAccount, decideApart } from '../../src/issuer/own-apart.ts';
import type { ApartDecided, ApartFacts, ApartState } from '../../src/issuer/own-apart.ts';
import type { CardMessage, LimitRule } from '../../src/message/message.ts';
import { newActivity } from '../../src/standin/activity.ts';
import { newExposure } from '../../src/standin/exposure.ts';
import type { StandInRules } from '../../src/standin/rules.ts';
import { againOf, cardRecord, Ledger, message, reference, reversalOf, startMs } from '../account/fixture.ts';
import type { MessageChange } from '../account/fixture.ts';
import { openRules } from '../standin/fixture.ts';

const facts: ApartFacts = { nowMs: startMs, minuteOfDay: 720, country: undefined, outageId: startMs, switches: 1, headroomMinor: undefined, listedLock: 0 };
const rules = openRules({ unavailable: { decisions: [], otherwise: 'approve', tests: { cryptogram: 'off', cardValue: 'off' } } });
const guarded = { terms: { creditGuard: true } } as const;

/** One switch that is cut off with what it last saw. */
class Apart {
  state: ApartState;
  readonly answered: CardMessage[] = [];
  readonly #rules: StandInRules;
  readonly #facts: ApartFacts;

  constructor(seen: Account | undefined, change: Partial<ApartFacts> = {}, its: StandInRules = rules) {
    this.#facts = { ...facts, ...change };
    this.#rules = its;
    const own = seen === undefined ? undefined : apartAccount(seen, new Map(), startMs);
    this.state = { own, card: newActivity, issuer: newExposure, partner: change.headroomMinor === undefined ? undefined : newExposure };
  }

  /** Answers, goes on from it, and keeps what the account is told later. */
  ask(asked: CardMessage, change: Partial<ApartFacts> = {}): ApartDecided {
    const decision = decideApart(this.state, this.#rules, asked, { ...this.#facts, ...change });
    if (decision.kind !== 'decided') throw new Error('it is to be verified');
    this.state = decision.state;
    for (const [id, value] of decision.records) this.state.own?.records.set(id, value ?? null);
    if (decision.note === undefined) {
      const isRequest = asked.function === 'request' && asked.class !== 'reversal';
      this.answered.push(isRequest ? { ...asked, stoodIn: { reason: decision.response.reason, pin: decision.pin, decidedAtMs: startMs, checks: decision.checks, flags: [] } } : asked);
    }
    return decision;
  }

  /** How many of so many purchases of this amount are approved, and what the others hear. */
  shops(count: number, amountMinor: number, change: MessageChange = {}): { readonly approved: number; readonly refused: readonly string[] } {
    const reasons = Array.from({ length: count }, () => this.ask(message('0200', amountMinor, change)).response.reason);
    return { approved: reasons.filter((reason) => reason === '0000').length, refused: [...new Set(reasons.filter((reason) => reason !== '0000'))] };
  }
}

function seen(balanceMinor: number): Account {
  const { account } = Ledger.with(balanceMinor);
  if (account === undefined) throw new Error('the account is open');
  return account;
}

describe('what was left when it was last seen is divided among the switches', () => {
  test.for<[switches: number, approved: number]>([[1, 10], [2, 5], [3, 3], [4, 2], [11, 0]])('of a balance of 10.00, one of %i switches approves %i purchases of 1.00', ([switches, approved]) => {
    expect(new Apart(seen(1_000), { switches }).shops(12, 100)).toEqual({ approved, refused: ['1016'] });
  });

  test.for<[switches: number, approved: number]>([[1, 7], [2, 3], [7, 1], [8, 0]])('of a partner’s headroom of 7.00, one of %i switches approves %i purchases of 1.00', ([switches, approved]) => {
    expect(new Apart(seen(100_000), { switches, headroomMinor: 700 }).shops(12, 100, guarded)).toEqual({ approved, refused: ['1820'] });
  });

  test.for<[switches: number, approved: number]>([[1, 6], [2, 3], [6, 1], [7, 0]])('of what is left of a day’s limit of the program, one of %i switches approves %i', ([switches, approved]) => {
    const limits: readonly LimitRule[] = [{ scope: 'overall', period: 'day', amountMinorMax: 90_000, countMax: 8 }];
    const ledger = Ledger.with(100_000);
    for (let spent = 0; spent < 2; spent += 1) expect(ledger.play(message('0200', 100, { terms: { limits } })).response.reason).toBe('0000');
    expect(new Apart(ledger.account, { switches }).shops(12, 100, { terms: { limits } })).toEqual({ approved, refused: ['1023'] });
  });

  test('a limit of one transaction is no switch’s share', () => {
    const limits: readonly LimitRule[] = [{ scope: 'overall', period: 'transaction', amountMinorMax: 100, countMax: undefined }];
    expect(new Apart(seen(100_000), { switches: 8 }).shops(1, 100, { terms: { limits } }).approved).toBe(1);
    expect(new Apart(seen(100_000), { switches: 8 }).shops(1, 101, { terms: { limits } }).refused).toEqual(['1021']);
  });

  test('a partner’s headroom that was not seen, or not lately, covers nothing', () => {
    const apart = new Apart(seen(100_000));
    const decision = apart.ask(message('0200', 100, guarded));
    expect(decision.response.reason).toBe('1820');
    expect(decision.checks).toContainEqual({ check: 'partnerBalance', outcome: 'fail', value: 'the partner’s balance is not known' });
  });

  test('the reversal of an authorization that was completed gives nothing back', () => {
    const apart = new Apart(seen(1_000), { switches: 2 });
    const first = message('0100', 300, { purpose: 'preauthorization' });
    const completion = message('0200', 300, { purpose: 'completion', original: reference(first) });
    expect([first, completion, reversalOf(first)].map((each) => apart.ask(each).response.reason)).toEqual(['0000', '0000', '4000']);
    expect(apart.ask(message('0200', 201)).response.reason).toBe('1016');
    expect(apart.ask(reversalOf(completion)).response.reason).toBe('4000');
    expect(apart.ask(message('0200', 500)).response.reason).toBe('0000');
  });

  test('what is reversed is a switch’s to give away again', () => {
    const apart = new Apart(seen(1_000), { switches: 2 });
    const first = message('0200', 500);
    expect(apart.ask(first).response.reason).toBe('0000');
    expect(apart.ask(message('0200', 500)).response.reason).toBe('1016');
    expect(apart.ask(reversalOf(first)).response.reason).toBe('4000');
    expect(apart.ask(message('0200', 500)).response.reason).toBe('0000');
  });
});

describe('nothing is approved of a card that', () => {
  test.for<[what: string, account: Account | undefined, change: Partial<ApartFacts>, reason: string]>([
    ['has no record that is fresh enough', undefined, {}, '9112'],
    ['has none, and is on the negative list', undefined, { listedLock: 2 }, '1802'],
    ['is on the negative list, whatever its account said', seen(1_000), { listedLock: 3 }, '1803'],
    ['was locked when its account was last seen', Ledger.with(1_000, [cardRecord(0, { lockCode: 7 })]).account, {}, '1807'],
    ['was locked then, though the list has it unlocked', Ledger.with(1_000, [cardRecord(0, { lockCode: 7 })]).account, { listedLock: 0 }, '1807'],
  ])('%s', ([, account, change, reason]) => {
    const apart = new Apart(account, change);
    expect(apart.ask(message('0200', 100)).response.reason).toBe(reason);
    expect(apart.ask(message('0100', 100)).response.reason).toBe(reason);
  });
});

test('a repeat without the store hears what was answered without it, and counts once', () => {
  const apart = new Apart(seen(1_000), { switches: 2 });
  const first = message('0200', 400);
  const { response: { reason, approvalCode } } = apart.ask(first);
  expect(apart.ask(againOf(first))).toMatchObject({ note: 'repeat', response: { reason, approvalCode } });
  expect(apart.shops(2, 100)).toEqual({ approved: 1, refused: ['1016'] });
});

/** Numbers in [0, 1) from a seed: mulberry32. */
function randoms(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

test('however many switches are cut off at once, they give away no more than there was, and the account has it all once, in whatever order they tell it', () => {
  for (let seed = 1; seed <= 150; seed += 1) {
    const random = randoms(seed);
    const switches = 1 + Math.floor(random() * 5);
    const balanceMinor = Math.floor(random() * 5_000);
    const headroomMinor = Math.floor(random() * 5_000);
    const ledger = Ledger.with(balanceMinor, [cardRecord(0)], headroomMinor);
    const apart = Array.from({ length: switches }, () => new Apart(ledger.account, { switches, headroomMinor }));
    const approved: CardMessage[] = [];
    const reversed = new Set<CardMessage>();
    for (let step = 0; step < 30; step += 1) {
      const one = apart[Math.floor(random() * switches)]!;
      const mine = one.answered.filter((each) => approved.includes(each) && !reversed.has(each));
      const last = mine.at(-1);
      if (random() < 0.2 && last !== undefined) {
        one.ask(reversalOf(last));
        reversed.add(last);
        continue;
      }
      const asked = message(random() < 0.5 ? '0100' : '0200', 1 + Math.floor(random() * 900), guarded);
      if (one.ask(asked).response.reason === '0000') approved.push(one.answered.at(-1)!);
    }
    const standing = approved.filter((each) => !reversed.has(each)).reduce((sum, { amount }) => sum + (amount?.amountMinor ?? 0), 0);
    expect(standing, `seed ${seed}`).toBeLessThanOrEqual(Math.min(balanceMinor, headroomMinor));
    // Each switch tells in its order, some of it twice; between them there is none.
    const left = apart.map(({ answered }) => [...answered]);
    while (left.some(({ length }) => length > 0)) {
      const queue = left[Math.floor(random() * switches)]!;
      const next = queue[0];
      if (next === undefined) continue;
      ledger.play(next);
      if (random() < 0.8) queue.shift();
    }
    expect(ledger.availableMinor, `seed ${seed}`).toBe(balanceMinor - standing);
    expect(ledger.guardMinor, `seed ${seed}`).toBe(headroomMinor - standing);
    expect(ledger.entries.filter((entry) => entry.kind === 'transaction' && entry.flags.includes('overdrawn')), `seed ${seed}`).toEqual([]);
  }
});

describe('an amount in another currency', () => {
  const dollars: MessageChange = { currency: '840', conversion: { from: '840', to: '978', rate: '0.935', date: '2026-11-20' } };

  test('comes apart to what it comes to in the account, which takes it so when it is told', () => {
    const apart = new Apart(seen(1_000));
    expect(apart.ask(message('0200', 500, dollars)).response.reason).toBe('0000');
    expect(apart.ask(message('0200', 600, dollars)).response.reason).toBe('1016');
    const account = Ledger.with(1_000);
    for (const told of apart.answered) {
      const kept = decodeOwn(encodeOwn(told), told.card.pan);
      expect(kept).toMatchObject({ conversion: dollars.conversion });
      account.play(kept);
    }
    expect(account.totals).toBe('532 0 0');
    expect(account.entries.find(({ kind }) => kind === 'transaction')).toMatchObject({ billing: { amountMinor: 468, currency: '978' } });
    account.checkReplay();
  });

  test('is declined apart where no rate is known, as it is in the account', () => {
    expect(new Apart(seen(1_000)).ask(message('0200', 500, { currency: '840' })).response.reason).toBe('1030');
  });
});

test.for<[switches: number, approved: number]>([[1, 6], [2, 3], [4, 1]])('of a limit that its holder has for a card, one of %i switches uses its share: %i', ([switches, approved]) => {
  const limits: readonly LimitRule[] = [{ scope: 'overall', period: 'day', countMax: 6 }];
  const { account } = Ledger.with(1_000, [cardRecord(0, { controls: { holder: { limits } } })]);
  expect(new Apart(account, { switches }).shops(8, 1)).toEqual({ approved, refused: [switches === 1 ? '1875' : '1023'] });
});
