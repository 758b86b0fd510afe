/**
 * What operators have ordered for an issuer, as its row has it: so it holds for every switch on the same tables, and across restarts.
 */
import { readBySchema } from '../base/schema.ts';
import type { ObjectSchema } from '../base/schema.ts';
import { text } from './schema-parts.ts';

export interface Order {
  readonly why: string;
  readonly by: string;
  /** ISO 8601. */
  readonly since: string;
}

export interface IssuerOrders {
  /** It is sent nothing, and stand-in decides. */
  readonly out?: Order;
  /** The kill switch: stand-in approves nothing for it. */
  readonly kill?: Order;
  /** It is told of no decision. */
  readonly pause?: Order;
}

export const noOrders: IssuerOrders = {};

const orderSchema = (description: string): ObjectSchema => ({
  type: 'object', description, additionalProperties: false, required: ['why', 'by', 'since'],
  properties: { why: text('the reason'), by: text('who'), since: text('when', '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,12}Z$', 'a time such as 2026-01-31T12:00:00Z') },
});

const ordersSchema: ObjectSchema = {
  type: 'object', description: 'orders', additionalProperties: false, required: [],
  properties: { out: orderSchema('out: stand-in decides'), kill: orderSchema('kill: stand-in approves nothing'), pause: orderSchema('pause: no advices are sent') },
};

/** @param document undefined: there are none @throws ConfigError with the place */
export function readOrders(document: unknown, path: string): IssuerOrders {
  return document === undefined ? noOrders : readBySchema(ordersSchema, document, path) as IssuerOrders;
}
