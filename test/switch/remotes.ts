/** An issuer at a URL behind a test's switch: over TLS, with certificates and keys made for the test. A test file calls `stopRemotes` after each test. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { HttpHost } from '../../src/cli/host-http.ts';
import type { HttpHostOptions } from '../../src/cli/host-http.ts';
import { openIssuerKeys, rowFor } from '../../src/cli/host-keys.ts';
import type { HostEvent, HostMessage } from '../../src/cli/host-report.ts';
import type { Rule } from '../../src/cli/host-script.ts';
import { until } from './fixture.ts';
import { newFolder, startHostSwitch } from './hosts.ts';
import type { HostSwitch, HostSwitchOptions } from './hosts.ts';

const hosts: HttpHost[] = [];

export async function stopRemotes(): Promise<void> {
  for (const host of hosts.splice(0)) await host.stop();
}

export interface RunningRemote {
  readonly host: HttpHost;
  readonly events: HostEvent[];
  readonly messages: () => HostMessage[];
  /** Types in the order in which they came. */
  readonly types: () => string[];
}

/** A folder with the keys of both sides. */
export function newKeys(): string {
  const folder = join(newFolder(), 'keys');
  openIssuerKeys(folder, { now: () => Date.now(), randomBytes });
  return folder;
}

/** @param keys its folder */
export async function startRemote(keys: string, rules: readonly Rule[] = [], more: Partial<HttpHostOptions> = {}): Promise<RunningRemote> {
  const events: HostEvent[] = [];
  const host = await HttpHost.start({
    keys: openIssuerKeys(keys, { now: () => Date.now(), randomBytes }), listen: { port: 0 }, rules, ...more, onEvent: (event) => events.push(event),
  });
  hosts.push(host);
  const messages = (): HostMessage[] => events.filter((event) => event.event === 'message');
  return { host, events, messages, types: () => messages().map(({ mti }) => mti) };
}

/** The issuer's row: its remote with what a test wants otherwise. */
export function remoteRow(keys: string, port: number, changes: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  const { remote } = rowFor(keys, port) as { readonly remote: Readonly<Record<string, unknown>> };
  return { stations: [], remote: { ...remote, timers: { healthMs: 300 }, ...changes } };
}

export interface RemoteSwitch {
  readonly at: HostSwitch;
  readonly keys: string;
  readonly port: number;
}

/** A switch whose issuer at a URL can be asked. */
export async function startRemoteSwitch(issuer: RunningRemote, keys: string, { row = {}, remote = {}, ...options }: HostSwitchOptions & { readonly row?: Readonly<Record<string, unknown>>; readonly remote?: Readonly<Record<string, unknown>> } = {}): Promise<HostSwitch> {
  const at = await startHostSwitch({ ...options, issuer: { ...remoteRow(keys, issuer.host.port, remote), ...row } });
  await usable(at);
  return at;
}

export async function usable(at: HostSwitch): Promise<void> {
  await until(() => at.issuers.status('demo-host')?.phase === 'closed', 'the issuer takes requests');
}
