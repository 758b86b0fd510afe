/** A body that comes slowly: whoever sends it is let in again when it is there, or not. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { fastify } from 'fastify';
import { Type } from 'typebox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Deadlines, processSchedule } from '../../src/base/deadlines.ts';
import type { UserCaller } from '../../src/doors/admit.ts';
import { CallerLimits } from '../../src/doors/caller-limits.ts';
import { openDoor } from '../../src/doors/door.ts';
import { route } from '../../src/doors/route.ts';
import { transportOf } from '../../src/doors/transport.ts';
import { endDoors, openDoors } from './fixture.ts';

const many = { perSecond: 1_000, burst: 1_000 };
const user: UserCaller = { kind: 'user', userId: 'u_1', deviceId: 'd_1', sessionId: 'l_1', partner: 'shops', confirmedAtMs: undefined, confirmedAction: undefined, encryptionKey: '' };
const server = fastify({ logger: false, forceCloseConnections: true, ...transportOf(() => 'r_of-this-request') });
let port = 0;
let elapsedMs = 0;
let asked = 0;
let isOpen = true;
let runs = 0;

beforeAll(async () => {
  const { lifecycle } = await openDoors();
  const slow = route({
    door: 'mobile', method: 'POST', path: '/customers/me/slow', operationId: 'slow', summary: 'Takes a body', tag: 'Test', isFreeOfKey: true, body: Type.Object({ name: Type.String() }), answers: { 204: null },
    run: async () => {
      runs += 1;
      return await Promise.resolve({ status: 204 });
    },
  });
  await openDoor(server, 'mobile', {
    ...lifecycle, routes: [slow], now: () => Date.now(), elapsed: () => elapsedMs, limits: new CallerLimits(() => elapsedMs), rates: { partner: many, user: many, staff: many, stranger: many },
    deadlines: new Deadlines(() => performance.now(), processSchedule), newRequestId: () => 'r_of-this-request', answered: () => undefined, failed: (_operation, _requestId, error) => expect.fail(String(error)),
    authenticate: {
      user: async () => {
        asked += 1;
        return await Promise.resolve(isOpen ? user : undefined);
      },
      staff: async () => await Promise.resolve(undefined),
    },
  });
  await server.listen({ host: '127.0.0.1', port: 0 });
  const address = server.server.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
});
afterAll(async () => {
  await server.close();
  await endDoors();
});

/** The first line of the answer to a body whose second half comes after what is done in between. */
async function statusAfter(between: () => void): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  const before = asked;
  const [first, second] = ['{"name":', '"Mia"}'];
  socket.write(`POST /customers/me/slow HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Bearer locum_user_${'A'.repeat(43)}\r\nContent-Type: application/json\r\nContent-Length: ${first.length + second.length}\r\n\r\n${first}`);
  await expect.poll(() => asked).toBe(before + 1);
  between();
  socket.write(second);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString('utf8').split('\r\n')[0] ?? '';
}

test('a session that ends while its body is under way does nothing with it', async () => {
  const status = await statusAfter(() => {
    elapsedMs += 1_001;
    isOpen = false;
  });
  expect({ status, runs }).toEqual({ status: 'HTTP/1.1 401 Unauthorized', runs: 0 });
  isOpen = true;
  expect(await statusAfter(() => void (elapsedMs += 1_001))).toBe('HTTP/1.1 204 No Content');
  expect(runs).toBe(1);
});

test('whose body is there at once is looked at once', async () => {
  const before = asked;
  expect(await statusAfter(() => undefined)).toBe('HTTP/1.1 204 No Content');
  expect(asked).toBe(before + 1);
});
