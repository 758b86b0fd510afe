/**
 * What users, balances and cards are called, whose they are, and what they look like: rows that the doors show again and again, remembered for a moment.
 *
 * For showing alone: what a change rests on is read from the book by whoever makes it, and what is in a balance, or what a card may do, from its account.
 * Invariants: what was written through the book that is watched shows at once, what another switch wrote within a second (`row-memory.ts`); no number, CVC2
 * or PIN of a card is read here, sealed ones neither.
 */
import type { Queries } from '../book/book.ts';
import type { WatchedBook } from '../book/watched-book.ts';
import { balanceColumns } from './balance-rows.ts';
import type { BalanceRow } from './balance-rows.ts';
import { cardFactColumns } from './card-rows.ts';
import type { CardFacts } from './card-rows.ts';
import { personColumns, personOf } from './person-rows.ts';
import type { Person, PersonRow } from './person-rows.ts';
import { RowMemory } from './row-memory.ts';

export interface ShownRowsOptions {
  readonly book: WatchedBook;
  /** Monotonic ms. */
  readonly elapsed: () => number;
}

/** What is remembered is there at once, and the rest when it is read; undefined: there is none. */
export type Remembered<Row> = Row | undefined | Promise<Row | undefined>;

/** The beginning of a list, as long as a page can be and one more. */
const listRowsMax = 201;
/** Lists are longer than rows. */
const listsMax = 1_000;

export class ShownRows {
  readonly #people: RowMemory<Person>;
  readonly #balances: RowMemory<BalanceRow>;
  readonly #balancesOfUsers: RowMemory<readonly BalanceRow[]>;
  readonly #cards: RowMemory<CardFacts>;
  readonly #cardsOfUsers: RowMemory<readonly CardFacts[]>;
  readonly #cardsOfBalances: RowMemory<readonly CardFacts[]>;

  constructor({ book, elapsed }: ShownRowsOptions) {
    const remembered = <Row>(table: string, read: (queries: Queries, keys: readonly string[]) => Promise<ReadonlyMap<string, Row>>, rowsMax?: number): RowMemory<Row> => {
      const memory = new RowMemory<Row>({ elapsed, read: async (keys) => await read(book, keys), ...(rowsMax === undefined ? {} : { rowsMax }) });
      book.watch(table, () => memory.forget());
      return memory;
    };
    this.#people = remembered('person', readPeople);
    this.#balances = remembered('user_balance', readBalances);
    this.#balancesOfUsers = remembered('user_balance', readBalancesOfUsers, listsMax);
    this.#cards = remembered('issued_card', readCards);
    this.#cardsOfUsers = remembered('issued_card', async (queries, keys) => await readCardsOf(queries, 'user_id', keys), listsMax);
    this.#cardsOfBalances = remembered('issued_card', async (queries, keys) => await readCardsOf(queries, 'balance_id', keys), listsMax);
  }

  /** One that is not deleted. @throws BookUnavailable */
  person(userId: string): Remembered<Person> {
    return this.#people.get(userId);
  }

  /** @throws BookUnavailable */
  balance(balanceId: string): Remembered<BalanceRow> {
    return this.#balances.get(balanceId);
  }

  /** The first made first: all, or the first 201 of more. @throws BookUnavailable */
  balancesOfUser(userId: string): Remembered<readonly BalanceRow[]> {
    return this.#balancesOfUsers.get(userId);
  }

  /** Of any stage. @throws BookUnavailable */
  card(cardId: string): Remembered<CardFacts> {
    return this.#cards.get(cardId);
  }

  /** Those that were issued and that their holder sees, the last made first: all, or the first 201 of more. @throws BookUnavailable */
  cardsOfUser(userId: string): Remembered<readonly CardFacts[]> {
    return this.#cardsOfUsers.get(userId);
  }

  /** As `cardsOfUser`. @throws BookUnavailable */
  cardsOfBalance(balanceId: string): Remembered<readonly CardFacts[]> {
    return this.#cardsOfBalances.get(balanceId);
  }
}

/** Whether a list that was read so is whole. */
export function isWhole(rows: readonly unknown[]): boolean {
  return rows.length < listRowsMax;
}

async function readPeople(queries: Queries, userIds: readonly string[]): Promise<ReadonlyMap<string, Person>> {
  const rows = await queries.query<PersonRow>(`select ${personColumns} from person where user_id = any($1::text[]) and state <> 'deleted'`, [userIds]);
  return new Map(rows.map((row) => [row.user_id, personOf(row)]));
}

async function readBalances(queries: Queries, balanceIds: readonly string[]): Promise<ReadonlyMap<string, BalanceRow>> {
  const rows = await queries.query<BalanceRow>(`select ${balanceColumns} from user_balance where balance_id = any($1::text[])`, [balanceIds]);
  return new Map(rows.map((row) => [row.balanceId, row]));
}

async function readBalancesOfUsers(queries: Queries, userIds: readonly string[]): Promise<ReadonlyMap<string, readonly BalanceRow[]>> {
  const rows = await queries.query<BalanceRow>(
    `select b.* from unnest($1::text[]) as asked(id)
       cross join lateral (select ${balanceColumns} from user_balance where user_id = asked.id order by created_at, balance_id limit $2) b
     order by b."createdAt", b."balanceId"`,
    [userIds, listRowsMax],
  );
  return listed(userIds, rows, ({ userId }) => userId);
}

async function readCards(queries: Queries, cardIds: readonly string[]): Promise<ReadonlyMap<string, CardFacts>> {
  const rows = await queries.query<CardFacts>(`select ${cardFactColumns} from issued_card c where card_id = any($1::text[])`, [cardIds]);
  return new Map(rows.map((row) => [row.cardId, row]));
}

async function readCardsOf(queries: Queries, column: 'user_id' | 'balance_id', ids: readonly string[]): Promise<ReadonlyMap<string, readonly CardFacts[]>> {
  const rows = await queries.query<CardFacts>(
    `select f.* from unnest($1::text[]) as asked(id)
       cross join lateral (select ${cardFactColumns} from issued_card c where c.${column} = asked.id and c.stage = 'issued' and c.is_visible order by c.created_at desc, c.card_id desc limit $2) f
     order by f."createdAt" desc, f."cardId" desc`,
    [ids, listRowsMax],
  );
  return listed(ids, rows, ({ userId, balanceId }) => (column === 'user_id' ? userId : balanceId));
}

/** By whose they are; an empty list where there are none. */
function listed<Row>(ids: readonly string[], rows: readonly Row[], idOf: (row: Row) => string): ReadonlyMap<string, readonly Row[]> {
  const lists = new Map<string, Row[]>(ids.map((id) => [id, []]));
  for (const row of rows) lists.get(idOf(row))?.push(row);
  return lists;
}
