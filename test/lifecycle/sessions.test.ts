/** The rules of devices and sessions, on two switches over one real book, against a model; with a clock that the test has. */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Book } from '../../src/book/book.ts';
import { confirmationText, sessionText } from '../../src/lifecycle/device-keys.ts';
import { Devices } from '../../src/lifecycle/devices.ts';
import { People } from '../../src/lifecycle/people.ts';
import { LifecycleRefused } from '../../src/lifecycle/refusal.ts';
import { SecretHasher } from '../../src/lifecycle/secret-hash.ts';
import { SessionKeeper } from '../../src/lifecycle/session-keeper.ts';
import { secretTriesMax, Sessions } from '../../src/lifecycle/sessions.ts';
import { Secret } from '../../src/message/secret.ts';
import { bookFixtures } from '../book/books.ts';
import type { BookFixture } from '../book/books.ts';
import { watched } from './fixture.ts';

const sessionMs = 600_000;
const staleMs = 1_000;
const encryptionKey = generateKeyPairSync('rsa', { modulusLength: 2_048 }).publicKey.export({ type: 'spki', format: 'der' }).toString('base64');

interface Clock {
  atMs: number;
}

interface Switch {
  /** Which it is. */
  readonly at: number;
  readonly keeper: SessionKeeper;
  readonly people: People;
  readonly devices: Devices;
  readonly sessions: Sessions;
}

function switchOn(book: Book, clock: Clock, at: number): Switch {
  const now = (): number => clock.atMs;
  const keeper = new SessionKeeper({ book, now, elapsed: now });
  const hasher = new SecretHasher(randomBytes, { memoryKib: 64, passes: 1 });
  return {
    at, keeper, people: new People({ ...watched(book), randomBytes, sessions: keeper }), devices: new Devices({ book, randomBytes, hasher, sessions: keeper }),
    sessions: new Sessions({ book, randomBytes, hasher, sessions: keeper, sessionMs }),
  };
}

interface ModelSession {
  readonly sessionId: string;
  readonly token: string;
  readonly openedAtMs: number;
  /** When and at which switch; undefined: it is open. */
  ended: { readonly atMs: number; readonly at: number } | undefined;
  confirmed: { readonly action: string; readonly atMs: number; readonly at: number } | undefined;
}

/** What a person would say of one user. */
class ModelUser {
  readonly userId: string;
  isLocked = false;
  device: { readonly deviceId: string; readonly key: KeyObject; wrong: number } | undefined;
  readonly retired: { readonly deviceId: string; readonly key: KeyObject }[] = [];
  readonly sessions: ModelSession[] = [];

  constructor(userId: string) {
    this.userId = userId;
  }

  end(atMs: number, at: number): void {
    for (const session of this.sessions) session.ended ??= { atMs, at };
  }

  retire(atMs: number, at: number): void {
    if (this.device !== undefined) this.retired.push(this.device);
    this.device = undefined;
    this.end(atMs, at);
  }

  open(atMs: number): ModelSession | undefined {
    return this.sessions.find(({ ended, openedAtMs }) => ended === undefined && atMs < openedAtMs + sessionMs);
  }
}

type Act = { readonly at: 0 | 1 } & (
  | { readonly kind: 'pair' | 'open' | 'openRetired' | 'close' | 'revoke' | 'unpair' | 'lock' | 'unlock' }
  | { readonly kind: 'confirm'; readonly isRight: boolean; readonly action: string }
  | { readonly kind: 'pass'; readonly ms: number }
);

const act: fc.Arbitrary<Act> = fc.tuple(fc.constantFrom(0 as const, 1 as const), fc.oneof(
  { arbitrary: fc.record({ kind: fc.constantFrom('pair' as const, 'openRetired' as const, 'close' as const, 'revoke' as const, 'unpair' as const, 'lock' as const, 'unlock' as const) }), weight: 6 },
  { arbitrary: fc.record({ kind: fc.constant('open' as const) }), weight: 4 },
  { arbitrary: fc.record({ kind: fc.constant('confirm' as const), isRight: fc.integer({ min: 0, max: 3 }).map((one) => one === 0), action: fc.constantFrom('showCard', 'setPin') }), weight: 12 },
  { arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(1, 400, 400, staleMs, staleMs, 60_000, sessionMs) }), weight: 4 },
)).map(([at, each]) => ({ at, ...each }));

function signed(text: string, key: KeyObject): string {
  return sign('sha256', Buffer.from(text), key).toString('base64url');
}

async function isRefused(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return false;
  } catch (error) {
    if (error instanceof LifecycleRefused) return true;
    throw error;
  }
}

async function pair({ at, devices }: Switch, user: ModelUser, atMs: number): Promise<void> {
  if (user.isLocked) {
    expect(await isRefused(devices.newPairingCode({ partner: 'shops', userId: user.userId }, atMs))).toBe(true);
    return;
  }
  const { code } = await devices.newPairingCode({ partner: 'shops', userId: user.userId }, atMs);
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { deviceId } = await devices.pair({ code, name: 'telephone', proofKey: publicKey.export({ format: 'jwk' }), encryptionKey, secret: new Secret('4711') }, atMs);
  user.retire(atMs, at);
  user.device = { deviceId, key: privateKey, wrong: 0 };
}

async function open({ at, sessions }: Switch, user: ModelUser, device: { readonly deviceId: string; readonly key: KeyObject } | undefined, atMs: number): Promise<void> {
  if (device === undefined) return;
  const { nonce } = await sessions.newNonce(device.deviceId, atMs);
  const opening = sessions.open({ deviceId: device.deviceId, nonce, signature: signed(sessionText(device.deviceId, nonce), device.key) }, atMs);
  if (user.isLocked || device !== user.device) {
    expect(await isRefused(opening)).toBe(true);
    return;
  }
  const { sessionId, token } = await opening;
  user.end(atMs, at);
  user.sessions.push({ sessionId, token: token.reveal(), openedAtMs: atMs, ended: undefined, confirmed: undefined });
}

async function confirm({ at, sessions }: Switch, user: ModelUser, { isRight, action }: { readonly isRight: boolean; readonly action: string }, atMs: number): Promise<void> {
  const session = user.open(atMs);
  const { device } = user;
  if (session === undefined || device === undefined) return;
  const { nonce } = await sessions.newNonce(device.deviceId, atMs);
  const confirming = sessions.confirm({
    sessionId: session.sessionId, deviceId: device.deviceId, nonce, action, signature: signed(confirmationText(session.sessionId, nonce, action), device.key), secret: new Secret(isRight ? '4711' : '0000'),
  }, atMs);
  expect(await isRefused(confirming)).toBe(!isRight);
  if (isRight) {
    device.wrong = 0;
    session.confirmed = { action, atMs, at };
  } else {
    device.wrong += 1;
    if (device.wrong === secretTriesMax) user.retire(atMs, at);
  }
}

async function done(own: Switch, user: ModelUser, each: Act, clock: Clock): Promise<void> {
  const { atMs } = clock;
  const name = { partner: 'shops', userId: user.userId };
  switch (each.kind) {
    case 'pair': return await pair(own, user, atMs);
    case 'open': return await open(own, user, user.device, atMs);
    case 'openRetired': return await open(own, user, user.retired.at(-1), atMs);
    case 'confirm': return await confirm(own, user, each, atMs);
    case 'close': {
      const session = user.open(atMs);
      if (session === undefined) return;
      await own.sessions.close(user.userId, session.sessionId, atMs);
      session.ended = { atMs, at: own.at };
      return;
    }
    case 'revoke':
      await own.sessions.revoke(name, atMs);
      return user.end(atMs, own.at);
    case 'unpair':
      if (user.device === undefined) return;
      await own.devices.revoke(name, user.device.deviceId, atMs);
      return user.retire(atMs, own.at);
    case 'lock':
    case 'unlock':
      await own.people.setState(name, each.kind === 'lock' ? 'locked' : 'active', atMs);
      if (each.kind === 'lock') user.end(atMs, own.at);
      user.isLocked = each.kind === 'lock';
      return;
    case 'pass':
      clock.atMs += each.ms;
  }
}

/** At the switch that did it a session is what the model says; at the other one it may be what it was a second ago, and no longer. */
async function agrees(switches: readonly Switch[], third: Switch, user: ModelUser, atMs: number): Promise<void> {
  for (const session of user.sessions) {
    const isOpen = user.open(atMs) === session;
    const isKnown = (at: number, change: { readonly atMs: number; readonly at: number } | undefined): boolean => change === undefined || change.at === at || atMs - change.atMs >= staleMs;
    for (const { at, keeper } of switches) {
      const found = await keeper.authenticateUser(session.token);
      if (isOpen) expect(found).toMatchObject({ userId: user.userId, partner: 'shops', sessionId: session.sessionId });
      else if (isKnown(at, session.ended)) expect(found).toBeUndefined();
      if (isOpen && isKnown(at, session.confirmed)) expect({ atMs: found?.confirmedAtMs, action: found?.confirmedAction }).toEqual({ atMs: session.confirmed?.atMs, action: session.confirmed?.action });
    }
    const fresh = await third.keeper.authenticateUser(session.token, true);
    expect(fresh === undefined).toBe(!isOpen);
    if (fresh !== undefined) expect({ atMs: fresh.confirmedAtMs, action: fresh.confirmedAction }).toEqual({ atMs: session.confirmed?.atMs, action: session.confirmed?.action });
  }
}

describe.each(Object.keys(bookFixtures) as (keyof typeof bookFixtures)[])('sessions over the %s book', (kind) => {
  let fixture: BookFixture;
  let book: Book;
  beforeAll(async () => {
    fixture = await bookFixtures[kind]();
    book = await fixture.open();
  });
  afterAll(async () => {
    await fixture.remove();
  });

  async function registered({ people }: Switch): Promise<ModelUser> {
    return new ModelUser((await people.register('shops', {}, randomBytes(8).toString('hex'), Date.UTC(2027, 0, 1))).userId);
  }

  test('whatever is done at either of two switches, a session is good as long as the model says, and a second longer at most where another one ended it', async () => {
    await fc.assert(fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 40 }), async (acts) => {
      const clock: Clock = { atMs: Date.UTC(2027, 0, 1) };
      const switches = [switchOn(book, clock, 0), switchOn(book, clock, 1)] as const;
      const third = switchOn(book, clock, 2);
      const user = await registered(switches[0]);
      for (const each of [{ kind: 'pair', at: 0 }, { kind: 'open', at: 0 }, ...acts] as const) {
        await done(switches[each.at], user, each, clock);
        await agrees(switches, third, user, clock.atMs);
      }
    }), { numRuns: 20 });
  });

  test('of devices, sessions, locks and nonces at once, from two switches, none waits for ever, and one device and session are left', async () => {
    const clock: Clock = { atMs: Date.UTC(2027, 0, 1) };
    const switches = [switchOn(book, clock, 0), switchOn(book, clock, 1)] as const;
    const user = await registered(switches[0]);
    const name = { partner: 'shops', userId: user.userId };
    const storm = Array.from({ length: 60 }, async (_, index) => {
      const own = switches[index % 2 === 0 ? 0 : 1];
      const mine = new ModelUser(user.userId);
      if (index % 5 === 4) return await own.people.setState(name, index % 10 === 4 ? 'locked' : 'active', clock.atMs);
      if (index % 5 === 3) return await own.sessions.revoke(name, clock.atMs);
      if (!await isRefused(pair(own, mine, clock.atMs))) await isRefused(open(own, mine, mine.device, clock.atMs));
      return undefined;
    });
    await Promise.all(storm);
    const [left] = await book.query<{ readonly devices: number; readonly sessions: number }>(
      `select (select count(*) from device where user_id = $1 and retired_at is null)::integer as devices, (select count(*) from user_session where user_id = $1 and ended_at is null)::integer as sessions`, [user.userId],
    );
    expect(left?.devices).toBeLessThanOrEqual(1);
    expect(left?.sessions).toBeLessThanOrEqual(1);
    const [odd] = await book.query('select s.session_id from user_session s join device d on d.device_id = s.device_id where s.user_id = $1 and s.ended_at is null and d.retired_at is not null', [user.userId]);
    expect(odd).toBeUndefined();
  });

  test('a device has eight nonces open at most, and the last of them are good', async () => {
    const clock: Clock = { atMs: Date.UTC(2027, 0, 1) };
    const own = switchOn(book, clock, 0);
    const user = await registered(own);
    await pair(own, user, clock.atMs);
    for (let each = 0; each < 20; each += 1) await own.sessions.newNonce(user.device!.deviceId, clock.atMs + each);
    const [row] = await book.query<{ readonly count: number }>('select count(*)::integer as count from device_nonce where device_id = $1', [user.device!.deviceId]);
    expect(row?.count).toBe(8);
    await open(own, user, user.device, clock.atMs + 100);
    expect(user.sessions).toHaveLength(1);
  });
});
