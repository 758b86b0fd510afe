/**
 * What an issuer has said of one card for stand-in: an instruction of its exception file, the card's risk level, limits of its own, and the
 * account that it draws on. What is not said is as the rules have it for any card.
 */
import { ConfigError, readBySchema } from '../base/schema.ts';
import type { ObjectSchema } from '../base/schema.ts';
import type { CardInstruction } from './condition.ts';
import { cardInstructions } from './condition.ts';
import { readCardLimits } from './read-rules.ts';
import type { Limit, StandInRules } from './rules.ts';
import { limitSchema } from './rules-schema.ts';

export interface CardTerms {
  readonly instruction?: CardInstruction;
  /** 0 to 99. */
  readonly riskLevel?: number;
  /** Above or below its range's: each takes the place of those of the same scope, period and currency. */
  readonly limits?: readonly Limit[];
  /** As the issuer names it: what one outage may approve for an account is bounded over its cards. */
  readonly account?: string;
}

const cardLimitsMax = 16;

export const cardTermsSchema: ObjectSchema = {
  type: 'object',
  description: 'what stand-in is to know of one card; what is left away is as for any card',
  additionalProperties: false,
  required: [],
  properties: {
    instruction: { type: 'string', description: 'approve: within all limits, whatever the decisions say; decline, refer, pickUp: never approved; vip: for conditions to tell', enum: cardInstructions },
    riskLevel: { type: 'integer', description: 'for conditions to tell', minimum: 0, maximum: 99 },
    limits: { type: 'array', description: 'in the place of the rules\' limits of the same scope, period and currency', items: limitSchema },
    account: { type: 'string', description: 'the account that it draws on, as the issuer names it', minLength: 1, pattern: '^[A-Za-z0-9._-]{1,40}$', $comment: '1 to 40 letters, digits, dots, hyphens and underscores' },
  },
};

/**
 * @param path where the document stands
 * @throws ConfigError at the first place that is wrong
 */
export function readCardTerms(document: unknown, rules: StandInRules, path: string): CardTerms {
  const terms = readBySchema(cardTermsSchema, document, path) as CardTerms;
  if ((terms.limits?.length ?? 0) > cardLimitsMax) throw new ConfigError(path === '' ? 'limits' : `${path}.limits`, `has more than ${cardLimitsMax} limits`);
  return terms.limits === undefined ? terms : { ...terms, limits: readCardLimits(terms.limits, rules, path === '' ? 'limits' : `${path}.limits`) };
}
