/** What must be so of cryptograms whatever the card, the terminal and the keys are. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { produceCryptogram, produceResponseCryptogram, verifyCryptogram } from '../../src/keys/chip-operations.ts';
import { chipProfiles } from '../../src/keys/chip-profile.ts';
import type { Verdict } from '../../src/keys/hsm.ts';
import type { ChipProfileName } from '../../src/keys/hsm-chip.ts';
import { withOddParity } from '../../src/keys/block-cipher.ts';
import { digits } from '../vectors/digits.ts';
import { bytes, hex, ringOf, subjectOf, valueOf } from './chip-fixture.ts';
import type { Subject } from './chip-fixture.ts';

const profiles = Object.keys(chipProfiles) as ChipProfileName[];
const hexOf = (length: number): fc.Arbitrary<string> => fc.uint8Array({ minLength: length, maxLength: length }).map((all) => hex(Buffer.from(all)));
const keyHex = hexOf(16).map((key) => hex(withOddParity(bytes(key))));

function iadOf(profile: ChipProfileName): fc.Arbitrary<string> {
  if (profile === 'visa-cvn22') return hexOf(30).map((rest) => `1F22${rest}`);
  if (profile.startsWith('visa')) return fc.integer({ min: 6, max: 31 }).chain(hexOf).map((rest) => `06${rest}`);
  return profile === 'emv-common' ? hexOf(32) : fc.constantFrom(18, 20, 26, 28).chain(hexOf);
}

interface Case {
  readonly subject: Subject;
  readonly imk: string;
}

const cases: fc.Arbitrary<Case> = fc.constantFrom(...profiles).chain((profile) =>
  fc.record({
    imk: keyHex,
    pan: digits(8, 19),
    panSequence: digits(2),
    masterKeyOption: fc.constantFrom('A' as const, 'B' as const),
    iad: iadOf(profile),
    values: fc.tuple(...chipProfiles['visa-cvn10'].covered.map(({ bytes: length }) => hexOf(length))),
  }).map(({ imk, iad, values, ...card }) => {
    const tags: Record<string, string> = { '9F10': iad };
    for (const [index, { tag }] of chipProfiles['visa-cvn10'].covered.entries()) tags[tag] = values[index]!;
    return { imk, subject: subjectOf({ ...card, profile, tags }) };
  }),
);

/** As the message carries it: with the card's own cryptogram. */
const made = ({ subject, imk }: Case): Subject => ({
  ...subject, tags: new Map([...subject.tags, ['9F26', valueOf(produceCryptogram(ringOf({ 'imk-ac': imk }), { ...subject, kind: 'cryptogram' }))]]),
});
const verdictOn = (subject: Subject, imk: string): Verdict => verifyCryptogram(ringOf({ 'imk-ac': imk }), { ...subject, kind: 'cryptogram' });

function flipped(value: string, place: number): string {
  const changed = bytes(value);
  const bit = place % (8 * changed.length);
  changed[bit >> 3] = changed[bit >> 3]! ^ (1 << (bit & 7));
  return hex(changed);
}

/** Where in the application data the covered part is, in bytes. */
function coveredPart(profile: ChipProfileName, iad: string): readonly [from: number, to: number] {
  const length = iad.length / 2;
  switch (chipProfiles[profile].iadPart) {
    case 'whole':
      return [0, length];
    case 'byte5':
      return [4, 5];
    case 'cvr':
      return profile.startsWith('visa') ? [3, 7] : [2, 8];
    case 'cvrAndCounters':
      return [2, 8];
  }
}

test('a cryptogram that was made verifies', () => {
  fc.assert(fc.property(cases, (one) => {
    expect(verdictOn(made(one), one.imk)).toBe('match');
  }), { numRuns: 300 });
});

test('with one bit changed in the cryptogram or in any tag that it covers, it does not', () => {
  fc.assert(fc.property(cases, fc.nat(10_000), (one, place) => {
    const carried = made(one);
    const { profile } = carried;
    for (const { tag } of [...chipProfiles[profile].covered, { tag: '9F26' }]) {
      expect(verdictOn({ ...carried, tags: new Map([...carried.tags, [tag, flipped(carried.tags.get(tag)!, place)]]) }, one.imk), tag).toBe('mismatch');
    }
  }), { numRuns: 150 });
});

test('with one bit changed in the part of the application data that it covers, it does not; in the rest of them it does', () => {
  fc.assert(fc.property(cases, fc.nat(10_000), (one, place) => {
    const carried = made(one);
    const iad = carried.tags.get('9F10')!;
    const [from, to] = coveredPart(carried.profile, iad);
    const changed = (start: number, end: number): Verdict =>
      verdictOn({ ...carried, tags: new Map([...carried.tags, ['9F10', iad.slice(0, 2 * start) + flipped(iad.slice(2 * start, 2 * end), place) + iad.slice(2 * end)]]) }, one.imk);
    // The first byte of Visa's says which layout they have.
    if (carried.profile === 'visa-cvn10' || carried.profile === 'visa-cvn14' || carried.profile === 'visa-cvn17') expect(changed(1, 3)).toBe('match');
    if (carried.profile.startsWith('mastercard')) expect([changed(0, 2), changed(8, 10)]).toEqual(['match', 'match']);
    if (carried.profile === 'mastercard-cvn17') expect(changed(10, iad.length <= 40 ? 18 : 26)).toBe('mismatch');
    expect(changed(from, to)).toBe('mismatch');
  }), { numRuns: 150 });
});

test('the cryptogram of another PAN, sequence number, issuer’s key or profile does not verify', () => {
  fc.assert(fc.property(cases, keyHex, fc.nat(18), (one, otherKey, seed) => {
    const carried = made(one);
    const number = carried.pan.reveal();
    // Option A leaves out all digits but the last fourteen.
    const place = number.length - 1 - (seed % Math.min(number.length, 14));
    const swapped = subjectOf({ ...carried, pan: number.slice(0, place) + String((Number(number[place]) + 1) % 10) + number.slice(place + 1), tags: Object.fromEntries(carried.tags) });
    expect(verdictOn(swapped, one.imk)).toBe('mismatch');
    expect(verdictOn({ ...carried, panSequence: String((Number(carried.panSequence) + 1) % 100).padStart(2, '0') }, one.imk)).toBe('mismatch');
    expect(verdictOn(carried, otherKey)).toBe(otherKey === one.imk ? 'match' : 'mismatch');
    const sameData = carried.profile === 'visa-cvn10' ? 'visa-cvn14' : carried.profile === 'visa-cvn14' ? 'visa-cvn10' : undefined;
    if (sameData !== undefined) expect(verdictOn({ ...carried, profile: sameData }, one.imk)).toBe('mismatch');
  }), { numRuns: 150 });
});

test('a PAN of more than sixteen digits has another cryptogram by option B, and a shorter one the same', () => {
  fc.assert(fc.property(cases, (one) => {
    const carried = made({ ...one, subject: { ...one.subject, masterKeyOption: 'A' } });
    expect(verdictOn({ ...carried, masterKeyOption: 'B' }, one.imk)).toBe(carried.pan.reveal().length > 16 ? 'mismatch' : 'match');
  }));
});

test('tags that a profile does not cover may be missing', () => {
  fc.assert(fc.property(cases, (one) => {
    const carried = made(one);
    const covered = new Set([...chipProfiles[carried.profile].covered.map(({ tag }) => tag), '9F10', '9F26']);
    const { size } = carried.tags;
    const tags = new Map([...carried.tags].filter(([tag]) => covered.has(tag)));
    expect(tags.size).toBe(carried.profile === 'visa-cvn17' ? 5 : size);
    expect(verdictOn({ ...carried, tags }, one.imk)).toBe('match');
  }), { numRuns: 60 });
});

test('the answer is another for another answer, cryptogram, counter, card and key, and repeats for the same', () => {
  fc.assert(fc.property(cases, keyHex, fc.nat(10_000), (one, otherKey, place) => {
    const carried = made(one);
    const method = chipProfiles[carried.profile].responseMethod;
    const answer = (subject: Subject, imk = one.imk, responseCode = '00', cardStatusUpdate = '00800000'): string => {
      const value = valueOf(produceResponseCryptogram(ringOf({ 'imk-ac': imk }), { ...subject, kind: 'responseCryptogram', responseCode, cardStatusUpdate }));
      expect(value).toMatch(method === 1 ? /^[0-9A-F]{20}$/ : /^[0-9A-F]{16}$/);
      return value.slice(0, method === 1 ? 16 : 8);
    };
    const right = answer(carried);
    expect(answer(carried)).toBe(right);
    expect(answer(carried, one.imk, '05', '00000000')).not.toBe(right);
    expect(answer({ ...carried, tags: new Map([...carried.tags, ['9F26', flipped(carried.tags.get('9F26')!, place)]]) })).not.toBe(right);
    expect(answer({ ...carried, panSequence: carried.panSequence === '00' ? '01' : '00' })).not.toBe(right);
    if (otherKey !== one.imk) expect(answer(carried, otherKey)).not.toBe(right);
    if (chipProfiles[carried.profile].responseKey === 'session') {
      expect(answer({ ...carried, tags: new Map([...carried.tags, ['9F36', flipped(carried.tags.get('9F36')!, place)]]) })).not.toBe(right);
    }
  }), { numRuns: 150 });
});
