/**
 * Keeps a folder to one process: the operating system holds the lock for as long as the process lives and drops it when it
 * dies, however that happens, so that no lock is ever stale. It is SQLite's, on a file of its own, because the runtime offers
 * no lock and SQLite has one that works on every system.
 */
import { DatabaseSync } from 'node:sqlite';

export class FolderLock {
  readonly #file: DatabaseSync;

  private constructor(file: DatabaseSync) {
    this.#file = file;
  }

  /** @returns undefined where another process, or another part of this one, holds it */
  static take(file: string): FolderLock | undefined {
    const database = new DatabaseSync(file, { timeout: 0 });
    try {
      database.exec('begin exclusive');
    } catch (error) {
      database.close();
      if (isBusy(error)) return undefined;
      throw error;
    }
    return new FolderLock(database);
  }

  release(): void {
    this.#file.close();
  }
}

/** SQLITE_BUSY (5) and what it is refined to in the upper bytes. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' && (error.errcode & 0xff) === 5;
}
