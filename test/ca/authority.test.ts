/** What the authority signs, as openssl and Node read it. */
import { createPublicKey, randomBytes, X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { Authority, authorityDaysMax, fingerprintOf, makeAuthority, madeOf, validDaysMax } from '../../src/ca/authority.ts';
import { CaError } from '../../src/ca/ca-error.ts';
import { readPem, writePem } from '../../src/ca/pem.ts';
import { readRequest } from '../../src/ca/request.ts';
import { keyKinds, Openssl } from './openssl.ts';

const dayMs = 86_400_000;
const now = (): number => Date.now();
const outside = { now, randomBytes };

let tool: Openssl;
let made: ReturnType<typeof makeAuthority>;
let authority: Authority;
beforeAll(async () => {
  tool = await Openssl.find();
  made = makeAuthority('Test authority', 3_650, outside);
  authority = new Authority(made, outside);
  tool.write('ca.pem', writePem('CERTIFICATE', made.certificate));
});

function textOf(pem: string): string {
  return tool.run('x509', '-in', tool.write('shown.pem', pem), '-noout', '-text');
}

describe('the authority\'s own certificate', () => {
  test('is one of an authority that makes none below it, signed by itself', () => {
    const text = textOf(writePem('CERTIFICATE', made.certificate));
    expect(text).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0/);
    expect(text).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign/);
    expect(text).toContain('Subject: CN = Test authority');
    expect(tool.run('verify', '-x509_strict', '-CAfile', 'ca.pem', 'ca.pem')).toContain('OK');
    const certificate = new X509Certificate(made.certificate);
    expect(certificate.publicKey.equals(createPublicKey(made.privateKey))).toBe(true);
    expect((certificate.validToDate.getTime() - certificate.validFromDate.getTime()) / dayMs).toBe(3_650);
  });

  test('may end in another century half, and no later than it may', () => {
    const late = makeAuthority('Late', authorityDaysMax, { randomBytes, now: () => Date.UTC(2045, 0, 1) });
    expect(textOf(writePem('CERTIFICATE', late.certificate))).toMatch(/Not After : Dec 2\d .* 2064 GMT/);
    for (const days of [0, -1, 1.5, NaN, authorityDaysMax + 1]) expect(() => makeAuthority('x', days, outside)).toThrow(CaError);
  });
});

describe('a partner\'s certificate', () => {
  test.for(Object.keys(keyKinds))('for a key of %s is good for clients, by openssl\'s strict rules', (kind) => {
    const { request, privateKey } = tool.ask(kind);
    const { certificate } = authority.certify(readRequest(request), 'shops', 30);
    tool.write('leaf.pem', certificate);
    expect(tool.run('verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', 'ca.pem', 'leaf.pem')).toContain('OK');
    expect(() => tool.run('verify', '-purpose', 'sslserver', '-CAfile', 'ca.pem', 'leaf.pem')).toThrow('unsuitable certificate purpose');
    expect(new X509Certificate(certificate).publicKey.equals(createPublicKey(privateKey))).toBe(true);
  });

  test('names the partner in its subject and as a URI, whatever its request asked for, and is no authority', () => {
    const wishes = ['subjectAltName=URI:urn:locum:partner:other,DNS:bank.example', 'extendedKeyUsage=serverAuth', 'keyUsage=keyCertSign', '1.2.3.4.5=critical,ASN1:UTF8String:x'];
    const { request } = tool.ask('P-256', '/O=Other/CN=other', ...wishes.flatMap((wish) => ['-addext', wish]));
    const text = textOf(authority.certify(readRequest(request), 'shops', 30).certificate);
    expect(text).toMatch(/Subject: CN = shops\n/);
    expect(text).toMatch(/Subject Alternative Name: \s+URI:urn:locum:partner:shops\n/);
    expect(text).toMatch(/Basic Constraints: critical\s+CA:FALSE/);
    expect(text).toMatch(/Key Usage: critical\s+Digital Signature\n/);
    expect(text).toMatch(/Extended Key Usage: \s+TLS Web Client Authentication\n/);
    expect(text).not.toMatch(/other|bank|1\.2\.3\.4\.5/i);
    const identifier = (name: string, of: string): string | undefined => new RegExp(`${name} Key Identifier: \\s+([0-9A-F:]+)`).exec(of)?.[1];
    expect(identifier('Authority', text)).toBe(identifier('Subject', textOf(writePem('CERTIFICATE', made.certificate))));
    expect(identifier('Subject', text)).toHaveLength(59);
    expect(identifier('Subject', text)).not.toBe(identifier('Authority', text));
  });

  test('is told of as it is', () => {
    const certified = authority.certify(readRequest(tool.ask('P-256').request), 'shops', 30);
    const der = readPem(certified.certificate, ['CERTIFICATE'])!;
    expect(madeOf(der)).toEqual(certified);
    expect(certified).toMatchObject({ subject: 'CN=shops', fingerprint: fingerprintOf(der) });
    expect(tool.run('x509', '-in', tool.write('leaf.pem', certified.certificate), '-noout', '-fingerprint', '-sha256').replaceAll(':', '').toLowerCase()).toContain(certified.fingerprint);
    expect(tool.run('x509', '-in', 'leaf.pem', '-noout', '-serial').toLowerCase()).toContain(certified.serial);
    expect(certified.notBeforeMs).toBeLessThanOrEqual(now() - 290_000);
    expect(Math.abs(certified.notAfterMs - (now() + 30 * dayMs))).toBeLessThan(10_000);
  });

  test('has a serial number of 128 random bits behind a byte that keeps it positive', () => {
    const request = readRequest(tool.ask('P-256').request);
    const serials = Array.from({ length: 200 }, () => authority.certify(request, 'shops', 1).serial);
    expect(new Set(serials).size).toBe(200);
    for (const serial of serials) expect(serial).toMatch(/^40[0-9a-f]{32}$/);
    for (const random of [Buffer.alloc(16), Buffer.alloc(16, 0xff)]) {
      expect(new Authority(made, { now, randomBytes: () => random }).certify(request, 'shops', 1).serial).toBe(`40${random.toString('hex')}`);
    }
  });

  test('is good no longer than it may be, nor than the authority is', () => {
    const request = readRequest(tool.ask('P-256').request);
    for (const days of [0, -1, 0.5, validDaysMax + 1]) expect(() => authority.certify(request, 'shops', days)).toThrow(CaError);
    const short = makeAuthority('Short', 10, outside);
    const endsMs = madeOf(short.certificate).notAfterMs;
    expect(new Authority(short, outside).certify(request, 'shops', 30).notAfterMs).toBe(endsMs);
    expect(() => new Authority(short, { randomBytes, now: () => endsMs }).certify(request, 'shops', 30)).toThrow('the authority\'s certificate ended');
  });
});

describe('the list of what is revoked', () => {
  test('is one by which openssl refuses what is on it, and takes what is not', () => {
    const [gone, good] = [1, 2].map(() => authority.certify(readRequest(tool.ask('P-256').request), 'shops', 30));
    const list = authority.revocationList([{ serial: gone!.serial, revokedAtMs: now() }]);
    tool.write('list.pem', list);
    const number = /0x([0-9A-F]+)/i.exec(tool.run('crl', '-in', 'list.pem', '-noout', '-crlnumber'))?.[1] ?? '';
    expect(Math.abs(Number.parseInt(number, 16) - now())).toBeLessThan(10_000);
    expect(tool.run('crl', '-in', 'list.pem', '-noout', '-text')).toContain(gone!.serial.toUpperCase());
    const check = ['verify', '-x509_strict', '-crl_check', '-CAfile', 'ca.pem', '-CRLfile', 'list.pem'];
    expect(() => tool.run(...check, tool.write('gone.pem', gone!.certificate))).toThrow('certificate revoked');
    expect(tool.run(...check, tool.write('good.pem', good!.certificate))).toContain('OK');
  });

  test('may be empty', () => {
    tool.write('empty.pem', authority.revocationList([]));
    expect(tool.run('crl', '-in', 'empty.pem', '-noout', '-text', '-CAfile', 'ca.pem')).toContain('No Revoked Certificates');
  });
});
