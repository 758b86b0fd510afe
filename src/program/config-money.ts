/** What the configuration says of transfers between users, of partners' webhooks, and of e-mail to partners. */
import { amountMinorMax, balanceMinorMax } from '../base/limits.ts';
import { ConfigError } from '../base/schema.ts';
import type { ObjectSchema, RangeSchema } from '../base/schema.ts';
import type { MoneySettings } from '../office/money-desk.ts';

/** What `readBySchema` returns for these parts. */
export interface MoneyJson {
  readonly mail: { readonly url?: string; readonly from?: string };
  readonly webhooks: { readonly allowPrivate: boolean };
  readonly transfers: MoneySettings['transfers'];
}

function count(description: string, minimum: number, maximum: number, byDefault: number): RangeSchema {
  return { type: 'integer', description, minimum, maximum, default: byDefault };
}

export const moneySchemas = {
  transfers: {
    type: 'object',
    description: 'transfers between users of one partner',
    additionalProperties: false,
    required: [],
    default: {},
    properties: {
      amountMinorMax: count('what one comes to at most; minor units', 1, amountMinorMax, 1_000_000),
      dayAmountMinorMax: count('what those of one balance come to within 24 hours at most; minor units', 1, balanceMinorMax, 2_000_000),
      dayCountMax: count('how many one balance sends within 24 hours', 1, 100_000, 50),
    },
  },
  webhooks: {
    type: 'object',
    description: 'where partners are told of decisions, cards, balances and transfers',
    additionalProperties: false,
    required: [],
    default: {},
    properties: {
      allowPrivate: { type: 'boolean', description: 'whether a webhook may lead to an address that is not of the open internet, and by http: for partners on the same network, and for trying it out', default: false },
    },
  },
  mail: {
    type: 'object',
    description: 'e-mail to partners whose balance is low',
    additionalProperties: false,
    required: [],
    default: {},
    properties: {
      url: {
        type: 'string', minLength: 1, pattern: '^smtps?://[^/?#\\s]+$', $comment: 'an address such as smtp://user:password@mail.example.com:587, or smtps://', writeOnly: true,
        description: 'the mail server, with user and password where it asks for them. Without it none is sent',
      },
      from: { type: 'string', description: 'whom they are from: an address, or a name and an address in angle brackets', minLength: 3, pattern: '^[^\\r\\n]*@[^\\r\\n]+$', $comment: 'an e-mail address' },
    },
  },
} as const satisfies Readonly<Record<string, ObjectSchema>>;

/** @throws ConfigError where one of the two is missing */
export function moneyOf({ mail: { url, from }, webhooks: { allowPrivate }, transfers }: MoneyJson): MoneySettings {
  if ((url === undefined) !== (from === undefined)) throw new ConfigError(url === undefined ? 'mail.url' : 'mail.from', 'is missing: the server and the sender go together');
  if (url !== undefined && URL.parse(url) === null) throw new ConfigError('mail.url', 'is no address');
  return { mail: url === undefined || from === undefined ? undefined : { url, from }, webhooks: { allowsPrivate: allowPrivate }, transfers };
}
