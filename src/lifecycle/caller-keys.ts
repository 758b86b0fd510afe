/**
 * Public keys that partners and staff registered for what is encrypted to them (table `caller_key`). A device's is registered when it is paired.
 *
 * Refuses what is no RSA key of 2,048 to 4,096 bits. Invariants: a caller has one in use at most; one that was replaced is good until its end, and no longer;
 * nobody's key is another's by being registered.
 */
import { createHash, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { Book } from '../book/book.ts';
import { LifecycleRefused } from './refusal.ts';

export interface CallerKeysOptions {
  readonly book: Book;
  /** Unix ms. */
  readonly now: () => number;
  /** Monotonic ms. */
  readonly elapsed: () => number;
}

export interface RegisteredKey {
  /** SHA-256 of the SubjectPublicKeyInfo, base64url. */
  readonly digest: string;
  /** Unix ms; undefined: it is in use. */
  readonly endsAtMs: number | undefined;
}

interface Known {
  readonly keys: readonly RegisteredKey[];
  readonly atMs: number;
}

export const keyCharactersMax = 2_048;
const bitsMin = 2_048;
const bitsMax = 4_096;
const exponentMin = 65_537n;
const exponentMax = 0xffff_ffffn;
const knownMax = 10_000;
/** What other switches ended counts here after that. */
const readEveryMs = 1_000;

/**
 * An RSA key as callers write one: base64 of the SubjectPublicKeyInfo in DER, or of the same as PEM, or PEM as it is.
 * @returns undefined: it is none that is taken
 */
export function readPublicKey(text: string): KeyObject | undefined {
  if (text.length > keyCharactersMax) return undefined;
  const bytes = text.startsWith('-----BEGIN PUBLIC KEY-----') ? Buffer.from(text) : /^[A-Za-z0-9+/_-]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : undefined;
  if (bytes === undefined) return undefined;
  try {
    const isPem = bytes.subarray(0, 10).toString('latin1') === '-----BEGIN';
    const key = isPem ? pemKey(bytes.toString('latin1')) : createPublicKey({ key: bytes, format: 'der', type: 'spki' });
    const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
    const isTaken = key.asymmetricKeyType === 'rsa' && modulusLength >= bitsMin && modulusLength <= bitsMax && publicExponent >= exponentMin && publicExponent <= exponentMax;
    return isTaken ? key : undefined;
  } catch {
    return undefined;
  }
}

/** A public key alone: not a private one, nor a certificate, that a public key could be taken from. */
function pemKey(pem: string): KeyObject {
  const body = /^-----BEGIN PUBLIC KEY-----\s([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*$/.exec(pem)?.[1];
  return createPublicKey({ key: Buffer.from(body ?? '', 'base64'), format: 'der', type: 'spki' });
}

export function digestOfKey(spki: Uint8Array): string {
  return createHash('sha256').update(spki).digest('base64url');
}

export class CallerKeys {
  readonly #options: CallerKeysOptions;
  readonly #known = new Map<string, Known>();

  constructor(options: CallerKeysOptions) {
    this.#options = options;
  }

  /**
   * Registers the key; again, it changes nothing.
   * @param caller kind and id @param text as `readPublicKey` takes it @param keepMs how long the one before stays good; 0: it ends now
   * @throws LifecycleRefused 400 `PUBLIC_KEY_INVALID`
   */
  async register(caller: string, text: string, keepMs: number, registeredWith: string): Promise<readonly RegisteredKey[]> {
    const key = readPublicKey(text);
    if (key === undefined) throw new LifecycleRefused(400, 'PUBLIC_KEY_INVALID', `this is no RSA public key of ${bitsMin} to ${bitsMax} bits (SubjectPublicKeyInfo as DER in base64, or PEM)`, 'publicKey');
    const spki = key.export({ type: 'spki', format: 'der' });
    const digest = digestOfKey(spki);
    const { book, now } = this.#options;
    const nowMs = now();
    await book.transaction(async (queries) => {
      await queries.query('update caller_key set ends_at = $3 where caller = $1 and key_digest <> $2 and (ends_at is null or ends_at > $3)', [caller, digest, new Date(nowMs + keepMs)]);
      await queries.query(`insert into caller_key (caller, key_digest, public_key, registered_at, registered_with) values ($1, $2, $3, $4, $5)
        on conflict (caller, key_digest) do update set ends_at = null, registered_at = excluded.registered_at, registered_with = excluded.registered_with`, [caller, digest, spki.toString('base64'), new Date(nowMs), registeredWith]);
    });
    this.#known.delete(caller);
    return await this.keys(caller);
  }

  /** Is this one of the caller's keys that are good now? */
  async isKeyOf(caller: string, digest: string): Promise<boolean> {
    const nowMs = this.#options.now();
    const isGood = (keys: readonly RegisteredKey[]): boolean => keys.some((key) => key.digest === digest && (key.endsAtMs === undefined || nowMs < key.endsAtMs));
    const known = this.#known.get(caller);
    // One that is not known here may have been registered at another switch a moment ago.
    return (known !== undefined && this.#options.elapsed() - known.atMs < readEveryMs && isGood(known.keys)) || isGood(await this.keys(caller));
  }

  /** Those that are good now, that in use first. */
  async keys(caller: string): Promise<readonly RegisteredKey[]> {
    const { book, now, elapsed } = this.#options;
    const atMs = elapsed();
    const rows = await book.query<{ readonly key_digest: string; readonly ends_at: Date | null }>(
      'select key_digest, ends_at from caller_key where caller = $1 and (ends_at is null or ends_at > $2) order by ends_at desc nulls first, key_digest', [caller, new Date(now())],
    );
    const keys = rows.map(({ key_digest: digest, ends_at: endsAt }) => ({ digest, endsAtMs: endsAt?.getTime() }));
    if (this.#known.size >= knownMax) this.#known.clear();
    this.#known.set(caller, { keys, atMs });
    return keys;
  }
}
