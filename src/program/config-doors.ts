/** What the configuration says of the doors of cardholders, staff and partners: its schema, and how it is used. */
import { isIP } from 'node:net';
import type { ObjectSchema, RangeSchema, TextSchema } from '../base/schema.ts';
import { ConfigError } from '../base/schema.ts';
import type { Rate } from '../doors/caller-limits.ts';
import type { MoneySettings } from '../office/money-desk.ts';
import type { OfficeDoors } from '../office/protocol.ts';

export interface TlsPlace {
  /** Absolute paths, PEM. */
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface DoorsConfig {
  readonly secure: { readonly host: string; readonly port: number; /** Undefined: made at the first start, in the data folder. */ readonly tls: TlsPlace | undefined };
  readonly sessionMinutes: number;
  readonly staffSessionMinutes: number;
  readonly idempotencyHours: number;
  readonly keyOverlapHours: number;
  readonly answerMsMax: number;
  readonly connectionsMax: number;
  /** Requests a second. */
  readonly partnerRate: number;
  readonly userRate: number;
  readonly staffRate: number;
  readonly strangerRate: number;
}

/** What `readBySchema` returns for `doorsSchema`. */
export interface DoorsJson extends Omit<DoorsConfig, 'secure'> {
  readonly secure: { readonly host: string; readonly port?: number } & TlsJson;
}

export interface TlsJson {
  readonly certificateFile?: string;
  readonly keyFile?: string;
}

function count(description: string, minimum: number, maximum: number, byDefault?: number): RangeSchema {
  return { type: 'integer', description, minimum, maximum, ...(byDefault === undefined ? {} : { default: byDefault }) };
}

function text(description: string): TextSchema {
  return { type: 'string', description, minLength: 1 };
}

const usualPort = 8443;

export const doorsSchema: ObjectSchema = {
  type: 'object',
  description: 'the doors of cardholders, staff and partners',
  additionalProperties: false,
  required: [],
  default: {},
  properties: {
    secure: {
      type: 'object',
      description: 'the partners\' door (/secure): TLS with client certificates that locum ca signed',
      additionalProperties: false,
      required: [],
      default: {},
      properties: {
        host: { ...text('the address; 0.0.0.0 or :: for all'), default: '127.0.0.1' },
        port: count(`the port; 0 for one that is free. By default ${usualPort}, and 0 where http.port is 0`, 0, 65_535),
        certificateFile: text('the door\'s own certificate, with those between it and its authority behind it; PEM. By default one that signs itself, secure-door.crt in dataDir, made at the first start'),
        keyFile: text('its private key; PEM. By default secure-door.key in dataDir'),
      },
    },
    sessionMinutes: count('how long a session of a cardholder lives; minutes', 1, 1_440, 10),
    staffSessionMinutes: count('how long a session of one of the staff lives; minutes', 1, 1_440, 10),
    idempotencyHours: count('how long an answer is kept for the same call again; hours', 1, 720, 24),
    keyOverlapHours: count('how long a key that was replaced opens what was encrypted to it; hours', 1, 720, 24),
    answerMsMax: count('how long a call may take; milliseconds', 100, 50_000, 10_000),
    connectionsMax: count('connections at each of the two addresses', 1, 65_535, 1_024),
    partnerRate: count('requests a second that a partner may send, and twice as many at once', 1, 1_000_000, 2_000),
    userRate: count('requests a second of a cardholder', 1, 1_000_000, 20),
    staffRate: count('requests a second of one of the staff', 1, 1_000_000, 50),
    strangerRate: count('requests a second of an address that shows no credentials, or wrong ones', 1, 1_000_000, 20),
  },
};

/** @param httpPort the other doors' @throws ConfigError */
export function doorsOf({ secure, ...more }: DoorsJson, httpPort: number): DoorsConfig {
  const { host, port = httpPort === 0 ? 0 : usualPort } = secure;
  return { ...more, secure: { host, port, tls: tlsPlaceOf(secure, 'doors.secure') } };
}

/** @param path where it stands @throws ConfigError where one of the two is missing */
export function tlsPlaceOf({ certificateFile, keyFile }: TlsJson, path: string): TlsPlace | undefined {
  if (certificateFile === undefined && keyFile === undefined) return undefined;
  if (certificateFile === undefined || keyFile === undefined) throw new ConfigError(`${path}.${certificateFile === undefined ? 'certificateFile' : 'keyFile'}`, 'is missing: a certificate and its key go together');
  return { certificateFile, keyFile };
}

/** @param path where it stands @throws ConfigError where one is neither an address nor a network */
export function proxiesOf(proxies: readonly string[], path: string): readonly string[] {
  for (const [index, proxy] of proxies.entries()) {
    const [address = '', bits, more] = proxy.split('/');
    const version = isIP(address);
    // A network of 0 bits is everybody: whoever comes could say who they are.
    const isWhole = bits === undefined || (/^[1-9][0-9]{0,2}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
    if (version === 0 || more !== undefined || !isWhole) throw new ConfigError(`${path}[${index}]`, `must be an address or a network such as 10.0.0.0/8, not ${proxy}`);
  }
  return proxies;
}

/** What the office's thread is told of it. @param port of the partners' door, which stays the one that was drawn @param folder where a certificate is made */
export function officeDoors({ secure, idempotencyHours, keyOverlapHours, answerMsMax, sessionMinutes, staffSessionMinutes, connectionsMax, partnerRate, userRate, staffRate, strangerRate }: DoorsConfig, port: number, folder: string): Omit<OfficeDoors, keyof MoneySettings> {
  return {
    secure: { host: secure.host, port, tls: secure.tls, folder }, idempotencyHours, keyOverlapHours, answerMsMax, sessionMinutes, staffSessionMinutes, connectionsMax,
    rates: { partner: rateOf(partnerRate), user: rateOf(userRate), staff: rateOf(staffRate), stranger: rateOf(strangerRate) },
  };
}

function rateOf(perSecond: number): Rate {
  return { perSecond, burst: perSecond * 2 };
}

/** Whether sessions of cardholders and staff cross a network without TLS. */
export function isInClear({ host, tls }: { readonly host: string; readonly tls: TlsPlace | undefined }): boolean {
  return tls === undefined && !/^(?:localhost|127\.[0-9.]+|::1)$/.test(host);
}
