import { expect, test } from 'vitest';
import { TdesKey } from '../../src/keys/block-cipher.ts';
import { cardMasterKey, commonSessionKey } from '../../src/keys/chip-keys.ts';
import { produceCryptogram, produceResponseCryptogram, verifyCryptogram } from '../../src/keys/chip-operations.ts';
import { chipProfiles, readIad } from '../../src/keys/chip-profile.ts';
import { applicationCryptogram, responseCryptogram1, responseCryptogram2 } from '../../src/keys/cryptogram.ts';
import type { ChipProfileName } from '../../src/keys/hsm-chip.ts';
import { chipTransactions } from '../vectors/chip-transactions.ts';
import { cryptogramVectors } from '../vectors/chip.ts';
import type { CryptogramVector } from '../vectors/chip.ts';
import { bytes, hex, publishedChip, reasonOf, ringOf, subjectOf, valueOf } from './chip-fixture.ts';
import type { Subject } from './chip-fixture.ts';

/** A cryptogram over data that are given whole. */
interface PublishedFlow {
  readonly source: string;
  readonly imk: string;
  readonly pan: string;
  readonly psn: string;
  readonly mk_derivation: 'A' | 'B';
  readonly sk_derivation: 'none' | 'emv_common';
  readonly r: string;
  readonly icc_mk: string;
  readonly sk_ac: string;
  readonly data: string;
  readonly padding: 'method1_zero' | 'method2_80';
  readonly arqc: string;
  readonly must_fail_verification?: boolean;
  readonly arpc_method?: 1 | 2;
  readonly arpc_key: 'icc_mk' | 'sk';
  readonly arc: string;
  readonly csu: string;
  readonly arpc: string;
  readonly profile?: string;
}

const flows = publishedChip('arqc_arpc_flow', 16) as readonly PublishedFlow[];

const restate = (flow: PublishedFlow): CryptogramVector => ({
  source: flow.source, cardKey: flow.icc_mk, sessionKey: flow.sk_ac, data: flow.data, cryptogram: flow.arqc,
  padding: flow.padding === 'method1_zero' ? 'zeros' : 'always80',
  mustFail: flow.must_fail_verification === true,
  response: flow.arpc_method === undefined ? undefined : {
    method: flow.arpc_method, key: flow.arpc_key === 'sk' ? 'session' : 'master', answer: flow.arpc_method === 1 ? flow.arc : flow.csu, value: flow.arpc,
  },
});

test('every published cryptogram is computed, and one that must fail is not', () => {
  const vectors = [...cryptogramVectors, ...flows.map(restate)];
  expect(vectors.filter(({ mustFail }) => mustFail).length).toBeGreaterThan(0);
  for (const vector of vectors) {
    const computed = hex(applicationCryptogram(bytes(vector.sessionKey), bytes(vector.data), vector.padding));
    if (vector.mustFail) expect(computed, vector.source).not.toBe(vector.cryptogram);
    else expect(computed, vector.source).toBe(vector.cryptogram);
  }
});

test('every published answer to a cryptogram is computed, by either method and under either key', () => {
  for (const { source, response, cardKey, sessionKey, cryptogram } of [...cryptogramVectors, ...flows.map(restate)]) {
    if (response === undefined) continue;
    const compute = response.method === 1 ? responseCryptogram1 : responseCryptogram2;
    expect(hex(compute(bytes(response.key === 'master' ? cardKey : sessionKey), bytes(cryptogram), bytes(response.answer))), source).toBe(response.value);
  }
});

test('the keys of every published cryptogram are derived from the issuer’s', () => {
  for (const flow of flows) {
    const master = cardMasterKey(new TdesKey(bytes(flow.imk)), flow.pan, flow.psn, flow.mk_derivation);
    expect(hex(master), flow.source).toBe(flow.icc_mk);
    expect(hex(flow.sk_derivation === 'none' ? master : commonSessionKey(master, bytes(flow.r))), flow.source).toBe(flow.sk_ac);
  }
});

/** The minimum set has 33 bytes; what follows is of the issuer's application data. */
function tagsOf(data: string, iad: string, cryptogram: string): Record<string, string> {
  const tags: Record<string, string> = { '9F10': iad, '9F26': cryptogram };
  let at = 0;
  for (const { tag, bytes: length } of chipProfiles['visa-cvn10'].covered) {
    tags[tag] = data.slice(at, at + 2 * length);
    at += 2 * length;
  }
  return tags;
}

/** Profile and issuer's application data that a published flow stands for; undefined: its data are no card's, or its version is none of ours. */
function profileOf({ profile, data }: PublishedFlow): { readonly profile: ChipProfileName; readonly iad: string } | undefined {
  const rest = data.slice(66);
  if (profile === 'Visa CVN10') return { profile: 'visa-cvn10', iad: `06010A${rest}` };
  if (profile === 'Visa CVN18') return { profile: 'visa-cvn18', iad: rest };
  if (profile?.startsWith('Mastercard (M/Chip') === true) return { profile: 'mastercard-cvn16', iad: `0110${rest}${'00'.repeat(10)}` };
  return undefined;
}

test('every published cryptogram of a scheme’s version verifies as a message would carry it', () => {
  let verified = 0;
  for (const flow of flows) {
    const card = profileOf(flow);
    if (card === undefined) continue;
    const subject = subjectOf({ profile: card.profile, pan: flow.pan, panSequence: flow.psn, masterKeyOption: flow.mk_derivation, tags: tagsOf(flow.data, card.iad, flow.arqc) });
    expect(verifyCryptogram(ringOf({ 'imk-ac': flow.imk }), { ...subject, kind: 'cryptogram' }), flow.source).toBe('match');
    verified++;
  }
  expect(verified).toBe(flows.length === 0 ? 0 : 6);
});

interface PublishedProfile {
  readonly source: string;
  readonly cvn: string;
  readonly imk_ac: string;
  readonly pan: string;
  readonly psn: string;
  readonly mk_derivation: 'A' | 'B';
  readonly tags: Readonly<Record<string, string>>;
  readonly cvr: string;
  readonly counters?: string;
  readonly arqc: string;
  readonly arpc: string;
  readonly arpc_method: 1 | 2;
  readonly arc: string;
  readonly csu: string;
  readonly icc_mk_ac: string;
}

test('every published transaction of a scheme’s version is verified, made and answered', () => {
  for (const vector of publishedChip('cvn_profile', 6) as readonly PublishedProfile[]) {
    const visa = vector.cvn.startsWith('Visa');
    const profile = `${visa ? 'visa' : 'mastercard'}-cvn${vector.cvn.slice(-2)}` as ChipProfileName;
    const iad = visa ? `06010A${vector.cvr}` : `01${profile.endsWith('17') ? '11' : '10'}${vector.cvr}0000${vector.counters ?? '00'.repeat(8)}`;
    const subject = subjectOf({ profile, pan: vector.pan, panSequence: vector.psn, masterKeyOption: vector.mk_derivation, tags: { '9F10': iad, '9F26': vector.arqc, ...vector.tags } });
    const keys = ringOf({ 'imk-ac': vector.imk_ac });
    expect(verifyCryptogram(keys, { ...subject, kind: 'cryptogram' }), vector.cvn).toBe('match');
    expect(valueOf(produceCryptogram(keys, { ...subject, kind: 'cryptogram' })), vector.cvn).toBe(vector.arqc);
    // M/Chip's response code is bits that follow from the answer, and theirs is another.
    if (!visa) expect(hex(responseCryptogram1(bytes(vector.icc_mk_ac), bytes(vector.arqc), bytes(vector.arc))), vector.cvn).toBe(vector.arpc);
    else expect(answered(keys, subject, '00', vector.csu ?? '00000000'), vector.cvn).toBe(vector.arpc + (vector.arpc_method === 1 ? vector.arc : vector.csu));
  }
});

const answered = (keys: ReturnType<typeof ringOf>, subject: Subject, responseCode: string, cardStatusUpdate = '00000000'): string =>
  valueOf(produceResponseCryptogram(keys, { ...subject, kind: 'responseCryptogram', responseCode, cardStatusUpdate }));

test.each(chipTransactions)('the cryptogram of a card of $profile by option $masterKeyOption is verified, made and answered', (vector) => {
  const keys = ringOf(vector.keys);
  const subject = subjectOf(vector);
  expect(verifyCryptogram(keys, { ...subject, kind: 'cryptogram' })).toBe('match');
  expect(valueOf(produceCryptogram(keys, { ...subject, kind: 'cryptogram' }))).toBe(vector.tags['9F26']);
  expect(answered(keys, subject, '00', vector.cardStatusUpdate)).toBe(vector.response);
});

const transactionOf = (profile: ChipProfileName): (typeof chipTransactions)[number] => chipTransactions.find((vector) => vector.profile === profile)!;

test('an M/Chip card is told bits for the answer: approved with its counters begun anew, or not approved', () => {
  const vector = transactionOf('mastercard-cvn16');
  const keys = ringOf(vector.keys);
  for (const code of ['00', '10']) expect(answered(keys, subjectOf(vector), code).slice(16)).toBe('0012');
  for (const code of ['05', '51', 'Z3']) expect(answered(keys, subjectOf(vector), code).slice(16)).toBe('0000');
});

const without = (tags: ReadonlyMap<string, string>, tag: string): ReadonlyMap<string, string> => new Map([...tags].filter(([key]) => key !== tag));
const profiles = Object.keys(chipProfiles) as ChipProfileName[];

test.each(profiles)('a card of %s whose tag is missing, of another length or not hexadecimal is refused by the tag’s name alone', (profile) => {
  const vector = transactionOf(profile);
  const keys = ringOf(vector.keys);
  const subject = subjectOf(vector);
  const refusalWith = (tags: ReadonlyMap<string, string>): string => reasonOf(verifyCryptogram(keys, { ...subject, tags, kind: 'cryptogram' }));
  for (const { tag, zerosIfAbsent } of [...chipProfiles[profile].covered, { tag: '9F26', zerosIfAbsent: false }]) {
    const value = subject.tags.get(tag)!;
    if (!zerosIfAbsent) expect(refusalWith(without(subject.tags, tag))).toBe(`malformed: tag ${tag} is missing`);
    for (const wrong of ['', value.slice(2), `${value}00`, value.slice(1)]) expect(refusalWith(new Map([...subject.tags, [tag, wrong]]))).toBe(`malformed: tag ${tag} has ${value.length / 2} bytes`);
    for (const wrong of [`G${value.slice(1)}`, `${value.slice(0, -1)} `, `${value.slice(0, -1)}é`]) {
      expect(refusalWith(new Map([...subject.tags, [tag, wrong]]))).toBe(`malformed: tag ${tag} is not hexadecimal`);
    }
  }
  expect(refusalWith(without(subject.tags, '9F10'))).toBe('malformed: tag 9F10 is missing');
  for (const wrong of ['', '0', '06', `${vector.tags['9F10']!.slice(0, -1)}G`, '00'.repeat(33)]) {
    const refused = refusalWith(new Map([...subject.tags, ['9F10', wrong]]));
    // Where all of the data are covered, one byte of them is a short value, and not a malformed one.
    if (wrong !== '06' || chipProfiles[profile].iadPart !== 'whole') expect(refused).toBe('malformed: tag 9F10 is not what a card of this profile sends');
  }
});

test('a terminal that leaves out the other amount gave its card zeros for it', () => {
  for (const profile of profiles) {
    const vector = transactionOf(profile);
    const keys = ringOf(vector.keys);
    const subject = subjectOf({ ...vector, tags: { ...vector.tags, '9F03': '000000000000' } });
    const made = valueOf(produceCryptogram(keys, { ...subject, kind: 'cryptogram' }));
    const tags = new Map([...without(subject.tags, '9F03'), ['9F26', made]]);
    expect(verifyCryptogram(keys, { ...subject, tags, kind: 'cryptogram' }), profile).toBe('match');
  }
});

test('a sequence number that is not two digits, a key of another usage and one that is unknown are refused', () => {
  const vector = transactionOf('visa-cvn18');
  const keys = ringOf(vector.keys);
  const check = { ...subjectOf(vector), kind: 'cryptogram' } as const;
  for (const panSequence of ['', '1', '001', '0A', ' 1']) {
    for (const result of [verifyCryptogram(keys, { ...check, panSequence }), produceCryptogram(keys, { ...check, panSequence })]) {
      expect(reasonOf(result)).toBe('malformed: the PAN sequence number is not two digits');
    }
  }
  for (const ask of [verifyCryptogram, produceCryptogram]) {
    expect(reasonOf(ask(keys, { ...check, key: { name: 'imk-smi' } }))).toBe('wrong_usage: the key imk-smi is for imk-smi, not for imk-ac');
    expect(reasonOf(ask(keys, { ...check, key: { name: 'none' } }))).toBe('unknown_key: there is no key named none');
    expect(reasonOf(ask(keys, { ...check, key: { name: 'imk-ac', version: 2 } }))).toBe('unknown_key: the key imk-ac has no version 2');
  }
});

test('an answer whose response code or card status update is malformed is refused', () => {
  const first = transactionOf('visa-cvn10');
  for (const code of ['', '0', '000', '0é', '..']) expect(answered(ringOf(first.keys), subjectOf(first), code)).toBe('the authorization response code is not two characters');
  const second = transactionOf('visa-cvn18');
  for (const update of ['', '000000', '0000000G', '0000000000']) expect(answered(ringOf(second.keys), subjectOf(second), '00', update)).toBe('the card status update is not four bytes');
  for (const tag of ['9F26', '9F36']) {
    const subject = subjectOf(second);
    expect(answered(ringOf(second.keys), { ...subject, tags: without(subject.tags, tag) }, '00')).toBe(`tag ${tag} is missing`);
  }
});

test('a card of a key that was replaced verifies while that may be used', () => {
  const vector = transactionOf('mastercard-cvn17');
  const other = '2315208C9110AD402315208C9110AD43';
  const check = { ...subjectOf(vector), kind: 'cryptogram' } as const;
  const rotated = ringOf({ 'imk-ac': [vector.keys['imk-ac'], other] });
  expect(verifyCryptogram(rotated, check)).toBe('match');
  expect(verifyCryptogram(rotated, { ...check, key: { name: 'imk-ac', version: 2 } })).toBe('mismatch');
  expect(verifyCryptogram(ringOf({ 'imk-ac': other }), check)).toBe('mismatch');
  expect(valueOf(produceCryptogram(rotated, check))).not.toBe(vector.tags['9F26']);
});

test('a card of a key that was replaced is answered under that one, and every other under the one in use', () => {
  const other = '2315208C9110AD402315208C9110AD43';
  for (const vector of chipTransactions) {
    const subject = subjectOf(vector);
    const answer = (issuerKeys: readonly string[], of = subject): string =>
      valueOf(produceResponseCryptogram(ringOf({ 'imk-ac': issuerKeys }), { ...of, kind: 'responseCryptogram', responseCode: '00', cardStatusUpdate: '00820000' }));
    const own = vector.keys['imk-ac'];
    expect(answer([own, other]), vector.profile).toBe(answer([own]));
    expect(answer([other, own]), vector.profile).toBe(answer([own]));
    const anotherCryptogram = { ...subject, tags: new Map([...subject.tags, ['9F26', '0011223344556677']]) };
    expect(answer([own, other], anotherCryptogram), vector.profile).toBe(answer([other], anotherCryptogram));
  }
});

test('key index, version and results are read from either scheme’s application data, and from nothing else', () => {
  expect(readIad('06010A03A06010', 'visa')).toEqual({ keyIndex: 1, cvn: 10, cvr: '03A06010' });
  expect(readIad('06FF1203A0B8000F04000000', 'visa')).toEqual({ keyIndex: 255, cvn: 18, cvr: '03A0B800' });
  expect(readIad(`1F2205A000000000${'00'.repeat(24)}`, 'visa')).toEqual({ keyIndex: 5, cvn: 34, cvr: 'A000000000' });
  expect(readIad('0110A00003220000DAC100000000000322FF', 'mastercard')).toEqual({ keyIndex: 1, cvn: 16, cvr: 'A00003220000' });
  for (const length of [18, 20, 26, 28]) expect(readIad('02'.repeat(length), 'mastercard')).toEqual({ keyIndex: 2, cvn: 2, cvr: '02'.repeat(6) });
  for (const iad of ['', '06', '06010A03A060', '06010A03A0601', '06010A03A0601G', '07010A03A06010', '1F2205A000000000', `06${'00'.repeat(32)}`]) expect(readIad(iad, 'visa')).toBeUndefined();
  for (const length of [0, 8, 17, 19, 27, 32]) expect(readIad('02'.repeat(length), 'mastercard')).toBeUndefined();
});
