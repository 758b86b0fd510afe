/**
 * What a station's row says of the acquirer behind it: the institutions that it is the acquirer of, and how it is told what issuers have
 * sent it.
 *
 * Refuses two stations for one institution, and a station that is an issuer's: an answer on it could be to either.
 */
import { ConfigError, readBySchema } from '../base/schema.ts';
import type { ObjectSchema } from '../base/schema.ts';
import { readOrders } from './issuer-orders.ts';
import type { IssuerOrders } from './issuer-orders.ts';
import type { IssuerRow } from './issuer-rows.ts';
import { count, text } from './schema-parts.ts';

export interface AcquirerRow {
  /** Digits without leading zeros; none: nothing is kept for the station. */
  readonly institutions: readonly string[];
  readonly advices: { readonly perSecond: number; readonly cardsAtOnce: number; readonly refusalsMax: number; readonly answerMs: number };
  /** `pause` alone. */
  readonly orders: Pick<IssuerOrders, 'pause'>;
}

/** Of a station's row, what is compared between them. */
interface AcquirerStation {
  readonly name: string;
  readonly acquirer: AcquirerRow;
}

export const acquirerSchema: ObjectSchema = {
  type: 'object',
  description: 'of a station of an acquirer: what issuers send it is kept until it is there (chargebacks, fee collections, funds disbursements, texts)',
  additionalProperties: false,
  required: [],
  default: {},
  properties: {
    institutions: { type: 'array', description: 'the institutions (DE93, DE100 or DE32 of an issuer\'s message) that are reached over the station', items: text('an institution', '^[0-9]{1,11}$', 'up to eleven digits'), default: [] },
    advices: {
      type: 'object',
      description: 'how it is told',
      additionalProperties: false,
      required: [],
      default: {},
      properties: {
        perSecond: count('messages a second', 1, 100_000, 50),
        cardsAtOnce: count('cards whose messages are on their way at once', 1, 10_000, 16),
        refusalsMax: count('refusals after which one is set aside', 1, 1_000, 5),
        answerMs: count('milliseconds that its answer may take', 100, 60_000, 10_000),
      },
    },
    orders: { type: 'document', description: 'what operators have ordered for it, of which locum advices keeps the record' },
  },
};

/** @param json as the schema gives it @throws ConfigError with the place */
export function readAcquirer(json: unknown, path: string): AcquirerRow {
  const { institutions, advices, orders } = readBySchema(acquirerSchema, json ?? {}, path) as Omit<AcquirerRow, 'orders'> & { readonly orders?: unknown };
  const { pause, ...others } = readOrders(orders, `${path}.orders`);
  const [other] = Object.keys(others);
  if (other !== undefined) throw new ConfigError(`${path}.orders.${other}`, 'is an order for issuers');
  return { institutions: institutions.map((institution) => institution.replace(/^0+(?=[0-9])/, '')), advices, orders: pause === undefined ? {} : { pause } };
}

/** @throws ConfigError with the place of the first row that is wrong */
export function checkAcquirers({ stations, issuers }: { readonly stations: readonly AcquirerStation[]; readonly issuers: readonly IssuerRow[] }): void {
  const owners = new Map<string, string>();
  for (const { name, acquirer: { institutions } } of stations) {
    const path = `stations.${name}.acquirer.institutions`;
    const issuer = issuers.find((each) => each.type === 'host' && each.stations.includes(name));
    if (institutions.length > 0 && issuer !== undefined) throw new ConfigError(path, `must be empty: the station is one of issuers.${issuer.name}; who is both has a station for each`);
    for (const [index, institution] of institutions.entries()) {
      const other = owners.get(institution);
      if (other !== undefined) throw new ConfigError(`${path}[${index}]`, `is ${institution}, which is reached over stations.${other}`);
      owners.set(institution, name);
    }
  }
}
