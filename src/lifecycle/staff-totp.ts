/**
 * One-time codes of staff (RFC 6238: SHA-1, six digits, thirty seconds, as every authenticator has them), and their secrets as they are kept: sealed, bound to whose
 * they are.
 *
 * A code is good for its time step and the one on either side, for clocks that differ.
 */
import { Secret as TotpSecret, TOTP } from 'otpauth';
import { Secret } from '../message/secret.ts';
import type { RandomBytes } from './ids.ts';
import type { CardDesk } from './ports.ts';

export const totpStepMs = 30_000;
const secretBytes = 20;
const issuer = 'Locum';

export type Sealing = Pick<CardDesk, 'sealMessage' | 'openMessage'>;

export interface NewTotp {
  /** Base32, for who types it. */
  readonly secret: Secret<string>;
  /** `otpauth://totp/…`, for a QR code. */
  readonly uri: Secret<string>;
  readonly sealed: string;
}

export class StaffTotp {
  readonly #sealing: Sealing;
  readonly #randomBytes: RandomBytes;
  /** What a code of nobody is judged by, so that it takes as long as one of somebody. */
  #nobodys: Promise<string> | undefined;

  constructor(sealing: Sealing, randomBytes: RandomBytes) {
    this.#sealing = sealing;
    this.#randomBytes = randomBytes;
  }

  /** @throws LifecycleRefused 503 */
  async make(staffId: string, name: string): Promise<NewTotp> {
    const bytes = this.#randomBytes(secretBytes);
    const totp = totpOf(bytes, name);
    return { secret: new Secret(totp.secret.base32), uri: new Secret(totp.toString()), sealed: await this.#sealing.sealMessage(bytes, boundTo(staffId)) };
  }

  /**
   * @param kept of whom it is; undefined: of nobody, which takes as long
   * @returns the time step that the code is of; undefined: it is wrong @throws LifecycleRefused 503
   */
  async stepOf(code: Secret<string>, kept: { readonly staffId: string; readonly sealed: string } | undefined, atMs: number): Promise<number | undefined> {
    const { staffId, sealed } = kept ?? { staffId: 'nobody', sealed: await this.#sealedForNobody() };
    const totp = totpOf(await this.#sealing.openMessage(sealed, boundTo(staffId)), '');
    const delta = totp.validate({ token: code.reveal(), timestamp: atMs, window: 1 });
    return kept === undefined || delta === null ? undefined : Math.floor(atMs / totpStepMs) + delta;
  }

  async #sealedForNobody(): Promise<string> {
    this.#nobodys ??= this.#sealing.sealMessage(this.#randomBytes(secretBytes), boundTo('nobody'));
    try {
      return await this.#nobodys;
    } catch (error) {
      this.#nobodys = undefined;
      throw error;
    }
  }
}

function boundTo(staffId: string): string {
  return `one-time codes of ${staffId}`;
}

function totpOf(bytes: Uint8Array, label: string): TOTP {
  return new TOTP({ issuer, label, algorithm: 'SHA1', digits: 6, period: totpStepMs / 1_000, secret: new TotpSecret({ buffer: Uint8Array.from(bytes).buffer }) });
}
