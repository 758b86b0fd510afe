/** `locum ca init | sign | list | show | check | crl | revoke`: the certificate authority for partners, at the running switch. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { authorityDaysDefault, authorityDaysMax, authorityNameDefault, validDaysDefault, validDaysMax } from '../ca/authority.ts';
import type { Admission, AdmissionRefusal } from '../ca/admission.ts';
import type { AuthorityMade, AuthorityShown, CertificateShown, RevocationList } from '../program/operator-certificates.ts';
import { aligned, exitFailed, Failure, UsageError } from './command.ts';
import type { Command, Given, Options, Outside } from './command.ts';
import { askSwitch, operandOf, operatorOptions, timeWords, whyOf, whyOption } from './operator-desk.ts';

const outOption: Options = { out: { type: 'string', value: '<file>', about: 'writes the PEM into a file that is not there yet, instead of printing it' } };

export const caInitCommand: Command = {
  name: 'ca init',
  summary: 'Makes the certificate authority that partners\' client certificates are signed by',
  operands: '',
  about: [
    'Once for all switches on a book. The private key is made in the running switch and kept in its key file, wrapped under the master key, as every key there is: that switch signs. Any switch on the book revokes, and knows what is revoked.',
    'Make new copies of the key file and the master key afterwards. What is there already stays as it is.',
  ],
  options: {
    name: { type: 'string', value: '<text>', about: `what certificates call their issuer; ${authorityNameDefault} by default` },
    days: { type: 'string', value: '<number>', about: `until the authority's own certificate ends; ${authorityDaysDefault} by default, ${authorityDaysMax} at most` },
    ...whyOption, ...operatorOptions,
  },
  examples: [{ line: 'ca init', about: 'Before the first partner comes.', needs: 'running demo' }],
  async run(given, outside) {
    if (given.operands.length > 0) throw new UsageError('ca init takes options alone');
    const fields = { name: given.text('name'), days: given.whole('days', 1, 999_999), why: given.text('why') };
    const made = await askSwitch<AuthorityMade>(given, outside, { method: 'POST', path: 'authority', fields });
    if (given.has('json')) outside.print(JSON.stringify(made));
    else {
      outside.print(made.isNew ? 'The authority is made. Its private key is in the switch\'s key file: make new copies of that and of the master key, in two places.' : 'There is an authority already, and it stays as it is.');
      for (const line of authorityLines(made)) outside.print(line);
    }
    return 0;
  },
};

export const caSignCommand: Command = {
  name: 'ca sign',
  summary: 'Signs a partner\'s certificate request: a client certificate that names the partner',
  operands: '[<file>]',
  about: [
    'The request (PKCS #10, PEM) comes from a file or from standard input. Of it nothing is taken but its public key; what else it asks for is left aside. Refused are requests that their own key did not sign, keys other than RSA from 2048 bits, P-256, P-384 and Ed25519, a key that is another partner\'s or was revoked, and a request to be an authority.',
    'A request names nobody in a way that can be trusted: be sure by another way that it is the partner\'s, such as its fingerprint on the telephone.',
    'The certificate is in the book before it is printed; ca show prints it again.',
  ],
  options: {
    partner: { type: 'string', value: '<name>', about: 'whose it is; one that a program names' },
    days: { type: 'string', value: '<number>', about: `how long it is good; ${validDaysDefault} by default, ${validDaysMax} at most, and never longer than the authority` },
    ...outOption, ...whyOption, ...operatorOptions,
  },
  examples: [{ line: 'ca sign --partner demo --out partner.pem < partner.csr', about: 'A request that the partner sent; docs/certificates.md shows how one is made.', needs: 'running demo' }],
  async run(given, outside) {
    const partner = given.text('partner');
    if (partner === undefined) throw new UsageError('--partner is missing: whose certificate it is to be');
    const request = await fileOrInput(caSignCommand, given, outside);
    const fields = { partner, request, days: given.whole('days', 1, 999_999), why: given.text('why') };
    refuseTaken(given, outside);
    const issued = await askSwitch<CertificateShown>(given, outside, { method: 'POST', path: 'certificates', fields });
    if (given.has('json')) {
      handOut(given, outside, issued.certificate, false);
      outside.print(JSON.stringify(issued));
      return 0;
    }
    outside.print(`Issued to the partner ${issued.partner}: serial number ${issued.serial}, ${issued.key}, good until ${timeWords(Date.parse(issued.notAfter))}.`);
    handOut(given, outside, issued.certificate, true);
    return 0;
  },
};

export const caListCommand: Command = {
  name: 'ca list',
  summary: 'Lists the certificates that were issued, and what became of them',
  operands: '',
  about: ['The last issued first.'],
  options: {
    partner: { type: 'string', value: '<name>', about: 'of this partner alone' },
    state: { type: 'string', value: '<state>', about: 'good (neither expired nor revoked), revoked, or all, which is the default' },
    limit: { type: 'string', value: '<number>', about: 'certificates at most; 100 by default' },
    ...operatorOptions,
  },
  examples: [
    { line: 'ca list', about: 'The last hundred.', needs: 'running demo' },
    { line: 'ca list --partner demo --state good --json', about: 'What a program reads.', needs: 'running demo' },
  ],
  async run(given, outside) {
    if (given.operands.length > 0) throw new UsageError('ca list takes options alone');
    const fields = { partner: given.text('partner'), state: given.text('state'), limit: given.text('limit') };
    const { certificates } = await askSwitch<{ readonly certificates: readonly CertificateShown[] }>(given, outside, { method: 'GET', path: 'certificates', fields });
    if (given.has('json')) outside.print(JSON.stringify(certificates));
    else if (certificates.length === 0) outside.print('No such certificate was issued.');
    else {
      const rows = certificates.map(({ serial, partner, state, key, notAfter, issuedBy, revoked }) => [serial, partner, state, key, timeWords(Date.parse(notAfter)), issuedBy, revoked === undefined ? '-' : `${timeWords(Date.parse(revoked.at))} by ${revoked.by}: ${revoked.why}`]);
      for (const line of aligned([['serial number', 'partner', 'state', 'key', 'good until', 'issued by', 'revoked'], ...rows])) outside.print(line);
    }
    return 0;
  },
};

export const caShowCommand: Command = {
  name: 'ca show',
  summary: 'Shows one certificate, or the authority\'s own, in words and as PEM',
  operands: '[<serial number>]',
  about: ['Without a serial number it is the authority\'s own certificate. What stands above the PEM block is skipped by whatever reads PEM.'],
  options: { ...outOption, ...operatorOptions },
  examples: [{ line: 'ca show', about: 'The authority.', needs: 'running demo' }],
  async run(given, outside) {
    if (given.operands.length > 1) throw new UsageError('ca show takes one serial number at most');
    const [serial] = given.operands;
    refuseTaken(given, outside);
    const isAuthority = serial === undefined;
    const shown = await askSwitch<AuthorityShown | CertificateShown>(given, outside, { method: 'GET', path: isAuthority ? 'authority' : `certificates/${encodeURIComponent(serialOf(serial))}` });
    if (given.has('json')) outside.print(JSON.stringify(shown));
    else for (const line of 'serial' in shown ? certificateLines(shown) : authorityLines(shown)) outside.print(line);
    handOut(given, outside, shown.certificate, !given.has('json'));
    return 0;
  },
};

export const caCheckCommand: Command = {
  name: 'ca check',
  summary: 'Says whether a client certificate is let in now, and as which partner\'s',
  operands: '[<file>]',
  about: ['The certificate (PEM) comes from a file or from standard input. It ends with 1 where it is refused, and says why. It is judged by the same rules, and from the same reading of the book, as a request of a partner is.'],
  options: operatorOptions,
  examples: [{ line: 'ca check partner.pem', about: 'The certificate that was signed above.', needs: 'running demo' }],
  async run(given, outside) {
    const certificate = await fileOrInput(caCheckCommand, given, outside);
    const admission = await askSwitch<Admission>(given, outside, { method: 'POST', path: 'certificates/check', fields: { certificate } });
    if (given.has('json')) outside.print(JSON.stringify(admission));
    else outside.print('refused' in admission ? `Refused: ${refusalWords[admission.refused]}.` : `Let in, as the partner ${admission.partner}: serial number ${admission.serial}.`);
    return 'refused' in admission ? exitFailed : 0;
  },
};

const refusalWords: Readonly<Record<AdmissionRefusal, string>> = {
  malformed: 'it is no certificate', foreign: 'it is another authority\'s, or signed by itself', unknown: 'it has the authority\'s signature, and is not in the book',
  notYetValid: 'it is not good yet', expired: 'it has expired', revoked: 'it is revoked', unavailable: 'the book is away for so long that nobody is let in',
};

export const caRevokeCommand: Command = {
  name: 'ca revoke',
  summary: 'Revokes a certificate, or all of a partner\'s, for ever',
  operands: '[<serial number>]',
  about: [
    'What is revoked is let in by no switch on the book a second later, also on connections that are there; where a switch cannot reach the book, thirty seconds later at the most, because it then lets nobody in. ca check says how it stands.',
    'The key of a revoked certificate is not certified again. One that was revoked before is told, and stays as it was.',
  ],
  options: { partner: { type: 'string', value: '<name>', about: 'all of this partner\'s, instead of one' }, ...whyOption, ...operatorOptions },
  examples: [{ line: 'ca revoke --partner demo --why stolen', about: 'All that the partner has.', needs: 'running demo' }],
  async run(given, outside) {
    const partner = given.text('partner');
    if ((partner === undefined) === (given.operands.length === 0)) throw new UsageError('either a serial number says which is revoked, or --partner whose all are');
    const path = partner === undefined ? `certificates/${encodeURIComponent(serialOf(operandOf(caRevokeCommand, given)))}/revoke` : `partners/${encodeURIComponent(partner)}/revoke-certificates`;
    const answer = await askSwitch<{ readonly certificates: readonly CertificateShown[]; readonly was?: CertificateShown }>(given, outside, { method: 'POST', path, fields: { why: whyOf(given) } });
    if (given.has('json')) {
      outside.print(JSON.stringify(answer));
      return 0;
    }
    const { certificates, was } = answer;
    for (const { serial, partner: whose } of certificates) outside.print(`Revoked: ${serial}, of the partner ${whose}.`);
    if (was?.revoked !== undefined) outside.print(`It was revoked before, at ${timeWords(Date.parse(was.revoked.at))} by ${was.revoked.by}: ${was.revoked.why}`);
    else if (certificates.length === 0) outside.print(`The partner ${partner ?? ''} has no certificate that is not revoked.`);
    return 0;
  },
};

export const caCrlCommand: Command = {
  name: 'ca crl',
  summary: 'Signs the list of certificates that are revoked and not expired (a CRL)',
  operands: '',
  about: ['For other software that stands before Locum, such as a proxy that ends TLS. The list says that it is good for a week; what is revoked after it was made is not on it. Locum itself asks the book.'],
  options: { ...outOption, ...operatorOptions },
  examples: [{ line: 'ca crl', about: 'As PEM.', needs: 'running demo' }],
  async run(given, outside) {
    if (given.operands.length > 0) throw new UsageError('ca crl takes options alone');
    refuseTaken(given, outside);
    const answer = await askSwitch<RevocationList>(given, outside, { method: 'POST', path: 'authority/revocations' });
    if (given.has('json')) outside.print(JSON.stringify(answer));
    handOut(given, outside, answer.list, !given.has('json'));
    return 0;
  },
};

async function fileOrInput({ name }: Command, given: Given, outside: Outside): Promise<string> {
  const [file, ...more] = given.operands;
  if (more.length > 0) throw new UsageError(`${name} takes one file at most`);
  if (file === undefined) return (await outside.readInput()).toString('latin1');
  try {
    return readFileSync(resolve(outside.cwd, file), 'latin1');
  } catch (error) {
    throw new Failure(`${file} cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : 'unknown'})`);
  }
}

/** Before anything is asked for. @throws Failure */
function refuseTaken(given: Given, outside: Outside): void {
  const file = given.text('out');
  if (file !== undefined && existsSync(resolve(outside.cwd, file))) throw new Failure(`${file} is there already`);
}

/** @param prints where no file is named */
function handOut(given: Given, outside: Outside, pem: string, prints: boolean): void {
  const file = given.text('out');
  if (file === undefined) {
    if (prints) outside.print(pem.trimEnd());
    return;
  }
  try {
    writeFileSync(resolve(outside.cwd, file), pem, { flag: 'wx' });
  } catch (error) {
    throw new Failure(`${file} cannot be written (${error instanceof Error && 'code' in error ? String(error.code) : 'unknown'}); it was made all the same`);
  }
  if (prints) outside.print(`Written to ${file}.`);
}

/** As openssl and others print them, too: in capitals, or with colons. */
function serialOf(text: string): string {
  return text.replaceAll(':', '').toLowerCase();
}

function authorityLines({ subject, fingerprint, notAfter, madeAt, madeBy, isSigningHere }: AuthorityShown): string[] {
  return ['authority', ...aligned([
    ['subject', subject], ['fingerprint', `SHA-256 ${fingerprint}`], ['made', `${timeWords(Date.parse(madeAt))} by ${madeBy}`], ['good until', timeWords(Date.parse(notAfter))],
    ['signs', isSigningHere ? 'here: this switch has its private key' : 'elsewhere: another switch has its private key'],
  ], '  ')];
}

function certificateLines({ serial, partner, state, subject, fingerprint, key, notBefore, notAfter, issuedAt, issuedBy, issuedWhy, revoked }: CertificateShown): string[] {
  const facts = [
    ['partner', partner], ['state', state], ['subject', subject], ['key', key], ['fingerprint', `SHA-256 ${fingerprint}`], ['good', `from ${timeWords(Date.parse(notBefore))} to ${timeWords(Date.parse(notAfter))}`],
    ['issued', `${timeWords(Date.parse(issuedAt))} by ${issuedBy}${issuedWhy === '' ? '' : `: ${issuedWhy}`}`],
  ];
  if (revoked !== undefined) facts.push(['revoked', `${timeWords(Date.parse(revoked.at))} by ${revoked.by}: ${revoked.why}`]);
  return [`certificate ${serial}`, ...aligned(facts, '  ')];
}
