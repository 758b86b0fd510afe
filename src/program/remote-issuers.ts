/** Issuers at a URL, put together from their rows and from the files that those name. */
import { readFileSync } from 'node:fs';
import type { Deadlines } from '../base/deadlines.ts';
import { ConfigError } from '../base/schema.ts';
import type { HostEvents } from '../host/host.ts';
import { encryptionKey, RemoteKeyError, signingKey, verificationKey } from '../host/remote-keys.ts';
import { UrlIssuer } from '../host/remote-issuer.ts';
import type { RemoteConfig } from '../host/remote-issuer.ts';
import type { HealthDocument } from '../host/remote-schema.ts';
import { PooledTransport } from '../host/remote-transport.ts';
import type { TransportConfig } from '../host/remote-transport.ts';
import type { WireTimes } from '../host/wire-times.ts';
import type { CardVault } from '../keys/hsm.ts';
import { loadTls } from '../link/tls-files.ts';
import type { IssuerOrder } from '../dialect/meaning.ts';
import type { HostIssuerRow } from '../tables/issuer-rows.ts';
import type { KeyFileRow, RemoteRow } from '../tables/remote-row.ts';

export interface RemoteSetup {
  readonly config: RemoteConfig;
  readonly transport: TransportConfig;
}

export interface RemoteIssuersOutside {
  readonly deadlines: Deadlines;
  readonly times: WireTimes;
  readonly vault: CardVault;
  readonly now: () => number;
  readonly newId: () => string;
}

const pendingMax = 20_000;

/** Reads the files that the row names. @throws ConfigError with the place in the row */
export function remoteSetup({ name, circuit }: Pick<HostIssuerRow, 'name' | 'circuit'>, remote: RemoteRow, readFile: (name: string) => string = (file) => readFileSync(file, 'utf8')): RemoteSetup {
  const place = `issuers.${name}.remote`;
  const { origin, path, connections, answerBytesMax, timers: { connectMs, healthMs, lateMs, clockSkewMs } } = remote;
  const files = remote.tls === undefined ? undefined : loadTls(remote.tls, `${place}.tls`, readFile);
  const key = <Key>({ keyId, file }: KeyFileRow, at: string, make: (id: string, text: string) => Key): Key => {
    try {
      return make(keyId, readKey(file, at, readFile));
    } catch (error) {
      if (error instanceof RemoteKeyError) throw new ConfigError(at, `${error.message}: ${file}`);
      throw error;
    }
  };
  return {
    config: {
      name, origin, path, circuit, pendingMax, healthMs, lateMs, lateMax: Math.floor(connections / 2), skewMs: clockSkewMs,
      signing: key(remote.signing, `${place}.signing.privateKeyFile`, signingKey),
      verification: remote.verification.map((each, index) => key(each, `${place}.verification[${index}].publicKeyFile`, verificationKey)),
      pan: remote.pan === 'encrypted' && remote.encryption !== undefined ? key(remote.encryption, `${place}.encryption.publicKeyFile`, encryptionKey) : remote.pan === 'clear' ? 'clear' : 'none',
    },
    transport: {
      origin, connections, connectMs, answerBytesMax,
      tls: files === undefined ? undefined : { authorities: files.authorities, certificate: files.certificate, privateKey: files.privateKey, serverName: files.serverName },
    },
  };
}

/** @param ordered what the issuer asks of those who stand in for it */
export function openRemote({ config, transport }: RemoteSetup, events: HostEvents, ordered: (order: IssuerOrder) => void, outside: RemoteIssuersOutside): UrlIssuer {
  let advices: HealthDocument['advices'] = 'send';
  return new UrlIssuer(config, {
    ...outside, events, transport: new PooledTransport(transport),
    said: (health) => {
      // What it asked for is forgotten when it goes away: it is held to what it says each time.
      if (health.advices === 'hold') ordered('stopAdvices');
      else if (advices === 'hold') ordered('startAdvices');
      ({ advices } = health);
    },
  });
}

function readKey(file: string, at: string, readFile: (name: string) => string): string {
  try {
    return readFile(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
    throw new ConfigError(at, `can't be read: ${file} (${code})`);
  }
}
