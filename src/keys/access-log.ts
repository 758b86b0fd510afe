/**
 * The access log of keys: JSON lines beside the key file (`….log`, for its owner alone), appended to and never changed.
 *
 *   { "previous": …, "at": …, "by": { "user", "process" }, "operation": "generate", "key", "version", … }   what was done with a key
 *   { "previous": …, "at": …, "by": …, "operation": "uses", "since", "uses": [[operation, key, version, count, refused], …] }
 *
 * `previous` is the SHA-256 of the line before, so a line that was changed, removed or put in between shows at the next one; the last
 * lines' removal shows to whoever noted a hash before. It says who, what and which key, never a key or a card.
 */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { KeyError } from './key-error.ts';
import { withKeyLock } from './key-file.ts';

/** What was done with a key, or refused. */
export interface AccessEntry {
  readonly operation: string;
  readonly key?: string | undefined;
  readonly version?: number | undefined;
  readonly usage?: string | undefined;
  readonly kcv?: string | undefined;
  readonly custodian?: string | undefined;
  /** The key that it was carried under. */
  readonly under?: string | undefined;
  /** Why nothing was done: a code. */
  readonly refused?: string | undefined;
}

/** Operation, key, version, how often, and how many of those were refused. */
export type KeyUse = readonly [operation: string, key: string, version: number, count: number, refused: number];

export interface AccessLine extends AccessEntry {
  readonly previous: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly by: { readonly user: string; readonly process: string };
  readonly since?: string;
  readonly uses?: readonly KeyUse[];
}

export interface AccessLogOptions {
  readonly keyFile: string;
  /** Of the operating system. */
  readonly user: string;
  /** What did it: `locum key`, or a switch's name. */
  readonly process: string;
  /** Unix ms. */
  readonly now: () => number;
}

export function accessLogOf(keyFile: string): string {
  return `${keyFile}.log`;
}

const firstPrevious = '0'.repeat(64);
const usesPerLine = 200;
/** Longer than any line. */
const tailBytes = 65_536;

export class AccessLog {
  readonly #options: AccessLogOptions;

  constructor(options: AccessLogOptions) {
    this.#options = options;
  }

  /** To be asked before what is to be written down is done. @throws KeyError where the log cannot be opened */
  refuseUnwritable(): void {
    closeSync(openLog(accessLogOf(this.#options.keyFile)));
  }

  /** Appends one line, durable when it returns. @throws KeyError where it cannot */
  record(entry: AccessEntry): void {
    this.#append([entry], true);
  }

  /** Appends what was used since `sinceMs`; durable when the system next writes. @throws KeyError where it cannot; then no part of it was */
  recordUses(uses: readonly KeyUse[], sinceMs: number): void {
    const since = new Date(sinceMs).toISOString();
    const lines = [];
    for (let at = 0; at < uses.length; at += usesPerLine) lines.push({ operation: 'uses', since, uses: uses.slice(at, at + usesPerLine) });
    if (lines.length > 0) this.#append(lines, false);
  }

  #append(entries: readonly object[], durable: boolean): void {
    const { keyFile, user, process, now } = this.#options;
    const at = new Date(now()).toISOString();
    // A line cut off in the middle is then cut off at a whole character.
    const by = { user: user.replaceAll(/[^ -~]/g, '?'), process };
    withKeyLock(keyFile, () => {
      const path = accessLogOf(keyFile);
      const file = openLog(path);
      try {
        let { previous, text } = endOf(file);
        for (const entry of entries) {
          const line = JSON.stringify({ previous, at, by, ...entry });
          text += `${line}\n`;
          previous = hashOf(line);
        }
        writeSync(file, text);
        // A switch that waits for the disk answers nobody.
        if (durable) fsyncSync(file);
      } catch (error) {
        throw new KeyError('log_unwritable', `${path} cannot be written`, error);
      } finally {
        closeSync(file);
      }
    });
  }
}

/** Counts uses of keys by class, and writes them down when it is flushed. */
export class KeyUseCounter {
  readonly #log: Pick<AccessLog, 'recordUses'>;
  readonly #now: () => number;
  #sinceMs: number;
  #classes = 0;
  #counts = new Map<string, Map<string, Counts[]>>();

  /** @param now Unix ms */
  constructor(log: Pick<AccessLog, 'recordUses'>, now: () => number) {
    this.#log = log;
    this.#now = now;
    this.#sinceMs = now();
  }

  /** @param version 0 where no version was found */
  count(operation: string, key: string, version: number, refused: boolean): void {
    const counts = this.#counts.get(operation)?.get(key)?.[version] ?? this.#newClass(operation, key, version);
    counts.count++;
    if (refused) counts.refused++;
  }

  /** Writes what was counted since the last time. Where that cannot be, it is counted on, and why is returned. */
  flush(): KeyError | undefined {
    const uses: KeyUse[] = [];
    for (const [operation, byKey] of this.#counts) {
      for (const [key, versions] of byKey) versions.forEach(({ count, refused }, version) => uses.push([operation, key, version, count, refused]));
    }
    try {
      this.#log.recordUses(uses, this.#sinceMs);
    } catch (error) {
      if (error instanceof KeyError) return error;
      throw error;
    }
    this.#counts = new Map();
    this.#classes = 0;
    this.#sinceMs = this.#now();
    return undefined;
  }

  #newClass(operation: string, key: string, version: number): Counts {
    // Names come from tables and not from messages; whatever else they come from, memory is bounded.
    if (this.#classes >= classesMax && key !== otherKeys) return this.#counts.get(operation)?.get(otherKeys)?.[0] ?? this.#newClass(operation, otherKeys, 0);
    const byKey = this.#counts.get(operation) ?? new Map<string, Counts[]>();
    const versions = byKey.get(key) ?? [];
    const counts = { count: 0, refused: 0 };
    versions[version] = counts;
    byKey.set(key, versions);
    this.#counts.set(operation, byKey);
    this.#classes++;
    return counts;
  }
}

interface Counts {
  count: number;
  refused: number;
}

const classesMax = 2000;
const otherKeys = '(others)';

/** What a check of the log found: `head` is the hash of its last line, to be noted elsewhere. */
export interface AccessLogState {
  readonly lines: number;
  readonly head: string;
  /** Sentences, each with its line's number. */
  readonly faults: readonly string[];
  /** Whether the log has the line that was asked for by its hash. */
  readonly hasNoted: boolean;
}

/** Every line of a log with its text; what is no such line is undefined. None where there is no log. */
export function* accessLines(keyFile: string): Generator<{ readonly text: string; readonly line: AccessLine | undefined }> {
  const path = accessLogOf(keyFile);
  if (!existsSync(path)) return;
  for (const text of linesOf(path)) yield { text, line: parsed(text) };
}

/** @param noted the hash of a line that is to be there, as an earlier check gave it */
export function checkAccessLog(keyFile: string, noted?: string): AccessLogState {
  const faults: string[] = [];
  let [lines, head, hasNoted] = [0, firstPrevious, noted === undefined || noted === firstPrevious];
  for (const { text, line } of accessLines(keyFile)) {
    lines++;
    if (line === undefined) faults.push(`line ${lines} is not a line of the log, or a part of one: it was changed, or a process ended while it wrote it`);
    else if (line.previous !== head) faults.push(`line ${lines} does not follow what is before it: something there was changed, removed or put in`);
    head = hashOf(text);
    if (head === noted) hasNoted = true;
  }
  return { lines, head, faults, hasNoted };
}

function openLog(path: string): number {
  try {
    return openSync(path, 'a+', 0o600);
  } catch (error) {
    throw new KeyError('log_unwritable', `${path} cannot be opened`, error);
  }
}

/** The hash of the last line, and what is to be written first so that the next one is a line of its own. */
function endOf(file: number): { previous: string; text: string } {
  const { size } = fstatSync(file);
  const tail = Buffer.alloc(Math.min(size, tailBytes));
  const read = readSync(file, tail, 0, tail.length, size - tail.length);
  if (read === 0) return { previous: firstPrevious, text: '' };
  const text = tail.toString('utf8');
  const whole = text.endsWith('\n');
  const line = (whole ? text.slice(0, -1) : text).split('\n').at(-1) ?? '';
  return { previous: hashOf(line), text: whole ? '' : '\n' };
}

function hashOf(line: string): string {
  return createHash('sha256').update(line).digest('hex');
}

function parsed(text: string): AccessLine | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isLine(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isLine(value: unknown): value is AccessLine {
  if (typeof value !== 'object' || value === null || !('previous' in value) || !('at' in value) || !('by' in value) || !('operation' in value)) return false;
  const { previous, at, by, operation } = value;
  if (typeof previous !== 'string' || typeof at !== 'string' || typeof operation !== 'string' || typeof by !== 'object' || by === null) return false;
  return (operation === 'uses') === ('uses' in value && Array.isArray(value.uses));
}

function* linesOf(path: string): Generator<string> {
  const file = openSync(path, 'r');
  try {
    const decoder = new StringDecoder('utf8');
    const chunk = Buffer.alloc(tailBytes);
    let rest = '';
    for (let read = readSync(file, chunk); read > 0; read = readSync(file, chunk)) {
      const parts = (rest + decoder.write(chunk.subarray(0, read))).split('\n');
      rest = parts.pop() ?? '';
      yield* parts;
    }
    if (rest !== '') yield rest;
  } finally {
    closeSync(file);
  }
}
