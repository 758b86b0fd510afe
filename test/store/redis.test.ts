import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RedisStore, type RedisStoreOptions } from '../../src/store/redis.ts';
import { StoreFenced, StoreUnavailable, StoreUnknown, type PartitionEpoch, type Store } from '../../src/store/store.ts';
import { head, item } from '../contract/store-contract-items.ts';
import { startCuttingProxy } from '../fault/cutting-proxy.ts';
import { program } from '../servers/debian.ts';
import { freePort } from '../servers/ports.ts';
import { keyBytes, startRedis, startRedisCluster, type RedisServer, type RedisSettings } from '../servers/redis.ts';

const first: PartitionEpoch = { partition: 0, epoch: 1 };

async function open(url: string, options: Partial<RedisStoreOptions> = {}): Promise<RedisStore> {
  return await RedisStore.open({ url, partitions: 1, commandTimeoutMs: 5_000, replicasMin: 0, ...options });
}

/** Polls until the store answers; it connects again by itself. */
async function answers(store: Store): Promise<void> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const outcome = await store.heads(first, ['any']).catch((error: unknown) => error);
    if (!(outcome instanceof Error)) return;
    if (performance.now() > deadline) throw outcome;
    await new Promise(setImmediate);
  }
}

describe('the Redis store', () => {
  let server: RedisServer;
  let store: RedisStore;
  let admin: Redis;
  let at: PartitionEpoch;

  beforeAll(async () => {
    server = await startRedis();
    store = await open(server.url);
    admin = new Redis(server.url);
    at = { partition: 0, epoch: (await store.epochs())[0] ?? 0 };
  });

  afterAll(async () => {
    admin.disconnect();
    await store.close();
    await server.stop();
  });

  beforeEach(async () => {
    at = { partition: 0, epoch: await store.closeEpoch(at) };
  });

  it('commits on although Redis has forgotten the script', async () => {
    await store.commit(at, [item({ head: head('a', 0) })]);
    await admin.script('FLUSH');
    expect(await store.commit(at, [item({ head: head('a', 1) })])).toEqual([{ kind: 'committed' }]);
    await admin.script('FLUSH');
    const both = await Promise.all([1, 2].map((n) => store.commit(at, [item({ head: head(`b${n}`, 0), entries: ['e'] })])));
    expect(both).toEqual([[{ kind: 'committed' }], [{ kind: 'committed' }]]);
    expect(await store.journalLength(at)).toBe(2);
  });

  it('a commit whose connection breaks after it was sent is unknown, has happened, and is not sent again', async () => {
    const proxy = await startCuttingProxy(server.port);
    const cut = await open(`redis://127.0.0.1:${proxy.port}`);
    const call = [item({ head: head('a', 0), once: ['r'], puts: [{ id: 'r', value: 'mine' }], entries: ['e'] })];
    proxy.cutAtNextAnswer();
    await expect(cut.commit(at, call)).rejects.toThrow(StoreUnknown);
    proxy.letPass();
    await answers(cut);
    expect(await cut.heads(at, ['a'])).toEqual([{ version: 1, value: 'value 1' }]);
    expect(await store.journalLength(at)).toBe(1);
    expect(await cut.commit(at, call)).toEqual([{ kind: 'duplicate', records: new Map([['r', 'mine']]) }]);
    await cut.close();
    await proxy.close();
  });

  it('a read whose connection breaks is unavailable', async () => {
    const proxy = await startCuttingProxy(server.port);
    const cut = await open(`redis://127.0.0.1:${proxy.port}`);
    proxy.cutAtNextAnswer();
    await expect(cut.heads(at, ['a'])).rejects.toThrow(StoreUnavailable);
    await cut.close();
    await proxy.close();
  });

  it('a commit that gets no answer in time is unknown', async () => {
    const proxy = await startCuttingProxy(server.port);
    const held = await open(`redis://127.0.0.1:${proxy.port}`, { commandTimeoutMs: 2_000 });
    proxy.holdEverything();
    await expect(held.commit(at, [item({ head: head('a', 0) })])).rejects.toThrow(StoreUnknown);
    await held.close();
    await proxy.close();
  });

  it('while Redis is away every call is unavailable at once, and works again when it is back', async () => {
    const own = await startRedis();
    // Longer in all than a test may take: whoever waited for an answer would not come to the end.
    const away = await open(own.url, { commandTimeoutMs: 60_000 });
    await away.epochs();
    await own.kill();
    await expect(away.heads(first, ['a'])).rejects.toThrow(StoreUnavailable);
    for (let count = 0; count < 20; count += 1) {
      await expect(away.commit(first, [item({ head: head('a', 0) })])).rejects.toThrow(StoreUnavailable);
    }
    await own.restart();
    await answers(away);
    expect(await away.commit(first, [item({ head: head('a', 0) })])).toEqual([{ kind: 'committed' }]);
    await away.close();
    await own.stop();
  });

  it('opens while Redis is away, and works when it comes', async () => {
    const own = await startRedis();
    await own.kill();
    const early = await open(own.url);
    await expect(early.epochs()).rejects.toThrow(StoreUnavailable);
    await own.restart();
    await answers(early);
    expect(await early.epochs()).toEqual([1]);
    await early.close();
    await own.stop();
  });

  it('has every acknowledged commit after Redis is killed, and what was under way is unknown', async () => {
    const own = await startRedis();
    const loaded = await open(own.url);
    await loaded.epochs();
    for (let run = 0; run < 4; run += 1) {
      const acknowledged: string[] = [];
      const reasons: unknown[] = [];
      const lane = async (name: string): Promise<void> => {
        for (let round = 0; ; round += 1) {
          const id = `${run}.${name}.${round}`;
          const call = [item({ head: head(id, 0), once: [id], puts: [{ id, value: id }], entries: [id, `${id} again`] })];
          try {
            await loaded.commit(first, call);
          } catch (error) {
            reasons.push(error);
            return;
          }
          acknowledged.push(id);
          if (acknowledged.length === 100 + run * 37) void own.kill();
        }
      };
      await Promise.all(['x', 'y', 'z'].map(lane));
      expect(reasons.every((error) => error instanceof StoreUnknown || error instanceof StoreUnavailable)).toBe(true);
      expect(reasons.some((error) => error instanceof StoreUnknown)).toBe(true);
      await own.kill();
      await own.restart();
      await answers(loaded);
      expect(await loaded.records(first, acknowledged)).toEqual(acknowledged);
      const journal = new Set((await loaded.tail(first, undefined, 1_000_000)).map(({ value }) => value));
      for (const id of acknowledged) expect(journal.has(id) && journal.has(`${id} again`)).toBe(true);
      expect(await loaded.journalLength(first)).toBe(journal.size);
    }
    await loaded.close();
    await own.stop();
  });

  it('a Redis that was emptied under a running process takes no commit from it, and says so', async () => {
    const own = await startRedis();
    const robbed = await open(own.url);
    await robbed.epochs();
    await robbed.commit(first, [item({ head: head('a', 0) })]);
    const thief = new Redis(own.url);
    await thief.flushall();
    thief.disconnect();
    await expect(robbed.commit(first, [item({ head: head('b', 0) })])).rejects.toThrow(StoreFenced);
    await expect(robbed.epochs()).rejects.toThrow(StoreFenced);
    await robbed.close();
    await own.stop();
  });

  it('a Redis without memory for it refuses a commit whole', async () => {
    await store.commit(at, [item({ head: head('a', 0) })]);
    await admin.config('SET', 'maxmemory', '1mb');
    try {
      const call = [item({ head: head('a', 1), entries: ['e'], guards: [{ guardId: 'g', delta: 1, floor: 0 }] })];
      await expect(store.commit(at, call)).rejects.toThrow(StoreUnavailable);
    } finally {
      await admin.config('SET', 'maxmemory', '0');
    }
    expect(await store.heads(at, ['a'])).toEqual([{ version: 1, value: 'value 1' }]);
    expect(await store.journalLength(at)).toBe(0);
    expect(await store.guards(at, ['g'])).toEqual([undefined]);
  });

  it('refuses a store that was made with another number of partitions', async () => {
    const other = await open(server.url, { partitions: 2 });
    await expect(other.epochs()).rejects.toThrow('made with 1 partitions, and 2 are asked for');
    await other.close();
  });

  it('reads password and database from its address', async () => {
    const own = await startRedis({ requirepass: 'p@ss word' });
    const allowed = await open(`redis://:${encodeURIComponent('p@ss word')}@127.0.0.1:${own.port}/3`);
    expect(await allowed.epochs()).toEqual([1]);
    const refused = await open(own.url);
    await expect(refused.epochs()).rejects.toThrow(StoreUnavailable);
    const inThird = new Redis({ port: own.port, password: 'p@ss word', db: 3 });
    expect(await inThird.exists('locum:epochs')).toBe(1);
    inThird.disconnect();
    await allowed.close();
    await refused.close();
    await own.stop();
  });

  it('reaches a server over TLS, and none whose certificate it cannot check', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'locum-tls-'));
    const openssl = await program(['openssl', '/usr/bin/openssl'], 'openssl');
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
    const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    execFileSync(openssl, [...request, '-keyout', key, '-out', certificate, ...names], { stdio: 'ignore' });
    const tlsPort = await freePort();
    const own = await startRedis({
      'tls-port': String(tlsPort),
      'tls-cert-file': certificate,
      'tls-key-file': key,
      'tls-auth-clients': 'no',
    });
    const secure = await open(`rediss://localhost:${tlsPort}`, { tlsCa: readFileSync(certificate, 'utf8') });
    expect(await secure.epochs()).toEqual([1]);
    const wary = await open(`rediss://localhost:${tlsPort}`);
    await expect(wary.epochs()).rejects.toThrow('self-signed certificate');
    await secure.close();
    await wary.close();
    await own.stop();
    rmSync(folder, { recursive: true });
  });

  it('takes less than 1,500 bytes in Redis for a small account with four records, all keys counted', async () => {
    const own = await startRedis();
    const small = await open(own.url);
    await small.epochs();
    const empty = await keyBytes(own.url);
    const puts = [1, 2, 3, 4].map((n) => ({ id: `${'k'.repeat(15)}${n}`, value: 'r'.repeat(130), keepUntilMs: Date.now() + 600_000 }));
    await small.commit(first, [item({ head: head('0123456789', 0, 'h'.repeat(250)), puts })]);
    await small.enterAccount('t'.repeat(22), '0123456789');
    let bytes = 0;
    for (const [key, each] of await keyBytes(own.url)) bytes += each - (empty.get(key) ?? 0);
    expect(bytes).toBeLessThan(1_500);
    await small.close();
    await own.stop();
  });

  describe('says what it found of durability', () => {
    const findings: readonly [string, RedisSettings, boolean, string][] = [
      ['all is as it should be', {}, true, 'appendfsync always, noeviction'],
      ['it syncs each second', { appendfsync: 'everysec' }, false, 'set appendfsync always'],
      ['it has no append-only file', { appendonly: 'no' }, false, 'set appendonly yes'],
      ['it evicts', { 'maxmemory-policy': 'allkeys-lru' }, false, 'set maxmemory-policy noeviction'],
      ['it does not let itself be asked', { 'rename-command': ['CONFIG', 'hidden'] }, false, 'nothing is known'],
    ];
    for (const [what, settings, durable, sentence] of findings) {
      it(`where ${what}`, async () => {
        const own = await startRedis(settings);
        const asked = await open(own.url);
        const found = await asked.durability();
        expect(found.durable).toBe(durable);
        expect(found.finding).toContain(sentence);
        await asked.close();
        await own.stop();
      });
    }
  });

  describe('with a replica that must have each commit', () => {
    let master: RedisServer;
    let replica: RedisServer;
    let replicated: RedisStore;

    beforeAll(async () => {
      master = await startRedis();
      replica = await startRedis({ replicaof: ['127.0.0.1', String(master.port)] });
      const link = new Redis(master.url);
      while (!(await link.info('replication')).includes('state=online')) await new Promise(setImmediate);
      link.disconnect();
      replicated = await open(master.url, { replicasMin: 1, commandTimeoutMs: 3_000 });
      await replicated.epochs();
    });

    afterAll(async () => {
      await replicated.close();
      await replica.stop();
      await master.stop();
    });

    it('acknowledges what the replica has', async () => {
      await replicated.commit(first, [item({ head: head('a', 0) })]);
      const onReplica = await open(replica.url);
      expect(await onReplica.heads(first, ['a'])).toEqual([{ version: 1, value: 'value 1' }]);
      expect((await onReplica.durability()).finding).toContain('it is a replica');
      await expect(onReplica.commit(first, [item({ head: head('a', 1) })])).rejects.toThrow(StoreUnavailable);
      await onReplica.close();
    });

    it('says unknown where the replica did not answer in time, although the master has the commit', async () => {
      replica.pause();
      await expect(replicated.commit(first, [item({ head: head('b', 0) })])).rejects.toThrow(StoreUnknown);
      replica.resume();
      expect((await replicated.heads(first, ['b']))[0]?.version).toBe(1);
    });

    it('on disk: a Redis that cannot tell leaves each commit unknown, and that is said', async () => {
      const demanding = await open(master.url, { replicasMin: 1, replicasOnDisk: true });
      const { durable, finding } = await demanding.durability();
      const commit = demanding.commit(first, [item({ head: head('c', 0) })]);
      // WAITAOF came with Redis 7.2.
      if (/Redis 7\.[01]\./.test(finding)) {
        expect(durable).toBe(false);
        expect(finding).toContain('WAITAOF');
        await expect(commit).rejects.toThrow(StoreUnknown);
      } else {
        expect(durable).toBe(true);
        expect(await commit).toEqual([{ kind: 'committed' }]);
      }
      await demanding.close();
    });

    it('says that replicas are missing', async () => {
      const demanding = await open(master.url, { replicasMin: 2 });
      const { durable, finding } = await demanding.durability();
      expect(durable).toBe(false);
      expect(finding).toContain('1 replicas are connected, and 2 must have each commit');
      await demanding.close();
    });
  });
});

describe('the Redis store on a cluster', () => {
  it('goes on for the partitions of other masters when one is killed, and says unknown or unavailable for its own', async () => {
    const cluster = await startRedisCluster();
    const store = await RedisStore.open({ url: cluster.url, partitions: 12, commandTimeoutMs: 6_000, replicasMin: 0 });
    await store.epochs();
    const partitions = Array.from({ length: 12 }, (_, partition) => ({ partition, epoch: 1 }));
    const raise = async (at: PartitionEpoch, version: number): Promise<string> => {
      return await store.commit(at, [item({ head: head('a', version), entries: [`e${version}`] })]).then(
        ([result]) => result?.kind ?? 'nothing',
        (error: Error) => error.name,
      );
    };
    expect(new Set(await Promise.all(partitions.map((at) => raise(at, 0))))).toEqual(new Set(['committed']));
    await cluster.nodes[0]?.kill();
    const outcomes = await Promise.all(partitions.map((at) => raise(at, 1)));
    expect(outcomes.filter((outcome) => outcome === 'committed').length).toBeGreaterThan(0);
    expect(outcomes.some((outcome) => outcome !== 'committed')).toBe(true);
    for (const outcome of outcomes) expect(['committed', 'StoreUnknown', 'StoreUnavailable']).toContain(outcome);

    await cluster.nodes[0]?.restart();
    const deadline = performance.now() + 60_000;
    for (const [index, at] of partitions.entries()) {
      let version: number | undefined;
      while (version === undefined) {
        version = await store.heads(at, ['a']).then(
          ([found]) => found?.version,
          (error: unknown) => {
            if (performance.now() > deadline) throw error;
            return undefined;
          },
        );
      }
      expect(version).toBe(await store.journalLength(at));
      if (outcomes[index] === 'committed') expect(version).toBe(2);
    }
    await store.close();
    await cluster.stop();
  });
});
