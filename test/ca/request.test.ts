/** What partners send, and what nobody should: requests made by openssl, and changed. */
import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { CaError } from '../../src/ca/ca-error.ts';
import type { CaErrorCode } from '../../src/ca/ca-error.ts';
import { readPem, writePem } from '../../src/ca/pem.ts';
import { readRequest, requestCharactersMax } from '../../src/ca/request.ts';
import { keyKinds, Openssl } from './openssl.ts';

let tool: Openssl;
beforeAll(async () => {
  tool = await Openssl.find();
});

function refusalOf(text: string): CaErrorCode | 'taken' {
  try {
    readRequest(text);
    return 'taken';
  } catch (error) {
    if (error instanceof CaError) return error.code;
    throw error;
  }
}

function bytesOf(request: string): Buffer {
  return readPem(request, ['CERTIFICATE REQUEST'])!;
}

function asPem(der: Uint8Array): string {
  return writePem('CERTIFICATE REQUEST', der);
}

/** Tag, definite length, content. */
function element(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  return Buffer.concat([Buffer.from(length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff]), content]);
}

describe('what is taken', () => {
  test.for(Object.keys(keyKinds))('a request with a key of %s gives that key, and the name that it has', (kind) => {
    const { request, privateKey } = tool.ask(kind, '/C=DE/CN=back end/O=Shops');
    const read = readRequest(request);
    expect(read).toMatchObject({ keyWords: kind, commonName: 'back end' });
    expect(read.publicKey.equals(createPublicKey(privateKey))).toBe(true);
    expect(read.keyDigest).toMatch(/^[0-9a-f]{64}$/);
  });

  test.for(['-sha384', '-sha512'])('a request signed with %s is taken', (hash) => {
    expect(refusalOf(tool.ask('RSA 2048', '/CN=x', hash).request)).toBe('taken');
    expect(refusalOf(tool.ask('P-256', '/CN=x', hash).request)).toBe('taken');
  });

  test('a request without a name, with other line ends and white space around it, is taken', () => {
    const { request } = tool.ask('P-256', '/');
    expect(readRequest(`\n\n  ${request.replaceAll('\n', '\r\n')}\n`).commonName).toBeUndefined();
    expect(refusalOf(request.replaceAll('CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'))).toBe('taken');
  });

  test('extensions that it asks for are left aside, also when they are of no known kind', () => {
    const wishes = ['subjectAltName=URI:urn:locum:partner:other', 'extendedKeyUsage=serverAuth', 'keyUsage=keyCertSign', 'basicConstraints=CA:FALSE', '1.2.3.4.5=critical,ASN1:UTF8String:anything'];
    expect(refusalOf(tool.ask('P-256', '/CN=x', ...wishes.flatMap((wish) => ['-addext', wish])).request)).toBe('taken');
  });
});

describe('what is refused', () => {
  test.for<[kind: string, why: string]>([
    ['rsa:1024', 'too short'], ['ec -pkeyopt ec_paramgen_curve:secp521r1', 'another curve'], ['ec -pkeyopt ec_paramgen_curve:secp256k1', 'another curve'], ['ed448', 'another kind'],
    ['rsa-pss -pkeyopt rsa_keygen_bits:2048', 'another kind'], ['ec -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit', 'a curve of its own'],
    ['rsa:2048 -pkeyopt rsa_keygen_pubexp:3', 'a small exponent'],
  ])('a key of %s', ([kind]) => {
    expect(refusalOf(tool.ask(kind, '/CN=x', '-sha256').request)).toBe('request_key_refused');
  });

  test('a signature with an old hash', () => {
    expect(refusalOf(tool.ask('RSA 2048', '/CN=x', '-sha1').request)).toBe('request_signature_wrong');
    expect(refusalOf(tool.ask('P-256', '/CN=x', '-sha1').request)).toBe('request_signature_wrong');
  });

  test('a signature that is wrong, wherever a bit of what is signed or of the signature is another', () => {
    const der = bytesOf(tool.ask('P-256').request);
    const name = der.indexOf('back end');
    const changed = Buffer.from(der);
    changed.write('buck', name);
    expect(refusalOf(asPem(changed))).toBe('request_signature_wrong');
    const signature = Buffer.from(der);
    signature[der.length - 1]! ^= 1;
    expect(refusalOf(asPem(signature))).toBe('request_signature_wrong');
  });

  test('the public key of another in a request of one\'s own', () => {
    const [mine, theirs] = [tool.ask('P-256'), tool.ask('P-256')];
    const key = (privateKey: string): Buffer => createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
    const der = bytesOf(mine.request);
    const swapped = Buffer.from(der);
    key(theirs.privateKey).copy(swapped, der.indexOf(key(mine.privateKey)));
    expect(refusalOf(asPem(swapped))).toBe('request_signature_wrong');
  });

  test('a request to be an authority', () => {
    expect(refusalOf(tool.ask('P-256', '/CN=x', '-addext', 'basicConstraints=critical,CA:TRUE').request)).toBe('request_asks_authority');
    expect(refusalOf(tool.ask('P-256', '/CN=x', '-addext', 'basicConstraints=CA:TRUE,pathlen:0').request)).toBe('request_asks_authority');
  });

  test('a subject with characters that are not printed', () => {
    for (const name of ['a\u0000b', 'a\u001b[2Jb', 'a\nb', 'a\u202eb', 'a\u200bb', 'a\u2028b', 'x'.repeat(257)]) {
      expect(refusalOf(signedRequest(name)), JSON.stringify(name)).toBe('request_name_refused');
    }
    expect(refusalOf(signedRequest('Käse & Söhne'))).toBe('taken');
  });

  test('what is too long, an extension that is huge among it', () => {
    const { request } = tool.ask('P-256', '/CN=x', '-addext', `1.2.3.4.5=ASN1:UTF8String:${'x'.repeat(20_000)}`);
    expect(refusalOf(request)).toBe('request_too_long');
    expect(refusalOf('x'.repeat(requestCharactersMax + 1))).toBe('request_too_long');
  });

  test('no PEM, another PEM, several of them, and a private key beside the request', () => {
    const { request, privateKey } = tool.ask('P-256');
    for (const text of ['', '\0\0', 'hello', '-----BEGIN CERTIFICATE REQUEST-----', request.replace('BEGIN', 'BEGUN'), request.replace('END CERTIFICATE REQUEST', 'END CERTIFICATE'), privateKey, `x${request}`, `${request}x`, request.replace('\nM', '\n!'), asPem(Buffer.alloc(0))]) {
      expect(refusalOf(text), text).toBe('request_malformed');
    }
    expect(refusalOf(request + request)).toBe('request_malformed');
    expect(refusalOf(privateKey + request)).toBe('request_malformed');
  });

  test('bytes behind the request, bytes missing, and what only begins like one', () => {
    const der = bytesOf(tool.ask('P-256').request);
    expect(refusalOf(asPem(Buffer.concat([der, Buffer.from([0])])))).toBe('request_malformed');
    for (let length = 1; length < der.length; length += 7) expect(refusalOf(asPem(der.subarray(0, length)))).toBe('request_malformed');
    for (const junk of [element(0x30), element(0x30, element(0x30), element(0x30), element(0x03, Buffer.from([0]))), Buffer.from([0x30, 0x80, 0, 0]), Buffer.from([0x30, 0x84, 0xff, 0xff, 0xff, 0xff])]) expect(refusalOf(asPem(junk))).toBe('request_malformed');
  });

  test('thousands of elements within each other, at once', () => {
    let nested: Buffer = Buffer.from([0x05, 0x00]);
    while (nested.length < 11_000) nested = element(0x30, nested);
    expect(refusalOf(asPem(nested))).toBe('request_malformed');
    expect(refusalOf(asPem(element(0x30, Buffer.alloc(11_000))))).toBe('request_malformed');
  });
});

test('whatever bytes are changed in a request, it is taken only where nothing that is signed is another, and refused by a reason of ours', () => {
  const der = bytesOf(tool.ask('P-256', '/CN=x', '-addext', 'subjectAltName=DNS:x').request);
  const signedEnd = der.indexOf(Buffer.from('06082a8648ce3d040302', 'hex')) - 2;
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(der.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), (changes) => {
      const changed = Buffer.from(der);
      for (const [at, byte] of changes) changed[at] = byte;
      const refusal = refusalOf(asPem(changed));
      // Of the rest, a bit string's unused bits say nothing.
      if (refusal === 'taken') expect(changed.subarray(0, signedEnd).equals(der.subarray(0, signedEnd))).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test('whatever text is given, it is refused by a reason of ours', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.uint8Array({ maxLength: 200 }).map((bytes) => asPem(bytes))), (text) => refusalOf(text) !== 'taken'), { numRuns: 300 });
});

/** A request with this name, made by hand: openssl itself takes no such name. */
function signedRequest(name: string): string {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const commonName = element(0x30, Buffer.from('0603550403', 'hex'), element(0x0c, Buffer.from(name, 'utf8')));
  const info = element(0x30, Buffer.from('020100', 'hex'), element(0x30, element(0x31, commonName)), publicKey.export({ type: 'spki', format: 'der' }), element(0xa0));
  const algorithm = Buffer.from('300a06082a8648ce3d040302', 'hex');
  return asPem(element(0x30, info, algorithm, element(0x03, Buffer.from([0]), sign('sha256', info, privateKey))));
}
