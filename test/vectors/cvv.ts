/**
 * Card verification values and key check values with their sources, restated. `expiry` is in the order that the algorithm was fed.
 */

export interface CvvVector {
  readonly source: string;
  readonly cvk: string;
  readonly pan: string;
  readonly expiry: string;
  readonly serviceCode: string;
  readonly value: string;
}

const jmeter = 'the tests of tilln/jmeter-iso8583 (CalculateCVVFunctionTest)';
const psec = 'computed with knovichikhin/psec and once more independently';

export const cvvVectors: readonly CvvVector[] = [
  { source: jmeter, cvk: '13131313131313131313131313131313', pan: '4444333322221111', expiry: '9911', serviceCode: '000', value: '114' },
  { source: jmeter, cvk: '13131313131313131313131313131313', pan: '4444333322221111', expiry: '9911', serviceCode: '999', value: '163' },
  { source: psec, cvk: 'E9A179FDC85E70C4FDFE015486024654', pan: '2221005993034568', expiry: '3011', serviceCode: '201', value: '180' },
  { source: psec, cvk: 'D6548F1A86086208A886ABD9867045BC', pan: '5105100925023070', expiry: '0228', serviceCode: '000', value: '016' },
  { source: psec, cvk: 'F823B67AFE7A62804AAEBA32D0CE9B40', pan: '4000007387505', expiry: '2903', serviceCode: '201', value: '536' },
  { source: psec, cvk: '4C0D9843F1E67A5DA8BA4A541FD3BC64', pan: '6390007933866514387', expiry: '2910', serviceCode: '201', value: '753' },
];

/** Why each one must be refused: from the tests of knovichikhin/psec (test_cvv). */
export const cvvRefused: readonly (Omit<CvvVector, 'source' | 'value'> & { readonly why: string })[] = [
  { why: 'a single-length key', cvk: '4141414141414141', pan: '5555555551234567', expiry: '2012', serviceCode: '220' },
  { why: 'a triple-length key', cvk: '414141414141414142424242424242424343434343434343', pan: '5555555551234567', expiry: '2012', serviceCode: '220' },
  { why: 'a letter in the PAN', cvk: '41414141414141414242424242424242', pan: '555555555123456A', expiry: '2012', serviceCode: '220' },
  { why: 'an expiry of three digits', cvk: '41414141414141414242424242424242', pan: '5555555551234567', expiry: '201', serviceCode: '220' },
  { why: 'an expiry of five digits', cvk: '41414141414141414242424242424242', pan: '5555555551234567', expiry: '20120', serviceCode: '220' },
  { why: 'a service code of two digits', cvk: '41414141414141414242424242424242', pan: '5555555551234567', expiry: '2012', serviceCode: '22' },
  { why: 'a letter in the service code', cvk: '41414141414141414242424242424242', pan: '5555555551234567', expiry: '2012', serviceCode: '22A' },
];

/** From the tests of timgabets/pynblock, knovichikhin/psec and openemv/tr31. */
export const checkValueVectors: readonly { readonly algorithm: 'tdes' | 'aes'; readonly key: string; readonly kcv: string }[] = [
  { algorithm: 'tdes', key: 'E6F1081FEA4C402CC192B65DE367EC3E', kcv: '212CF9' },
  { algorithm: 'tdes', key: '0123456789ABCDEFFEDCBA9876543210', kcv: '08D7B4' },
  { algorithm: 'tdes', key: '3F419E1CB7079442AA37474C2EFBF8B8', kcv: '57C409' },
  { algorithm: 'aes', key: '3F419E1CB7079442AA37474C2EFBF8B8', kcv: '08793E' },
];
