/**
 * The book: what PostgreSQL holds of the journal, and the tables that a person queries. One interface over a PostgreSQL server
 * and the PostgreSQL that runs embedded in this process, so that nobody above has to know which of them it is.
 *
 * Numbers come back as PostgreSQL types have them: `bigint` as a JavaScript number (amounts and sequences are within its exact
 * range by their own bounds), `timestamptz` as Date, `jsonb` parsed.
 */

/** What a statement may be given. Arrays become PostgreSQL arrays; an object has to be JSON text already. */
export type Param = string | number | boolean | null | Date | readonly (string | number | boolean | null)[];

/** A function is asked for them once, when the statement has its turn: what came while it waited may go along. */
export type Params = readonly Param[] | (() => readonly Param[]);

export interface Queries {
  /**
   * One statement, with `$1` … for its parameters.
   *
   * @throws BookUnavailable where no connection could be had or it broke (a statement that changes something may have taken
   *   effect); any other error is the statement's own, with PostgreSQL's SQLSTATE as `code`
   */
  query<Row extends object = Readonly<Record<string, unknown>>>(text: string, params?: Params): Promise<readonly Row[]>;

  /** Several statements without parameters or results. */
  script(text: string): Promise<void>;

  /**
   * Appends rows to a table, the fastest way there is.
   *
   * @param columns names as SQL has them
   * @param rows PostgreSQL's COPY text format, as `copyRow` writes it
   */
  copyIn(table: string, columns: readonly string[], rows: string): Promise<void>;
}

export interface Book extends Queries {
  /** `server`: a PostgreSQL server. `embedded`: opened by this process. `neighbour`: another process's embedded book. */
  readonly kind: 'server' | 'embedded' | 'neighbour';

  /** Commits when `work` resolves, rolls back when it rejects. Transactions of an embedded book queue behind each other. */
  transaction<T>(work: (queries: Queries) => Promise<T>): Promise<T>;

  close(): Promise<void>;
}

/** The book cannot be reached now; the same call may succeed later. */
export class BookUnavailable extends Error {
  override readonly name = 'BookUnavailable';
}

/** Why a book cannot be used, which no retry changes: a person has to do something. */
export class BookRefused extends Error {
  override readonly name = 'BookRefused';
  readonly code: 'inUse' | 'schemaNewer' | 'schemaChanged' | 'schemaMissing' | 'addressInvalid';

  constructor(code: BookRefused['code'], message: string) {
    super(message);
    this.code = code;
  }
}
