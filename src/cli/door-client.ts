/**
 * A caller at the three doors, as a partner's back end and a cardholder's app are: HTTP or TLS with a client certificate, JSON, and encrypted payloads.
 *
 * Refuses to talk to a server whose certificate nobody vouches for. Nothing is tried twice: what was not answered may have been done, and the same
 * idempotency key asks for it again.
 */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { CompactEncrypt, compactDecrypt, importJWK } from 'jose';
import type { JWK } from 'jose';
import { Failure } from './command.ts';

export interface DoorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Decrypted, where it was encrypted; empty where there is none. */
  readonly text: string;
}

export interface DoorCall {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly body?: string | undefined;
  /** PEM of the RSA private key to whose public half the answer is to be encrypted; with it the body is encrypted as well. */
  readonly sealedFor?: string | undefined;
}

/** PEM. */
export interface ClientTls {
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  /** Whom to trust besides the authorities that this machine does. */
  readonly trusted?: string | undefined;
}

const timeoutMs = 15_000;
const answerBytesMax = 4_194_304;

export class DoorClient {
  readonly #base: URL;
  readonly #tls: ClientTls;

  /** @param url such as `https://127.0.0.1:8443` */
  constructor(url: string, tls: ClientTls) {
    this.#base = new URL(url);
    this.#tls = tls;
  }

  /** @throws Failure where nobody answers, or what came cannot be read */
  async call({ method, path, headers = {}, body, sealedFor }: DoorCall): Promise<DoorAnswer> {
    const json = body === undefined ? {} : { 'content-type': 'application/json' };
    if (sealedFor === undefined) return await this.#send(method, path, { ...json, ...headers }, body);
    const privateKey = createPrivateKey(sealedFor);
    const sealed = body === undefined ? undefined : await this.#sealed(path, body, headers);
    const answer = await this.#send(method, path, {
      ...json, ...headers, 'public-key': createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).toString('base64'), ...(sealed === undefined ? {} : { 'encrypted-request': 'true' }),
    }, sealed);
    return answer.status >= 300 || answer.text === '' ? answer : { ...answer, text: await opened(answer.text, privateKey) };
  }

  /** Encrypted to the key that the service publishes at the same door. */
  async #sealed(path: string, body: string, headers: Readonly<Record<string, string>>): Promise<string> {
    const prefix = /^\/(secure|admin|customers\/me)(?=\/|$)/.exec(path)?.[0] ?? '/secure';
    const { authorization } = headers;
    const published = await this.#send('GET', `${prefix}/public_key`, authorization === undefined ? {} : { authorization }, undefined);
    if (published.status !== 200) throw new Failure(`the service's public key could not be read: ${published.text}`);
    const { kid, jwk } = JSON.parse(published.text) as { readonly kid: string; readonly jwk: JWK };
    const key = await importJWK(jwk, 'RSA-OAEP-256');
    return JSON.stringify({ payload: await new CompactEncrypt(Buffer.from(body)).setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM', kid }).encrypt(key) });
  }

  async #send(method: string, path: string, headers: Readonly<Record<string, string>>, body: string | undefined): Promise<DoorAnswer> {
    const isTls = this.#base.protocol === 'https:';
    const { certificate, key, trusted } = this.#tls;
    const { promise, resolve, reject } = Promise.withResolvers<DoorAnswer>();
    const options = {
      method, hostname: this.#base.hostname.replace(/^\[(.*)\]$/, '$1'), port: this.#base.port, path, timeout: timeoutMs, agent: false as const,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }) },
    };
    const request = isTls ? httpsRequest({ ...options, cert: certificate, key, ca: trusted }) : httpRequest(options);
    request.on('response', (response) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      response.on('data', (part: Buffer) => {
        bytes += part.length;
        if (bytes > answerBytesMax) request.destroy(new Error('the answer is longer than any of this service'));
        else parts.push(part);
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(parts).toString('utf8') }));
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${timeoutMs / 1_000} s`)));
    request.on('error', reject);
    request.end(body);
    try {
      return await promise;
    } catch (error) {
      throw new Failure(`no answer from ${this.#base.origin}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

async function opened(text: string, privateKey: KeyObject): Promise<string> {
  const { payload } = JSON.parse(text) as { readonly payload?: unknown };
  // What is not sensitive comes as it is.
  if (typeof payload !== 'string') return text;
  try {
    const { plaintext } = await compactDecrypt(payload, privateKey, { keyManagementAlgorithms: ['RSA-OAEP-256'], contentEncryptionAlgorithms: ['A256GCM'] });
    return Buffer.from(plaintext).toString('utf8');
  } catch {
    throw new Failure('the answer is encrypted to another key than this one');
  }
}
