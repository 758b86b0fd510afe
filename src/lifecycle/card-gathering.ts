/**
 * The statements that making a virtual card needs, of many requests as one: what the book says of the user and the balance, the card's row, its settling.
 *
 * Invariants: each request is told of its own user, balance and row alone; a number is in the book for good before anybody goes on with it; a row that a
 * crash leaves unsettled is settled by whoever comes by, so that settling waits for no disk.
 */
import { Gathered } from '../base/gathered.ts';
import type { Book } from '../book/book.ts';
import type { BalanceState } from './balance-rows.ts';
import type { NewCardRow } from './card-rows.ts';
import type { Kyc, PersonState } from './person-rows.ts';

/** Whose card, and on which balance. */
export interface CardPlace {
  readonly requestKey: string;
  readonly userId: string;
  /** Whose user it has to be; undefined: whosever. */
  readonly partner: string | undefined;
  /** Undefined: those that are open, two at most. */
  readonly balanceId: string | undefined;
}

export interface PlaceFacts {
  /** Was the request made before? */
  readonly isKnown: boolean;
  /** Undefined: there is none, or it is another partner's. */
  readonly person: { readonly partner: string; readonly givenName: string | undefined; readonly familyName: string | undefined; readonly state: PersonState; readonly kyc: Kyc } | undefined;
  readonly balances: readonly { readonly balanceId: string; readonly program: string; readonly state: BalanceState }[];
}

interface FactsRow {
  readonly place: number;
  readonly is_known: boolean;
  readonly partner: string | null;
  readonly given_name: string | null;
  readonly family_name: string | null;
  readonly state: PersonState;
  readonly kyc: Kyc;
  readonly balance_id: string | null;
  readonly program: string;
  readonly balance_state: BalanceState;
}

interface Settled {
  readonly cardId: string;
  readonly stage: 'issued' | 'refused';
  /** Unix ms; of those that are settled together the latest counts. */
  readonly atMs: number;
}

/** A card without a plastic. */
export type NewVirtualRow = NewCardRow & { readonly firstPin: null; readonly plastic: 'none' };

const statementItemsMax = 100;

export class CardGathering {
  readonly #book: Book;
  readonly #facts: Gathered<CardPlace, PlaceFacts>;
  readonly #entered: Gathered<NewVirtualRow, boolean>;
  readonly #settled: Gathered<Settled, undefined>;

  constructor(book: Book) {
    this.#book = book;
    this.#facts = new Gathered(statementItemsMax, async (take) => await this.#readAll(take));
    this.#entered = new Gathered(statementItemsMax, async (take) => await this.#enterAll(take));
    this.#settled = new Gathered(statementItemsMax, async (take) => await this.#settleAll(take));
  }

  async facts(place: CardPlace): Promise<PlaceFacts> {
    return await this.#facts.add(place);
  }

  /** As `enterCard`. */
  async enter(card: NewVirtualRow): Promise<boolean> {
    return await this.#entered.add(card);
  }

  /** As `settleCard`, of a card without a plastic. */
  async settle(settled: Settled): Promise<void> {
    await this.#settled.add(settled);
  }

  async #readAll(take: () => readonly CardPlace[]): Promise<readonly PlaceFacts[]> {
    let places: readonly CardPlace[] = [];
    const rows = await this.#book.query<FactsRow>(`
      select w.place::int, exists (select from issued_card c where c.request_key = w.request_key) as is_known, p.partner, p.given_name, p.family_name, p.state, p.kyc,
          b.balance_id, b.program, b.state as balance_state
        from unnest($1::text[], $2::text[], $3::text[], $4::text[]) with ordinality as w (request_key, user_id, partner, balance_id, place)
        left join person p on p.user_id = w.user_id and p.state <> 'deleted' and (w.partner is null or p.partner = w.partner)
        left join lateral (
          select * from user_balance u where u.user_id = w.user_id and case when w.balance_id is null then u.state = 'open' else u.balance_id = w.balance_id end limit 2
        ) b on true`, () => {
      places = take();
      return [places.map(({ requestKey }) => requestKey), places.map(({ userId }) => userId), places.map(({ partner }) => partner ?? null), places.map(({ balanceId }) => balanceId ?? null)];
    });
    const byPlace = Map.groupBy(rows, ({ place }) => place);
    return places.map((_, index) => factsOf(byPlace.get(index + 1) ?? []));
  }

  async #enterAll(take: () => readonly NewVirtualRow[]): Promise<readonly boolean[]> {
    let cards: readonly NewVirtualRow[] = [];
    const column = <Value extends string | boolean | null>(of: (card: NewVirtualRow) => Value): Value[] => cards.map(of);
    const rows = await this.#book.query<{ readonly card_id: string }>(`
      insert into issued_card (card_id, request_key, user_id, balance_id, program, partner, kind, card_token, encrypted_pan, masked_pan, expiry, service_code, holder_name,
          is_visible, replaces, created_at, changed_at, stage)
        select w.*, w.created_at, 'drawn' from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[],
            $12::text[], $13::text[], $14::bool[], $15::text[], $16::timestamptz[])
          as w (card_id, request_key, user_id, balance_id, program, partner, kind, card_token, encrypted_pan, masked_pan, expiry, service_code, holder_name, is_visible, replaces, created_at)
        on conflict do nothing returning card_id`, () => {
      cards = take();
      return [
        column(({ cardId }) => cardId), column(({ requestKey }) => requestKey), column(({ userId }) => userId), column(({ balanceId }) => balanceId), column(({ program }) => program),
        column(({ partner }) => partner), column(({ kind }) => kind), column(({ token }) => token), column(({ encryptedPan }) => encryptedPan), column(({ maskedPan }) => maskedPan),
        column(({ expiry }) => expiry), column(({ serviceCode }) => serviceCode), column(({ holderName }) => holderName), column(({ isVisible }) => isVisible), column(({ replaces }) => replaces),
        column(({ createdAt }) => createdAt.toISOString()),
      ];
    });
    const entered = new Set(rows.map(({ card_id: cardId }) => cardId));
    return cards.map(({ cardId }) => entered.has(cardId));
  }

  async #settleAll(take: () => readonly Settled[]): Promise<readonly undefined[]> {
    let settled: readonly Settled[] = [];
    await this.#book.query(`
      update issued_card set stage = case when card_id = any($2) then 'refused' else 'issued' end, changed_at = $3
        where card_id = any($1) and stage = 'drawn' returning set_config('synchronous_commit', 'off', true)`, () => {
      settled = take();
      const refused = settled.filter(({ stage }) => stage === 'refused');
      return [settled.map(({ cardId }) => cardId), refused.map(({ cardId }) => cardId), new Date(Math.max(...settled.map(({ atMs }) => atMs)))];
    });
    return settled.map(() => undefined);
  }
}

function factsOf(rows: readonly FactsRow[]): PlaceFacts {
  const [row] = rows;
  if (row === undefined) return { isKnown: false, person: undefined, balances: [] };
  const { is_known: isKnown, partner, given_name: givenName, family_name: familyName, state, kyc } = row;
  return {
    isKnown, person: partner === null ? undefined : { partner, givenName: givenName ?? undefined, familyName: familyName ?? undefined, state, kyc },
    balances: rows.flatMap(({ balance_id: balanceId, program, balance_state: balanceState }) => (balanceId === null ? [] : [{ balanceId, program, state: balanceState }])),
  };
}
