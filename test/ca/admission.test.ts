/** Who is let in, over real handshakes: certificates of ours from a real book, of others, and those whose time or trust is over. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import type { Server, TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Book } from '../../src/book/book.ts';
import { enterAuthority, enterCertificate, readCertificateChanges, revokeCertificates } from '../../src/book/certificates.ts';
import { Admissions } from '../../src/ca/admission.ts';
import type { AdmissionRefusal } from '../../src/ca/admission.ts';
import { Authority, makeAuthority, madeOf } from '../../src/ca/authority.ts';
import type { MadeCertificate } from '../../src/ca/authority.ts';
import { readPem, writePem } from '../../src/ca/pem.ts';
import { bookFixtures } from '../book/books.ts';
import type { BookFixture } from '../book/books.ts';
import { Authority as OtherAuthority, openssl } from '../link/certificates.ts';
import type { Pair } from '../link/certificates.ts';

const dayMs = 86_400_000;
let fixture: BookFixture;
let book: Book;
let others: OtherAuthority;
let atMs = Date.now();
let elapsedMs = 0;
let reads = 0;
let bookIsAway = false;
const outside = { now: () => atMs, randomBytes };
const made = makeAuthority('Ours', 3_650, outside);
const ours = new Authority(made, outside);
const ownPem = writePem('CERTIFICATE', made.certificate);
let admissions: Admissions;
let server: Server;
const sockets: TLSSocket[] = [];

beforeAll(async () => {
  fixture = await bookFixtures.embedded();
  book = await fixture.open();
  others = new OtherAuthority(await openssl(), 'Ours');
  const { subject, fingerprint, notBeforeMs, notAfterMs, certificate } = madeOf(made.certificate);
  await enterAuthority(book, { subject, fingerprint, notBeforeMs, notAfterMs, certificate, madeAtMs: atMs, madeBy: 'test', why: '' });
});
afterAll(async () => {
  others.remove();
  await fixture.remove();
});

beforeEach(async () => {
  [atMs, elapsedMs, reads, bookIsAway] = [Date.now(), 0, 0, false];
  admissions = new Admissions({
    read: async (afterChange) => {
      reads += 1;
      if (bookIsAway) throw new Error('the book is away');
      return await readCertificateChanges(book, afterChange);
    },
    now: () => atMs, elapsed: () => elapsedMs,
  });
  // As the secure door does: a line is a request, each asked for by itself.
  server = createServer({ ...serverPair(), ca: [ownPem], requestCert: true, rejectUnauthorized: false }, (socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => {
      const { raw } = socket.getPeerCertificate();
      void admissions.admit(raw ?? Buffer.alloc(0)).then((admission) => socket.write(`${JSON.stringify(admission)}\n`));
    });
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server.close();
});

let ownServerPair: { readonly key: string; readonly cert: string } | undefined;

function serverPair(): { readonly key: string; readonly cert: string } {
  if (ownServerPair === undefined) {
    const { certificate, privateKey } = others.issue('localhost');
    ownServerPair = { cert: certificate, key: privateKey };
  }
  return ownServerPair;
}

/** A certificate of ours, in the book unless told otherwise. */
async function issue(partner: string, { days = 30, entered = true, key = newKey() } = {}): Promise<MadeCertificate & Pair> {
  const publicKey = createPublicKey(createPrivateKey(key));
  const certified = ours.certify({ publicKey }, partner, days);
  if (entered) {
    const refused = await enterCertificate(book, {
      ...certified, authority: madeOf(made.certificate).fingerprint, partner, keyDigest: randomBytes(32).toString('hex'), keyWords: 'P-256', issuedAtMs: atMs, issuedBy: 'test', issuedWhy: '',
    });
    expect(refused).toBeUndefined();
  }
  return { ...certified, privateKey: key };
}

function newKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' });
}

async function connected(pair: Pair | undefined): Promise<() => Promise<unknown>> {
  const { port } = server.address() as AddressInfo;
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...(pair === undefined ? {} : { cert: pair.certificate, key: pair.privateKey }) });
  sockets.push(socket);
  await once(socket, 'secureConnect');
  return async () => {
    const answered = once(socket, 'data');
    socket.write('request\n');
    const [data] = (await answered) as [Buffer];
    return JSON.parse(data.toString('utf8'));
  };
}

async function asked(pair: Pair | undefined): Promise<unknown> {
  return await (await connected(pair))();
}

function refused(why: AdmissionRefusal): { readonly refused: AdmissionRefusal } {
  return { refused: why };
}

test('a certificate of ours is its partner\'s, at every request', async () => {
  const [shops, banks] = [await issue('shops'), await issue('banks')];
  const ask = await connected(shops);
  expect(await ask()).toEqual({ partner: 'shops', serial: shops.serial });
  expect(await ask()).toEqual({ partner: 'shops', serial: shops.serial });
  expect(await asked(banks)).toEqual({ partner: 'banks', serial: banks.serial });
  expect(reads).toBe(1);
});

test('one of another authority is refused, also of one that has our name; and so is one signed by itself, and none', async () => {
  const theirs = others.issue('shops', ['URI:urn:locum:partner:shops']);
  expect(await asked(theirs)).toEqual(refused('foreign'));
  const self = makeAuthority('shops', 10, outside);
  expect(await asked({ certificate: writePem('CERTIFICATE', self.certificate), privateKey: self.privateKey.export({ type: 'pkcs8', format: 'pem' }) })).toEqual(refused('foreign'));
  expect(await asked(undefined)).toEqual(refused('malformed'));
});

test('a server that demands a certificate of ours ends the handshake with others', async () => {
  const strict = createServer({ ...serverPair(), ca: [ownPem], requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' }, (socket) => socket.end('in'));
  strict.on('tlsClientError', () => undefined).listen(0, '127.0.0.1');
  await once(strict, 'listening');
  const { port } = strict.address() as AddressInfo;
  const outcome = async (pair: Pair | undefined): Promise<string> => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...(pair === undefined ? {} : { cert: pair.certificate, key: pair.privateKey }) });
    sockets.push(socket);
    return await new Promise((resolve) => {
      socket.on('data', (data: Buffer) => resolve(data.toString('utf8')));
      socket.on('error', () => resolve('ended'));
      socket.on('close', () => resolve('ended'));
    });
  };
  expect(await outcome(await issue('shops'))).toBe('in');
  expect(await outcome(others.issue('shops'))).toBe('ended');
  expect(await outcome(undefined)).toBe('ended');
  strict.close();
});

test('one that our key signed and the book does not have is refused', async () => {
  expect(await asked(await issue('shops', { entered: false }))).toEqual(refused('unknown'));
  expect(await admissions.admit(made.certificate)).toEqual(refused('unknown'));
});

test('one of which a byte is another is not it', async () => {
  const der = readPem((await issue('shops')).certificate, ['CERTIFICATE'])!;
  for (let at = 0; at < der.length; at += 11) {
    const changed = Buffer.from(der);
    changed[at]! ^= 1;
    const admission = await admissions.admit(changed);
    expect(admission).toHaveProperty('refused');
    expect(['malformed', 'foreign']).toContain('refused' in admission ? admission.refused : '');
  }
});

test('one whose time is over, or is not yet, is refused on a connection that was there before', async () => {
  const shops = await issue('shops', { days: 2 });
  const ask = await connected(shops);
  expect(await ask()).toMatchObject({ partner: 'shops' });
  atMs = shops.notAfterMs + 1;
  expect(await ask()).toEqual(refused('expired'));
  atMs = shops.notBeforeMs - dayMs;
  expect(await ask()).toEqual(refused('notYetValid'));
});

test('one that is revoked between two requests on one connection is refused within the time between two readings, and stays so', async () => {
  const [shops, kept] = [await issue('shops'), await issue('shops')];
  const ask = await connected(shops);
  expect(await ask()).toMatchObject({ partner: 'shops' });
  expect(await revokeCertificates(book, { serial: shops.serial }, { atMs, by: 'mia', why: 'lost' })).toHaveLength(1);
  elapsedMs = 999;
  expect(await ask()).toMatchObject({ partner: 'shops' });
  elapsedMs = 1_000;
  expect(await ask()).toEqual(refused('revoked'));
  expect(await asked(kept)).toMatchObject({ partner: 'shops' });
  atMs = shops.notAfterMs + dayMs;
  expect(await ask()).toEqual(refused('revoked'));
});

test('a connection that resumes a session is asked for its certificate as every other', async () => {
  const shops = await issue('shops');
  const { port } = server.address() as AddressInfo;
  const options = { host: '127.0.0.1', port, rejectUnauthorized: false, cert: shops.certificate, key: shops.privateKey };
  const first = connect(options);
  sockets.push(first);
  const [[session]] = (await Promise.all([once(first, 'session'), once(first, 'secureConnect')])) as [[Buffer], unknown];
  const resumed = async (): Promise<unknown> => {
    const socket = connect({ ...options, session });
    sockets.push(socket);
    await once(socket, 'secureConnect');
    expect(socket.isSessionReused()).toBe(true);
    const answered = once(socket, 'data');
    socket.write('request\n');
    const [data] = (await answered) as [Buffer];
    return JSON.parse(data.toString('utf8'));
  };
  expect(await resumed()).toEqual({ partner: 'shops', serial: shops.serial });
  await revokeCertificates(book, { serial: shops.serial }, { atMs, by: 'mia', why: 'lost' });
  elapsedMs = 1_000;
  expect(await resumed()).toEqual(refused('revoked'));
});

test('one that is issued after the last reading is let in at once', async () => {
  expect(await admissions.admit(made.certificate)).toEqual(refused('unknown'));
  const before = reads;
  const shops = await issue('shops');
  expect(await asked(shops)).toMatchObject({ partner: 'shops' });
  expect(await asked(shops)).toMatchObject({ partner: 'shops' });
  expect(reads).toBe(before + 1);
});

test('certificates of others have the book read no more often than ours', async () => {
  const theirs = readPem(others.issue('shops').certificate, ['CERTIFICATE'])!;
  for (let count = 0; count < 20; count += 1) expect(await admissions.admit(theirs)).toEqual(refused('foreign'));
  expect(reads).toBe(1);
});

test('while the book is away what is known counts for thirty seconds, then nobody is let in, until it is back', async () => {
  const shops = await issue('shops');
  const ask = await connected(shops);
  expect(await ask()).toMatchObject({ partner: 'shops' });
  bookIsAway = true;
  elapsedMs = 30_000;
  expect(await ask()).toMatchObject({ partner: 'shops' });
  elapsedMs = 30_001;
  expect(await ask()).toEqual(refused('unavailable'));
  bookIsAway = false;
  expect(await ask()).toMatchObject({ partner: 'shops' });
});

test('a book that was never reached lets nobody in', async () => {
  bookIsAway = true;
  expect(await asked(await issue('shops'))).toEqual(refused('unavailable'));
});

test('one that is issued while the book is being read for another is let in at once', async () => {
  const held = Promise.withResolvers<undefined>();
  let rounds = 0;
  const slow = new Admissions({
    read: async (afterChange) => {
      rounds += 1;
      const changes = await readCertificateChanges(book, afterChange);
      if (rounds === 2) await held.promise;
      return changes;
    },
    now: () => atMs, elapsed: () => elapsedMs,
  });
  await slow.admit(made.certificate.subarray(1));
  const other = slow.admit(readPem((await issue('nobody', { entered: false })).certificate, ['CERTIFICATE'])!);
  await expect.poll(() => rounds).toBe(2);
  const mine = slow.admit(readPem((await issue('shops')).certificate, ['CERTIFICATE'])!);
  held.resolve(undefined);
  expect(await other).toEqual(refused('unknown'));
  expect(await mine).toMatchObject({ partner: 'shops' });
});

test('a hundred requests at once read the book once', async () => {
  const der = readPem((await issue('shops')).certificate, ['CERTIFICATE'])!;
  const admitted = await Promise.all(Array.from({ length: 100 }, async () => await admissions.admit(der)));
  for (const admission of admitted) expect(admission).toMatchObject({ partner: 'shops' });
  expect(reads).toBe(1);
});
