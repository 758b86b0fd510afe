/** What docs/people.md says of times, counts and signatures is so. */
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isSignedBy, sessionText } from '../../src/lifecycle/device-keys.ts';
import { pairingCodeMs } from '../../src/lifecycle/devices.ts';
import { lockMsFirst, lockMsMax, triesMax } from '../../src/lifecycle/lock-out.ts';
import { confirmationMs, nonceMs, secretTriesMax } from '../../src/lifecycle/sessions.ts';
import { confirmationMs as staffConfirmationMs, refusedMsMinDefault } from '../../src/lifecycle/staff-log-in.ts';
import { enrolmentMs, passwordLengthMin } from '../../src/lifecycle/staff.ts';

const docs = new URL('../../docs/', import.meta.url);
const page = readFileSync(new URL('people.md', docs), 'utf8');
const prose = page.replaceAll(/\s+/g, ' ');

test('its times and counts are those of the code', () => {
  for (const words of [
    `for ${pairingCodeMs / 60_000} minutes; a new one ends the one before`, `good once, for ${nonceMs / 1_000} seconds, signs it`, `in that session for ${confirmationMs / 1_000} seconds`,
    `After ${secretTriesMax} wrong secrets in a row`, `good once, for ${enrolmentMs / 3_600_000} hours`, `password of at least ${passwordLengthMin} characters`, `not earlier than ${refusedMsMinDefault / 1_000} second after`,
    `After ${triesMax} wrong tries in a row log-in is locked for ${lockMsFirst / 60_000} minute`, `up to ${lockMsMax / 60_000} minutes`, `a one-time code of the last ${staffConfirmationMs / 1_000} seconds`,
  ]) expect(prose).toContain(words);
});

test('what its command signs is a session\'s signature', () => {
  const [, command = ''] = /```sh\n([\s\S]*?)```/.exec(page) ?? [];
  const folder = mkdtempSync(join(tmpdir(), 'locum-people-'));
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writeFileSync(join(folder, 'device.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const [deviceId, nonce] = [`d_${'a'.repeat(22)}`, 'b'.repeat(43)];
  const signature = execFileSync('bash', ['-c', command], { cwd: folder, env: { ...process.env, deviceId, nonce }, encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  expect(isSignedBy(JSON.stringify(publicKey.export({ format: 'jwk' })), sessionText(deviceId, nonce), signature)).toBe(true);
});

test('its routes are those of the doors, and its links lead somewhere', () => {
  const { paths } = JSON.parse(readFileSync(new URL('openapi.json', docs), 'utf8')) as { paths: Record<string, Record<string, unknown>> };
  const named = [...page.matchAll(/`(GET|POST) (\/[^`]+)`/g)];
  expect(named.length).toBeGreaterThan(5);
  for (const [, method = '', path = ''] of named) expect(paths[path]?.[method.toLowerCase()], `${method} ${path}`).toBeDefined();
  for (const [, link = ''] of page.matchAll(/\]\(([a-z.-]+)\)/g)) expect(() => readFileSync(new URL(link, docs)), link).not.toThrow();
});
