/**
 * A certificate that a listener has where nobody gave it one: of a key that was made with it, signed by itself, kept in two files. Partners take it
 * as the one that they trust at this address (`curl --cacert`). In production the configuration names files of a certificate that others know.
 */
import { createHash, generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier, AttributeTypeAndValue, AttributeValue, BasicConstraints, Certificate, ExtendedKeyUsage, Extension, Extensions, GeneralName, id_ce_basicConstraints, id_ce_extKeyUsage,
  id_ce_keyUsage, id_ce_subjectAltName, id_ce_subjectKeyIdentifier, id_kp_serverAuth, KeyUsage, KeyUsageFlags, Name, RelativeDistinguishedName, SubjectAlternativeName, SubjectKeyIdentifier,
  SubjectPublicKeyInfo, TBSCertificate, Validity, Version,
} from '@peculiar/asn1-x509';
import type { AuthorityOutside } from './authority.ts';
import { writePem } from './pem.ts';

export interface ServerFiles {
  /** PEM. */
  readonly certificateFile: string;
  readonly keyFile: string;
}

const fileStem = 'secure-door';
/** Of the file, in the data folder, with the certificate that nobody gave. */
export const serverCertificateName = `${fileStem}.crt`;
const days = 825;
const dayMs = 86_400_000;
/** Made anew that long before it ends. */
const renewedMs = 30 * dayMs;
const backdatedMs = 300_000;
const commonNameType = '2.5.4.3';
const ecdsaWithSha256 = '1.2.840.10045.4.3.2';

/** The files in the folder; made where they are not there, or end soon. @param names host names and addresses that it is for; the first is its subject */
export function keyWithCertificate(folder: string, names: readonly string[], outside: AuthorityOutside): ServerFiles {
  const files = { certificateFile: join(folder, serverCertificateName), keyFile: join(folder, `${fileStem}.key`) };
  if (existsSync(files.certificateFile) && existsSync(files.keyFile) && new X509Certificate(readFileSync(files.certificateFile)).validToDate.getTime() - outside.now() > renewedMs) return files;
  const { certificate, privateKey } = selfSigned(names, outside);
  // The certificate last: a stop in between leaves none, or one with its own key.
  writeWhole(files.keyFile, privateKey);
  writeWhole(files.certificateFile, certificate);
  return files;
}

function writeWhole(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

function selfSigned(names: readonly string[], { now, randomBytes }: AuthorityOutside): { readonly certificate: string; readonly privateKey: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = AsnConvert.parse(publicKey.export({ type: 'spki', format: 'der' }), SubjectPublicKeyInfo);
  const name = new Name([new RelativeDistinguishedName([new AttributeTypeAndValue({ type: commonNameType, value: new AttributeValue({ utf8String: names[0] ?? 'localhost' }) })])]);
  const notBeforeMs = now() - backdatedMs;
  const algorithm = new AlgorithmIdentifier({ algorithm: ecdsaWithSha256 });
  const serial = Uint8Array.from([0x40, ...randomBytes(16)]);
  const tbsCertificate = new TBSCertificate({
    version: Version.v3, serialNumber: serial.buffer, signature: algorithm, issuer: name, subject: name, subjectPublicKeyInfo: key,
    validity: new Validity({ notBefore: new Date(notBeforeMs), notAfter: new Date(notBeforeMs + days * dayMs) }),
    extensions: new Extensions([
      extension(id_ce_basicConstraints, true, new BasicConstraints()),
      extension(id_ce_keyUsage, true, new KeyUsage(KeyUsageFlags.digitalSignature)),
      extension(id_ce_extKeyUsage, false, new ExtendedKeyUsage([id_kp_serverAuth])),
      extension(id_ce_subjectKeyIdentifier, false, new SubjectKeyIdentifier(Uint8Array.from(createHash('sha256').update(new Uint8Array(key.subjectPublicKey)).digest().subarray(0, 20)).buffer)),
      extension(id_ce_subjectAltName, false, new SubjectAlternativeName(names.map((each) => new GeneralName(isIP(each) === 0 ? { dNSName: each } : { iPAddress: each })))),
    ]),
  });
  const signature = sign('sha256', Buffer.from(AsnConvert.serialize(tbsCertificate)), { key: privateKey, dsaEncoding: 'der' });
  const certificate = new Certificate({ tbsCertificate, signatureAlgorithm: algorithm, signatureValue: new Uint8Array(signature).buffer });
  return { certificate: writePem('CERTIFICATE', new Uint8Array(AsnConvert.serialize(certificate))), privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string };
}

function extension(extnID: string, critical: boolean, value: object): Extension {
  return new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) });
}

