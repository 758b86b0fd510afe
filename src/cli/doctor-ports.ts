/** What `locum doctor` looks at in ports: free, or taken by a switch that answers, or by something else. */
import { createServer } from 'node:net';
import { draftNetworkRequest } from '../dialect/answer.ts';
import { Draft } from '../iso8583/draft.ts';
import type { Config } from '../program/config.ts';
import { readyAt } from '../program/operator-client.ts';
import { loadFormat } from '../tables/format.ts';
import type { StationRow } from '../tables/rows.ts';
import type { Outside } from './command.ts';
import type { Finding } from './finding.ts';
import { Acquirer } from './send-client.ts';

/** What a running switch says of itself over HTTP. */
export interface RunningSwitch {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly detail: string; readonly trouble?: string; readonly engine?: string } | undefined>>;
}

const answerMs = 5_000;

/** undefined where none answers at the configured address. */
export async function runningSwitch({ http }: Config): Promise<RunningSwitch | undefined> {
  if (http.port === 0) return undefined;
  const body = await readyAt(http, answerMs);
  if (typeof body !== 'object' || body === null || !('checks' in body) || !('status' in body)) return undefined;
  return { ready: body.status === 'ready', checks: body.checks as RunningSwitch['checks'] };
}

/** Where a listener on all addresses can be reached. */
function reachable(host: string): string {
  return host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
}

export async function checkPorts(config: Config, running: RunningSwitch | undefined, outside: Outside): Promise<Finding[]> {
  const { http, stations } = config;
  const found: Finding[] = [await httpFinding(config, running), await partnersFinding(config, running)];
  for (const station of stations) {
    const { link, name } = station;
    if (link.role === 'connect') found.push({ check: 'ports', state: 'ok', text: `The switch calls ${name} at ${link.host}:${link.port}.` });
    else found.push(await stationFinding(station, running, outside));
  }
  if (running !== undefined) found.unshift(readyFinding(running, http.port));
  return found;
}

function readyFinding({ ready, checks }: RunningSwitch, port: number): Finding {
  const short = Object.entries(checks).filter(([, check]) => check?.ok === false).map(([name, check]) => `${name}: ${check?.detail ?? ''}`);
  if (ready) return { check: 'ports', state: 'ok', text: `A switch runs here (HTTP on ${port}) and is ready.` };
  return { check: 'ports', state: 'wrong', text: `A switch runs here (HTTP on ${port}) and is not ready: ${short.join('; ') || 'it does not say why'}.`, todo: 'Its log says what happened; what else is wrong is below.' };
}

async function httpFinding({ http }: Config, running: RunningSwitch | undefined): Promise<Finding> {
  const place = `${http.host}:${http.port}`;
  if (http.port === 0) return { check: 'ports', state: 'ok', text: 'HTTP takes a port that is free.' };
  if (running !== undefined) return { check: 'ports', state: 'ok', text: `${place} (HTTP) is the running switch's.` };
  const refused = await refusal(http.host, http.port);
  return refused === undefined
    ? { check: 'ports', state: 'ok', text: `${place} (HTTP) is free.` }
    : { check: 'ports', state: 'wrong', text: `${place} (HTTP) cannot be listened on: ${refused}.`, todo: 'End what uses it, or set http.port (LOCUM_HTTP_PORT).' };
}

async function partnersFinding({ doors: { secure: { host, port } } }: Config, running: RunningSwitch | undefined): Promise<Finding> {
  const place = `${host}:${port}`;
  if (port === 0) return { check: 'ports', state: 'ok', text: 'The partners\' door takes a port that is free.' };
  const refused = await refusal(host, port);
  if (running !== undefined && refused !== undefined) return { check: 'ports', state: 'ok', text: `${place} (partners) is the running switch's.` };
  if (running !== undefined) return { check: 'ports', state: 'wrong', text: `${place} (partners) is free, though a switch runs: it does not listen there.`, todo: 'It runs with another configuration, or its log says why.' };
  return refused === undefined
    ? { check: 'ports', state: 'ok', text: `${place} (partners) is free.` }
    : { check: 'ports', state: 'wrong', text: `${place} (partners) cannot be listened on: ${refused}.`, todo: 'End what uses it, or set doors.secure.port (LOCUM_DOORS_SECURE_PORT).' };
}

async function stationFinding(station: StationRow, running: RunningSwitch | undefined, outside: Outside): Promise<Finding> {
  const { name, link } = station;
  const place = `${link.host}:${link.port} (${name})`;
  if (link.port === 0) return { check: 'ports', state: 'ok', text: `${name} takes a port that is free.` };
  const refused = await refusal(link.host, link.port);
  const variable = `LOCUM_STATIONS_${name.toUpperCase().replaceAll('-', '_')}_LINK_LISTEN_PORT`;
  if (refused === undefined) {
    if (running === undefined) return { check: 'ports', state: 'ok', text: `${place} is free.` };
    return { check: 'ports', state: 'wrong', text: `${place} is free, though a switch runs: it does not listen there.`, todo: 'Its log says why the station was not started, or it runs with another configuration.' };
  }
  if (link.tls !== undefined && running !== undefined) return { check: 'ports', state: 'ok', text: `${place} is taken, as it should be while a switch runs.` };
  const silent = await echoFailure(station, outside);
  if (silent === undefined) return { check: 'ports', state: 'ok', text: `${place} answers an echo.` };
  return { check: 'ports', state: 'wrong', text: `${place} cannot be listened on (${refused}), and is no switch's: ${silent}.`, todo: `End what uses the port, or take another (${variable}).` };
}

/** Why a port cannot be listened on; undefined where it can. */
async function refusal(host: string, port: number): Promise<string | undefined> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  server.once('error', (error) => {
    resolve('code' in error ? (refusals[String(error.code)] ?? String(error.code)) : error.message);
  });
  server.listen({ host, port, exclusive: true }, () => {
    server.close(() => {
      resolve(undefined);
    });
  });
  return await promise;
}

const refusals: Readonly<Record<string, string>> = {
  EADDRINUSE: 'it is in use',
  EACCES: 'only the administrator may listen there',
  EADDRNOTAVAIL: 'this machine has no such address',
};

/** Why no echo came back; undefined where it did. */
async function echoFailure(station: StationRow, outside: Outside): Promise<string | undefined> {
  const { codec, dialect } = loadFormat(station, `stations.${station.name}`);
  const { link, name } = station;
  const now = new Date(outside.now()).toISOString().replace(/\D/g, '').slice(0, 14);
  const draft = new Draft('0000');
  if (!draftNetworkRequest('echo', '1', now.slice(4), now, dialect, draft)) return `the dialect ${dialect.name} has no code for an echo`;
  try {
    const target = { name, host: reachable(link.host), port: link.port, framing: link.framing, codec, tls: undefined };
    const acquirer = await Acquirer.connect(target, answerMs, outside.elapsed, () => undefined);
    try {
      await acquirer.exchange(draft, answerMs);
      return undefined;
    } finally {
      acquirer.close();
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
