/** Users over real books: what comes at once, and every change of verification against the rules. */
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Book } from '../../src/book/book.ts';
import { PeopleKyc } from '../../src/lifecycle/people-kyc.ts';
import { People } from '../../src/lifecycle/people.ts';
import { requireVerified } from '../../src/lifecycle/person-rows.ts';
import type { Kyc } from '../../src/lifecycle/person-rows.ts';
import { LifecycleRefused } from '../../src/lifecycle/refusal.ts';
import { bookFixtures } from '../book/books.ts';
import type { BookFixture } from '../book/books.ts';
import { watched } from './fixture.ts';

const atMs = Date.UTC(2027, 0, 1);
const details = { givenName: 'Mia', familyName: 'Nowak', birthDate: '1990-01-31' };
type Wish = { readonly by: 'begin' } | { readonly by: 'partner' | 'service'; readonly kyc: 'verified' | 'refused' };

function newKey(): string {
  return randomBytes(8).toString('hex');
}

describe.each(Object.keys(bookFixtures) as (keyof typeof bookFixtures)[])('users over the %s book', (kind) => {
  let fixture: BookFixture;
  let book: Book;
  let people: People;
  let kyc: PeopleKyc;
  beforeAll(async () => {
    fixture = await bookFixtures[kind]();
    book = await fixture.open();
    people = new People({ ...watched(book), randomBytes, sessions: { userChanged: () => undefined } });
    kyc = new PeopleKyc(book);
  });
  afterAll(async () => {
    await fixture.remove();
  });

  test('one key registers one user, however often and at once it comes', async () => {
    const key = newKey();
    const users = await Promise.all(Array.from({ length: 8 }, async () => await people.register('shops', { phone: '+48600200300' }, key, atMs)));
    expect(new Set(users.map(({ userId }) => userId)).size).toBe(1);
    expect((await people.register('banks', { phone: '+48600200300' }, key, atMs)).userId).not.toBe(users[0]!.userId);
  });

  test('the key of a user who was deleted registers nobody, and shows nobody', async () => {
    const key = newKey();
    const { userId } = await people.register('shops', { givenName: 'Gone' }, key, atMs);
    await people.remove({ partner: 'shops', userId }, atMs);
    await expect(people.register('shops', { givenName: 'Gone' }, key, atMs)).rejects.toMatchObject({ status: 409, code: 'USER_DELETED' });
  });

  test('of several that want one external id at once, one gets it, and the others are told which field it is', async () => {
    const told = await Promise.all(Array.from({ length: 6 }, async () => await people.register('shops', { externalId: 'wanted' }, newKey(), atMs).then(() => 'registered', (error: unknown) => error)));
    expect(told.filter((each) => each === 'registered')).toHaveLength(1);
    for (const each of told.filter((one) => one !== 'registered')) expect(each).toMatchObject({ status: 409, code: 'EXTERNAL_ID_TAKEN', field: 'externalId' });
  });

  test('verification goes as the rules say, whatever is wished in whichever order, and its history says how', async () => {
    const wish: fc.Arbitrary<Wish> = fc.oneof(fc.constant({ by: 'begin' as const }), fc.record({ by: fc.constantFrom('partner' as const, 'service' as const), kyc: fc.constantFrom('verified' as const, 'refused' as const) }));
    await fc.assert(fc.asyncProperty(fc.array(wish, { maxLength: 12 }), async (wishes) => {
      const { userId } = await people.register('shops', {}, newKey(), atMs);
      const name = { partner: 'shops', userId };
      let model: { kyc: Kyc; by: 'partner' | 'service' | undefined } = { kyc: 'none', by: undefined };
      let isDecidedByService = false;
      for (const each of wishes) {
        let isAllowed: boolean;
        let work: Promise<unknown>;
        if (each.by === 'begin') {
          isAllowed = model.kyc !== 'verified';
          work = kyc.begin(name, details, { kind: 'user', name: userId }, atMs);
          if (isAllowed && model.kyc !== 'started') model = { kyc: 'started', by: 'service' };
        } else if (each.by === 'partner') {
          isAllowed = model.kyc === each.kyc || !isDecidedByService;
          work = kyc.flag(name, each.kyc, 'shops', '', atMs);
          if (isAllowed && model.kyc !== each.kyc) model = { kyc: each.kyc, by: 'partner' };
        } else {
          isAllowed = model.kyc !== 'none';
          work = kyc.decide(name, each.kyc, 's_1', '', atMs);
          if (isAllowed) model = { kyc: each.kyc, by: 'service' };
          isDecidedByService ||= isAllowed;
        }
        const refused = await work.then(() => undefined, (error: unknown) => error);
        if (isAllowed) expect(refused).toBeUndefined();
        else expect(refused).toMatchObject({ status: 409 });
        expect(await people.get(name)).toMatchObject({ kyc: model.kyc });
      }
      const history = await kyc.history(name);
      expect(history.at(-1)?.kyc ?? 'none').toBe(model.kyc);
      expect((await people.get(name)).kycBy).toBe(model.by);
    }), { numRuns: 20 });
  });

  test('a partner that begins the service\'s process anew after its refusal cannot decide it by its own flag', async () => {
    const { userId } = await people.register('shops', {}, newKey(), atMs);
    const name = { partner: 'shops', userId };
    await kyc.begin(name, details, { kind: 'partner', name: 'shops' }, atMs);
    await kyc.decide(name, 'refused', 's_1', '', atMs);
    expect(await kyc.begin(name, details, { kind: 'partner', name: 'shops' }, atMs)).toMatchObject({ kyc: 'started' });
    await expect(kyc.flag(name, 'verified', 'shops', '', atMs)).rejects.toMatchObject({ status: 409, code: 'KYC_DECIDED' });
    expect(await kyc.decide(name, 'verified', 's_1', '', atMs)).toMatchObject({ kyc: 'verified', kycBy: 'service' });
  });

  test('who may have a balance is verified, not locked, and the partner\'s own', async () => {
    const { userId } = await people.register('shops', {}, newKey(), atMs);
    const asked = async (partner = 'shops'): Promise<string> => await book.transaction(async (queries) => await requireVerified(queries, { partner, userId })).then(() => 'verified', (error: unknown) => (error instanceof LifecycleRefused ? error.code : 'failed'));
    expect(await asked()).toBe('USER_NOT_VERIFIED');
    await kyc.flag({ partner: 'shops', userId }, 'verified', 'shops', '', atMs);
    expect(await asked()).toBe('verified');
    expect(await asked('banks')).toBe('USER_NOT_FOUND');
    await people.setState({ partner: 'shops', userId }, 'locked', atMs);
    expect(await asked()).toBe('USER_LOCKED');
    await people.remove({ partner: 'shops', userId }, atMs);
    expect(await asked()).toBe('USER_NOT_FOUND');
  });
});
