/**
 * One request to a partner's address. Refuses redirects, answers that are too long and addresses that are not allowed; what of an answer
 * counts is its status. Invariant: it ends within its time, whatever the other side does.
 */
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { guardedLookup, webhookUrl } from './webhook-address.ts';
import type { AddressRules } from './webhook-address.ts';

export type Posted =
  /** It answered: an HTTP status. */
  | { readonly kind: 'answered'; readonly status: number }
  /** No answer came, or none could have. @property trouble a sentence */
  | { readonly kind: 'unanswered'; readonly trouble: string };

/** Sends a body and waits for the status. Never rejects. */
export type Post = (url: string, headers: Readonly<Record<string, string>>, body: string) => Promise<Posted>;

export interface Poster {
  readonly post: Post;
  /** Closes what is open. */
  close(): void;
}

const answerMs = 10_000;
const answerBytesMax = 65_536;

/** @param trusted CA certificates (PEM) besides the system's; undefined: none */
export function openPoster(rules: AddressRules, trusted?: string): Poster {
  const connection = { keepAlive: true, maxSockets: 20, maxFreeSockets: 4, timeout: answerMs, lookup: guardedLookup(rules) };
  const http = new HttpAgent(connection);
  const https = new HttpsAgent({ ...connection, minVersion: 'TLSv1.2', ...(trusted === undefined ? {} : { ca: trusted }) });
  const post: Post = async (url, headers, body) => await new Promise<Posted>((resolve) => {
    const failed = (error: unknown): void => resolve({ kind: 'unanswered', trouble: error instanceof Error ? error.message : String(error) });
    try {
      const target = new URL(webhookUrl(url, rules));
      const isTls = target.protocol === 'https:';
      const options = { method: 'POST', agent: isTls ? https : http, headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) }, signal: AbortSignal.timeout(answerMs) };
      const request = (isTls ? httpsRequest : httpRequest)(target, options, (response) => {
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > answerBytesMax) response.destroy();
        });
        response.on('error', () => undefined);
        // An answer that never ends is cut off by the time; its status counts all the same.
        response.on('close', () => resolve({ kind: 'answered', status: response.statusCode ?? 0 }));
      });
      request.on('error', failed);
      request.end(body);
    } catch (error) {
      failed(error);
    }
  });
  return {
    post,
    close: () => {
      http.destroy();
      https.destroy();
    },
  };
}
