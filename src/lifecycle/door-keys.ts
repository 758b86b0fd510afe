/**
 * The doors' own keys (table `door_key`): RSA pairs that callers encrypt to, and the key of digests. All switches on one book use the same.
 *
 *   made -> in use (published) -> replaced: it opens what was encrypted to it for `overlapMs` more -> ended
 *
 * Private keys are in the book under the vault's key, and in memory as keys that WebCrypto works with and does not give out. Invariants: there is one
 * in use of each purpose; which key id a key has is told by its thumbprint (RFC 7638), so no two keys have one.
 */
import { generateKeyPair, webcrypto } from 'node:crypto';
import { promisify } from 'node:util';
import { calculateJwkThumbprint } from 'jose';
import { SharedReading } from '../base/shared-reading.ts';
import type { Book } from '../book/book.ts';

/** What private keys are kept under at rest. */
export interface SealingVault {
  sealMessage(message: Uint8Array, boundTo: string): Promise<string>;
  /** @throws where it does not open */
  openMessage(sealed: string, boundTo: string): Promise<Uint8Array>;
}

export interface DoorKeysOptions {
  readonly book: Book;
  readonly vault: SealingVault;
  /** Unix ms. */
  readonly now: () => number;
  /** Monotonic ms. */
  readonly elapsed: () => number;
  readonly randomBytes: (count: number) => Uint8Array;
  /** Who makes keys where there are none: this switch's name. */
  readonly maker: string;
  /** How long a key that was replaced opens what was encrypted to it. */
  readonly overlapMs: number;
}

/** A public key as JWK, with what it is for. */
export interface PublishedKey {
  readonly kty: 'RSA';
  readonly n: string;
  readonly e: string;
  readonly kid: string;
  readonly use: 'enc';
  readonly alg: 'RSA-OAEP-256';
}

export interface DecryptionKey {
  readonly published: PublishedKey;
  readonly modulusBytes: number;
  /** By the JWE algorithm, as one key of WebCrypto serves one hash. */
  readonly privateKeys: Readonly<Record<'RSA-OAEP-256' | 'RSA-OAEP', webcrypto.CryptoKey>>;
  /** Unix ms; undefined: it is in use. */
  readonly replacedAtMs: number | undefined;
}

interface KeyRow {
  readonly id: string;
  readonly purpose: 'encryption' | 'digest';
  readonly public_key: string | null;
  readonly sealed: string;
  readonly replaced_at: Date | null;
}

export const modulusBits = 2_048;
const digestKeyBytes = 32;
/** What other switches changed counts here after that. */
const readEveryMs = 5_000;

interface Known {
  readonly decryption: readonly DecryptionKey[];
  readonly digestKey: Uint8Array;
  /** When the reading began. */
  readonly atMs: number;
}

export class DoorKeys {
  readonly #options: DoorKeysOptions;
  #known: Known | undefined;
  readonly #reading = new SharedReading(async () => await this.#readOnce());
  /** By id: a key does not change. */
  readonly #opened = new Map<string, DecryptionKey['privateKeys']>();

  constructor(options: DoorKeysOptions) {
    this.#options = options;
  }

  /** The keys that open what comes, that in use first. @param isFresh as the book has it now @throws BookUnavailable, LifecycleRefused */
  async decryptionKeys(isFresh = false): Promise<readonly DecryptionKey[]> {
    const { now, overlapMs } = this.#options;
    const { decryption } = await this.#read(isFresh);
    const nowMs = now();
    return decryption.filter(({ replacedAtMs }) => replacedAtMs === undefined || nowMs < replacedAtMs + overlapMs);
  }

  /** 32 bytes. @throws BookUnavailable, LifecycleRefused */
  async digestKey(): Promise<Uint8Array> {
    return (await this.#read(false)).digestKey;
  }

  /**
   * Puts another pair to use. The same request again finds what it has made.
   * @param replaces kid of the one in use, as the caller knows it: one that was replaced is not replaced again
   * @returns the key in use then
   */
  async rotate(replaces: string, by: string): Promise<PublishedKey> {
    const made = await this.#newPair();
    const { book, now } = this.#options;
    await book.transaction(async (queries) => {
      const atMs = new Date(now());
      const replaced = await queries.query('update door_key set replaced_at = $2 where id = $1 and purpose = \'encryption\' and replaced_at is null returning id', [replaces, atMs]);
      if (replaced.length > 0) await queries.query('insert into door_key (id, purpose, public_key, sealed, made_at, made_by) values ($1, \'encryption\', $2, $3, $4, $5)', [made.id, made.publicKey, made.sealed, atMs, by]);
    });
    const [inUse] = await this.decryptionKeys(true);
    return inUse!.published;
  }

  async #read(isFresh: boolean): Promise<Known> {
    const known = this.#known;
    if (known !== undefined && !isFresh) {
      if (this.#options.elapsed() - known.atMs >= readEveryMs) void this.#reading.join().catch(() => undefined);
      return known;
    }
    return await (isFresh ? this.#reading.afresh() : this.#reading.join());
  }

  async #readOnce(): Promise<Known> {
    const atMs = this.#options.elapsed();
    let rows = await this.#rows();
    for (const purpose of ['encryption', 'digest'] as const) {
      if (rows.some((row) => row.purpose === purpose && row.replaced_at === null)) continue;
      await this.#make(purpose);
      rows = await this.#rows();
    }
    const digest = rows.find(({ purpose }) => purpose === 'digest')!;
    const digestKey = this.#known?.digestKey ?? await this.#options.vault.openMessage(digest.sealed, boundTo(digest.id));
    const decryption = await Promise.all(rows.filter(({ purpose }) => purpose === 'encryption').map(async (row) => await this.#decryptionKey(row)));
    this.#known = { decryption, digestKey, atMs };
    return this.#known;
  }

  async #rows(): Promise<readonly KeyRow[]> {
    const { book, now, overlapMs } = this.#options;
    return await book.query<KeyRow>(
      'select id, purpose, public_key, sealed, replaced_at from door_key where replaced_at is null or replaced_at > $1 order by replaced_at desc nulls first, id', [new Date(now() - overlapMs)],
    );
  }

  async #decryptionKey({ id, public_key: publicKey, sealed, replaced_at: replacedAt }: KeyRow): Promise<DecryptionKey> {
    const published = JSON.parse(publicKey ?? '') as PublishedKey;
    let privateKeys = this.#opened.get(id);
    if (privateKeys === undefined) {
      const clear = Buffer.from(await this.#options.vault.openMessage(sealed, boundTo(id)));
      const taken = async (hash: string): Promise<webcrypto.CryptoKey> => await webcrypto.subtle.importKey('pkcs8', clear, { name: 'RSA-OAEP', hash }, false, ['decrypt', 'unwrapKey']);
      privateKeys = { 'RSA-OAEP-256': await taken('SHA-256'), 'RSA-OAEP': await taken('SHA-1') };
      clear.fill(0);
      this.#opened.set(id, privateKeys);
    }
    return { published, modulusBytes: Buffer.from(published.n, 'base64url').length, privateKeys, replacedAtMs: replacedAt?.getTime() };
  }

  /** Where another switch is faster, its key is the one. */
  async #make(purpose: KeyRow['purpose']): Promise<void> {
    const { book, vault, now, randomBytes, maker } = this.#options;
    const insert = 'insert into door_key (id, purpose, public_key, sealed, made_at, made_by) values ($1, $2, $3, $4, $5, $6) on conflict do nothing';
    if (purpose === 'encryption') {
      const { id, publicKey, sealed } = await this.#newPair();
      await book.query(insert, [id, purpose, publicKey, sealed, new Date(now()), maker]);
      return;
    }
    const id = Buffer.from(randomBytes(16)).toString('base64url');
    await book.query(insert, [id, purpose, null, await vault.sealMessage(randomBytes(digestKeyBytes), boundTo(id)), new Date(now()), maker]);
  }

  async #newPair(): Promise<{ readonly id: string; readonly publicKey: string; readonly sealed: string }> {
    const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: modulusBits });
    const { n = '', e = '' } = publicKey.export({ format: 'jwk' });
    const id = await calculateJwkThumbprint({ kty: 'RSA', n, e });
    const published: PublishedKey = { kty: 'RSA', n, e, kid: id, use: 'enc', alg: 'RSA-OAEP-256' };
    const clear = privateKey.export({ type: 'pkcs8', format: 'der' });
    try {
      return { id, publicKey: JSON.stringify(published), sealed: await this.#options.vault.sealMessage(clear, boundTo(id)) };
    } finally {
      clear.fill(0);
    }
  }
}

function boundTo(id: string): string {
  return `door-key/${id}`;
}
