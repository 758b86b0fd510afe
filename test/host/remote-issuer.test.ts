/** An issuer at a URL by itself, against servers of the test's over real TLS: connections, deadlines, what is in a document, what is an answer. */
import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { compactDecrypt } from 'jose';
import { afterEach, describe, expect, test } from 'vitest';
import { Deadlines, processSchedule } from '../../src/base/deadlines.ts';
import { readBySchema } from '../../src/base/schema.ts';
import { LoopbackAuthority, pemOf } from '../../src/cli/host-certificates.ts';
import type { AdviceOrder, ForwardOrder, HostEvents, HostResult } from '../../src/host/host.ts';
import { readAnswer } from '../../src/host/remote-answer.ts';
import type { RemoteAsked } from '../../src/host/remote-answer.ts';
import { UrlIssuer } from '../../src/host/remote-issuer.ts';
import type { RemoteConfig } from '../../src/host/remote-issuer.ts';
import { encryptionKey, RemoteKeyError, signingKey, verificationKey } from '../../src/host/remote-keys.ts';
import { messageSchema } from '../../src/host/remote-schema.ts';
import type { MessageDocument } from '../../src/host/remote-schema.ts';
import { signatureFault, signDetached } from '../../src/host/remote-signature.ts';
import type { SignatureKey } from '../../src/host/remote-signature.ts';
import { PooledTransport } from '../../src/host/remote-transport.ts';
import type { TransportConfig } from '../../src/host/remote-transport.ts';
import { WireTimes } from '../../src/host/wire-times.ts';
import { adviceContent } from '../../src/dialect/forward-advice.ts';
import { silentLinkEvents } from '../../src/link/events.ts';
import { Secret } from '../../src/message/secret.ts';
import { Pan } from '../../src/message/pan.ts';
import { demoKeyFile, openHsm } from '../keys/fixture.ts';
import { virtualTime } from '../link/station.ts';
import { until } from '../switch/fixture.ts';
import { config, orderOf } from './issuers.ts';

const now = (): number => Date.now();
const elapsed = (): number => performance.now();
const authority = new LoopbackAuthority('test', { now, randomBytes });
const tls = authority.issue('issuer', 'serverAuth', ['127.0.0.1']);
const client = authority.issue('switch', 'clientAuth', []);
const vault = openHsm(demoKeyFile());
const pan = '5413330000000019';

interface Pair {
  readonly own: SignatureKey;
  readonly known: SignatureKey;
}

function pairOf(id: string, { privateKey, publicKey }: { readonly privateKey: KeyObject; readonly publicKey: KeyObject }): Pair {
  return { own: signingKey(id, pemOf(privateKey)), known: verificationKey(id, publicKey.export({ type: 'spki', format: 'pem' })) };
}

const switchKeys = pairOf('switch-1', generateKeyPairSync('ed25519'));
const issuerKeys = pairOf('issuer-1', generateKeyPairSync('ec', { namedCurve: 'P-256' }));

const servers: Server[] = [];
const issuers: UrlIssuer[] = [];

afterEach(async () => {
  for (const issuer of issuers.splice(0)) issuer.stop();
  for (const server of servers.splice(0)) {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }
});

interface Posted {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly id: string;
  readonly body: Buffer;
  readonly document: MessageDocument;
}

interface TestServer {
  readonly port: number;
  readonly sockets: Set<Socket>;
  readonly posted: Posted[];
  /** The most connections that stood at once. */
  readonly most: () => number;
}

/** Answers health by itself; `onMessage` answers messages. */
async function serve(onMessage: (posted: Posted) => void): Promise<TestServer> {
  const sockets = new Set<Socket>();
  const posted: Posted[] = [];
  let most = 0;
  const server = createServer({ ca: authority.certificate, cert: tls.certificate, key: tls.privateKey, requestCert: true, rejectUnauthorized: true });
  server.on('secureConnection', (socket: Socket) => {
    sockets.add(socket);
    most = Math.max(most, sockets.size);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const id = String(request.headers['idempotency-key']);
      if (request.method === 'GET') void answer(response, id, { id, status: 'up' });
      else {
        const each = { request, response, id, body, document: readBySchema(messageSchema, JSON.parse(body.toString()), '') as MessageDocument };
        posted.push(each);
        onMessage(each);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server);
  return { port: (server.address() as AddressInfo).port, sockets, posted, most: () => most };
}

async function answer(response: ServerResponse, id: string, document: object): Promise<void> {
  const body = Buffer.from(JSON.stringify(document));
  const signature = await signDetached(body, issuerKeys.own, { way: 'locum-answer', idempotencyKey: id, nowMs: now() });
  response.writeHead(200, { 'content-type': 'application/json', 'x-jws-signature': signature }).end(body);
}

const approves = ({ response, id }: Posted): void => void answer(response, id, { id, result: 'approved', approvalCode: 'OK1234' });

interface RunningIssuer {
  readonly issuer: UrlIssuer;
  readonly events: string[];
}

let ids = 0;

function start(port: number, changes: Partial<RemoteConfig>, transport: Partial<TransportConfig>, deadlines: Deadlines): RunningIssuer {
  const events: string[] = [];
  const recording: HostEvents = {
    ...silentLinkEvents, circuitChanged: (_, from, to) => events.push(`${from.phase} to ${to.phase}`), advices: () => undefined, answerRefused: (_, fault) => events.push(`refused: ${fault}`),
    unfit: () => undefined, unmatched: () => undefined, late: (_, { meaning }) => events.push(`late: ${meaning.responseCode}`), requestExpired: () => events.push('expired'),
  };
  const { connections = 4 } = transport;
  const origin = `https://127.0.0.1:${port}`;
  const issuer = new UrlIssuer({
    name: 'partner', origin, path: '', circuit: config.circuit, pendingMax: 1_000, healthMs: 200, lateMs: 1_000, lateMax: Math.floor(connections / 2), skewMs: 60_000,
    signing: switchKeys.own, verification: [issuerKeys.known], pan: 'clear', ...changes,
  }, {
    deadlines, times: new WireTimes(now), vault, now, newId: () => `m${(ids += 1)}`, events: recording, said: () => undefined,
    transport: new PooledTransport({ origin, connections, connectMs: 1_000, answerBytesMax: 65_536, tls: { authorities: authority.certificate, ...client, serverName: undefined }, ...transport }),
  });
  issuers.push(issuer);
  return { issuer, events };
}

/** @param deadlines by default the machine's; where something has to be there before a deadline is over, the test's own */
async function startUsable(port: number, changes: Partial<RemoteConfig> = {}, transport: Partial<TransportConfig> = {}, deadlines = new Deadlines(elapsed, processSchedule)): Promise<RunningIssuer> {
  const running = start(port, changes, transport, deadlines);
  await until(() => running.issuer.unavailability('authorization') === undefined, 'the issuer can be asked');
  running.events.length = 0;
  return running;
}

function orderIn(ms: number, more: Partial<ForwardOrder> = {}, nowMs = elapsed()): ForwardOrder {
  return { ...orderOf(nowMs + ms, { 2: pan }), ...more };
}

function adviceIn(ms: number, more: Partial<AdviceOrder>, nowMs = elapsed()): AdviceOrder {
  const { message, meaning, source } = orderOf(0, { 2: pan });
  const content = adviceContent(message, meaning, source.dialect, { approved: undefined, reason: '0000', approvalCode: 'STAND1', standInReason: 'timeout', replaces: undefined });
  return { of: 'authorization', content, pan: meaning.pan, isRepeat: false, deadlineMs: nowMs + ms, ...more };
}

async function forward(issuer: UrlIssuer, order: ForwardOrder): Promise<HostResult> {
  return await new Promise((resolve) => issuer.forward(order, resolve));
}

async function advise(issuer: UrlIssuer, order: AdviceOrder): Promise<HostResult> {
  return await new Promise((resolve) => issuer.advise(order, resolve));
}

describe('connections', () => {
  test('two hundred requests at once go over four connections, and each gets its own answer', async () => {
    const server = await serve(({ response, id }) => void answer(response, id, { id, result: 'approved', approvalCode: id.padStart(6, 'X').toUpperCase().slice(-6) }));
    const { issuer } = await startUsable(server.port);
    const results = await Promise.all(Array.from({ length: 200 }, async () => await forward(issuer, orderIn(60_000))));
    for (const result of results) {
      if (result.kind !== 'decided') throw new Error(result.kind);
      expect(result.response.approvalCode).toBe(result.sent.reference.stan.padStart(6, 'X').toUpperCase().slice(-6));
    }
    expect(server.most()).toBeLessThanOrEqual(4);
    expect(new Set(server.posted.map(({ id }) => id)).size).toBe(200);
    expect(issuer.status.pending).toBe(0);
  });

  test('what waits for a connection until its time is over was not sent, and never is', async () => {
    const server = await serve(() => undefined);
    const { deadlines, pass } = virtualTime();
    const { issuer } = await startUsable(server.port, { healthMs: 60_000 }, { connections: 1 }, deadlines);
    const within = async (ms: number): Promise<HostResult> => await forward(issuer, orderIn(ms, {}, deadlines.nowMs()));
    const first = within(5_000);
    await until(() => server.posted.length === 1, 'the first has the connection');
    const second = within(200);
    pass(300);
    expect(await second).toMatchObject({ kind: 'notSent', why: 'tooLate' });
    approves(server.posted[0]!);
    expect(await first).toMatchObject({ kind: 'decided' });
    const third = within(1_000);
    await until(() => server.posted.length === 2, 'the next one has it');
    pass(1_100);
    expect(await third).toMatchObject({ kind: 'expired', cause: 'timeout' });
    expect(server.posted).toHaveLength(2);
  });

  test('more than may wait are refused at once', async () => {
    const server = await serve(() => undefined);
    const { issuer } = await startUsable(server.port, { pendingMax: 2 });
    const waiting = [forward(issuer, orderIn(300)), forward(issuer, orderIn(300))];
    expect(await forward(issuer, orderIn(60_000))).toMatchObject({ kind: 'notSent', why: 'full' });
    await Promise.all(waiting);
  });

  test('where nobody listens nothing is sent, and the issuer is away until its health is answered', async () => {
    const server = await serve(approves);
    const { issuer, events } = await startUsable(server.port);
    const [gone] = servers.splice(0);
    const closed = once(gone!, 'close');
    gone!.close();
    gone!.closeAllConnections();
    await closed;
    expect(await forward(issuer, orderIn(30_000))).toMatchObject({ kind: 'notSent', why: 'unreachable' });
    expect(issuer.unavailability('authorization')).toBe('unreachable');
    expect(issuer.takesAdvices).toBe(false);
    expect(events).toContain('closed to open');
  });

  test('an answer that never ends is broken off long before it fills anything, with or without its length', async () => {
    for (const headers of [{ 'content-length': '1000000000' }, {}]) {
      let written = 0;
      const server = await serve(({ response }) => {
        response.writeHead(200, { 'content-type': 'application/json', ...headers });
        const more = (): void => {
          if (response.destroyed) return;
          written += 16_384;
          response.write(Buffer.alloc(16_384, 0x20), more);
        };
        more();
      });
      const { issuer, events } = await startUsable(server.port);
      expect(await forward(issuer, orderIn(30_000))).toMatchObject({ kind: 'expired', cause: 'badAnswer' });
      expect(events[0]).toMatch(/^refused: the answer is longer than 65536 bytes$/);
      await until(() => server.posted[0]!.response.destroyed, 'the connection is gone');
      expect(written).toBeLessThan(20_000_000);
    }
  });

  test('an answer that trickles in ends at the deadline', async () => {
    let drops = 0;
    const server = await serve(({ response }) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const drip = setInterval(() => {
        drops += 1;
        response.write(' ');
      }, 20);
      response.once('close', () => clearInterval(drip));
    });
    const { deadlines, pass } = virtualTime();
    const { issuer } = await startUsable(server.port, {}, {}, deadlines);
    let result: HostResult | undefined;
    issuer.forward(orderIn(300, {}, deadlines.nowMs()), (end) => (result = end));
    await until(() => drops >= 3, 'a part of the answer is on its way');
    pass(290);
    expect(result).toBeUndefined();
    pass(20);
    expect(result).toMatchObject({ kind: 'expired', cause: 'timeout' });
  });

  test('what is late is listened for on half of the connections at most, and then noted', async () => {
    const held: Posted[] = [];
    const server = await serve((posted) => void held.push(posted));
    const { deadlines, pass } = virtualTime();
    const { issuer, events } = await startUsable(server.port, {}, {}, deadlines);
    const asked = [1, 2, 3, 4].map(async () => await forward(issuer, orderIn(200, {}, deadlines.nowMs())));
    await until(() => held.length === 4, 'all are out');
    pass(300);
    const results = await Promise.all(asked);
    expect(results.map(({ kind }) => kind)).toEqual(['expired', 'expired', 'expired', 'expired']);
    await until(() => held.filter(({ response }) => response.destroyed).length === 2, 'two are given up');
    for (const each of held) if (!each.response.destroyed) approves(each);
    await until(() => events.filter((event) => event === 'late: 0000').length === 2, 'two come late');
  });

  test('a stop ends whatever waits', async () => {
    const server = await serve(() => undefined);
    const { issuer } = await startUsable(server.port);
    const waiting = forward(issuer, orderIn(60_000));
    await until(() => server.posted.length === 1, 'it is out');
    issuer.stop();
    expect(await waiting).toMatchObject({ kind: 'expired' });
    expect(await forward(issuer, orderIn(1_000))).toMatchObject({ kind: 'notSent' });
  });
});

describe('a document', () => {
  test('tells a request with what was verified, the card number encrypted, and no secret', async () => {
    const pair = generateKeyPairSync('x25519');
    const server = await serve(approves);
    const { issuer } = await startUsable(server.port, { pan: encryptionKey('pan-1', pair.publicKey.export({ type: 'spki', format: 'pem' })) });
    const order = orderIn(30_000, { pin: { block: new Secret('0123456789ABCDEF'), newBlock: undefined, format: 0 } });
    await forward(issuer, order);
    const [{ document, body, request } = {} as never] = server.posted;
    expect(document).toMatchObject({
      type: 'request', class: 'authorization', purpose: 'purchase', repeat: false, issuer: 'partner', amount: { amountMinor: 1_250, currency: 'EUR' },
      card: { maskedPan: '541333******0019', token: vault.cardToken(Pan.parse(pan)!) }, pin: { block: '0123456789ABCDEF', format: 0 },
    });
    expect(body.toString()).not.toContain(pan);
    const { plaintext, protectedHeader } = await compactDecrypt(document.card.encryptedPan!, createPrivateKey(pemOf(pair.privateKey)));
    expect(JSON.parse(Buffer.from(plaintext).toString())).toEqual({ pan });
    expect(protectedHeader).toMatchObject({ alg: 'ECDH-ES', enc: 'A256GCM', kid: 'pan-1' });
    expect(request.headers).toMatchObject({ 'content-type': 'application/json', 'accept-encoding': 'identity', 'idempotency-key': document.id });
    expect(Number(request.headers['x-deadline-ms'])).toBeGreaterThan(1_000);
    expect(Number(request.headers['x-deadline-ms'])).toBeLessThanOrEqual(30_000);
  });

  test('has the card number clear or not at all where the configuration says so', async () => {
    const server = await serve(approves);
    for (const [told, found] of [['clear', pan], ['none', undefined]] as const) {
      const { issuer } = await startUsable(server.port, { pan: told });
      await forward(issuer, orderIn(30_000));
      expect(server.posted.at(-1)?.document.card.pan).toBe(found);
      expect(server.posted.at(-1)?.document.card.encryptedPan).toBeUndefined();
    }
  });

  test('of an advice is the same at its repeat but for saying so, under one key', async () => {
    const server = await serve(({ response, id, document: { repeat } }) => {
      if (repeat) void answer(response, id, { id, result: 'accepted' });
    });
    const { deadlines, pass } = virtualTime();
    const { issuer } = await startUsable(server.port, {}, {}, deadlines);
    const trace = issuer.reserveTrace();
    const told = (isRepeat: boolean): AdviceOrder => adviceIn(300, { trace, isRepeat }, deadlines.nowMs());
    const unanswered = advise(issuer, told(false));
    await until(() => server.posted.length === 1, 'the first is out');
    pass(400);
    expect(await unanswered).toMatchObject({ kind: 'expired', cause: 'timeout' });
    expect(await advise(issuer, told(true))).toMatchObject({ kind: 'decided', meaning: { approved: true, reason: '9001' } });
    const [first, second] = server.posted.map(({ document }) => document);
    expect(second).toEqual({ ...first, repeat: true });
    expect(first?.id).toBe(trace.stan);
  });
});

describe('a signature', () => {
  const body = Buffer.from('{"id":"m1"}');
  const signed = { way: 'locum-answer', idempotencyKey: 'm1', nowMs: now() } as const;

  test('is good over its bytes, for its message, with its key, in its time, and by nothing else', async () => {
    const good = await signDetached(body, issuerKeys.own, signed);
    const fault = async (text: string, changes: Partial<typeof signed> | { readonly nowMs: number } = {}, bytes = body): Promise<string> => await signatureFault(text, bytes, [switchKeys.known, issuerKeys.known], { ...signed, ...changes }, 60_000);
    expect(await fault(good)).toBe('');
    expect(await fault(good, { nowMs: signed.nowMs + 59_000 })).toBe('');
    const [header = '', , mark = ''] = good.split('.');
    const said = JSON.parse(Buffer.from(header, 'base64url').toString()) as Record<string, unknown>;
    const withHeader = (changes: object): string => `${Buffer.from(JSON.stringify({ ...said, ...changes })).toString('base64url')}..${mark}`;
    const faults: [string, string][] = [
      [await fault(''), 'the signature is missing'],
      [await fault('x'.repeat(5_000)), 'the signature is too long'],
      [await fault('not.a.signature'), 'the signature is no detached JWS'],
      [await fault(`${header}.${body.toString('base64url')}.${mark}`), 'the signature is no detached JWS'],
      [await fault('e30..AAAA'), 'the signature is by a key that is not known (kid)'],
      [await fault(withHeader({ kid: 'nobody' })), 'the signature is by a key that is not known (kid)'],
      [await fault(withHeader({ alg: 'none' })), 'the signature is by another algorithm than its key\'s (alg)'],
      [await fault(withHeader({ alg: 'HS256' })), 'the signature is by another algorithm than its key\'s (alg)'],
      [await fault(withHeader({ idempotencyKey: 'm2' })), 'the signature is wrong'],
      [await fault(withHeader({ kid: 'switch-1', alg: 'EdDSA' })), 'the signature is wrong'],
      [await fault(good, {}, Buffer.from('{"id":"m2"}')), 'the signature is wrong'],
      [await fault(good, { idempotencyKey: 'm2' as never }), 'the signature is of another message (idempotencyKey)'],
      [await fault(good, { way: 'locum-message' as never }), 'the signature is of a message that goes the other way (typ)'],
      [await fault(good, { nowMs: signed.nowMs + 65_000 }), 'the signature is stale, or the clocks differ (iat)'],
      [await fault(good, { nowMs: signed.nowMs - 65_000 }), 'the signature is stale, or the clocks differ (iat)'],
    ];
    for (const [found, wanted] of faults) expect(found).toBe(wanted);
  });

  test('is made with Ed25519 and P-256 keys from PEM and JWK, and with no other', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    expect(signingKey('a', JSON.stringify(switchKeys.own.key.export({ format: 'jwk' }))).algorithm).toBe('EdDSA');
    expect(verificationKey('a', tls.certificate).algorithm).toBe('ES256');
    for (const pem of [pemOf(rsa.privateKey), pemOf(p384.privateKey), 'nothing', '{"kty":"oct","k":"AAAA"}']) expect(() => signingKey('a', pem)).toThrow(RemoteKeyError);
    expect(() => verificationKey('a', pemOf(switchKeys.own.key))).toThrow('is a private key; the public one belongs there');
    expect(encryptionKey('a', rsa.publicKey.export({ type: 'spki', format: 'pem' })).algorithm).toBe('RSA-OAEP-256');
    const small = generateKeyPairSync('rsa', { modulusLength: 1_024 });
    expect(() => encryptionKey('a', small.publicKey.export({ type: 'spki', format: 'pem' }))).toThrow(RemoteKeyError);
  });
});

describe('an answer', () => {
  const asked: RemoteAsked = { id: 'm1', class: 'authorization', function: 'request', amount: { amountMinor: 1_250, currency: '978' }, partialAllowed: false };
  const read = (document: object, changes: Partial<RemoteAsked> = {}): string => {
    const found = readAnswer(Buffer.from(JSON.stringify({ id: 'm1', ...document })), { ...asked, ...changes });
    if (found.kind === 'none') return found.fault;
    return found.kind === 'standIn' ? found.kind : `${found.reason}${found.amount === undefined ? '' : ` ${found.amount.amountMinor}`}`;
  };
  const eur = (amountMinor: number): object => ({ amount: { amountMinor, currency: 'EUR' } });
  const advice = { function: 'advice' } as const;

  test.for([
    [{ result: 'approved' }, {}, '0000 1250'],
    [{ result: 'approved', ...eur(1_250), extra: { any: 'thing' } }, {}, '0000 1250'],
    [{ result: 'approved', ...eur(500) }, { partialAllowed: true }, '0002 500'],
    [{ result: 'approved', reason: '0002', ...eur(500) }, { partialAllowed: true }, '0002 500'],
    [{ result: 'declined' }, {}, '1000 1250'],
    [{ result: 'declined', reason: '1016' }, {}, '1016 1250'],
    [{ result: 'standIn' }, {}, 'standIn'],
    [{ result: 'accepted' }, advice, '9001'],
    [{ result: 'accepted' }, { ...advice, class: 'reversal' }, '4000'],
    [{ result: 'refused' }, advice, '1000'],
    [{ id: 'm2', result: 'approved' }, {}, 'the answer is to another message (id)'],
    [{ result: 'accepted' }, {}, 'the result is not one of a request (result)'],
    [{ result: 'approved' }, advice, 'the result is not one of an advice or a reversal (result)'],
    [{ result: 'standIn' }, advice, 'the result is not one of an advice or a reversal (result)'],
    [{ result: 'yes' }, {}, 'the body is not as documented (result)'],
    [{}, {}, 'the body is not as documented (result)'],
    [{ result: 'approved', approvalCode: 'short' }, {}, 'the body is not as documented (approvalCode)'],
    [{ result: 'approved', amount: { amountMinor: 1.5, currency: 'EUR' } }, {}, 'the body is not as documented (amount.amountMinor)'],
    [{ result: 'approved', amount: 1_250 }, {}, 'the body is not as documented (amount)'],
    [{ result: 'approved', amount: { amountMinor: 1_250, currency: 'XXQ' } }, {}, 'the currency is not known (currency)'],
    [{ result: 'approved', ...eur(1_251) }, {}, 'the amount is more than was asked for (amount)'],
    [{ result: 'approved', ...eur(500) }, {}, 'the amount is less than was asked for, and no partial approval was allowed (amount)'],
    [{ result: 'approved', ...eur(0) }, { partialAllowed: true }, 'the amount is none (amount)'],
    [{ result: 'approved', amount: { amountMinor: 1_250, currency: 'USD' } }, {}, 'the amount is in another currency than was asked for (amount)'],
    [{ result: 'approved', ...eur(5) }, { amount: undefined }, 'an amount was approved and none was asked for (amount)'],
    [{ result: 'approved', reason: '1016' }, {}, 'the reason is at odds with the result (reason)'],
    [{ result: 'declined', reason: '0000' }, {}, 'the reason is at odds with the result (reason)'],
    [{ result: 'declined', reason: '4000' }, {}, 'the reason is at odds with the result (reason)'],
    [{ result: 'declined', reason: '7777' }, {}, 'the reason is not known (reason)'],
    [{ result: 'declined', reason: 'constructor'.slice(0, 4) }, {}, 'the body is not as documented (reason)'],
    [{ result: 'approved', reason: '0002' }, {}, 'the reason is at odds with the amount (reason)'],
  ] as const)('that says %j to %j is %s', ([document, changes, wanted]) => {
    expect(read(document, changes)).toBe(wanted);
  });

  test.for(['', '[]', '"text"', 'null', '{"id":"m1","result":"approved"', '{"__proto__":{"id":"m1"},"result":"approved"}', '['.repeat(30_000)])('that is %s is none', (body) => {
    expect(readAnswer(Buffer.from(body), asked).kind).toBe('none');
  });

  test('that is not UTF-8 is none', () => {
    expect(readAnswer(Buffer.from([0x7b, 0xff, 0x7d]), asked)).toEqual({ kind: 'none', fault: 'the body is no JSON' });
  });

  test('brings balances and what the chip is told', () => {
    const document = { id: 'm1', result: 'approved', balances: { ledgerMinor: 10, availableMinor: -5, currency: 'EUR' }, chip: { responseCode: '00', issuerAuthenticationData: 'AABB', scripts: [{ template: '72', commands: ['8424'] }] } };
    expect(readAnswer(Buffer.from(JSON.stringify(document)), asked)).toMatchObject({
      balance: { ledgerMinor: 10, availableMinor: -5, currency: '978' }, chip: { responseCode: '00', issuerAuthenticationData: 'AABB', scripts: [{ template: '72', id: '', commands: ['8424'] }] },
    });
  });
});
