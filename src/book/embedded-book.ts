/**
 * The book on the PostgreSQL that runs inside this process (PGlite), for one machine without a database server.
 *
 * It has one session. Whoever uses it, a statement of ours, a transaction or another process's connection, enters by one gate
 * and leaves it idle, so that no one's statements fall into another's transaction. As it comes, PGlite never flushes to the disk;
 * here a commit is flushed before it is acknowledged, because the journal is trimmed on the strength of it.
 * One process at a time owns the folder; a second one is refused.
 */
import { fsyncSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';
import { BookRefused, BookUnavailable, type Book, type Params, type Queries } from './book.ts';
import { EmbeddedSession } from './embedded-session.ts';
import { FolderLock } from './folder-lock.ts';
import { Gate } from './gate.ts';
import { BookSocket } from './socket.ts';

export class EmbeddedBook implements Book {
  readonly kind = 'embedded';
  readonly #gate = new Gate();
  readonly #lock: FolderLock;
  readonly #folder: string;
  #database: PGlite;
  #session: EmbeddedSession;
  #socket: BookSocket | undefined;
  #closed = false;

  private constructor(lock: FolderLock, folder: string, database: PGlite) {
    this.#lock = lock;
    this.#folder = folder;
    this.#database = database;
    this.#session = new EmbeddedSession(database);
  }

  /** @throws BookRefused (`inUse`) where another process has the folder */
  static async open(dataDir: string): Promise<EmbeddedBook> {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const lock = FolderLock.take(join(dataDir, 'lock'));
    if (lock === undefined) {
      throw new BookRefused('inUse', `The book in ${dataDir} is open in another process. Stop that one, or use another folder.`);
    }
    try {
      const folder = join(dataDir, 'postgres');
      const book = new EmbeddedBook(lock, folder, await openDatabase(folder));
      book.#socket = await BookSocket.listen(dataDir, book.#gate, (bytes) => book.#exchange(bytes));
      return book;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  async query<Row extends object>(text: string, params: Params = []): Promise<readonly Row[]> {
    return await this.#use((session) => session.query<Row>(text, params));
  }

  async script(text: string): Promise<void> {
    await this.#use((session) => session.script(text));
  }

  async copyIn(table: string, columns: readonly string[], rows: string): Promise<void> {
    await this.#use((session) => session.copyIn(table, columns, rows));
  }

  async transaction<T>(work: (queries: Queries) => Promise<T>): Promise<T> {
    return await this.#use((session) => session.transaction(work));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#socket?.close();
    await this.#gate.pass(async () => {
      if (!this.#database.closed) await this.#database.close();
    });
    this.#lock.release();
  }

  /** Protocol bytes of another process's connection, which has entered the gate. */
  async #exchange(bytes: Uint8Array): Promise<Uint8Array> {
    // There is one session: what one user of it discards is gone for all.
    if (/discard|deallocate/i.test(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1'))) this.#session.forget();
    return await this.#database.execProtocolRaw(bytes);
  }

  async #use<T>(work: (session: EmbeddedSession) => Promise<T>): Promise<T> {
    return await this.#gate.pass(async () => {
      if (this.#closed) throw new BookUnavailable('the book is closed');
      try {
        if (this.#database.closed) {
          this.#database = await openDatabase(this.#folder);
          this.#session = new EmbeddedSession(this.#database);
        }
        return await work(this.#session);
      } catch (error) {
        if (!isCrash(error)) throw error;
        await this.#discard();
        throw new BookUnavailable(`the embedded book stopped: ${String(error)}`, { cause: error });
      }
    });
  }

  /** What has crashed is not asked again: the next use opens the folder anew, and PostgreSQL recovers from its log. */
  async #discard(): Promise<void> {
    try {
      await this.#database.close();
    } catch {
      // It may be past closing; it counts as closed from then on.
    }
  }
}

/** WebAssembly that trapped or left; every error of a statement is PostgreSQL's own, with a severity. */
function isCrash(error: unknown): boolean {
  return error instanceof Error && (error.name === 'RuntimeError' || error.name === 'ExitStatus');
}

/** PGlite's file system on this machine's, with the flush that it leaves out. */
class FlushingNodeFs extends NodeFS {
  override async init(...args: Parameters<NodeFS['init']>): ReturnType<NodeFS['init']> {
    const made = await super.init(...args);
    made.emscriptenOpts.preRun?.push((module: unknown) => {
      (module as MountedModule).FS.filesystems.NODEFS.stream_ops.fsync = (stream) => {
        fsyncSync(stream.nfd);
        return 0;
      };
    });
    return made;
  }
}

interface MountedModule {
  readonly FS: {
    readonly filesystems: { readonly NODEFS: { readonly stream_ops: { fsync?: (stream: { readonly nfd: number }) => number } } };
  };
}

async function openDatabase(folder: string): Promise<PGlite> {
  return await PGlite.create({
    fs: new FlushingNodeFs(folder),
    // -F is PostgreSQL's own switch for never flushing; fdatasync does nothing in PGlite, fsync reaches the file system above.
    startParams: [
      ...PGlite.defaultStartParams.filter((param) => param !== '-F'),
      '-c', 'fsync=on', '-c', 'wal_sync_method=fsync', '-c', 'wal_level=minimal', '-c', 'max_wal_senders=0',
      '-c', 'max_wal_size=256MB',
    ],
  });
}
