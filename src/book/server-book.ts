/**
 * The book on a PostgreSQL server, through a bounded pool, or on another process's embedded book through its socket. Statements
 * carry no names, so that a pooler or the embedded book may stand between. A connection that failed is never used again.
 */
import { Pool, types, type PoolClient, type QueryResultRow } from 'pg';
import { BookUnavailable, type Book, type Params, type Queries } from './book.ts';
import { CopyIn } from './copy-in.ts';
import { wireParams } from './wire.ts';

export interface ServerBookOptions {
  readonly connection: { readonly connectionString: string } | { readonly host: string };
  readonly connectionsMax: number;
  readonly connectTimeoutMs: number;
  /** 0: no bound. */
  readonly statementTimeoutMs: number;
}

export class ServerBook implements Book {
  readonly kind: 'server' | 'neighbour';
  readonly #pool: Pool;

  constructor(kind: 'server' | 'neighbour', options: ServerBookOptions) {
    this.kind = kind;
    const { statementTimeoutMs } = options;
    this.#pool = new Pool({
      ...(kind === 'neighbour' ? { user: 'postgres', database: 'postgres' } : {}),
      ...options.connection,
      max: options.connectionsMax,
      connectionTimeoutMillis: options.connectTimeoutMs,
      keepAlive: true,
      types: { getTypeParser: parserOf },
      // The server ends a statement itself; where even that answer does not come, the network is gone.
      ...(statementTimeoutMs === 0
        ? {}
        : { statement_timeout: statementTimeoutMs, query_timeout: statementTimeoutMs + 5_000, application_name: 'locum' }),
    });
    // An idle connection that breaks leaves the pool; the next statement makes another, or says that it could not.
    this.#pool.on('error', () => {});
  }

  async query<Row extends object>(text: string, params: Params = []): Promise<readonly Row[]> {
    return await this.transaction((queries) => queries.query<Row>(text, params));
  }

  async script(text: string): Promise<void> {
    await this.transaction((queries) => queries.script(text));
  }

  async copyIn(table: string, columns: readonly string[], rows: string): Promise<void> {
    await this.transaction((queries) => queries.copyIn(table, columns, rows));
  }

  async transaction<T>(work: (queries: Queries) => Promise<T>): Promise<T> {
    const client = await this.#connect();
    let broken: Error | undefined;
    const noteBreak = (error: Error): void => {
      broken = error;
    };
    client.on('error', noteBreak);
    try {
      const queries = new ClientQueries(client);
      // Another process's book is for reading: its owner alone writes it.
      await queries.script(this.kind === 'neighbour' ? 'begin read only' : 'begin');
      const result = await work(queries);
      await queries.script('commit');
      return result;
    } catch (error) {
      if (isOutage(error)) broken = error as Error;
      else broken ??= await rolledBack(client);
      throw error;
    } finally {
      client.off('error', noteBreak);
      client.release(broken);
    }
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #connect(): Promise<PoolClient> {
    try {
      return await this.#pool.connect();
    } catch (error) {
      throw new BookUnavailable(`the book cannot be reached: ${messageOf(error)}`, { cause: error });
    }
  }
}

class ClientQueries implements Queries {
  readonly #client: PoolClient;

  constructor(client: PoolClient) {
    this.#client = client;
  }

  async query<Row extends object>(text: string, params: Params = []): Promise<readonly Row[]> {
    const result = await outageNamed(this.#client.query<Row & QueryResultRow>(text, wireParams(params)));
    return result.rows;
  }

  async script(text: string): Promise<void> {
    await outageNamed(this.#client.query(text));
  }

  async copyIn(table: string, columns: readonly string[], rows: string): Promise<void> {
    const copy = new CopyIn(`copy ${table} (${columns.join(', ')}) from stdin`, rows);
    this.#client.query(copy);
    await outageNamed(copy.done);
  }
}

async function rolledBack(client: PoolClient): Promise<Error | undefined> {
  try {
    await client.query('rollback');
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

async function outageNamed<T>(pending: Promise<T>): Promise<T> {
  try {
    return await pending;
  } catch (error) {
    if (isOutage(error)) throw new BookUnavailable(`the book cannot be reached: ${messageOf(error)}`, { cause: error });
    throw error;
  }
}

/**
 * SQLSTATE classes that another attempt may not meet: connection (08), rollback by the server (40), a server that has become a
 * standby (25), resources (53), a lock or a state in the way (55), an operator (57), the system (58, XX), access (28, 3D).
 */
const outageClasses = new Set(['08', '25', '28', '3D', '40', '53', '55', '57', '58', 'XX']);

function isOutage(error: unknown): boolean {
  if (error instanceof BookUnavailable) return true;
  if (!(error instanceof Error)) return false;
  if (!('severity' in error)) return 'syscall' in error || /^(Connection terminated|Query read timeout|timeout exceeded|Client )/.test(error.message);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return outageClasses.has(code.slice(0, 2));
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // A name with several addresses fails with one error for each, and no message of its own.
  if (error.message === '' && error instanceof AggregateError) return error.errors.map(messageOf).join(', ');
  return error.message;
}

const int8 = 20;
const knownParsers = types as { getTypeParser(oid: number): (text: string) => unknown };

function parserOf(oid: number): (text: string) => unknown {
  if (oid === int8) return Number;
  return knownParsers.getTypeParser(oid);
}
