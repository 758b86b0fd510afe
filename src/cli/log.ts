/** `locum log`: the log of messages, from the book. */
import { readMessageLog } from '../book/message-log.ts';
import type { MessageLogFilter, MessageLogLine } from '../book/message-log.ts';
import { formatAmount } from '../message/money.ts';
import { bookName, bookOptionsOf, opensSoon } from './book-of.ts';
import { aligned, exitFailed, Failure, UsageError } from './command.ts';
import type { Command, Given } from './command.ts';
import { configOf, configOption } from './configured.ts';
import { runningSwitch } from './doctor-ports.ts';
import { standInWords } from './stand-in-words.ts';
import { durationWords, timeWords } from './trace-story.ts';

export const logCommand: Command = {
  name: 'log',
  summary: 'Looks through the log of messages: every request and its answer on both sides of the switch, masked',
  operands: '',
  about: [
    'A line is a request with what came of it: when, from where, for whom, answered by whom and how fast. What the switch refused is there as well, and network management. The latest lines come last.',
    'It is kept for book.messageLogDays days, and is a second behind. The journal is the record of money: where the book is away for long, lines of this log are lost, and a line says how many. Exit code 1 where there is no line.',
  ],
  options: {
    station: { type: 'string', value: '<name>', about: 'of this station' },
    since: { type: 'string', value: '<time>', about: 'from then on: 30s, 10m, 2h, 3d ago, or a time such as 2026-01-31T12:00' },
    'pan-token': { type: 'string', value: '<token>', about: 'of the card with this token, as locum trace and the book know it' },
    stan: { type: 'string', value: '<number>', about: 'with this STAN (DE11)' },
    rrn: { type: 'string', value: '<reference>', about: 'with this RRN (DE37)' },
    id: { type: 'string', value: '<id>', about: 'of the transaction with this id' },
    outcome: { type: 'string', value: '<word>', about: 'answered, refused, unanswered, undelivered, expired, late, unmatched, unsent, or lost' },
    most: { type: 'string', value: '<number>', about: 'lines at most; 50 by default' },
    json: { type: 'boolean', about: 'a line of JSON for each' },
    ...configOption,
  },
  examples: [
    { line: 'log --since 10m', about: 'What came and went in the last ten minutes.', needs: 'running demo' },
    { line: 'log --stan 4217 --json', about: 'What a program reads of one transaction.', needs: 'running demo' },
  ],
  async run(given, outside) {
    const most = given.whole('most', 1, 999_999) ?? 50;
    const filter = filterOf(given, outside.now());
    const config = configOf(given, outside);
    const options = bookOptionsOf(config);
    if (opensSoon(options, await runningSwitch(config))) throw new Failure('the running switch has not opened its book yet; ask again in a few seconds');
    const { openNeighbour } = await import('../book/connection.ts');
    const book = await openNeighbour(options);
    let lines: readonly MessageLogLine[];
    try {
      lines = await readMessageLog(book, filter, most).catch(tableMissing);
    } finally {
      await book.close();
    }
    if (given.has('json')) for (const line of lines) outside.print(JSON.stringify(line));
    else for (const line of aligned(lines.map(wordsOf))) outside.print(line);
    if (lines.length === 0) outside.complain(`the book (${bookName(options)}) has no such line; what happened just now may not be there yet`);
    return lines.length === 0 ? exitFailed : 0;
  },
};

function wordsOf(line: MessageLogLine): string[] {
  if (line.direction === 'none') return [timeWords(line.atMs), '', '', line.detail];
  const { amountMinor, currency, elapsedMs, responseCode, reason, standInReason } = line;
  const types = line.answerMti === undefined ? line.mti : `${line.mti} ${line.answerMti}`;
  const named = [
    whatWords(line), ...(amountMinor === undefined || currency === undefined ? [] : [formatAmount(amountMinor, currency)]),
    ...(line.maskedPan === '' ? [] : [line.maskedPan]), ...(line.stan === '' ? [] : [`STAN ${line.stan}`]), ...(line.rrn === '' ? [] : [`RRN ${line.rrn}`]),
  ];
  const answer = responseCode === '' ? '' : ` ${responseCode}${reason === undefined || reason === responseCode ? '' : ` (${reason})`}`;
  const by = line.answeredBy === '' ? '' : ` by ${line.answeredBy === 'standin' ? 'stand-in' : line.answeredBy}`;
  const why = standInReason === undefined ? '' : `, ${standInWords(standInReason)}`;
  const rest = [
    `${line.outcome}${answer}${by}${elapsedMs === undefined ? '' : ` after ${elapsedMs < 10 ? `${elapsedMs.toFixed(1)} ms` : durationWords(elapsedMs)}`}${why}`,
    ...(line.routed === '' ? [] : [`for ${line.routed}`]), ...(line.detail === '' ? [] : [line.detail]),
  ];
  return [timeWords(line.atMs), `${line.direction === 'in' ? 'from' : 'to'} ${line.station}`, types, `${named.join(', ')}: ${rest.join('; ')}`];
}

function whatWords({ class: of, what }: MessageLogLine): string {
  if (what === '') return of;
  return of === 'reversal' && !what.startsWith('reversal') ? `reversal of ${what}` : what;
}

function filterOf(given: Given, nowMs: number): MessageLogFilter {
  if (given.operands.length > 0) throw new UsageError('log takes options only, such as --stan 4217');
  const stan = given.text('stan');
  if (stan !== undefined && !/^[0-9]{1,12}$/.test(stan)) throw new UsageError('--stan is a number of up to twelve digits');
  const since = given.text('since');
  return {
    station: given.text('station'), sinceMs: since === undefined ? undefined : sinceMsOf(since, nowMs), cardToken: given.text('pan-token'), stan, rrn: given.text('rrn'),
    messageId: given.text('id'), outcome: given.text('outcome'),
  };
}

const unitsMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

function sinceMsOf(text: string, nowMs: number): number {
  const ago = /^([0-9]{1,6})([smhd])$/.exec(text);
  if (ago !== null) return nowMs - Number(ago[1]) * unitsMs[ago[2] as keyof typeof unitsMs];
  const atMs = /^[0-9]{4}-[0-9]{2}-[0-9]{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(atMs)) throw new UsageError(`--since is 30s, 10m, 2h or 3d, or a time such as 2026-01-31T12:00, not ${text}`);
  return atMs;
}

/** SQLSTATE 42P01: no switch of this version has run on it. */
function tableMissing(error: unknown): readonly MessageLogLine[] {
  if (error instanceof Error && 'code' in error && error.code === '42P01') throw new Failure('the book has no log of messages yet: its tables are made when a switch starts (locum start)');
  throw error;
}
