/** Keys derived for one transaction (DUKPT), with their sources, restated. */

export interface TdesDukptVector {
  readonly source: string;
  readonly base: string;
  readonly serial: string;
  readonly transactionKey: string;
  readonly pin: string;
  readonly pan: string;
  /** Format 0. */
  readonly clear: string;
  readonly enciphered: string;
}

export interface AesDukptVector {
  readonly source: string;
  readonly base: string;
  readonly initialKey: string;
  readonly serial: string;
  readonly transactionKey: string;
  /** Working keys for PINs, by their bytes. */
  readonly pinKeys: Readonly<Partial<Record<16 | 24 | 32, string>>>;
  readonly macGeneration?: string;
  readonly dataEncryption?: string;
  /** A PIN block of format 4. */
  readonly block?: { readonly pin: string; readonly pan: string; readonly field: string; readonly enciphered: string | undefined };
}

const shopify = 'the tests of Shopify/dukpt (decrypter_test)';
const supplement = 'the supplement of ANSI X9.24-3:2017, from the tests of openemv/dukpt';
const testBase = '0123456789ABCDEFFEDCBA9876543210';
const aesBase = 'FEDCBA9876543210F1F1F1F1F1F1F1F1';

/** ANSI X9.24-1:2009, A.4, from the tests of openemv/dukpt. */
export const tdesInitialKey = { base: testBase, serial: 'FFFF9876543210E00000', initialKey: '6AC292FAA1315B4D858AB3A3D7D5933A' } as const;

/** ANSI X9.24-1:2009, A.4: the variants of one transaction's key. */
export const tdesVariants = {
  base: testBase,
  serial: 'FFFF9876543210E00001',
  pin: '042666B49184CF5C68DE9628D0397B36',
  macRequest: '042666B4918430A368DE9628D03984C9',
  dataRequest: '448D3F076D8304036A55A3D7E0055A78',
} as const;

/** ANSI X9.24-1:2009, A.4: the blocks of one PIN in format 0 in the first transactions of a terminal. */
export const tdesPinBlocks = {
  base: testBase,
  pin: '1234',
  pan: '4012345678909',
  blocks: { FFFF9876543210E00001: '1B9C1845EB993A7A', FFFF9876543210E00002: '10A01C8D02C69107', FFFF9876543210E00003: '18DC07B94797B466' },
} as const;

export const tdesDukptVectors: readonly TdesDukptVector[] = [
  {
    source: shopify, base: testBase, serial: 'F8765432108D12400014', transactionKey: 'BB476CEAEF6D50422FBC3C1EFF4C03AD',
    pin: '4315', pan: '5413330089601109', clear: '044326CFF769FEEF', enciphered: '129C4FC2537BB63E',
  },
];

export const aesDukptVectors: readonly AesDukptVector[] = [
  {
    source: supplement, base: aesBase, initialKey: '1273671EA26AC29AFA4D1084127652A1', serial: '123456789012345600000001',
    transactionKey: '4F21B565BAD9835E112B6465635EAE44', pinKeys: { 16: 'AF8CB133A78F8DC2D1359F18527593FB' },
    macGeneration: 'A2DC23DE6FDE0824A2BC321E08E4B8B7', dataEncryption: 'A35C412EFD41FDB98B69797C02DCD08F',
    block: { pin: '1234', pan: '4111111111111111', field: '441234AAAAAAAAAA2F69ADDE2E9E7ACE', enciphered: 'A912150391AB65A67E52883D81CE2D15' },
  },
  {
    source: supplement, base: aesBase, initialKey: '1273671EA26AC29AFA4D1084127652A1', serial: '1234567890123456FFFF0000',
    transactionKey: 'F6BA59389BD14A9855BE9727E7C52E3C', pinKeys: {},
  },
  {
    source: supplement, base: aesBase + aesBase, initialKey: 'CE9CE0C101D1138F97FB6CAD4DF045A7083D4EAE2D35A31789D01CCF0949550F',
    serial: '123456789012345600000007', transactionKey: '88D0ACA287B3066F5DE0C93396337D4C2DA8D92C1F720A576D62CEB4C979E01E',
    pinKeys: { 16: 'B7C6BB187134E9D429C3E8B7CCBD8477', 32: '693C893A1E81D280302E0A47E7E634337B9A9B26E7CC6064D807E08FF911AFAC' },
    macGeneration: '3AC9CC5159F96E10FCC5EB64015AC76A', dataEncryption: 'DC2915BF421D617E7725E63A7DACB18D',
  },
];
