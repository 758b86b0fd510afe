/** The authority's operations where things go wrong: on several switches of one book, cut off in the middle, without the book. */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Book } from '../../src/book/book.ts';
import { authorityDaysDefault, makeAuthority, validDaysDefault } from '../../src/ca/authority.ts';
import { writePem } from '../../src/ca/pem.ts';
import { AccessLog, accessLines } from '../../src/keys/access-log.ts';
import { rotateMasterKey } from '../../src/keys/master-key-rotation.ts';
import { MasterKey } from '../../src/keys/master-key.ts';
import { certificatesTold } from '../../src/office/certificate-desk.ts';
import type { CertificatesAsk, CertificatesTold } from '../../src/office/certificate-desk.ts';
import { OperationRefused } from '../../src/office/operation.ts';
import type { OperationInput } from '../../src/office/operation.ts';
import { AuthorityVault } from '../../src/program/authority-vault.ts';
import { certificateOperations } from '../../src/program/operator-certificates.ts';
import type { AuthorityMade, CertificateShown } from '../../src/program/operator-certificates.ts';
import { bookFixtures } from '../book/books.ts';
import type { BookFixture } from '../book/books.ts';
import { newKeyFile } from '../keys/key-file.ts';
import { Openssl } from '../ca/openssl.ts';

let fixture: BookFixture;
let book: Book;
let tool: Openssl;
beforeAll(async () => {
  fixture = await bookFixtures.embedded();
  tool = await Openssl.find();
});
afterAll(async () => await fixture.remove());
beforeEach(async () => {
  book = await fixture.open();
});

class TestSwitch {
  readonly keyFile: string;
  master: MasterKey;
  readonly vault: AuthorityVault;
  /** What becomes of what is asked of the book. */
  way: (ask: CertificatesAsk) => 'goes' | 'isLost' | 'answerIsLost' = () => 'goes';
  partners: readonly string[] = ['shops', 'banks'];
  atMs = Date.now();
  readonly logged: string[] = [];
  readonly #operations: ReturnType<typeof certificateOperations>;

  constructor({ path, master }: ReturnType<typeof newKeyFile> = newKeyFile()) {
    this.keyFile = path;
    this.master = master;
    this.vault = new AuthorityVault({ keyFile: path, openMaster: () => this.master, log: new AccessLog({ keyFile: path, user: 'test', process: 'test', now: () => this.atMs }) });
    this.#operations = certificateOperations({
      book: async (ask) => await this.#ask(ask), vault: this.vault, partners: () => this.partners, now: () => this.atMs, elapsed: () => performance.now(), randomBytes,
      log: { event: (name, fields) => this.logged.push(`${name} ${JSON.stringify(fields)}`) },
    });
  }

  async #ask(ask: CertificatesAsk): Promise<CertificatesTold> {
    const way = this.way(ask);
    const told = way === 'isLost' ? undefined : await certificatesTold(book, ask);
    return way === 'goes' && told !== undefined ? told : { what: 'bookAway', why: 'cut off' };
  }

  async run<Answer>(name: string, input: OperationInput = {}): Promise<Answer> {
    const operation = this.#operations.find((each) => each.name === name);
    if (operation === undefined) throw new Error(name);
    return await operation.run(input, 'mia') as Answer;
  }

  async make(): Promise<AuthorityMade> {
    return await this.run('make authority', { name: 'Ours', days: authorityDaysDefault });
  }

  async sign(partner = 'shops', more: OperationInput = {}): Promise<CertificateShown> {
    return await this.run('sign certificate', { partner, request: tool.ask('P-256').request, days: validDaysDefault, ...more });
  }

  async list(): Promise<readonly CertificateShown[]> {
    const { certificates } = await this.run<{ readonly certificates: readonly CertificateShown[] }>('list certificates', { state: 'all', limit: 100 });
    return certificates;
  }
}

async function refusalOf(work: Promise<unknown>): Promise<{ readonly status: number; readonly detail: string }> {
  try {
    await work;
  } catch (error) {
    if (error instanceof OperationRefused) return { status: error.status, detail: error.message };
    throw error;
  }
  throw new Error('it was not refused');
}

test('of several switches on a book the one with the key signs; each revokes, lists and checks, and all see it', async () => {
  const [first, second] = [new TestSwitch(), new TestSwitch()];
  expect(await first.make()).toMatchObject({ isNew: true, isSigningHere: true });
  expect(await second.run('show authority')).toMatchObject({ subject: 'CN=Ours', isSigningHere: false });
  for (const work of [second.make(), second.sign(), second.run('sign revocations')]) expect(await refusalOf(work)).toMatchObject({ status: 409, detail: expect.stringContaining('the switch that made it signs') as string });
  const { serial, certificate } = await first.sign();
  expect(await second.run('check certificate', { certificate })).toEqual({ partner: 'shops', serial });
  expect(await second.run('revoke certificate', { serial, why: 'lost' })).toMatchObject({ certificates: [{ serial, state: 'revoked' }] });
  expect(await first.list()).toMatchObject([{ serial, state: 'revoked', revoked: { by: 'mia', why: 'lost' } }]);
  expect(await first.run('revoke certificate', { serial, why: 'again' })).toMatchObject({ certificates: [], was: { revoked: { why: 'lost' } } });
});

test('of two switches that make it at once, one has it in the book', async () => {
  const switches = [new TestSwitch(), new TestSwitch()];
  const made = await Promise.allSettled(switches.map(async (each) => await each.make()));
  expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const at = made.findIndex(({ status }) => status === 'fulfilled');
  expect(await switches[at]!.sign()).toMatchObject({ state: 'good' });
  expect(await refusalOf(switches[1 - at]!.sign())).toMatchObject({ status: 409 });
});

test('a making that was cut off before or after the book had it is completed by the next, with the same key', async () => {
  for (const lost of ['isLost', 'answerIsLost'] as const) {
    book = await fixture.open();
    const one = new TestSwitch();
    one.way = ({ what }) => (what === 'enterAuthority' ? lost : 'goes');
    expect(await refusalOf(one.make())).toMatchObject({ status: 503 });
    const key = readFileSync(one.keyFile, 'utf8');
    one.way = () => 'goes';
    expect(await one.make()).toMatchObject({ isNew: lost === 'isLost', isSigningHere: true });
    expect(readFileSync(one.keyFile, 'utf8')).toBe(key);
    expect(await one.sign()).toMatchObject({ state: 'good' });
  }
});

test('a signing that the book did not answer gives no certificate; where it was entered the list has it', async () => {
  const one = new TestSwitch();
  await one.make();
  one.way = ({ what }) => (what === 'issue' ? 'isLost' : 'goes');
  expect(await refusalOf(one.sign())).toMatchObject({ status: 503 });
  one.way = ({ what }) => (what === 'issue' ? 'answerIsLost' : 'goes');
  expect(await refusalOf(one.sign())).toEqual({ status: 503, detail: 'the book did not say whether the certificate was entered (cut off); locum ca list tells, and locum ca show prints it' });
  one.way = () => 'goes';
  const [entered, ...more] = await one.list();
  expect(more).toEqual([]);
  expect(await one.run('check certificate', { certificate: entered!.certificate })).toEqual({ partner: 'shops', serial: entered!.serial });
});

test('without the book nothing is signed, revoked or listed, and each says so', async () => {
  const one = new TestSwitch();
  await one.make();
  one.way = () => 'isLost';
  for (const work of [one.make(), one.sign(), one.list(), one.run('sign revocations'), one.run('revoke certificates', { partner: 'shops', why: 'x' })]) expect(await refusalOf(work)).toMatchObject({ status: 503 });
  expect(await one.run('check certificate', { certificate: writePem('CERTIFICATE', makeAuthority('Other', 10, { now: () => Date.now(), randomBytes }).certificate) })).toEqual({ refused: 'unavailable' });
});

test('partners are those that programs name now', async () => {
  const one = new TestSwitch();
  await one.make();
  const { request } = tool.ask('P-256', '/CN=Banks');
  expect(await refusalOf(one.sign('shops', { request }))).toMatchObject({ status: 409, detail: 'the request names the partner banks, and not shops; whose is it?' });
  one.partners = ['shops'];
  expect(await refusalOf(one.sign('banks', { request }))).toMatchObject({ status: 404 });
  expect(await one.sign('shops', { request })).toMatchObject({ partner: 'shops' });
});

test('a certificate ends with the authority, and none is signed after it', async () => {
  const one = new TestSwitch();
  const { notAfter } = await one.run<AuthorityMade>('make authority', { name: 'Short', days: 10 });
  expect(await one.sign()).toMatchObject({ notAfter });
  one.atMs = Date.parse(notAfter);
  expect(await refusalOf(one.sign())).toMatchObject({ status: 409, detail: expect.stringContaining('ended') as string });
});

test('under a new master key it signs; with a key that was changed it refuses and says why, and the access log has each', async () => {
  const one = new TestSwitch();
  await one.make();
  const next = MasterKey.fromBytes(randomBytes(32));
  rotateMasterKey(one.keyFile, one.master, next, randomBytes);
  expect(await refusalOf(one.sign())).toMatchObject({ status: 503, detail: expect.stringContaining('master key') as string });
  one.master = next;
  expect(await one.sign()).toMatchObject({ state: 'good' });
  const file = JSON.parse(readFileSync(one.keyFile, 'utf8')) as { authority: { wrapped: string } };
  writeFileSync(one.keyFile, JSON.stringify({ ...file, authority: { ...file.authority, wrapped: randomBytes(200).toString('base64') } }));
  expect(await refusalOf(one.sign())).toMatchObject({ status: 503, detail: expect.stringContaining('is not what was wrapped') as string });
  const lines = [...accessLines(one.keyFile)].map(({ line }) => [line?.operation, line?.refused]);
  expect(lines).toEqual([['make authority', undefined], ['sign certificate', 'master_key_wrong'], ['sign certificate', undefined], ['sign certificate', 'key_damaged']]);
});
