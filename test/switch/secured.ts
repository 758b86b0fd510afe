/** Adds to a message what a terminal adds: a PIN block, a chip's data, an authentication value; made with the demo's keys. */
import { macField, macPlace } from '../../src/dialect/mac-place.ts';
import type { Draft } from '../../src/iso8583/draft.ts';
import { writePlace } from '../../src/dialect/places.ts';
import type { ChipProfileName } from '../../src/keys/hsm-chip.ts';
import type { PinFormat, PinKey } from '../../src/keys/hsm-pin.ts';
import type { Order } from '../../src/keys/hsm.ts';
import { Pan } from '../../src/message/pan.ts';
import { Secret } from '../../src/message/secret.ts';
import { card } from './fixture.ts';
import type { RunningSwitch } from './fixture.ts';

export interface At {
  readonly running: RunningSwitch;
  /** The station's name. */
  readonly name: string;
}

/** Makes a value with the switch's own keys. */
export function make({ hsm }: RunningSwitch, order: Order): string {
  const [product] = hsm.produce([order]);
  if (product === undefined || 'error' in product) throw new Error(`${order.kind}: ${product?.error.reason ?? 'no answer'}`);
  return product.value.reveal();
}

export function panOf(digits: string): Pan {
  const pan = Pan.parse(digits);
  if (pan === undefined) throw new Error('not a card number');
  return pan;
}

/** The first card's PAN, or another's. */
export interface PinWish {
  readonly pan?: string;
  readonly format?: PinFormat;
  readonly key?: PinKey;
}

const demoZone: PinKey = { zone: { name: 'demo-zpk' } };

/** Puts a PIN block, and what says its form and key, where the station's dialect has them. */
export function withPin({ running, name }: At, draft: Draft, pin: string, { pan = card, format = 0, key = demoZone }: PinWish = {}): Draft {
  const { codec, dialect } = running.setups.get(name)!.station;
  const block = make(running, { kind: 'pinBlock', clear: new Secret(pin), format, key, pan: panOf(pan) });
  const { place } = dialect.pin.blocks[format === 4 ? 1 : 0]!;
  if (!writePlace(draft, codec.spec, place, block, 'hex')) throw new Error('no place for a PIN block');
  if (format === 0 || format === 4) {
    // Format 0 is what the station takes it for without a word; 16 bytes are always format 4.
  } else draft.set(53, `0000${format === 1 ? '05' : '47'}0000000000`);
  if ('keySerial' in key && !writePlace(draft, codec.spec, dialect.pin.keySerials[0]!, key.keySerial, 'hex')) throw new Error('no place for a key serial number');
  return draft;
}

export interface ChipWish {
  readonly pan?: string;
  readonly profile?: ChipProfileName;
  /** Whose keys make the cryptogram. */
  readonly panSequence?: string;
  readonly atc?: number;
  /** Set before the cryptogram is made. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Set after it was made. */
  readonly changed?: Readonly<Record<string, string>>;
}

const applicationData: Partial<Record<ChipProfileName, string>> = { 'visa-cvn10': '06010A03A00000', 'visa-cvn18': '06011203A00000' };

/** The tags of a chip that was read for 12.50 EUR. */
export function chipTags(running: RunningSwitch, { pan = card, profile = 'visa-cvn18', panSequence = '01', atc = 1, tags = {}, changed = {} }: ChipWish = {}): Map<string, string> {
  const all = new Map(Object.entries({
    '5F2A': '0978', '5F34': panSequence, 82: '1800', 95: '8000048000', '9A': '261122', '9C': '00', '9F02': '000000001250', '9F03': '000000000000', '9F10': applicationData[profile] ?? '',
    '9F1A': '0276', '9F27': '80', '9F36': atc.toString(16).toUpperCase().padStart(4, '0'), '9F37': '52BF4585', ...tags,
  }));
  const cryptogram = make(running, { kind: 'cryptogram', key: { name: 'demo-imk-ac' }, pan: panOf(pan), panSequence, masterKeyOption: 'A', profile, tags: all });
  return new Map([...all, ['9F26', cryptogram], ...Object.entries(changed)]);
}

export function withChip(at: At, draft: Draft, wish: ChipWish = {}): Draft {
  return draft.setTags(55, chipTags(at.running, wish));
}

/** What the issuer answers to a chip with these tags: tag 91. */
export function answerToChip(running: RunningSwitch, tags: ReadonlyMap<string, string>, responseCode: string, pan = card): string {
  return make(running, {
    kind: 'responseCryptogram', key: { name: 'demo-imk-ac' }, pan: panOf(pan), panSequence: '01', masterKeyOption: 'A', profile: 'visa-cvn18', tags, responseCode,
    cardStatusUpdate: responseCode === '00' ? '00820000' : '00000000',
  });
}

export function withAuthentication({ running, name }: At, draft: Draft, trackingNumber: string, pan = card): Draft {
  const { codec, dialect } = running.setups.get(name)!.station;
  const value = make(running, {
    kind: 'authentication', key: { name: 'demo-cavv' }, form: 'visa-cavv-0', pan: panOf(pan), amount: { amountMinor: 1250, currency: '978' }, transactionId: '', trackingNumber,
  });
  const place = dialect.authentication.values[0];
  const isText = place?.form === 'element';
  if (place === undefined || !writePlace(draft, codec.spec, place, isText ? Buffer.from(value, 'hex').toString('base64') : value, isText ? 'characters' : 'hex')) {
    throw new Error('no place for an authentication value');
  }
  return draft;
}

/** Puts a code over the whole message, under the demo's key. */
export function withMac({ running, name }: At, draft: Draft): Draft {
  const codec = running.codec(name);
  const place = macPlace(codec.spec, macField(draft.numbers));
  if (place === undefined) throw new Error('no place for a code');
  const frame = codec.encode(draft.set(place.field, '0'.repeat(2 * place.bytes)));
  const data = frame.subarray(0, frame.length - place.wireBytes);
  return draft.set(place.field, make(running, { kind: 'mac', key: { name: 'demo-zak' }, algorithm: 'retail', data, length: place.bytes }));
}
