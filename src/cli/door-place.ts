/** Where the doors of the configuration are, and how a command reaches them. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { serverCertificateName } from '../ca/server-certificate.ts';
import { urlOf } from '../program/operator-client.ts';
import { Failure } from './command.ts';
import type { Given, Options, Outside } from './command.ts';
import { configOf, configOption } from './configured.ts';
import { DoorClient } from './door-client.ts';

export const doorOptions: Options = {
  url: { type: 'string', value: '<url>', about: 'the door, such as https://127.0.0.1:8443; by default that of the configuration' },
  trust: { type: 'string', value: '<file>', about: 'the server\'s certificate, or its authority\'s, in PEM; by default the one that the switch made for itself in its data folder' },
  ...configOption,
};

/** @param certificate files in PEM, of a partner @throws Failure */
export function doorClient(given: Given, outside: Outside, door: 'secure' | 'other', certificate: { readonly certificate?: string | undefined; readonly key?: string | undefined } = {}): DoorClient {
  const config = configOf(given, outside);
  const made = join(config.dataDir, serverCertificateName);
  const trust = given.text('trust') ?? (existsSync(made) ? made : undefined);
  const place = door === 'secure' ? config.doors.secure : config.http;
  const address = urlOf(place);
  const url = given.text('url') ?? (door === 'secure' ? address.replace('http://', 'https://') : address);
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) throw new Failure(`${url} is no address of a door; it begins with https:// or http://`);
  if (given.text('url') === undefined && place.port === 0) throw new Failure('the configuration draws the port of this door: --url has to say it');
  return new DoorClient(url, { ...certificate, trusted: trust === undefined ? undefined : textOf(outside, trust) });
}

/** @throws Failure */
export function textOf({ cwd }: Outside, file: string): string {
  try {
    return readFileSync(resolve(cwd, file), 'utf8');
  } catch (error) {
    throw new Failure(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}
