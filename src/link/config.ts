/**
 * A station's link as the configuration writes it, and what the code makes of it.
 *
 * Owns the schema of that part, which is also its documentation, and the rules that no schema can say. Refuses, at start and with
 * the place, what would only fail later: a frame limit that the length prefix can't reach, a TLS listener without a certificate.
 */
import { frameBytesMax } from '../base/limits.ts';
import { ConfigError, readBySchema } from '../base/schema.ts';
import type { Schema } from '../base/schema.ts';
import type { BackOff } from './back-off.ts';
import type { EndpointConfig, EndpointLimits } from './endpoint.ts';
import { compileFraming, headerBytesMax, keepAlives, lengthEncodings, tpduBytes } from './framing.ts';
import type { Framing, FramingConfig } from './framing.ts';
import type { TlsConfig } from './network.ts';
import type { SessionConfig } from './session.ts';

/** TLS by the names of its files; `loadTls` reads them. */
export interface TlsFiles {
  readonly certificateFile?: string;
  readonly privateKeyFile?: string;
  readonly authoritiesFile?: string;
  readonly clientCertificate: 'none' | 'required';
  readonly clientNames: readonly string[];
  readonly serverName?: string;
}

/** A link that was read from the configuration: everything is there, and fits together. */
export interface LinkConfig {
  readonly role: 'listen' | 'connect';
  readonly host: string;
  readonly port: number;
  readonly connectTimeoutMs: number;
  readonly backOff: BackOff;
  readonly framing: Framing;
  readonly tls: TlsFiles | undefined;
  readonly limits: EndpointLimits;
  readonly session: SessionConfig;
}

const dayMs = 86_400_000;
/** Where somebody has to sign on, a peer that says nothing is of no use. Where nobody has, it may be waiting for its first customer. */
const firstFrameTimeoutUsualMs = 60_000;

function duration(description: string, minimum: number, byDefault?: number): Schema {
  return { type: 'integer', description, minimum, maximum: dayMs, ...(byDefault === undefined ? {} : { default: byDefault }) };
}

function text(description: string): Schema {
  return { type: 'string', description, minLength: 1 };
}

const portSchema: Schema = { type: 'integer', description: 'the TCP port', minimum: 0, maximum: 65_535 };

export const framingSchema: Schema = {
  type: 'object',
  description: 'how a message is told from the next one',
  additionalProperties: false,
  required: [],
  default: {},
  properties: {
    lengthBytes: { type: 'integer', description: 'bytes of the length in front of each message', enum: [2, 4], default: 2 },
    lengthEncoding: {
      type: 'string',
      description: 'how the length is written: binary with the high or the low byte first, two decimal digits a byte, or one ASCII digit a byte',
      enum: lengthEncodings,
      default: 'big-endian',
    },
    lengthIncludesItself: { type: 'boolean', description: 'whether the length counts its own bytes', default: false },
    lengthIncludesHeader: { type: 'boolean', description: 'whether the length counts the TPDU or header', default: true },
    tpdu: {
      type: 'string',
      description: 'each message has a TPDU after the length; this is the one of requests that we send. An answer has its request\'s, with source and destination swapped',
      minLength: 1,
      pattern: `^[0-9A-Fa-f]{${tpduBytes * 2}}$`,
      $comment: `${tpduBytes * 2} hex digits: identifier, destination, source`,
    },
    header: {
      type: 'string',
      description: 'each message has a header of this length after the length; this is the one of requests that we send. An answer has its request\'s',
      minLength: 2,
      pattern: `^([0-9A-Fa-f]{2}){1,${headerBytesMax}}$`,
      $comment: `an even number of hex digits, ${headerBytesMax * 2} at most`,
    },
    keepAlive: {
      type: 'string',
      description: 'what an empty message means: nothing, a question that is answered by an empty one, or an error that closes the connection',
      enum: keepAlives,
      default: 'ignore',
    },
  },
};

export const linkSchema: Schema = {
  type: 'object',
  description: 'how a station is reached',
  additionalProperties: false,
  required: [],
  properties: {
    listen: {
      type: 'object',
      description: 'the station calls us here',
      additionalProperties: false,
      required: ['port'],
      properties: {
        host: { type: 'string', description: 'our address; 0.0.0.0 or :: for all', minLength: 1, default: '127.0.0.1' },
        port: portSchema,
        handshakeTimeoutMs: duration('for the TLS handshake', 1, 10_000),
      },
    },
    connect: {
      type: 'object',
      description: 'we call the station here',
      additionalProperties: false,
      required: ['host', 'port'],
      properties: {
        host: text('the station\'s name or address'),
        port: { ...portSchema, minimum: 1 },
        connections: { type: 'integer', description: 'how many connections are kept', minimum: 1, maximum: 64, default: 1 },
        timeoutMs: duration('for a connection to stand, TLS included', 1, 10_000),
        retryFirstMs: duration('the wait after the first failure; it doubles with each further one, less up to half of it by chance', 1, 500),
        retryMaxMs: duration('no wait is longer', 1, 30_000),
      },
    },
    framing: framingSchema,
    tls: {
      type: 'object',
      description: 'TLS 1.2 or later; without this, the link is plain TCP',
      additionalProperties: false,
      required: [],
      properties: {
        certificateFile: text('our certificate, then its intermediates (PEM)'),
        privateKeyFile: text('the certificate\'s private key (PEM)'),
        authoritiesFile: text('the authorities that may have issued the peer\'s certificate (PEM); without it, connecting, the public ones'),
        clientCertificate: {
          type: 'string',
          description: 'listening: whether the peer must show a certificate',
          enum: ['none', 'required'],
          default: 'none',
        },
        clientNames: {
          type: 'array',
          description: 'listening: the peer\'s certificate must be for one of these names (CN or DNS); none: any that is trusted',
          items: text('a name'),
          default: [],
        },
        serverName: text('connecting: the name that the peer\'s certificate must have, if it is not the host that is connected to'),
      },
    },
    limits: {
      type: 'object',
      description: 'at a limit the peer is not read, until there is room again',
      additionalProperties: false,
      required: [],
      default: {},
      properties: {
        connections: { type: 'integer', description: 'listening: connections at once', minimum: 1, maximum: 10_000, default: 64 },
        silentGiveWay: {
          type: 'boolean',
          description: 'listening, with all connections taken: whether the oldest that never sent a whole message gives its place to a new one. Otherwise, and where there is no such connection, the new one is turned away',
          default: true,
        },
        frameBytes: {
          type: 'integer',
          description: 'bytes of a message, its TPDU or header included; a longer one closes the connection. By default 8192, or what the length can say if that is less',
          minimum: 1,
          maximum: frameBytesMax,
        },
        inFlight: { type: 'integer', description: 'requests received and not answered, on all connections', minimum: 1, maximum: 1_000_000, default: 4_096 },
        inFlightPerConnection: { type: 'integer', description: 'the same on one connection', minimum: 1, maximum: 1_000_000, default: 1_024 },
        outgoingBytes: {
          type: 'integer',
          description: 'bytes that wait because the peer does not read them; from here on the peer is not read either',
          minimum: 1_024,
          maximum: 16_777_216,
          default: 262_144,
        },
        stallMs: duration('a peer that reads nothing of what waits for it for so long is closed', 10, 10_000),
      },
    },
    idle: {
      type: 'object',
      description: 'what silence means',
      additionalProperties: false,
      required: [],
      default: {},
      properties: {
        echoAfterMs: duration('after so long without a message from the peer it is sent an echo; without this, never', 10),
        closeAfterMs: duration('after so long without a message from the peer the connection is closed; without this, never', 10),
        frameTimeoutMs: duration('a message that has begun and is not whole after so long closes the connection, however many of its bytes come', 10, 30_000),
        firstFrameTimeoutMs: duration(
          `listening: a connection that has brought no whole message so long after it stood is closed. By default ${firstFrameTimeoutUsualMs} where somebody signs on, otherwise never`,
          10,
        ),
      },
    },
    session: {
      type: 'object',
      description: 'who signs on',
      additionalProperties: false,
      required: [],
      default: {},
      properties: {
        signOn: { type: 'string', description: 'nobody, the peer to us, or us to the peer', enum: ['none', 'peer', 'us'], default: 'none' },
        echoesMissed: { type: 'integer', description: 'echoes without an answer, in a row, after which the connection is closed', minimum: 1, maximum: 100, default: 3 },
        signOnRetryMs: duration('after a sign-on of ours that was refused or not answered', 100, 5_000),
      },
    },
  },
};

/** What `readBySchema` returns for `linkSchema`. */
interface LinkJson {
  readonly listen?: { readonly host: string; readonly port: number; readonly handshakeTimeoutMs: number };
  readonly connect?: {
    readonly host: string;
    readonly port: number;
    readonly connections: number;
    readonly timeoutMs: number;
    readonly retryFirstMs: number;
    readonly retryMaxMs: number;
  };
  readonly framing: FramingConfig;
  readonly tls?: TlsFiles;
  readonly limits: {
    readonly connections: number;
    readonly silentGiveWay: boolean;
    readonly frameBytes?: number;
    readonly inFlight: number;
    readonly inFlightPerConnection: number;
    readonly outgoingBytes: number;
    readonly stallMs: number;
  };
  readonly idle: { readonly echoAfterMs?: number; readonly closeAfterMs?: number; readonly frameTimeoutMs: number; readonly firstFrameTimeoutMs?: number };
  readonly session: { readonly signOn: SessionConfig['signOn']; readonly echoesMissed: number; readonly signOnRetryMs: number };
}

const frameBytesUsual = 8_192;
/** A listener makes no attempts; its endpoint has the field all the same. */
const backOffUnused: BackOff = { firstMs: 500, maxMs: 30_000 };

/**
 * @param path where `value` stands, such as `stations.pos.framing`
 * @throws ConfigError with the place and what is allowed there
 */
export function readFraming(value: unknown, path: string): Framing {
  const config = readBySchema(framingSchema, value, path) as FramingConfig;
  if (config.tpdu !== undefined && config.header !== undefined) {
    throw new ConfigError(path, 'has both a tpdu and a header; a message carries one of them, or none');
  }
  return compileFraming(config);
}

/**
 * @param path where `value` stands, such as `stations.pos.link`
 * @throws ConfigError with the place and what is allowed there
 */
export function readLinkConfig(value: unknown, path: string): LinkConfig {
  const json = readBySchema(linkSchema, value, path) as LinkJson;
  const framing = readFraming(json.framing, `${path}.framing`);
  if ((json.listen === undefined) === (json.connect === undefined)) throw new ConfigError(path, 'must have either listen or connect');
  if (json.tls !== undefined) checkTls(json.tls, json.listen === undefined ? 'connect' : 'listen', `${path}.tls`);
  const rest = { framing, tls: json.tls, session: sessionOf(json) };
  if (json.connect !== undefined) {
    const { host, port, connections, timeoutMs, retryFirstMs, retryMaxMs } = json.connect;
    if (retryMaxMs < retryFirstMs) throw new ConfigError(`${path}.connect.retryMaxMs`, `must be retryFirstMs (${retryFirstMs}) or more, not ${retryMaxMs}`);
    const backOff = { firstMs: retryFirstMs, maxMs: retryMaxMs };
    return { ...rest, role: 'connect', host, port, connectTimeoutMs: timeoutMs, backOff, limits: limitsOf(json, framing, connections, path) };
  }
  const { host, port, handshakeTimeoutMs } = json.listen as NonNullable<LinkJson['listen']>;
  const limits = limitsOf(json, framing, json.limits.connections, path);
  return { ...rest, role: 'listen', host, port, connectTimeoutMs: handshakeTimeoutMs, backOff: backOffUnused, limits };
}

/** @param tls what `loadTls` read from the files that the link names */
export function endpointConfig(station: string, link: LinkConfig, tls: TlsConfig | undefined): EndpointConfig {
  const { role, host, port, framing, limits, backOff, connectTimeoutMs } = link;
  return { station, role, host, port, framing, tls, limits, backOff, connectTimeoutMs };
}

function limitsOf(json: LinkJson, framing: Framing, connectionsMax: number, path: string): EndpointLimits {
  const { silentGiveWay, frameBytes, inFlight, inFlightPerConnection, outgoingBytes, stallMs } = json.limits;
  const announceable = framing.frameBytesAnnounceable;
  if (frameBytes !== undefined && frameBytes > announceable) {
    throw new ConfigError(`${path}.limits.frameBytes`, `must be ${announceable} or less, not ${frameBytes}: the length in front of a message can't say more`);
  }
  if (frameBytes !== undefined && frameBytes <= framing.headerBytes) {
    throw new ConfigError(`${path}.limits.frameBytes`, `must be more than the header's ${framing.headerBytes} bytes, not ${frameBytes}`);
  }
  return {
    connectionsMax,
    silentGiveWay,
    frameBytesMax: frameBytes ?? Math.min(frameBytesUsual, announceable),
    inFlightMax: inFlight,
    inFlightPerConnectionMax: inFlightPerConnection,
    outgoingBytesMax: outgoingBytes,
    stallMs,
    echoAfterMs: json.idle.echoAfterMs,
    closeAfterMs: json.idle.closeAfterMs,
    frameTimeoutMs: json.idle.frameTimeoutMs,
    firstFrameTimeoutMs: firstFrameTimeoutMs(json, path),
  };
}

function firstFrameTimeoutMs({ connect, idle, session }: LinkJson, path: string): number | undefined {
  if (connect === undefined) return idle.firstFrameTimeoutMs ?? (session.signOn === 'none' ? undefined : firstFrameTimeoutUsualMs);
  if (idle.firstFrameTimeoutMs === undefined) return undefined;
  throw new ConfigError(`${path}.idle.firstFrameTimeoutMs`, 'is for a station that listens; a host that we call may wait for our first message');
}

function sessionOf(json: LinkJson): SessionConfig {
  const { signOn, echoesMissed, signOnRetryMs } = json.session;
  return { signOn, echoesMissedMax: echoesMissed, signOnRetryMs };
}

function checkTls(tls: TlsFiles, role: 'listen' | 'connect', path: string): void {
  if ((tls.certificateFile === undefined) !== (tls.privateKeyFile === undefined)) {
    throw new ConfigError(path, 'must have certificateFile and privateKeyFile, or neither');
  }
  if (role === 'connect') {
    if (tls.clientCertificate !== 'none') throw new ConfigError(`${path}.clientCertificate`, 'is for a station that listens; where we connect, the peer always shows its certificate');
    if (tls.clientNames.length > 0) throw new ConfigError(`${path}.clientNames`, 'is for a station that listens; where we connect, serverName says whom we expect');
    return;
  }
  if (tls.certificateFile === undefined) throw new ConfigError(`${path}.certificateFile`, 'is missing: a station that listens with TLS needs its own certificate');
  if (tls.serverName !== undefined) throw new ConfigError(`${path}.serverName`, 'is for a station that connects; where we listen, clientNames says whom we expect');
  if (tls.clientCertificate === 'required' && tls.authoritiesFile === undefined) {
    throw new ConfigError(`${path}.authoritiesFile`, 'is missing: client certificates are checked against authorities that you name');
  }
  if (tls.clientNames.length > 0 && tls.clientCertificate === 'none') {
    throw new ConfigError(`${path}.clientCertificate`, 'must be required where clientNames are given');
  }
}
