/**
 * Cardholder authentication values with their public sources, restated, and check values of keys.
 */
import type { AuthenticationForm } from '../../src/keys/hsm-message.ts';

export interface AuthenticationVector {
  readonly source: string;
  readonly form: AuthenticationForm;
  /** Of a triple DES key sixteen bytes; of an HMAC key less than 32 bytes stand for those filled up with zeros. */
  readonly key: string;
  readonly pan: string;
  readonly value: string;
}

const gocavv = 'the tests of the Go package gocavv';
const patent = 'US patent application 2007/0143227 A1, examples 1 and 2';

export const authenticationVectors: readonly AuthenticationVector[] = [
  {
    source: gocavv,
    form: 'visa-cavv-0',
    key: '0123456789ABCDEFFEDCBA9876543210',
    pan: '4123456789012345',
    value: '0700010972799396022310347279930000000000',
  },
  {
    source: patent,
    form: 'mastercard-spa1',
    key: '0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B',
    pan: '5432109876543210',
    value: '8C7CA7FBB6058B511401110000002F3547BA1EFF',
  },
  {
    source: `${patent}; its MAC in ${gocavv}`,
    form: 'mastercard-spa1',
    key: '00112233445566778899AABBCCDDEEFF',
    pan: '5432109876543210',
    value: '8C7CA7FBB6058B511401110000002FEB27FC7FAB',
  },
];

/** The public MAC of an IAV and the hash of its merchant's name, from the same tests. */
export const spa2Vector = {
  source: gocavv,
  key: 'B039878C1F96D212F509B2DC4CC8CD1B',
  pan: '2226400099919520',
  merchantName: 'The Dodgy Dave And Jonty Shop',
  merchantHash: '943C94EF',
  amount: { amountMinor: 123_456, currency: '840' },
  transactionId: '2c1c0497-5b6b-4a3e-9d52-0c6f1d1f7a11',
  begins: 'C60418620655',
} as const;

/** The amounts of SPA2 in sixteen bits, from the same tests. */
export const spa2Amounts: readonly (readonly [amountMinor: number, code: number])[] = [
  [0, 0],
  [1, 1],
  [14_000, 0x36b0],
  [14_001, 0x36f1],
  [123_456, 0x4f24],
  [999_999_999_999, 0xffff],
];

/** Of any length, from the tests of timgabets/pynblock, knovichikhin/psec and openemv/tr31. */
export const longCheckValues: readonly { readonly algorithm: 'TDES' | 'AES-CMAC'; readonly key: string; readonly kcv: string }[] = [
  { algorithm: 'TDES', key: 'E6F1081FEA4C402CC192B65DE367EC3E', kcv: '212CF9158251CDD3' },
  { algorithm: 'TDES', key: '0123456789ABCDEFFEDCBA9876543210', kcv: '08D7' },
  { algorithm: 'AES-CMAC', key: '3F419E1CB7079442AA37474C2EFBF8B8', kcv: '08793E25AB' },
];

/** From knovichikhin/psec (des, doctest). */
export const parityVectors: readonly { readonly key: string; readonly adjusted: string }[] = [
  { key: '1A2B3C4D5F0A1B2C4D5F6A7B8C9D0F1A', adjusted: '1A2A3D4C5E0B1A2C4C5E6B7A8C9D0E1A' },
];

/** Keys as they travelled before key blocks, from the tests of tilln/jmeter-iso8583. */
export const bareKeyVectors: readonly { readonly key: string; readonly kek: string; readonly wrapped: string }[] = [
  { key: '1313131313131313', kek: '1313131313131313', wrapped: '2911CF5E94D33FE1' },
];
