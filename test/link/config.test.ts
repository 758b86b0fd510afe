import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { backOffMs } from '../../src/link/back-off.ts';
import { endpointConfig, linkSchema, readFraming, readLinkConfig } from '../../src/link/config.ts';
import { ConfigError } from '../../src/base/schema.ts';
import type { Schema } from '../../src/base/schema.ts';

const listen = { port: 8583 };

test('a port is all that a link needs; everything else has a default', () => {
  const link = readLinkConfig({ listen }, 'stations.pos.link');
  expect(link).toMatchObject({
    role: 'listen',
    host: '127.0.0.1',
    port: 8583,
    tls: undefined,
    session: { signOn: 'none' },
    limits: { connectionsMax: 64, frameBytesMax: 8_192, inFlightMax: 4_096, inFlightPerConnectionMax: 1_024, stallMs: 10_000, silentGiveWay: true, echoAfterMs: undefined, closeAfterMs: undefined, frameTimeoutMs: 30_000, firstFrameTimeoutMs: undefined },
  });
  expect(link.framing.config).toEqual({ lengthBytes: 2, lengthEncoding: 'big-endian', lengthIncludesItself: false, lengthIncludesHeader: true, keepAlive: 'ignore' });
  expect(endpointConfig('pos', link, undefined)).toMatchObject({ station: 'pos', role: 'listen', port: 8583 });
});

test('a peer that calls us where somebody signs on has a minute for its first message, if nothing else is said', () => {
  const first = (link: object): unknown => readLinkConfig(link, 'x').limits.firstFrameTimeoutMs;
  expect(first({ listen, session: { signOn: 'peer' } })).toBe(60_000);
  expect(first({ listen, session: { signOn: 'us' } })).toBe(60_000);
  expect(first({ listen, session: { signOn: 'peer' }, idle: { firstFrameTimeoutMs: 5_000 } })).toBe(5_000);
  expect(first({ listen, idle: { firstFrameTimeoutMs: 5_000 } })).toBe(5_000);
  expect(first({ connect: { host: 'h', port: 1 }, session: { signOn: 'us' } })).toBeUndefined();
});

test('the frame limit follows what a short length can say', () => {
  expect(readLinkConfig({ listen, framing: { lengthEncoding: 'ascii' } }, 'x').limits.frameBytesMax).toBe(99);
  expect(readLinkConfig({ listen, framing: { lengthEncoding: 'bcd', lengthIncludesItself: true } }, 'x').limits.frameBytesMax).toBe(8_192);
});

test.each([
  ['nothing at all', undefined, 'x must be an object, not nothing'],
  ['neither listen nor connect', {}, 'x must have either listen or connect'],
  ['both of them', { listen, connect: { host: 'host', port: 1 } }, 'x must have either listen or connect'],
  ['a word that is not known', { listen: { port: 1, adress: 'x' } }, 'x.listen.adress is unknown; allowed here: host, port, handshakeTimeoutMs'],
  ['no port', { listen: {} }, 'x.listen.port is missing: the TCP port'],
  ['a port that is none', { listen: { port: 70_000 } }, 'x.listen.port must be a whole number from 0 to 65535, not 70000'],
  ['a port as text', { listen: { port: '8583' } }, 'x.listen.port must be a whole number from 0 to 65535, not "8583"'],
  ['an empty host', { connect: { host: '', port: 1 } }, 'x.connect.host must be a text that is not empty, not ""'],
  ['three bytes of length', { listen, framing: { lengthBytes: 3 } }, 'x.framing.lengthBytes must be 2 or 4, not 3'],
  ['an encoding that is not known', { listen, framing: { lengthEncoding: 'ebcdic' } }, 'x.framing.lengthEncoding must be big-endian or little-endian or bcd or ascii, not "ebcdic"'],
  ['a short TPDU', { listen, framing: { tpdu: '6000' } }, 'x.framing.tpdu must be 10 hex digits: identifier, destination, source, not "6000"'],
  ['an odd header', { listen, framing: { header: '495' } }, 'x.framing.header must be an even number of hex digits, 128 at most, not "495"'],
  ['TPDU and header', { listen, framing: { tpdu: '6000000000', header: '49' } }, 'x.framing has both a tpdu and a header; a message carries one of them, or none'],
  ['yes for true', { listen, framing: { lengthIncludesItself: 'yes' } }, 'x.framing.lengthIncludesItself must be true or false, not "yes"'],
  [
    'a frame that its length can not announce',
    { listen, framing: { lengthEncoding: 'bcd', lengthIncludesItself: true }, limits: { frameBytes: 9_998 } },
    "x.limits.frameBytes must be 9997 or less, not 9998: the length in front of a message can't say more",
  ],
  ['a frame that is all header', { listen, framing: { tpdu: '6000000000' }, limits: { frameBytes: 5 } }, "x.limits.frameBytes must be more than the header's 5 bytes, not 5"],
  ['a retry that shrinks', { connect: { host: 'h', port: 1, retryFirstMs: 900, retryMaxMs: 800 } }, 'x.connect.retryMaxMs must be retryFirstMs (900) or more, not 800'],
  ['a first message that we call for', { connect: { host: 'h', port: 1 }, idle: { firstFrameTimeoutMs: 50 } }, 'x.idle.firstFrameTimeoutMs is for a station that listens; a host that we call may wait for our first message'],
  ['TLS without a certificate', { listen, tls: {} }, 'x.tls.certificateFile is missing: a station that listens with TLS needs its own certificate'],
  ['a certificate without its key', { listen, tls: { certificateFile: 'c' } }, 'x.tls must have certificateFile and privateKeyFile, or neither'],
  [
    'client certificates of anybody',
    { listen, tls: { certificateFile: 'c', privateKeyFile: 'k', clientCertificate: 'required' } },
    'x.tls.authoritiesFile is missing: client certificates are checked against authorities that you name',
  ],
  [
    'client names without certificates',
    { listen, tls: { certificateFile: 'c', privateKeyFile: 'k', clientNames: ['pos'] } },
    'x.tls.clientCertificate must be required where clientNames are given',
  ],
  [
    'a server name where we listen',
    { listen, tls: { certificateFile: 'c', privateKeyFile: 'k', serverName: 's' } },
    'x.tls.serverName is for a station that connects; where we listen, clientNames says whom we expect',
  ],
  [
    'client names where we connect',
    { connect: { host: 'h', port: 1 }, tls: { clientNames: ['a'] } },
    'x.tls.clientNames is for a station that listens; where we connect, serverName says whom we expect',
  ],
  ['names that are no list', { listen, tls: { clientNames: 'pos' } }, 'x.tls.clientNames must be a list, not "pos"'],
  ['a name that is no text', { listen, tls: { clientNames: ['a', 7] } }, 'x.tls.clientNames[1] must be a text that is not empty, not 7'],
  ['a sign-on by nobody we know', { listen, session: { signOn: 'them' } }, 'x.session.signOn must be none or peer or us, not "them"'],
])('%s is refused with its place and what is allowed', (_name, value, sentence) => {
  const read = (): unknown => readLinkConfig(value, 'x');
  expect(read).toThrow(ConfigError);
  expect(read).toThrow(expect.objectContaining({ message: sentence }));
});

test('a framing can be read on its own', () => {
  expect(readFraming({ tpdu: '6000010002' }, 'framing').headerBytes).toBe(5);
});

test('the wait before the next attempt doubles up to its maximum, less up to half of it by chance', () => {
  const backOff = { firstMs: 500, maxMs: 30_000 };
  expect([1, 2, 3, 6, 7, 8, 5_000].map((failures) => backOffMs(backOff, failures, 0))).toEqual([500, 1_000, 2_000, 16_000, 30_000, 30_000, 30_000]);
  expect(backOffMs(backOff, 2, 0.5)).toBe(750);
  expect(backOffMs(backOff, 2, 0.999999)).toBeGreaterThanOrEqual(500);
});

/** Every property below a schema, with its default as the documentation writes it. */
function properties(schema: Schema, path: string): Array<[string, string]> {
  if (schema.type !== 'object') return [];
  return Object.entries(schema.properties).flatMap(([name, property]) => {
    const below = path === '' ? name : `${path}.${name}`;
    if (property.type === 'object') return properties(property, below);
    const byDefault = property.default === undefined ? '' : `\`${JSON.stringify(property.default).replaceAll('"', '')}\``;
    return [[below, byDefault]] as Array<[string, string]>;
  });
}

test('docs/links.md lists every setting with its default, and no other', () => {
  const text = readFileSync(new URL('../../docs/links.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| `([a-zA-Z.]+)` \| ([^|]*?) ?\|/gmu)].map(([, name = '', byDefault = '']) => [name, byDefault]);
  expect(rows).toEqual(properties(linkSchema, ''));
});
