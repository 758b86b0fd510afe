/**
 * What the files hold that the documentation's key commands read: components of a published test key (FEDCBA98765432100123456789ABCDEF),
 * a key block under it, and test keys; and a certificate request, whose private key nobody has. By the name after `<`.
 */
export const keyInputs: Readonly<Record<string, string>> = {
  'alice.txt': 'E6F1081FEA4C402CC192B65DE367EC3E\n',
  'bob.txt': '192CB3869D19733DC1B0F23B6BCD20D0\n',
  'key-block.txt': 'B0080P0TB00E000077FF902EC5BE97DE71D98B8981E611A4530C2CDF4E1EDC6500FEAF5CED6210B6\n',
  'test-cvk.txt': '0123456789ABCDEFFEDCBA9876543210\n',
  'partner.csr': [
    '-----BEGIN CERTIFICATE REQUEST-----',
    'MIHSMHoCAQAwGDEWMBQGA1UEAwwNZGVtbyBiYWNrIGVuZDBZMBMGByqGSM49AgEG',
    'CCqGSM49AwEHA0IABIPmAXOqKJ1LJVcnJvTkA2fnD2TRdP81Pqd9/X/Gfm2SZXz+',
    'mo2r0Avo7KbBZXu1Ajx1yO+cjYShmXDuJWypr3egADAKBggqhkjOPQQDAgNIADBF',
    'AiEAgpA0wQ4yit6ZfPFo7e43AbvYUAM+GE6MbA1iAYWEejQCIEdx4vpxkJ5uZxlT',
    'cJsVkJn6llIdRpg82QDHCOEhuaAD',
    '-----END CERTIFICATE REQUEST-----', '',
  ].join('\n'),
};
