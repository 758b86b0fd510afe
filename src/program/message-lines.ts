/**
 * The log of messages on this thread: lines in the form of the book's COPY, gathered and handed to the office's thread in batches.
 *
 * Owns the bound: more lines than that do not wait, here and at the office together; what does not fit is counted, told, and said in the
 * log itself. Invariants: a decision waits for nothing here; a batch is handed over again until the office has said what became of it.
 */
import { copyText } from '../book/wire.ts';
import type { LoggedMessage, MessageLog } from '../switch/message-log.ts';

export interface MessageBatch {
  readonly id: number;
  /** Rows of table `message_log`, as `messageLogColumns` has them. */
  readonly rows: string;
  readonly lines: number;
}

export interface MessageLinesOptions {
  readonly switchName: string;
  /** Lines that wait at most, those at the office with them. */
  readonly linesMax: number;
  readonly post: (batch: MessageBatch) => void;
  readonly after: (delayMs: number, work: () => void) => void;
  /** Unix ms. */
  readonly now: () => number;
  /** Lines were lost: each time that there are some after none, with how many so far. */
  readonly lost: (lines: number) => void;
}

const batchLines = 1_000;
/** What is gathered is copied to one place as it comes: thousands of pieces of text that wait cost more to keep than to write. */
const batchBytes = 1 << 19;
/** Of a character in the book's encoding. */
const characterBytesMax = 3;
const flushMs = 200;
const nothing = String.raw`\N`;

export class MessageLines implements MessageLog {
  readonly #options: MessageLinesOptions;
  readonly #sent = new Map<number, MessageBatch>();
  readonly #rows = Buffer.allocUnsafe(batchBytes);
  #bytes = 0;
  #lines = 0;
  #waiting = 0;
  #lost = 0;
  #lostTotal = 0;
  #nextId = 1;
  #isScheduled = false;
  #millisecond = -1;
  #time = '';

  constructor(options: MessageLinesOptions) {
    this.#options = options;
  }

  /** Lines that are nowhere. */
  get lost(): number {
    return this.#lostTotal;
  }

  /** Lines that are not in the book yet. */
  get waiting(): number {
    return this.#waiting;
  }

  write(message: LoggedMessage): void {
    if (this.#waiting >= this.#options.linesMax) {
      this.#lose(1);
      return;
    }
    if (this.#lost > 0) this.#confess();
    this.#add(this.#rowOf(message));
  }

  /** Hands over what is gathered. */
  flush(): void {
    if (this.#lines === 0) return;
    const batch: MessageBatch = { id: this.#nextId, rows: this.#rows.toString('utf8', 0, this.#bytes), lines: this.#lines };
    this.#nextId += 1;
    this.#bytes = 0;
    this.#lines = 0;
    this.#sent.set(batch.id, batch);
    this.#options.post(batch);
  }

  /** The office has it in the book, or has given it up. */
  settled(id: number, isKept: boolean): void {
    const batch = this.#sent.get(id);
    if (batch === undefined) return;
    this.#sent.delete(id);
    this.#waiting -= batch.lines;
    if (!isKept) this.#lose(batch.lines);
  }

  /** The office is another one: what the one before it had said nothing of goes over again, and may be there twice. */
  again(): void {
    for (const batch of this.#sent.values()) this.#options.post(batch);
  }

  #lose(lines: number): void {
    const isFirst = this.#lost === 0;
    this.#lost += lines;
    this.#lostTotal += lines;
    if (isFirst) this.#options.lost(this.#lostTotal);
  }

  /** A line about the lines that are not there. */
  #confess(): void {
    const lines = this.#lost;
    this.#lost = 0;
    this.#options.lost(this.#lostTotal);
    const atMs = this.#options.now();
    this.#add(`${this.#isoTime(atMs)}\t${nothing}\t${this.#options.switchName}\t\t${nothing}\tnone\t\t${nothing}\tother\t\t\t${nothing}\t\t\t\t\t${nothing}\t${nothing}\t${nothing}\t\tlost\t\t${nothing}\t\t${nothing}\t${lines} lines before this one could not be kept\n`);
  }

  #add(row: string): void {
    if (this.#bytes + row.length * characterBytesMax > batchBytes) this.flush();
    this.#bytes += this.#rows.write(row, this.#bytes);
    this.#lines += 1;
    this.#waiting += 1;
    if (this.#lines >= batchLines) this.flush();
    else if (!this.#isScheduled) {
      this.#isScheduled = true;
      this.#options.after(flushMs, () => {
        this.#isScheduled = false;
        this.flush();
      });
    }
  }

  /** Texts of the wire are escaped; the others are ours and have nothing to escape. */
  #rowOf(line: LoggedMessage): string {
    const { amount, elapsedMs } = line;
    const exchange = `${this.#isoTime(line.atMs)}\t${elapsedMs === undefined ? nothing : Math.round(elapsedMs * 1000) / 1000}\t${this.#options.switchName}\t${copyText(line.station)}\t${line.connection ?? nothing}\t${line.direction}\t${copyText(line.mti)}\t${orNothing(line.answerMti)}\t${line.class}\t${line.what}`;
    const named = `\t${line.maskedPan}\t${orNothing(line.token)}\t${copyText(line.stan)}\t${copyText(line.rrn)}\t${copyText(line.acquirer)}\t${copyText(line.terminal)}`;
    const money = amount === undefined ? `\t${nothing}\t${nothing}` : `\t${amount.amountMinor}\t${copyText(amount.currency)}`;
    return `${exchange}${named}${money}\t${orNothing(line.messageId)}\t${copyText(line.routed)}\t${line.outcome}\t${line.answeredBy}\t${orNothing(line.reason)}\t${copyText(line.responseCode)}\t${orNothing(line.standInReason)}\t${copyText(line.detail)}\n`;
  }

  /** ISO 8601; many lines share a millisecond. */
  #isoTime(atMs: number): string {
    if (atMs !== this.#millisecond) {
      this.#millisecond = atMs;
      this.#time = new Date(atMs).toISOString();
    }
    return this.#time;
  }
}

function orNothing(text: string): string {
  return text === '' ? nothing : text;
}
