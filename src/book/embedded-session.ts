/**
 * The one session of the embedded PostgreSQL: a statement is one exchange of bytes, and one that was sent before is neither parsed nor planned again, until it
 * has been used for a while.
 *
 * Owns the statements that it prepared. Whoever enters the session otherwise and discards them has to say so (`forget`). Invariant: what a statement is given
 * and what it finds is in no error.
 */
import type { Field } from 'pg-protocol/dist/messages.js';
import type { Params, Queries } from './book.ts';
import { answerOf, exchangeOf, preparingExchange, simpleExchange } from './embedded-wire.ts';
import type { Answer } from './embedded-wire.ts';
import { wireParams } from './wire.ts';

/** PGlite, as far as this needs it. */
export interface RawSession {
  execProtocolRaw(bytes: Uint8Array, options: { readonly syncToFs: boolean }): Promise<Uint8Array>;
  query(text: string, params: [], options: { readonly blob: Blob }): Promise<unknown>;
  /** By the type's OID; of a type that is not there the text stays as it is. */
  readonly parsers: Readonly<Record<number, ((text: string, oid?: number) => unknown) | undefined>>;
}

interface Statement {
  readonly name: string;
  readonly fields: readonly Field[];
  /** How often it may be used before it is planned anew. */
  usesLeft: number;
  readonly uses: number;
}

/** Of texts that are made up as they are needed there may be any number: what comes after these is parsed each time. */
const statementsMax = 300;
const statementMissing = '26000';
/**
 * A plan is for tables as large as they are then, and stays; a server's autovacuum tells of growth, and here nobody does. What was planned for a table of no
 * rows reads the whole of it for ever. So a statement is planned anew after so many uses, then after twice as many, and so on.
 */
const usesFirst = 16;
const usesMax = 1_024;

export class EmbeddedSession implements Queries {
  readonly #raw: RawSession;
  readonly #statements = new Map<string, Statement>();
  #names = 0;
  #isInTransaction = false;

  constructor(raw: RawSession) {
    this.#raw = raw;
  }

  /** Somebody discarded what was prepared here. */
  forget(): void {
    this.#statements.clear();
  }

  async query<Row extends object>(text: string, params: Params = []): Promise<readonly Row[]> {
    const values = wireParams(params);
    const answer = await this.#ask(text, values);
    if (answer.error?.code !== statementMissing || this.#isInTransaction) return rowsOf(answer) as readonly Row[];
    // Nothing of it was done.
    this.forget();
    return rowsOf(await this.#ask(text, values)) as readonly Row[];
  }

  async script(text: string): Promise<void> {
    await this.#simple(text);
    // It may have changed what a prepared statement reads.
    if (this.#statements.size > 0) await this.#simple('deallocate all');
    this.forget();
  }

  async copyIn(table: string, columns: readonly string[], rows: string): Promise<void> {
    await this.#raw.query(`copy ${table} (${columns.join(', ')}) from '/dev/blob'`, [], { blob: new Blob([rows]) });
  }

  async transaction<T>(work: (queries: Queries) => Promise<T>): Promise<T> {
    await this.#simple('begin');
    this.#isInTransaction = true;
    try {
      const result = await work(this);
      await this.#simple('commit');
      return result;
    } catch (error) {
      await this.#simple('rollback');
      throw error;
    } finally {
      this.#isInTransaction = false;
    }
  }

  async #simple(text: string): Promise<void> {
    rowsOf(answerOf(await this.#exchange(simpleExchange(text)), [], this.#raw.parsers));
  }

  async #ask(text: string, values: (string | null)[]): Promise<Answer> {
    const known = this.#statements.get(text);
    if (known !== undefined && known.usesLeft > 0) {
      known.usesLeft -= 1;
      return answerOf(await this.#exchange(exchangeOf(known.name, values)), known.fields, this.#raw.parsers);
    }
    this.#statements.delete(text);
    const isKept = this.#statements.size < statementsMax;
    const name = known?.name ?? (isKept ? this.#newName() : '');
    const answer = answerOf(await this.#exchange(preparingExchange(name, text, values)), undefined, this.#raw.parsers);
    // Also where it then failed: what was prepared stays so.
    const uses = known === undefined ? usesFirst : Math.min(usesMax, known.uses * 2);
    if (isKept && answer.fields !== undefined) this.#statements.set(text, { name, fields: answer.fields, usesLeft: uses, uses });
    return answer;
  }

  #newName(): string {
    this.#names += 1;
    return `locum_${this.#names}`;
  }

  async #exchange(bytes: Uint8Array): Promise<Uint8Array> {
    return await this.#raw.execProtocolRaw(bytes, { syncToFs: false });
  }
}

/** @throws StatementError */
function rowsOf({ error, rows }: Answer): Answer['rows'] {
  if (error !== undefined) throw error;
  return rows;
}
