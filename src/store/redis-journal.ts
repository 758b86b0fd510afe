/**
 * Reads the journal back from its stream. One stream entry carries all journal entries of a commit call: `l` their lengths
 * in bytes, `v` themselves, joined. Its id is the sequence of its last one.
 */
import { assert } from '../base/assert.ts';
import type { RedisClient } from './redis-client.ts';
import type { ScopeKeys } from './redis-commit.ts';
import type { JournalEntry } from './store.ts';

/** Stream entries in one read: with groups of 64 some three hundred kilobytes. */
const chunksPerRead = 16;

export async function readTail(client: RedisClient, scope: ScopeKeys, after: number, most: number): Promise<readonly JournalEntry[]> {
  const trimmed = await client.hget(scope.scope, 'trimmed');
  const from = Math.max(after, Number(trimmed ?? '0'));
  const found: JournalEntry[] = [];
  let reached = from;
  while (found.length < most) {
    const chunks = await client.xrangeBuffer(scope.journal, `${reached + 1}-0`, '+', 'COUNT', chunksPerRead);
    for (const [id, fields] of chunks) {
      const last = Number(id.toString('latin1').split('-')[0]);
      collect(fields, last, from, most, found);
      reached = last;
    }
    if (chunks.length < chunksPerRead) break;
  }
  return found;
}

function collect(fields: readonly Buffer[], last: number, from: number, most: number, found: JournalEntry[]): void {
  const [, lengthText, , block] = fields;
  assert(lengthText !== undefined && block !== undefined, 'a journal chunk has lengths and values');
  const lengths = lengthText.toString('latin1').split(',');
  let sequence = last - lengths.length;
  let start = 0;
  for (const length of lengths) {
    const end = start + Number(length);
    sequence += 1;
    if (sequence > from && found.length < most) found.push({ sequence: String(sequence), value: block.toString('utf8', start, end) });
    start = end;
  }
}
