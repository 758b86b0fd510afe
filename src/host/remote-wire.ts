/**
 * From a document to a verified answer: the body is written and signed, posted with its idempotency key and what is left of its time, and
 * the answer's signature is checked over the bytes that came.
 *
 * Owns the headers. Refuses answers that are not signed by the issuer for this message.
 */
import type { Deadlines } from '../base/deadlines.ts';
import type { Pan } from '../message/pan.ts';
import { readHealth } from './remote-answer.ts';
import type { Around } from './remote-document.ts';
import type { HealthResult } from './remote-health.ts';
import { encryptFor } from './remote-keys.ts';
import type { EncryptionKey } from './remote-keys.ts';
import type { MessageDocument } from './remote-schema.ts';
import { signatureFault, signDetached } from './remote-signature.ts';
import type { SignatureKey } from './remote-signature.ts';
import type { ExchangeEnd, ExchangeHandle, RemoteTransport } from './remote-transport.ts';

export interface WireConfig {
  /** The issuer's name. */
  readonly name: string;
  readonly origin: string;
  /** Of the URL; without a slash at its end. */
  readonly path: string;
  readonly signing: SignatureKey;
  /** Any of them may sign an answer. */
  readonly verification: readonly SignatureKey[];
  /** How an issuer is told the card number. */
  readonly pan: 'clear' | 'none' | EncryptionKey;
  /** How far the clocks may differ, and a signature be old. */
  readonly skewMs: number;
}

export interface WireOutside {
  readonly transport: RemoteTransport;
  /** Unix ms. */
  readonly now: () => number;
  /** The clock of deadlines. */
  readonly elapsed: () => number;
}

export interface Posted {
  readonly id: string;
  readonly pan: Pan;
  readonly deadlineMs: number;
  /** Is it still to be sent? Asked before it leaves. */
  readonly isWanted: () => boolean;
  readonly document: (number: Around['number']) => MessageDocument;
  readonly began: (handle: ExchangeHandle) => void;
}

/** As of an exchange; `answered`: its signature was right. */
export type WireEnd = Exclude<ExchangeEnd, { kind: 'answered' }> | { readonly kind: 'answered'; readonly body: Buffer };

const noBody = new Uint8Array();

export class RemoteWire {
  readonly #config: WireConfig;
  readonly #outside: WireOutside;

  constructor(config: WireConfig, outside: WireOutside) {
    this.#config = config;
    this.#outside = outside;
  }

  /** `done` is called once, unless it is not wanted any more before it leaves, or given up. */
  post(posted: Posted, done: (end: WireEnd) => void): void {
    void this.#post(posted, done);
  }

  /** Asks how the issuer is. `done` is called once. */
  ask(id: string, withinMs: number, deadlines: Deadlines, done: (result: HealthResult) => void): void {
    let handle: ExchangeHandle | undefined;
    let isOver = false;
    const finish = (result: HealthResult): void => {
      if (isOver) return;
      isOver = true;
      limit.cancel();
      done(result);
    };
    const limit = deadlines.after(withinMs, () => {
      const isGone = handle?.sent === false;
      handle?.giveUp();
      finish({ kind: 'unanswered', isGone, fault: '' });
    });
    void this.#exchange('GET', 'health', id, noBody, withinMs, () => !isOver, (began) => {
      handle = began;
    }, (end) => {
      if (end.kind !== 'answered') {
        finish({ kind: 'unanswered', isGone: end.kind === 'notSent', fault: end.kind === 'refused' ? end.fault : '' });
        return;
      }
      const health = readHealth(end.body, id);
      finish('fault' in health ? { kind: 'unanswered', isGone: false, fault: health.fault } : { kind: 'answered', health });
    });
  }

  async #post({ id, pan, deadlineMs, isWanted, document, began }: Posted, done: (end: WireEnd) => void): Promise<void> {
    const { pan: told } = this.#config;
    const number = told === 'none' ? undefined : told === 'clear' ? { pan: pan.reveal() } : { encryptedPan: await encryptFor(told, { pan: pan.reveal() }) };
    const body = Buffer.from(JSON.stringify(document(number)));
    await this.#exchange('POST', 'messages', id, body, deadlineMs - this.#outside.elapsed(), isWanted, began, done);
  }

  async #exchange(method: 'GET' | 'POST', name: string, id: string, body: Uint8Array, leftMs: number, isWanted: () => boolean, began: (handle: ExchangeHandle) => void, done: (end: WireEnd) => void): Promise<void> {
    const { path, signing } = this.#config;
    const { transport, now } = this.#outside;
    const signature = await signDetached(body, signing, { way: 'locum-message', idempotencyKey: id, nowMs: now() });
    if (!isWanted()) return;
    const handle = transport.send({
      method, path: `${path}/${name}`, body: method === 'GET' ? undefined : body,
      headers: {
        ...(method === 'GET' ? {} : { 'content-type': 'application/json' }), accept: 'application/json', 'accept-encoding': 'identity',
        'idempotency-key': id, 'x-deadline-ms': String(Math.max(0, Math.floor(leftMs))), 'x-jws-signature': signature,
      },
    }, (end) => {
      if (end.kind === 'answered') void this.#verify(id, end, done);
      else done(end);
    });
    began(handle);
  }

  async #verify(id: string, { signature, body }: Extract<ExchangeEnd, { kind: 'answered' }>, done: (end: WireEnd) => void): Promise<void> {
    const { verification, skewMs } = this.#config;
    const fault = await signatureFault(signature, body, verification, { way: 'locum-answer', idempotencyKey: id, nowMs: this.#outside.now() }, skewMs);
    done(fault === '' ? { kind: 'answered', body } : { kind: 'refused', fault });
  }
}
