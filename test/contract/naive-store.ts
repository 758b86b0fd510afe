/** The contract's meaning in the plainest words, to compare engines with: no versions of versions, no indexes, no speed. */
import type { CommitItem, CommitResult, DueRecord, Head } from '../../src/store/store.ts';

export class NaiveStore {
  readonly heads: Record<string, Head> = {};
  readonly records: Record<string, { value: string; dueAtMs: number | undefined }> = {};
  readonly guards: Record<string, number> = {};
  readonly journal: string[] = [];

  commit(items: readonly CommitItem[]): CommitResult[] {
    return items.map((item) => this.#one(item));
  }

  due(nowMs: number): DueRecord[] {
    const found: DueRecord[] = [];
    for (const [id, { dueAtMs }] of Object.entries(this.records)) {
      if (dueAtMs !== undefined && dueAtMs <= nowMs) found.push({ id, dueAtMs });
    }
    return found.sort((a, b) => a.dueAtMs - b.dueAtMs || (a.id < b.id ? -1 : 1));
  }

  #one(item: CommitItem): CommitResult {
    const there = item.once.filter((id) => id in this.records);
    if (there.length > 0) return { kind: 'duplicate', records: new Map(there.map((id) => [id, this.records[id]?.value ?? ''])) };

    if (item.head !== undefined) {
      const head = this.heads[item.head.accountId];
      if ((head?.version ?? 0) !== item.head.expectedVersion) {
        return { kind: 'conflict', version: head?.version ?? 0, value: head?.value };
      }
    }

    const before = { ...this.guards };
    for (const { guardId, delta, floor } of item.guards) {
      const value = this.guards[guardId] ?? 0;
      if (delta < 0 && value + delta < floor) {
        for (const id of Object.keys(this.guards)) delete this.guards[id];
        Object.assign(this.guards, before);
        return { kind: 'refused', guardId, value };
      }
      this.guards[guardId] = value + delta;
    }

    if (item.head !== undefined) this.heads[item.head.accountId] = { version: item.head.version, value: item.head.value };
    for (const put of item.puts) this.records[put.id] = { value: put.value, dueAtMs: put.dueAtMs };
    for (const id of item.deletes) delete this.records[id];
    this.journal.push(...item.entries);
    return { kind: 'committed' };
  }
}
