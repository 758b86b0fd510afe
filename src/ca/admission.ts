/**
 * Whose client certificate is this? Asked for every request, also on a connection that has been there for long.
 *
 *   fingerprint -> what the book knows of it -> partner, or why not
 *
 * A certificate that is byte for byte one that the authority entered into the book needs no signature checked; any other is refused, and only then
 * it is looked at why. Refused: another authority's or nobody's, one of ours that is not in the book, one before or after its time, one that was
 * revoked. Invariant: an answer is never from a reading of the book that began more than `staleMsMax` before; where the book is away for longer, nobody is
 * let in. While it answers, a revocation counts after `readEveryMs` at the latest.
 */
import { X509Certificate } from 'node:crypto';
import { SharedReading } from '../base/shared-reading.ts';
import { fingerprintOf } from './authority.ts';

/** What the book knows of a certificate. */
export interface KnownCertificate {
  /** SHA-256 of the DER, 64 hexadecimal digits. */
  readonly fingerprint: string;
  readonly serial: string;
  readonly partner: string;
  /** Unix ms. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly revokedAtMs: number | undefined;
}

/** What changed in the book since the change with a number. */
export interface CertificateChanges {
  /** The authority's own certificate, PEM; undefined: there is no authority. */
  readonly authority: string | undefined;
  readonly certificates: readonly KnownCertificate[];
  /** The number of the last change, for the next reading. */
  readonly lastChange: number;
}

export type AdmissionRefusal =
  /** It is no certificate. */
  | 'malformed'
  /** Another authority's, or signed by itself. */
  | 'foreign'
  /** Ours by its signature, and not in the book. */
  | 'unknown'
  | 'notYetValid'
  | 'expired'
  | 'revoked'
  /** The book is away for so long that nobody can tell. */
  | 'unavailable';

export type Admission = { readonly partner: string; readonly serial: string } | { readonly refused: AdmissionRefusal };

export interface AdmissionsOptions {
  /** Reads from the book what changed after that change; 0: all of it. */
  readonly read: (afterChange: number) => Promise<CertificateChanges>;
  /** Unix ms. */
  readonly now: () => number;
  /** Monotonic ms. */
  readonly elapsed: () => number;
  /** How old what is known may be before the book is read again; `readEveryMsDefault` where not given. */
  readonly readEveryMs?: number;
  /** How old it may be at all; `staleMsMaxDefault` where not given. */
  readonly staleMsMax?: number;
}

export const readEveryMsDefault = 1_000;
export const staleMsMaxDefault = 30_000;

export class Admissions {
  readonly #options: AdmissionsOptions;
  readonly #readEveryMs: number;
  readonly #staleMsMax: number;
  readonly #known = new Map<string, KnownCertificate>();
  #authority: X509Certificate | undefined;
  #lastChange = 0;
  /** When the reading began that what is known is from. */
  #readAtMs = -Infinity;
  /** One that fails leaves what is known as it is. */
  readonly #reading = new SharedReading(async () => await this.#readOnce());

  constructor(options: AdmissionsOptions) {
    this.#options = options;
    this.#readEveryMs = options.readEveryMs ?? readEveryMsDefault;
    this.#staleMsMax = options.staleMsMax ?? staleMsMaxDefault;
  }

  /** @param der the peer's certificate, as its connection has it */
  async admit(der: Uint8Array): Promise<Admission> {
    if (this.#ageMs >= this.#readEveryMs) await this.#reading.join();
    if (this.#ageMs > this.#staleMsMax) return { refused: 'unavailable' };
    const fingerprint = fingerprintOf(der);
    if (!this.#known.has(fingerprint)) {
      const why = this.#whyUnknown(der);
      if (why !== 'unknown') return { refused: why };
      // It may be newer than the last reading. Nobody else can make one, so nobody else has the book read by it.
      await this.#reading.afresh();
    }
    const known = this.#known.get(fingerprint);
    if (known === undefined) return { refused: 'unknown' };
    const nowMs = this.#options.now();
    if (known.revokedAtMs !== undefined) return { refused: 'revoked' };
    if (nowMs < known.notBeforeMs) return { refused: 'notYetValid' };
    if (nowMs > known.notAfterMs) return { refused: 'expired' };
    return { partner: known.partner, serial: known.serial };
  }

  get #ageMs(): number {
    return this.#options.elapsed() - this.#readAtMs;
  }

  async #readOnce(): Promise<void> {
    const beganMs = this.#options.elapsed();
    try {
      const { authority, certificates, lastChange } = await this.#options.read(this.#lastChange);
      this.#authority = authority === undefined ? undefined : new X509Certificate(authority);
      for (const each of certificates) this.#known.set(each.fingerprint, each);
      this.#lastChange = lastChange;
      this.#readAtMs = beganMs;
    } catch {
      // How old what is known has become is what counts.
    }
  }

  #whyUnknown(der: Uint8Array): AdmissionRefusal {
    let certificate: X509Certificate;
    try {
      certificate = new X509Certificate(der);
    } catch {
      return 'malformed';
    }
    const authority = this.#authority;
    return authority !== undefined && certificate.checkIssued(authority) && certificate.verify(authority.publicKey) ? 'unknown' : 'foreign';
  }
}
