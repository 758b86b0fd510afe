/**
 * What operators do with the system tables: list, show, change, and read who changed what.
 *
 * Refuses, before anything is changed, what the switch could not run on, with the place and what is allowed there. Invariants: what is
 * set is in force on this switch when that is answered, and on every other within the time of a refresh; an issuer's rules that change
 * have a version that none before them had.
 */
import { isDeepStrictEqual } from 'node:util';
import { changesOf, withValueAt } from '../base/document-path.ts';
import type { PlaceChange } from '../base/document-path.ts';
import { ConfigError, readBySchema } from '../base/schema.ts';
import type { ObjectSchema, TextSchema } from '../base/schema.ts';
import type { SystemTableKind } from '../book/table-row.ts';
import type { TableDocument, TableHistoryEntry, TableRowNow, TableWish } from '../book/table-changes.ts';
import { OperationRefused } from '../office/operation.ts';
import type { Operation, OperationInput } from '../office/operation.ts';
import type { OfficeRow, RowsAsk, RowsTold } from '../office/protocol.ts';
import { choice, count, text } from '../tables/schema-parts.ts';
import { tableSchemas } from '../tables/schema.ts';
import { tableNames } from '../tables/tables.ts';

export interface TableOffice {
  rows(ask: RowsAsk): Promise<RowsTold>;
  /** Could the switch run on these? @throws ConfigError with the place */
  check(rows: readonly OfficeRow[]): void;
  /** The row in this switch's configuration, which each start brings back; undefined: it is not there. */
  configured(kind: SystemTableKind, name: string): TableDocument | undefined;
}

/** As operators call them. */
export const tableWords = ['station', 'program', 'range', 'issuer', 'rate', 'parameter'] as const;

export type TableWord = (typeof tableWords)[number];

export interface TableLine {
  readonly kind: TableWord;
  readonly name: string;
  /** `configuration`: it follows the configuration. `operator`: it was changed since, and no longer does. */
  readonly source: TableRowNow['source'];
  readonly changedAt: string;
}

export interface TableShown extends TableLine {
  /** As it was written. */
  readonly document: TableDocument;
  /** With every default. */
  readonly whole: TableDocument;
}

export interface TableSet {
  readonly kind: TableWord;
  readonly name: string;
  /** Empty: it was so already. */
  readonly changes: readonly PlaceChange[];
  readonly source: TableRowNow['source'] | undefined;
}

export interface TableHistoryLine {
  readonly number: number;
  readonly at: string;
  readonly by: string;
  readonly why: string;
  readonly kind: TableWord;
  readonly name: string;
  readonly what: 'added' | 'changed' | 'removed';
  readonly changes: readonly PlaceChange[];
}

const attemptsMax = 5;

/** The tables of the book, as operators change them. */
export class OperatorTables {
  readonly #office: TableOffice;

  constructor(office: TableOffice) {
    this.#office = office;
  }

  /** @throws OperationRefused where the book does not answer */
  async rows(): Promise<readonly TableRowNow[]> {
    const told = await this.#office.rows({ what: 'read' });
    if (told.what === 'read') return told.rows;
    throw new OperationRefused(503, `the book, which has the system tables, does not answer: ${told.what === 'bookAway' ? told.why : told.what}`);
  }

  /** The row in this switch's configuration. */
  configured(kind: SystemTableKind, name: string): TableDocument | undefined {
    return this.#office.configured(kind, name);
  }

  /** @throws OperationRefused */
  async row(kind: SystemTableKind, name: string): Promise<TableRowNow> {
    const rows = await this.rows();
    return found(rows, kind, name);
  }

  /**
   * Changes one row, whatever else changes at the same time.
   *
   * @param wish what it is to become, of what it is (undefined: not there); undefined: it is to go
   * @throws OperationRefused, ConfigError with the place; nothing is changed then
   */
  async change(kind: SystemTableKind, name: string, wish: (row: TableRowNow | undefined) => TableDocument | undefined, by: string, why: string): Promise<TableSet> {
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      const rows = await this.rows();
      const row = rows.find((each) => each.kind === kind && each.name === name);
      const wished = wish(row);
      const isConfigured = wished !== undefined && isDeepStrictEqual(wished, this.configured(kind, name));
      const after = wished === undefined || isConfigured ? wished : numbered(kind, wished, row);
      if (isDeepStrictEqual(row?.document, after)) return { kind: wordOf(kind), name, changes: [], source: row?.source };
      const others = rows.filter((each) => each !== row).map(({ kind: of, name: called, document }) => ({ kind: of, name: called, document }));
      this.#check(after === undefined ? others : [...others, { kind, name, document: after }], row === undefined, kind, name);
      const change: TableWish = { kind, name, before: row?.document, after };
      const told = await this.#office.rows({ what: 'change', wishes: [change], by, why });
      if (told.what === 'changed') {
        const now = (await this.rows()).find((each) => each.kind === kind && each.name === name);
        return { kind: wordOf(kind), name, changes: changesOf(row?.document ?? {}, now?.document ?? {}), source: now?.source };
      }
      if (told.what !== 'conflict') throw new OperationRefused(503, `the book did not say whether it was changed (${told.what === 'bookAway' ? told.why : told.what}); locum tables history tells`);
    }
    throw new OperationRefused(409, `${wordOf(kind)} ${name} is being changed by others again and again; try it again`);
  }

  #check(rows: readonly OfficeRow[], isNew: boolean, kind: SystemTableKind, name: string): void {
    try {
      this.#office.check(rows);
    } catch (error) {
      if (!isNew || !(error instanceof ConfigError) || !error.path.startsWith(`${tableNames[kind]}.${name}.`)) throw error;
      throw new OperationRefused(404, `there is no ${wordOf(kind)} ${name}, and this does not make one: ${error.message}`, error.path);
    }
  }

  /** @throws OperationRefused */
  async history(kind: SystemTableKind | undefined, name: string | undefined, limit: number): Promise<readonly TableHistoryEntry[]> {
    const told = await this.#office.rows({ what: 'history', table: kind, name, limit });
    if (told.what === 'history') return told.entries;
    throw new OperationRefused(503, `the book, which has the history, does not answer: ${told.what === 'bookAway' ? told.why : told.what}`);
  }
}

/** Rules that changed, with the next number of this issuer's. */
function numbered(kind: SystemTableKind, after: TableDocument, row: TableRowNow | undefined): TableDocument {
  const rules = after['standIn'];
  if (kind !== 'issuer' || typeof rules !== 'object' || rules === null || Array.isArray(rules)) return after;
  const before = row?.document['standIn'] as JsonRules | undefined;
  const { version: _, ...said } = rules as JsonRules;
  const { version, ...had } = before ?? {};
  if (before !== undefined && isDeepStrictEqual(said, had)) return { ...after, standIn: { ...said, version } };
  // Rules that are not written down are the default ones, which have the number 1.
  const highest = Math.max(row?.rulesVersion ?? 0, row === undefined ? 0 : 1);
  return { ...after, standIn: { ...said, version: highest + 1 } };
}

interface JsonRules {
  readonly version?: unknown;
  readonly [name: string]: unknown;
}

const kindOf: Readonly<Record<TableWord, SystemTableKind>> = { station: 'station', program: 'program', range: 'binRange', issuer: 'issuer', rate: 'rate', parameter: 'parameter' };

function wordOf(kind: SystemTableKind): TableWord {
  return kind === 'binRange' ? 'range' : kind;
}

const kindField = choice('a table', tableWords);
const nameField: TextSchema = text('the row\'s name');
export const whyField: TextSchema = { type: 'string', description: 'the reason, for the record', minLength: 1, pattern: '^[^\\p{Cc}]{1,500}$', $comment: 'a text of 1 to 500 characters on one line' };

function taking(description: string, properties: ObjectSchema['properties'], required: readonly string[] = []): ObjectSchema {
  return { type: 'object', description, additionalProperties: false, required, properties };
}

/** What operators may ask for. */
export function tableOperations(tables: OperatorTables): Operation[] {
  return [
    {
      name: 'tables list', method: 'GET', path: 'tables', about: 'the rows of the system tables',
      takes: taking('which', { kind: kindField }),
      run: async ({ kind }) => ({ rows: (await tables.rows()).filter((row) => kind === undefined || wordOf(row.kind) === kind).map(lineOf) }),
    },
    {
      name: 'tables show', method: 'GET', path: 'tables/{kind}/{name}', about: 'one row, as written and with every default',
      takes: taking('which', { kind: kindField, name: nameField }, ['kind', 'name']),
      run: async (input) => {
        const { kind, name } = rowOf(input);
        const row = await tables.row(kind, name);
        return { ...lineOf(row), document: row.document, whole: readBySchema(tableSchemas[tableNames[kind]].items, row.document, `${tableNames[kind]}.${name}`) as TableDocument } satisfies TableShown;
      },
    },
    {
      name: 'tables set', method: 'POST', path: 'tables/{kind}/{name}', about: 'changes places of a row, or the whole row',
      takes: taking('what', {
        kind: kindField, name: nameField, why: whyField,
        set: { type: 'document', description: 'values by their places; null takes away what is there, and its default holds' },
        document: { type: 'document', description: 'the whole row, which is added where it is not there' },
      }, ['kind', 'name']),
      run: async (input, by) => {
        const { kind, name } = rowOf(input);
        const { set, document } = input as { readonly set?: TableDocument; readonly document?: TableDocument };
        if ((set === undefined) === (document === undefined)) throw new ConfigError('set', 'or document is to be given, one of the two');
        return await tables.change(kind, name, (row) => (document === undefined ? placesSet(row, set!) : replaced(row, document)), by, whyIn(input));
      },
    },
    {
      name: 'tables remove', method: 'POST', path: 'tables/{kind}/{name}/remove', about: 'takes a row away',
      takes: taking('which', { kind: kindField, name: nameField, why: whyField }, ['kind', 'name']),
      run: async (input, by) => {
        const { kind, name } = rowOf(input);
        return await tables.change(kind, name, (row) => {
          if (tables.configured(kind, name) !== undefined) throw new OperationRefused(409, `${wordOf(kind)} ${name} is in the configuration, which would bring it back at the next start; take it out there`, 'name');
          return void (row ?? missing(kind, name));
        }, by, whyIn(input));
      },
    },
    {
      name: 'tables reset', method: 'POST', path: 'tables/{kind}/{name}/reset', about: 'makes a row what the configuration says, which it follows again',
      takes: taking('which', { kind: kindField, name: nameField, why: whyField }, ['kind', 'name']),
      run: async (input, by) => {
        const { kind, name } = rowOf(input);
        const configured = tables.configured(kind, name);
        if (configured === undefined) throw new OperationRefused(409, `the configuration of this switch has no ${wordOf(kind)} ${name}`, 'name');
        return await tables.change(kind, name, (row) => replaced(row, configured), by, whyIn(input));
      },
    },
    {
      name: 'tables history', method: 'GET', path: 'table-history', about: 'who changed what, when and why; the last change first',
      takes: taking('which', { kind: kindField, name: nameField, limit: count('changes at most', 1, 1_000, 20) }),
      run: async ({ kind, name, limit }) => {
        const entries = await tables.history(kind === undefined ? undefined : kindOf[kind as TableWord], name as string | undefined, limit as number);
        return { changes: entries.map(historyLineOf) };
      },
    },
  ];
}

function rowOf({ kind, name }: OperationInput): { readonly kind: SystemTableKind; readonly name: string } {
  return { kind: kindOf[kind as TableWord], name: name as string };
}

function whyIn({ why }: OperationInput): string {
  return typeof why === 'string' ? why : '';
}

function found(rows: readonly TableRowNow[], kind: SystemTableKind, name: string): TableRowNow {
  return rows.find((each) => each.kind === kind && each.name === name) ?? missing(kind, name);
}

function missing(kind: SystemTableKind, name: string): never {
  throw new OperationRefused(404, `there is no ${wordOf(kind)} ${name}; locum tables list ${wordOf(kind)} lists those that there are`, 'name');
}

/** Orders have operations of their own, and rules are numbered here. */
const ownPlaces = /^(?:orders(?:[.[]|$)|standIn\.version$)/;

/** A row that is not there is added, where the places are enough for one. */
function placesSet(row: TableRowNow | undefined, set: TableDocument): TableDocument {
  if (Object.keys(set).length === 0) throw new ConfigError('set', 'must have a place at least');
  let result = row?.document ?? {};
  for (const [path, value] of Object.entries(set)) {
    if (ownPlaces.test(path)) throw new ConfigError(path, path === 'standIn.version' ? 'is counted by the switch' : 'is set by locum issuer and locum advices');
    result = withValueAt(result, path, value);
  }
  return result;
}

/** Orders stay as they are: they are no parameters. */
function replaced(row: TableRowNow | undefined, document: TableDocument): TableDocument {
  const orders = row?.document['orders'];
  if (Object.hasOwn(document, 'orders') && !isDeepStrictEqual(document['orders'], orders)) throw new ConfigError('document.orders', 'are set by locum issuer and locum advices');
  return orders === undefined ? document : { ...document, orders };
}

function lineOf({ kind, name, source, changedAtMs }: TableRowNow): TableLine {
  return { kind: wordOf(kind), name, source, changedAt: new Date(changedAtMs).toISOString() };
}

function historyLineOf({ number, changedAtMs, changedBy, why, kind, name, before, after }: TableHistoryEntry): TableHistoryLine {
  return {
    number, at: new Date(changedAtMs).toISOString(), by: changedBy, why, kind: wordOf(kind), name,
    what: before === undefined ? 'added' : after === undefined ? 'removed' : 'changed', changes: changesOf(before ?? {}, after ?? {}),
  };
}
