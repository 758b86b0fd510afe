/** What a Redis promises, from what it says of itself; one that does not let itself be asked promises nothing. */
import type { Redis } from 'ioredis';
import type { Durability } from './store.ts';

const asked = ['appendonly', 'appendfsync', 'maxmemory-policy', 'maxmemory'];

/** @param nodes the server, or the masters of a cluster: the weakest of them is the store's promise */
export async function redisDurability(nodes: readonly Redis[], replicasMin: number, onDisk: boolean): Promise<Durability> {
  const each = await Promise.all(nodes.map((node) => nodeDurability(node, replicasMin, onDisk)));
  const short = each.find(({ durable }) => !durable);
  return short ?? each[0] ?? { durable: false, finding: 'Redis Cluster has no master.' };
}

async function nodeDurability(node: Redis, replicasMin: number, onDisk: boolean): Promise<Durability> {
  const address = `${node.options.host ?? '?'}:${node.options.port ?? '?'}`;
  const server = infoFields(await node.info());
  const name = `Redis ${server.get('redis_version') ?? '?'} at ${address}`;
  let settings: ReadonlyMap<string, string>;
  try {
    settings = await configuration(node);
  } catch {
    return { durable: false, finding: `${name} does not let CONFIG GET be asked, so nothing is known of its durability.` };
  }
  const shortfalls = [...settingShortfalls(settings), ...serverShortfalls(server, replicasMin, onDisk)];
  const [first] = shortfalls;
  if (first !== undefined) return { durable: false, finding: `${name}: ${shortfalls.join('; ')}.` };
  const replicas = replicasMin === 0 ? 'no replica is waited for' : `${replicasMin} replicas have each commit${onDisk ? ' on disk' : ''}`;
  return { durable: true, finding: `${name}: appendonly yes, appendfsync always, noeviction; ${replicas}.` };
}

async function configuration(node: Redis): Promise<ReadonlyMap<string, string>> {
  const settings = new Map<string, string>();
  for (const name of asked) {
    const [key, value] = (await node.config('GET', name)) as readonly (string | undefined)[];
    if (key !== undefined && value !== undefined) settings.set(key, value);
  }
  return settings;
}

function settingShortfalls(settings: ReadonlyMap<string, string>): readonly string[] {
  const shortfalls: string[] = [];
  if (settings.get('appendonly') !== 'yes') {
    shortfalls.push('appendonly is off, so a restart loses everything since the last snapshot: set appendonly yes');
  } else if (settings.get('appendfsync') !== 'always') {
    const found = settings.get('appendfsync') ?? 'unknown';
    shortfalls.push(`appendfsync is ${found}, so a crash loses the last seconds of approvals: set appendfsync always`);
  }
  const policy = settings.get('maxmemory-policy');
  if (policy !== undefined && policy !== 'noeviction') {
    shortfalls.push(`maxmemory-policy is ${policy}, so accounts can be evicted: set maxmemory-policy noeviction`);
  }
  return shortfalls;
}

function serverShortfalls(server: ReadonlyMap<string, string>, replicasMin: number, onDisk: boolean): readonly string[] {
  const shortfalls: string[] = [];
  const [major = 0, minor = 0] = (server.get('redis_version') ?? '0').split('.').map(Number);
  if (onDisk && (major < 7 || (major === 7 && minor < 2))) {
    shortfalls.push('its version is below 7.2, so replicas cannot be asked what they have on disk (WAITAOF)');
  }
  if (major < 7) shortfalls.push('its version is below 7, which the commit script needs');
  if (server.get('role') !== 'master') shortfalls.push('it is a replica, which takes no commits');
  if (server.get('aof_last_write_status') === 'err') shortfalls.push('its last write to the append-only file failed');
  const replicas = Number(server.get('connected_slaves') ?? '0');
  if (replicas < replicasMin) shortfalls.push(`${replicas} replicas are connected, and ${replicasMin} must have each commit`);
  return shortfalls;
}

function infoFields(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return fields;
}
