/**
 * How what is sent to a webhook is signed, as the Standard Webhooks specification has it:
 *
 *   webhook-id: e_…                      the event; the same at every attempt
 *   webhook-timestamp: 1765432100        seconds since 1970 at this attempt
 *   webhook-signature: v1,<base64>       HMAC-SHA256 of `<id>.<timestamp>.<body>`; several, with spaces between, while a secret is rotated
 *
 * The key is what stands behind `whsec_`, decoded from base64.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../message/secret.ts';

export const secretPrefix = 'whsec_';
export const secretBytes = 32;
/** How far a receiver's clock may be off, and how long a recorded request can be played to it. */
export const toleranceS = 300;

export interface SignedHeaders {
  readonly 'webhook-id': string;
  readonly 'webhook-timestamp': string;
  readonly 'webhook-signature': string;
}

/** @param secrets one, or two while one takes the other's place */
export function signedHeaders(id: string, atMs: number, body: string, secrets: readonly Secret<string>[]): SignedHeaders {
  const timestamp = String(Math.floor(atMs / 1000));
  return {
    'webhook-id': id, 'webhook-timestamp': timestamp,
    'webhook-signature': secrets.map((secret) => `v1,${signatureOf(id, timestamp, body, secret).toString('base64')}`).join(' '),
  };
}

/** What a receiver does: is it ours, and of now? */
export function isSigned(headers: SignedHeaders, body: string, secret: Secret<string>, nowMs: number): boolean {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures } = headers;
  if (!/^[0-9]{1,12}$/.test(timestamp) || Math.abs(nowMs / 1000 - Number(timestamp)) > toleranceS) return false;
  const expected = signatureOf(id, timestamp, body, secret);
  return signatures.split(' ').some((text) => {
    const given = Buffer.from(text.replace(/^v1,/, ''), 'base64');
    return text.startsWith('v1,') && given.length === expected.length && timingSafeEqual(given, expected);
  });
}

function signatureOf(id: string, timestamp: string, body: string, secret: Secret<string>): Buffer {
  return createHmac('sha256', Buffer.from(secret.reveal().slice(secretPrefix.length), 'base64')).update(`${id}.${timestamp}.${body}`).digest();
}
