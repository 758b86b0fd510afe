/** What a station's and a program's row say of keys, PINs, chips and authentication values: their schemas, which check and document them. */
import type { MapSchema, ObjectSchema } from '../base/schema.ts';
import { choice, count, keyName, text } from './schema-parts.ts';

const byte = '^[0-9A-Fa-f]{2}$';

export const stationSecuritySchema: ObjectSchema = {
  type: 'object',
  description: 'the keys that a station and the switch share',
  additionalProperties: false,
  required: [],
  default: {},
  properties: {
    pinKey: keyName('the key (usage zpk) that PIN blocks are enciphered under'),
    terminalKey: keyName('the key (usage bdk) that the station\'s terminals derive theirs from (DUKPT): for PIN blocks with a key serial number'),
    terminalKeyOnce: { type: 'boolean', description: 'whether a key serial number that a card was used with before is refused with its PIN (1818), as a terminal\'s counter goes on with each; kept as long as what is known of the transaction', default: true },
    pinFormat: { type: 'integer', description: 'the ISO 9564-1 format of a PIN block whose message does not say it; one of 16 bytes is always 4', enum: [0, 1, 3], default: 0 },
    mac: {
      type: 'object',
      description: 'message authentication codes (DE64, DE128)',
      additionalProperties: false,
      required: ['key'],
      properties: {
        key: keyName('the key (usage zak) that they are made with'),
        algorithm: choice('retail: ISO 9797-1 algorithm 3, of a triple DES key; cmac: of either kind of key', ['retail', 'cmac'], 'retail'),
        required: { type: 'boolean', description: 'whether a message without one is refused; if not, one that has one is checked, and answered with one', default: true },
      },
    },
    transportKey: keyName('the key (usage kek) that keys are exchanged under (0800 with DE70 161, 1804 and 2804 with DE24 811); without it a key change is refused'),
    keyRenewalHours: count('how often the switch brings the station new keys while it is connected, in hours, the first ones a minute after it has connected; 0: only when the station asks for one, by a key change that brings none', 0, 500, 0),
    keyOverlapSeconds: count('how long the old key may be used after an exchange', 0, 604_800, 3600),
  },
};

const pvksSchema: MapSchema = {
  type: 'map',
  description: 'keys (usage pvk) by their index',
  names: { pattern: '^[0-9]$', $comment: 'a digit' },
  items: keyName('the key of the index'),
};

export const pinSchema: ObjectSchema = {
  type: 'object',
  description: 'how PINs are verified; without it no card of the program has one',
  additionalProperties: false,
  required: ['pvks'],
  properties: {
    method: choice('pvv: Visa PIN verification value; ibm3624: offset to the natural PIN', ['pvv', 'ibm3624'], 'pvv'),
    pvks: pvksSchema,
    longerPins: choice('pvv, which is of four digits: whether a longer PIN is a wrong one, or its leftmost four digits are verified, as other issuers\' systems do, and nobody looks at the others', ['refused', 'leftmostFour'], 'refused'),
    triesMax: count('wrong PINs in a row that lock a card with code 6', 1, 15, 3),
    trackReferenceAt: count('pvv, of a remote issuer\'s cards: where in track 2, counted from the end of the service code, the key index and the four digits of the PVV stand; stand-in verifies PINs by them, and without this none', 0, 30),
    decimalisationTable: text('ibm3624: what the hexadecimal digits 0 to F become', '^[0-9]{16}$', 'sixteen digits'),
    validation: {
      type: 'object',
      description: 'ibm3624: the part of the card number that is enciphered',
      additionalProperties: false,
      required: [],
      default: {},
      properties: {
        start: count('its first digit, from 0', 0, 18, 0),
        length: count('its digits', 4, 16, 16),
        pad: text('what fills it up to sixteen', '^[0-9A-Fa-f]$', 'a hexadecimal digit'),
      },
    },
  },
};

const chipKeysSchema: MapSchema = {
  type: 'map',
  description: 'issuer master keys by the key index (DKI) that the chip names, in decimal',
  names: { pattern: '^(0|[1-9][0-9]{0,2})$', $comment: 'a number from 0 to 255' },
  items: {
    type: 'object',
    description: 'the keys of one index',
    additionalProperties: false,
    required: ['ac'],
    properties: {
      ac: keyName('for cryptograms (usage imk-ac)'),
      smi: keyName('for the integrity of scripts (usage imk-smi); without it the chip gets none'),
      smc: keyName('for what is confidential in scripts (usage imk-smc); without it the chip gets no PIN'),
    },
  },
};

const findingSchema: ObjectSchema = {
  type: 'object',
  description: 'what the issuer makes of a bit that the chip or the terminal reports',
  additionalProperties: false,
  required: ['name', 'tag', 'byte', 'mask', 'effect'],
  properties: {
    name: text('for the journal', '^[a-z][A-Za-z0-9]{0,39}$', 'up to 40 letters and digits, a small letter first'),
    tag: choice('95: terminal verification results; cvr: card verification results in tag 9F10; 9F27: cryptogram information; 9F34: cardholder verification; 82: application interchange profile', ['95', 'cvr', '9F27', '9F34', '82']),
    byte: count('which byte, from 1', 1, 32),
    mask: text('which bits', byte, 'a byte in hexadecimal'),
    value: text('what the bits must be; by default any of them set', byte, 'a byte in hexadecimal'),
    effect: choice('decline; note: a flag in the journal; scriptFailed: what was sent to the chip last is sent again', ['decline', 'note', 'scriptFailed']),
  },
};

export const chipSchema: ObjectSchema = {
  type: 'object',
  description: 'how chips are verified; without it no card of the program has one',
  additionalProperties: false,
  required: ['keys'],
  properties: {
    applicationData: choice('how the issuer application data (tag 9F10) is laid out: as Visa\'s cards have it, as M/Chip\'s, or as the Common Core Definitions of EMV Book 3', ['visa', 'mastercard', 'common'], 'visa'),
    masterKeyOption: choice('how a card\'s keys are derived (EMV Book 2, A1.4): B differs where card numbers have more than sixteen digits', ['A', 'B'], 'A'),
    keys: chipKeysSchema,
    profiles: {
      type: 'map',
      description: 'what a cryptogram version number stands for, in decimal; by default the scheme\'s own',
      names: { pattern: '^(0|[1-9][0-9]{0,2})$', $comment: 'a number from 0 to 255' },
      items: choice('a profile', ['visa-cvn10', 'visa-cvn14', 'visa-cvn17', 'visa-cvn18', 'visa-cvn22', 'mastercard-cvn16', 'mastercard-cvn17', 'emv-common']),
      default: {},
    },
    required: { type: 'boolean', description: 'whether a request for which a chip was read is declined without a cryptogram', default: false },
    atcWindow: count('how far below the highest transaction counter one may come late', 0, 31, 8),
    fallback: { type: 'boolean', description: 'whether the stripe may be read where the chip could not', default: true },
    blockAtLocks: {
      type: 'array',
      description: 'lock codes of a card at which its chip is told to block its application, with the answer to its next cryptogram: of those that nothing lifts',
      items: { type: 'integer', description: '1 lost, 2 stolen, 5 inactive, 8 replaced', enum: [1, 2, 5, 8] },
      default: [],
    },
    findings: { type: 'array', description: 'what the issuer makes of what chip and terminal report, besides what is always so: docs/security.md', items: findingSchema, default: [] },
    otherAmount: choice('what is made of a purchase, cash or pre-authorization whose cryptogram is over another amount (tag 9F02) or currency (tag 5F2A); note: a flag in the journal', ['decline', 'note'], 'decline'),
    cardStatusUpdate: {
      type: 'object',
      description: 'what a chip is told with ARPC method 2, four bytes in hexadecimal',
      additionalProperties: false,
      required: [],
      default: {},
      properties: {
        approved: { ...text('where the transaction is approved', '^[0-9A-Fa-f]{8}$', 'eight hexadecimal digits'), default: '00820000' },
        declined: { ...text('where it is declined', '^[0-9A-Fa-f]{8}$', 'eight hexadecimal digits'), default: '00000000' },
      },
    },
  },
};

export const contactlessStripeSchema: ObjectSchema = {
  type: 'object',
  description: 'where the values are in a track that a contactless chip makes for each payment; without it such tracks are not checked',
  additionalProperties: false,
  required: ['key', 'form', 'value', 'atc'],
  properties: {
    form: choice('dcvv, or cvc3', ['dcvv', 'cvc3']),
    key: keyName('the key (usage imk-cvc)'),
    value: placeSchema('of the value in the discretionary data'),
    atc: placeSchema('of the transaction counter in the discretionary data'),
    unpredictableNumber: placeSchema('cvc3: of the unpredictable number in the discretionary data'),
  },
};

function placeSchema(what: string): ObjectSchema {
  return {
    type: 'object',
    description: `the place ${what}`,
    additionalProperties: false,
    required: ['at', 'length'],
    properties: { at: count('its first digit, from 0', 0, 30), length: count('its digits', 1, 8) },
  };
}

export const authenticationSchema: ObjectSchema = {
  type: 'object',
  description: 'how cardholder authentication values (CAVV, AAV) are verified; without it they are not looked at',
  additionalProperties: false,
  required: ['key', 'form'],
  properties: {
    key: keyName('the key (usage cavv)'),
    form: choice('what the value is made of', ['visa-cavv-0', 'visa-cavv-7', 'mastercard-spa1', 'mastercard-spa2']),
    required: { type: 'boolean', description: 'whether a purchase in e-commerce without one is declined', default: false },
  },
};

