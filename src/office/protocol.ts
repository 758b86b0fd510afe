/**
 * What the switch's thread and the office's thread say to each other.
 */
import type { LogLevel } from '../base/log.ts';
import type { MessagePort } from 'node:worker_threads';
import type { SystemTableKind } from '../book/table-row.ts';
import type { TableHistoryEntry, TableRowNow, TableWish } from '../book/table-changes.ts';
import type { WebhookBacklog } from '../lifecycle/webhook-backlog.ts';
import type { DeskCall, DeskReply } from '../lifecycle/desk-wire.ts';
import type { DoorRates } from '../doors/door.ts';
import type { TlsFiles } from '../doors/tls.ts';
import type { CertificatesAsk, CertificatesTold } from './certificate-desk.ts';
import type { Readiness } from './http.ts';
import type { LifecycleSettings } from './lifecycle-desk.ts';
import type { OperationForm, OperationInput, Refusal } from './operation.ts';

/** How `GET /ready` says of a book that it is open; other words mean that it is not. */
export const bookOpenDetail = 'open';

/** A system table row: its kind, name and document. */
export interface OfficeRow {
  readonly kind: SystemTableKind;
  readonly name: string;
  readonly document: Readonly<Record<string, unknown>>;
}

export type OfficeStore =
  | { readonly engine: 'sqlite'; readonly port: MessagePort; readonly partitions: number }
  | { readonly engine: 'redis'; readonly url: string; readonly partitions: number; readonly replicasMin: number; readonly commandTimeoutMs: number };

/** What the office has to know of the doors of cardholders, staff and partners. */
export interface OfficeDoors extends LifecycleSettings {
  readonly secure: { readonly host: string; readonly port: number; /** Undefined: made where it is not there, in the folder. */ readonly tls: TlsFiles | undefined; readonly folder: string };
  readonly rates: DoorRates;
  readonly connectionsMax: number;
}

export interface OfficeStart {
  readonly store: OfficeStore;
  /** A server, or the folder of the embedded book. */
  readonly book: { readonly databaseUrl: string } | { readonly dataDir: string };
  readonly refreshMs: number;
  /** Does this thread write the journal into the book? */
  readonly drains: boolean;
  /** Where the copy of the system tables on this disk is kept. */
  readonly cacheFile: string;
  /** Entered into the system tables. */
  readonly rows: readonly OfficeRow[];
  readonly http: { readonly host: string; readonly port: number; /** Undefined: in clear. */ readonly tls: TlsFiles | undefined; readonly trustedProxies: readonly string[] };
  readonly doors: OfficeDoors;
  /** This switch's name among those on the same store. */
  readonly switchName: string;
  /** SHA-256 of the operators' token, in hexadecimal digits. */
  readonly tokenDigest: string;
  /** Days of the log of messages that are kept; 0: it is not kept. */
  readonly messageLogDays: number;
  readonly logLevel: LogLevel;
  /** Log lines are for a person at a terminal. */
  readonly readable: boolean;
}

export type FromOffice =
  | { readonly kind: 'listening'; readonly port: number; /** Of the partners' door. */ readonly securePort: number }
  /** The thread ends. */
  | { readonly kind: 'failed'; readonly message: string }
  /** The book cannot be reached at first. */
  | { readonly kind: 'bookAway' }
  /** Why the book does not answer, since now; undefined: it does. */
  | { readonly kind: 'bookTrouble'; readonly trouble: string | undefined }
  /** A partition's journal does not continue what the book has, and stands still from now on. */
  | { readonly kind: 'journalStopped'; readonly partition: number; readonly why: string }
  /** What the book has, to be answered with `judged`. */
  | { readonly kind: 'tables'; readonly revision: number; readonly rows: readonly OfficeRow[] }
  | { readonly kind: 'ask'; readonly id: number; readonly what: 'metrics' | 'readiness' }
  /** An operator's wish, to be answered with `called`. */
  | { readonly kind: 'call'; readonly id: number; readonly operation: string; readonly input: OperationInput; readonly by: string }
  | { readonly kind: 'rowsTold'; readonly id: number; readonly told: RowsTold }
  | { readonly kind: 'certificatesTold'; readonly id: number; readonly told: CertificatesTold }
  /** What services ask of accounts and keys, to be answered with `deskTold`. */
  | { readonly kind: 'desk'; readonly calls: readonly DeskCall[] }
  /** What became of a batch of message log lines. */
  | { readonly kind: 'messagesSettled'; readonly id: number; readonly isKept: boolean }
  /** How far partners are behind what they are told. */
  | { readonly kind: 'webhooks'; readonly backlog: readonly WebhookBacklog[] }
  | { readonly kind: 'stopped' };

export type ToOffice =
  | { readonly kind: 'told'; readonly id: number; readonly metrics?: string; readonly readiness?: Readiness }
  | { readonly kind: 'judged'; readonly revision: number; readonly taken: boolean }
  /** What operators may ask the switch for. */
  | { readonly kind: 'operations'; readonly forms: readonly OperationForm[] }
  /** Of the system tables in the book, to be answered with `rowsTold`. */
  | { readonly kind: 'rows'; readonly id: number; readonly ask: RowsAsk }
  /** Of the authority's certificates in the book, to be answered with `certificatesTold`. */
  | { readonly kind: 'certificates'; readonly id: number; readonly ask: CertificatesAsk }
  /** Rows of table `message_log`, to be answered with `messagesSettled`. */
  | { readonly kind: 'messages'; readonly id: number; readonly rows: string }
  | ({ readonly kind: 'called'; readonly id: number } & Called)
  /** Replies to what services asked, as they come. */
  | { readonly kind: 'deskTold'; readonly replies: readonly DeskReply[] }
  | { readonly kind: 'stop'; readonly graceMs: number };

/** What became of an operator's wish. */
export type Called = { readonly answer: unknown } | { readonly refusal: Refusal };

export type RowsAsk =
  | { readonly what: 'read' }
  | { readonly what: 'history'; readonly table: SystemTableKind | undefined; readonly name: string | undefined; readonly limit: number }
  | { readonly what: 'change'; readonly wishes: readonly TableWish[]; readonly by: string; readonly why: string };

export type RowsTold =
  | { readonly what: 'read'; readonly rows: readonly TableRowNow[] }
  | { readonly what: 'history'; readonly entries: readonly TableHistoryEntry[] }
  /** The switch runs on them now. */
  | { readonly what: 'changed' }
  /** This row is not what it was. */
  | { readonly what: 'conflict'; readonly row: { readonly kind: SystemTableKind; readonly name: string } }
  | { readonly what: 'bookAway'; readonly why: string };
