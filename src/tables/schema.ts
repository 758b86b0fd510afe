/**
 * The system tables' rows as documents: their schemas, which check and document them.
 *
 * Owns what a row may say; what rows say of each other is checked in tables.ts.
 */
import type { ObjectSchema, MapSchema } from '../base/schema.ts';
import { balanceMinorMax } from '../base/limits.ts';
import { linkSchema } from '../link/config.ts';
import { authenticationSchema, chipSchema, contactlessStripeSchema, pinSchema, stationSecuritySchema } from './security-schema.ts';
import { acquirerSchema } from './acquirer-rows.ts';
import { issuerSchema } from './issuer-schema.ts';
import { parameterSchema } from './parameters.ts';
import { rateSchema } from './rates.ts';
import { choice, count, keyName, name, rowNames, text } from './schema-parts.ts';

const messageClasses = ['authorization', 'financial', 'reversal'] as const;

export const stationSchema: ObjectSchema = {
  type: 'object',
  description: 'a place that messages come from and go to',
  additionalProperties: false,
  required: ['link', 'spec'],
  properties: {
    link: linkSchema,
    spec: text('the message format: a file of specs/ or specs/variants/ without its .json, or a path'),
    dialect: text('how its fields are understood: a file of specs/dialects/ without its .json, or a path; by default the one of the format\'s edition'),
    reasons: text('what DE39 says: a file of specs/reasons/ without its .json, or a path; by default the one of the format\'s edition'),
    classes: {
      type: 'array',
      description: 'message classes that are taken; the others get the standard\'s answer. Network management always is',
      items: choice('a message class', messageClasses),
      default: messageClasses,
    },
    originalKeys: {
      type: 'array',
      description: 'by what an original is found that DE90 or DE56 does not name, besides the STAN',
      items: choice('a key', ['rrn', 'approvalCode']),
      default: [],
    },
    fileActions: { type: 'boolean', description: 'whether its file actions on the stop list are taken: they lock and unlock own cards', default: false },
    security: stationSecuritySchema,
    acquirer: acquirerSchema,
  },
};

const limitSchema: ObjectSchema = {
  type: 'object',
  description: 'what one card may spend',
  additionalProperties: false,
  required: ['scope', 'period'],
  properties: {
    scope: name('one of overall, cash and the names in merchantGroups'),
    period: choice('a transaction, a business day or a calendar month of the program', ['transaction', 'day', 'month']),
    amountMinorMax: count('minor units of the balance\'s currency', 0, balanceMinorMax),
    countMax: count('transactions', 0, 1_000_000_000),
  },
};

const creditLoadSchema: ObjectSchema = {
  type: 'object',
  description: 'one change of a partner\'s credit balance',
  additionalProperties: false,
  required: ['id', 'amountMinor'],
  properties: {
    id: text('one that no other change of this partner\'s balance has had', '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$', '1 to 64 of letters, digits, dot, underscore and hyphen'),
    amountMinor: count('minor units of the balance\'s currency; less than 0 takes away', -balanceMinorMax, balanceMinorMax),
  },
};

const cardProductSchema: ObjectSchema = {
  type: 'object',
  description: 'the cards that are issued for the program\'s balances',
  additionalProperties: false,
  required: [],
  default: {},
  properties: {
    kinds: { type: 'array', description: 'kinds of cards', items: choice('a kind: digitalFirst is a virtual card that may be printed', ['virtual', 'physical', 'digitalFirst']), default: ['virtual', 'physical'] },
    validMonths: count('months that a new card is valid for, with the one (of timeZone) in which it is made', 1, 240, 36),
    serviceCode: { ...text('the service code of its stripe and chip', '^[0-9]{3}$', 'three digits'), default: '201' },
    bureau: {
      type: 'object',
      description: 'the bureau that makes the plastics of physical and digital-first cards; without it none can be ordered',
      additionalProperties: false,
      required: ['key'],
      properties: {
        key: keyName('the key-encrypting key (AES, usage kek) that the bureau has as well; orders under the same key go into the same files'),
        pinKey: keyName('the zone key (usage zpk) that it gets PINs under; without it a plastic has no PIN until its holder sets one'),
        chipKeyIndex: count('which of the program\'s chip keys the chips get', 0, 255, 1),
      },
    },
  },
};

export const programSchema: ObjectSchema = {
  type: 'object',
  description: 'the rules of a kind of own cards',
  additionalProperties: false,
  required: ['partner', 'currency', 'cvk'],
  properties: {
    issuer: { ...name('one of issuers: who decides'), default: 'own' },
    partner: name('whom the cards are issued for'),
    currency: text('of the balances', '^([0-9]{3}|[A-Z]{3})$', 'an ISO 4217 code: three digits, or three capital letters'),
    timeZone: { ...text('business days begin at midnight of this zone of the IANA'), default: 'UTC' },
    holdDays: {
      type: 'object',
      description: 'how long an authorization holds what it took, in days',
      additionalProperties: false,
      required: [],
      default: {},
      properties: {
        cardPresent: count('with the card present', 1, 366, 5),
        cardNotPresent: count('without it', 1, 366, 10),
        preauthorization: count('of a pre-authorization', 1, 366, 30),
      },
    },
    recordDays: count('days that a settled transaction is known for repeats and reversals', 7, 366, 7),
    limits: { type: 'array', description: 'what one card may spend', items: limitSchema, default: [] },
    merchantGroups: {
      type: 'map',
      description: 'merchant categories (DE18) that limits speak of',
      names: rowNames,
      items: {
        type: 'array',
        description: 'categories',
        items: text('a category', '^[0-9]{4}(-[0-9]{4})?$', 'four digits, or a range as in 5411-5499'),
      },
      default: {},
    },
    verificationValueRequired: { type: 'boolean', description: 'whether a request without CVV, iCVV or CVV2 is declined; a refund needs none, nor does what adds to or completes an open authorization', default: false },
    cvk: keyName('the key in the key file that card verification values are computed with'),
    cvv2ExpiryOrder: choice('how the expiry date goes into a CVV2', ['yymm', 'mmyy'], 'yymm'),
    pin: pinSchema,
    chip: chipSchema,
    contactlessStripe: contactlessStripeSchema,
    authentication: authenticationSchema,
    cards: cardProductSchema,
    creditGuard: { type: 'boolean', description: 'whether authorizations must fit into the partner\'s credit balance as well', default: false },
    creditCurrency: text('in which currency that credit balance is, where it is not the program\'s: what is reserved of it is reckoned at the rate from the program\'s currency to this one, and without one what needs it is declined (1821)', '^([0-9]{3}|[A-Z]{3})$', 'an ISO 4217 code: three digits, or three capital letters'),
    creditLoads: {
      type: 'array',
      description: 'what the partner\'s credit balance is made of: each entry changes it once, when it is first read; taking an entry away again changes nothing',
      items: creditLoadSchema,
      default: [],
    },
  },
};

const panDigits = '^[0-9]{2,19}$';
const panDigitsWords = '2 to 19 digits';

export const rangeSchema: ObjectSchema = {
  type: 'object',
  description: 'card numbers that belong to a program; of two ranges that overlap, one has more digits and lies within the other, and is the exception to it',
  additionalProperties: false,
  required: ['from', 'program'],
  properties: {
    from: text('the first digits of the first card number, such as a BIN', panDigits, panDigitsWords),
    to: text('the first digits of the last card number, as many as from has; by default the same as from', panDigits, panDigitsWords),
    program: name('one of programs'),
  },
};

function rows(description: string, items: ObjectSchema): MapSchema {
  return { type: 'map', description, names: rowNames, items, default: {} };
}

/** The system tables, as properties of the configuration. */
export const tableSchemas = {
  stations: rows('stations by name', stationSchema),
  programs: rows('programs by name', programSchema),
  ranges: rows('card number ranges by name', rangeSchema),
  issuers: rows('issuers by name; own is always there', issuerSchema),
  rates: rows('currency rates by name', rateSchema),
  parameters: rows('the system\'s parameters, in one row: system', parameterSchema),
} as const;

export type TableName = keyof typeof tableSchemas;
