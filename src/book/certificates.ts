/**
 * What the certificate authority did, as the book has it: its own certificate, what it issued to whom, and what was revoked.
 *
 * Refuses a second authority, a certificate of another authority than the book's, and a key that is another partner's or was revoked before.
 * Invariants: what is here stays; a revocation is never taken back; who reads the changes after a number misses none.
 */
import type { Book, Queries } from './book.ts';

export interface BookedAuthority {
  /** SHA-256 of the DER, 64 hexadecimal digits. */
  readonly fingerprint: string;
  /** PEM. */
  readonly certificate: string;
  readonly subject: string;
  /** Unix ms. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly madeAtMs: number;
  readonly madeBy: string;
  readonly why: string;
}

export interface IssuedCertificate {
  /** Hexadecimal digits. */
  readonly serial: string;
  /** Fingerprint of the authority's certificate. */
  readonly authority: string;
  readonly partner: string;
  readonly subject: string;
  /** SHA-256 of the DER, 64 hexadecimal digits. */
  readonly fingerprint: string;
  /** SHA-256 of the public key (SubjectPublicKeyInfo). */
  readonly keyDigest: string;
  /** Such as `P-256`. */
  readonly keyWords: string;
  /** Unix ms. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** PEM. */
  readonly certificate: string;
  readonly issuedAtMs: number;
  readonly issuedBy: string;
  readonly issuedWhy: string;
}

export interface Revocation {
  /** Unix ms. */
  readonly atMs: number;
  readonly by: string;
  readonly why: string;
}

export interface BookedCertificate extends IssuedCertificate {
  readonly revoked: Revocation | undefined;
  /** Of its last change. */
  readonly change: number;
}

export interface CertificateChoice {
  readonly serial?: string | undefined;
  readonly partner?: string | undefined;
  /** Unix ms: those alone that end later. */
  readonly goodAtMs?: number | undefined;
  /** Undefined: both. */
  readonly state?: 'good' | 'revoked' | undefined;
  readonly limit: number;
}

interface AuthorityRow {
  readonly fingerprint: string; readonly certificate: string; readonly subject: string; readonly not_before: Date; readonly not_after: Date; readonly made_at: Date;
  readonly made_by: string; readonly why: string;
}

interface CertificateRow {
  readonly serial: string; readonly authority: string; readonly partner: string; readonly subject: string; readonly fingerprint: string; readonly key_digest: string; readonly key_words: string;
  readonly not_before: Date; readonly not_after: Date; readonly certificate: string; readonly issued_at: Date; readonly issued_by: string; readonly issued_why: string;
  readonly revoked_at: Date | null; readonly revoked_by: string | null; readonly revoked_why: string | null; readonly change: number;
}

/** @throws BookUnavailable */
export async function readAuthority(book: Queries): Promise<BookedAuthority | undefined> {
  const [row] = await book.query<AuthorityRow>('select fingerprint, certificate, subject, not_before, not_after, made_at, made_by, why from authority');
  if (row === undefined) return undefined;
  const { fingerprint, certificate, subject, not_before: notBefore, not_after: notAfter, made_at: madeAt, made_by: madeBy, why } = row;
  return { fingerprint, certificate, subject, notBeforeMs: notBefore.getTime(), notAfterMs: notAfter.getTime(), madeAtMs: madeAt.getTime(), madeBy, why };
}

/** @returns the authority that is in the book then: this one, or the one that was there before @throws BookUnavailable */
export async function enterAuthority(book: Book, authority: BookedAuthority): Promise<BookedAuthority> {
  const { fingerprint, certificate, subject, notBeforeMs, notAfterMs, madeAtMs, madeBy, why } = authority;
  await book.query(
    `insert into authority (fingerprint, certificate, subject, not_before, not_after, made_at, made_by, why) values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing`,
    [fingerprint, certificate, subject, new Date(notBeforeMs), new Date(notAfterMs), new Date(madeAtMs), madeBy, why],
  );
  return (await readAuthority(book)) ?? authority;
}

export type IssueRefusal =
  /** The book has another authority, or none. */
  | 'otherAuthority'
  /** The key was certified for another partner. */
  | 'otherPartner'
  /** A certificate of this key was revoked. */
  | 'revokedKey';

/** @returns why it was not entered; undefined: it is @throws BookUnavailable, where nobody can tell whether it was entered */
export async function enterCertificate(book: Book, issued: IssuedCertificate): Promise<IssueRefusal | undefined> {
  return await book.transaction(async (queries) => {
    // One at a time: two partners with the same key would not see each other.
    const [authority] = await queries.query<{ readonly fingerprint: string }>('select fingerprint from authority for update');
    if (authority?.fingerprint !== issued.authority) return 'otherAuthority';
    const same = await queries.query<{ readonly partner: string; readonly is_revoked: boolean }>(
      'select partner, revoked_at is not null as is_revoked from partner_certificate where key_digest = $1', [issued.keyDigest],
    );
    if (same.some(({ partner }) => partner !== issued.partner)) return 'otherPartner';
    if (same.some(({ is_revoked: isRevoked }) => isRevoked)) return 'revokedKey';
    await queries.query(
      `insert into partner_certificate (serial, authority, partner, subject, fingerprint, key_digest, key_words, not_before, not_after, certificate, issued_at, issued_by, issued_why)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
      [
        issued.serial, issued.authority, issued.partner, issued.subject, issued.fingerprint, issued.keyDigest, issued.keyWords, new Date(issued.notBeforeMs), new Date(issued.notAfterMs),
        issued.certificate, new Date(issued.issuedAtMs), issued.issuedBy, issued.issuedWhy,
      ],
    );
    return undefined;
  });
}

const columns = `serial, authority, partner, subject, fingerprint, key_digest, key_words, not_before, not_after, certificate, issued_at, issued_by, issued_why,
  revoked_at, revoked_by, revoked_why, change`;

/** The last issued first. @throws BookUnavailable */
export async function readCertificates(book: Queries, { serial, partner, goodAtMs, state, limit }: CertificateChoice): Promise<readonly BookedCertificate[]> {
  const rows = await book.query<CertificateRow>(
    `select ${columns} from partner_certificate
     where ($1::text is null or serial = $1) and ($2::text is null or partner = $2) and ($3::timestamptz is null or not_after > $3) and ($4::text is null or (revoked_at is null) = ($4 = 'good'))
     order by issued_at desc, serial limit $5`,
    [serial ?? null, partner ?? null, goodAtMs === undefined ? null : new Date(goodAtMs), state ?? null, limit],
  );
  return rows.map(certificateOf);
}

/**
 * Revokes what is not revoked yet of one certificate, or of all of a partner's.
 * @returns those that were revoked now; none: there were none that were not @throws BookUnavailable
 */
export async function revokeCertificates(book: Book, { serial, partner }: { readonly serial?: string | undefined; readonly partner?: string | undefined }, { atMs, by, why }: Revocation): Promise<readonly BookedCertificate[]> {
  if (serial === undefined && partner === undefined) return [];
  return await book.transaction(async (queries) => {
    // First, as whoever issues does: two that revoke several would otherwise wait for each other.
    await queries.query('select fingerprint from authority for update');
    const rows = await queries.query<CertificateRow>(
      `update partner_certificate set revoked_at = $3, revoked_by = $4, revoked_why = $5
       where ($1::text is null or serial = $1) and ($2::text is null or partner = $2) and revoked_at is null returning ${columns}`,
      [serial ?? null, partner ?? null, new Date(atMs), by, why],
    );
    return rows.map(certificateOf);
  });
}

/** What has to be known of a certificate to let its holder in. */
export interface CertificateStanding {
  readonly fingerprint: string;
  readonly serial: string;
  readonly partner: string;
  /** Unix ms. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly revokedAtMs: number | undefined;
}

export interface StandingChanges {
  /** The authority's own certificate, PEM. */
  readonly authority: string | undefined;
  readonly certificates: readonly CertificateStanding[];
  /** The number of the last change, for the next reading. */
  readonly lastChange: number;
}

/** What changed after that change, in order; 0: all of it. @throws BookUnavailable */
export async function readCertificateChanges(book: Queries, afterChange: number): Promise<StandingChanges> {
  const rows = await book.query<Pick<CertificateRow, 'fingerprint' | 'serial' | 'partner' | 'not_before' | 'not_after' | 'revoked_at' | 'change'>>(
    'select fingerprint, serial, partner, not_before, not_after, revoked_at, change from partner_certificate where change > $1 order by change', [afterChange],
  );
  const certificates = rows.map(({ fingerprint, serial, partner, not_before: notBefore, not_after: notAfter, revoked_at: revokedAt }) => ({
    fingerprint, serial, partner, notBeforeMs: notBefore.getTime(), notAfterMs: notAfter.getTime(), revokedAtMs: revokedAt?.getTime(),
  }));
  return { authority: (await readAuthority(book))?.certificate, certificates, lastChange: rows.at(-1)?.change ?? afterChange };
}

function certificateOf(row: CertificateRow): BookedCertificate {
  const { serial, authority, partner, subject, fingerprint, certificate, change, revoked_at: revokedAt } = row;
  return {
    serial, authority, partner, subject, fingerprint, keyDigest: row.key_digest, keyWords: row.key_words, notBeforeMs: row.not_before.getTime(), notAfterMs: row.not_after.getTime(), certificate,
    issuedAtMs: row.issued_at.getTime(), issuedBy: row.issued_by, issuedWhy: row.issued_why, change,
    revoked: revokedAt === null ? undefined : { atMs: revokedAt.getTime(), by: row.revoked_by ?? '', why: row.revoked_why ?? '' },
  };
}
