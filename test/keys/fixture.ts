/** The software HSM on a key file, or on keys without one. */
import { createSecretKey, randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FixedCardValueCheck } from '../../src/keys/card-value-operations.ts';
import type { KeyInfo } from '../../src/keys/hsm.ts';
import { loadKeys } from '../../src/keys/key-store.ts';
import type { LoadedKey } from '../../src/keys/key-store.ts';
import { checkValueOf } from '../../src/keys/key-usage.ts';
import { MasterKey } from '../../src/keys/master-key.ts';
import { SoftwareHsm } from '../../src/keys/software-hsm.ts';
import { makeDemoKeys } from '../../src/program/demo-keys.ts';
import { Pan } from '../../src/message/pan.ts';
import { goesWithUs } from '../servers/children.ts';
import { Secret } from '../../src/message/secret.ts';
import type { KeyFixture } from './key-file.ts';

export function openHsm({ path, master }: KeyFixture): SoftwareHsm {
  return new SoftwareHsm(loadKeys(path, master), { random: randomBytes, now: () => Date.now() });
}

/** The CVKs (name to hex) without a key file: published ones are weak, repeated or of any parity, and would be refused there. */
export function hsmOf(cvks: Readonly<Record<string, string>>): SoftwareHsm {
  const loaded = (name: string, usage: KeyInfo['usage'], algorithm: KeyInfo['algorithm'], clear: Uint8Array): LoadedKey => ({
    info: { name, version: 1, usage, algorithm, kcv: checkValueOf(algorithm, clear) }, key: createSecretKey(clear),
  });
  const vault = [loaded('token', 'token', 'hmac-sha256', randomBytes(32)), loaded('pan', 'pan', 'aes-256', randomBytes(32))];
  const keys = Object.entries(cvks).map(([name, hex]) => loaded(name, 'cvk', 'tdes-2key', Buffer.from(hex, 'hex')));
  return new SoftwareHsm([...vault, ...keys], { random: randomBytes, now: () => 0 });
}

export function pan(digits: string): Pan {
  const parsed = Pan.parse(digits);
  if (parsed === undefined) throw new Error('not a PAN');
  return parsed;
}

/** A check of three digits as the algorithm's own inputs name it: 999 is an iCVV, 000 a CVV2. */
export function checkOf(key: string, digits: string, expiry: string, serviceCode: string, value: string): FixedCardValueCheck {
  const subject = { key: { name: key }, pan: pan(digits), expiry, value: new Secret(value) };
  if (serviceCode === '999') return { ...subject, kind: 'icvv' };
  if (serviceCode === '000') return { ...subject, kind: 'cvv2' };
  return { ...subject, kind: 'cvv', serviceCode };
}

/** The demo's key file. */
export function demoKeyFile(): KeyFixture {
  const path = join(goesWithUs(mkdtempSync(join(tmpdir(), 'locum-keys-'))), 'keys.json');
  const master = MasterKey.fromBytes(randomBytes(32));
  makeDemoKeys(path, master, randomBytes);
  return { path, master };
}
