/**
 * What operators do with the certificate authority for partners: make it, certify a partner's key, see what it issued, whether a certificate
 * is let in, revoke, and take the list of what is revoked.
 *
 * Refuses a partner that no program names, a request that names another one, and whatever `readRequest` and the book refuse. Invariant: a
 * certificate leaves when the book has it, so that every switch knows each that there is, and each that is revoked.
 */
import type { ObjectSchema, Schema } from '../base/schema.ts';
import type { BookedAuthority, BookedCertificate, CertificateChoice, IssueRefusal, StandingChanges } from '../book/certificates.ts';
import { Admissions } from '../ca/admission.ts';
import type { Admission } from '../ca/admission.ts';
import { Authority, authorityDaysDefault, authorityDaysMax, authorityNameDefault, makeAuthority, madeOf, validDaysDefault, validDaysMax } from '../ca/authority.ts';
import type { AuthorityOutside, MadeCertificate } from '../ca/authority.ts';
import { CaError } from '../ca/ca-error.ts';
import { readPem } from '../ca/pem.ts';
import { readRequest } from '../ca/request.ts';
import type { CertificateRequest } from '../ca/request.ts';
import { KeyError } from '../keys/key-error.ts';
import { OperationRefused } from '../office/operation.ts';
import type { Operation } from '../office/operation.ts';
import type { CertificatesAsk, CertificatesTold } from '../office/certificate-desk.ts';
import { choice, count, name, text } from '../tables/schema-parts.ts';
import type { AuthorityVault } from './authority-vault.ts';
import { whyField } from './operator-tables.ts';

export interface CertificatesOutside extends AuthorityOutside {
  readonly book: (ask: CertificatesAsk) => Promise<CertificatesTold>;
  readonly vault: Pick<AuthorityVault, 'certificate' | 'keep' | 'sign'>;
  /** Those that programs name now. */
  readonly partners: () => readonly string[];
  /** Monotonic ms. */
  readonly elapsed: () => number;
  readonly log: { event(name: string, fields: Readonly<Record<string, unknown>>): void };
}

export interface AuthorityShown {
  readonly subject: string;
  readonly fingerprint: string;
  /** ISO 8601. */
  readonly notBefore: string;
  readonly notAfter: string;
  readonly madeAt: string;
  readonly madeBy: string;
  /** PEM. */
  readonly certificate: string;
  /** Whether this switch has its private key, and so signs. */
  readonly isSigningHere: boolean;
}

export interface AuthorityMade extends AuthorityShown {
  /** False: it was there already. */
  readonly isNew: boolean;
}

export interface CertificateShown {
  readonly serial: string;
  readonly partner: string;
  readonly state: 'good' | 'expired' | 'revoked';
  readonly subject: string;
  readonly fingerprint: string;
  readonly key: string;
  /** ISO 8601. */
  readonly notBefore: string;
  readonly notAfter: string;
  readonly issuedAt: string;
  readonly issuedBy: string;
  readonly issuedWhy: string;
  readonly revoked: { /** ISO 8601. */ readonly at: string; readonly by: string; readonly why: string } | undefined;
  /** PEM. */
  readonly certificate: string;
}

export interface RevocationList {
  /** How many are on it. */
  readonly revoked: number;
  /** PEM. */
  readonly list: string;
}

const serialForm = '^[0-9a-f]{34}$';
const serialField = text('the serial number', serialForm, 'a serial number: 34 hexadecimal digits, as the list has them');
const partnerField = name('the partner, as a program names it');
const requestField: Schema = { type: 'string', description: 'the certificate request (PKCS #10), PEM', minLength: 1 };
const listedMax = 10_000;

function taking(description: string, properties: Readonly<Record<string, Schema>>, required: readonly string[] = []): ObjectSchema {
  return { type: 'object', description, additionalProperties: false, required, properties };
}

/** What operators may ask for. */
export function certificateOperations(outside: CertificatesOutside): Operation[] {
  const { now, elapsed } = outside;
  const admissions = new Admissions({ read: async (afterChange) => await changesIn(outside, afterChange), now, elapsed });
  return [
    {
      name: 'make authority', method: 'POST', path: 'authority', about: 'makes the certificate authority for partners, once', takes: taking('how', {
        name: { ...text('what its certificates call it', '^[A-Za-z0-9][A-Za-z0-9 .-]{0,63}$', '1 to 64 letters, digits, blanks, dots and hyphens'), default: authorityNameDefault },
        days: count('until its own certificate ends', 1, authorityDaysMax, authorityDaysDefault), why: whyField,
      }),
      run: async (input, by) => await madeAuthority(outside, input['name'] as string, input['days'] as number, by, whyIn(input)),
    },
    {
      name: 'show authority', method: 'GET', path: 'authority', about: 'the authority\'s own certificate', takes: taking('nothing', {}),
      run: async () => authorityShown(await bookedAuthority(outside), outside),
    },
    {
      name: 'sign certificate', method: 'POST', path: 'certificates', about: 'certifies the key of a partner\'s request',
      takes: taking('what', { partner: partnerField, request: requestField, days: count('how long it is good', 1, validDaysMax, validDaysDefault), why: whyField }, ['partner', 'request']),
      run: async (input, by) => {
        const { partner, request, days } = input as { readonly partner: string; readonly request: string; readonly days: number };
        return shown(await signed(outside, partner, requestOf(request), days, by, whyIn(input)), now());
      },
    },
    {
      name: 'list certificates', method: 'GET', path: 'certificates', about: 'what was issued, the last first', takes: taking('which', {
        partner: partnerField, state: choice('good: neither expired nor revoked', ['all', 'good', 'revoked'], 'all'), limit: count('certificates at most', 1, listedMax, 100),
      }),
      run: async (input) => {
        const { partner, state, limit } = input as { readonly partner?: string; readonly state: 'all' | 'good' | 'revoked'; readonly limit: number };
        const certificates = await listed(outside, { partner, state: state === 'all' ? undefined : state, goodAtMs: state === 'good' ? now() : undefined, limit });
        return { certificates: certificates.map((each) => shown(each, now())) };
      },
    },
    {
      name: 'check certificate', method: 'POST', path: 'certificates/check', about: 'whether a certificate is let in now, and as whose',
      takes: taking('which', { certificate: { type: 'string', description: 'a certificate, PEM', minLength: 1 } }, ['certificate']),
      run: async ({ certificate }) => {
        const der = readPem(certificate as string, ['CERTIFICATE']);
        if (der === undefined) throw new OperationRefused(400, 'this is not one certificate in PEM (-----BEGIN CERTIFICATE-----)', 'certificate');
        return (await admissions.admit(der)) satisfies Admission;
      },
    },
    {
      name: 'show certificate', method: 'GET', path: 'certificates/{serial}', about: 'one of them', takes: taking('which', { serial: serialField }, ['serial']),
      run: async ({ serial }) => shown(await certificateOf(outside, serial as string), now()),
    },
    {
      name: 'revoke certificate', method: 'POST', path: 'certificates/{serial}/revoke', about: 'revokes one, for ever', takes: taking('which', { serial: serialField, why: whyField }, ['serial', 'why']),
      run: async (input, by) => {
        const { serial } = input as { readonly serial: string };
        const certificate = await certificateOf(outside, serial);
        const revoked = certificate.revoked === undefined ? await revokedNow(outside, { serial, partner: undefined }, by, whyIn(input)) : [];
        // Somebody may have been faster.
        return { certificates: revoked.map((each) => shown(each, now())), was: revoked.length === 0 ? shown(await certificateOf(outside, serial), now()) : undefined };
      },
    },
    {
      name: 'revoke certificates', method: 'POST', path: 'partners/{partner}/revoke-certificates', about: 'revokes all of a partner\'s, for ever', takes: taking('whose', { partner: partnerField, why: whyField }, ['partner', 'why']),
      run: async (input, by) => ({ certificates: (await revokedNow(outside, { serial: undefined, partner: input['partner'] as string }, by, whyIn(input))).map((each) => shown(each, now())) }),
    },
    {
      name: 'sign revocations', method: 'POST', path: 'authority/revocations', about: 'the list of what is revoked and not expired (a CRL), signed now', takes: taking('nothing', {}),
      run: async () => await revocationList(outside),
    },
  ];
}

async function madeAuthority(outside: CertificatesOutside, commonName: string, days: number, by: string, why: string): Promise<AuthorityMade> {
  const { vault, now, randomBytes, log } = outside;
  const before = await authorityInBook(outside, { what: 'authority' });
  if (before !== undefined) {
    if (!isHeld(outside, before)) throw new OperationRefused(409, elsewhere);
    return { ...authorityShown(before, outside), isNew: false };
  }
  // One that is here and not in the book is of a call that was interrupted.
  if (heldCertificate(outside) === undefined) held(() => vault.keep(makeAuthority(commonName, days, { now, randomBytes })));
  const { serial: _serial, ...made } = madeOf(heldCertificate(outside)!);
  const entered = await authorityInBook(outside, { what: 'enterAuthority', authority: { ...made, madeAtMs: now(), madeBy: by, why } });
  if (entered?.fingerprint !== made.fingerprint) throw new OperationRefused(409, elsewhere);
  log.event('certificate authority made', { subject: made.subject, fingerprint: made.fingerprint, by, why });
  return { ...authorityShown(entered, outside), isNew: true };
}

const elsewhere = 'the book has an authority whose private key is not in this switch\'s key file; the switch that made it signs';

async function signed(outside: CertificatesOutside, partner: string, request: CertificateRequest, days: number, by: string, why: string): Promise<BookedCertificate> {
  const { vault, now, randomBytes, log } = outside;
  const partners = outside.partners();
  if (!partners.includes(partner)) throw new OperationRefused(404, `no program is for a partner ${partner}; locum tables show program shows whom each is for`, 'partner');
  const named = request.commonName?.trim().toLowerCase();
  if (named !== undefined && named !== partner && partners.includes(named)) throw new OperationRefused(409, `the request names the partner ${named}, and not ${partner}; whose is it?`, 'request');
  const authority = await bookedAuthority(outside);
  if (!isHeld(outside, authority)) throw new OperationRefused(409, elsewhere);
  const made: MadeCertificate | undefined = held(() => vault.sign('sign certificate', (key) => new Authority(key, { now, randomBytes }).certify(request, partner, days)));
  if (made === undefined) throw new OperationRefused(409, elsewhere);
  const issued = { ...made, authority: authority.fingerprint, partner, keyDigest: request.keyDigest, keyWords: request.keyWords, issuedAtMs: now(), issuedBy: by, issuedWhy: why };
  const told = await outside.book({ what: 'issue', certificate: issued });
  if (told.what === 'notIssued') throw new OperationRefused(409, issueWords[told.why], 'request');
  if (told.what !== 'issued') throw new OperationRefused(503, `the book did not say whether the certificate was entered${told.what === 'bookAway' ? ` (${told.why})` : ''}; locum ca list tells, and locum ca show prints it`);
  log.event('partner certificate issued', { partner, serial: made.serial, until: new Date(made.notAfterMs).toISOString(), by, why });
  return { ...issued, revoked: undefined, change: 0 };
}

const issueWords: Readonly<Record<IssueRefusal, string>> = {
  otherAuthority: elsewhere,
  otherPartner: 'this key was certified for another partner; each has keys of its own',
  revokedKey: 'a certificate of this key was revoked; a new key is needed',
};

async function revokedNow(outside: CertificatesOutside, which: { readonly serial: string | undefined; readonly partner: string | undefined }, by: string, why: string): Promise<readonly BookedCertificate[]> {
  const told = await outside.book({ what: 'revoke', ...which, revocation: { atMs: outside.now(), by, why } });
  if (told.what !== 'list') throw new OperationRefused(503, `the book did not say whether it was revoked${told.what === 'bookAway' ? ` (${told.why})` : ''}; the same command again is safe`);
  for (const { partner, serial } of told.certificates) outside.log.event('partner certificate revoked', { partner, serial, by, why });
  return told.certificates;
}

async function revocationList(outside: CertificatesOutside): Promise<RevocationList> {
  const { vault, now, randomBytes } = outside;
  const authority = await bookedAuthority(outside);
  const certificates = await listed(outside, { state: 'revoked', goodAtMs: now(), limit: listedMax });
  if (certificates.length === listedMax) throw new OperationRefused(409, `more than ${listedMax} certificates are revoked, which is too many for one list`);
  const revoked = certificates.map(({ serial, revoked: { atMs = 0 } = {} }) => ({ serial, revokedAtMs: atMs }));
  const list = isHeld(outside, authority) ? held(() => vault.sign('sign revocations', (key) => new Authority(key, { now, randomBytes }).revocationList(revoked))) : undefined;
  if (list === undefined) throw new OperationRefused(409, elsewhere);
  return { revoked: revoked.length, list };
}

async function listed({ book }: CertificatesOutside, which: CertificateChoice): Promise<readonly BookedCertificate[]> {
  const told = await book({ what: 'list', choice: which });
  if (told.what === 'list') return told.certificates;
  throw new OperationRefused(503, `the book, which has the certificates, does not answer${told.what === 'bookAway' ? `: ${told.why}` : ''}`);
}

async function changesIn({ book }: CertificatesOutside, afterChange: number): Promise<StandingChanges> {
  const told = await book({ what: 'changes', afterChange });
  if (told.what === 'changes') return told.changes;
  throw new OperationRefused(503, 'the book, which has the certificates, does not answer');
}

async function certificateOf(outside: CertificatesOutside, serial: string): Promise<BookedCertificate> {
  const [certificate] = await listed(outside, { serial, limit: 1 });
  if (certificate === undefined) throw new OperationRefused(404, 'no certificate has this serial number; locum ca list lists those that there are', 'serial');
  return certificate;
}

async function authorityInBook({ book }: CertificatesOutside, ask: CertificatesAsk): Promise<BookedAuthority | undefined> {
  const told = await book(ask);
  if (told.what === 'authority') return told.authority;
  throw new OperationRefused(503, `the book, which has the authority's certificate, does not answer${told.what === 'bookAway' ? `: ${told.why}` : ''}`);
}

async function bookedAuthority(outside: CertificatesOutside): Promise<BookedAuthority> {
  const authority = await authorityInBook(outside, { what: 'authority' });
  if (authority === undefined) throw new OperationRefused(404, 'there is no certificate authority yet; locum ca init makes it');
  return authority;
}

function heldCertificate({ vault }: CertificatesOutside): Buffer | undefined {
  return held(() => vault.certificate());
}

function isHeld(outside: CertificatesOutside, { fingerprint }: BookedAuthority): boolean {
  const certificate = heldCertificate(outside);
  return certificate !== undefined && madeOf(certificate).fingerprint === fingerprint;
}

/** @throws OperationRefused with what the key file or the authority refused */
function held<Result>(action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    if (error instanceof KeyError) throw new OperationRefused(503, `the authority's key: ${error.message}`);
    if (error instanceof CaError) throw new OperationRefused(409, error.message);
    throw error;
  }
}

/** @throws OperationRefused with what is wrong in it */
function requestOf(pem: string): CertificateRequest {
  try {
    return readRequest(pem);
  } catch (error) {
    if (error instanceof CaError) throw new OperationRefused(400, error.message, 'request');
    throw error;
  }
}

function whyIn({ why }: Readonly<Record<string, unknown>>): string {
  return typeof why === 'string' ? why : '';
}

function authorityShown(authority: BookedAuthority, outside: CertificatesOutside): AuthorityShown {
  const { subject, fingerprint, notBeforeMs, notAfterMs, madeAtMs, madeBy, certificate } = authority;
  return { subject, fingerprint, notBefore: iso(notBeforeMs), notAfter: iso(notAfterMs), madeAt: iso(madeAtMs), madeBy, certificate, isSigningHere: isHeld(outside, authority) };
}

function shown({ serial, partner, subject, fingerprint, keyWords, notBeforeMs, notAfterMs, issuedAtMs, issuedBy, issuedWhy, revoked, certificate }: BookedCertificate, nowMs: number): CertificateShown {
  return {
    serial, partner, state: revoked !== undefined ? 'revoked' : nowMs > notAfterMs ? 'expired' : 'good', subject, fingerprint, key: keyWords, notBefore: iso(notBeforeMs), notAfter: iso(notAfterMs),
    issuedAt: iso(issuedAtMs), issuedBy, issuedWhy, revoked: revoked === undefined ? undefined : { at: iso(revoked.atMs), by: revoked.by, why: revoked.why }, certificate,
  };
}

function iso(atMs: number): string {
  return new Date(atMs).toISOString();
}
