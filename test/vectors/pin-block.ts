/** PIN blocks with their sources, restated; and what each fault of a block is called. */

interface Subject {
  readonly name: string;
  readonly source: string;
  readonly format: 0 | 1 | 2 | 3 | 4;
  readonly pin: string;
  readonly pan: string;
}

export type PinBlockCase = Subject &
  (
    | { readonly kind: 'decode'; /** The clear block, or format 4's PIN field. */ readonly clear: string }
    | { readonly kind: 'begins'; /** What is not random of it. */ readonly clear: string }
    | { readonly kind: 'panField'; readonly clear: string }
    | { readonly kind: 'decipher'; readonly key: string; readonly enciphered: string; readonly clear?: string }
    | { readonly kind: 'refusedEncode'; readonly refused: string }
    | { readonly kind: 'refusedDecode'; readonly clear: string; readonly refused: string }
    | { readonly kind: 'refusedDecipher'; readonly key: string; readonly enciphered: string; readonly refused: string }
  );

export const pinBlockRefusals = {
  bytes8: 'the PIN block does not have 8 bytes',
  bytes16: 'the PIN block does not have 16 bytes',
  fieldBytes: 'the PIN field does not have 16 bytes',
  control: "the PIN block's control nibble is not the format's",
  length: "the PIN block's length is not 4 to 12 digits",
  digits: 'the PIN block has a PIN that is not of decimal digits alone',
  fill: "the PIN block's fill is not the format's",
  pinLength: 'the PIN does not have 4 to 12 digits',
  pinDigits: 'the PIN is not of decimal digits alone',
  panLong: 'the PAN has more than 19 digits',
  panShort: 'the PAN has fewer than 13 digits, and formats 0 and 3 bind to twelve and the check digit',
} as const;

const psec = 'the tests of knovichikhin/psec (test_pinblock)';
const pynblock = 'the tests of timgabets/pynblock';
const openemv = 'the tests of openemv/pinblock, from ANSI X9.24-3:2017';
const computed = 'computed with knovichikhin/psec and once more independently';
const none = { pin: '', pan: '' };
const long = { pin: '1234', pan: '5555555551234567' };

export const pinBlockCases: readonly PinBlockCase[] = [
  { name: 'format 0', source: psec, kind: 'decode', format: 0, ...long, clear: '041261AAAAEDCBA9' },
  { name: 'format 0, 12 digits', source: psec, kind: 'decode', format: 0, ...long, pin: '123456789012', clear: '0C1261032D8226A9' },
  { name: 'format 0, another card', source: pynblock, kind: 'decode', format: 0, pin: '1234', pan: '8998811234567890', clear: '0412BCEEDCBA9876' },
  { name: 'format 1', source: 'the tests of openemv/pinblock', kind: 'decode', format: 1, pin: '12345', pan: '', clear: '1512345EDCBA9876' },
  { name: 'format 2', source: psec, kind: 'decode', format: 2, pin: '123456789', pan: '', clear: '29123456789FFFFF' },
  { name: 'format 3', source: psec, kind: 'decode', format: 3, ...long, clear: '341261AAAAEDCBA9' },
  { name: 'format 3 up to its fill', source: psec, kind: 'begins', format: 3, ...long, pin: '123456789012', clear: '3C1261032D8226' },
  { name: 'format 4 up to its random half', source: openemv, kind: 'begins', format: 4, pin: '12345', pan: '', clear: '4512345AAAAAAAAA' },
  { name: 'format 4 PIN field', source: psec, kind: 'decode', format: 4, pin: '1234', pan: '', clear: '441234AAAAAAAAAA548ED7FD65495950' },
  { name: 'PAN field of 16 digits', source: openemv, kind: 'panField', format: 4, pin: '', pan: '4111111111111111', clear: '44111111111111111000000000000000' },
  { name: 'PAN field of 9 digits', source: openemv, kind: 'panField', format: 4, pin: '', pan: '123456789', clear: '00001234567890000000000000000000' },
  {
    name: 'format 4 enciphered, random half of ones', source: psec, kind: 'decipher', format: 4, pin: '1234', pan: '1234567890123456789',
    key: '00112233445566778899AABBCCDDEEFF', clear: '441234AAAAAAAAAAFFFFFFFFFFFFFFFF', enciphered: '28B41FDDD29B743E93124BD8E32D921E',
  },
  {
    name: 'format 4 under AES-256', source: computed, kind: 'decipher', format: 4, pin: '184405727114', pan: '4000008404085',
    key: '493DA1C9E2726ACF26B9E40E9CFD3F4AF0890CDCD4052456BBBC4B18512602FE', enciphered: '5B8D9FD2EC0EB905AD76D6141498DE0A',
  },
  {
    name: 'format 0 enciphered', source: 'the tests of rkbalgi/libiso', kind: 'decipher', format: 0, pin: '1234', pan: '4111111111111111',
    key: 'E0F4543F3E2A2C5FFC7E5E5A222E3E4D', clear: '041225EEEEEEEEEE', enciphered: '6042012526A9C2E0',
  },
  {
    name: 'format 1 enciphered', source: computed, kind: 'decipher', format: 1, pin: '8999', pan: '',
    key: '7A2946B90131ECDF620DCE23B94CA832', clear: '148999F6E8647ED0', enciphered: '94D01E5460E4A647',
  },
  {
    name: 'format 3 enciphered', source: computed, kind: 'decipher', format: 3, pin: '8999', pan: '378282772665939',
    key: '7A2946B90131ECDF620DCE23B94CA832', clear: '34891B798B8C8849', enciphered: 'F422F4F80DAE161A',
  },
  { name: 'seven bytes', source: psec, kind: 'refusedDecode', format: 0, ...long, clear: '041261AAAAEDCB', refused: pinBlockRefusals.bytes8 },
  { name: 'a length of two', source: psec, kind: 'refusedDecode', format: 0, ...long, clear: '021261AAAAEDCBA9', refused: pinBlockRefusals.length },
  { name: 'fill that is not all F', source: psec, kind: 'refusedDecode', format: 0, ...long, clear: '041261AAAAEDCBAA', refused: pinBlockRefusals.fill },
  { name: 'a PIN with a letter', source: psec, kind: 'refusedDecode', format: 0, ...long, clear: '051261AAAAEDCBA9', refused: pinBlockRefusals.digits },
  { name: 'a length of fifteen', source: psec, kind: 'refusedDecode', format: 2, ...none, clear: '2F123456789012FF', refused: pinBlockRefusals.length },
  { name: 'fill that is a digit', source: psec, kind: 'refusedDecode', format: 3, ...long, clear: '341261AAAAEDCBA2', refused: pinBlockRefusals.fill },
  { name: 'a control nibble of 5', source: psec, kind: 'refusedDecode', format: 4, ...none, clear: '541234AAAAAAAAAA548ED7FD65495950', refused: pinBlockRefusals.control },
  {
    name: 'fill of B', source: psec, kind: 'refusedDecipher', format: 4, pin: '', pan: '939589847393485609',
    key: '820F6C7C12355BDFF1AB6CE12E8EED89', enciphered: 'CCF310A8300B46C925A86B1098089301', refused: pinBlockRefusals.fill,
  },
  {
    name: 'seventeen bytes', source: psec, kind: 'refusedDecipher', format: 4, pin: '', pan: '432198765432109870',
    key: 'C1D0F8FB4958670DBA40AB1F3752EF0D', enciphered: 'CC17F65586BFD0953010226C4FC5B3CA00', refused: pinBlockRefusals.bytes16,
  },
  { name: 'a PIN of three', source: psec, kind: 'refusedEncode', format: 0, pin: '123', pan: '55555555555555', refused: pinBlockRefusals.pinLength },
  { name: 'a letter for a PIN digit', source: psec, kind: 'refusedEncode', format: 0, pin: '123A', pan: '55555555555555', refused: pinBlockRefusals.pinDigits },
  { name: 'a PAN of twelve', source: psec, kind: 'refusedEncode', format: 0, pin: '1234', pan: '555555555555', refused: pinBlockRefusals.panShort },
  { name: 'a PAN of 21', source: psec, kind: 'refusedEncode', format: 4, pin: '1234', pan: '555555555555555555555', refused: pinBlockRefusals.panLong },
];
