/** The certificate authority of the running program: `locum ca`, and the routes behind it. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openAuthorityKey } from '../../src/keys/authority-key.ts';
import { MasterKey } from '../../src/keys/master-key.ts';
import type { CertificateShown } from '../../src/program/operator-certificates.ts';
import { Openssl } from '../ca/openssl.ts';
import { locum } from '../cli/locum.ts';
import type { Ended } from '../cli/locum.ts';
import { emptyFolder, endAll, eventually, startProgram } from './fixture.ts';
import type { ProgramProcess } from './fixture.ts';

let tool: Openssl;
let program: ProgramProcess;

async function command(words: readonly string[], input = ''): Promise<Ended> {
  return await locum(['ca', ...words], { cwd: program.folder, env: { LOCUM_HTTP_PORT: String(program.httpPort) }, input });
}

/** Of a command that does what it is asked. */
async function told<T>(words: readonly string[], input = ''): Promise<T> {
  const { code, out, err } = await command([...words, '--json'], input);
  if (code !== 0) throw new Error(err);
  return JSON.parse(out) as T;
}

async function refused(words: readonly string[], input = ''): Promise<string> {
  const { code, out, err } = await command(words, input);
  expect({ code, out }).toEqual({ code: 1, out: '' });
  return err;
}

beforeAll(async () => {
  tool = await Openssl.find();
  program = await startProgram(emptyFolder());
  await eventually(async () => (await command(['list'])).code === 0, 'the book is open');
});
afterAll(endAll);

describe('before there is an authority', () => {
  test('nothing is signed, shown or listed as revoked, and each says what to do', async () => {
    const { request } = tool.ask('P-256');
    for (const [words, input] of [[['sign', '--partner', 'demo'], request], [['show'], ''], [['crl'], '']] as const) expect(await refused(words, input)).toContain('there is no certificate authority yet; locum ca init makes it');
    expect(await command(['list'])).toMatchObject({ code: 0, out: 'No such certificate was issued.\n' });
  });
});

describe('with one', () => {
  let caFile: string;
  beforeAll(async () => {
    const made = await told<{ readonly isNew: boolean; readonly certificate: string; readonly fingerprint: string }>(['init', '--by', 'mia', '--why', 'first partner', '--name', 'Test authority']);
    expect(made).toMatchObject({ isNew: true, subject: 'CN=Test authority', madeBy: 'mia', isSigningHere: true });
    caFile = tool.write('ca.pem', made.certificate);
    expect(await told(['init', '--name', 'Other'])).toEqual({ ...made, isNew: false });
    expect((await command(['init'])).out).toMatch(/^There is an authority already, and it stays as it is\.\n/);
  });

  async function sign(request: string, more: readonly string[] = []): Promise<CertificateShown> {
    return await told(['sign', '--partner', 'demo', ...more], request);
  }

  test('a partner\'s request becomes a certificate that openssl takes, and is in the list with who and why', async () => {
    const { request, privateKey } = tool.ask('RSA 2048');
    writeFileSync(join(program.folder, 'shop.csr'), request);
    expect(await command(['sign', 'shop.csr', '--partner', 'demo', '--days', '30', '--by', 'mia', '--why', 'contract', '--out', 'shop.pem'])).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/^Issued to the partner demo: serial number 40[0-9a-f]{32}, RSA 2048, good until .*\nWritten to shop\.pem\.\n$/) as string });
    const pem = readFileSync(join(program.folder, 'shop.pem'), 'utf8');
    tool.write('leaf.pem', pem);
    tool.write('leaf.key', privateKey);
    expect(tool.run('verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', caFile, 'leaf.pem')).toContain('OK');
    expect(tool.run('x509', '-in', 'leaf.pem', '-noout', '-pubkey')).toBe(tool.run('pkey', '-in', 'leaf.key', '-pubout'));
    const [issued] = await told<readonly CertificateShown[]>(['list', '--partner', 'demo', '--limit', '1']);
    expect(issued).toMatchObject({ partner: 'demo', state: 'good', subject: 'CN=demo', key: 'RSA 2048', issuedBy: 'mia', issuedWhy: 'contract', certificate: pem });
    expect(issued!.fingerprint).toBe(createHash('sha256').update(Buffer.from(pem.replaceAll(/-----.*-----|\s/g, ''), 'base64')).digest('hex'));
    const shown = await command(['show', issued!.serial.toUpperCase().replaceAll(/(..)(?=.)/g, '$1:')]);
    expect(shown.out).toContain(pem.trim());
    expect(tool.run('x509', '-in', tool.write('shown.txt', shown.out), '-noout', '-subject')).toContain('CN = demo');
    // A file that is there is not written over, and nothing is signed for it.
    const before = (await told<readonly CertificateShown[]>(['list'])).length;
    expect(await refused(['sign', 'shop.csr', '--partner', 'demo', '--out', 'shop.pem'])).toContain('shop.pem is there already');
    expect(await told<readonly CertificateShown[]>(['list'])).toHaveLength(before);
  });

  test('what is refused is told with its reason, and nothing of it is in the list', async () => {
    const before = await told<readonly CertificateShown[]>(['list']);
    const { request } = tool.ask('P-256');
    expect(await refused(['sign', '--partner', 'nobody'], request)).toContain('no program is for a partner nobody');
    expect(await refused(['sign', '--partner', 'demo'], 'no PEM')).toContain('this is not a certificate request in PEM');
    expect(await refused(['sign', '--partner', 'demo'], request + request)).toContain('there is more than one PEM block');
    expect(await refused(['sign', '--partner', 'demo'], tool.ask('rsa:1024').request)).toContain('an RSA key has 2048 to 8192 bits, and this one 1024');
    expect(await refused(['sign', '--partner', 'demo'], tool.ask('P-256', '/CN=x', '-addext', 'basicConstraints=CA:TRUE').request)).toContain('asks to be an authority');
    expect(await refused(['sign', '--partner', 'demo', '--days', '826'], request)).toContain('825');
    expect(await refused(['sign', 'nothing.csr', '--partner', 'demo'])).toContain('nothing.csr cannot be read (ENOENT)');
    expect(await refused(['show', '40'.repeat(17)])).toContain('no certificate has this serial number');
    expect(await refused(['revoke', '40'.repeat(17), '--why', 'x'])).toContain('no certificate has this serial number');
    expect(await command(['revoke', '--why', 'x'])).toMatchObject({ code: 2 });
    expect(await command(['sign'], request)).toMatchObject({ code: 2 });
    expect(await told(['list'])).toEqual(before);
  });

  test('a request that names another partner is refused for this one, and a key is one partner\'s', async () => {
    const added = await locum('tables set program other partner=other currency=EUR cvk=demo-cvk'.split(' '), { cwd: program.folder, env: { LOCUM_HTTP_PORT: String(program.httpPort) } });
    expect(added).toMatchObject({ code: 0, err: '' });
    const { request } = tool.ask('P-256', '/CN=Other');
    expect(await refused(['sign', '--partner', 'demo'], request)).toContain('the request names the partner other, and not demo');
    expect(await told(['sign', '--partner', 'other'], request)).toMatchObject({ partner: 'other', subject: 'CN=other' });
    const { request: mine } = tool.ask('P-256', '/CN=anything');
    await sign(mine);
    expect(await refused(['sign', '--partner', 'other'], mine)).toContain('this key was certified for another partner');
    expect(await sign(mine)).toMatchObject({ partner: 'demo' });
  });

  test('one that is revoked is so for ever, with who and why, and its key is not certified again', async () => {
    const { request } = tool.ask('Ed25519');
    const { serial, certificate } = await sign(request);
    expect(await command(['revoke', serial])).toMatchObject({ code: 2, err: expect.stringContaining('--why') as string });
    expect(await command(['revoke', serial, '--why', 'laptop stolen', '--by', 'tom'])).toMatchObject({ code: 0, out: `Revoked: ${serial}, of the partner demo.\n` });
    expect((await command(['revoke', serial, '--why', 'again'])).out).toMatch(/^It was revoked before, at .* UTC by tom: laptop stolen\n$/);
    expect(await told(['show', serial])).toMatchObject({ state: 'revoked', revoked: { by: 'tom', why: 'laptop stolen' } });
    expect(await refused(['sign', '--partner', 'demo'], request)).toContain('a certificate of this key was revoked');
    tool.write('list.pem', (await told<{ readonly list: string }>(['crl'])).list);
    tool.write('gone.pem', certificate);
    expect(() => tool.run('verify', '-crl_check', '-CAfile', caFile, '-CRLfile', 'list.pem', 'gone.pem')).toThrow('certificate revoked');
  });

  test('a certificate is let in as its partner\'s, and no more soon after it was revoked', async () => {
    const { serial, certificate } = await sign(tool.ask('P-256').request);
    const self = tool.run('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'self.key', '-subj', '/CN=demo', '-days', '2');
    expect(await command(['check'], certificate)).toMatchObject({ code: 0, out: `Let in, as the partner demo: serial number ${serial}.\n` });
    expect(await command(['check'], self)).toMatchObject({ code: 1, out: 'Refused: it is another authority\'s, or signed by itself.\n' });
    expect(await command(['check'], readFileSync(join(tool.folder, 'ca.pem'), 'latin1'))).toMatchObject({ code: 1, out: 'Refused: it has the authority\'s signature, and is not in the book.\n' });
    expect(await refused(['check'], 'no PEM')).toContain('this is not one certificate in PEM');
    await told(['revoke', serial, '--why', 'test']);
    await eventually(async () => (await command(['check'], certificate)).out === 'Refused: it is revoked.\n', 'it is refused');
  });

  test('all of a partner\'s are revoked at once', async () => {
    const good = async (): Promise<readonly CertificateShown[]> => await told(['list', '--partner', 'demo', '--state', 'good']);
    await sign(tool.ask('P-256').request);
    const before = await good();
    expect(before.length).toBeGreaterThan(0);
    const { certificates } = await told<{ readonly certificates: readonly CertificateShown[] }>(['revoke', '--partner', 'demo', '--why', 'contract ended']);
    expect(certificates.map(({ serial }) => serial).sort()).toEqual(before.map(({ serial }) => serial).sort());
    expect(await good()).toEqual([]);
    expect((await command(['revoke', '--partner', 'demo', '--why', 'x'])).out).toBe('The partner demo has no certificate that is not revoked.\n');
  });

  test('the private key is clear nowhere: not in a file of the data folder, not in the log; each use of it is in the access log', async () => {
    await sign(tool.ask('P-256').request);
    const data = join(program.folder, 'data');
    const key = openAuthorityKey(join(data, 'keys.json'), MasterKey.fromFile(join(data, 'master.key')))!.privateKey;
    const clear = [key.export({ type: 'pkcs8', format: 'der' }), Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url')];
    const forms = clear.flatMap((bytes) => [bytes, ...(['base64', 'base64url', 'hex'] as const).map((form) => Buffer.from(bytes.toString(form)))]);
    const files = (readdirSync(data, { recursive: true, encoding: 'utf8' })).map((name) => join(data, name)).filter((path) => existsSync(path) && statSync(path).isFile());
    expect(files.length).toBeGreaterThan(5);
    for (const file of files) for (const form of forms) expect(readFileSync(file).includes(form), file).toBe(false);
    for (const form of forms.slice(1, 4)) expect(program.output).not.toContain(form.toString('latin1'));
    expect(program.output).not.toContain('PRIVATE KEY');
    const uses = readFileSync(join(data, 'keys.json.log'), 'utf8').trim().split('\n').map((line) => (JSON.parse(line) as { readonly operation: string }).operation);
    expect(uses).toEqual(expect.arrayContaining(['make authority', 'sign certificate', 'sign revocations']));
    expect(program.of('partner certificate issued').length).toBeGreaterThan(0);
    expect(program.of('partner certificate revoked').length).toBeGreaterThan(0);
  });

  test('after the master key was rotated under the running switch it signs as before', async () => {
    const rotated = await locum(['key', 'rotate-master'], { cwd: program.folder });
    expect(rotated).toMatchObject({ code: 0 });
    expect(await sign(tool.ask('P-256').request)).toMatchObject({ state: 'good' });
  });

  test('after a restart it signs as before, and knows what it issued', async () => {
    const before = await told<readonly CertificateShown[]>(['list']);
    program.child.kill('SIGTERM');
    await program.ended;
    program = await startProgram(program.folder);
    await eventually(async () => (await command(['list'])).code === 0, 'the book is open');
    expect(await told(['list'])).toEqual(before);
    const { certificate } = await sign(tool.ask('P-256').request);
    expect(tool.run('verify', '-x509_strict', '-CAfile', caFile, tool.write('later.pem', certificate))).toContain('OK');
  });
});
