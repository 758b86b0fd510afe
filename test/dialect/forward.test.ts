/** A message goes from each shipped format to each other one, and what both can say comes back as it was. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { draftForwarded, forwardRoute } from '../../src/dialect/forward.ts';
import type { OwnValues } from '../../src/dialect/forward.ts';
import { fitFault } from '../../src/dialect/forward-fit.ts';
import { readMerchantPlace } from '../../src/dialect/forward-merchant.ts';
import type { Side } from '../../src/dialect/forward-write.ts';
import type { CardMeaning } from '../../src/dialect/meaning.ts';
import { readMessage } from '../../src/dialect/read.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import type { Codec, Message } from '../../src/iso8583/codec.ts';
import type { Version } from '../../src/message/message.ts';
import { Secret } from '../../src/message/secret.ts';
import { codecOf, shippedNames } from '../iso8583/codecs.ts';
import { decoded, dialects, digitOf, pan } from './stations.ts';

export function sideOf(codec: Codec): Side {
  return { dialect: dialects[codec.spec.version], spec: codec.spec };
}

function read(message: Message): CardMeaning {
  const meaning = readMessage(message, dialects[message.codec.spec.version], 'shop');
  if (meaning.kind !== 'card') throw new Error(`read as ${meaning.kind}`);
  return meaning;
}

const own: OwnValues = { stan: '917', transmittedAt: '0102030405', localAt: '20260102040506' };

function forwarded(message: Message, codec: Codec, values: OwnValues = own): Message {
  const draft = new Draft('');
  const route = forwardRoute(sideOf(message.codec), sideOf(codec));
  const fault = draftForwarded({ message, meaning: read(message) }, route, values, draft);
  if (fault !== undefined) throw new Error(`DE${fault.field}: ${fault.text}`);
  return codec.decode(Uint8Array.from(codec.encode(draft)));
}

interface Wish {
  readonly kind: 'purchase' | 'cash' | 'refund' | 'balance' | 'verify' | 'preauth' | 'increment' | 'completion' | 'advice' | 'declined' | 'reversal' | 'partialReversal';
  readonly amountMinor: number;
  readonly currency: string;
  readonly entry: 'manual' | 'stripe' | 'fallback' | 'chip' | 'contactless' | 'contactlessStripe' | 'ecommerce' | 'mail';
  readonly partial: boolean;
  readonly terminal: string;
  readonly merchant: string;
  readonly name: string;
  readonly city: string;
  readonly rrn: string;
  readonly cvv2: boolean;
  readonly localDay: string;
  readonly cashback: boolean;
}

const types: Readonly<Record<Wish['kind'], string>> = {
  purchase: '100', cash: '200', refund: '200', balance: '100', verify: '100', preauth: '100', increment: '100', completion: '220', advice: '220', declined: '120', reversal: '400', partialReversal: '420',
};

const functionCodes: Readonly<Record<Wish['kind'], string>> = {
  purchase: '100', cash: '200', refund: '200', balance: '100', verify: '100', preauth: '101', increment: '106', completion: '201', advice: '200', declined: '100', reversal: '400', partialReversal: '401',
};

const codes1987: Readonly<Record<Wish['entry'], string>> = { manual: '01', stripe: '90', fallback: '80', chip: '05', contactless: '07', contactlessStripe: '91', ecommerce: '81', mail: '01' };
const codes1993: Readonly<Record<Wish['entry'], string>> = { manual: '6', stripe: '2', fallback: '9', chip: '5', contactless: 'M', contactlessStripe: 'A', ecommerce: 'S', mail: '6' };
const bits2003: Readonly<Record<Wish['entry'], string>> = {
  manual: '04', stripe: '10', fallback: '1020', chip: '20', contactless: '02', contactlessStripe: '12', ecommerce: '000000000000000010', mail: '040000000000000008',
};

/** Written here by hand, as an acquirer would: nothing of this is the forwarder's. */
export function messageOf(wish: Wish, codec: Codec): Message {
  const { version } = codec.spec;
  const is1987 = version === '1987';
  const isMarked = wish.kind === 'preauth' || wish.kind === 'increment' || wish.kind === 'completion';
  const isReversal = wish.kind === 'reversal' || wish.kind === 'partialReversal';
  const hasAmount = wish.kind !== 'balance';
  const amountMinor = wish.kind === 'verify' ? 0 : wish.amountMinor;
  const isPartial = wish.kind === 'partialReversal';
  const half = Math.floor(amountMinor / 2) || 1;
  const amountText = (minor: number): string => (version === '2003' ? `${wish.currency}${wish.currency === '392' ? 0 : 2}` : '') + String(minor).padStart(12, '0');
  const hasTrack = wish.entry === 'stripe' || wish.entry === 'fallback' || wish.entry === 'chip' || wish.entry === 'contactlessStripe';
  const hasOriginal = wish.kind === 'increment' || isReversal;
  const originalType = digitOf(version) + (isReversal ? '200' : '100');
  const localOriginal = { '1987': '', '1993': `26${wish.localDay}101112`, '2003': `2026${wish.localDay}101112` }[version];
  const allows = wish.partial && wish.kind === 'purchase';
  return decoded(codec, digitOf(version) + types[wish.kind], {
    2: pan,
    3: { cash: '010000', refund: '200000', balance: '301000' }[wish.kind as string] ?? (wish.cashback && wish.kind === 'purchase' ? '090000' : '002000'),
    4: hasAmount ? amountText(isPartial && !is1987 ? half : amountMinor) : undefined,
    7: `${wish.localDay}080910`, 11: '004217',
    12: is1987 ? '101112' : version === '1993' ? `26${wish.localDay}101112` : `2026${wish.localDay}101112`,
    13: is1987 ? wish.localDay : undefined,
    14: '2812',
    18: is1987 ? '5411' : undefined, 26: is1987 ? undefined : '5411',
    19: '276',
    22: is1987 ? `${codes1987[wish.entry]}0` : version === '1993' ? `0000${wish.entry === 'ecommerce' ? '50' : wish.entry === 'mail' ? '20' : '01'}${codes1993[wish.entry]}00000` : bits2003[wish.entry].padEnd(32, '0'),
    23: wish.entry === 'chip' ? '001' : undefined,
    24: is1987 ? undefined : allows ? '181' : functionCodes[wish.kind],
    25: is1987 ? (isMarked ? '06' : wish.entry === 'mail' ? '08' : wish.entry === 'ecommerce' ? '59' : '00') : undefined,
    30: isPartial && !is1987 ? amountText(amountMinor) + '0'.repeat(version === '2003' ? 16 : 12) : undefined,
    32: '476173',
    35: hasTrack ? `${pan}=281220112345678900` : undefined,
    37: wish.rrn,
    38: wish.kind === 'completion' ? 'A1B2C3' : undefined,
    39: wish.kind === 'advice' ? { '1987': '00', '1993': '000', '2003': '0000' }[version] : wish.kind === 'declined' ? { '1987': '51', '1993': '116', '2003': '1016' }[version] : undefined,
    41: wish.terminal, 42: wish.merchant,
    43: version === '2003' ? undefined : is1987 ? wish.name.padEnd(25) + wish.city.padEnd(13) + 'DE' : `${wish.name}\\\\${wish.city}\\${' '.repeat(13)}DE `,
    48: version === '2003' ? undefined : [...(wish.cvv2 ? ['9203123'] : []), ...(allows && is1987 ? ['61011'] : [])].join('') || undefined,
    49: version === '2003' ? (wish.cvv2 ? '71000440000123' : undefined) : hasAmount || isReversal ? wish.currency : undefined,
    54: wish.cashback && wish.kind === 'purchase' ? `2040${wish.currency}${version === '2003' ? '2' : ''}D000000000500` : undefined,
    55: wish.entry === 'chip' || wish.entry === 'contactless' ? '9F2608A1B2C3D4E5F607189F3602001F9F2701805F340101'.replace('5F340101', wish.entry === 'chip' ? '5F340101' : '') : undefined,
    56: !is1987 && hasOriginal ? `${originalType}${'4242'.padStart(version === '2003' ? 12 : 6, '0')}${localOriginal}06476173` : undefined,
    90: is1987 && hasOriginal ? `${originalType}004242${wish.localDay}070809${'476173'.padStart(11, '0')}${'0'.repeat(11)}` : undefined,
    95: isPartial && is1987 ? String(half).padStart(12, '0') + '0'.repeat(30) : undefined,
  });
}

const word = fc.string({ unit: fc.constantFrom(...'ABCDEFGHIJKL019'.split('')), minLength: 1, maxLength: 8 });

export const wishes: fc.Arbitrary<Wish> = fc.record({
  kind: fc.constantFrom<Wish['kind']>('purchase', 'cash', 'refund', 'balance', 'verify', 'preauth', 'increment', 'completion', 'advice', 'declined', 'reversal', 'partialReversal'),
  amountMinor: fc.integer({ min: 2, max: 999_999_999_999 }),
  currency: fc.constantFrom('978', '392', '840'),
  entry: fc.constantFrom<Wish['entry']>('manual', 'stripe', 'fallback', 'chip', 'contactless', 'contactlessStripe', 'ecommerce', 'mail'),
  partial: fc.boolean(), terminal: word, merchant: word, name: word, city: word,
  rrn: fc.constantFrom('632609004217', 'ABC000000001'), cvv2: fc.boolean(), localDay: fc.constantFrom('0101', '1231', '0630'), cashback: fc.boolean(),
});

/** What a message means, but for what the switch says itself and what the versions name differently. */
function sense(message: Message): unknown {
  const { trace, mti, version: _, fingerprint: _fingerprint, original, pan: number, cardValue, merchant, pin, ...rest } = read(message);
  return {
    ...rest, type: mti.slice(1), pan: number?.reveal(), acquirer: trace.acquirer, terminal: trace.terminal, local: trace.localAt.slice(-10),
    original: original === undefined ? undefined : { class: original.class, function: original.function, stan: original.stan, acquirer: original.acquirer },
    cardValue: cardValue === undefined ? undefined : cardValue.kind === 'contactlessStripe' ? { ...cardValue, discretionary: cardValue.discretionary.reveal() } : { ...cardValue, value: cardValue.value.reveal() },
    merchant: { category: merchant.category, id: merchant.id }, hasPin: pin !== undefined,
    track: message.text(35), country: message.text(19),
  };
}

/** What the second of two formats has no place for. */
function bothCanSay(wish: Wish, from: Version, to: Version): boolean {
  if (from !== to && wish.partial && wish.kind === 'purchase' && (from === '2003' || to === '2003') && wish.cashback) return true;
  // In 1987 the sign of a pre-authorization stands where mail order does.
  return !(wish.entry === 'mail' && from !== to && (from === '1987' || to === '1987') && ['preauth', 'increment', 'completion'].includes(wish.kind));
}

const pairs = shippedNames.flatMap((from) => shippedNames.map((to) => [from, to] as const));

describe.each(pairs)('from %s to %s', (from, to) => {
  const source = codecOf(from);
  const target = codecOf(to);

  it('what both can say is said, and comes back as it was', () => {
    fc.assert(fc.property(wishes.filter((wish) => bothCanSay(wish, source.spec.version, target.spec.version)), (wish) => {
      const message = messageOf(wish, source);
      expect(read(message).fault).toBe(undefined);
      const there = forwarded(message, target);
      expect(sense(there)).toEqual(sense(message));
      expect(read(there).trace).toMatchObject({ stan: '917', transmittedAt: '0102030405' });
      expect(sense(forwarded(there, source))).toEqual(sense(message));
      if (source.spec.version !== '2003' && target.spec.version !== '2003') {
        expect(readMerchantPlace(there.text(43)!.trimEnd())).toEqual(readMerchantPlace(message.text(43)!.trimEnd()));
      }
      expect(there.text(54)?.slice(-12)).toBe(message.text(54)?.slice(-12));
    }), { numRuns: 60 });
  });

  it('goes together', () => {
    expect(fitFault(sideOf(source), sideOf(target))).toEqual([]);
  });

  it('a PIN goes in a block of the issuer’s zone, and the acquirer’s block stays behind', () => {
    const { version } = source.spec;
    const draft = new Draft('');
    const wish = messageOf({ kind: 'cash', amountMinor: 1000, currency: '978', entry: 'stripe', partial: false, terminal: 'T', merchant: 'M', name: 'N', city: 'C', rrn: '632609004217', cvv2: false, localDay: '0101', cashback: false }, source);
    for (const field of wish.fields()) draft.copy(wish, field);
    draft.mti = wish.mti;
    draft.set(52, '1111111111111111').set(53, version === '1987' ? '2001010100000000' : '2001010100000000');
    const message = source.decode(Uint8Array.from(source.encode(draft)));
    for (const format of [0, 4] as const) {
      const block = format === 4 ? 'A'.repeat(32) : 'B'.repeat(16);
      const there = forwarded(message, target, { ...own, pin: { block: new Secret(block), newBlock: undefined, format } });
      const { pin } = read(there);
      expect([pin?.block.reveal(), pin?.format]).toEqual([block, format]);
      expect(there.text(52)).toBe(format === 4 ? undefined : block);
    }
    expect(read(forwarded(message, target)).pin).toBe(undefined);
  });
});
