/** `locum trace`: one transaction's story, from the book. */
import type { Queries } from '../book/book.ts';
import type { MessageLogFilter, MessageLogLine } from '../book/message-log.ts';
import type { Story, TraceBy } from '../book/trace.ts';
import { Failure, exitFailed, UsageError } from './command.ts';
import type { Command, Given } from './command.ts';
import { bookName, bookOptionsOf, opensSoon } from './book-of.ts';
import { configOf, configOption } from './configured.ts';
import { runningSwitch } from './doctor-ports.ts';
import { fileActionLines, storyLines } from './trace-story.ts';

const byWords = { rrn: 'rrn', stan: 'stan', 'approval-code': 'approvalCode', id: 'id' } as const satisfies Record<string, TraceBy>;

export const traceCommand: Command = {
  name: 'trace',
  summary: 'Tells one transaction\'s story from the book: what came, who decided what and why, what was held and posted',
  operands: '<RRN | STAN | approval code | id>',
  about: [
    'What belongs together is told together: an authorization with its increments, completion and reversals. Where a name was used more than once, the latest stories come first.',
    'A file action of the network is told by its STAN or its id, from the log of messages.',
    'What a story is flagged with is explained in docs/operating.md.',
    'The book is a little behind the switch; what was answered a moment ago may take a second to be there. Exit code 1 where nothing is found.',
  ],
  options: {
    by: { type: 'string', value: '<kind>', about: `what the name is: ${Object.keys(byWords).join(', ')}; by default, whatever it is found as` },
    most: { type: 'string', value: '<number>', about: 'stories at most; 3 by default' },
    json: { type: 'boolean', about: 'one JSON document instead of sentences' },
    ...configOption,
  },
  examples: [
    { line: 'trace 4217', about: 'By its STAN.', needs: 'running demo' },
    { line: 'trace 4217 --by stan --json', about: 'What a program reads.', needs: 'running demo' },
  ],
  async run(given, outside) {
    const { name, kinds, most } = wantedOf(given);
    const config = configOf(given, outside);
    const options = bookOptionsOf(config);
    if (opensSoon(options, await runningSwitch(config))) throw new Failure('the running switch has not opened its book yet; ask again in a few seconds');
    const { openNeighbour } = await import('../book/connection.ts');
    const { trace } = await import('../book/trace.ts');
    const book = await openNeighbour(options);
    let found: { readonly by: TraceBy; readonly stories: readonly Story[] } | undefined;
    let fileActions: readonly MessageLogLine[] = [];
    try {
      for (const by of kinds) {
        const stories = await trace(book, by, name, most).catch(tableMissing);
        if (stories.length > 0) found = { by, stories };
        if (found !== undefined) break;
      }
      fileActions = await fileActionsNamed(book, kinds, name, most);
    } finally {
      await book.close();
    }
    if (given.has('json')) {
      outside.print(JSON.stringify({ name, by: found?.by ?? null, stories: found?.stories ?? [], fileActions }));
      return found === undefined && fileActions.length === 0 ? exitFailed : 0;
    }
    for (const line of fileActions.flatMap(fileActionLines)) outside.print(line);
    if (found === undefined && fileActions.length > 0) return 0;
    if (found === undefined) {
      throw new Failure(`the book (${bookName(options)}) has no transaction with the ${kinds.map((by) => kindWords[by]).join(', ')} ${name}; one that was answered just now may not be there yet (locum doctor says how far it is behind)`);
    }
    for (const [index, story] of found.stories.entries()) {
      if (index > 0) outside.print(`\nAnother transaction with this ${kindWords[found.by]}:\n`);
      for (const line of storyLines(story)) outside.print(line);
    }
    return 0;
  },
};

/** Of what has no transaction: the log's lines of file actions, latest first. */
async function fileActionsNamed(book: Queries, kinds: readonly TraceBy[], name: string, most: number): Promise<readonly MessageLogLine[]> {
  const { readMessageLog } = await import('../book/message-log.ts');
  const named = kinds.flatMap((by): MessageLogFilter[] => (by === 'stan' ? [{ stan: name }] : by === 'id' ? [{ messageId: name }] : []));
  const lines = await Promise.all(named.map(async (filter) => await readMessageLog(book, { ...filter, class: 'file' }, most)));
  return lines.flat().reverse();
}

const kindWords: Readonly<Record<TraceBy, string>> = { rrn: 'RRN', stan: 'STAN', approvalCode: 'approval code', id: 'id' };

interface Wanted {
  readonly name: string;
  readonly kinds: readonly TraceBy[];
  readonly most: number;
}

function wantedOf(given: Given): Wanted {
  const [name, ...rest] = given.operands;
  if (name === undefined || rest.length > 0) throw new UsageError('one RRN, STAN, approval code or id is needed');
  const most = given.whole('most', 1, 999) ?? 3;
  const by = given.text('by');
  if (by !== undefined && !Object.hasOwn(byWords, by)) throw new UsageError(`--by is ${Object.keys(byWords).join(', ')}, not ${by}`);
  return { name, kinds: by === undefined ? kindsOf(name) : [byWords[by as keyof typeof byWords]], most };
}

/** What a name may be by its form, what says most first. */
function kindsOf(name: string): TraceBy[] {
  const kinds: TraceBy[] = [];
  if (name.length === 12) kinds.push('rrn');
  if (name.length === 6) kinds.push('approvalCode');
  if (/^[0-9]{1,12}$/.test(name)) kinds.push('stan');
  return [...kinds, 'id'];
}

/** SQLSTATE 42P01: nothing was ever booked here. */
function tableMissing(error: unknown): readonly Story[] {
  if (error instanceof Error && 'code' in error && error.code === '42P01') throw new Failure('the book is empty: its tables are made when a switch starts (locum start)');
  throw error;
}
