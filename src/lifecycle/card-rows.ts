/**
 * Cards and ordered plastics as rows of the book: how they are read, entered and moved on.
 *
 * Owns the tables' columns. Invariants: a row is entered once for its request and once for its number; what is moved on is moved from
 * the step before it alone, so that it happens once whoever does it.
 */
import type { Param, Queries } from '../book/book.ts';
import type { PinReference } from '../message/pin.ts';
import type { CardKind, Plastic } from './card-states.ts';
import { timeOfPlace } from './json.ts';

export interface CardRow {
  readonly cardId: string;
  readonly requestKey: string;
  readonly userId: string;
  readonly balanceId: string;
  readonly program: string;
  readonly partner: string;
  readonly kind: CardKind;
  /** `drawn`: its account may not know it yet. */
  readonly stage: 'drawn' | 'issued' | 'refused';
  readonly token: string;
  readonly encryptedPan: string;
  readonly maskedPan: string;
  /** YYMM, as it was made. */
  readonly expiry: string;
  readonly serviceCode: string;
  readonly holderName: string;
  /** Of the PIN that the bureau was told, until the account has it. */
  readonly firstPin: PinReference | null;
  readonly plastic: Plastic;
  /** YYMM of the plastic under way, where it renews the card. */
  readonly plasticExpiry: string | null;
  readonly isVisible: boolean;
  readonly replaces: string | null;
  readonly replacedBy: string | null;
  readonly createdAt: Date;
}

/** What of a card's row is shown: nothing that its number or PIN could be made of. */
export type CardFacts = Pick<CardRow, 'cardId' | 'userId' | 'balanceId' | 'partner' | 'kind' | 'stage' | 'token' | 'maskedPan' | 'holderName' | 'plastic' | 'isVisible' | 'replaces' | 'replacedBy' | 'createdAt'>;

export type OrderReason = 'first' | 'print' | 'renewal';

export interface OrderRow {
  readonly orderId: string;
  readonly requestKey: string;
  readonly cardId: string;
  readonly reason: OrderReason;
  readonly state: 'drawn' | 'waiting' | 'filed' | 'produced' | 'cancelled';
  readonly bureau: string;
  readonly sealed: string;
  readonly fileNumber: number | null;
  /** How often the bureau could not make it. */
  readonly rejections: number;
  readonly orderedAt: Date;
}

/** A card is replaced by one that its account has taken. The table is `issued_card c`. */
const replacedByColumn = `(select r.card_id from issued_card r where r.replaces = c.card_id and r.stage = 'issued') as "replacedBy"`;

const cardColumns = `c.card_id as "cardId", c.request_key as "requestKey", c.user_id as "userId", c.balance_id as "balanceId", c.program, c.partner, c.kind, c.stage,
  c.card_token as token, c.encrypted_pan as "encryptedPan", c.masked_pan as "maskedPan", c.expiry, c.service_code as "serviceCode", c.holder_name as "holderName",
  c.first_pin as "firstPin", c.plastic, c.plastic_expiry as "plasticExpiry", c.is_visible as "isVisible", c.replaces,
  ${replacedByColumn}, c.created_at as "createdAt"`;

/** Of `CardFacts`; the table is `issued_card c`. */
export const cardFactColumns = `c.card_id as "cardId", c.user_id as "userId", c.balance_id as "balanceId", c.partner, c.kind, c.stage, c.card_token as token, c.masked_pan as "maskedPan",
  c.holder_name as "holderName", c.plastic, c.is_visible as "isVisible", c.replaces, ${replacedByColumn}, c.created_at as "createdAt"`;

const orderColumns = `order_id as "orderId", request_key as "requestKey", card_id as "cardId", reason, state, bureau, sealed, file_number as "fileNumber", rejections, ordered_at as "orderedAt"`;

export async function cardById(queries: Queries, cardId: string): Promise<CardRow | undefined> {
  return (await queries.query<CardRow>(`select ${cardColumns} from issued_card c where card_id = $1`, [cardId]))[0];
}

export async function cardByRequest(queries: Queries, requestKey: string): Promise<CardRow | undefined> {
  return (await queries.query<CardRow>(`select ${cardColumns} from issued_card c where request_key = $1`, [requestKey]))[0];
}

/** Cards that were drawn before a time and that no account is known to have. */
export async function cardsLeftDrawn(queries: Queries, beforeMs: number, most: number): Promise<readonly CardRow[]> {
  return await queries.query<CardRow>(`select ${cardColumns} from issued_card c where stage = 'drawn' and created_at < $1 order by created_at limit $2`, [new Date(beforeMs), most]);
}

export interface CardsWanted {
  readonly userId?: string | undefined;
  readonly balanceId?: string | undefined;
  /** Those that their holder does not see yet as well. */
  readonly hidden: boolean;
  readonly limit: number;
  /** Of the card that the page before ended with: its time (Unix ms) and id. */
  readonly after: readonly [number, string] | undefined;
}

/** Newest first, one more than the limit. */
export async function cardsOf(queries: Queries, { userId, balanceId, hidden, limit, after }: CardsWanted): Promise<readonly CardRow[]> {
  const params: Param[] = [hidden, limit + 1];
  const conditions: string[] = [];
  const add = (...values: Param[]): string[] => values.map((value) => `$${params.push(value)}`);
  if (userId !== undefined) conditions.push(`c.user_id = ${add(userId).join()}`);
  if (balanceId !== undefined) conditions.push(`c.balance_id = ${add(balanceId).join()}`);
  if (after !== undefined) conditions.push(`(c.created_at, c.card_id) < (${add(timeOfPlace(after[0], 'last'), after[1]).join(', ')})`);
  const where = ['c.stage = \'issued\'', '($1 or c.is_visible)', ...conditions].join(' and ');
  return await queries.query<CardRow>(`select ${cardColumns} from issued_card c where ${where} order by c.created_at desc, c.card_id desc limit $2`, params);
}

export type NewCardRow = Omit<CardRow, 'stage' | 'plasticExpiry' | 'replacedBy'>;

/** @returns whether the row is new: the request was not made, the number not drawn, and no other card is or may yet be in the place of the same one */
export async function enterCard(queries: Queries, card: NewCardRow): Promise<boolean> {
  const entered = await queries.query(
    `insert into issued_card (card_id, request_key, user_id, balance_id, program, partner, kind, stage, card_token, encrypted_pan, masked_pan, expiry, service_code, holder_name,
       first_pin, plastic, is_visible, replaces, created_at, changed_at)
     values ($1, $2, $3, $4, $5, $6, $7, 'drawn', $8, $9, $10, $11, $12, $13, $14::jsonb, $15, $16, $17, $18, $18) on conflict do nothing returning card_id`,
    [card.cardId, card.requestKey, card.userId, card.balanceId, card.program, card.partner, card.kind, card.token, card.encryptedPan, card.maskedPan, card.expiry, card.serviceCode,
      card.holderName, pinParam(card.firstPin), card.plastic, card.isVisible, card.replaces, card.createdAt],
  );
  return entered.length === 1;
}

/** Its account has it, and its plastic may be made; or its account did not take it. A physical card's account has its PIN then; a digital-first one's gets it by the link. */
export async function settleCard(queries: Queries, { cardId, kind }: Pick<CardRow, 'cardId' | 'kind'>, stage: 'issued' | 'refused', atMs: number): Promise<void> {
  await queries.query(
    `with ordered as (update card_order set state = $4, changed_at = $3 where card_id = $1 and state = 'drawn')
     update issued_card set stage = $2, first_pin = case when $5 then null else first_pin end, changed_at = $3 where card_id = $1 and stage = 'drawn'`,
    [cardId, stage, new Date(atMs), stage === 'issued' ? 'waiting' : 'cancelled', kind === 'physical'],
  );
}

/** What of a card's row changes after it was issued. */
export interface CardMove {
  readonly kind?: CardKind;
  readonly plastic?: Plastic;
  readonly plasticExpiry?: string | null;
  readonly firstPin?: PinReference | null;
  readonly isVisible?: true;
}

/** Moves a card on whose plastic is where it is said to be. @returns whether it was there */
export async function moveCard(queries: Queries, cardId: string, from: Plastic, move: CardMove, atMs: number): Promise<boolean> {
  const params: Param[] = [cardId, from, new Date(atMs)];
  const sets = ['changed_at = $3'];
  const set = (column: string, value: Param, cast = ''): void => void sets.push(`${column} = $${params.push(value)}${cast}`);
  if (move.kind !== undefined) set('kind', move.kind);
  if (move.plastic !== undefined) set('plastic', move.plastic);
  if (move.plasticExpiry !== undefined) set('plastic_expiry', move.plasticExpiry);
  if (move.firstPin !== undefined) set('first_pin', pinParam(move.firstPin), '::jsonb');
  if (move.isVisible !== undefined) set('is_visible', true);
  return (await queries.query(`update issued_card set ${sets.join(', ')} where card_id = $1 and plastic = $2 and stage = 'issued' returning card_id`, params)).length === 1;
}

export async function orderByRequest(queries: Queries, requestKey: string): Promise<OrderRow | undefined> {
  return (await queries.query<OrderRow>(`select ${orderColumns} from card_order where request_key = $1`, [requestKey]))[0];
}

export async function orderById(queries: Queries, orderId: string): Promise<OrderRow | undefined> {
  return (await queries.query<OrderRow>(`select ${orderColumns} from card_order where order_id = $1`, [orderId]))[0];
}

/** The card's orders, the last one first. */
export async function ordersOf(queries: Queries, cardId: string): Promise<readonly OrderRow[]> {
  return await queries.query<OrderRow>(`select ${orderColumns} from card_order where card_id = $1 order by ordered_at desc, order_id desc`, [cardId]);
}

export type NewOrderRow = Omit<OrderRow, 'fileNumber' | 'rejections' | 'state'> & { readonly state: 'drawn' | 'waiting' };

/** @returns whether the row is new: the request was not made before, and no plastic of the card is on its way to the bureau */
export async function enterOrder(queries: Queries, order: NewOrderRow): Promise<boolean> {
  const entered = await queries.query(
    `insert into card_order (order_id, request_key, card_id, reason, state, bureau, sealed, ordered_at, changed_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $8)
     on conflict do nothing returning order_id`,
    [order.orderId, order.requestKey, order.cardId, order.reason, order.state, order.bureau, order.sealed, order.orderedAt],
  );
  return entered.length === 1;
}

/** Orders of a removed card that are in no file yet go into none. */
export async function cancelOrders(queries: Queries, cardId: string, atMs: number): Promise<void> {
  await queries.query(`update card_order set state = 'cancelled', changed_at = $2 where card_id = $1 and state in ('drawn', 'waiting')`, [cardId, new Date(atMs)]);
}

/** What the bureau needs to make a plastic has no use any more; but a file that may not be there whole is written again with all that was in it. */
const isOfNoFile = 'not exists (select from personalisation_file f where f.number = card_order.file_number and f.written_at is null)';

/** The bureau has made the plastic. @returns whether it was for this call to note */
export async function orderProduced(queries: Queries, orderId: string, atMs: number): Promise<boolean> {
  const made = await queries.query(
    `update card_order set state = 'produced', sealed = case when ${isOfNoFile} then '' else sealed end, changed_at = $2 where order_id = $1 and state = 'filed' returning order_id`, [orderId, new Date(atMs)],
  );
  return made.length === 1;
}

/** Of a user who is deleted: orders that are in no file go into none, and where plastics were sent is not kept, unless the bureau has one under way. */
export async function forgetOrders(queries: Queries, userId: string, atMs: number): Promise<void> {
  await queries.query(
    `update card_order set state = case when state = 'produced' then state else 'cancelled' end, sealed = '', changed_at = $2
     where state <> 'filed' and ${isOfNoFile} and card_id in (select card_id from issued_card where user_id = $1)`,
    [userId, new Date(atMs)],
  );
}

function pinParam(pin: PinReference | null): string | null {
  return pin === null ? null : JSON.stringify(pin);
}
