/**
 * docs/configuration.md, from the schema that checks the configuration: so no setting is without its line, and no line without
 * its setting.
 */
import { allowedOf } from '../base/schema.ts';
import type { ObjectSchema, Schema } from '../base/schema.ts';
import { settingsOf, variableOf } from '../tables/environment.ts';
import { tableSchemas } from '../tables/schema.ts';
import type { TableName } from '../tables/schema.ts';
import { configSchema } from './config-schema.ts';

/** A file that shows the tables; a test loads it. */
export const exampleConfig = {
  dataDir: '/var/lib/locum',
  http: { host: '0.0.0.0' },
  store: { url: 'redis://redis.internal:6379', replicasMin: 1 },
  book: { databaseUrl: 'postgresql://locum@postgres.internal/locum' },
  keys: { masterKey: { file: '/etc/locum/master.key' } },
  stations: {
    pos: {
      spec: 'iso8583-1987-binary',
      link: { listen: { host: '0.0.0.0', port: 8583 }, framing: { tpdu: '6000030000' }, limits: { connections: 1000 } },
    },
    network: {
      spec: 'iso8583-1993-ascii',
      link: { connect: { host: 'network.example', port: 7001 }, session: { signOn: 'us' }, idle: { echoAfterMs: 60_000 } },
    },
  },
  programs: {
    gift: {
      partner: 'shops',
      currency: 'EUR',
      timeZone: 'Europe/Berlin',
      cvk: 'gift-cvk',
      merchantGroups: { food: ['5411', '5812-5814'] },
      limits: [
        { scope: 'overall', period: 'day', amountMinorMax: 50_000, countMax: 20 },
        { scope: 'food', period: 'transaction', amountMinorMax: 10_000 },
      ],
    },
  },
  ranges: { gift: { from: '47617355', program: 'gift' } },
} as const;

/** The least that a switch without the demo needs; a test starts it. */
export const leastConfig = {
  stations: { pos: { spec: 'iso8583-1987-ascii', link: { listen: { port: 8583 } } } },
  programs: { gift: { partner: 'shops', currency: 'EUR', cvk: 'gift-cvk' } },
  ranges: { gift: { from: '47617355', program: 'gift' } },
} as const;

export function configurationMarkdown(): string {
  const groups = Object.entries(configSchema.properties).filter(([name]) => !Object.hasOwn(tableSchemas, name));
  const single = Object.fromEntries(groups.filter(([, schema]) => schema.type !== 'object'));
  const sections = groups.flatMap(([name, schema]) => (schema.type === 'object' ? [`### ${name}`, '', `${capital(schema.description)}.`, '', ...table(schema, [name], true), ''] : []));
  return [
    ...introduction,
    '## Settings',
    '',
    ...table({ ...configSchema, properties: single }, [], true),
    '',
    ...sections,
    ...tables,
    ...tableSection('stations', 'Stations', 'A station is a place that messages come from and go to. [Links](links.md) lists what `link` has: `listen` or `connect`, framing, TLS, limits, sign-on.'),
    ...tableSection('programs', 'Programs', 'A program is a kind of own cards and its rules. Each limit has `amountMinorMax`, `countMax` or both.'),
    ...tableSection('ranges', 'Ranges', 'A card belongs to the program of the range that its number is in. Of two ranges that overlap, one has more digits and lies within the other: it is the exception, and goes first. Any other overlap is refused.'),
    ...tableSection('issuers', 'Issuers', 'An issuer decides on the cards of the programs that name it. `own` is there without being configured.'),
    ...tableSection('rates', 'Rates', 'A rate converts an amount whose message does not say what it is billed (DE6), where it is not in the balance\'s currency. It is stamped on the message, kept with what it was held at, and rounded to whole minor units, half up; without a rate such a message is declined.'),
    ...tableSection('parameters', 'Parameters', 'One row, `system`, is for all switches on the book. It is there without being configured.'),
    ...withoutDemo,
    '## Example',
    '',
    '```json',
    JSON.stringify(exampleConfig, null, 2),
    '```',
    '',
  ].join('\n');
}

const introduction = [
  '# Configuration',
  '',
  '<!-- Made by src/program/config-docs.ts from the schema that checks the configuration; a test compares them. -->',
  '',
  'The configuration is one JSON file: the one that `--config` names, or the variable `LOCUM_CONFIG`, or `locum.json` in the current folder. Without any of them Locum runs its demo, with the defaults below. `npx locum doctor` says what is wrong with a configuration and with what it names.',
  '',
  'The file is checked before anything starts. What is unknown, missing or out of range is refused with the file, the place and what is allowed there:',
  '',
  '```',
  'locum start: /etc/locum/locum.json: stations.pos.link.framing.lengthBytes must be 2 or 4, not 3.',
  '```',
  '',
  'Names of files are relative to the configuration file\'s folder; those in variables are relative to the current one.',
  '',
  '## The environment',
  '',
  'Each setting has a variable that wins over the file: `LOCUM_` and the setting\'s place in capitals, as in `LOCUM_HTTP_PORT` for `http.port`. Words are parted by `_`, and a `-` in a name becomes one: the port of the station `demo-1987-ascii` is `LOCUM_STATIONS_DEMO_1987_ASCII_LINK_LISTEN_PORT`. A list is written with commas. A variable that is empty counts as not set. One that looks like a misspelt setting is told of when a switch starts, and by `locum doctor`.',
  '',
  'A variable for a row of the system tables goes for this switch alone, whether the row is in the file or in the book; the book keeps what the file says.',
  '',
  'Five more are known:',
  '',
  '| variable | what it is |',
  '|---|---|',
  '| `LOCUM_CONFIG` | the configuration file |',
  '| `LOCUM_MASTER_KEY` | the master key itself: 64 hexadecimal digits, or 32 bytes in base64 |',
  '| `LOCUM_OPERATOR_TOKEN` | the token that operators show ([operating](operating.md)) |',
  '| `REDIS_URL` | `store.url`; accounts are then in Redis, unless `LOCUM_STORE_ENGINE` says otherwise |',
  '| `DATABASE_URL` | `book.databaseUrl` |',
  '',
];

const tables = [
  '## System tables',
  '',
  'Stations, programs, ranges, issuers, currency rates and the parameters of the whole system are rows of the system tables, which all switches on one book share. The rows of the file are entered there at each start; a row that an operator changed in the book since stays as the operator has it. A switch reads the tables again every `book.refreshMs` without being restarted, and keeps a copy on its own disk, with which it starts while the book cannot be reached.',
  '',
  'In the file each table is an object with the rows\' names as its properties. In the book (`system_table`) each row is a document of the same form.',
  '',
];

const withoutDemo = [
  '## Without the demo',
  '',
  'With a configuration file there is no demo, so its keys have to be made before the first start. This `locum.json` is the least that serves a program\'s cards; its accounts, its book and its keys are in `./data`:',
  '',
  '```json',
  JSON.stringify(leastConfig, null, 2),
  '```',
  '',
  'Beside it, once:',
  '',
  '```',
  'npx locum key init',
  `npx locum key generate ${leastConfig.programs.gift.cvk} --usage cvk`,
  'npx locum start',
  '```',
  '',
  '[`key init`](commands.md#key-init) makes the master key and the key file under it. Keep the master key in a second place, apart from the key file: whoever loses it loses every key, and with them every card. A CVK that others have as well, such as a card bureau, is taken with [`key import`](commands.md#key-import) instead of `key generate`. A program whose `cvk` is not in the key file is told of in the log, at the start and whenever the tables change, and by `npx locum doctor`.',
  '',
];

function tableSection(name: TableName, title: string, about: string): string[] {
  const { items } = tableSchemas[name];
  return items.type === 'object' ? [`### ${title}`, '', about, '', ...table(withoutLink(items), [name, '<name>'], false), ''] : [];
}

/** Links have a page of their own. */
function withoutLink(schema: ObjectSchema): ObjectSchema {
  const { link, ...properties } = schema.properties;
  return link === undefined ? schema : { ...schema, properties: { link: { type: 'string', description: `${link.description}: see [Links](links.md)`, minLength: 1, $comment: 'an object' }, ...properties } };
}

function table(schema: ObjectSchema, path: readonly string[], withVariables: boolean): string[] {
  const rows = rowsOf(schema, path, path).map(({ name, schema: setting, required }) => {
    const variable = withVariables ? [settingsOf(setting, undefined, name).length === 1 ? `\`${variableOf(name)}\`` : ''] : [];
    const place = name.slice(withVariables ? 0 : path.length).join('.');
    return [`\`${place}\``, ...variable, allowedWords(setting), defaultWords(setting, required), capital(setting.description)];
  });
  const head = ['setting', ...(withVariables ? ['variable'] : []), 'allowed', 'default', 'what it is'];
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`);
}

interface Row {
  readonly name: readonly string[];
  readonly schema: Schema;
  readonly required: boolean;
}

function rowsOf(schema: ObjectSchema, path: readonly string[], root: readonly string[]): Row[] {
  return Object.entries(schema.properties).flatMap(([name, inner]) => {
    const place = [...path, name];
    if (inner.type === 'object') return rowsOf(inner, place, root);
    const row: Row = { name: place, schema: inner, required: schema.required.includes(name) };
    if (inner.type !== 'array' || inner.items.type !== 'object') return [row];
    return [row, ...rowsOf(inner.items, [...path, `${name}[]`], root)];
  });
}

function allowedWords(schema: Schema): string {
  switch (schema.type) {
    case 'array':
      return `a list: ${schema.items.type === 'object' ? 'of objects' : allowedWords(schema.items)}`;
    case 'map':
      return `an object of names: ${allowedWords(schema.items)}`;
    case 'object':
    case 'document':
      return 'an object';
    default:
      return allowedOf(schema);
  }
}

function defaultWords(schema: Schema, required: boolean): string {
  if (required) return 'none: it is needed';
  return schema.default === undefined ? '' : `\`${JSON.stringify(schema.default)}\``;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
