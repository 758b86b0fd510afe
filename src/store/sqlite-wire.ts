/** What the SQLite store's clients and the thread that owns the file say to each other. */
import type { MessagePort } from 'node:worker_threads';
import type { PackedItems } from './pack.ts';
import type { CommitResult, DueRecord, Head, JournalEntry, PartitionEpoch } from './store.ts';

/** Where the records of this node alone are: beside the partitions, and always in the first epoch. */
export const ownAt: PartitionEpoch = { partition: -1, epoch: 1 };

export type SqliteRequest =
  | { readonly kind: 'commit'; readonly at: PartitionEpoch; readonly packed: PackedItems; readonly nowMs: number }
  | { readonly kind: 'heads'; readonly at: PartitionEpoch; readonly ids: readonly string[] }
  | { readonly kind: 'records'; readonly at: PartitionEpoch; readonly ids: readonly string[] }
  | { readonly kind: 'guards'; readonly at: PartitionEpoch; readonly ids: readonly string[] }
  | { readonly kind: 'findAccounts'; readonly tokens: readonly string[] }
  | { readonly kind: 'enterAccount'; readonly token: string; readonly accountId: string }
  | { readonly kind: 'due'; readonly at: PartitionEpoch; readonly nowMs: number; readonly most: number }
  | { readonly kind: 'tail'; readonly at: PartitionEpoch; readonly after: number; readonly most: number }
  | { readonly kind: 'journalLength'; readonly at: PartitionEpoch }
  | { readonly kind: 'trim'; readonly at: PartitionEpoch; readonly through: number }
  | { readonly kind: 'epochs' }
  | { readonly kind: 'closeEpoch'; readonly at: PartitionEpoch }
  | { readonly kind: 'durability' }
  | { readonly kind: 'connect'; readonly port: MessagePort }
  | { readonly kind: 'close' };

/** What each request is answered with. A commit whose items were all committed is answered with their number. */
export interface SqliteAnswers {
  readonly commit: number | readonly CommitResult[];
  readonly heads: readonly (Head | undefined)[];
  readonly records: readonly (string | undefined)[];
  readonly guards: readonly (number | undefined)[];
  readonly findAccounts: readonly (string | undefined)[];
  readonly enterAccount: string;
  readonly due: readonly DueRecord[];
  readonly tail: readonly JournalEntry[];
  readonly journalLength: number;
  readonly trim: null;
  readonly epochs: readonly number[];
  readonly closeEpoch: number;
  readonly durability: string;
  readonly connect: null;
  readonly close: null;
}

export type SqliteFailureKind = 'unavailable' | 'unknown' | 'fenced';

export interface SqliteCall {
  readonly call: number;
  readonly request: SqliteRequest;
}

export interface SqliteReply {
  readonly call: number;
  readonly answer?: SqliteAnswers[keyof SqliteAnswers];
  readonly failure?: { readonly kind: SqliteFailureKind; readonly message: string };
}

/** The thread's first message: it has the file, or why not. */
export type SqliteOpened =
  | { readonly opened: true; readonly partitions: number; /** Of `HeadChanges`. */ readonly headChanges: SharedArrayBuffer }
  | { readonly opened: false; readonly finding: string };
