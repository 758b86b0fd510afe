import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pack, Unpacker } from '../../src/store/pack.ts';
import type { CommitItem } from '../../src/store/store.ts';
import { item } from '../contract/store-contract-items.ts';

const text = fc.string({ unit: 'binary', maxLength: 12 });
const time = fc.option(fc.integer({ min: 0, max: 4_102_444_800_000 }), { nil: undefined });

const anyItem: fc.Arbitrary<CommitItem> = fc.record({
  head: fc.option(
    fc.record({ accountId: text, expectedVersion: fc.maxSafeNat(), version: fc.maxSafeNat(), value: text }),
    { nil: undefined },
  ),
  puts: fc.array(fc.record({ id: text, value: text, keepUntilMs: time, dueAtMs: time }), { maxLength: 3 }),
  deletes: fc.array(text, { maxLength: 3 }),
  once: fc.array(text, { maxLength: 3 }),
  entries: fc.array(text, { maxLength: 3 }),
  guards: fc.array(fc.record({ guardId: text, delta: fc.maxSafeInteger(), floor: fc.maxSafeInteger(), keepUntilMs: time }), { maxLength: 3 }),
  own: fc.option(fc.array(fc.record({ id: text, value: text, keepUntilMs: time, dueAtMs: time }), { maxLength: 3 }), { nil: undefined }),
});

describe('a packed commit call', () => {
  it('is unpacked into the same items', () => {
    fc.assert(
      fc.property(fc.array(anyItem, { maxLength: 5 }), (items) => {
        const unpacker = new Unpacker(pack(items));
        const unpacked: CommitItem[] = [];
        while (!unpacker.done) {
          unpacked.push(unpacker.next());
          expect(unpacker.written).toBe(false);
        }
        expect(unpacked).toEqual(items);
      }),
      { numRuns: 200 },
    );
  });

  it('remembers which items were written, and where their guards stood then', () => {
    const guards = [{ guardId: 'g3', delta: 3, floor: 0, keepUntilMs: 1_000 }, { guardId: 'g4', delta: 4, floor: 0 }];
    const packed = pack([item({ guards }), item({ entries: ['e'] }), item({ guards, entries: ['f'], own: [{ id: 'o', value: 'of this node' }] })]);
    const writer = new Unpacker(packed);
    writer.next();
    writer.next();
    writer.markWritten([]);
    writer.next();
    writer.markWritten([103, 104]);
    const reader = new Unpacker(packed);
    const found: { written: boolean; deltas: readonly number[] }[] = [];
    while (!reader.done) {
      const { guards: read } = reader.next();
      found.push({ written: reader.written, deltas: read.map(({ delta }) => delta) });
    }
    expect(found).toEqual([
      { written: false, deltas: [3, 4] },
      { written: true, deltas: [] },
      { written: true, deltas: [103, 104] },
    ]);
  });
});
