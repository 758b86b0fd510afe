/** Log-in of staff over real books, with a clock that the test has: what comes at once, how long a refusal takes, and who may not log in any more. */
import { randomBytes } from 'node:crypto';
import { Secret as TotpSecret, TOTP } from 'otpauth';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Book } from '../../src/book/book.ts';
import { SecretHasher } from '../../src/lifecycle/secret-hash.ts';
import { SessionKeeper } from '../../src/lifecycle/session-keeper.ts';
import { refusedMsMinDefault, StaffLogIn } from '../../src/lifecycle/staff-log-in.ts';
import type { OpenedStaffSession } from '../../src/lifecycle/staff-log-in.ts';
import { StaffTotp } from '../../src/lifecycle/staff-totp.ts';
import { Staff } from '../../src/lifecycle/staff.ts';
import { Secret } from '../../src/message/secret.ts';
import { bookFixtures } from '../book/books.ts';
import type { BookFixture } from '../book/books.ts';
import { openDesks } from './fixture.ts';
import type { Desks } from './fixture.ts';

const password = 'correct horse battery';
const clock = { atMs: Date.UTC(2027, 0, 1), elapsedMs: 0 };
const pauses: number[] = [];
let desks: Desks;
let count = 0;

beforeAll(async () => {
  desks = await openDesks();
});

afterAll(async () => {
  await desks.close();
});

interface House {
  readonly staff: Staff;
  readonly logIn: StaffLogIn;
  readonly keeper: SessionKeeper;
}

function houseOn(book: Book): House {
  const keeper = new SessionKeeper({ book, now: () => clock.atMs, elapsed: () => clock.elapsedMs });
  const hasher = new SecretHasher(randomBytes, { memoryKib: 64, passes: 1 });
  const totp = new StaffTotp(desks.desk, randomBytes);
  const pause = async (ms: number): Promise<void> => {
    pauses.push(ms);
    await Promise.resolve();
  };
  return {
    keeper, staff: new Staff({ book, randomBytes, hasher, totp, sessions: keeper }),
    logIn: new StaffLogIn({ book, randomBytes, hasher, totp, sessions: keeper, sessionMs: 600_000, elapsed: () => clock.elapsedMs, pause }),
  };
}

interface Member {
  readonly name: string;
  readonly staffId: string;
  readonly code: () => Secret<string>;
}

async function member({ staff }: House): Promise<Member> {
  count += 1;
  const name = `colleague-${count}`;
  await staff.add({ name, role: 'admin' }, 'operator:tests', name, clock.atMs);
  const { code } = await staff.newEnrolment({ name }, clock.atMs);
  const { staffId, totpSecret } = await staff.enrol(code, new Secret(password), 'test', clock.atMs);
  return { name, staffId, code: () => new Secret(new TOTP({ secret: TotpSecret.fromBase32(totpSecret.reveal()) }).generate({ timestamp: clock.atMs })) };
}

describe.each(Object.keys(bookFixtures) as (keyof typeof bookFixtures)[])('log-in over the %s book', (kind) => {
  let fixture: BookFixture;
  let house: House;
  let other: House;
  beforeAll(async () => {
    fixture = await bookFixtures[kind]();
    const book = await fixture.open();
    house = houseOn(book);
    other = houseOn(book);
  });
  afterAll(async () => {
    await fixture.remove();
  });

  async function opens(at: House, { name }: Member, code: Secret<string>, given = password): Promise<OpenedStaffSession | undefined> {
    return await at.logIn.open({ name, password: new Secret(given), code }, 'r_1', clock.atMs).catch((error: unknown) => {
      expect(error).toMatchObject({ status: 401, code: 'LOG_IN_REFUSED' });
      return undefined;
    });
  }

  test('of several log-ins with one code at once, at two switches, one opens a session', async () => {
    const mia = await member(house);
    const code = mia.code();
    const opened = await Promise.all([house, other, house, other].map(async (at) => await opens(at, mia, code)));
    expect(opened.filter((session) => session !== undefined)).toHaveLength(1);
  });

  test('a refusal takes as long for a name that is there, for one that is not, for a wrong code, and while log-in is locked', async () => {
    const mia = await member(house);
    pauses.splice(0);
    await opens(house, mia, mia.code(), 'wrong password');
    await opens(house, { ...mia, name: 'nobody' }, mia.code());
    await opens(house, mia, new Secret('000000'));
    for (let tries = 2; tries < 6; tries += 1) await opens(house, mia, mia.code(), 'wrong password');
    expect(pauses).toEqual(Array.from({ length: 7 }, () => refusedMsMinDefault));
  });

  test('tries at two switches count together', async () => {
    const mia = await member(house);
    for (let tries = 0; tries < 5; tries += 1) await opens(tries % 2 === 0 ? house : other, mia, mia.code(), 'wrong password');
    expect(await opens(house, mia, mia.code())).toBeUndefined();
    clock.atMs += 60_001;
    expect(await opens(other, mia, mia.code())).toBeDefined();
  });

  test('who is locked, demoted, reset or removed at one switch is out at the other within a second', async () => {
    await member(house);
    const ends: [string, (mia: Member) => Promise<unknown>][] = [
      ['locked', async ({ staffId }) => await house.staff.lock({ staffId }, clock.atMs)], ['demoted', async ({ staffId }) => await house.staff.setRole({ staffId }, 'employee', clock.atMs)],
      ['reset', async ({ staffId }) => await house.staff.newEnrolment({ staffId }, clock.atMs)], ['removed', async ({ staffId }) => await house.staff.remove({ staffId }, clock.atMs)],
      ['revoked', async ({ staffId }) => await house.logIn.revoke(staffId, clock.atMs)],
    ];
    for (const [how, end] of ends) {
      const mia = await member(house);
      const token = (await opens(house, mia, mia.code()))!.token.reveal();
      for (const { keeper } of [house, other]) expect(await keeper.authenticateStaff(token), how).toMatchObject({ staffId: mia.staffId, role: 'admin' });
      await end(mia);
      expect(await house.keeper.authenticateStaff(token), how).toBeUndefined();
      clock.elapsedMs += 1_000;
      expect(await other.keeper.authenticateStaff(token), how).toBeUndefined();
    }
  });

  test('of two admins who lock each other at once, one is left', async () => {
    const book = await fixture.open();
    const apart = houseOn(book);
    const [mia, tom] = [await member(apart), await member(apart)];
    const told = await Promise.allSettled([apart.staff.lock({ staffId: mia.staffId }, clock.atMs), houseOn(book).staff.lock({ staffId: tom.staffId }, clock.atMs)]);
    expect(told.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  test('a password is good in whichever form of Unicode its letters come', async () => {
    const { staff, logIn } = house;
    count += 1;
    const name = `colleague-${count}`;
    await staff.add({ name, role: 'employee' }, 'operator:tests', name, clock.atMs);
    const { code } = await staff.newEnrolment({ name }, clock.atMs);
    const { totpSecret } = await staff.enrol(code, new Secret('zażółć gęślą jaźń'.normalize('NFD')), 'test', clock.atMs);
    const oneTime = new Secret(new TOTP({ secret: TotpSecret.fromBase32(totpSecret.reveal()) }).generate({ timestamp: clock.atMs }));
    expect(await logIn.open({ name, password: new Secret('zażółć gęślą jaźń'.normalize('NFC')), code: oneTime }, 'r_1', clock.atMs)).toMatchObject({ role: 'employee' });
  });
});
