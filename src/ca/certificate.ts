/**
 * X.509 v3 certificates and lists of revoked ones (RFC 5280), made and signed. What one says is decided by `authority.ts`.
 */
import { createHash, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier, AttributeTypeAndValue, AttributeValue, AuthorityKeyIdentifier, BasicConstraints, Certificate, CertificateList, CRLNumber, ExtendedKeyUsage, Extension, Extensions,
  GeneralName, id_ce_authorityKeyIdentifier, id_ce_basicConstraints, id_ce_cRLNumber, id_ce_extKeyUsage, id_ce_keyUsage, id_ce_subjectAltName, id_ce_subjectKeyIdentifier, id_kp_clientAuth,
  KeyIdentifier, KeyUsage, KeyUsageFlags, Name, RelativeDistinguishedName, RevokedCertificate, SubjectAlternativeName, SubjectKeyIdentifier, SubjectPublicKeyInfo, TBSCertificate, TBSCertList,
  Time, Validity, Version,
} from '@peculiar/asn1-x509';

export interface Signer {
  /** Of the subject, which its certificates have as issuer. */
  readonly commonName: string;
  readonly publicKey: KeyObject;
  /** P-256. */
  readonly privateKey: KeyObject;
}

export interface CertificateContent {
  /** A positive number, big-endian, of 20 bytes at most. */
  readonly serial: Uint8Array;
  readonly commonName: string;
  readonly publicKey: KeyObject;
  /** Unix ms; whole seconds of it are written. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Undefined: the signer's own, which is an authority. */
  readonly clientUri: string | undefined;
}

export interface RevokedSerial {
  /** Hexadecimal digits. */
  readonly serial: string;
  readonly revokedAtMs: number;
}

const commonNameType = '2.5.4.3';
const ecdsaWithSha256 = '1.2.840.10045.4.3.2';
const version2 = 1;

/** @returns DER */
export function certify(signer: Signer, content: CertificateContent): Buffer {
  const key = keyInfoOf(content.publicKey);
  const isAuthority = content.clientUri === undefined;
  const usage = isAuthority ? KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign : KeyUsageFlags.digitalSignature;
  const extensions = [
    extension(id_ce_basicConstraints, true, isAuthority ? new BasicConstraints({ cA: true, pathLenConstraint: 0 }) : new BasicConstraints()),
    extension(id_ce_keyUsage, true, new KeyUsage(usage)),
    extension(id_ce_subjectKeyIdentifier, false, new SubjectKeyIdentifier(identifierOf(key))),
    extension(id_ce_authorityKeyIdentifier, false, authorityIdentifier(signer)),
  ];
  if (content.clientUri !== undefined) {
    extensions.push(
      extension(id_ce_extKeyUsage, false, new ExtendedKeyUsage([id_kp_clientAuth])),
      extension(id_ce_subjectAltName, false, new SubjectAlternativeName([new GeneralName({ uniformResourceIdentifier: content.clientUri })])),
    );
  }
  const tbsCertificate = new TBSCertificate({
    version: Version.v3, serialNumber: bufferOf(content.serial), signature: algorithm(), issuer: nameOf(signer.commonName), subject: nameOf(content.commonName),
    validity: new Validity({ notBefore: secondOf(content.notBeforeMs), notAfter: secondOf(content.notAfterMs) }), subjectPublicKeyInfo: key, extensions: new Extensions(extensions),
  });
  const signatureValue = signatureOf(signer, tbsCertificate);
  return Buffer.from(AsnConvert.serialize(new Certificate({ tbsCertificate, signatureAlgorithm: algorithm(), signatureValue })));
}

/** A list of what is revoked. @param number of the list, more than any before it @returns DER */
export function signRevocationList(signer: Signer, revoked: readonly RevokedSerial[], { number, thisUpdateMs, nextUpdateMs }: { readonly number: number; readonly thisUpdateMs: number; readonly nextUpdateMs: number }): Buffer {
  const tbsCertList = new TBSCertList({
    version: version2, signature: algorithm(), issuer: nameOf(signer.commonName), thisUpdate: new Time(secondOf(thisUpdateMs)), nextUpdate: new Time(secondOf(nextUpdateMs)),
    crlExtensions: [extension(id_ce_authorityKeyIdentifier, false, authorityIdentifier(signer)), extension(id_ce_cRLNumber, false, new CRLNumber(number))],
  });
  // The list of none is left out (5.1.2.6).
  if (revoked.length > 0) tbsCertList.revokedCertificates = revoked.map(({ serial, revokedAtMs }) => new RevokedCertificate({ userCertificate: bufferOf(Buffer.from(serial, 'hex')), revocationDate: new Time(secondOf(revokedAtMs)) }));
  return Buffer.from(AsnConvert.serialize(new CertificateList({ tbsCertList, signatureAlgorithm: algorithm(), signature: signatureOf(signer, tbsCertList) })));
}

function signatureOf({ privateKey }: Signer, content: TBSCertificate | TBSCertList): ArrayBuffer {
  return bufferOf(sign('sha256', Buffer.from(AsnConvert.serialize(content)), privateKey));
}

function algorithm(): AlgorithmIdentifier {
  return new AlgorithmIdentifier({ algorithm: ecdsaWithSha256 });
}

function nameOf(commonName: string): Name {
  return new Name([new RelativeDistinguishedName([new AttributeTypeAndValue({ type: commonNameType, value: new AttributeValue({ utf8String: commonName }) })])]);
}

function keyInfoOf(key: KeyObject): SubjectPublicKeyInfo {
  return AsnConvert.parse(key.export({ type: 'spki', format: 'der' }), SubjectPublicKeyInfo);
}

function authorityIdentifier({ publicKey }: Signer): AuthorityKeyIdentifier {
  return new AuthorityKeyIdentifier({ keyIdentifier: new KeyIdentifier(identifierOf(keyInfoOf(publicKey))) });
}

/** The first 160 bits of the key's SHA-256 (RFC 7093, 2, method 1). */
function identifierOf({ subjectPublicKey }: SubjectPublicKeyInfo): ArrayBuffer {
  return bufferOf(createHash('sha256').update(Buffer.from(subjectPublicKey)).digest().subarray(0, 20));
}

function extension(extnID: string, critical: boolean, value: unknown): Extension {
  return new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) });
}

/** Certificates have whole seconds. */
function secondOf(unixMs: number): Date {
  return new Date(Math.floor(unixMs / 1_000) * 1_000);
}

function bufferOf(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}
