/**
 * The folder that a bureau's files go through: orders that wait are written into a file, and what the bureau confirms is taken in.
 *
 *   <folder>/to-bureau/locum-<bureau>-000007.jsonl     written whole or not at all; whoever carries it to the bureau takes it away
 *   <folder>/from-bureau/….jsonl                       taken in when it is there whole, then moved to
 *   <folder>/from-bureau/taken/…                       with a report beside it: `….report.json`
 *   <folder>/from-bureau/refused/…                     likewise, where the file as a whole is none
 *
 * Invariants: what is in a file is decided in the book before it is written, and sealed before that, so that it is the same file however often
 * it is written; an order is in one file, unless the bureau rejected it; the same confirmation again changes nothing; a line that is
 * wrong keeps no other from being taken.
 */
import { constants } from 'node:fs';
import { access, mkdir, open, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Book } from '../book/book.ts';
import type { CardLinking } from './card-linking.ts';
import { timeText } from './json.ts';
import { confirmationBytesMax, digestOf, fileToBureau, nameOfFile, readConfirmation, recordsMax } from './personalisation-format.ts';
import type { ConfirmationLine } from './personalisation-format.ts';
import { LifecycleRefused } from './refusal.ts';

export interface CardBureauOptions {
  readonly book: Book;
  readonly linking: CardLinking;
  readonly folder: string;
  /** This switch's, among those on the book: it writes the files that it put together. */
  readonly switchName: string;
  /** Unix ms. */
  readonly now: () => number;
}

export interface ConfirmationReport {
  readonly file: string;
  readonly takenAt: string;
  /** Why the file as a whole was not taken. */
  readonly refused?: string;
  readonly linked: number;
  readonly rejected: number;
  /** Lines that had been taken before. */
  readonly repeated: number;
  readonly wrong: readonly { readonly line: number; readonly problem: string }[];
}

interface FileRow {
  readonly number: number;
  readonly bureau: string;
  readonly madeAt: Date;
}

export class CardBureau {
  readonly #options: CardBureauOptions;
  /** One writes at a time: what two write at once would be one file twice. */
  #writing: Promise<unknown> = Promise.resolve();

  constructor(options: CardBureauOptions) {
    this.#options = options;
  }

  /** Puts orders that wait into files, and writes those that were not written. @returns the names of those written */
  async writeFiles(): Promise<readonly string[]> {
    const written = this.#writing.then(async () => await this.#writeFiles());
    this.#writing = written.catch(() => undefined);
    return await written;
  }

  async #writeFiles(): Promise<readonly string[]> {
    const { book, switchName, now } = this.#options;
    await book.transaction(async (queries) => {
      const bureaus = await queries.query<{ readonly bureau: string }>(`select distinct bureau from card_order where state = 'waiting' order by bureau`);
      for (const { bureau } of bureaus) {
        const waiting = await queries.query<{ readonly orderId: string }>(
          `select order_id as "orderId" from card_order where state = 'waiting' and bureau = $1 order by ordered_at, order_id limit ${recordsMax} for update skip locked`, [bureau],
        );
        if (waiting.length === 0) continue;
        const [file] = await queries.query<FileRow>(`insert into personalisation_file (bureau, writer, made_at) values ($1, $2, $3) returning number`, [bureau, switchName, new Date(now())]);
        await queries.query(`update card_order set state = 'filed', file_number = $1, changed_at = $3 where order_id = any($2::text[])`, [file?.number ?? 0, waiting.map(({ orderId }) => orderId), new Date(now())]);
      }
    });
    const unwritten = await book.query<FileRow>(
      `select number, bureau, made_at as "madeAt" from personalisation_file where written_at is null and writer = $1 order by number`, [switchName],
    );
    const names: string[] = [];
    for (const file of unwritten) names.push(await this.#write(file));
    return names;
  }

  async #write({ number, bureau, madeAt }: FileRow): Promise<string> {
    const { book, folder, now } = this.#options;
    const cards = await book.query<{ readonly orderId: string; readonly sealed: string }>(
      `select order_id as "orderId", sealed from card_order where file_number = $1 order by order_id`, [number],
    );
    const name = nameOfFile({ number, bureau });
    await writeWhole(join(folder, 'to-bureau'), name, fileToBureau({ number, bureau, madeAtMs: madeAt.getTime(), cards }));
    await book.query('update personalisation_file set written_at = $2 where number = $1 and written_at is null', [number, new Date(now())]);
    return name;
  }

  /** Takes in what the bureau confirmed. @returns a report for each file; @throws LifecycleRefused 503: the file stays where it is, and is taken in the next time */
  async takeConfirmations(): Promise<readonly ConfirmationReport[]> {
    const from = join(this.#options.folder, 'from-bureau');
    await mkdir(from, { recursive: true, mode: 0o700 });
    const names = (await readdir(from, { withFileTypes: true })).filter((entry) => entry.isFile() && entry.name.endsWith('.jsonl')).map(({ name }) => name).sort();
    const reports: ConfirmationReport[] = [];
    for (const name of names) reports.push(await this.#take(from, name));
    return reports;
  }

  async #take(from: string, name: string): Promise<ConfirmationReport> {
    const { book, now } = this.#options;
    const path = join(from, name);
    const nothing = { file: name, takenAt: timeText(now()), linked: 0, rejected: 0, repeated: 0, wrong: [] };
    const { size } = await stat(path);
    const text = size > confirmationBytesMax ? '' : await readFile(path, 'utf8');
    const read = size > confirmationBytesMax ? `the file has more than ${confirmationBytesMax} bytes` : readConfirmation(text);
    if (typeof read === 'string') return await this.#away(from, name, 'refused', { ...nothing, refused: read });
    const counts = { linked: 0, rejected: 0, repeated: 0 };
    const wrong: { readonly line: number; readonly problem: string }[] = [];
    for (const [index, line] of read.lines.entries()) {
      const told = await this.#lineTaken(read.bureau, line);
      if (typeof told === 'object') wrong.push({ line: index + 2, problem: told.problem });
      else counts[told === 'repeat' ? 'repeated' : told] += 1;
    }
    await book.query(
      'insert into confirmation_file (digest, name, taken_at, linked, rejected, wrong) values ($1, $2, $3, $4, $5, $6) on conflict (digest) do nothing',
      [digestOf(text), name, new Date(now()), counts.linked, counts.rejected, wrong.length],
    );
    return await this.#away(from, name, 'taken', { ...nothing, ...counts, wrong });
  }

  async #lineTaken(bureau: string, line: ConfirmationLine): Promise<'linked' | 'rejected' | 'repeat' | { readonly problem: string }> {
    const { linking } = this.#options;
    if (line.kind === 'wrong') return line;
    try {
      return line.kind === 'produced' ? await linking.produced(bureau, line.orderId) : await linking.rejected(bureau, line.orderId, line.why);
    } catch (error) {
      if (!(error instanceof LifecycleRefused) || error.status === 503) throw error;
      return { problem: error.message };
    }
  }

  /** The report first, so that a file that is out of the way has one. */
  async #away(from: string, name: string, where: 'taken' | 'refused', report: ConfirmationReport): Promise<ConfirmationReport> {
    const folder = join(from, where);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(join(folder, `${name}.report.json`), `${JSON.stringify(report, undefined, 2)}\n`, { mode: 0o600 });
    await rename(join(from, name), join(folder, name));
    return report;
  }
}

/** Under another name first, which no one who looks for `.jsonl` takes. */
async function writeWhole(folder: string, name: string, text: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await access(folder, constants.W_OK);
  const partial = join(folder, `.${name}.part`);
  const file = await open(partial, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(partial, join(folder, name));
  const directory = await open(folder, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
