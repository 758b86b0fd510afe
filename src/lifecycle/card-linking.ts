/**
 * What the bureau says of its orders: a plastic that it made is linked to its card, and one that it could not make waits for another file.
 *
 * Refuses orders that it was not given. Invariants: said again it changes nothing; a digital-first card's account has its new expiry and its PIN
 * before the plastic is linked, and a physical one's when it is activated; what the bureau needed to make a plastic is not kept once it is made.
 */
import type { Book } from '../book/book.ts';
import { eventId } from '../book/events.ts';
import { cancelOrders, cardById, forgetOrders, moveCard, orderById, orderProduced } from './card-rows.ts';
import type { CardRow, OrderRow } from './card-rows.ts';
import type { Cards } from './cards.ts';
import { tell } from './events.ts';
import { isDeleted } from './person-rows.ts';
import { LifecycleRefused } from './refusal.ts';

export interface CardLinkingOptions {
  readonly book: Book;
  readonly cards: Cards;
  /** Unix ms. */
  readonly now: () => number;
}

export type Linked = 'linked' | 'rejected' | 'repeat';

export class CardLinking {
  readonly #options: CardLinkingOptions;

  constructor(options: CardLinkingOptions) {
    this.#options = options;
  }

  /** The bureau has made the plastic. @throws LifecycleRefused 404, 409, 503 */
  async produced(bureau: string, orderId: string): Promise<Linked> {
    const { order, card } = await this.#orderOf(bureau, orderId);
    if (order.state === 'produced') return 'repeat';
    requireFiled(order);
    const { book, now, cards } = this.#options;
    if (card.kind === 'digitalFirst') await cards.takeLinkedPlastic(card);
    await book.transaction(async (queries) => {
      if (!await orderProduced(queries, orderId, now())) return;
      await moveCard(queries, card.cardId, 'ordered', card.kind === 'physical' ? { plastic: 'linked', isVisible: true } : { plastic: 'none', plasticExpiry: null, firstPin: null }, now());
      await tell(queries, {
        id: eventId(orderId, 'card.linked'), partner: card.partner, type: 'card.linked', subject: card.token, atMs: now(),
        content: { card: { id: card.cardId, balanceId: card.balanceId, kind: card.kind } },
      });
    });
    return 'linked';
  }

  /** The bureau could not make it: it goes into another file, unless its card was removed or its holder deleted. @throws LifecycleRefused 404, 409, 503 */
  async rejected(bureau: string, orderId: string, why: string): Promise<Linked> {
    const { order, card } = await this.#orderOf(bureau, orderId);
    if (order.state === 'waiting' && order.rejections > 0) return 'repeat';
    requireFiled(order);
    const { book, now, cards } = this.#options;
    const { state } = await cards.shownOfRow(card);
    await book.transaction(async (queries) => {
      await queries.query(
        `update card_order set state = 'waiting', file_number = null, rejections = rejections + 1, rejected_why = $2, changed_at = $3 where order_id = $1 and state = 'filed'`, [orderId, why, new Date(now())],
      );
      if (state === 'removed') await cancelOrders(queries, card.cardId, now());
      if (await isDeleted(queries, card.userId)) await forgetOrders(queries, card.userId, now());
    });
    return 'rejected';
  }

  async #orderOf(bureau: string, orderId: string): Promise<{ readonly order: OrderRow; readonly card: CardRow }> {
    const order = await orderById(this.#options.book, orderId);
    const card = order === undefined ? undefined : await cardById(this.#options.book, order.cardId);
    if (order === undefined || card === undefined || order.bureau !== bureau) throw new LifecycleRefused(404, 'ORDER_NOT_FOUND', 'this bureau has no such order', 'orderId');
    return { order, card };
  }
}

function requireFiled({ state }: OrderRow): void {
  if (state !== 'filed') throw new LifecycleRefused(409, 'ORDER_NOT_FILED', `the order is ${state}, and was told to no bureau`);
}
