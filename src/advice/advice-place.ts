/**
 * A store that advices are in: what is changed there, and what is read. Changes of one turn of the event loop are one commit, and reads of
 * one turn are one call. It knows how an advice's two records are named, and nothing of queues.
 */
import { assert } from '../base/assert.ts';
import { calling } from '../store/calling.ts';
import type { CommitItem, OwnRecords, PartitionEpoch, RecordPut } from '../store/store.ts';
import { AdviceWriter, type ChangeOutcome } from './advice-writer.ts';

/** What a place keeps of an advice that waits or is set aside. */
export interface KeptAdvice {
  /** Its place in the order of all. */
  readonly sequence: number;
  readonly text: string;
  /** Undefined: it was never sent. */
  readonly mark: string | undefined;
}

export interface AdvicePlaceOptions {
  /** With one partition. */
  readonly store: OwnRecords;
  readonly atTurnEnd: (work: () => void) => void;
  /** A read that failed: it is made again after a while. */
  readonly again: (error: Error) => Promise<void>;
  /** Nothing is read or written any more. */
  readonly isClosed: () => boolean;
}

interface Read {
  readonly id: string;
  readonly resolve: (text: string | undefined) => void;
}

const idsPerRead = 512;
const dueMost = 100_000_000;

export class AdvicePlace {
  readonly #options: AdvicePlaceOptions;
  readonly #at: PartitionEpoch;
  readonly #writer: AdviceWriter;
  readonly #reads: Read[] = [];

  private constructor(options: AdvicePlaceOptions, at: PartitionEpoch) {
    this.#options = options;
    this.#at = at;
    this.#writer = new AdviceWriter(options.store, at, options.atTurnEnd);
  }

  static async open(options: AdvicePlaceOptions): Promise<AdvicePlace> {
    assert(options.store.partitions === 1, 'a place of advices has one order, and so one partition');
    const [epoch = 1] = await options.store.epochs();
    return new AdvicePlace(options, { partition: 0, epoch });
  }

  /** @param id of the advice that it is about */
  change(id: string, item: CommitItem): Promise<ChangeOutcome> {
    return this.#writer.change(id, item);
  }

  /** All that has no end, in order. @throws what the store throws */
  async eachKept(found: (advice: KeptAdvice) => void): Promise<void> {
    const { store } = this.#options;
    const due = await store.due(this.#at, Infinity, dueMost);
    for (let from = 0; from < due.length; from += idsPerRead) {
      const page = due.slice(from, from + idsPerRead);
      const texts = await store.records(this.#at, [...page.map((record) => record.id), ...page.map((record) => markId(record.id.slice(2)))]);
      for (const [index, { dueAtMs: sequence }] of page.entries()) {
        const text = texts[index];
        assert(text !== undefined, 'what is due is on record');
        found({ sequence, text, mark: texts[page.length + index] });
      }
    }
  }

  /** The advice's text as it is there now. @throws what the store throws */
  async find(id: string): Promise<string | undefined> {
    const [text] = await this.#options.store.records(this.#at, [adviceId(id)]);
    return text;
  }

  /** The same, tried until it is read. @returns undefined too where the file was closed before */
  read(id: string): Promise<string | undefined> {
    return new Promise((resolve) => {
      if (this.#reads.length === 0) this.#options.atTurnEnd(() => void this.#readAll(this.#reads.splice(0)));
      this.#reads.push({ id, resolve });
    });
  }

  async #readAll(reads: readonly Read[]): Promise<void> {
    const { store, again, isClosed } = this.#options;
    while (!isClosed()) {
      const called = await calling(store.records(this.#at, reads.map(({ id }) => adviceId(id))));
      if ('answer' in called) {
        for (const [index, { resolve }] of reads.entries()) resolve(called.answer[index]);
        return;
      }
      await again(called.error);
    }
    for (const { resolve } of reads) resolve(undefined);
  }
}

export function adviceId(id: string): string {
  return `a.${id}`;
}

export function markId(id: string): string {
  return `d.${id}`;
}

/** The record of an advice that waits, as it is put first. */
export function advicePut(id: string, value: string, sequence: number): RecordPut {
  return { id: adviceId(id), value, dueAtMs: sequence };
}
