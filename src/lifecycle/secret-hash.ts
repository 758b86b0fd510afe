/**
 * Passwords and app secrets as they are kept: Argon2id (RFC 9106), with its parameters and salt beside it, so that later ones may cost more.
 *
 *   $argon2id$v=19$m=65536,t=3,p=1$<salt>$<digest>
 *
 * It runs on the thread pool. Refuses (429) where so many wait that an answer would come too late: each takes its memory for as long as it runs.
 * Invariant: neither a secret nor its digest is in an error; two are compared in constant time.
 */
import { argon2, timingSafeEqual } from 'node:crypto';
import { assert } from '../base/assert.ts';
import type { Secret } from '../message/secret.ts';
import type { RandomBytes } from './ids.ts';
import { LifecycleRefused } from './refusal.ts';

export interface HashCost {
  readonly memoryKib: number;
  readonly passes: number;
}

/** RFC 9106's second recommendation, on one lane. */
export const hashCost: HashCost = { memoryKib: 65_536, passes: 3 };

const saltBytes = 16;
const digestBytes = 32;
/** The pool has four threads, and others need them, too. */
const atOnceMax = 2;
const waitingMax = 32;
const form = /^\$argon2id\$v=19\$m=([0-9]{1,7}),t=([0-9]{1,3}),p=1\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})$/;

export class SecretHasher {
  readonly #randomBytes: RandomBytes;
  readonly #cost: HashCost;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  /** What a secret of nobody is compared with, so that it takes as long as one of somebody. */
  readonly #nobodys: string;

  constructor(randomBytes: RandomBytes, cost: HashCost = hashCost) {
    this.#randomBytes = randomBytes;
    this.#cost = cost;
    this.#nobodys = written(cost, randomBytes(saltBytes), randomBytes(digestBytes));
  }

  /** @throws LifecycleRefused 429 */
  async hash(secret: Secret<string>): Promise<string> {
    const salt = this.#randomBytes(saltBytes);
    return written(this.#cost, salt, await this.#digest(secret, salt, this.#cost));
  }

  /** @param kept undefined: there is nothing to compare it with, which takes as long @throws LifecycleRefused 429 */
  async matches(secret: Secret<string>, kept: string | undefined): Promise<boolean> {
    const [, memoryKib, passes, salt, digest] = form.exec(kept ?? this.#nobodys) ?? [];
    assert(salt !== undefined && digest !== undefined, 'what is kept is of the form that was written');
    const found = await this.#digest(secret, Buffer.from(salt, 'base64'), { memoryKib: Number(memoryKib), passes: Number(passes) });
    return timingSafeEqual(found, Buffer.from(digest, 'base64')) && kept !== undefined;
  }

  async #digest(secret: Secret<string>, salt: Buffer, { memoryKib, passes }: HashCost): Promise<Buffer> {
    if (this.#running >= atOnceMax) {
      if (this.#waiting.length >= waitingMax) throw new LifecycleRefused(429, 'TOO_MANY_AT_ONCE', 'too many log in at once; the same again in a moment');
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#running += 1;
    try {
      const message = Buffer.from(secret.reveal().normalize('NFKC'), 'utf8');
      return await new Promise<Buffer>((resolve, reject) => {
        argon2('argon2id', { message, nonce: salt, parallelism: 1, tagLength: digestBytes, memory: memoryKib, passes }, (error, key) => {
          message.fill(0);
          if (error === null) resolve(key);
          else reject(error);
        });
      });
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}

function written({ memoryKib, passes }: HashCost, salt: Buffer, digest: Buffer): string {
  const text = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '');
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=1$${text(salt)}$${text(digest)}`;
}
