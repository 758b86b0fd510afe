/**
 * Looks at the key file now and then, and hands over its keys whenever it was replaced: a key that was added, rotated or retired is
 * known to a running switch without a restart.
 *
 * Refused: a file that cannot be read, does not open or lacks keys. It is told of once, tried again at each look, and the keys that the
 * switch has stay.
 */
import { statSync } from 'node:fs';
import { KeyError } from './key-error.ts';
import type { LoadedKey } from './key-store.ts';

export interface KeyWatchOptions {
  readonly path: string;
  /** Opens master key and key file anew. @throws KeyError */
  readonly load: () => readonly LoadedKey[];
  /** Takes the keys; what it refuses by a KeyError is as if the file were broken. */
  readonly changed: (keys: readonly LoadedKey[]) => void;
  readonly failed: (error: KeyError) => void;
  /** Calls `look` again and again until what it returns is called. A second between is often enough. */
  readonly every: (look: () => void) => () => void;
}

export class KeyWatch {
  readonly #options: KeyWatchOptions;
  readonly #stop: () => void;
  /** Of the file whose keys were taken; undefined where a try failed. */
  #stamp: string | undefined;
  #told: string | undefined;

  private constructor(options: KeyWatchOptions, stamp: string | undefined) {
    this.#options = options;
    this.#stamp = stamp;
    this.#stop = options.every(() => this.look());
  }

  /** Loads the file, and looks at it from then on. @throws KeyError */
  static open(options: KeyWatchOptions): { readonly watch: KeyWatch; readonly keys: readonly LoadedKey[] } {
    // Before loading: what is replaced meanwhile is seen at the next look.
    const stamp = stampOf(options.path);
    const keys = options.load();
    return { watch: new KeyWatch(options, stamp), keys };
  }

  /** Looks now; `changed` or `failed` is called before it returns. */
  look(): void {
    const stamp = stampOf(this.#options.path);
    if (stamp !== undefined && stamp === this.#stamp) return;
    try {
      this.#options.changed(this.#options.load());
      this.#stamp = stamp;
      this.#told = undefined;
    } catch (error) {
      if (!(error instanceof KeyError)) throw error;
      this.#stamp = undefined;
      if (error.message !== this.#told) this.#options.failed(error);
      this.#told = error.message;
    }
  }

  close(): void {
    this.#stop();
  }
}

/** A file that is renamed over another has another number, or at least another time. */
function stampOf(path: string): string | undefined {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? undefined : `${stat.ino}/${stat.size}/${stat.mtimeNs}`;
}
