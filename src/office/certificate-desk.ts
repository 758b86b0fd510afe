/** The authority's certificates in the book, as the switch's thread asks for them. Invariant: what it is told was so in the book, or that the book did not say. */
import type { Book } from '../book/book.ts';
import { enterAuthority, enterCertificate, readAuthority, readCertificateChanges, readCertificates, revokeCertificates } from '../book/certificates.ts';
import type { BookedAuthority, BookedCertificate, CertificateChoice, IssuedCertificate, IssueRefusal, Revocation, StandingChanges } from '../book/certificates.ts';

export type CertificatesAsk =
  | { readonly what: 'authority' }
  | { readonly what: 'enterAuthority'; readonly authority: BookedAuthority }
  | { readonly what: 'issue'; readonly certificate: IssuedCertificate }
  | { readonly what: 'list'; readonly choice: CertificateChoice }
  | { readonly what: 'changes'; readonly afterChange: number }
  | { readonly what: 'revoke'; readonly serial: string | undefined; readonly partner: string | undefined; readonly revocation: Revocation };

export type CertificatesTold =
  /** What the book has then; undefined: none. */
  | { readonly what: 'authority'; readonly authority: BookedAuthority | undefined }
  | { readonly what: 'issued' }
  | { readonly what: 'notIssued'; readonly why: IssueRefusal }
  | { readonly what: 'list'; readonly certificates: readonly BookedCertificate[] }
  | { readonly what: 'changes'; readonly changes: StandingChanges }
  /** Where something was to change, it may have been. */
  | { readonly what: 'bookAway'; readonly why: string };

export async function certificatesTold(book: Book, ask: CertificatesAsk): Promise<CertificatesTold> {
  switch (ask.what) {
    case 'authority': return { what: 'authority', authority: await readAuthority(book) };
    case 'enterAuthority': return { what: 'authority', authority: await enterAuthority(book, ask.authority) };
    case 'issue': {
      const why = await enterCertificate(book, ask.certificate);
      return why === undefined ? { what: 'issued' } : { what: 'notIssued', why };
    }
    case 'list': return { what: 'list', certificates: await readCertificates(book, ask.choice) };
    case 'changes': return { what: 'changes', changes: await readCertificateChanges(book, ask.afterChange) };
    case 'revoke': return { what: 'list', certificates: await revokeCertificates(book, ask, ask.revocation) };
  }
}
