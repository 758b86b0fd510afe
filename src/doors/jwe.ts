/**
 * Encrypted payloads: `{"payload":"<JWE compact>"}` in both directions (RFC 7516).
 *
 *   request   Encrypted-Request: true       RSA-OAEP-256 or RSA-OAEP, A256GCM, to a key that the service publishes
 *   answer    Public-Key: <base64>          RSA-OAEP-256, A256GCM, to that key, where it is one of the caller's own
 *
 * Refused: a clear body where a sealed one is needed (`ENCRYPTION_REQUIRED`); a key that is none, or not the caller's (`INVALID_PUBLIC_KEY`); what is no
 * such JWE, or has no JSON inside (`INVALID_PAYLOAD`); what no key opens (`CANT_DECRYPT_PAYLOAD`: not said is which part failed). No `zip`, no `crit`. Private
 * keys work on WebCrypto's threads. Invariant: nothing is encrypted to a key that the caller's identity does not vouch for.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { webcrypto } from 'node:crypto';
import { CompactEncrypt, compactDecrypt } from 'jose';
import { digestOfKey, readPublicKey } from '../lifecycle/caller-keys.ts';
import type { DecryptionKey } from '../lifecycle/door-keys.ts';
import { DoorRefused } from './problem.ts';
import type { Caller } from './route.ts';

export interface ResponseKey {
  /** SHA-256 of the SubjectPublicKeyInfo, base64url. */
  readonly digest: string;
  readonly key: webcrypto.CryptoKey;
}

export interface EnvelopeOptions {
  /** That in use first. @param isFresh as it is now, not as it was a moment ago */
  readonly decryptionKeys: (isFresh: boolean) => Promise<readonly DecryptionKey[]>;
  /** Did the caller register this key, or pair a device with it? */
  readonly isKeyOf: (caller: Caller, digest: string) => Promise<boolean>;
}

/** Of a payload; its body is bounded by the door as well. */
export const payloadCharactersMax = 60_000;
const headerCharactersMax = 1_024;
const algorithms: readonly string[] = ['RSA-OAEP-256', 'RSA-OAEP'];
const contentEncryption = 'A256GCM';
const compactForm = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]+)$/;
const ivBytes = 12;
const tagBytes = 16;
const rememberedKeysMax = 1_000;

interface Header {
  readonly alg: 'RSA-OAEP-256' | 'RSA-OAEP';
  readonly kid: string | undefined;
}

export class Envelope {
  readonly #options: EnvelopeOptions;
  /** By what the header said; in the order of their last use. */
  readonly #read = new Map<string, ResponseKey>();
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });

  constructor(options: EnvelopeOptions) {
    this.#options = options;
  }

  /**
   * What the caller wrote.
   * @param body as it came @param takesBody the route does
   * @returns undefined: there was no body @throws DoorRefused
   */
  async open(headers: IncomingHttpHeaders, body: unknown, takesBody: boolean): Promise<unknown> {
    const says = headers['encrypted-request'];
    if (says !== undefined && says !== 'true' && says !== 'false') throw refused('INVALID_PAYLOAD', 'Encrypted-Request is true or false', 'Encrypted-Request');
    if (body === undefined || body === null) {
      if (says === 'true') throw refused('INVALID_PAYLOAD', 'there is no body that could be encrypted', 'Encrypted-Request');
      return undefined;
    }
    if (!takesBody) return body;
    if (says !== 'true') throw refused('ENCRYPTION_REQUIRED', 'this takes its body encrypted: Encrypted-Request: true, and {"payload": "<JWE>"}', 'Encrypted-Request');
    return await this.#decrypted(payloadOf(body));
  }

  /**
   * The key that the answer is for, where the caller's identity vouches for it.
   * @param text the header `Public-Key` @param ofCertificate SPKI of the client certificate's own RSA key
   * @throws DoorRefused
   */
  async responseKey(text: string | string[] | undefined, caller: Caller, ofCertificate: () => Uint8Array | undefined): Promise<ResponseKey> {
    if (text === undefined || text === '') throw refused('ENCRYPTION_REQUIRED', 'the answer is encrypted: Public-Key has the key, base64', 'Public-Key');
    const key = typeof text === 'string' ? await this.#responseKeyIn(text) : undefined;
    if (key === undefined) throw refused('INVALID_PUBLIC_KEY', 'this is no RSA public key of 2048 to 4096 bits (SubjectPublicKeyInfo, base64)', 'Public-Key');
    const own = ofCertificate();
    if (own !== undefined && digestOfKey(own) === key.digest) return key;
    if (await this.#options.isKeyOf(caller, key.digest)) return key;
    throw refused('INVALID_PUBLIC_KEY', 'this public key is not one that is registered for you', 'Public-Key');
  }

  /** @returns JWE compact */
  async seal(text: string, { key }: ResponseKey): Promise<string> {
    return await new CompactEncrypt(Buffer.from(text)).setProtectedHeader({ alg: 'RSA-OAEP-256', enc: contentEncryption }).encrypt(key);
  }

  async #responseKeyIn(text: string): Promise<ResponseKey | undefined> {
    const known = this.#read.get(text);
    if (known !== undefined) return known;
    const object = readPublicKey(text);
    if (object === undefined) return undefined;
    const key = { digest: digestOfKey(object.export({ type: 'spki', format: 'der' })), key: object.toCryptoKey({ name: 'RSA-OAEP', hash: 'SHA-256' }, false, ['encrypt', 'wrapKey']) };
    if (this.#read.size >= rememberedKeysMax) this.#read.clear();
    this.#read.set(text, key);
    return key;
  }

  async #decrypted(payload: string): Promise<unknown> {
    const { header, keyBytes } = partsOf(payload);
    const tried = new Set<string>();
    // Another switch may have put a key to use a moment ago, and what was encrypted to it need not name it.
    for (const isFresh of [false, true]) {
      for (const { published: { kid }, privateKeys } of await this.#candidates(header, keyBytes, isFresh)) {
        if (tried.has(kid)) continue;
        tried.add(kid);
        const opened = await this.#openedWith(payload, privateKeys[header.alg]);
        if (opened !== undefined) return this.#jsonOf(opened);
      }
      if (header.kid !== undefined && tried.size > 0) break;
    }
    throw refused('CANT_DECRYPT_PAYLOAD', 'no key of this service opens the payload; GET …/public_key has the one to encrypt to', 'payload');
  }

  /** The keys that it may be for: the one that it names, or each where it names none. */
  async #candidates({ kid }: Header, keyBytes: number, isFresh: boolean): Promise<readonly DecryptionKey[]> {
    return (await this.#options.decryptionKeys(isFresh)).filter(({ published, modulusBytes }) => modulusBytes === keyBytes && (kid === undefined || kid === published.kid));
  }

  async #openedWith(payload: string, key: webcrypto.CryptoKey): Promise<Uint8Array | undefined> {
    try {
      return (await compactDecrypt(payload, key, { keyManagementAlgorithms: ['RSA-OAEP-256', 'RSA-OAEP'], contentEncryptionAlgorithms: [contentEncryption], maxDecompressedLength: 0 })).plaintext;
    } catch {
      return undefined;
    }
  }

  #jsonOf(bytes: Uint8Array): unknown {
    try {
      return JSON.parse(this.#decoder.decode(bytes));
    } catch {
      throw refused('INVALID_PAYLOAD', 'what is encrypted is not a JSON document', 'payload');
    }
  }
}

function payloadOf(body: unknown): string {
  const { payload, ...more } = (typeof body === 'object' && body !== null ? body : {}) as { readonly payload?: unknown };
  if (typeof payload !== 'string' || Object.keys(more).length > 0 || payload.length > payloadCharactersMax) throw refused('INVALID_PAYLOAD', 'the body is {"payload": "<JWE compact>"} and nothing else', 'payload');
  return payload;
}

function partsOf(payload: string): { readonly header: Header; readonly keyBytes: number } {
  const [, header = '', key = '', iv = '', , tag = ''] = compactForm.exec(payload) ?? [];
  const isShaped = header !== '' && header.length <= headerCharactersMax && bytesOf(iv) === ivBytes && bytesOf(tag) === tagBytes;
  const said = isShaped ? parsed(header) : undefined;
  if (said === undefined) throw refused('INVALID_PAYLOAD', 'the payload is no JWE in compact form', 'payload');
  const { alg, enc, kid } = said;
  if (typeof alg !== 'string' || !algorithms.includes(alg)) throw refused('INVALID_PAYLOAD', `alg is one of ${algorithms.join(', ')}`, 'payload');
  if (enc !== contentEncryption) throw refused('INVALID_PAYLOAD', `enc is ${contentEncryption}`, 'payload');
  if ('zip' in said) throw refused('INVALID_PAYLOAD', 'a payload is not compressed', 'payload');
  if ('crit' in said) throw refused('INVALID_PAYLOAD', 'no critical extension is known here', 'payload');
  if (kid !== undefined && typeof kid !== 'string') throw refused('INVALID_PAYLOAD', 'kid is a text', 'payload');
  return { header: { alg: alg as Header['alg'], kid }, keyBytes: bytesOf(key) };
}

function bytesOf(base64url: string): number {
  return Math.floor((base64url.length * 3) / 4);
}

function parsed(header: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Readonly<Record<string, unknown>> : undefined;
  } catch {
    return undefined;
  }
}

function refused(code: 'ENCRYPTION_REQUIRED' | 'INVALID_PUBLIC_KEY' | 'INVALID_PAYLOAD' | 'CANT_DECRYPT_PAYLOAD', detail: string, field: string): DoorRefused {
  return new DoorRefused({ status: 400, code, detail, field });
}
