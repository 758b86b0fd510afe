/** `locum tables list | show | set | remove | history`: the system tables of a running switch. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { changesOf, stepsOf, valuesOf } from '../base/document-path.ts';
import type { PlaceChange, Step } from '../base/document-path.ts';
import type { Schema } from '../base/schema.ts';
import { tableWords } from '../program/operator-tables.ts';
import type { TableHistoryLine, TableLine, TableSet, TableShown } from '../program/operator-tables.ts';
import { tableSchemas } from '../tables/schema.ts';
import { aligned, Failure, UsageError } from './command.ts';
import type { Command, Given, Outside } from './command.ts';
import { askSwitch, operatorOptions, timeWords, whyOption } from './operator-desk.ts';

const kinds = tableWords.join(', ');
const wholeBook = 'The tables are the book\'s, and one for all switches on it: what is set is in force here at once, and on each other switch when it reads them again (book.refreshMs, five seconds by default).';

export const tablesListCommand: Command = {
  name: 'tables list',
  summary: 'Lists the rows of the system tables: stations, programs, card number ranges, issuers, currency rates, parameters',
  operands: `[${tableWords.join(' | ')}]`,
  about: ['A row with the source configuration follows the configuration at each start. One with the source operator was changed since, and no longer does, until it says again what the configuration says.'],
  options: operatorOptions,
  examples: [
    { line: 'tables list', about: 'All of them.', needs: 'running demo' },
    { line: 'tables list issuer --json', about: 'What a program reads.', needs: 'running demo' },
  ],
  async run(given, outside) {
    const [kind, ...more] = given.operands;
    if (more.length > 0) throw new UsageError(`tables list takes one table at most: ${kinds}`);
    const answer = await askSwitch<{ readonly rows: readonly TableLine[] }>(given, outside, { method: 'GET', path: 'tables', fields: { kind } });
    if (given.has('json')) outside.print(JSON.stringify(answer.rows));
    else for (const line of aligned([['table', 'name', 'source', 'changed'], ...answer.rows.map((row) => [row.kind, row.name, row.source, timeWords(Date.parse(row.changedAt))])])) outside.print(line);
    return 0;
  },
};

export const tablesShowCommand: Command = {
  name: 'tables show',
  summary: 'Shows one row of the system tables, place by place',
  operands: '<table> <name>',
  about: ['Places that the row does not have show their default. With --json it is the row as it was written, and whole.'],
  options: operatorOptions,
  examples: [{ line: 'tables show issuer demo-host', about: 'The remote issuer of the demo.', needs: 'running demo' }],
  async run(given, outside) {
    const { kind, name } = rowOf(tablesShowCommand, given);
    const shown = await askSwitch<TableShown>(given, outside, { method: 'GET', path: `tables/${kind}/${name}` });
    if (given.has('json')) {
      outside.print(JSON.stringify(shown));
      return 0;
    }
    const written = new Set(valuesOf(shown.document).map(({ path }) => path));
    outside.print(`${shown.kind} ${shown.name}, changed ${timeWords(Date.parse(shown.changedAt))}, source ${shown.source}`);
    const differing = new Set(changesOf(shown.document, shown.whole).map(({ path }) => path));
    for (const line of aligned(valuesOf(shown.whole).map(({ path, value }) => [path, `${valueWords(value)}${written.has(path) && !differing.has(path) ? '' : '  (default)'}`]), '  ')) outside.print(line);
    return 0;
  },
};

export const tablesSetCommand: Command = {
  name: 'tables set',
  summary: 'Changes places of a row of the system tables, or adds a row, without a restart',
  operands: '<table> <name> [<place>=<value> …]',
  about: [
    'A place is a name, with dots and [0] for what is further in, as in standIn.unavailable.limits[0].countMax. A value is JSON, or else a text; a shell wants a list in quotes, as in \'classes=["reversal"]\'; null takes away what is there, and its default holds again. With --document the whole row is that file\'s, and is added where it is not there.',
    `What the switch could not run on is refused, with the place and what is allowed there, and nothing is changed. ${wholeBook}`,
    'Who changed what, when, from what to what and why stays in the book (tables history). An issuer\'s stand-in rules that change get the next version by themselves.',
  ],
  options: { document: { type: 'string', value: '<file>', about: 'a file of JSON with the whole row; - for standard input' }, ...whyOption, ...operatorOptions },
  examples: [
    { line: 'tables set issuer demo-host timers.posMs=3000 --why slow-line', about: 'The issuer has three seconds for its answer at a point of sale.', needs: 'running demo' },
    { line: 'tables set range spare from=4000001234 program=demo --why trial', about: 'A range of cards more: a row that is not there is added.', needs: 'running demo' },
    { line: 'tables set parameter system alerts.adviceCount=200', about: 'When operators are alerted, for the whole system.', needs: 'running demo' },
    { line: 'tables set issuer demo-host timers.posMs=null', about: 'What the configuration, or the default, says.', needs: 'running demo' },
  ],
  async run(given, outside) {
    const [kind, name, ...assignments] = given.operands;
    if (kind === undefined || name === undefined) throw new UsageError(`tables set takes a table (${kinds}), a row's name, and places with their values`);
    const file = given.text('document');
    if ((file === undefined) === (assignments.length === 0)) throw new UsageError('tables set takes places with their values, or --document, one of the two');
    const what = file === undefined ? { set: Object.fromEntries(assignments.map((text) => assignmentOf(kind, text))) } : { document: await documentOf(file, outside) };
    printSet(given, outside, await askSwitch<TableSet>(given, outside, { method: 'POST', path: pathOf(kind, name), fields: { ...what, why: given.text('why') } }));
    return 0;
  },
};

export const tablesRemoveCommand: Command = {
  name: 'tables remove',
  summary: 'Takes a row out of the system tables',
  operands: '<table> <name>',
  about: ['A row that others name, or that the configuration brings back at each start, is not taken away. What it was stays in the history.'],
  options: { ...whyOption, ...operatorOptions },
  examples: [{ line: 'tables remove range spare', about: 'The range that was added above.', needs: 'running demo' }],
  async run(given, outside) {
    const { kind, name } = rowOf(tablesRemoveCommand, given);
    const { changes } = await askSwitch<TableSet>(given, outside, { method: 'POST', path: `tables/${kind}/${name}/remove`, fields: { why: given.text('why') } });
    outside.print(given.has('json') ? JSON.stringify({ kind, name, changes }) : `${kind} ${name} is removed.`);
    return 0;
  },
};

export const tablesResetCommand: Command = {
  name: 'tables reset',
  summary: 'Makes a row of the system tables what the configuration says, which it follows again',
  operands: '<table> <name>',
  about: ['Orders for an issuer stay in force; while there are any, the row is still the operators\'.'],
  options: { ...whyOption, ...operatorOptions },
  examples: [{ line: 'tables reset issuer demo-host', about: 'Of one row.', needs: 'running demo' }],
  async run(given, outside) {
    const { kind, name } = rowOf(tablesResetCommand, given);
    printSet(given, outside, await askSwitch<TableSet>(given, outside, { method: 'POST', path: `tables/${kind}/${name}/reset`, fields: { why: given.text('why') } }));
    return 0;
  },
};

export const tablesHistoryCommand: Command = {
  name: 'tables history',
  summary: 'Tells who changed what in the system tables, when and why, with old and new value',
  operands: '[<table> [<name>]]',
  about: ['The last change first. Whoever changed a row by SQL is there as the database\'s user.'],
  options: { limit: { type: 'string', value: '<number>', about: 'changes at most; 20 by default' }, ...operatorOptions },
  examples: [{ line: 'tables history issuer demo-host', about: 'Of one row.', needs: 'running demo' }],
  async run(given, outside) {
    const [kind, name, ...more] = given.operands;
    if (more.length > 0) throw new UsageError('tables history takes a table and a name at most');
    const { changes } = await askSwitch<{ readonly changes: readonly TableHistoryLine[] }>(given, outside, { method: 'GET', path: 'table-history', fields: { kind, name, limit: given.text('limit') } });
    if (given.has('json')) outside.print(JSON.stringify(changes));
    else if (changes.length === 0) outside.print('Nothing was changed.');
    else for (const change of changes) for (const line of historyLines(change)) outside.print(line);
    return 0;
  },
};

function rowOf(command: Command, { operands: [kind, name, ...more] }: Given): { readonly kind: string; readonly name: string } {
  if (kind === undefined || name === undefined || more.length > 0) throw new UsageError(`${command.name} takes a table (${kinds}) and a row's name`);
  return { kind: encodeURIComponent(kind), name: encodeURIComponent(name) };
}

function pathOf(kind: string, name: string): string {
  return `tables/${encodeURIComponent(kind)}/${encodeURIComponent(name)}`;
}

function assignmentOf(kind: string, text: string): readonly [path: string, value: unknown] {
  const at = text.indexOf('=');
  if (at < 1) throw new UsageError(`${text} is no place with its value, such as timers.posMs=3000`);
  const path = text.slice(0, at);
  const value = text.slice(at + 1);
  // The digits of a BIN are a text: as a number they could be others.
  const type = schemaAt(rowSchemas[kind], stepsOf(path))?.type;
  if (value !== 'null' && !value.startsWith('"') && type === 'string') return [path, value];
  const read = valueOf(value);
  // A shell takes the quotes away that are not in quotes themselves.
  if (type === 'array' && typeof read === 'string') throw new UsageError(`${path} takes a list as JSON, which a shell wants in quotes: '${path}=["first","second"]'`);
  return [path, read];
}

const rowSchemas: Readonly<Record<string, Schema | undefined>> = {
  station: tableSchemas.stations.items, program: tableSchemas.programs.items, range: tableSchemas.ranges.items, issuer: tableSchemas.issuers.items, rate: tableSchemas.rates.items, parameter: tableSchemas.parameters.items,
};

function schemaAt(schema: Schema | undefined, [step, ...rest]: readonly Step[]): Schema | undefined {
  if (step === undefined || schema === undefined) return schema;
  if (schema.type === 'object') return schemaAt(schema.properties[step], rest);
  return schema.type === 'map' || schema.type === 'array' ? schemaAt(schema.items, rest) : undefined;
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

async function documentOf(file: string, { cwd, readInput }: Outside): Promise<unknown> {
  try {
    return JSON.parse(file === '-' ? (await readInput()).toString('utf8') : readFileSync(resolve(cwd, file), 'utf8')) as unknown;
  } catch (error) {
    throw new Failure(`the row cannot be read from ${file === '-' ? 'standard input' : file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function printSet(given: Given, outside: Outside, set: TableSet): void {
  if (given.has('json')) outside.print(JSON.stringify(set));
  else if (set.changes.length === 0) outside.print(`${set.kind} ${set.name} says so already; nothing was changed.`);
  else {
    outside.print(`${set.kind} ${set.name} is changed, and in force.`);
    for (const change of set.changes) outside.print(`  ${changeWords(change)}`);
  }
}

function historyLines({ at, by, why, kind, name, what, changes }: TableHistoryLine): string[] {
  return [`${timeWords(Date.parse(at))}  ${kind} ${name} ${what} by ${by}${why === '' ? '' : `: ${why}`}`, ...changes.map((change) => `  ${changeWords(change)}`)];
}

function changeWords({ path, before, after }: PlaceChange): string {
  return `${path}: ${valueWords(before)} -> ${valueWords(after)}`;
}

function valueWords(value: unknown): string {
  return value === undefined ? '(absent)' : typeof value === 'string' && value !== '' && !/\s/.test(value) ? value : JSON.stringify(value);
}
