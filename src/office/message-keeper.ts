/**
 * Keeps the log of messages in the book: batches of rows into the day's partition, and days that are old enough out of it.
 *
 * Owns the partitions of `message_log`, one a day (UTC), made a day ahead. Refuses nothing: a batch that the book's rules refuse is given
 * up and told, as the log is no record of money. Invariant: of each batch it is said once whether it was kept, in the order in which they came.
 */
import type { Book } from '../book/book.ts';
import { BookUnavailable } from '../book/book.ts';
import { messageLogColumns } from '../book/message-log.ts';

export interface MessageKeeperOptions {
  /** Unix ms. */
  readonly now: () => number;
  /** Days that are kept, the one that is on among them; at least 1. */
  readonly days: number;
  readonly settled: (id: number, isKept: boolean) => void;
  readonly trouble: (error: Error) => void;
  readonly pruned: (partition: string) => void;
  /** Ends early when it is aborted. */
  readonly sleep: (ms: number) => Promise<unknown>;
}

interface Batch {
  readonly id: number;
  readonly rows: string;
}

const dayMs = 86_400_000;
const retryMs = 1_000;
/** Any number that other programs on the same database are unlikely to lock on. */
const lockNumber = 8_583_2003;

export class MessageKeeper {
  readonly #options: MessageKeeperOptions;
  readonly #batches: Batch[] = [];
  #book: Book | undefined;
  #isStopped = false;
  #day = -1;
  #work: Promise<void> | undefined;

  constructor(options: MessageKeeperOptions) {
    this.#options = options;
  }

  /** From now on there is a book. */
  open(book: Book): void {
    this.#book = book;
    this.#go();
  }

  add(batch: Batch): void {
    this.#batches.push(batch);
    this.#go();
  }

  /** Writes what is here, where the book takes it. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#work;
  }

  #go(): void {
    if (this.#book === undefined || this.#work !== undefined || this.#batches.length === 0) return;
    this.#work = this.#run(this.#book).finally(() => {
      this.#work = undefined;
      if (!this.#isStopped) this.#go();
    });
  }

  async #run(book: Book): Promise<void> {
    for (let batch = this.#batches[0]; batch !== undefined; batch = this.#batches[0]) {
      const isKept = await this.#keep(book, batch);
      if (isKept === undefined) {
        if (this.#isStopped) return;
        await this.#options.sleep(retryMs);
        continue;
      }
      this.#batches.shift();
      this.#options.settled(batch.id, isKept);
    }
  }

  /** Undefined: the book is not there. */
  async #keep(book: Book, { rows }: Batch): Promise<boolean | undefined> {
    try {
      await this.#renew(book);
      await book.copyIn('message_log', messageLogColumns, rows);
      return true;
    } catch (error) {
      this.#options.trouble(error instanceof Error ? error : new Error(String(error)));
      return error instanceof BookUnavailable ? undefined : false;
    }
  }

  /** Once a day. Without a partition of its own a day's lines go to the rest's. */
  async #renew(book: Book): Promise<void> {
    const day = Math.floor(this.#options.now() / dayMs);
    if (day === this.#day) return;
    try {
      for (const name of await this.#partitions(book, day)) this.#options.pruned(name);
    } catch (error) {
      if (error instanceof BookUnavailable) throw error;
      this.#options.trouble(error instanceof Error ? error : new Error(String(error)));
    }
    this.#day = day;
  }

  /** This day's and the next one's are there, and those that are too old are not. @returns those that were dropped */
  async #partitions(book: Book, day: number): Promise<readonly string[]> {
    const { days } = this.#options;
    return await book.transaction(async (queries) => {
      if (book.kind === 'server') await queries.query('select pg_advisory_xact_lock($1)', [lockNumber]);
      const found = await queries.query<{ readonly name: string }>(
        `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'message_log'::regclass order by 1`,
      );
      const names = new Set(found.map(({ name }) => name));
      if (!names.has(restName)) await queries.script(`create table ${restName} partition of message_log default`);
      for (const each of [day, day + 1]) {
        if (!names.has(nameOf(each))) await queries.script(`create table ${nameOf(each)} partition of message_log for values from ('${timeOf(each)}') to ('${timeOf(each + 1)}')`);
      }
      const oldest = nameOf(day - days + 1);
      const old = [...names].filter((name) => name !== restName && name < oldest);
      for (const name of old) await queries.script(`drop table ${name}`);
      await queries.query(`delete from ${restName} where received_at < $1`, [new Date((day - days + 1) * dayMs)]);
      return old;
    });
  }
}

/** Lines of a clock that was wrong. */
const restName = 'message_log_other';

function nameOf(day: number): string {
  return `message_log_${timeOf(day).slice(0, 10).replaceAll('-', '')}`;
}

function timeOf(day: number): string {
  return new Date(day * dayMs).toISOString();
}
