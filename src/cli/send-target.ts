/** Where `locum send` sends to: a station of the configuration, or any address. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import type { Dialect } from '../dialect/dialect.ts';
import { compileFraming, plainFraming } from '../link/framing.ts';
import type { Config } from '../program/config.ts';
import { loadFormat } from '../tables/format.ts';
import type { StationRow } from '../tables/rows.ts';
import { UsageError } from './command.ts';
import type { Given, Options, Outside } from './command.ts';
import { framingOption, parseFraming } from './framing.ts';
import type { Target } from './send-client.ts';
import { pathOrName } from './spec.ts';

export const stationOption: Options = {
  station: { type: 'string', value: '<name | host:port>', about: 'a station of the configuration, the first by default; or any address, with --spec' },
};

/** Of an address, and of TLS to either. */
export const addressOptions: Options = {
  spec: { type: 'string', value: '<name | file>', about: 'the message format of an address' },
  ...framingOption,
  tls: { type: 'boolean', about: 'TLS to an address' },
  authorities: { type: 'string', value: '<file>', about: 'who may have issued the station\'s certificate (PEM); by default, the station\'s own certificate is trusted' },
  certificate: { type: 'string', value: '<file>', about: 'our certificate (PEM), with --private-key' },
  'private-key': { type: 'string', value: '<file>', about: 'our private key (PEM)' },
  'server-name': { type: 'string', value: '<name>', about: 'the name that the station\'s certificate must have' },
};

export interface Destination {
  readonly target: Target;
  readonly dialect: Dialect;
  readonly signOn: boolean;
  /** Of the configuration; undefined of an address, with which no keys are shared. */
  readonly station: StationRow | undefined;
}

/** @throws UsageError, ConfigError */
export function destination(given: Given, outside: Outside, config: Config): Destination {
  const named = given.text('station') ?? config.stations[0]?.name;
  if (named === undefined) throw new UsageError('the configuration has no station; --station <host:port> takes any address');
  const address = /^(.+):([0-9]{1,5})$/.exec(named);
  const station = config.stations.find(({ name }) => name === named);
  const framingText = given.text('framing');
  const framing = framingText === undefined ? undefined : parseFraming(framingText);
  if (framingText !== undefined && framing === undefined) throw new UsageError('over a connection there is always a length in front of a message');
  if (station !== undefined) {
    const { codec, dialect } = loadFormat(station, `stations.${named}`);
    const { host, port } = reached(station);
    const target = { name: named, host, port, framing: framing ?? station.link.framing, codec, tls: tlsOf(given, outside, station.link.tls !== undefined, station.link.tls?.certificateFile, host) };
    return { target, dialect, signOn: given.has('sign-on') || station.link.session.signOn === 'peer', station };
  }
  if (address === null) throw new UsageError(`the configuration has no station ${named}; it has ${config.stations.map(({ name }) => name).join(', ')}, and --station <host:port> takes any address`);
  const spec = given.text('spec');
  if (spec === undefined) throw new UsageError('an address needs --spec, the format of its messages (locum spec list)');
  const { codec, dialect } = loadFormat({ spec: pathOrName(spec, outside.cwd) }, '--spec');
  const [, host = '', port = ''] = address;
  const target = { name: named, host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port), framing: framing ?? compileFraming(plainFraming), codec, tls: tlsOf(given, outside, given.has('tls'), undefined, host) };
  return { target, dialect, signOn: given.has('sign-on'), station: undefined };
}

function reached({ name, link }: StationRow): { host: string; port: number } {
  if (link.role === 'connect') throw new UsageError(`the switch calls ${name} (${link.host}:${link.port}), it does not listen for it; there is nothing to connect to`);
  if (link.port === 0) throw new UsageError(`the port of ${name} is drawn when the switch starts; its log names it, and --station <host:port> takes it`);
  return { host: link.host === '0.0.0.0' ? '127.0.0.1' : link.host === '::' ? '::1' : link.host, port: link.port };
}

function tlsOf(given: Given, outside: Outside, wanted: boolean, ownCertificate: string | undefined, host: string): ConnectionOptions | undefined {
  if (!wanted) return undefined;
  const read = (file: string | undefined): string | undefined => (file === undefined ? undefined : readFileSync(resolve(outside.cwd, file), 'utf8'));
  const [ca, cert, key] = [read(given.text('authorities') ?? ownCertificate), read(given.text('certificate')), read(given.text('private-key'))];
  return {
    minVersion: 'TLSv1.2',
    servername: given.text('server-name') ?? (/^[0-9.]+$|:/.test(host) ? '' : host),
    ...(given.text('server-name') === undefined && ownCertificate !== undefined ? { checkServerIdentity: () => undefined, allowPartialTrustChain: true } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}
