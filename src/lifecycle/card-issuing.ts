/**
 * Makes cards and orders plastics: a number is drawn and written down, the account gets the card, and then the card is there.
 *
 *   draw ──> row (drawn) ──> account has the card, and has locked (8) the one that it replaces ──> row (issued), its order waits for a file
 *
 * Refuses users who may have no cards, balances that are not open, and kinds that the program does not offer. Invariants: a request makes
 * one card, whatever breaks in between, since each step finds what the one before it left; a number is drawn once for ever; a card
 * stays with its balance, and a replacement is of the same.
 */
import type { CardRecord } from '../account/card.ts';
import type { CardLifecycleMessage } from '../account/card-lifecycle.ts';
import type { Book } from '../book/book.ts';
import type { Pan } from '../message/pan.ts';
import { Secret } from '../message/secret.ts';
import type { PinReference } from '../message/pin.ts';
import { balanceMissing, refuseNotOpen } from './balance-rows.ts';
import { CardGathering } from './card-gathering.ts';
import type { PlaceFacts, CardPlace } from './card-gathering.ts';
import { cardByRequest, cardsLeftDrawn, enterCard, enterOrder, moveCard, orderByRequest, ordersOf, settleCard } from './card-rows.ts';
import type { CardRow, NewCardRow, NewOrderRow, OrderReason } from './card-rows.ts';
import { drawPan, expiryOf } from './card-numbers.ts';
import { refusalOf } from './card-refusals.ts';
import type { CardKind } from './card-states.ts';
import { holderNameOf } from './holder-name.ts';
import { newId } from './ids.ts';
import type { RandomBytes } from './ids.ts';
import { personMissing, refuseUnverified, requireVerified } from './person-rows.ts';
import { unreachable } from './ports.ts';
import type { AccountDesk, CardDesk, Delivery, ProgramFacts } from './ports.ts';
import { LifecycleRefused } from './refusal.ts';

export interface CardIssuingOptions {
  readonly book: Book;
  readonly accounts: AccountDesk;
  readonly cards: CardDesk;
  /** Unix ms. */
  readonly now: () => number;
  readonly randomBytes: RandomBytes;
}

/** What whoever asks for a card says. */
export interface CardWish {
  /** The same key is the same card. */
  readonly requestKey: string;
  readonly userId: string;
  /** Whose user it has to be; undefined: whosever. */
  readonly partner: string | undefined;
  /** Undefined: the one balance that is open. */
  readonly balanceId: string | undefined;
  /** Undefined: the user's own name. */
  readonly holderName: string | undefined;
}

/** A card that was asked for. */
export interface MadeCard {
  readonly row: CardRow;
  /** Undefined: it was made before, and may be otherwise by now. */
  readonly fresh: FreshCard | undefined;
}

/** What is known of a card at the moment at which its account took it. */
export interface FreshCard {
  readonly record: CardRecord;
  readonly pan: Pan;
  readonly cvc2: Secret<string>;
}

export interface PlasticWish {
  readonly requestKey: string;
  readonly delivery: Delivery;
}

const drawsMax = 20;
/** How long whoever began to make a card is left alone with it. */
const leftAloneMs = 15_000;
const finishedAtOnceMax = 100;

interface MadeOrder {
  readonly order: Omit<NewOrderRow, 'cardId' | 'state'>;
  readonly firstPin: PinReference | null;
}

export class CardIssuing {
  readonly #options: CardIssuingOptions;
  readonly #gathering: CardGathering;

  constructor(options: CardIssuingOptions) {
    this.#options = options;
    this.#gathering = new CardGathering(options.book);
  }

  /** @throws LifecycleRefused */
  async createVirtual(wish: CardWish): Promise<CardRow> {
    return (await this.makeVirtual(wish)).row;
  }

  /** As `createVirtual`, for whoever tells the holder at once. @throws LifecycleRefused */
  async makeVirtual(wish: CardWish): Promise<MadeCard> {
    return await this.#issue(wish, 'virtual', undefined, null);
  }

  /** A card that is not active before its plastic was made, linked and activated. @throws LifecycleRefused */
  async orderPhysical(wish: CardWish, delivery: Delivery): Promise<CardRow> {
    return (await this.#issue(wish, 'physical', delivery, null)).row;
  }

  /**
   * Another card of the same kind and balance; the one before is locked with code 8, unless it is locked for good already.
   * @throws LifecycleRefused 409 where it was replaced before; 400 where a plastic is to be made and nobody says where to send it
   */
  async replace(card: CardRow, { requestKey, delivery }: { readonly requestKey: string; readonly delivery: Delivery | undefined }): Promise<CardRow> {
    if (card.kind !== 'virtual' && delivery === undefined) throw new LifecycleRefused(400, 'DELIVERY_MISSING', 'the new plastic has to be sent somewhere', 'delivery');
    const wish = { requestKey, userId: card.userId, partner: card.partner, balanceId: card.balanceId, holderName: card.holderName === '' ? undefined : card.holderName };
    return (await this.#issue(wish, card.kind, card.kind === 'virtual' ? undefined : delivery, card.cardId)).row;
  }

  /** Refuses at once what `createVirtual` would. @throws LifecycleRefused */
  async requireVirtual(wish: Omit<CardWish, 'requestKey'>): Promise<void> {
    await this.#placed(wish, await this.#gathering.facts({ ...wish, requestKey: '' }), 'virtual');
  }

  /** Orders the plastic of a virtual card, which is digital-first from then on. @throws LifecycleRefused */
  async print(card: CardRow, wish: PlasticWish): Promise<void> {
    await this.#orderOf(card, wish, 'print', undefined);
  }

  /** Orders a plastic with a later expiry of a card that has one; the card's own expiry changes when that plastic is in use. @throws LifecycleRefused */
  async renewPlastic(card: CardRow, wish: PlasticWish): Promise<void> {
    const program = await this.#program(card.program);
    await this.#orderOf(card, wish, 'renewal', this.#expiryNow(program));
  }

  /** The expiry of a card of the program that is renewed now, YYMM. @throws LifecycleRefused 503 */
  async newExpiry(program: string): Promise<string> {
    return this.#expiryNow(await this.#program(program));
  }

  /**
   * Goes on with cards whose maker ended in between. Several processes may do so at once.
   * @returns how many are there now that were not
   */
  async finishDrawn(): Promise<number> {
    const { book, now } = this.#options;
    let finished = 0;
    for (const row of await cardsLeftDrawn(book, now() - leftAloneMs, finishedAtOnceMax)) {
      try {
        await this.#finish(row);
        finished += 1;
      } catch (error) {
        // What was refused is settled as that; what did not answer is asked again the next time.
        if (!(error instanceof LifecycleRefused)) throw error;
      }
    }
    return finished;
  }

  async #issue(wish: CardWish, kind: CardKind, delivery: Delivery | undefined, replaces: string | null): Promise<MadeCard> {
    const facts = await this.#gathering.facts(wish);
    const known = facts.isKnown ? await cardByRequest(this.#options.book, wish.requestKey) : undefined;
    const drawn = known === undefined ? await this.#draw(wish, facts, kind, delivery, replaces) : { row: known, values: undefined };
    const { row, isRepeat } = await this.#finish(drawn.row);
    if (drawn.values === undefined || isRepeat || replaces !== null) return { row, fresh: undefined };
    return { row, fresh: { ...drawn.values, record: recordOf(drawn.row) } };
  }

  /** What the card will be of. @throws LifecycleRefused */
  async #placed({ balanceId }: Pick<CardPlace, 'balanceId'>, { person, balances }: PlaceFacts, kind: CardKind): Promise<{ readonly name: string | undefined; readonly partner: string; readonly balanceId: string; readonly program: ProgramFacts; readonly programs: readonly ProgramFacts[] }> {
    if (person === undefined) throw personMissing();
    refuseUnverified(person);
    const balance = balanceOf(balances, balanceId !== undefined);
    const programs = await this.#options.accounts.programs();
    const program = programs.find(({ name }) => name === balance.program);
    if (program?.isOwn !== true) throw new LifecycleRefused(422, 'PROGRAM_ISSUES_NONE', 'cards of this balance’s program are not issued here');
    if (!program.cards.kinds.includes(kind)) throw new LifecycleRefused(422, 'KIND_NOT_OFFERED', `the program offers no card of the kind ${kind}`);
    return { name: holderNameOf(person.givenName, person.familyName), partner: person.partner, balanceId: balance.balanceId, program, programs };
  }

  async #draw(wish: CardWish, said: PlaceFacts, kind: CardKind, delivery: Delivery | undefined, replaces: string | null): Promise<{ readonly row: CardRow; readonly values: Omit<FreshCard, 'record'> | undefined }> {
    const { book, accounts, cards, now, randomBytes } = this.#options;
    const facts = await this.#placed(wish, said, kind);
    const { program } = facts;
    const holderName = wish.holderName ?? facts.name;
    if (holderName === undefined && delivery !== undefined) throw new LifecycleRefused(422, 'HOLDER_NAME_MISSING', 'the user’s name cannot be written on a card as it is: holderName says how', 'holderName');
    for (let draw = 0; draw < drawsMax; draw += 1) {
      const pan = drawPan(program.name, facts.programs, randomBytes);
      const atMs = now();
      const { serviceCode, validMonths } = program.cards;
      const expiry = expiryOf(atMs, { validMonths, timeZone: program.timeZone });
      const { token, encryptedPan, cvv2 } = await cards.newCard({ program: program.name, pan, expiry, needsCvv2: kind === 'virtual' });
      if ((await accounts.accountsOfCards([token])).has(token)) continue;
      const made = delivery === undefined || kind === 'virtual' ? undefined : await this.#plastic({
        program, pan, token, kind, expiry, serviceCode, cvv2Generation: 0, plastics: 0, holderName: holderName ?? '', reason: 'first',
      }, { requestKey: wish.requestKey, delivery });
      const card: NewCardRow = {
        cardId: newId('card', randomBytes), requestKey: wish.requestKey, userId: wish.userId, balanceId: facts.balanceId, program: program.name, partner: facts.partner, kind,
        token, encryptedPan, maskedPan: pan.masked, expiry, serviceCode, holderName: holderName ?? '', firstPin: made?.firstPin ?? null,
        plastic: made === undefined ? 'none' : 'ordered', isVisible: kind !== 'physical', replaces, createdAt: new Date(atMs),
      };
      const isEntered = made === undefined ? await this.#gathering.enter({ ...card, firstPin: null, plastic: 'none' }) : await book.transaction(async (queries) => (
        await enterCard(queries, card) && await enterOrder(queries, { ...made.order, cardId: card.cardId, state: 'drawn' })
      ));
      if (isEntered) return { row: { ...card, stage: 'drawn', plasticExpiry: null, replacedBy: null }, values: cvv2 === undefined ? undefined : { pan, cvc2: cvv2 } };
      // The same request was made meanwhile, the card was replaced before, or the number was drawn.
      const entered = await cardByRequest(book, wish.requestKey);
      if (entered !== undefined) return { row: entered, values: undefined };
      if (replaces !== null && draw > 0) throw new LifecycleRefused(409, 'CARD_REPLACED', 'the card was replaced before');
    }
    throw new LifecycleRefused(422, 'RANGE_EXHAUSTED', 'nearly every number of the program is in use');
  }

  /** Brings a card that was drawn into its account, where it may be already. @throws LifecycleRefused */
  async #finish(row: CardRow): Promise<{ readonly row: CardRow; readonly isRepeat: boolean }> {
    if (row.stage === 'issued') return { row, isRepeat: true };
    if (row.stage === 'refused') throw new LifecycleRefused(409, 'CARD_REFUSED', 'the account did not take the card; another key asks for another card');
    const outcome = await this.#options.accounts.apply(await this.#adding(row));
    if (outcome.kind === 'unreachable') throw unreachable('accounts');
    if (outcome.reason !== '0000') {
      await this.#settle(row, 'refused');
      throw refusalOf(outcome.reason);
    }
    return { row: await this.#settle(row, 'issued'), isRepeat: outcome.isRepeat };
  }

  /** The message that brings the card into its account, in the place of the one that it replaces. */
  async #adding(row: CardRow): Promise<CardLifecycleMessage> {
    const before = row.replaces === null ? undefined : await this.#recordOf(row.replaces, row.balanceId);
    const card = recordOf(row);
    const base = { id: `card:${row.cardId}`, accountId: row.balanceId, receivedAtMs: this.#options.now(), card, encryptedPan: row.encryptedPan, maskedPan: row.maskedPan };
    return before === undefined ? { ...base, kind: 'cardChange' } : { ...base, kind: 'cardReplace', cardToken: before.token };
  }

  async #settle(row: CardRow, stage: 'issued' | 'refused'): Promise<CardRow> {
    const { book, now } = this.#options;
    if (row.kind === 'virtual') await this.#gathering.settle({ cardId: row.cardId, stage, atMs: now() });
    else await settleCard(book, row, stage, now());
    return { ...row, stage, firstPin: row.kind === 'physical' ? null : row.firstPin };
  }

  async #recordOf(cardId: string, balanceId: string): Promise<CardRecord | undefined> {
    const [found] = await this.#options.book.query<{ readonly token: string }>('select card_token as token from issued_card where card_id = $1', [cardId]);
    const account = (await this.#options.accounts.accounts([balanceId])).get(balanceId);
    return account?.cards.find(({ record }) => record.token === found?.token)?.record;
  }

  /** Orders a plastic of a card that is there. */
  async #orderOf(card: CardRow, { requestKey, delivery }: PlasticWish, reason: 'print' | 'renewal', expiry: string | undefined): Promise<void> {
    const { book, cards, now } = this.#options;
    if ((await orderByRequest(book, requestKey)) !== undefined) return;
    await requireVerified(book, { partner: card.partner, userId: card.userId });
    const program = await this.#program(card.program);
    if (reason === 'print' && !program.cards.kinds.includes('digitalFirst')) throw new LifecycleRefused(422, 'KIND_NOT_OFFERED', 'the program prints no virtual cards');
    const record = await this.#recordOf(card.cardId, card.balanceId);
    if (record === undefined) throw unreachable('accounts');
    if (card.holderName === '') throw new LifecycleRefused(422, 'HOLDER_NAME_MISSING', 'the card was made without a holder’s name that can be written on it');
    const pan = await cards.openPan(card.encryptedPan, card.token);
    const made = await this.#plastic({
      program, pan, token: card.token, kind: card.kind === 'physical' ? 'physical' : 'digitalFirst', expiry: expiry ?? record.expiry, serviceCode: card.serviceCode,
      cvv2Generation: record.cvv2Generation, plastics: (await ordersOf(book, card.cardId)).length, holderName: card.holderName, reason,
    }, { requestKey, delivery });
    try {
      // Both or neither: a plastic is under way where there is an order for it.
      await book.transaction(async (queries) => {
        const isMoved = await moveCard(queries, card.cardId, 'none', {
          plastic: 'ordered', plasticExpiry: expiry ?? null, firstPin: made.firstPin, ...(reason === 'print' ? { kind: 'digitalFirst' as const } : {}),
        }, now());
        const isOrdered = isMoved && await enterOrder(queries, { ...made.order, cardId: card.cardId, state: 'waiting' });
        if (!isOrdered) throw new LifecycleRefused(409, 'PLASTIC_UNDER_WAY', 'a plastic of this card is under way already');
      });
    } catch (error) {
      if (!(error instanceof LifecycleRefused) || (await orderByRequest(book, requestKey)) === undefined) throw error;
    }
  }

  async #plastic(
    { program, pan, token, kind, expiry, serviceCode, cvv2Generation, plastics, holderName, reason }: {
      readonly program: ProgramFacts; readonly pan: Pan; readonly token: string; readonly kind: 'physical' | 'digitalFirst'; readonly expiry: string;
      readonly serviceCode: string; readonly cvv2Generation: number; readonly plastics: number; readonly holderName: string; readonly reason: OrderReason;
    },
    { requestKey, delivery }: PlasticWish,
  ): Promise<MadeOrder> {
    const { cards, now, randomBytes } = this.#options;
    const { bureau } = program.cards;
    if (bureau === undefined) throw new LifecycleRefused(422, 'KIND_NOT_OFFERED', 'the program has nobody who makes plastics');
    const orderId = newId('order', randomBytes);
    const pin = program.hasPin && bureau.pinKey !== undefined ? drawPin(randomBytes) : undefined;
    const ready = pin === undefined ? undefined : await cards.newPin({ program: program.name, pan, token, pin, keyIndex: undefined });
    const sealed = await cards.personalise({
      orderId, program: program.name, kind, pan, expiry, serviceCode, cvv2Generation, panSequence: String((plastics % 99) + 1).padStart(2, '0'), holderName, delivery, pin,
    });
    return { order: { orderId, requestKey, reason, bureau: bureau.key, sealed, orderedAt: new Date(now()) }, firstPin: ready?.reference ?? null };
  }

  #expiryNow({ cards: { validMonths }, timeZone }: ProgramFacts): string {
    return expiryOf(this.#options.now(), { validMonths, timeZone });
  }

  async #program(name: string): Promise<ProgramFacts> {
    const program = (await this.#options.accounts.programs()).find((each) => each.name === name);
    if (program === undefined) throw new LifecycleRefused(422, 'PROGRAM_ISSUES_NONE', 'the program of this card is not there any more');
    return program;
  }
}

/** @param isNamed did the one who asks say which? */
function balanceOf([only, another]: PlaceFacts['balances'], isNamed: boolean): PlaceFacts['balances'][number] {
  if (another !== undefined) throw new LifecycleRefused(422, 'BALANCE_AMBIGUOUS', 'the user has several balances: balanceId says which', 'balanceId');
  if (only === undefined) throw isNamed ? balanceMissing() : new LifecycleRefused(409, 'BALANCE_MISSING', 'the user has no balance that is open', 'balanceId');
  refuseNotOpen(only.state);
  return only;
}

/** As the account gets it. */
function recordOf(row: CardRow): CardRecord {
  return {
    token: row.token, state: row.kind === 'physical' ? 'ordered' : 'active', lockCode: 0, expiry: row.expiry, serviceCode: row.serviceCode, cvv2Generation: 0,
    // Of a digital-first card, whose plastic is to come, the PIN is set when that is linked.
    ...(row.firstPin === null || row.kind !== 'physical' ? { pinVersion: 0, pin: undefined } : { pinVersion: 1, pin: row.firstPin }),
  };
}

/** Four digits, evenly. */
function drawPin(randomBytes: RandomBytes): Secret<string> {
  for (;;) {
    const drawn = randomBytes(2).readUInt16BE();
    // 60,000 is the highest multiple of 10,000 in two bytes.
    if (drawn < 60_000) return new Secret(String(drawn % 10_000).padStart(4, '0'));
  }
}
