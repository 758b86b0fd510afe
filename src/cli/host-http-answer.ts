/** An answer of a test host at a URL, right or wrong: signed and sent once, twice, spoilt, or broken off. */
import { generateKeyPairSync } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { signDetached } from '../host/remote-signature.ts';
import type { SignatureKey } from '../host/remote-signature.ts';
import type { Act, Wrong } from './host-script.ts';

export interface HttpAnswerOptions {
  /** Of the message. */
  readonly id: string;
  readonly signing: SignatureKey;
  /** Unix ms. */
  readonly now: () => number;
}

/** Older than any clock difference that is allowed. */
const staleMs = 86_400_000;
/** More than any switch takes. */
const largeBytes = 4_000_000;

export class HttpAnswer {
  readonly #response: ServerResponse;
  readonly #options: HttpAnswerOptions;

  constructor(response: ServerResponse, options: HttpAnswerOptions) {
    this.#response = response;
    this.#options = options;
  }

  disconnect(): void {
    this.#response.destroy();
  }

  async send(document: Readonly<Record<string, unknown>>, act: Act | undefined): Promise<void> {
    const wrong = act?.do === 'wrong' ? (act.wrong ?? 'amount') : undefined;
    const body = act?.do === 'garbled' ? Buffer.from('}{ no document') : Buffer.from(JSON.stringify(spoilt(document, wrong)));
    const signature = await this.#signature(body, wrong);
    const response = this.#response;
    if (response.destroyed) return;
    if (wrong === 'http') {
      response.socket?.end('SIP/2.0 200 OK\r\n\r\n');
      return;
    }
    const sent = wrong === 'compressed' ? gzipSync(Buffer.alloc(largeBytes)) : wrong === 'large' ? Buffer.alloc(largeBytes, 0x20) : body;
    const headers: Record<string, string> = {
      'content-type': wrong === 'contentType' ? 'text/html' : 'application/json', 'content-length': String(sent.length),
      ...(wrong === 'unsigned' ? {} : { 'x-jws-signature': signature }), ...(wrong === 'compressed' ? { 'content-encoding': 'gzip' } : {}),
      ...(wrong === 'redirect' ? { location: '/elsewhere' } : {}),
    };
    response.writeHead(wrong === 'status' ? 500 : wrong === 'redirect' ? 307 : 200, headers).end(sent);
    if (act?.do !== 'twice') return;
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');
    response.socket?.write(`HTTP/1.1 200 OK\r\n${lines}\r\n${sent.toString('utf8')}`);
  }

  async #signature(body: Buffer, wrong: Wrong | undefined): Promise<string> {
    const { id, signing, now } = this.#options;
    const way = { way: wrong === 'way' ? 'locum-message' : 'locum-answer', idempotencyKey: id, nowMs: now() - (wrong === 'stale' ? staleMs : 0) } as const;
    if (wrong === 'signature') return await signDetached(Buffer.concat([body, Buffer.from(' ')]), signing, way);
    return await signDetached(body, wrong === 'key' ? { ...signing, algorithm: 'EdDSA', key: generateKeyPairSync('ed25519').privateKey } : signing, way);
  }
}

function spoilt(document: Readonly<Record<string, unknown>>, wrong: Wrong | undefined): Readonly<Record<string, unknown>> {
  switch (wrong) {
    case 'stan':
    case 'pan':
    case 'rrn':
    case 'terminal':
      return { ...document, id: `${String(document['id']).slice(0, -1)}_` };
    case 'type':
      return { ...document, result: document['result'] === 'accepted' ? 'approved' : 'accepted' };
    default:
      return document;
  }
}
