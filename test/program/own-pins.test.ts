/** Wrong PINs of own accounts' cards while Redis, which has the accounts, is killed: what stand-in counted is in the account when it is back. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { demoPin } from '../../src/program/demo.ts';
import { startPostgres } from '../servers/postgres.ts';
import type { PostgresServer } from '../servers/postgres.ts';
import { startRedis } from '../servers/redis.ts';
import type { RedisServer } from '../servers/redis.ts';
import { demoKey, pinBlock } from '../switch/zone.ts';
import { ascii, buy, card, configure, emptyFolder, endAll, startProgram } from './fixture.ts';

const otherCard = '4761730000000029';
let postgres: PostgresServer;
let redis: RedisServer;

beforeAll(async () => {
  [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
});

afterAll(async () => {
  await endAll();
  await redis.stop();
  await postgres.remove();
});

test('wrong PINs count on from the account’s to stand-in’s and back, and a right one ends them all', async () => {
  const folder = emptyFolder();
  const unavailable = { tests: { cryptogram: 'ifCarried' }, decisions: [{ name: 'purchase', when: { purpose: ['purchase'] }, outcome: 'approve' }], otherwise: 'decline', limits: [] };
  configure(folder, { demo: true, issuers: { own: { type: 'own', standIn: { version: 1, currency: 'EUR', unavailable, outageCaps: {} } } } });
  const program = await startProgram(folder, { LOCUM_STORE_ENGINE: 'redis', REDIS_URL: redis.url, DATABASE_URL: await postgres.database('pins') });
  const shop = await program.call(ascii);
  let stan = 0;
  const pays = async (pan: string, pin: string): Promise<string> => (await buy(shop, stan += 1, { 2: pan, 4: '000000000100', 52: pinBlock(demoKey('demo-zpk'), pin, pan) })).code;
  expect([await pays(card, demoPin), await pays(card, '9999'), await pays(otherCard, demoPin)]).toEqual(['00', '55', '00']);
  await redis.kill();
  // One counted by the account, one by stand-in; of the other card two by stand-in, and then the right one.
  expect([await pays(card, '9999'), await pays(otherCard, '9999'), await pays(otherCard, '9999'), await pays(otherCard, demoPin)]).toEqual(['55', '55', '55', '00']);
  await redis.restart();
  await program.said('accounts have what was answered for them');
  expect([await pays(card, '9999'), await pays(card, demoPin)]).toEqual(['75', '75']);
  expect([await pays(otherCard, '9999'), await pays(otherCard, '9999'), await pays(otherCard, demoPin)]).toEqual(['55', '55', '00']);
  shop.socket.destroy();
  await program.stop();
});
