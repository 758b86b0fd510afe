/**
 * Buffers in which frames are collected until they are written.
 *
 * Owns a few free ones. Invariant: a chunk is with one user at a time; it comes back only when the socket is done with it.
 */

/** What one read of the runtime brings at most, too: a peer of ours gets a joined write in one piece. */
export const chunkBytes = 65_536;

export class ChunkPool {
  readonly #free: Buffer[] = [];
  readonly #freeMax: number;

  /** @param freeMax how many idle chunks are kept; more are left to the garbage collector */
  constructor(freeMax = 32) {
    this.#freeMax = freeMax;
  }

  /** @returns at least `bytesMin` bytes, of any content */
  take(bytesMin: number): Buffer {
    if (bytesMin > chunkBytes) return Buffer.allocUnsafeSlow(bytesMin);
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(chunkBytes);
  }

  give(chunk: Buffer): void {
    if (chunk.length === chunkBytes && this.#free.length < this.#freeMax) this.#free.push(chunk);
  }
}
