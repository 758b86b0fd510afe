/** What one switch does to a card reaches the other before it is answered, and is enforced there with Redis dead: file actions, locks for wrong PINs, and what holder and partner close. */
import { createPublicKey, randomUUID, X509Certificate } from 'node:crypto';
import { request } from 'node:https';
import { compactDecrypt, CompactEncrypt, importPKCS8 } from 'jose';
import { afterAll, expect, test } from 'vitest';
import { Draft } from '../../src/iso8583/draft.ts';
import { demoPin } from '../../src/program/demo.ts';
import type { CertificateShown } from '../../src/program/operator-certificates.ts';
import { Openssl } from '../ca/openssl.ts';
import { locum } from '../cli/locum.ts';
import { demoKey, pinBlock } from '../switch/zone.ts';
import { ascii, card, eventually } from './fixture.ts';
import type { ProgramProcess } from './fixture.ts';
import { bought, endPairs, listed, operatorToken, pair, servers } from './pair.ts';

afterAll(endPairs);

const patienceMs = 300_000;
const other = '4761730000001001';

async function acted(program: ProgramProcess, stan: number, pan: string, fields: Readonly<Record<number, string>>, type = '0302'): Promise<string | undefined> {
  const network = await program.call(ascii);
  const draft = new Draft(type).set(2, pan).set(7, '1122101500').set(11, String(stan).padStart(6, '0')).set(33, '9001').set(101, 'STOPLIST');
  for (const [field, text] of Object.entries(fields)) draft.set(Number(field), text);
  const answer = await network.ask(draft);
  network.socket.destroy();
  return answer.text(39);
}

test('with Redis dead a file action is taken by one switch, declined by both, and in the account once when Redis is back', async () => {
  const all = await servers();
  const { a, b } = await pair(all);
  for (const program of [a, b]) for (const pan of [card, other]) expect(await bought(program, pan)).toBe('00');
  await all.redis.kill();
  expect(await acted(a, 1, card, { 91: '1', 127: '59' })).toBe('00');
  for (const program of [a, b]) {
    expect(await bought(program, card)).toBe('59');
    expect(await bought(program, other)).toBe('00');
    const [there] = await listed(program);
    expect(there).toMatchObject({ lockCode: 7, by: `station ${ascii}` });
    expect(there).not.toHaveProperty('accountHasSince');
  }
  expect(await acted(b, 2, card, { 91: '5' })).toBe('00');
  expect(await acted(a, 3, card, { 91: '3' })).toBe('00');
  for (const program of [a, b]) expect(await bought(program, card)).toBe('00');
  // At the other switch nobody remembers the first, and the account cannot say: it would undo what came later.
  expect(await acted(b, 1, card, { 91: '1', 127: '59' }, '0303')).toBe('91');
  expect(await acted(a, 4, card, { 91: '1', 127: '43' })).toBe('00');
  expect(await acted(b, 5, card, { 91: '3' })).toBe('29');
  await all.redis.restart();
  await Promise.all([a.said('accounts have what was answered for them'), b.said('accounts have what was answered for them')]);
  for (const program of [a, b]) {
    expect(await bought(program, card)).toBe('43');
    expect(await acted(program, 6, card, { 91: '5' })).toBe('00');
  }
  expect(a.of('card order not taken by its account')).toEqual([]);
  await Promise.all([a.stop(), b.stop()]);
}, patienceMs);

test('a card that one switch has locked for wrong PINs, by its account or in its place, is locked at the other', async () => {
  const all = await servers();
  const { a, b } = await pair(all);
  const pays = async (program: ProgramProcess, pan: string, pin: string): Promise<string> => await bought(program, pan, { 52: pinBlock(demoKey('demo-zpk'), pin, pan) });
  for (const pan of [card, other]) expect(await pays(b, pan, demoPin)).toBe('00');
  expect([await pays(a, card, '9999'), await pays(a, card, '9999'), await pays(a, card, '9999')]).toEqual(['55', '55', '75']);
  expect(await bought(a, other)).toBe('00');
  await eventually(async () => (await listed(b)).length === 1, 'the other switch has the lock of the account');
  await all.redis.kill();
  expect(await pays(b, card, demoPin)).toBe('75');
  expect([await pays(a, other, '9999'), await pays(a, other, '9999')]).toEqual(['55', '55']);
  expect(await pays(b, other, demoPin)).toBe('00');
  expect(await pays(a, other, '9999')).toBe('75');
  await eventually(async () => (await listed(b)).length === 2, 'the other switch has the lock of stand-in');
  expect(await listed(b)).toMatchObject([{ lockCode: 6, by: 'system' }, { lockCode: 6, by: 'system' }]);
  expect(await pays(b, other, demoPin)).toBe('75');
  await Promise.all([a.stop(), b.stop()]);
}, patienceMs);

interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** A partner's back end at the door of one switch. */
class Partner {
  readonly #program: ProgramProcess;
  readonly #identity: Identity;

  private constructor(program: ProgramProcess, identity: Identity) {
    this.#program = program;
    this.#identity = identity;
  }

  static async at(program: ProgramProcess): Promise<Partner> {
    const tool = await Openssl.find();
    const command = async <T>(words: readonly string[], input = ''): Promise<T> => {
      const { code, out, err } = await locum([...words, '--json'], { cwd: program.folder, env: { LOCUM_HTTP_PORT: String(program.httpPort), LOCUM_OPERATOR_TOKEN: operatorToken }, input });
      if (code !== 0) throw new Error(err);
      return JSON.parse(out) as T;
    };
    await eventually(async () => await command(['ca', 'list']).then(() => true, () => false), 'the book is open');
    await command(['ca', 'init']);
    const { request: csr, privateKey } = tool.ask('RSA 2048');
    const partner = new Partner(program, { cert: (await command<CertificateShown>(['ca', 'sign', '--partner', 'demo'], csr)).certificate, key: privateKey });
    await eventually(async () => await partner.ask('GET', '/secure/public_key').then(() => true, () => false), 'the partner is let in');
    return partner;
  }

  /** @throws Error with what was answered, where that is no success */
  async ask(method: string, path: string, body?: object, more: Readonly<Record<string, string>> = {}): Promise<Readonly<Record<string, unknown>>> {
    const { promise, resolve, reject } = Promise.withResolvers<{ readonly status: number; readonly text: string }>();
    const headers = { 'x-idempotency-key': randomUUID(), ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...more };
    const asking = request({ host: '127.0.0.1', port: this.#program.securePort, path, method, agent: false, rejectUnauthorized: false, ...this.#identity, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text })).on('error', reject);
    });
    asking.on('error', reject);
    asking.end(body === undefined ? undefined : JSON.stringify(body));
    const { status, text } = await promise;
    if (status >= 300) throw new Error(`${status} ${text}`);
    return text === '' ? {} : JSON.parse(text) as Readonly<Record<string, unknown>>;
  }

  /** A sealed request and its sealed answer. */
  async sealed(path: string, body: object): Promise<Readonly<Record<string, unknown>>> {
    const service = String((await this.ask('GET', '/secure/public_key'))['pem']);
    const payload = await new CompactEncrypt(Buffer.from(JSON.stringify(body))).setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM' }).encrypt(createPublicKey(service));
    const publicKey = new X509Certificate(this.#identity.cert).publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    const reply = await this.ask('POST', path, { payload }, { 'encrypted-request': 'true', 'public-key': publicKey });
    const { plaintext } = await compactDecrypt(String(reply['payload']), await importPKCS8(this.#identity.key, 'RSA-OAEP-256'));
    return JSON.parse(Buffer.from(plaintext).toString('utf8')) as Readonly<Record<string, unknown>>;
  }
}

test('what is closed on a card at one switch is closed at the other with Redis dead, which saw the card before, and so is a lock for a time', async () => {
  const all = await servers();
  const { a, b } = await pair(all);
  const partner = await Partner.at(a);
  const { userId } = await partner.ask('POST', '/secure/customers', { givenName: 'Ada', familyName: 'Lovelace' });
  await partner.ask('PUT', `/secure/customers/${String(userId)}/kyc`, { kyc: 'verified' });
  const { balanceId } = await partner.ask('POST', `/secure/customers/${String(userId)}/balances`, {});
  await partner.ask('POST', `/secure/customers/${String(userId)}/balances/${String(balanceId)}/reload`, { amount: { amountMinor: 100_000, currency: 'EUR' } });
  const { cardId, cardNumber, expiresOn } = await partner.sealed(`/secure/customers/${String(userId)}/cards/virtual`, {});
  const pan = String(cardNumber);
  const fields = { 14: String(expiresOn).slice(2, 7).replace('-', '') };
  const controls = `/secure/customers/${String(userId)}/cards/${String(cardId)}`;
  const ecommerce = { ...fields, 22: '810', 25: '59' };
  for (const program of [a, b]) expect([await bought(program, pan, fields), await bought(program, pan, ecommerce)]).toEqual(['00', '00']);
  await partner.ask('PUT', `${controls}/controls`, { blocked: ['ecommerce'] });
  await all.redis.kill();
  for (const program of [b, a]) expect([await bought(program, pan, ecommerce), await bought(program, pan, fields)]).toEqual(['57', '00']);
  await all.redis.restart();
  await Promise.all([a.said('accounts have what was answered for them'), b.said('accounts have what was answered for them')]);
  expect(await bought(b, pan, fields)).toBe('00');
  await partner.ask('PUT', `${controls}/temporary_lock`, { until: new Date(Date.now() + 3_600_000).toISOString() });
  await all.redis.kill();
  for (const program of [b, a]) expect(await bought(program, pan, fields)).toBe('62');
  await expect(partner.ask('DELETE', `${controls}/temporary_lock`)).rejects.toThrow('ACCOUNTS_UNREACHABLE');
  await all.redis.restart();
  const done = async (method: string, path: string): Promise<boolean> => await partner.ask(method, `${controls}/${path}`).then(() => true, () => false);
  await eventually(async () => await done('DELETE', 'temporary_lock'), 'the accounts can be reached again');
  for (const program of [b, a]) await eventually(async () => await bought(program, pan, fields) === '00', 'it pays again');
  await all.redis.kill();
  // Nobody waits for the store to have a card stopped.
  const waits = { cardId, waitingLockCode: 7 };
  expect([await partner.ask('POST', `${controls}/lock`, { lockCode: 7 }), await partner.ask('POST', `${controls}/lock`, { lockCode: 7 })]).toEqual([waits, waits]);
  for (const program of [b, a]) expect(await bought(program, pan, fields)).toBe('59');
  expect([...a.of('card controls not told to all'), ...b.of('card controls not told to all')]).toEqual([]);
  await all.redis.restart();
  await eventually(async () => await partner.ask('GET', `${controls}/state`).then(({ lockCode }) => lockCode === 7, () => false), 'the account has the lock');
  for (const program of [b, a]) expect(await bought(program, pan, fields)).toBe('59');
  await eventually(async () => await done('POST', 'unlock'), 'it is unlocked');
  await b.stop();
  expect(await partner.ask('POST', `${controls}/lock`, { lockCode: 3 })).toMatchObject({ cardId, lockCode: 3, notReached: ['b'] });
  expect((await partner.ask('PUT', `${controls}/controls`, {}))['notReached']).toEqual(['b']);
  await a.stop();
}, patienceMs);
