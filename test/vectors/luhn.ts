/**
 * Numbers with a right and a wrong Luhn digit, restated from the tests of validatorjs/validator.js and braintree's test card numbers.
 */
export const luhnRight: readonly string[] = [
  '0',
  '5421',
  '4222222222222',
  '36050234196908',
  '378282246310005',
  '4111111111111111',
  '6226050967750613',
  '4716989580001715211',
  '0123456789012345678906',
];

export const luhnWrong: readonly string[] = ['', '1', 'foo', '500000000000', '5398228707871528', '4716989580001715213', '623491788middle2863855', '4111 1111 1111 1111'];

/** Not card numbers: too short, too long, or not digits. */
export const notCardNumbers: readonly string[] = ['', '4111111', '41111111111111111111', 'foo', '411111y', '4111-1111-1111-1111', ' 4111111111111111', '٤١١١١١١١١١١١١١١١'];
