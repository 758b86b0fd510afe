import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Book } from '../../src/book/book.ts';
import { enterAuthority, enterCertificate, readAuthority, readCertificateChanges, readCertificates, revokeCertificates } from '../../src/book/certificates.ts';
import type { BookedAuthority, IssuedCertificate } from '../../src/book/certificates.ts';
import { bookFixtures } from './books.ts';
import type { BookFixture } from './books.ts';

const atMs = Date.UTC(2027, 0, 1);
const authority: BookedAuthority = { fingerprint: 'a1', certificate: 'PEM', subject: 'CN=Ours', notBeforeMs: atMs, notAfterMs: atMs + 1e10, madeAtMs: atMs, madeBy: 'mia', why: 'first' };
let count = 0;

function issued(partner: string, more: Partial<IssuedCertificate> = {}): IssuedCertificate {
  count += 1;
  return {
    serial: `40${randomBytes(16).toString('hex')}`, authority: 'a1', partner, subject: `CN=${partner}`, fingerprint: randomBytes(32).toString('hex'), keyDigest: randomBytes(32).toString('hex'),
    keyWords: 'P-256', notBeforeMs: atMs, notAfterMs: atMs + 1e9, certificate: 'PEM', issuedAtMs: atMs + count * 1_000, issuedBy: 'mia', issuedWhy: 'new', ...more,
  };
}

describe.each(Object.keys(bookFixtures) as (keyof typeof bookFixtures)[])('certificates in the %s book', (kind) => {
  let fixture: BookFixture;
  let book: Book;
  beforeAll(async () => {
    fixture = await bookFixtures[kind]();
  });
  afterAll(async () => {
    await fixture.remove();
  });
  beforeEach(async () => {
    book = await fixture.open();
  });

  test('the authority is one: the first stays', async () => {
    expect(await readAuthority(book)).toBeUndefined();
    expect(await enterAuthority(book, authority)).toEqual(authority);
    expect(await enterAuthority(book, { ...authority, fingerprint: 'b2' })).toEqual(authority);
    expect(await readAuthority(book)).toEqual(authority);
  });

  test('what is issued is there as it was issued, and is another authority\'s never', async () => {
    expect(await enterCertificate(book, issued('shops'))).toBe('otherAuthority');
    await enterAuthority(book, authority);
    const [first, second] = [issued('shops'), issued('banks')];
    expect(await enterCertificate(book, first)).toBeUndefined();
    expect(await enterCertificate(book, second)).toBeUndefined();
    expect(await enterCertificate(book, issued('shops', { authority: 'b2' }))).toBe('otherAuthority');
    expect(await readCertificates(book, { limit: 10 })).toMatchObject([second, first]);
    expect(await readCertificates(book, { partner: 'shops', limit: 10 })).toMatchObject([{ ...first, revoked: undefined }]);
    expect(await readCertificates(book, { serial: second.serial, limit: 1 })).toMatchObject([second]);
    expect(await readCertificates(book, { goodAtMs: second.notAfterMs, limit: 10 })).toEqual([]);
    expect(await readCertificates(book, { limit: 1 })).toHaveLength(1);
  });

  test('a key is one partner\'s, may be certified again, and not after it was revoked', async () => {
    await enterAuthority(book, authority);
    const first = issued('shops');
    await enterCertificate(book, first);
    expect(await enterCertificate(book, issued('banks', { keyDigest: first.keyDigest }))).toBe('otherPartner');
    expect(await enterCertificate(book, issued('shops', { keyDigest: first.keyDigest }))).toBeUndefined();
    await revokeCertificates(book, { serial: first.serial }, { atMs, by: 'mia', why: 'lost' });
    expect(await enterCertificate(book, issued('shops', { keyDigest: first.keyDigest }))).toBe('revokedKey');
  });

  test('of two partners who come with one key at once, one gets it', async () => {
    await enterAuthority(book, authority);
    const keyDigest = 'k'.repeat(64);
    const outcomes = await Promise.all(['shops', 'banks', 'clubs'].map(async (partner) => await enterCertificate(book, issued(partner, { keyDigest }))));
    expect(outcomes.filter((outcome) => outcome === undefined)).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'otherPartner')).toHaveLength(2);
  });

  test('a revocation says who, when and why, is made once, and is never taken back', async () => {
    await enterAuthority(book, authority);
    const [first, second, other] = [issued('shops'), issued('shops'), issued('banks')];
    for (const each of [first, second, other]) await enterCertificate(book, each);
    const revocation = { atMs: atMs + 5_000, by: 'tom', why: 'stolen' };
    expect(await revokeCertificates(book, {}, revocation)).toEqual([]);
    expect(await revokeCertificates(book, { serial: first.serial }, revocation)).toMatchObject([{ serial: first.serial, revoked: revocation }]);
    expect(await revokeCertificates(book, { serial: first.serial }, { ...revocation, why: 'again' })).toEqual([]);
    expect(await revokeCertificates(book, { partner: 'shops' }, { ...revocation, why: 'end' })).toMatchObject([{ serial: second.serial }]);
    expect((await readCertificates(book, { state: 'revoked', limit: 10 })).map(({ serial, revoked }) => [serial, revoked?.why])).toEqual([[second.serial, 'end'], [first.serial, 'stolen']]);
    expect((await readCertificates(book, { state: 'good', limit: 10 })).map(({ serial }) => serial)).toEqual([other.serial]);
    for (const statement of [
      `update partner_certificate set revoked_at = null, revoked_by = null, revoked_why = null where serial = '${first.serial}'`, `update partner_certificate set partner = 'shops' where serial = '${other.serial}'`,
      `delete from partner_certificate where serial = '${other.serial}'`, `delete from authority`,
    ]) await expect(book.query(statement), statement).rejects.toThrow();
  });

  test('who reads the changes one after the other misses none, and reads each once, while several write', async () => {
    await enterAuthority(book, authority);
    const all = Array.from({ length: 24 }, () => issued('shops'));
    const seen: string[] = [];
    let last = 0;
    const read = async (): Promise<void> => {
      const { certificates, lastChange, authority: pem } = await readCertificateChanges(book, last);
      expect(pem).toBe('PEM');
      last = lastChange;
      seen.push(...certificates.map(({ serial, revokedAtMs }) => `${serial} ${revokedAtMs === undefined ? 'good' : 'revoked'}`));
    };
    const state = { writing: true };
    const wrote = Promise.all(all.map(async (each) => await enterCertificate(book, each))).then(async () => await Promise.all(all.slice(0, 8).map(async ({ serial }) => await revokeCertificates(book, { serial }, { atMs, by: 'mia', why: 'x' })))).finally(() => {
      state.writing = false;
    });
    while (state.writing) await read();
    await wrote;
    await read();
    await read();
    expect(new Set(seen).size).toBe(seen.length);
    expect(new Set(seen.map((line) => line.slice(0, 34))).size).toBe(24);
    expect(seen.filter((line) => line.endsWith('revoked'))).toHaveLength(8);
  });
});
