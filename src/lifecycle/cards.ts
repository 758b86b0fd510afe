/**
 * What is done to cards that are there: shown, locked, activated, removed and the rest, for holders, partners and staff.
 *
 * Refuses what the table of states (card-states.ts) does not allow, and cards of others as if there were none. Invariants: what a card may
 * do is read from its account at that moment, and changed by messages to it alone; the same request changes it once; a full number and a
 * CVC2 leave here by `dataOf` and `resetCvv` only.
 */
import type { Account, Card } from '../account/account.ts';
import type { CardRecord } from '../account/card.ts';
import type { CardLifecycleMessage } from '../account/card-lifecycle.ts';
import { holderLocks, irreversibleLocks } from '../account/card-lifecycle.ts';
import type { ControlOwner } from '../account/controls.ts';
import type { Book } from '../book/book.ts';
import type { Pan } from '../message/pan.ts';
import type { Secret } from '../message/secret.ts';
import { controlsOf, setShown } from './card-controls.ts';
import type { ControlsShown, ControlsWish } from './card-controls.ts';
import type { CardIssuing, MadeCard } from './card-issuing.ts';
import { lastDayOf } from './card-numbers.ts';
import { changeRefusalOf } from './card-refusals.ts';
import { cancelOrders, cardById, cardsOf, moveCard, ordersOf } from './card-rows.ts';
import type { CardFacts, CardRow } from './card-rows.ts';
import { mayDo, stateOf } from './card-states.ts';
import type { CardAction, CardKind, CardState } from './card-states.ts';
import { timeText } from './json.ts';
import { pageOf, placeOf } from './page.ts';
import type { Page, PageChoice } from './page.ts';
import { isAway, unreachable } from './ports.ts';
import type { AccountDesk, CardDesk, Delivery, LockDesk, OrderedLock } from './ports.ts';
import { LifecycleRefused } from './refusal.ts';
import { isWhole } from './shown-rows.ts';
import type { ShownRows } from './shown-rows.ts';

/** Who asks, and whose cards they may see. */
export type CardActor =
  | { readonly by: 'holder' | 'partner'; readonly partner: string; readonly userId: string }
  | { readonly by: 'staff' };

/** A card as everybody may see it who may see it at all. */
export interface CardShown {
  readonly cardId: string;
  readonly userId: string;
  readonly balanceId: string;
  readonly kind: CardKind;
  readonly state: CardState;
  /** `476173******0011`. */
  readonly maskedNumber: string;
  readonly holderName?: string;
  /** The last day on which it is valid. */
  readonly expiresOn: string;
  /** C8. */
  readonly lockCode?: number;
  /** Until when it is locked for a time. */
  readonly pausedUntil?: string;
  readonly hasPin: boolean;
  readonly replaces?: string;
  readonly replacedBy?: string;
  readonly createdAt: string;
  /** In the answer to what closes or opens it: switches that could not be told, and go by what they saw before where they stand in. */
  readonly notReached?: readonly string[];
}

/** A lock that was taken while the card's account could not be reached: whoever stands in declines, and the account has it later. */
export interface LockWaits {
  readonly cardId: string;
  /** C8. */
  readonly waitingLockCode: number;
  readonly notReached?: readonly string[];
}

export interface CardData {
  readonly card: CardShown;
  readonly pan: Pan;
  readonly cvc2: Secret<string>;
}

export interface PinSet {
  readonly online: 'now';
  /** `withNextOnlineTransaction`: the chip gets it by a script in the answer to that. `none`: the card's program has no chips. */
  readonly chip: 'withNextOnlineTransaction' | 'none';
}

export interface CardsOptions {
  readonly book: Book;
  readonly rows: Pick<ShownRows, 'card' | 'cardsOfUser'>;
  readonly accounts: AccountDesk;
  readonly locks: LockDesk;
  readonly cards: CardDesk;
  readonly issuing: CardIssuing;
  /** Unix ms. */
  readonly now: () => number;
}

/** A card's row with what its account says of it. */
interface Found<Row extends CardFacts = CardRow> {
  readonly row: Row;
  readonly card: Card;
  readonly state: CardState;
}

export class Cards {
  readonly #options: CardsOptions;

  constructor(options: CardsOptions) {
    this.#options = options;
  }

  /** Cards of a user or of a balance, newest first. @throws LifecycleRefused */
  async list(actor: CardActor, wanted: { readonly userId?: string | undefined; readonly balanceId?: string | undefined }, { limit, cursor }: PageChoice): Promise<Page<CardShown>> {
    const { accounts } = this.#options;
    const rows = (await this.#rowsOf(actor, wanted, limit, cursor)).filter((row) => isTheirs(row, actor));
    const held = await accounts.accounts([...new Set(rows.map(({ balanceId }) => balanceId))]);
    return pageOf(rows, limit, ({ createdAt, cardId }) => [createdAt.getTime(), cardId], (row) => this.#shownHeld(found(row, held.get(row.balanceId))));
  }

  /** @returns at least one more than the limit, where there are as many */
  async #rowsOf(actor: CardActor, wanted: { readonly userId?: string | undefined; readonly balanceId?: string | undefined }, limit: number, cursor: string | undefined): Promise<readonly CardFacts[]> {
    const { book, rows } = this.#options;
    const after = placeOf(cursor, ['number', 'string']) as readonly [number, string] | undefined;
    if (actor.by !== 'staff' && after === undefined) {
      const first = await rows.cardsOfUser(actor.userId) ?? [];
      const shown = wanted.balanceId === undefined ? first : first.filter(({ balanceId }) => balanceId === wanted.balanceId);
      if (isWhole(first) || shown.length > limit) return shown;
    }
    const userId = actor.by === 'staff' ? wanted.userId : actor.userId;
    return await cardsOf(book, { userId, balanceId: wanted.balanceId, hidden: actor.by === 'staff', limit, after });
  }

  /** @throws LifecycleRefused 404, 503 */
  async get(actor: CardActor, cardId: string): Promise<CardShown> {
    const row = theirs(await this.#options.rows.card(cardId), actor);
    return this.#shownHeld(await this.#heldBy(row));
  }

  /** Number, expiry and CVC2, for its holder and partner. @throws LifecycleRefused */
  async dataOf(actor: CardActor, cardId: string): Promise<CardData> {
    return await this.#data(await this.#allowed(actor, cardId, 'showData'));
  }

  /** What of a card that was made just now its holder is told. @throws LifecycleRefused */
  async dataOfMade({ row, fresh }: MadeCard): Promise<CardData> {
    if (fresh === undefined) return await this.#data(await this.#heldBy(row));
    const { record, pan, cvc2 } = fresh;
    return { card: this.#shown({ row, record, state: stateOf(row.kind, record.state, row.plastic) }), pan, cvc2 };
  }

  async shownOfRow(row: CardRow): Promise<CardShown> {
    return this.#shownHeld(await this.#heldBy(row));
  }

  /** The CVC2 of before is wrong from now on; what is on a stripe or a chip stays. @throws LifecycleRefused */
  async resetCvv(actor: CardActor, cardId: string, requestKey: string): Promise<CardData> {
    const before = await this.#allowed(actor, cardId, 'resetCvv');
    await this.#apply({ kind: 'cvv2Reset', id: requestKey, ...this.#on(before) });
    return await this.#data(await this.#heldBy(before.row));
  }

  /** @param lockCode C8; of a holder 1, 2, 3 or 7. @throws LifecycleRefused */
  async lock(actor: CardActor, cardId: string, lockCode: number, requestKey: string): Promise<CardShown | LockWaits> {
    const row = theirs(await cardById(this.#options.book, cardId), actor);
    try {
      const before = await this.#heldBy(row);
      requireAllowed(before, 'lock');
      const told = await this.#apply({ kind: 'cardLock', id: requestKey, ...this.#on(before), lockCode, by: actor.by });
      return { ...(await this.#after(before)), ...told };
    } catch (error) {
      if (!isAway(error)) throw error;
      return await this.#lockInOutage(row, { id: requestKey, token: row.token, lockCode, by: actor.by });
    }
  }

  /** The account has it when the store is back, under the same id; whoever stands in for it declines from now on. @throws LifecycleRefused */
  async #lockInOutage({ cardId }: CardRow, order: OrderedLock): Promise<LockWaits> {
    // What is not known here of the account it says later: this it would refuse of every card.
    if (order.by === 'holder' && !holderLocks.includes(order.lockCode)) throw changeRefusalOf('1019');
    const listed = await this.#options.locks.orderLock(order);
    if (listed.kind === 'unreachable') throw unreachable('accounts');
    if (listed.kind === 'refused') throw changeRefusalOf(listed.reason);
    return { cardId, waitingLockCode: order.lockCode, ...(listed.notReached.length === 0 ? {} : { notReached: listed.notReached }) };
  }

  /** @throws LifecycleRefused 409 where the code is one that nothing lifts */
  async unlock(actor: CardActor, cardId: string, requestKey: string): Promise<CardShown> {
    const before = await this.#allowed(actor, cardId, 'unlock');
    const told = await this.#apply({ kind: 'cardUnlock', id: requestKey, ...this.#on(before) });
    return { ...(await this.#after(before)), ...told };
  }

  /** For good. A card that was removed before stays so. @throws LifecycleRefused */
  async remove(actor: CardActor, cardId: string, requestKey: string): Promise<void> {
    const { book, now } = this.#options;
    const before = await this.#find(actor, cardId);
    try {
      // Of one that is removed too: whoever did it may have been cut off before all who stand in were told.
      await this.#apply({ kind: 'cardRemove', id: requestKey, ...this.#on(before) });
    } catch (error) {
      if (!(error instanceof LifecycleRefused) || error.code !== 'CARD_REMOVED') throw error;
    }
    await cancelOrders(book, cardId, now());
  }

  /** A card that is linked pays from now on; one that was renewed, by its new plastic. One that is active stays so. @throws LifecycleRefused */
  async activate(actor: CardActor, cardId: string): Promise<CardShown> {
    const { book, now } = this.#options;
    const before = await this.#find(actor, cardId);
    if (before.row.kind === 'physical' && before.state === 'active') return this.#shownHeld(before);
    requireAllowed(before, 'activate');
    if (before.card.record.state === 'ordered') await this.#apply({ kind: 'cardActivate', id: `activate:${cardId}`, ...this.#on(before) });
    else await this.#takeNewPlastic(before);
    await moveCard(book, cardId, 'linked', { plastic: 'none', plasticExpiry: null, firstPin: null }, now());
    return await this.#after(before);
  }

  /** A digital-first card's plastic is there: the account goes by it, unless the card was removed. Done again it changes nothing. @throws LifecycleRefused 503 */
  async takeLinkedPlastic(row: CardRow): Promise<void> {
    const held = await this.#heldBy(row);
    if (held.state !== 'removed') await this.#takeNewPlastic(held);
  }

  /** The plastic under way is the card's own from now on: with its expiry, and with its PIN. */
  async #takeNewPlastic({ row, card }: Found): Promise<void> {
    const [order] = await ordersOf(this.#options.book, row.cardId);
    if (order === undefined) return;
    const on = this.#on({ row, card });
    const isForGood = irreversibleLocks.includes(card.record.lockCode);
    if (row.plasticExpiry !== null && row.plasticExpiry > card.record.expiry && !isForGood) await this.#apply({ kind: 'cardRenew', id: `renew:${order.orderId}`, ...on, expiry: row.plasticExpiry });
    // A PIN that its holder set before there was a plastic is the one that they know.
    const onlyFirst = row.plasticExpiry === null;
    if (row.firstPin !== null) await this.#apply({ kind: 'pinSet', id: `pin:${order.orderId}`, ...on, reference: row.firstPin, sealed: undefined, onlyFirst });
  }

  /** @throws LifecycleRefused */
  async setPin(actor: CardActor, cardId: string, pin: Secret<string>, requestKey: string): Promise<PinSet> {
    const { cards, accounts } = this.#options;
    const before = await this.#allowed(actor, cardId, 'setPin');
    const { row, card } = before;
    const program = (await accounts.programs()).find(({ name }) => name === row.program);
    if (program?.hasPin !== true) throw new LifecycleRefused(422, 'PIN_NOT_OFFERED', 'cards of this program have no PIN');
    const pan = await cards.openPan(row.encryptedPan, row.token);
    const { reference, sealed } = await cards.newPin({ program: row.program, pan, token: row.token, pin, keyIndex: card.record.pin?.keyIndex });
    await this.#apply({ kind: 'pinSet', id: requestKey, ...this.#on(before), reference, sealed });
    return { online: 'now', chip: sealed === undefined ? 'none' : 'withNextOnlineTransaction' };
  }

  /** What the holder and the partner have closed on it. @throws LifecycleRefused */
  async controls(actor: CardActor, cardId: string): Promise<ControlsShown> {
    const { card: { record: { controls } } } = await this.#find(actor, cardId);
    return { holder: setShown(controls?.holder ?? {}), partner: setShown(controls?.partner ?? {}) };
  }

  /** All that the one who asks has closed, in the place of what was; staff act in the partner's place. @throws LifecycleRefused */
  async setControls(actor: CardActor, cardId: string, wish: ControlsWish, requestKey: string): Promise<ControlsShown> {
    const before = await this.#allowed(actor, cardId, 'control');
    const groups = (await this.#options.accounts.programs()).find(({ name }) => name === before.row.program)?.merchantGroups ?? [];
    const told = await this.#apply({ kind: 'controlsSet', id: requestKey, ...this.#on(before), by: ownerOf(actor), controls: controlsOf(wish, groups) });
    return { ...(await this.controls(actor, cardId)), ...told };
  }

  /** Locks it until a time (Unix ms; in the past: not any more), besides whatever else the one who asks has closed. @throws LifecycleRefused */
  async pause(actor: CardActor, cardId: string, untilMs: number, requestKey: string): Promise<CardShown> {
    const before = await this.#allowed(actor, cardId, 'control');
    const told = await this.#apply({ kind: 'cardPause', id: requestKey, ...this.#on(before), by: ownerOf(actor), untilMs });
    return { ...(await this.#after(before)), ...told };
  }

  /** Orders the plastic of a virtual card. @throws LifecycleRefused */
  async print(actor: CardActor, cardId: string, wish: { readonly requestKey: string; readonly delivery: Delivery }): Promise<CardShown> {
    const before = await this.#find(actor, cardId);
    const isOrdered = (await ordersOf(this.#options.book, cardId)).some(({ requestKey }) => requestKey === wish.requestKey);
    if (!isOrdered) {
      requireAllowed(before, 'print');
      await this.#options.issuing.print(before.row, wish);
    }
    return await this.#after(before);
  }

  /** A later expiry: of a virtual card at once, else with a plastic that is ordered. @throws LifecycleRefused */
  async renew(actor: CardActor, cardId: string, { requestKey, delivery }: { readonly requestKey: string; readonly delivery: Delivery | undefined }): Promise<CardShown> {
    const { issuing, book } = this.#options;
    const before = await this.#find(actor, cardId);
    const isOrdered = (await ordersOf(book, cardId)).some((order) => order.requestKey === requestKey);
    if (isOrdered) return this.#shownHeld(before);
    requireAllowed(before, 'renew');
    const expiry = await issuing.newExpiry(before.row.program);
    if (before.row.kind === 'virtual') {
      await this.#apply({ kind: 'cardRenew', id: requestKey, ...this.#on(before), expiry }, tooEarly);
      return await this.#after(before);
    }
    if (expiry <= before.card.record.expiry) throw tooEarly();
    if (delivery === undefined) throw new LifecycleRefused(400, 'DELIVERY_MISSING', 'the new plastic has to be sent somewhere', 'delivery');
    await issuing.renewPlastic(before.row, { requestKey, delivery });
    return await this.#after(before);
  }

  /** Another card in its place, of the same kind and balance; this one is locked with code 8 unless it is locked for good. @throws LifecycleRefused */
  async replace(actor: CardActor, cardId: string, { requestKey, delivery }: { readonly requestKey: string; readonly delivery: Delivery | undefined }): Promise<CardShown> {
    const before = await this.#allowed(actor, cardId, 'replace');
    return await this.shownOfRow(await this.#options.issuing.replace(before.row, { requestKey, delivery }));
  }

  async #find(actor: CardActor, cardId: string): Promise<Found> {
    return await this.#heldBy(theirs(await cardById(this.#options.book, cardId), actor));
  }

  async #heldBy<Row extends CardFacts>(row: Row): Promise<Found<Row>> {
    return found(row, (await this.#options.accounts.accounts([row.balanceId])).get(row.balanceId));
  }

  async #allowed(actor: CardActor, cardId: string, action: CardAction): Promise<Found> {
    const before = await this.#find(actor, cardId);
    requireAllowed(before, action);
    return before;
  }

  /** As it is after a change, for the one who changed it. */
  async #after({ row: { cardId } }: Found): Promise<CardShown> {
    return await this.get({ by: 'staff' }, cardId);
  }

  #on({ row, card }: Pick<Found, 'row' | 'card'>): { readonly accountId: string; readonly cardToken: string; readonly receivedAtMs: number } {
    return { accountId: row.balanceId, cardToken: card.record.token, receivedAtMs: this.#options.now() };
  }

  /** @param invalid why the account takes no such value (9100) @returns whom it did not reach */
  async #apply(message: CardLifecycleMessage, invalid?: () => LifecycleRefused): Promise<Pick<CardShown, 'notReached'>> {
    const outcome = await this.#options.accounts.apply(message);
    if (outcome.kind === 'unreachable') throw unreachable('accounts');
    if (outcome.reason === '0000') return outcome.notReached === undefined ? {} : { notReached: outcome.notReached };
    throw outcome.reason === '9100' && invalid !== undefined ? invalid() : changeRefusalOf(outcome.reason);
  }

  async #data(held: Found): Promise<CardData> {
    const { row, card: { record } } = held;
    const { cards } = this.#options;
    const pan = await cards.openPan(row.encryptedPan, row.token);
    const cvc2 = await cards.cvv2({ program: row.program, pan, expiry: record.expiry, generation: record.cvv2Generation });
    return { card: this.#shownHeld(held), pan, cvc2 };
  }

  #shownHeld({ row, card: { record }, state }: Found<CardFacts>): CardShown {
    return this.#shown({ row, record, state });
  }

  #shown({ row, record, state }: Pick<Found<CardFacts>, 'row' | 'state'> & { readonly record: CardRecord }): CardShown {
    const pausedUntilMs = Math.max(record.controls?.holder?.pausedUntilMs ?? 0, record.controls?.partner?.pausedUntilMs ?? 0);
    return {
      cardId: row.cardId, userId: row.userId, balanceId: row.balanceId, kind: row.kind, state, maskedNumber: row.maskedPan, expiresOn: lastDayOf(record.expiry),
      ...(row.holderName === '' ? {} : { holderName: row.holderName }), ...(record.lockCode === 0 ? {} : { lockCode: record.lockCode }),
      ...(pausedUntilMs <= this.#options.now() ? {} : { pausedUntil: timeText(pausedUntilMs) }), hasPin: record.pin !== undefined,
      ...(row.replaces === null ? {} : { replaces: row.replaces }), ...(row.replacedBy === null ? {} : { replacedBy: row.replacedBy }), createdAt: timeText(row.createdAt),
    };
  }
}

/** Staff act in the partner's place. */
function ownerOf(actor: CardActor): ControlOwner {
  return actor.by === 'holder' ? 'holder' : 'partner';
}

/** @throws LifecycleRefused 404 */
function theirs<Row extends CardFacts>(row: Row | undefined, actor: CardActor): Row {
  if (row?.stage !== 'issued' || !isTheirs(row, actor)) throw new LifecycleRefused(404, 'CARD_NOT_FOUND', 'there is no such card', 'cardId');
  return row;
}

function isTheirs(row: CardFacts, actor: CardActor): boolean {
  return actor.by === 'staff' || (row.partner === actor.partner && row.userId === actor.userId && row.isVisible);
}

/** @throws LifecycleRefused 503: what was issued is in its account */
function found<Row extends CardFacts>(row: Row, account: Account | undefined): Found<Row> {
  const card = account?.cards.find(({ record }) => record.token === row.token);
  if (card === undefined) throw unreachable('accounts');
  return { row, card, state: stateOf(row.kind, card.record.state, row.plastic) };
}

function requireAllowed({ row, card, state }: Found, action: CardAction): void {
  const allowed = mayDo(action, row.kind, state, irreversibleLocks.includes(card.record.lockCode));
  if (allowed.kind === 'allowed') return;
  switch (allowed.because) {
    case 'kind': throw new LifecycleRefused(409, 'CARD_KIND_CANNOT', `a card of the kind ${row.kind} does not allow this`);
    case 'lock': throw new LifecycleRefused(409, 'CARD_LOCKED_FOR_GOOD', `the card is locked with code ${card.record.lockCode}, which nothing lifts`);
    case 'state':
      if (state === 'removed') throw new LifecycleRefused(409, 'CARD_REMOVED', 'the card was removed');
      throw new LifecycleRefused(409, 'CARD_STATE_CANNOT', `a card that is ${state} does not allow this`);
  }
}

function tooEarly(): LifecycleRefused {
  return new LifecycleRefused(409, 'RENEWAL_TOO_EARLY', 'a card that was made now would expire no later than this one');
}
