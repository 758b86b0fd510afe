import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openReference } from '../../src/doors/reference.ts';
import { serveHttp } from '../../src/office/http.ts';

let http: Awaited<ReturnType<typeof serveHttp>>;

beforeAll(async () => {
  http = await serveHttp({ host: '127.0.0.1', port: 0, newRequestId: () => 'r_test', readiness: async () => await Promise.resolve({ ready: true, checks: {} }), metrics: async () => await Promise.resolve(''),
    open: async (server) => await Promise.resolve(openReference(server, '{}')),
    operator: { tokenDigest: '00'.repeat(32), forms: () => [], run: async () => await Promise.resolve({}), asked: () => undefined } });
});

afterAll(async () => {
  await http.server.close();
});

async function opened(): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: http.port });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

test('nobody keeps what is told of health, readiness and metrics, to operators, in the reference, or where nothing is', async () => {
  const answers = await Promise.all(['health', 'ready', 'metrics', 'operator/', 'openapi.json', 'nothing'].map(async (path) => await fetch(`http://127.0.0.1:${http.port}/${path}`)));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 401, 200, 404]);
  for (const { headers, url } of answers) expect([headers.get('cache-control'), headers.get('x-content-type-options')], url).toEqual(['no-store', 'nosniff']);
});

test('a request that does not come to its end is given up after seconds', async () => {
  const socket = await opened();
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write('GET /health HTTP/1.1\r\nHost: a');
  await once(socket, 'close');
  expect(Buffer.concat(chunks).toString('latin1')).toMatch(/^HTTP\/1\.1 408 /);
});

test('of more connections than 256 the next is closed at once, and a place that becomes free is there for the next', async () => {
  const sockets = await Promise.all(Array.from({ length: 256 }, opened));
  const next = await opened();
  await once(next.resume(), 'close');
  for (const socket of sockets) socket.destroy();
  await expect.poll(async () => await fetch(`http://127.0.0.1:${http.port}/health`).then(({ status }) => status, () => 0)).toBe(200);
});
