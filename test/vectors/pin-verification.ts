/** PVVs, IBM 3624 offsets and two-pass decimalisation with their sources, restated; and what each fault is called. */

export interface PvvVector {
  readonly source: string;
  readonly pvk: string;
  readonly keyIndex: string;
  readonly pin: string;
  readonly pan: string;
  readonly tsp: string;
  readonly pvv: string;
}

export interface OffsetVector {
  readonly source: string;
  readonly pvk: string;
  readonly table: string;
  readonly pan: string;
  readonly start: number;
  readonly length: number;
  readonly pad: string;
  readonly pin: string;
  readonly offset: string;
}

const psec = 'the tests of knovichikhin/psec (test_pin)';
const elements = 'the tests of futehkao/elements, from a manual of Atalla';
const computed = 'computed with knovichikhin/psec and once more independently';
const testKey = '0123456789ABCDEFFEDCBA9876543210';

export const pvvVectors: readonly PvvVector[] = [
  { source: psec, pvk: testKey, keyIndex: '1', pin: '4524', pan: '1122334455667788', tsp: '3344556677814524', pvv: '8523' },
  { source: psec, pvk: testKey, keyIndex: '3', pin: '4524', pan: '1122334455667788', tsp: '3344556677834524', pvv: '4021' },
  { source: 'the tests of ilya-dubinsky/cfpp', pvk: '233220CCDDCC322315C44C2A51A2DFFD', keyIndex: '1', pin: '1234', pan: '4444333322221111', tsp: '3333222211111234', pvv: '7211' },
  { source: computed, pvk: '9E9B34133E928F9EADD3C70B70F785B6', keyIndex: '5', pin: '8808', pan: '6390005444790150290', tsp: '4447901502958808', pvv: '0577' },
  // Its cryptogram has fewer than four decimal digits: the second pass is needed.
  { source: computed, pvk: '1640734FFBB3CE13F2B3DF6464A1C408', keyIndex: '1', pin: '8284', pan: '4000004855828848', tsp: '0048558288418284', pvv: '8494' },
];

const whole = { pan: '1122334455667788', start: 0, length: 16, pad: 'F', table: '1234567890123456', pvk: testKey };

export const offsetVectors: readonly OffsetVector[] = [
  { source: psec, ...whole, pin: '5635', offset: '1111' },
  { source: psec, ...whole, pin: '0000', offset: '6586' },
  { source: psec, ...whole, length: 14, pin: '5518', offset: '0000' },
  { source: psec, ...whole, start: 1, length: 14, pad: '1', pin: '3675', offset: '0000' },
  { source: elements, pvk: '89B07B35A1B3F47E89B07B35A1B3F47E89B07B35A1B3F47E', table: '8351296477461538', pan: '33333333', start: 0, length: 8, pad: 'D', pin: '361436', offset: '756694' },
  { source: elements, pvk: '3333333333333333', table: '0123456789012345', pan: '123456123456', start: 0, length: 12, pad: 'F', pin: '1234', offset: '3053' },
];

export const decimaliseVectors = [
  { source: 'the tests of timgabets/pynblock', input: 'EEFADCFFFBD7ADECAB9FBB', digits: '7944' },
  { source: 'the tests of timgabets/pynblock', input: 'EFADCFFFBDADECABFBB', digits: '4503' },
  { source: 'the tests of timgabets/pynblock', input: 'EFADCFFFBDADECABFBB', digits: '450' },
] as const;

export const pinVerificationRefusals = {
  keyIndex: 'the index of the PVK is not one digit',
  pinLength: 'the PIN does not have 4 to 12 digits',
  pinDigits: 'the PIN is not of decimal digits alone',
  pvvPin: 'a PVV is of a PIN of four digits',
  pvvPan: 'the PAN does not have 12 to 19 digits',
  panDigits: 'the PAN is not of decimal digits alone',
  table: 'the decimalisation table is not sixteen digits',
  pad: 'the pad of the validation data is not one hexadecimal digit',
  part: 'the validation data is not 1 to 16 digits of the PAN',
  window: 'the PAN has fewer digits than the validation data takes',
  offset: 'the offset is not 4 to 12 digits',
  pvv: 'the PVV is not four digits',
} as const;
