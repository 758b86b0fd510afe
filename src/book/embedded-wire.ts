/**
 * PostgreSQL's messages as the embedded book exchanges them: a whole statement in one piece, and what is answered to it. Their form is `pg-protocol`'s.
 *
 *   sent       [[Close] Parse Describe] Bind Execute Sync      or Query, for texts without parameters
 *   answered   [[CloseComplete] ParseComplete … RowDescription | NoData] BindComplete DataRow… CommandComplete | ErrorResponse, ReadyForQuery
 *
 * Everything is in text form, as both kinds of book have it. Invariant: of an error only what names no value is taken over.
 */
import { DatabaseError, DataRowMessage, RowDescriptionMessage } from 'pg-protocol/dist/messages.js';
import type { Field } from 'pg-protocol/dist/messages.js';
import { Parser } from 'pg-protocol/dist/parser.js';
import { serialize } from 'pg-protocol/dist/serializer.js';

export interface Answer {
  /** Undefined: the statement was not described, as it failed before. */
  readonly fields: readonly Field[] | undefined;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly error: StatementError | undefined;
}

/** A statement that PostgreSQL refused, with its own words; never with its detail, which repeats rows. */
export class StatementError extends Error {
  override readonly name = 'StatementError';
  readonly severity: string;
  /** SQLSTATE. */
  readonly code: string;
  readonly table: string | undefined;
  readonly column: string | undefined;
  readonly constraint: string | undefined;

  constructor(said: DatabaseError) {
    super(said.message === '' ? 'the statement failed' : said.message);
    this.severity = said.severity ?? 'ERROR';
    this.code = said.code ?? 'XX000';
    this.table = said.table;
    this.column = said.column;
    this.constraint = said.constraint;
  }
}

type Parsers = Readonly<Record<number, ((text: string, oid?: number) => unknown) | undefined>>;

/** Of the unnamed portal, without a bound. */
const execution = [serialize.execute(), serialize.sync()];

/** Of a statement that was prepared before. */
export function exchangeOf(name: string, values: (string | null)[]): Uint8Array {
  return Buffer.concat([serialize.bind({ statement: name, values }), ...execution]);
}

/** Of one that is prepared with it. What has the name already is closed first, which, unlike a statement that says so, takes no snapshot. */
export function preparingExchange(name: string, text: string, values: (string | null)[]): Uint8Array {
  return Buffer.concat([serialize.close({ type: 'S', name }), serialize.parse({ name, text }), serialize.describe({ type: 'S', name }), exchangeOf(name, values)]);
}

/** @param text one statement or several, without parameters */
export function simpleExchange(text: string): Uint8Array {
  return serialize.query(text);
}

/** @param known the statement's fields, where it was described before @param parsers of values, by the OID of their types */
export function answerOf(answer: Uint8Array, known: readonly Field[] | undefined, parsers: Parsers): Answer {
  let fields = known;
  let error: StatementError | undefined;
  const rows: Readonly<Record<string, unknown>>[] = [];
  new Parser().parse(Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength), (message) => {
    if (message instanceof DataRowMessage) rows.push(rowOf(message.fields, fields ?? [], parsers));
    else if (message instanceof RowDescriptionMessage) fields = message.fields;
    else if (message instanceof DatabaseError) error ??= new StatementError(message);
    else if (message.name === 'noData') fields = [];
  });
  return { fields, rows, error };
}

function rowOf(texts: readonly (string | null)[], fields: readonly Field[], parsers: Parsers): Readonly<Record<string, unknown>> {
  const row: Record<string, unknown> = {};
  for (const [index, { name, dataTypeID }] of fields.entries()) {
    const text = texts[index] ?? null;
    const parse = parsers[dataTypeID];
    row[name] = text === null || parse === undefined ? text : parse(text, dataTypeID);
  }
  return row;
}
