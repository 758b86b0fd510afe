/**
 * Random lives of cards, through the real store and the real book, beside a model that knows the rules of C7 and C8 and nothing of the code. After each
 * step the card is what the model says, and so is what a purchase with it is answered.
 */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decideNow } from '../../src/issuer/ledger.ts';
import { CardBureau } from '../../src/lifecycle/card-bureau.ts';
import { CardLinking } from '../../src/lifecycle/card-linking.ts';
import { withTrailer } from '../../src/lifecycle/personalisation-format.ts';
import { LifecycleRefused } from '../../src/lifecycle/refusal.ts';
import { Secret } from '../../src/message/secret.ts';
import { cardMessage } from '../issuer/fixture.ts';
import { CardHouse, delivery, holderOf, staff } from './card-house.ts';
import { newId } from './fixture.ts';

const dayMs = 86_400_000;

type Step =
  | { readonly kind: 'lock'; readonly by: 'holder' | 'staff'; readonly lockCode: number }
  | { readonly kind: 'unlock' | 'resetCvv' | 'setPin' | 'print' | 'activate' | 'renew' | 'replace' | 'remove' | 'bureau' };

/** The rules, as they are said and not as they are built. */
class Model {
  kind: 'virtual' | 'physical' | 'digitalFirst';
  account: 'waits' | 'pays' | 'removed';
  /** Of the plastic under way. */
  plastic: 'none' | 'ordered' | 'made' = 'none';
  lockCode = 0;
  cvvResets = 0;
  isReplaced = false;
  /** Its holder knows of it: a physical card when it was made. */
  isKnown: boolean;

  constructor(kind: 'virtual' | 'physical') {
    this.kind = kind;
    this.isKnown = kind === 'virtual';
    this.account = kind === 'physical' ? 'waits' : 'pays';
    this.plastic = kind === 'physical' ? 'ordered' : 'none';
  }

  get isForGood(): boolean {
    return [1, 2, 5, 8].includes(this.lockCode);
  }

  get state(): string {
    if (this.account === 'removed') return 'removed';
    if (this.kind === 'digitalFirst') return this.plastic === 'none' ? 'active' : 'printing';
    if (this.account === 'waits') return this.plastic === 'made' ? 'linked' : 'ordered';
    return this.plastic === 'none' ? 'active' : this.plastic === 'made' ? 'renewed' : 'renewing';
  }

  /** Removed comes first, then the lock code, then not activated. */
  get purchase(): string {
    if (this.account === 'removed') return '1810';
    if (this.lockCode !== 0) return `180${this.lockCode}`;
    return this.account === 'waits' ? '1811' : '0000';
  }

  /** What becomes of a step: nothing to say, or the code of the refusal. */
  take(step: Step): string {
    switch (step.kind) {
      case 'bureau':
        if (this.plastic !== 'ordered' || this.account === 'removed') return '';
        this.plastic = this.kind === 'physical' ? 'made' : 'none';
        this.isKnown = true;
        return '';
      case 'remove':
        this.account = 'removed';
        return '';
      case 'lock':
        if (step.by === 'holder' && !this.isKnown) return 'CARD_NOT_FOUND';
        if (this.account === 'removed') return 'CARD_REMOVED';
        if (step.by === 'holder' && [4, 5, 6, 8].includes(step.lockCode)) return 'LOCK_CODE_NOT_ALLOWED';
        if (this.isForGood && step.lockCode !== this.lockCode) return 'CARD_LOCKED_FOR_GOOD';
        this.lockCode = step.lockCode;
        return '';
      case 'unlock':
        if (this.account === 'removed') return 'CARD_REMOVED';
        if (this.isForGood) return 'CARD_LOCKED_FOR_GOOD';
        this.lockCode = 0;
        return '';
      case 'resetCvv':
        return this.#only(['virtual', 'digitalFirst'], () => {
          this.cvvResets += 1;
        });
      case 'setPin': return this.#only(['physical', 'digitalFirst'], () => undefined, this.isKnown);
      case 'print':
        return this.#only(['virtual'], () => {
          [this.kind, this.plastic] = ['digitalFirst', 'ordered'];
        });
      case 'activate':
        if (this.kind === 'physical' && this.account === 'pays' && this.plastic === 'none') return '';
        return this.#only(['physical'], () => {
          [this.account, this.plastic] = ['pays', 'none'];
        }, this.plastic === 'made');
      case 'renew':
        return this.#only(['virtual', 'physical', 'digitalFirst'], () => {
          if (this.kind !== 'virtual') this.plastic = 'ordered';
        }, this.account === 'pays' && this.plastic === 'none');
      case 'replace':
        if (this.account === 'removed') return 'CARD_REMOVED';
        if (!this.isKnown) return 'CARD_STATE_CANNOT';
        if (this.isReplaced) return 'CARD_REPLACED';
        this.isReplaced = true;
        if (!this.isForGood) this.lockCode = 8;
        return '';
    }
  }

  #only(kinds: readonly string[], act: () => void, isFit = true): string {
    if (!kinds.includes(this.kind)) return 'CARD_KIND_CANNOT';
    if (this.account === 'removed') return 'CARD_REMOVED';
    if (!isFit) return 'CARD_STATE_CANNOT';
    if (this.isForGood) return 'CARD_LOCKED_FOR_GOOD';
    act();
    return '';
  }
}

let house: CardHouse;
let folder: string;
let bureau: CardBureau;
beforeAll(async () => {
  house = await CardHouse.open();
  folder = mkdtempSync(join(tmpdir(), 'locum-model-'));
  bureau = new CardBureau({ book: house.book, linking: new CardLinking({ book: house.book, cards: house.cards, now: () => house.nowMs }), folder, switchName: 'here', now: () => house.nowMs });
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await house.close();
});

/** The bureau makes all that it was told, and says so. */
async function makeAll(): Promise<void> {
  await bureau.takeConfirmations();
  for (const name of await bureau.writeFiles()) {
    const orders = readFileSync(join(folder, 'to-bureau', name), 'utf8').trimEnd().split('\n').slice(1, -1).map((line) => (JSON.parse(line) as { orderId: string }).orderId);
    writeFileSync(join(folder, 'from-bureau', name), withTrailer([{ format: 'locum-confirmation/1', bureau: 'demo-bureau' }, ...orders.map((orderId) => ({ orderId, result: 'produced' }))]));
  }
  for (const { wrong, refused } of await bureau.takeConfirmations()) expect({ wrong, refused }).toEqual({ wrong: [], refused: undefined });
  expect(readdirSync(join(folder, 'from-bureau')).filter((name) => name.endsWith('.jsonl'))).toEqual([]);
}

/** Months since 1970. */
function monthOf(atMs: number): number {
  const at = new Date(atMs);
  return (at.getUTCFullYear() - 1970) * 12 + at.getUTCMonth();
}

async function purchase(balanceId: string, token: string): Promise<string> {
  const { card } = cardMessage(balanceId);
  const message = cardMessage(balanceId, { card: { ...card, token }, pin: 'absent', receivedAtMs: house.nowMs, day: Math.floor(house.nowMs / dayMs), month: monthOf(house.nowMs) });
  const outcome = await decideNow(house.desks.ledger, balanceId, message);
  return outcome.kind === 'decided' && outcome.answer.kind === 'answer' ? outcome.answer.response.reason : outcome.kind;
}

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('lock' as const), by: fc.constantFrom('holder' as const, 'staff' as const), lockCode: fc.constantFrom(1, 2, 3, 4, 5, 6, 7, 8, 3, 7, 6) }) },
  { weight: 4, arbitrary: fc.constantFrom('bureau' as const, 'activate' as const).map((kind) => ({ kind })) },
  { weight: 8, arbitrary: fc.constantFrom('unlock' as const, 'resetCvv' as const, 'setPin' as const, 'print' as const, 'renew' as const, 'replace' as const, 'unlock' as const, 'remove' as const).map((kind) => ({ kind })) },
);

test('whatever is done to cards in whatever order, each is what C7 and C8 say, and pays or does not accordingly', async () => {
  const userId = await house.user();
  await fc.assert(fc.asyncProperty(fc.constantFrom('virtual' as const, 'physical' as const), fc.array(step, { minLength: 4, maxLength: 16 }), async (kind, steps) => {
    const balanceId = await house.balance(userId, 1_000_000);
    const wish = house.wish(userId, balanceId);
    const row = kind === 'virtual' ? await house.issuing.createVirtual(wish) : await house.issuing.orderPhysical(wish, delivery);
    const lives = [{ cardId: row.cardId, token: row.token, model: new Model(kind) }];
    for (const each of steps) {
      // The last card is the one that is in use; what was replaced is looked at all the same.
      const { cardId, model } = lives.at(-1)!;
      house.nowMs += 32 * dayMs;
      if (each.kind === 'bureau') for (const life of lives) life.model.take(each);
      const kindBefore = model.kind;
      const wanted = each.kind === 'bureau' ? '' : model.take(each);
      let told = '';
      let replacement: string | undefined;
      try {
        replacement = await done(each, cardId, userId);
      } catch (error) {
        if (!(error instanceof LifecycleRefused)) throw error;
        told = error.code;
      }
      expect(told, `${each.kind} of a ${model.kind} card`).toBe(wanted);
      if (replacement !== undefined) {
        const [made] = await house.book.query<{ readonly token: string }>('select card_token as token from issued_card where card_id = $1', [replacement]);
        const next = new Model(kindBefore === 'physical' ? 'physical' : 'virtual');
        if (kindBefore === 'digitalFirst') [next.kind, next.plastic] = ['digitalFirst', 'ordered'];
        lives.push({ cardId: replacement, token: made?.token ?? '', model: next });
      }
      const account = (await house.desks.desk.accounts([balanceId])).get(balanceId);
      for (const life of lives) {
        const shown = await house.cards.get(staff, life.cardId);
        expect({ kind: shown.kind, state: shown.state, lockCode: shown.lockCode ?? 0, balanceId: shown.balanceId }).toEqual({ kind: life.model.kind, state: life.model.state, lockCode: life.model.lockCode, balanceId });
        const record = account?.cards.find((card) => card.record.token === life.token)?.record;
        expect(record?.cvv2Generation).toBe(life.model.cvvResets);
        expect(await purchase(balanceId, life.token)).toBe(life.model.purchase);
      }
      expect(account?.cards).toHaveLength(lives.length);
    }
    house.nowMs = Date.now();
  }), { numRuns: 25 });
});

/** @returns the card that replaces it, where one does */
async function done(each: Step, cardId: string, userId: string): Promise<string | undefined> {
  const { cards } = house;
  const requestKey = newId('k');
  switch (each.kind) {
    case 'lock': await cards.lock(each.by === 'holder' ? holderOf(userId) : staff, cardId, each.lockCode, requestKey); break;
    case 'unlock': await cards.unlock(staff, cardId, requestKey); break;
    case 'resetCvv': await cards.resetCvv(staff, cardId, requestKey); break;
    case 'setPin': await cards.setPin(staff, cardId, new Secret('4711'), requestKey); break;
    case 'print': await cards.print(staff, cardId, { requestKey, delivery }); break;
    case 'activate': await cards.activate(staff, cardId); break;
    case 'renew': await cards.renew(staff, cardId, { requestKey, delivery }); break;
    case 'replace': return (await cards.replace(staff, cardId, { requestKey, delivery })).cardId;
    case 'remove': await cards.remove(staff, cardId, requestKey); break;
    case 'bureau': await makeAll(); break;
  }
  return undefined;
}
