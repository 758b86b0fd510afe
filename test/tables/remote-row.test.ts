/** What an issuer's row may say of a URL, and the sentence for each thing that it may not. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { LoopbackAuthority, pemOf } from '../../src/cli/host-certificates.ts';
import { rowFor } from '../../src/cli/host-keys.ts';
import { namedKeys } from '../../src/program/key-check.ts';
import { remoteSetup } from '../../src/program/remote-issuers.ts';
import { readIssuer, readTables } from '../../src/tables/tables.ts';
import { stopHosts } from '../switch/hosts.ts';
import { newKeys } from '../switch/remotes.ts';

afterAll(stopHosts);

const keys = newKeys();

interface RemoteDocument {
  readonly [name: string]: unknown;
}

const remote = (rowFor(keys, 8591) as { readonly remote: RemoteDocument }).remote;

function row(changes: Readonly<Record<string, unknown>> = {}, of: RemoteDocument = {}): Readonly<Record<string, unknown>> {
  const all = { ...remote, ...of };
  return { type: 'host', remote: Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)), ...changes };
}

function setup(of: RemoteDocument): ReturnType<typeof remoteSetup> {
  const read = readIssuer('partner', row({}, of));
  if (read.type !== 'host' || read.remote === undefined) throw new Error('it is no issuer at a URL');
  return remoteSetup(read, read.remote);
}

test('a row is reached over stations or at a URL: one of both, and only of the type host', () => {
  const sentence = (document: unknown): (() => unknown) => () => readIssuer('partner', document);
  expect(sentence({ type: 'host' })).toThrow('issuers.partner.stations must have a station at least, or the issuer a remote with its URL');
  expect(sentence(row({ stations: ['pos'] }))).toThrow('issuers.partner.remote and stations exclude each other: the issuer is reached one way');
  expect(sentence(row({ type: 'own' }))).toThrow('issuers.partner.remote is of the type host alone');
  expect(readIssuer('partner', row())).toMatchObject({ type: 'host', stations: [], remote: { origin: 'https://127.0.0.1:8591', path: '', connections: 16, pan: 'encrypted' } });
});

test.for([
  ['ftp://issuer.example', 'must be a URL that begins with https://'],
  ['issuer', 'must be a URL that begins with https://'],
  ['http://issuer.example/api', 'must begin with https://; http:// is for this machine alone (127.0.0.1, [::1], localhost)'],
  ['http://127.0.0.1.issuer.example', 'must begin with https://; http:// is for this machine alone (127.0.0.1, [::1], localhost)'],
  ['http://10.0.0.1', 'must begin with https://; http:// is for this machine alone (127.0.0.1, [::1], localhost)'],
  ['https://user:secret@issuer.example', 'must have no user and no password in it: the issuer knows us by certificate and signature'],
  ['https://issuer.example/?a=b', 'must have no query and no fragment'],
  ['https://issuer.example/#a', 'must have no query and no fragment'],
])('the URL %s is refused, and its place is named', ([url, sentence]) => {
  expect(() => readIssuer('partner', row({}, { url }))).toThrow(`issuers.partner.remote.url ${sentence}`);
});

test.for(['http://127.0.0.1:8080', 'http://localhost:8080/issuer/', 'http://[::1]:8080', 'http://127.9.9.9'])('plain HTTP to this machine is taken: %s', (url) => {
  expect(readIssuer('partner', row({}, { url, tls: undefined }))).toMatchObject({ remote: { origin: new URL(url).origin, tls: undefined } });
  expect(() => readIssuer('partner', row({}, { url }))).toThrow('issuers.partner.remote.tls is for https; the URL is http');
});

test('what belongs together is asked for', () => {
  const sentence = (of: RemoteDocument): (() => unknown) => () => readIssuer('partner', row({}, of));
  expect(sentence({ url: undefined })).toThrow('issuers.partner.remote.url is missing');
  expect(sentence({ signing: undefined })).toThrow('issuers.partner.remote.signing is missing');
  expect(sentence({ verification: [] })).toThrow('issuers.partner.remote.verification must have a key at least: an answer that nobody signed is none');
  expect(sentence({ verification: [{ keyId: 'a', publicKeyFile: 'x' }, { keyId: 'a', publicKeyFile: 'y' }] })).toThrow('issuers.partner.remote.verification has the key a a second time');
  expect(sentence({ encryption: undefined })).toThrow('issuers.partner.remote.encryption is missing: card numbers are encrypted with it; or pan says clear, or none');
  expect(sentence({ pan: 'clear' })).toThrow('issuers.partner.remote.encryption is for card numbers that are encrypted; pan says clear');
  expect(sentence({ tls: { certificateFile: 'x' } })).toThrow('issuers.partner.remote.tls.privateKeyFile is missing: certificate and private key go together');
  expect(sentence({ tls: { certificateFile: 'x', privateKeyFile: 'y', rejectUnauthorized: 'no' } })).toThrow('issuers.partner.remote.tls.rejectUnauthorized is unknown');
});

test('a file that is not there, or is no such key or certificate, is named before anything is asked', () => {
  const folder = keys;
  const wrong = join(folder, 'wrong.pem');
  writeFileSync(wrong, pemOf(generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey));
  const other = new LoopbackAuthority('other', { now: () => Date.now(), randomBytes }).issue('switch', 'clientAuth', []);
  writeFileSync(join(folder, 'other.key'), other.privateKey);
  const { tls } = remote as { readonly tls: Readonly<Record<string, string>> };
  const place = 'issuers.partner.remote';
  expect(() => setup({ signing: { keyId: 'a', privateKeyFile: join(folder, 'none') } })).toThrow(`${place}.signing.privateKeyFile can't be read: ${join(folder, 'none')} (ENOENT)`);
  expect(() => setup({ signing: { keyId: 'a', privateKeyFile: wrong } })).toThrow(`${place}.signing.privateKeyFile must be an Ed25519 key (EdDSA) or a P-256 key (ES256): ${wrong}`);
  expect(() => setup({ verification: [{ keyId: 'a', publicKeyFile: wrong }] })).toThrow(`${place}.verification[0].publicKeyFile is a private key; the public one belongs there: ${wrong}`);
  expect(() => setup({ encryption: { keyId: 'a', publicKeyFile: join(folder, 'issuer-signing.pub') } })).toThrow(`${place}.encryption.publicKeyFile must be an RSA key of 2048 bits or more, a P-256 key or an X25519 key`);
  expect(() => setup({ tls: { ...tls, authoritiesFile: wrong } })).toThrow(`${place}.tls.authoritiesFile is not a certificate in PEM: ${wrong}`);
  expect(() => setup({ tls: { ...tls, privateKeyFile: join(folder, 'other.key') } })).toThrow(`${place}.tls.privateKeyFile is not the key of the certificate in`);
  expect(setup({})).toMatchObject({ config: { signing: { algorithm: 'EdDSA' }, pan: { algorithm: 'ECDH-ES' } }, transport: { origin: 'https://127.0.0.1:8591' } });
  rmSync(wrong);
  expect(existsSync(wrong)).toBe(false);
});

test('the zone key that the issuer gets PINs under is one of the keys that are looked for', () => {
  const tables = readTables([{ kind: 'issuer', name: 'partner', document: row({}, { pin: { key: 'partner-zpk' } }) }], 0);
  expect(namedKeys(tables)).toContainEqual({ place: 'issuers.partner.remote.pin.key', name: 'partner-zpk', usage: 'zpk', form: undefined });
});
