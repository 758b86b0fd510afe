/**
 * Stand-in's rules as a document: the schema, which checks and documents it. What places of it say of each other is checked in
 * read-rules.ts.
 */
import type { ArraySchema, BooleanSchema, ChoiceSchema, MapSchema, ObjectSchema, RangeSchema, Schema, TextSchema } from '../base/schema.ts';
import { balanceMinorMax } from '../base/limits.ts';
import type { Reason } from '../message/reason.ts';
import { cardInstructions, channels, proofs, standInReasons } from './condition.ts';

/** And, or and not stand within each other this deep at the most. */
const conditionDepthMax = 4;

/** The reasons that a rule may give, by what it does. */
export const ruleReasons = {
  decline: ['1000', '1002', '1004', '1016', '1019', '1020', '1022', '1860'],
  refer: ['1007', '1008'],
  pickUp: ['2000', '2002', '2004', '2007'],
} as const satisfies Record<string, readonly Reason[]>;

function choice(description: string, names: readonly string[], byDefault?: string): ChoiceSchema {
  return { type: 'string', description, enum: names, ...(byDefault === undefined ? {} : { default: byDefault }) };
}

function whole(description: string, minimum: number, maximum: number, byDefault?: number): RangeSchema {
  return { type: 'integer', description, minimum, maximum, ...(byDefault === undefined ? {} : { default: byDefault }) };
}

function yesNo(description: string, byDefault?: boolean): BooleanSchema {
  return { type: 'boolean', description, ...(byDefault === undefined ? {} : { default: byDefault }) };
}

function text(description: string, pattern: string, $comment: string): TextSchema {
  return { type: 'string', description, minLength: 1, pattern, $comment };
}

function list(description: string, items: Schema): ArraySchema {
  return { type: 'array', description, items };
}

function object(description: string, properties: Readonly<Record<string, Schema>>, required: readonly string[] = []): ObjectSchema {
  return { type: 'object', description, additionalProperties: false, required, properties };
}

const names = { pattern: '^[a-z0-9][a-zA-Z0-9-]{0,31}$', $comment: '1 to 32 letters, digits and hyphens, a small letter or a digit first' } as const;

const name = (description: string): TextSchema => text(description, names.pattern, names.$comment);
const amount = (description: string): RangeSchema => whole(description, 0, balanceMinorMax);
const category = text('a category', '^[0-9]{4}(-[0-9]{4})?$', 'four digits, or a range as in 5411-5499');
const currency = (description: string): TextSchema => text(description, '^([0-9]{3}|[A-Z]{3})$', 'an ISO 4217 code: three digits, or three capital letters');
const time = (description: string): TextSchema => text(description, '^([01][0-9]|2[0-3]):[0-5][0-9]$', 'a time from 00:00 to 23:59');

function range(description: string, minimum: number, maximum: number): ObjectSchema {
  return object(description, { from: whole('the least', minimum, maximum), to: whole('the most', minimum, maximum) });
}

const facts: Readonly<Record<string, Schema>> = {
  amountMinor: range('the amount in minor units of the rules\' currency, both ends included', 0, balanceMinorMax),
  currency: list('the transaction\'s currency', currency('a currency')),
  purpose: list('what the cardholder wants', choice('a purpose', ['purchase', 'cash', 'refund', 'balanceInquiry', 'verification', 'preauthorization', 'increment', 'completion'])),
  class: list('message classes', choice('a message class', ['authorization', 'financial'])),
  channel: list('where the card was used', choice('pos: a shop or counter; atm: a cash dispenser; ecommerce; moto: by letter or telephone', channels)),
  entryMode: list('how the card\'s data came in', choice('an entry mode; fallback: the stripe of a card whose chip could not be read', ['chip', 'contactless', 'stripe', 'fallback', 'manual', 'ecommerce', 'unknown'])),
  merchantCategory: list('merchant categories (DE18)', category),
  merchantGroup: list('names of merchantGroups', name('a group')),
  country: list('countries of the terminal', text('a country', '^[0-9]{3}$', 'an ISO 3166-1 code of three digits')),
  cardPresent: yesNo('whether the card was there'),
  time: object('the time of the issuer\'s day; over midnight where it ends before it begins', { from: time('from then on'), to: time('until before then') }, ['from', 'to']),
  riskLevel: range('the card\'s risk level, both ends included', 0, 99),
  instruction: list('what the issuer\'s exception file says of the card', choice('an instruction', cardInstructions)),
  verified: list('what has been verified, all of it', choice('a proof', proofs)),
  why: list('why stand-in decides', choice('a reason', standInReasons)),
};

function conditionSchema(description: string, depth = conditionDepthMax): ObjectSchema {
  if (depth === 0) return object(description, facts);
  const inner = conditionSchema('a condition', depth - 1);
  return object(description, { and: list('all of these hold', inner), or: list('at least one of these holds', inner), not: list('none of these holds', inner), ...facts });
}

const mode = (what: string, byDefault: string): ChoiceSchema => choice(`${what}: required: missing is a failure too; ifCarried: what is carried must be right; off: not looked at`, ['required', 'ifCarried', 'off'], byDefault);

const testsSchema: ObjectSchema = {
  ...object('the tests', {
    luhn: choice('the card number\'s check digit', ['required', 'off'], 'required'),
    expiry: mode('the expiry date', 'required'),
    cardValue: mode('the card verification value (CVV, iCVV, CVV2, dCVV)', 'ifCarried'),
    pin: mode('the PIN; with ifCarried cash needs one or a cryptogram', 'ifCarried'),
    cryptogram: mode('the chip\'s cryptogram', 'required'),
    authentication: mode('the cardholder authentication value of e-commerce (CAVV, AAV)', 'ifCarried'),
    balance: mode('the last known balance, and what it leaves of the partner\'s', 'ifCarried'),
    pinTriesMax: whole('wrong PINs in a row after which nothing of the card is approved', 1, 15, 3),
    balanceAgeSecondsMax: whole('how old what is known of a balance may be', 1, 2_678_400, 3600),
  }),
  default: {},
};

const outcomes = ['approve', 'decline', 'refer', 'pickUp'] as const;

export const limitSchema: ObjectSchema = object('what may be approved; amountMinorMax, countMax or both', {
  scope: name('overall, cash, a name of merchantGroups or a name of scopes'),
  period: choice('one transaction, a business day, a calendar month, the current outage, or so many hours back from now', ['transaction', 'day', 'month', 'outage', 'hours']),
  hours: whole('with the period hours: how many', 1, 744),
  when: conditionSchema('the limit stands only where this holds; by default always'),
  currency: currency('only transactions in this currency count, in its minor units; by default all, in the rules\' currency'),
  amountMinorMax: amount('minor units'),
  countMax: whole('transactions', 0, 1_000_000_000),
}, ['scope', 'period']);

function setSchema(description: string, allowed: readonly string[], otherwise: string): ObjectSchema {
  return object(description, {
    tests: testsSchema,
    decisions: { ...list('what is done where a condition holds; the first that does decides', object('a rule', {
      name: name('for the journal'),
      when: conditionSchema('by default always'),
      outcome: choice('what is done', allowed),
      reason: choice('of a decline, a referral or a pick-up; by default 1860, 1007, 2000', Object.values(ruleReasons).flat()),
    }, ['name', 'outcome'])), default: [] },
    otherwise: choice('what is done where none of the conditions holds', allowed, otherwise),
    limits: { ...list('what one card may use', limitSchema), default: [] },
  });
}

const cap = (description: string): ObjectSchema => object(description, { amountMinorMax: amount('minor units of the rules\' currency'), countMax: whole('transactions', 0, 1_000_000_000) });

const merchantGroupsSchema: MapSchema = { type: 'map', description: 'merchant categories (DE18) that conditions and limits speak of', names, items: list('categories', category), default: {} };

const scopesSchema: MapSchema = { type: 'map', description: 'kinds of transactions that limits count, by name', names, items: conditionSchema('what belongs to it'), default: {} };

/** Sets, caps and groups that a document leaves away are those of the defaults. */
export const standInRulesSchema: ObjectSchema = object('what may be decided in an issuer\'s place', {
  version: whole('rises with every change; decisions name it', 1, 1_000_000_000),
  currency: currency('of the amounts: the issuer\'s own'),
  merchantGroups: merchantGroupsSchema,
  scopes: scopesSchema,
  available: setSchema('while the issuer can be asked: what fails is passed on to it', [...outcomes, 'forward'], 'forward'),
  unavailable: setSchema('while it cannot be asked', outcomes, 'decline'),
  forwardsFailures: yesNo('whether what fails a test goes to the issuer while it is available; if not, it is declined', true),
  outageCaps: { ...object('what one outage may approve in all', { card: cap('of one card'), account: cap('of one account'), issuer: cap('of one issuer') }), default: {} },
  killSwitch: yesNo('whether stand-in approves nothing at all', false),
}, ['version', 'currency', 'available', 'unavailable']);
