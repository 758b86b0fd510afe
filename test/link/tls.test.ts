import { connect as connectPlain } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { TlsFiles } from '../../src/link/config.ts';
import type { Connection } from '../../src/link/connection.ts';
import type { TlsConfig } from '../../src/link/network.ts';
import { loadTls } from '../../src/link/tls-files.ts';
import { Authority, openssl } from './certificates.ts';
import type { Pair } from './certificates.ts';
import { answerAtOnce, callStation, Peer, startStation, stopAll, until } from './station.ts';
import type { Station, StationOptions } from './station.ts';

let authority: Authority;
let stranger: Authority;
let ours: Pair;
let client: Pair;

beforeAll(async () => {
  const program = await openssl();
  authority = new Authority(program, 'Locum test authority');
  stranger = new Authority(program, 'Somebody else');
  ours = authority.issue('switch.test', ['DNS:switch.test', 'IP:127.0.0.1']);
  client = authority.issue('acquirer-1', ['DNS:pos.acquirer.test']);
});

afterAll(() => {
  authority.remove();
  stranger.remove();
});

afterEach(stopAll);

function listening(tls: Partial<TlsConfig> = {}): TlsConfig {
  return { ...ours, authorities: authority.certificate, clientCertificate: 'required', clientNames: [], ...tls };
}

async function startTls(tls: Partial<TlsConfig> = {}, options: StationOptions = {}): Promise<Station> {
  return await startStation({ onFrame: answerAtOnce, ...options, tls: listening(tls) });
}

/** A client that checks our certificate, and shows `pair` if it has one. */
function call(station: Station, pair: Pair | undefined, options: ConnectionOptions = {}): Peer & { socket: TLSSocket } {
  const socket = connectTls({
    host: '127.0.0.1',
    port: station.endpoint.port,
    servername: 'switch.test',
    ca: authority.certificate,
    ...(pair === undefined ? {} : { cert: pair.certificate, key: pair.privateKey }),
    ...options,
  });
  return new Peer(socket) as Peer & { socket: TLSSocket };
}

/** The peer is turned away before any frame: no connection is ever opened. */
async function expectRefused(station: Station, peer: Peer, reason: string, detail: unknown): Promise<void> {
  peer.send('0100');
  await until(() => peer.closed, 'the refusal');
  await until(() => station.of('connectionRefused').length > 0, 'the event');
  expect(station.of('connectionRefused')).toEqual([['pos', expect.any(String), reason, detail]]);
  expect(station.opened).toHaveLength(0);
  expect(station.framesReceived).toBe(0);
  expect(peer.frames).toEqual([]);
}

test('frames go both ways over TLS, whole, however large, one write a turn', async () => {
  const station = await startTls({}, { limits: { frameBytesMax: 65_535 } });
  const peer = call(station, client);
  const texts = ['0100', 'x'.repeat(60_000), '0200'];
  peer.send(...texts);
  await until(() => peer.frames.length === 3, 'all answers');
  expect(peer.frames).toEqual(texts.map((text) => `A${text}`));
  expect(peer.socket.getProtocol()).toBe('TLSv1.3');
  peer.socket.end();
  await until(() => station.closed.length === 1, 'the close');
  expect(station.of('disconnected')).toEqual([['pos', 1, 'peer', undefined]]);
});

test('TLS 1.2 will do, older will not', async () => {
  const station = await startTls();
  const peer = call(station, client, { maxVersion: 'TLSv1.2' });
  peer.send('0100');
  await until(() => peer.frames.length === 1, 'the answer');
  const old = call(station, client, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' });
  await until(() => old.closed, 'the refusal');
  await until(() => station.of('connectionRefused').length === 1, 'the event');
  expect(station.opened).toHaveLength(1);
});

test('without client certificates asked for, none is needed', async () => {
  const station = await startTls({ clientCertificate: 'none' });
  const peer = call(station, undefined);
  peer.send('0100');
  await until(() => peer.frames.length === 1, 'the answer');
});

test.each(['TLSv1.2', 'TLSv1.3'] as const)('a client without a certificate is refused, in %s', async (version) => {
  const station = await startTls();
  await expectRefused(station, call(station, undefined, { minVersion: version, maxVersion: version }), 'tls', 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE');
});

test.each(['TLSv1.2', 'TLSv1.3'] as const)('a client whose certificate has expired is refused, in %s, and again when it comes back', async (version) => {
  const station = await startTls();
  const expired = authority.issue('acquirer-1', [], -1);
  const sessions: Buffer[] = [];
  const peer = call(station, expired, { minVersion: version, maxVersion: version });
  peer.socket.on('session', (session) => sessions.push(session));
  await expectRefused(station, peer, 'tls', 'CERT_HAS_EXPIRED');
  const [session] = sessions;
  const again = call(station, expired, { minVersion: version, maxVersion: version, ...(session === undefined ? {} : { session }) });
  await until(() => again.closed, 'the second refusal');
  await until(() => station.of('connectionRefused').length === 2, 'the second event');
  expect(station.opened).toHaveLength(0);
});

test('a client with a certificate of another authority is refused', async () => {
  const station = await startTls();
  await expectRefused(station, call(station, stranger.issue('acquirer-1')), 'tls', expect.stringMatching(/^UNABLE_TO/u));
});

test.each([
  ['acquirer-1', 'the subject', 1],
  ['pos.acquirer.test', 'an alternative name', 1],
  ['acquirer-2', 'neither', 0],
  ['acquirer', 'a part of the subject', 0],
])('where %s is expected, a certificate with it as %s opens %i connections', async (name, _as, opened) => {
  const station = await startTls({ clientNames: ['somebody', name] });
  const peer = call(station, client);
  if (opened === 0) {
    await expectRefused(station, peer, 'peerName', 'acquirer-1');
    return;
  }
  peer.send('0100');
  await until(() => peer.frames.length === 1, 'the answer');
  expect(station.opened).toHaveLength(1);
});

test('a plain client at a TLS port is refused, and so is one that says nothing', async () => {
  const station = await startTls();
  const plain = new Peer(connectPlain(station.endpoint.port, '127.0.0.1'));
  plain.send('0100');
  const impatient = await startTls({}, { connectTimeoutMs: 100 });
  const silent = new Peer(connectPlain(impatient.endpoint.port, '127.0.0.1'));
  await until(() => plain.closed && silent.closed, 'both refusals');
  const refusals = (): unknown[][] => [station, impatient].flatMap((each) => each.of('connectionRefused'));
  await until(() => refusals().length === 2, 'both events');
  expect(refusals().map(([, , reason, detail]) => [reason, detail])).toEqual([
    ['tls', expect.stringMatching(/^ERR_SSL_/u)],
    ['tls', 'ERR_TLS_HANDSHAKE_TIMEOUT'],
  ]);
  expect([...station.opened, ...impatient.opened]).toHaveLength(0);
});

function connecting(tls: Partial<TlsConfig> = {}): TlsConfig {
  return { ...client, authorities: authority.certificate, clientCertificate: 'none', clientNames: [], ...tls };
}

test('we connect with our certificate to a host that is who it should be', async () => {
  const host = await startTls({ clientNames: ['acquirer-1'] });
  const caller = await startStation({ role: 'connect', port: host.endpoint.port, tls: connecting({ serverName: 'switch.test' }) });
  const byAddress = await startStation({ role: 'connect', port: host.endpoint.port, tls: connecting() });
  const hello = Buffer.from('hello');
  for (const station of [caller, byAddress]) {
    await until(() => station.opened.length === 1, 'the connection');
    station.opened[0]?.request(hello, 0, hello.length);
    await until(() => station.received.length === 1, 'the answer');
    expect(station.received[0]?.text).toBe('Ahello');
    station.received[0]?.connection.done();
  }
});

test('a host of another name is refused before a byte is sent to it', async () => {
  const host = await startTls();
  const caller = await startStation({ role: 'connect', port: host.endpoint.port, tls: connecting({ serverName: 'other.test' }) });
  await until(() => caller.of('connectFailed').length > 0, 'the refusal');
  expect(caller.of('connectFailed')[0]?.slice(1, 3)).toEqual(['peerName', 'ERR_TLS_CERT_ALTNAME_INVALID']);
  expect(caller.opened).toHaveLength(0);
  expect(host.framesReceived).toBe(0);
});

test.each([
  ['of an authority that we do not know', () => stranger.issue('switch.test', ['DNS:switch.test']), /^UNABLE_TO/u],
  ['that has expired', () => authority.issue('switch.test', ['DNS:switch.test'], -1), /^CERT_HAS_EXPIRED$/u],
])('a host with a certificate %s is refused', async (_name, issue, code) => {
  const host = await startTls({ ...issue(), clientCertificate: 'none' });
  const caller = await startStation({ role: 'connect', port: host.endpoint.port, tls: connecting({ serverName: 'switch.test' }) });
  await until(() => caller.of('connectFailed').length > 0, 'the refusal');
  expect(caller.of('connectFailed')[0]?.slice(1, 3)).toEqual(['tls', expect.stringMatching(code)]);
  expect(caller.opened).toHaveLength(0);
});

test('a peer that does not read its answers is not read over TLS either', async () => {
  let most = 0;
  const station = await startTls(
    {},
    {
      limits: { outgoingBytesMax: 65_536 },
      onFrame: (own, received) => {
        received.answer(received.text.padEnd(2_000, '.'));
        for (const connection of own.endpoint.connections) most = Math.max(most, (connection as Connection).outgoingBytes);
      },
    },
  );
  const peer = call(station, client);
  await until(() => station.opened.length === 1, 'the connection');
  peer.socket.pause();
  const count = 15_000;
  peer.send(...Array.from({ length: count }, (_, i) => String(i).padStart(60, '0')));
  await until(() => station.of('throttled').length > 0, 'the throttle');
  let accepted = -1;
  let sinceMs = performance.now();
  await until(() => {
    if (station.framesReceived !== accepted) sinceMs = performance.now();
    accepted = station.framesReceived;
    return performance.now() - sinceMs > 300;
  }, 'quiet');
  expect(accepted).toBeLessThan(count);
  expect(most).toBeLessThan(65_536 + 2_010);
  peer.socket.resume();
  await until(() => peer.byteCount === count * 2_002, 'all answers');
});

test('in a full station a handshake that does not end gives way before a connection that is silent', async () => {
  const station = await startTls({}, { limits: { connectionsMax: 3 } });
  const silent = call(station, client);
  await until(() => station.opened.length === 1, 'the silent one');
  const handshaking = [await callStation(station), await callStation(station)];
  const newcomers = [call(station, client), call(station, client)];
  for (const peer of newcomers) peer.send('hello');
  await until(() => newcomers.every((peer) => peer.frames.length === 1), 'the answers');
  await until(() => handshaking.every((peer) => peer.closed), 'the handshakes to end');
  const refused = handshaking.map((peer) => ['pos', `127.0.0.1:${peer.port}`, 'displaced', undefined]);
  await until(() => station.of('connectionRefused').length === 2, 'both events');
  expect(station.of('connectionRefused')).toEqual(refused);
  const next = call(station, client);
  next.send('hello');
  await until(() => next.frames.length === 1 && silent.closed, 'the silent one to give way');
  expect(station.of('disconnected')).toEqual([['pos', 1, 'displaced', undefined]]);
});

test('handshakes under way hold places where nobody gives way', async () => {
  const station = await startTls({}, { limits: { connectionsMax: 2, silentGiveWay: false } });
  const handshaking = [await callStation(station), await callStation(station)];
  const late = call(station, client);
  await until(() => late.closed, 'one more to be turned away');
  for (const peer of handshaking) peer.socket.write('GET / HTTP/1.1\r\n\r\n');
  await until(() => station.of('connectionRefused').length === 3, 'the handshakes to fail');
  expect(station.of('connectionRefused').map(([, , reason]) => reason)).toEqual(['connectionsMax', 'tls', 'tls']);
  const next = call(station, client);
  next.send('hello');
  await until(() => next.frames.length === 1, 'the answer');
});

test('a stop over TLS answers what is in flight', async () => {
  const station = await startStation({ tls: listening() });
  const peer = call(station, client);
  peer.send('one');
  await until(() => station.received.length === 1, 'the request');
  const stopping = station.endpoint.stop(10_000);
  station.received[0]?.answer('first');
  expect(await stopping).toEqual({ unanswered: 0 });
  await until(() => peer.closed, 'the end');
  expect(peer.frames).toEqual(['first']);
});

function filesOf(contents: Record<string, string>, files: Partial<TlsFiles>): TlsConfig {
  return loadTls({ clientCertificate: 'none', clientNames: [], ...files }, 'x.tls', (name) => {
    const content = contents[name];
    if (content === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    return content;
  });
}

test('the files of a TLS configuration are read, and checked against each other', () => {
  const contents = {
    'own.pem': ours.certificate,
    'own.key': ours.privateKey,
    'other.key': client.privateKey,
    'ca.pem': authority.certificate,
    'text.txt': 'hello',
  };
  const pair = { certificateFile: 'own.pem', privateKeyFile: 'own.key' };
  expect(filesOf(contents, { ...pair, authoritiesFile: 'ca.pem', serverName: 'host' })).toEqual({
    ...ours,
    authorities: authority.certificate,
    clientCertificate: 'none',
    clientNames: [],
    serverName: 'host',
  });
  expect(() => filesOf(contents, { ...pair, privateKeyFile: 'other.key' })).toThrow('x.tls.privateKeyFile is not the key of the certificate in own.pem');
  expect(() => filesOf(contents, { ...pair, privateKeyFile: 'text.txt' })).toThrow('x.tls.privateKeyFile is not a private key in PEM without a password: text.txt');
  expect(() => filesOf(contents, { ...pair, certificateFile: 'text.txt' })).toThrow('x.tls.certificateFile is not a certificate in PEM: text.txt');
  expect(() => filesOf(contents, { authoritiesFile: 'text.txt' })).toThrow('x.tls.authoritiesFile is not a certificate in PEM: text.txt');
  expect(() => filesOf(contents, { authoritiesFile: 'absent.pem' })).toThrow("x.tls.authoritiesFile can't be read: absent.pem (ENOENT)");
});
