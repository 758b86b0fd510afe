/**
 * What card cryptography costs on one core, per operation, in microseconds: each as the switch asks for it, CVV checks also in the
 * batches that a turn of the event loop gathers.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CardValue, CardValueCheck } from '../src/keys/hsm-card-value.ts';
import type { ChipProfileName, ChipSubject, CryptogramCheck } from '../src/keys/hsm-chip.ts';
import type { EncipheredPin, PinFormat, PinKey } from '../src/keys/hsm-pin.ts';
import type { Check, Order } from '../src/keys/hsm.ts';
import type { SoftwareHsm } from '../src/keys/software-hsm.ts';
import { Pan } from '../src/message/pan.ts';
import { goesWithUs } from '../test/servers/children.ts';
import { Secret } from '../src/message/secret.ts';
import { benchVault } from './cards.ts';

export interface KeysFigure {
  readonly operation: string;
  readonly microseconds: number;
}

const profiles: readonly ChipProfileName[] = ['visa-cvn10', 'visa-cvn14', 'visa-cvn17', 'visa-cvn18', 'visa-cvn22', 'mastercard-cvn16', 'mastercard-cvn17', 'emv-common'];
const clear = new Secret('1234');
const pvv = { method: 'pvv' } as const;
const frame = randomBytes(200);

/** Runs each operation about `count` times, after a tenth of it to warm up. */
export function run(count = 50_000): readonly KeysFigure[] {
  const hsm = benchVault(goesWithUs(mkdtempSync(join(tmpdir(), 'locum-bench-keys-'))));
  const pans = Array.from({ length: 256 }, (_, index) => Pan.parse(`476173000000${String(1000 + index)}`)!);
  const figures: KeysFigure[] = [];
  let next = 0;
  const one = (operation: string, calls: number, call: (pan: Pan) => unknown): void => {
    figures.push(measured(operation, calls, 1, () => call(pans[next++ & 255]!)));
  };
  const checkOf = (operation: string, checks: readonly Check[]): void => {
    for (const verdict of hsm.verify(checks)) if (verdict !== 'match') throw new Error(`${operation} is not verified`);
    figures.push(measured(operation, count, 1, () => hsm.verify([checks[next++ % checks.length]!])));
  };

  const values = pans.map((pan) => withValue(hsm, { kind: 'cvv', key: { name: 'demo-cvk' }, pan, expiry: '3112', serviceCode: '201' }));
  for (const size of [1, 8, 64, 256]) figures.push(measured(`CVV check, ${size} a turn`, count, size, () => hsm.verify(values.slice(0, size))));
  checkOf('CVV2 check, generation 3', pans.map((pan) => withValue(hsm, { kind: 'cvv2', key: { name: 'demo-cvk' }, pan, expiry: '3112', generation: 3 })));
  checkOf('dCVV check', pans.map((pan) => withValue(hsm, { kind: 'dcvv', key: { name: 'demo-imk-cvc' }, pan, panSequence: '00', atc: 7, expiry: '3112', serviceCode: '201' })));
  const zone: PinKey = { zone: { name: 'demo-zpk' } };
  checkOf('PVV check, zone key, format 0', pans.map((pan) => pinCheck(hsm, pan, zone, 0)));
  checkOf('PVV check, DUKPT TDES, format 0', pans.map((pan) => pinCheck(hsm, pan, { base: { name: 'demo-bdk' }, keySerial: 'FFFF9876543210E00008' }, 0)));
  checkOf('PVV check, DUKPT AES, format 4', pans.map((pan) => pinCheck(hsm, pan, { base: { name: 'demo-bdk-aes' }, keySerial: '123456789012345600000008' }, 4)));
  one('PIN translation, 0 to 3', count, (pan) => hsm.produce([{ kind: 'pinTranslation', from: pinOf(hsm, pan, zone, 0), to: { key: zone, format: 3 } }]));
  for (const profile of profiles) checkOf(`ARQC check, ${profile}`, pans.map((pan) => cryptogramCheck(hsm, pan, profile)));
  const answered = pans.map((pan) => ({ ...cryptogramCheck(hsm, pan, 'visa-cvn18'), kind: 'responseCryptogram', responseCode: '00', cardStatusUpdate: '00820000' }) as const);
  made(hsm, answered[0]!);
  figures.push(measured('ARPC, visa-cvn18', count, 1, () => hsm.produce([answered[next++ & 255]!])));
  checkOf('CAVV check', pans.map((pan) => authenticationCheck(hsm, pan)));
  const mac = { kind: 'mac', key: { name: 'demo-zak' }, algorithm: 'retail', data: frame, length: 8 } as const;
  checkOf('MAC check of 200 bytes', [{ ...mac, mac: made(hsm, mac) }]);
  one('card token', count, (pan) => hsm.cardToken(pan));
  one('PAN sealed', count / 4, (pan) => hsm.encryptPan(pan, 'row'));
  const sealed = pans.map((pan) => hsm.encryptPan(pan, 'row'));
  figures.push(measured('PAN opened', count / 4, 1, () => hsm.decryptPan(sealed[next++ & 255]!, 'row')));
  return figures;
}

function made(hsm: SoftwareHsm, order: Order): Secret<string> {
  const [product] = hsm.produce([order]);
  if (product === undefined || 'error' in product) throw new Error(`${order.kind}: ${product?.error.reason ?? 'no answer'}`);
  return product.value;
}

function withValue(hsm: SoftwareHsm, value: CardValue): CardValueCheck {
  return { ...value, value: made(hsm, value) };
}

function pinOf(hsm: SoftwareHsm, pan: Pan, key: PinKey, format: PinFormat): EncipheredPin {
  return { block: made(hsm, { kind: 'pinBlock', clear, format, key, pan }), format, key, pan };
}

function pinCheck(hsm: SoftwareHsm, pan: Pan, key: PinKey, format: PinFormat): Check {
  const pvk = { name: 'demo-pvk' };
  const value = made(hsm, { kind: 'pinReference', pin: { clear, pan }, key: pvk, keyIndex: 1, rules: pvv }).reveal();
  return { kind: 'pin', pin: pinOf(hsm, pan, key, format), key: pvk, rules: pvv, reference: { method: 'pvv', keyIndex: 1, value } };
}

function chip(pan: Pan, profile: ChipProfileName): ChipSubject {
  return { pan, panSequence: '01', masterKeyOption: 'A', profile };
}

/** Issuer application data of each profile's own layout. */
const applicationData: Partial<Record<ChipProfileName, string>> = {
  'visa-cvn10': '06010A03A00000', 'visa-cvn14': '06010E03A00000', 'visa-cvn17': '06011103A00000', 'visa-cvn18': '06011203A00000',
  'visa-cvn22': '1F220100000000000000000000000000000000000000000000000000000000', 'mastercard-cvn16': '0110A04003240000000000000000000000FF', 'mastercard-cvn17': '0111A04003240000000000000000000000FF',
};

function tagsOf(profile: ChipProfileName): Map<string, string> {
  return new Map([
    ['82', '1800'], ['95', '8000048000'], ['9A', '261122'], ['9C', '00'], ['9F02', '000000001250'], ['9F03', '000000000000'], ['9F1A', '0276'], ['5F2A', '0978'],
    ['9F36', '001C'], ['9F37', '52BF4585'], ['9F10', applicationData[profile] ?? '06011203A00000'],
  ]);
}

function cryptogramCheck(hsm: SoftwareHsm, pan: Pan, profile: ChipProfileName): CryptogramCheck {
  const order = { kind: 'cryptogram', key: { name: 'demo-imk-ac' }, ...chip(pan, profile), tags: tagsOf(profile) } as const;
  return { ...order, tags: new Map([...order.tags, ['9F26', made(hsm, order).reveal()]]) };
}

function authenticationCheck(hsm: SoftwareHsm, pan: Pan): Check {
  const facts = { kind: 'authentication', key: { name: 'demo-cavv' }, form: 'visa-cavv-0', pan, amount: { amountMinor: 1250, currency: '978' }, transactionId: '' } as const;
  return { ...facts, value: made(hsm, { ...facts, trackingNumber: '0123456789012345' }) };
}

/** Microseconds for one of the `size` operations that a call makes. */
function measured(operation: string, count: number, size: number, call: () => unknown): KeysFigure {
  const calls = Math.max(1, Math.ceil(count / size));
  for (let index = 0; index < calls / 10; index++) call();
  const startedAtNs = process.hrtime.bigint();
  for (let index = 0; index < calls; index++) call();
  const elapsedNs = Number(process.hrtime.bigint() - startedAtNs);
  return { operation, microseconds: elapsedNs / (calls * size) / 1000 };
}

if (import.meta.main) {
  for (const { operation, microseconds } of run()) console.log(`${operation.padEnd(34)} ${microseconds.toFixed(2)} µs`);
}
