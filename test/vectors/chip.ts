/**
 * Keys of chips, cryptograms under them, and parts of scripts, with their sources, restated. Hexadecimal, keys with odd parity.
 */

const pyemv = 'the tests and examples of knovichikhin/pyemv';
const elements = 'the tests of futehkao/elements (VerifyARQCTest, VisaCVN10ARQCTest, VisaCVN18ARQCTest, PINChangeScriptTest)';
const jmeter = 'the tests of tilln/jmeter-iso8583 (ISO8583CryptoTest)';

export interface MasterKeyVector {
  readonly source: string;
  readonly option: 'A' | 'B';
  readonly imk: string;
  readonly pan: string;
  readonly panSequence: string;
  readonly key: string;
}

const common = '0123456789ABCDEFFEDCBA9876543210';

export const masterKeyVectors: readonly MasterKeyVector[] = [
  { source: pyemv, option: 'A', imk: common, pan: '12345678901234567', panSequence: '45', key: '946DC1A8C78A624519BC4645CB073737' },
  { source: pyemv, option: 'A', imk: 'FEDCBA98765432100123456789ABCDEF', pan: '1234567890123456', panSequence: '00', key: '94F867167C64EF3EEAB0CB627A7A3480' },
  { source: elements, option: 'A', imk: common, pan: '5413629900000155', panSequence: '01', key: '230B91EFFD6B7FB5F8DCBC257F649DDC' },
  { source: pyemv, option: 'B', imk: common, pan: '1234567890123456', panSequence: '00', key: '154F349D8585CB7F6B0798E9839B10C1' },
  { source: pyemv, option: 'B', imk: common, pan: '12345678901234567', panSequence: '00', key: '1C13AE23B54AF7BA49FBE09192C87983' },
  { source: pyemv, option: 'B', imk: common, pan: '123456789012345679', panSequence: '00', key: '1083E9C8A72AA26BDC9B10570B73BACB' },
];

export interface SessionKeyVector {
  readonly source: string;
  readonly cardKey: string;
  /** Eight bytes (common), or an ATC (Visa). */
  readonly diversifier: string;
  readonly key: string;
}

export const commonKeyVectors: readonly SessionKeyVector[] = [
  { source: pyemv, cardKey: 'F84315C7B95BD3B0C74694922C3808B0', diversifier: '1234567890123456', key: '3E736BF8D37664348A04E3ABE00DEFC1' },
  { source: `${pyemv}: M/Chip's ATC, zeros and unpredictable number`, cardKey: '154F349D8585CB7F6B0798E9839B10C1', diversifier: '001C0000ABCDEF12', key: '5D8F37BCD9E5DA68048CDFA2EA255D9E' },
  { source: `${elements}, which leave the parity as it falls`, cardKey: '702A15193B8398D30DC73201DA4576A2', diversifier: 'D17B15836FAB99A2', key: 'FBA2F15704B0CEDAF75D260B16AEAE7A' },
];

export const visaScriptKeyVectors: readonly SessionKeyVector[] = [
  { source: pyemv, cardKey: '94F867167C64EF3EEAB0CB627A7A3480', diversifier: '001C', key: '94F867167C64EF23EAB0CB627A7ACB62' },
  { source: pyemv, cardKey: '52E0E0B69202802A9170C7B6D3BCB5D0', diversifier: 'FFFF', key: '52E0E0B692027FD59170C7B6D3BCB5D0' },
];

export interface TreeKeyVector {
  readonly source: string;
  readonly cardKey: string;
  readonly atc: string;
  readonly height: number;
  readonly branches: number;
  readonly initial: string;
  readonly key: string;
}

const treeRoot = '0123456789ABCDEF0123456789ABCDEF';
const zeros = '00000000000000000000000000000000';

export const treeKeyVectors: readonly TreeKeyVector[] = [
  { source: pyemv, cardKey: treeRoot, atc: '0000', height: 8, branches: 4, initial: zeros, key: '80BF3145AECB948A5201DAB9EF469875' },
  { source: pyemv, cardKey: treeRoot, atc: '00FF', height: 16, branches: 2, initial: 'F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0', key: '2086F81AAB731FF8CED9BF6DA7191CA2' },
  { source: pyemv, cardKey: treeRoot, atc: 'FFFF', height: 8, branches: 4, initial: zeros, key: 'D93D7A6B70F867615D4AAB79BF235B62' },
  { source: pyemv, cardKey: common, atc: '001C', height: 8, branches: 4, initial: zeros, key: 'E5BF6D1067F194B0A89B7F5D83BC64A2' },
];

/** A cryptogram over data that are given whole, and the answer to it. */
export interface CryptogramVector {
  readonly source: string;
  readonly cardKey: string;
  readonly sessionKey: string;
  readonly data: string;
  readonly padding: 'zeros' | 'always80';
  readonly cryptogram: string;
  /** The cryptogram is not this card's. */
  readonly mustFail: boolean;
  readonly response: { readonly method: 1 | 2; readonly key: 'master' | 'session'; /** ARC or CSU. */ readonly answer: string; readonly value: string } | undefined;
}

const flowCard = { cardKey: 'F84315C7B95BD3B0C74694922C3808B0', sessionKey: '3E736BF8D37664348A04E3ABE00DEFC1' };
const flowData = '0123456789ABCDEF0123456789ABCDEF';

export const cryptogramVectors: readonly CryptogramVector[] = [
  {
    source: pyemv, ...flowCard, data: flowData, padding: 'always80', cryptogram: '4B46013359B7A58B', mustFail: false,
    response: { method: 1, key: 'master', answer: '0000', value: 'F8C9CECAABD55AD1' },
  },
  {
    source: pyemv, ...flowCard, data: `${flowData}01`, padding: 'zeros', cryptogram: '2E141C6BC4A20DA8', mustFail: false,
    response: { method: 1, key: 'master', answer: '0000', value: '16A49AAB314B9262' },
  },
  {
    source: pyemv, ...flowCard, data: flowData, padding: 'always80', cryptogram: '4B46013359B7A58B', mustFail: false,
    response: { method: 2, key: 'session', answer: '00000000', value: '7DFB1188' },
  },
  {
    source: elements, cardKey: flowCard.cardKey, sessionKey: 'C77686D3387AB5D69D97CB5492918026', data: flowData, padding: 'zeros', cryptogram: '922F3E83125EB46C',
    mustFail: true, response: undefined,
  },
  {
    source: `${elements}: Visa CVN 18`, cardKey: '6289DFFD867CAD1304F86475BC26EF01', sessionKey: 'BC9294AB753E83AEC8FBD97C2519B3DF',
    data: '000000012300000000000000084080000100000840200106009BADBCAB0000010206011203A00000', padding: 'always80', cryptogram: '9DA57063E9BF4757', mustFail: false,
    response: { method: 2, key: 'session', answer: '00008000', value: 'C5861E6D' },
  },
  {
    source: `${jmeter}: Visa CVN 10`, cardKey: 'F19DCD081C2CBAD95D5E19EC3E5846BC', sessionKey: 'F19DCD081C2CBAD95D5E19EC3E5846BC',
    data: '00000000000100000000000005540000000000055423012301112233445C00000103000000', padding: 'zeros', cryptogram: '84D785136EFA29D1', mustFail: false, response: undefined,
  },
];

/** A MAC over a command, and what of the transaction goes with it, given whole. */
export const scriptMacVectors: readonly { readonly source: string; readonly sessionKey: string; readonly data: string; readonly mac: string }[] = [
  { source: pyemv, sessionKey: '38758097AE8C9410581945610D85986B', data: '842400021028367E05DE3381C2', mac: '8C4D10091A093B5B' },
  { source: pyemv, sessionKey: '38758097AE8C9410581945610D85986B', data: '842400021099AD3AF9EB3ECF0C', mac: '1471D88C6393BE21' },
];

export interface PinDataVector {
  readonly source: string;
  readonly scheme: 'visa' | 'mastercard';
  readonly pin: string;
  /** The card's master key for cryptograms, which Visa's block has a part of. */
  readonly cardKey: string | undefined;
  readonly block: string;
  readonly sessionKey: string;
  readonly enciphered: string;
}

export const pinDataVectors: readonly PinDataVector[] = [
  {
    source: pyemv, scheme: 'mastercard', pin: '999999999999', cardKey: undefined, block: '2C999999999999FF',
    sessionKey: '9EE6A89276B008516226F8CE75FD8C02', enciphered: '99AD3AF9EB3ECF0C',
  },
  {
    source: pyemv, scheme: 'visa', pin: '9999', cardKey: '154F349D8585CB7F6B0798E9839B10C1', block: '049999FF7A7A3480',
    sessionKey: '19296D4CD62685838AADDF0B2AAB7008', enciphered: 'BB221AF527377A2811D2B6EBC396A939',
  },
  {
    source: pyemv, scheme: 'mastercard', pin: '9999', cardKey: undefined, block: '249999FFFFFFFFFF',
    sessionKey: '4F6B1FA10E6837080D83431F46A8DABF', enciphered: '00859B8FE53F316D',
  },
];

/** The track as it is on the chip; the value has as many digits as its track carries. */
export const cvc3Vectors: readonly {
  readonly source: string; readonly imk: string; readonly pan: string; readonly panSequence: string; readonly track: string;
  readonly atc: string; readonly unpredictableNumber: string; readonly value: string;
}[] = [
  {
    source: `${pyemv}: track 2`, imk: '01234567899876543210012345678998', pan: '5123456789012345', panSequence: '00',
    track: '5123456789012345D35121010000000000000F', atc: '005E', unpredictableNumber: '00000899', value: '29488',
  },
  {
    source: `${pyemv}: track 1`, imk: '01234567899876543210012345678998', pan: '5123456789012345', panSequence: '00',
    track: '42353132333435363738393031323334355E4B454E4F42492F4F424957414E5E33353132313031303030303030303030303030303030303030303030303030',
    atc: '005E', unpredictableNumber: '00000899', value: '419',
  },
];

/** No vectors are published: computed from the definition outside this project, with pyemv's card key and a CVV of their own. */
export const dcvvVectors: readonly {
  readonly imk: string; readonly pan: string; readonly panSequence: string; readonly expiry: string; readonly serviceCode: string; readonly atc: number; readonly value: string;
}[] = [
  { imk: '313D5710024A546DF4A7160162FE5B08', pan: '6939193613732955', panSequence: '00', expiry: '2709', serviceCode: '201', atc: 7, value: '218' },
  { imk: 'C1BC0BF14C0173CE8A75DF32FE37899D', pan: '3798206000972566', panSequence: '00', expiry: '2703', serviceCode: '201', atc: 4660, value: '994' },
  { imk: 'DA7C1A80F479EA94C186E9F10B4CD5BF', pan: '9096643793853', panSequence: '01', expiry: '3304', serviceCode: '201', atc: 65535, value: '750' },
  { imk: '371F75575EF7861AD0373D5E2C07F7B3', pan: '1015537265962538565', panSequence: '00', expiry: '3007', serviceCode: '201', atc: 9999, value: '617' },
];
