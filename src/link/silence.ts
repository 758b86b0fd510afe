/**
 * What a connection's silence means: a question, or its end.
 *
 * Owns the times since when nothing came, nothing whole came, and a frame is unfinished. Read now and then, for all connections on
 * one deadline; what moves bytes only sets a flag. Invariant: time in which we did not read is never held against the peer, and no
 * limit is reached early (late by the time between two looks, at most twice).
 */

export interface SilenceLimits {
  /** Silence after which `onIdle` is called, and again after as long; undefined: never. */
  readonly echoAfterMs: number | undefined;
  /** Silence after which the connection is closed; undefined: never. */
  readonly closeAfterMs: number | undefined;
  /** A frame that has begun and is not whole after so long closes the connection, however many of its bytes come. */
  readonly frameTimeoutMs: number;
  /** A connection on which no whole frame came for so long after it stood is closed; undefined: never. */
  readonly firstFrameTimeoutMs: number | undefined;
}

export type SilenceVerdict = 'fine' | 'echo' | 'idle' | 'frameTimeout' | 'firstFrameTimeout';

export class Silence {
  readonly #limits: SilenceLimits;
  /** Whether bytes, and whether whole frames, came since the last look. */
  #heard = true;
  #completed = false;
  #spoken = false;
  #heardAtMs: number;
  #echoAtMs: number;
  #waitsFromMs: number;
  #unfinishedFromMs: number | undefined;

  constructor(limits: SilenceLimits, nowMs: number) {
    this.#limits = limits;
    this.#heardAtMs = nowMs;
    this.#echoAtMs = nowMs;
    this.#waitsFromMs = nowMs;
  }

  /** Whether a whole frame ever came; an empty one, that keeps alive, is whole. */
  get spoken(): boolean {
    return this.#spoken;
  }

  bytesCame(): void {
    this.#heard = true;
  }

  frameCame(): void {
    this.#completed = true;
    this.#spoken = true;
  }

  /**
   * @param reading whether the connection is read: while it is not, the silence is ours
   * @param withinFrame whether a frame has begun of which more must come
   */
  look(nowMs: number, reading: boolean, withinFrame: boolean): SilenceVerdict {
    const heard = this.#heard || !reading;
    const completed = this.#completed || !reading;
    this.#heard = false;
    this.#completed = false;
    if (!reading) this.#waitsFromMs = nowMs;
    if (heard) {
      this.#heardAtMs = nowMs;
      this.#echoAtMs = nowMs;
    }
    if (!withinFrame) this.#unfinishedFromMs = undefined;
    else if (completed || this.#unfinishedFromMs === undefined) this.#unfinishedFromMs = nowMs;
    return this.#verdict(nowMs);
  }

  #verdict(nowMs: number): SilenceVerdict {
    const { echoAfterMs = Infinity, closeAfterMs = Infinity, frameTimeoutMs, firstFrameTimeoutMs = Infinity } = this.#limits;
    if (this.#unfinishedFromMs !== undefined && nowMs - this.#unfinishedFromMs >= frameTimeoutMs) return 'frameTimeout';
    if (!this.#spoken && nowMs - this.#waitsFromMs >= firstFrameTimeoutMs) return 'firstFrameTimeout';
    if (nowMs - this.#heardAtMs >= closeAfterMs) return 'idle';
    if (nowMs - this.#echoAtMs < echoAfterMs) return 'fine';
    this.#echoAtMs = nowMs;
    return 'echo';
  }
}
