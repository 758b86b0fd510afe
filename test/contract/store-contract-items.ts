/** Commit items in few words, for the tests of the store engines. */
import type { CommitItem, HeadWrite } from '../../src/store/store.ts';

export function item(parts: Partial<CommitItem>): CommitItem {
  return { puts: [], deletes: [], once: [], entries: [], guards: [], ...parts };
}

export function head(accountId: string, expectedVersion: number, value = `value ${expectedVersion + 1}`): HeadWrite {
  return { accountId, expectedVersion, version: expectedVersion + 1, value };
}
