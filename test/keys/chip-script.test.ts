import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { TdesKey } from '../../src/keys/block-cipher.ts';
import { cardMasterKey, commonSessionKey, visaScriptKey } from '../../src/keys/chip-keys.ts';
import { produceScript } from '../../src/keys/chip-operations.ts';
import type { OpenPin } from '../../src/keys/chip-operations.ts';
import { chipProfiles } from '../../src/keys/chip-profile.ts';
import { countedCryptogram, encipherData, pinBlock } from '../../src/keys/chip-script.ts';
import type { ChipProfileName, ScriptCommand, ScriptOrder } from '../../src/keys/hsm-chip.ts';
import { refusal } from '../../src/keys/key-finder.ts';
import { retailMacOnce } from '../../src/keys/single-use-cipher.ts';
import { chipTransactions } from '../vectors/chip-transactions.ts';
import type { ChipTransaction } from '../vectors/chip-transactions.ts';
import { pinDataVectors, scriptMacVectors } from '../vectors/chip.ts';
import type { PinDataVector } from '../vectors/chip.ts';
import { digits } from '../vectors/digits.ts';
import { bytes, hex, publishedChip, reasonOf, ringOf, scriptKeys, subjectOf, valueOf } from './chip-fixture.ts';

const commandNames: readonly ScriptCommand['command'][] = ['applicationBlock', 'applicationUnblock', 'pinUnblock', 'pinChange'];
const commandOf = (command: ScriptCommand['command']): ScriptCommand => (command === 'pinChange' ? { command, sealed: 'sealed', boundTo: 'card' } : { command });

/** Opens what it was told to expect, and nothing else. */
const opening = (pin: string): OpenPin => (_, sealed, boundTo) => (sealed === 'sealed' && boundTo === 'card' ? { clear: Buffer.from(pin, 'latin1') } : refusal('malformed', 'this is not a sealed PIN'));

const orderOf = (vector: ChipTransaction, command: ScriptCommand['command']): ScriptOrder => ({
  ...subjectOf(vector), ...scriptKeys, kind: 'script', sequence: vector.sequence, command: commandOf(command),
});
const transactionOf = (profile: ChipProfileName): ChipTransaction => chipTransactions.find((vector) => vector.profile === profile)!;
const profiles = Object.keys(chipProfiles) as ChipProfileName[];

test.each(chipTransactions)('every command for a card of $profile by option $masterKeyOption is what the card takes', (vector) => {
  for (const command of commandNames) expect(valueOf(produceScript(ringOf(vector.keys), orderOf(vector, command), opening(vector.pin))), command).toBe(vector.commands[command]);
});

test.each(chipTransactions)('a card of $profile whose keys were replaced takes every command still', (vector) => {
  const other = '2315208C9110AD402315208C9110AD43';
  const { keys } = vector;
  const rings = [
    ringOf({ 'imk-ac': [keys['imk-ac'], other], 'imk-smi': [keys['imk-smi'], other], 'imk-smc': [keys['imk-smc'], other] }),
    ringOf({ ...keys, 'imk-ac': [keys['imk-ac'], other] }),
    ringOf({ 'imk-ac': [other, keys['imk-ac']], 'imk-smi': [other, keys['imk-smi']], 'imk-smc': [other, keys['imk-smc']] }),
  ];
  for (const ring of rings) {
    for (const command of commandNames) expect(valueOf(produceScript(ring, orderOf(vector, command), opening(vector.pin))), command).toBe(vector.commands[command]);
  }
});

interface PublishedMac {
  readonly source: string;
  readonly imk_smi: string;
  readonly pan: string;
  readonly psn: string;
  readonly r: string;
  readonly mac_data: string;
  readonly mac: string;
  readonly sk_smi: string;
}

test('every published MAC of a command is computed, under a key that is derived from the cryptogram', () => {
  const macs = publishedChip('issuer_script_mac', 2) as readonly PublishedMac[];
  for (const vector of macs) expect(hex(commonSessionKey(cardMasterKey(new TdesKey(bytes(vector.imk_smi)), vector.pan, vector.psn, 'A'), bytes(vector.r)))).toBe(vector.sk_smi);
  const restated = macs.map((vector) => ({ source: vector.source, sessionKey: vector.sk_smi, data: vector.mac_data, mac: vector.mac }));
  for (const vector of [...scriptMacVectors, ...restated]) expect(hex(retailMacOnce(bytes(vector.sessionKey), bytes(vector.data), 'always80')), vector.source).toBe(vector.mac);
});

interface PublishedProfileScript {
  readonly cvn: string;
  readonly imk_ac: string;
  readonly imk_smi: string;
  readonly imk_smc: string;
  readonly pan: string;
  readonly psn: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly arqc: string;
  readonly script: { readonly command: string; readonly mac: string };
}

test('every published command of a scheme’s version is made', () => {
  for (const vector of publishedChip('cvn_profile', 6) as readonly PublishedProfileScript[]) {
    const profile = `${vector.cvn.startsWith('Visa') ? 'visa' : 'mastercard'}-cvn${vector.cvn.slice(-2)}` as ChipProfileName;
    const command = vector.script.command.startsWith('8418') ? 'applicationUnblock' : 'pinUnblock';
    const subject = subjectOf({ profile, pan: vector.pan, panSequence: vector.psn, masterKeyOption: 'A', tags: { ...vector.tags, '9F26': vector.arqc } });
    const keys = ringOf({ 'imk-ac': vector.imk_ac, 'imk-smi': vector.imk_smi, 'imk-smc': vector.imk_smc });
    const made = produceScript(keys, { ...subject, ...scriptKeys, kind: 'script', sequence: 0, command: { command } }, opening(''));
    expect(valueOf(made), vector.cvn).toBe(vector.script.command + vector.script.mac);
  }
});

interface PublishedPin {
  readonly source: string;
  readonly imk_smc: string;
  readonly imk_ac?: string;
  readonly pan: string;
  readonly psn: string;
  readonly sk_derivation: 'emv_common' | 'visa_xor';
  readonly r: string;
  readonly new_pin?: string;
  readonly clear_pin_block: string;
  readonly enciphered: string;
  readonly sk_smc: string;
}

function restatePin(vector: PublishedPin): PinDataVector {
  const length = Number.parseInt(vector.clear_pin_block[1]!, 16);
  return {
    source: vector.source, scheme: vector.imk_ac === undefined ? 'mastercard' : 'visa',
    pin: vector.new_pin ?? vector.clear_pin_block.slice(2, 2 + length),
    cardKey: vector.imk_ac === undefined ? undefined : hex(cardMasterKey(new TdesKey(bytes(vector.imk_ac)), vector.pan, vector.psn, 'A')),
    block: vector.clear_pin_block, sessionKey: vector.sk_smc, enciphered: vector.enciphered,
  };
}

test('every published new PIN is put in its block and enciphered', () => {
  const pins = publishedChip('pin_change_encipherment', 6) as readonly PublishedPin[];
  for (const vector of pins) {
    const master = cardMasterKey(new TdesKey(bytes(vector.imk_smc)), vector.pan, vector.psn, 'A');
    const key = vector.sk_derivation === 'visa_xor' ? visaScriptKey(master, Number.parseInt(vector.r, 16)) : commonSessionKey(master, bytes(vector.r));
    expect(hex(key), vector.source).toBe(vector.sk_smc);
  }
  for (const vector of [...pinDataVectors, ...pins.map(restatePin)]) {
    const { script } = chipProfiles[vector.scheme === 'visa' ? 'visa-cvn10' : 'mastercard-cvn16'];
    const block = pinBlock(Buffer.from(vector.pin, 'latin1'), script.pinBlock, vector.cardKey === undefined ? undefined : bytes(vector.cardKey));
    expect(hex(block), vector.source).toBe(vector.block);
    expect(hex(encipherData(block, bytes(vector.sessionKey), script)), vector.source).toBe(vector.enciphered);
  }
});

test('a command of another transaction, card, PIN or integrity key is another command', () => {
  fc.assert(
    fc.property(fc.constantFrom(...chipTransactions), fc.constantFrom(...commandNames), fc.nat(7), (vector, command, bit) => {
      const keys = ringOf(vector.keys);
      const order = orderOf(vector, command);
      const made = valueOf(produceScript(keys, order, opening(vector.pin)));
      const cryptogram = bytes(vector.tags['9F26']!);
      cryptogram[bit] = cryptogram[bit]! ^ (1 << bit);
      const others: readonly ScriptOrder[] = [
        { ...order, tags: new Map([...order.tags, ['9F26', hex(cryptogram)]]) },
        { ...order, panSequence: order.panSequence === '00' ? '01' : '00' },
        orderOf({ ...vector, pan: `${vector.pan.slice(0, -1)}${(Number(vector.pan.at(-1)) + 1) % 10}` }, command),
      ];
      for (const other of others) {
        const value = valueOf(produceScript(keys, other, opening(vector.pin)));
        expect(value).toMatch(/^84(?:[0-9A-F]{2})+$/);
        expect(value).not.toBe(made);
      }
      const otherKeys = ringOf({ ...vector.keys, 'imk-smi': vector.keys['imk-smc'] });
      expect(valueOf(produceScript(otherKeys, order, opening(vector.pin)))).not.toBe(made);
      if (command === 'pinChange') expect(valueOf(produceScript(keys, order, opening('0246813579')))).not.toBe(made);
    }),
    { numRuns: 60 },
  );
});

test('a new PIN of 4 to 12 digits comes out again of the block that the card deciphers', () => {
  fc.assert(
    fc.property(digits(4, 12), (pin) => {
      const vector = transactionOf('mastercard-cvn16');
      const made = bytes(valueOf(produceScript(ringOf(vector.keys), orderOf(vector, 'pinChange'), opening(pin))));
      const master = cardMasterKey(new TdesKey(bytes(vector.keys['imk-smc'])), vector.pan, vector.panSequence, 'A');
      const clear = hex(new TdesKey(commonSessionKey(master, bytes(vector.tags['9F26']!))).decrypt(made.subarray(5, 13)));
      expect(clear).toBe(`2${pin.length.toString(16).toUpperCase()}${pin.padEnd(14, 'F')}`);
    }),
  );
});

test('an M/Chip card takes each command of an answer under the next number, a Visa card all under the same', () => {
  for (const [profile, distinct] of [['mastercard-cvn17', 4], ['visa-cvn10', 1], ['visa-cvn22', 1]] as const) {
    const vector = transactionOf(profile);
    const made = [0, 1, 2, 3].map((sequence) => valueOf(produceScript(ringOf(vector.keys), { ...orderOf(vector, 'pinUnblock'), sequence }, opening(''))));
    expect(new Set(made).size, profile).toBe(distinct);
  }
  expect(hex(countedCryptogram(bytes('FFFFFFFFFFFFFFFF'), 2))).toBe('0000000000000001');
  expect(hex(countedCryptogram(bytes('00000000000000FF'), 1))).toBe('0000000000000100');
});

test('a number that no command of an answer has is refused, and so is a second command where it would go on from the first one’s MAC', () => {
  const vector = transactionOf('visa-cvn10');
  for (const sequence of [-1, 1.5, 16, Number.NaN]) {
    expect(reasonOf(produceScript(ringOf(vector.keys), { ...orderOf(vector, 'pinUnblock'), sequence }, opening('')))).toBe('malformed: an answer has at most 16 commands, counted from 0');
  }
  const common = transactionOf('emv-common');
  expect(reasonOf(produceScript(ringOf(common.keys), { ...orderOf(common, 'pinUnblock'), sequence: 1 }, opening('')))).toBe(
    'malformed: a card of this profile takes one command in an answer: the next one would go on from its MAC',
  );
});

test.each(profiles)('a script for a card of %s without counter or cryptogram, or under a key of another usage, is refused', (profile) => {
  const vector = transactionOf(profile);
  const keys = ringOf(vector.keys);
  const order = { ...orderOf(vector, 'pinChange'), sequence: 0 };
  for (const [tag, length] of [['9F36', 2], ['9F26', 8]] as const) {
    const tags = new Map([...order.tags].filter(([name]) => name !== tag));
    expect(reasonOf(produceScript(keys, { ...order, tags }, opening('1234')))).toBe(`malformed: tag ${tag} is missing`);
    expect(reasonOf(produceScript(keys, { ...order, tags: tags.set(tag, '00') }, opening('1234')))).toBe(`malformed: tag ${tag} has ${length} bytes`);
  }
  expect(reasonOf(produceScript(keys, { ...order, panSequence: '1' }, opening('1234')))).toBe('malformed: the PAN sequence number is not two digits');
  expect(reasonOf(produceScript(keys, { ...order, integrityKey: { name: 'imk-ac' } }, opening('1234')))).toBe('wrong_usage: the key imk-ac is for imk-ac, not for imk-smi');
  expect(reasonOf(produceScript(keys, { ...order, confidentialityKey: { name: 'imk-smi' } }, opening('1234')))).toBe('wrong_usage: the key imk-smi is for imk-smi, not for imk-smc');
  const underOther = produceScript(keys, { ...order, cryptogramKey: { name: 'none' } }, opening('1234'));
  expect(reasonOf(underOther)).toBe(chipProfiles[profile].script.pinBlock === 'visa' ? 'unknown_key: there is no key named none' : 'not refused');
});

test('a sealed PIN of another card is refused with the reason that its opening gave, and an opened one is wiped', () => {
  const vector = transactionOf('visa-cvn18');
  const order = orderOf(vector, 'pinChange');
  const moved = produceScript(ringOf(vector.keys), { ...order, command: { command: 'pinChange', sealed: 'sealed', boundTo: 'another' } }, opening('1234'));
  expect(reasonOf(moved)).toBe('malformed: this is not a sealed PIN');
  const clear = Buffer.from('1234', 'latin1');
  expect(reasonOf(produceScript(ringOf(vector.keys), order, () => ({ clear })))).toBe('not refused');
  expect(hex(clear)).toBe('00000000');
});
