/** The part of an issuer's row that says at which URL it is asked, and with what keys: its schema, and what it comes to. */
import { ConfigError } from '../base/schema.ts';
import type { ObjectSchema } from '../base/schema.ts';
import type { TlsFiles } from '../link/config.ts';
import { choice, count, keyName, text } from './schema-parts.ts';

export interface KeyFileRow {
  readonly keyId: string;
  readonly file: string;
}

/** An issuer at a URL: docs/remote-issuer.md. */
export interface RemoteRow {
  /** Without a path. */
  readonly origin: string;
  /** Of the URL, without a slash at its end; may be empty. */
  readonly path: string;
  /** Undefined: plain HTTP, to this machine alone. */
  readonly tls: TlsFiles | undefined;
  readonly signing: KeyFileRow;
  readonly verification: readonly KeyFileRow[];
  readonly pan: 'encrypted' | 'clear' | 'none';
  readonly encryption: KeyFileRow | undefined;
  readonly pin: { readonly pinKey: string; readonly pinFormat: 0 | 1 | 3 } | undefined;
  readonly connections: number;
  readonly answerBytesMax: number;
  readonly timers: { readonly connectMs: number; readonly healthMs: number; readonly lateMs: number; readonly clockSkewMs: number };
}

interface RemoteDocument extends Omit<RemoteRow, 'origin' | 'path' | 'tls' | 'signing' | 'verification' | 'encryption' | 'pin'> {
  readonly url: string;
  readonly tls?: Pick<TlsFiles, 'authoritiesFile' | 'certificateFile' | 'privateKeyFile' | 'serverName'>;
  readonly signing: { readonly keyId: string; readonly privateKeyFile: string };
  readonly verification: readonly { readonly keyId: string; readonly publicKeyFile: string }[];
  readonly encryption?: { readonly keyId: string; readonly publicKeyFile: string };
  readonly pin?: { readonly key: string; readonly format: 0 | 1 | 3 };
}

const keyId = text('the name (kid) that both sides know it by', '^[A-Za-z0-9._-]{1,64}$', '1 to 64 of letters, digits, dot, underscore and hyphen');

const tlsSchema: ObjectSchema = {
  type: 'object',
  description: 'TLS 1.2 or later, always with https',
  additionalProperties: false,
  required: [],
  properties: {
    authoritiesFile: text('the authorities that may have issued the issuer\'s certificate (PEM); by default the public ones'),
    certificateFile: text('our certificate, then its intermediates (PEM): what the issuer knows us by'),
    privateKeyFile: text('the certificate\'s private key (PEM)'),
    serverName: text('the name that the issuer\'s certificate must have, if it is not the URL\'s host'),
  },
};

const timersSchema: ObjectSchema = {
  type: 'object',
  description: 'times of the connection; how long the issuer has for an answer is the row\'s own timers',
  additionalProperties: false,
  required: [],
  default: {},
  properties: {
    connectMs: count('milliseconds for a connection to stand, TLS included', 10, 60_000, 2_000),
    healthMs: count('milliseconds between two questions whether the issuer is there', 100, 3_600_000, 5_000),
    lateMs: count('milliseconds that an answer is listened for after its time', 0, 600_000, 10_000),
    clockSkewMs: count('milliseconds that a signature may be old, and the clocks apart', 1_000, 3_600_000, 60_000),
  },
};

export const remoteSchema: ObjectSchema = {
  type: 'object',
  description: 'host: the URL that it is asked at in place of stations, by JSON over HTTPS: docs/remote-issuer.md',
  additionalProperties: false,
  required: ['url', 'signing', 'verification'],
  properties: {
    url: text('where it is asked: https, or http to this machine; messages are posted to its /messages, and its /health is asked'),
    tls: tlsSchema,
    signing: {
      type: 'object',
      description: 'the key that we sign with: Ed25519 or P-256',
      additionalProperties: false,
      required: ['keyId', 'privateKeyFile'],
      properties: { keyId, privateKeyFile: text('a file with the private key: PEM, or a JWK') },
    },
    verification: {
      type: 'array',
      description: 'the keys that the issuer may sign with; more than one while it changes them',
      items: {
        type: 'object',
        description: 'a key',
        additionalProperties: false,
        required: ['keyId', 'publicKeyFile'],
        properties: { keyId, publicKeyFile: text('a file with the public key: PEM, or a JWK') },
      },
    },
    pan: choice('how it is told the card number: encrypted with its key; clear, within TLS; none, where it knows cards by their tokens', ['encrypted', 'clear', 'none'], 'encrypted'),
    encryption: {
      type: 'object',
      description: 'the issuer\'s key that card numbers are encrypted with: RSA of 2048 bits or more, P-256 or X25519',
      additionalProperties: false,
      required: ['keyId', 'publicKeyFile'],
      properties: { keyId, publicKeyFile: text('a file with the public key: PEM, or a JWK') },
    },
    pin: {
      type: 'object',
      description: 'how it gets PINs; without it, it is told how they were verified, and gets none',
      additionalProperties: false,
      required: ['key'],
      properties: {
        key: keyName('the key (usage zpk) that PIN blocks are enciphered under'),
        format: { type: 'integer', description: 'of ISO 9564-1', enum: [0, 1, 3], default: 0 },
      },
    },
    connections: count('connections at once; each has one message under way, and the others wait', 1, 1_000, 16),
    answerBytesMax: count('bytes of an answer\'s body', 1_024, 1_048_576, 65_536),
    timers: timersSchema,
  },
};

/** @throws ConfigError with the place in the row */
export function readRemote(document: unknown, path: string): RemoteRow {
  const { url, tls, signing, verification, pan, encryption, pin, connections, answerBytesMax, timers } = document as RemoteDocument;
  const { origin, pathname, isSecure } = readUrl(url, `${path}.url`);
  if (!isSecure && tls !== undefined) throw new ConfigError(`${path}.tls`, 'is for https; the URL is http');
  if (tls !== undefined && (tls.certificateFile === undefined) !== (tls.privateKeyFile === undefined)) {
    throw new ConfigError(`${path}.tls.${tls.certificateFile === undefined ? 'certificateFile' : 'privateKeyFile'}`, 'is missing: certificate and private key go together');
  }
  if (verification.length === 0) throw new ConfigError(`${path}.verification`, 'must have a key at least: an answer that nobody signed is none');
  const again = verification.find((key, index) => verification.findIndex((other) => other.keyId === key.keyId) < index);
  if (again !== undefined) throw new ConfigError(`${path}.verification`, `has the key ${again.keyId} a second time`);
  if (pan === 'encrypted' && encryption === undefined) throw new ConfigError(`${path}.encryption`, 'is missing: card numbers are encrypted with it; or pan says clear, or none');
  if (pan !== 'encrypted' && encryption !== undefined) throw new ConfigError(`${path}.encryption`, `is for card numbers that are encrypted; pan says ${pan}`);
  return {
    origin, path: pathname,
    tls: isSecure ? { ...tls, clientCertificate: 'none', clientNames: [] } : undefined,
    signing: { keyId: signing.keyId, file: signing.privateKeyFile },
    verification: verification.map((key) => ({ keyId: key.keyId, file: key.publicKeyFile })),
    pan, encryption: encryption === undefined ? undefined : { keyId: encryption.keyId, file: encryption.publicKeyFile },
    pin: pin === undefined ? undefined : { pinKey: pin.key, pinFormat: pin.format },
    connections, answerBytesMax, timers,
  };
}

function readUrl(text: string, path: string): { readonly origin: string; readonly pathname: string; readonly isSecure: boolean } {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) throw new ConfigError(path, 'must be a URL that begins with https://');
  if (url.username !== '' || url.password !== '') throw new ConfigError(path, 'must have no user and no password in it: the issuer knows us by certificate and signature');
  if (url.search !== '' || url.hash !== '') throw new ConfigError(path, 'must have no query and no fragment');
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) throw new ConfigError(path, 'must begin with https://; http:// is for this machine alone (127.0.0.1, [::1], localhost)');
  return { origin: url.origin, pathname: url.pathname.replace(/\/+$/, ''), isSecure: url.protocol === 'https:' };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.(?:[0-9]{1,3}\.){2}[0-9]{1,3}$/.test(host);
}
