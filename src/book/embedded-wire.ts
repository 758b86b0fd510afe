/**
 * PostgreSQL's messages (protocol 3.0) as the embedded book exchanges them: a whole statement in one piece, and what is answered to it.
 *
 *   sent       [Parse Describe] Bind Execute Sync      or Query, for texts without parameters
 *   answered   [ParseComplete … RowDescription | NoData] BindComplete DataRow… CommandComplete | ErrorResponse, ReadyForQuery
 *
 * Everything is in text form, as both kinds of book have it.
 */

export interface Field {
  readonly name: string;
  /** Of its type. */
  readonly oid: number;
}

export interface Answer {
  /** Undefined: the statement was not described, as it failed before. */
  readonly fields: readonly Field[] | undefined;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly error: StatementError | undefined;
}

/** A statement that PostgreSQL refused, with its own words. */
export class StatementError extends Error {
  override readonly name = 'StatementError';
  readonly severity: string;
  /** SQLSTATE. */
  readonly code: string;
  readonly table: string | undefined;
  readonly column: string | undefined;
  readonly constraint: string | undefined;

  constructor(said: ReadonlyMap<string, string>) {
    super(said.get('M') ?? 'the statement failed');
    this.severity = said.get('S') ?? 'ERROR';
    this.code = said.get('C') ?? 'XX000';
    this.table = said.get('t');
    this.column = said.get('c');
    this.constraint = said.get('n');
  }
}

type Parsers = Readonly<Record<number, ((text: string, oid?: number) => unknown) | undefined>>;

const nullLength = 0xffff_ffff;
/** Describe of a statement, Execute of the unnamed portal without a bound, Sync. */
const execute = Buffer.from([0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0x53, 0, 0, 0, 4]);

/** @param text undefined: the statement of this name was prepared before */
export function exchangeOf(name: string, text: string | undefined, values: readonly (string | null)[]): Uint8Array {
  const lengths = values.map((value) => (value === null ? 0 : Buffer.byteLength(value)));
  const nameBytes = name.length + 1;
  const textBytes = text === undefined ? 0 : Buffer.byteLength(text) + 1;
  const parseBytes = text === undefined ? 0 : 4 + nameBytes + textBytes + 2;
  const describeBytes = text === undefined ? 0 : 4 + 1 + nameBytes;
  const bindBytes = 4 + 1 + nameBytes + 2 + 2 + lengths.reduce((sum, length) => sum + 4 + length, 0) + 2;
  const bytes = Buffer.allocUnsafe((text === undefined ? 0 : parseBytes + describeBytes + 2) + bindBytes + 1 + execute.length);
  let at = 0;
  const byte = (value: string): void => {
    at = bytes.writeUInt8(value.charCodeAt(0), at);
  };
  const string = (value: string): void => {
    at += bytes.write(value, at);
    at = bytes.writeUInt8(0, at);
  };
  if (text !== undefined) {
    byte('P');
    at = bytes.writeUInt32BE(parseBytes, at);
    string(name);
    string(text);
    at = bytes.writeUInt16BE(0, at);
    byte('D');
    at = bytes.writeUInt32BE(describeBytes, at);
    byte('S');
    string(name);
  }
  byte('B');
  at = bytes.writeUInt32BE(bindBytes, at);
  at = bytes.writeUInt8(0, at);
  string(name);
  at = bytes.writeUInt16BE(0, at);
  at = bytes.writeUInt16BE(values.length, at);
  for (const [index, value] of values.entries()) {
    at = bytes.writeUInt32BE(value === null ? nullLength : lengths[index]!, at);
    if (value !== null) at += bytes.write(value, at);
  }
  at = bytes.writeUInt16BE(0, at);
  bytes.set(execute, at);
  return bytes;
}

/** @param text one statement or several, without parameters */
export function simpleExchange(text: string): Uint8Array {
  const bytes = Buffer.allocUnsafe(6 + Buffer.byteLength(text));
  bytes.write('Q', 0);
  bytes.writeUInt32BE(bytes.length - 1, 1);
  bytes.write(text, 5);
  bytes[bytes.length - 1] = 0;
  return bytes;
}

/** @param known the statement's fields, where it was described before @param parsers of values, by the OID of their types */
export function answerOf(answer: Uint8Array, known: readonly Field[] | undefined, parsers: Parsers): Answer {
  const bytes = Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength);
  let fields = known;
  let error: StatementError | undefined;
  const rows: Readonly<Record<string, unknown>>[] = [];
  for (let at = 0; at + 5 <= bytes.length; at += 1 + bytes.readUInt32BE(at + 1)) {
    switch (bytes[at]) {
      case 0x44: // DataRow
        rows.push(rowOf(bytes, at + 5, fields ?? [], parsers));
        break;
      case 0x54: // RowDescription
        fields = fieldsOf(bytes, at + 5);
        break;
      case 0x6e: // NoData
        fields = [];
        break;
      case 0x45: // ErrorResponse
        error ??= errorOf(bytes, at + 5);
        break;
      default: // What was completed, and what is only noticed.
        break;
    }
  }
  return { fields, rows, error };
}

function rowOf(bytes: Buffer, from: number, fields: readonly Field[], parsers: Parsers): Readonly<Record<string, unknown>> {
  const row: Record<string, unknown> = {};
  let at = from + 2;
  for (const { name, oid } of fields) {
    const length = bytes.readUInt32BE(at);
    at += 4;
    if (length === nullLength) {
      row[name] = null;
      continue;
    }
    const text = bytes.toString('utf8', at, at + length);
    const parse = parsers[oid];
    row[name] = parse === undefined ? text : parse(text, oid);
    at += length;
  }
  return row;
}

/** Name, table, column number, type, its length and modifier, format. */
const fieldBytes = 18;

function fieldsOf(bytes: Buffer, from: number): readonly Field[] {
  const fields: Field[] = [];
  let at = from + 2;
  for (let count = bytes.readUInt16BE(from); count > 0; count -= 1) {
    const end = bytes.indexOf(0, at);
    fields.push({ name: bytes.toString('utf8', at, end), oid: bytes.readUInt32BE(end + 7) });
    at = end + 1 + fieldBytes;
  }
  return fields;
}

/** A letter and a text each, until a zero. */
function errorOf(bytes: Buffer, from: number): StatementError {
  const said = new Map<string, string>();
  for (let at = from; bytes[at] !== 0;) {
    const end = bytes.indexOf(0, at + 1);
    said.set(String.fromCharCode(bytes[at]!), bytes.toString('utf8', at + 1, end));
    at = end + 1;
  }
  return new StatementError(said);
}
