/** `locum card show | set | balance`: what stand-in knows of single cards of a remote issuer. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { valuesOf, withValueAt } from '../base/document-path.ts';
import type { JsonObject } from '../base/document-path.ts';
import { ConfigError } from '../base/schema.ts';
import type { CardShown } from '../program/card-operations.ts';
import { aligned, exitFailed, Failure, UsageError } from './command.ts';
import type { Command, Given, Outside } from './command.ts';
import { askSwitch, operatorOptions } from './operator-desk.ts';

const whichCard = 'The card is named by its number, by its token (card_token in the book), or by - where its number is on standard input: what is on a command line may be seen by others on the machine.';
const operands = '<issuer> <number or token>';

export const cardShowCommand: Command = {
  name: 'card show',
  summary: 'Shows what is kept of a remote issuer\'s card for stand-in: its own terms, and the balance that its host pushed',
  operands,
  about: [whichCard, 'Of a balance it shows what was approved since and is not in it yet, and by what names the host knows that.'],
  options: operatorOptions,
  examples: [{ line: 'card show demo-host 5413330000000019', about: 'A card of the demo\'s remote issuer.', needs: 'running demo' }],
  async run(given, outside) {
    const { path, card } = await cardOf(cardShowCommand, given, outside);
    print(given, outside, await askSwitch<CardShown>(given, outside, { method: 'POST', path: `${path}/cards/show`, fields: card }));
    return 0;
  },
};

export const cardSetCommand: Command = {
  name: 'card set',
  summary: 'Sets a card\'s own terms for stand-in: an instruction, a risk level, limits, its account',
  operands: `${operands} <place>=<value> …`,
  about: [
    whichCard,
    'Places are instruction (approve, decline, refer, pickUp, vip), riskLevel (0 to 99), account (as the issuer names it, for the outage\'s cap), and those of limits, as in limits[0].amountMinorMax; a value is JSON, or else a text. What is given takes the place of all that the card had; --none takes it away.',
    'It holds at once for every switch on the same store, and, while that is away, at this one.',
  ],
  options: { none: { type: 'boolean', about: 'the card has no terms of its own from now on' }, ...operatorOptions },
  examples: [
    { line: 'card set demo-host 5413330000000027 instruction=vip riskLevel=10', about: 'For the rules\' conditions to tell.', needs: 'running demo' },
    { line: 'card set demo-host 5413330000000027 limits[0].scope=overall limits[0].period=day limits[0].amountMinorMax=50000', about: 'A limit of its own, in the place of the rules\'.', needs: 'running demo' },
    { line: 'card set demo-host 5413330000000027 --none', about: 'As any card.', needs: 'running demo' },
  ],
  async run(given, outside) {
    const [, , ...assignments] = given.operands;
    if ((assignments.length === 0) !== given.has('none')) throw new UsageError('card set takes places with their values, or --none, one of the two');
    const { path, card } = await cardOf(cardSetCommand, given, outside);
    let terms: JsonObject = {};
    for (const assignment of assignments) terms = withAssignment(terms, assignment);
    print(given, outside, await askSwitch<CardShown>(given, outside, { method: 'POST', path: `${path}/cards`, fields: { ...terms, ...card } }));
    return 0;
  },
};

export const cardBalanceCommand: Command = {
  name: 'card balance',
  summary: 'Pushes the balance of a card, or of many, whose issuer\'s mode is hostWithShadowBalance',
  operands: '<issuer> [<number or token>]',
  about: [
    whichCard,
    'With --through the balance has taken in the named authorization and all that the host knew of then: its STAN (DE11) and DE7 as the host got them, with a hyphen, or the id of the message at a URL. What was approved later is taken off; without it, all that is known here is.',
    'With --file each line is a JSON document of one card: pan or token, availableMinor, currency, and asOf and lastAuthorizationId where there are any. What is refused is told with its line, and the rest is taken.',
  ],
  options: {
    available: { type: 'string', value: '<amount>', about: 'what may be spent, in minor units' },
    currency: { type: 'string', value: '<code>', about: 'ISO 4217, that of the issuer\'s rules' },
    through: { type: 'string', value: '<id>', about: 'the last authorization in it, such as 000123-1122101500' },
    'as-of': { type: 'string', value: '<time>', about: 'when it was so, ISO 8601; by default now' },
    file: { type: 'string', value: '<file>', about: 'balances of many cards, a line each; - for standard input' },
    ...operatorOptions,
  },
  examples: [
    { line: 'card balance shadow-host 5413330000000019 --available 120000 --currency EUR --through 000123-1122101500', about: 'Of one card.', needs: 'shadow balance' },
    { line: 'card balance shadow-host --file balances.jsonl', about: 'Of many.', needs: 'shadow balance' },
  ],
  async run(given, outside) {
    const file = given.text('file');
    if (file !== undefined) return await pushAll(given, outside, file);
    const { path, card } = await cardOf(cardBalanceCommand, given, outside);
    const fields = { ...card, availableMinor: amountOf(given), currency: given.text('currency'), asOf: given.text('as-of'), lastAuthorizationId: given.text('through') };
    print(given, outside, await askSwitch<CardShown>(given, outside, { method: 'POST', path: `${path}/balances`, fields }));
    return 0;
  },
};

async function pushAll(given: Given, outside: Outside, file: string): Promise<number> {
  const [issuer, ...more] = given.operands;
  if (issuer === undefined || more.length > 0) throw new UsageError('card balance --file takes the issuer alone');
  const text = file === '-' ? (await outside.readInput()).toString('utf8') : textOf(resolve(outside.cwd, file), file);
  const lines = text.split('\n').map((line, index) => ({ line: line.trim(), number: index + 1 })).filter(({ line }) => line !== '');
  let taken = 0;
  for (const { line, number } of lines) {
    try {
      await askSwitch<CardShown>(given, outside, { method: 'POST', path: `issuers/${encodeURIComponent(issuer)}/balances`, fields: documentOf(line) });
      taken += 1;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      outside.complain(`locum card balance: line ${number}: ${error.message}.`);
    }
  }
  outside.print(given.has('json') ? JSON.stringify({ taken, refused: lines.length - taken }) : `${taken} of ${lines.length} balances are taken.`);
  return taken === lines.length ? 0 : exitFailed;
}

/** @throws Failure without a word of the line: it has a card's number */
function documentOf(line: string): JsonObject {
  let document: unknown;
  try {
    document = JSON.parse(line);
  } catch {
    document = undefined;
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) throw new Failure('it is no JSON object');
  return document as JsonObject;
}

function textOf(path: string, file: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Failure(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** @throws UsageError */
async function cardOf(command: Command, { operands: given }: Given, outside: Outside): Promise<{ readonly path: string; readonly card: JsonObject }> {
  const [issuer, named] = given;
  if (issuer === undefined || named === undefined || (command !== cardSetCommand && given.length > 2)) throw new UsageError(`${command.name} takes ${command.operands}`);
  const card = named === '-' ? (await outside.readInput()).toString('utf8').trim() : named;
  return { path: `issuers/${encodeURIComponent(issuer)}`, card: /^[0-9]+$/.test(card) ? { pan: card } : { token: card } };
}

/** @throws UsageError */
function withAssignment(terms: JsonObject, assignment: string): JsonObject {
  const at = assignment.indexOf('=');
  if (at < 1) throw new UsageError(`${assignment} is no place with its value, as in riskLevel=10`);
  const text = assignment.slice(at + 1);
  const place = assignment.slice(0, at);
  let value: unknown = text;
  try {
    // An account or a currency of digits is a text all the same.
    if (!/(?:^|\.)(?:account|currency)$/.test(place)) value = JSON.parse(text);
  } catch {
    // A text without quotes.
  }
  try {
    return withValueAt(terms, place, value);
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message);
    throw error;
  }
}

/** @throws UsageError */
function amountOf(given: Given): number {
  const text = given.text('available') ?? '';
  if (!/^-?[0-9]{1,13}$/.test(text)) throw new UsageError(text === '' ? '--available is missing: what may be spent, in minor units' : `--available must be an amount in minor units, not ${text}`);
  return Number(text);
}

function print(given: Given, outside: Outside, answer: CardShown): void {
  if (given.has('json')) {
    outside.print(JSON.stringify(answer));
    return;
  }
  const { card, token, terms, balance } = answer;
  outside.print(`Card ${card ?? token}${card === undefined ? '' : `, token ${token}`}`);
  const rows = valuesOf(terms ?? {}).map(({ path, value }): [string, string] => [path, typeof value === 'string' ? value : JSON.stringify(value)]);
  if (rows.length === 0) rows.push(['terms', 'none of its own']);
  if (balance !== null) {
    const { availableMinor, currency, asOf, laterMinor, leftMinor, later } = balance;
    rows.push(['balance', `${availableMinor} ${currency} as of ${asOf}`], ['later', laterMinor === 0 ? 'none' : `${laterMinor} approved since${later.length === 0 ? '' : `: ${later.join(', ')}`}`], ['left', String(leftMinor)]);
  }
  for (const line of aligned(rows, '  ')) outside.print(line);
}
