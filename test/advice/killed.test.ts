/** Processes that are killed, disks that are full, and what a crash tore: nothing is lost, and nothing comes twice as new. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AdviceFile } from '../../src/advice/advice-file.ts';
import { SqliteStore } from '../../src/store/sqlite.ts';
import { accepted, adviceOf, deliver, openFile, settled, VirtualTime } from './fixture.ts';
import { endsWithUs } from '../servers/children.ts';

const child = new URL('./advice-child.ts', import.meta.url).pathname;

/** The destination: answers by what it has seen, accepts most, and loses, refuses or leaves some unanswered. */
class Peer {
  /** First acceptances, by card. */
  readonly accepted = new Map<string, string[]>();
  readonly seen = new Set<string>();
  readonly twiceAsNew: string[] = [];
  repeats = 0;
  messages = 0;
  isKind = false;
  /** Is called at each message, before it is looked at. */
  onMessage: () => void = () => undefined;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<Peer> {
    const server = createServer();
    const peer = new Peer(server);
    server.on('connection', (socket) => {
      socket.on('error', () => undefined);
      createInterface({ input: socket }).on('error', () => undefined).on('line', (line) => {
        peer.onMessage();
        const message = JSON.parse(line) as { readonly id: string; readonly cardKey: string; readonly isRepeat: boolean };
        socket.write(`${message.id} ${peer.#answer(message)}\n`);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return peer;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
  }

  #answer({ id, cardKey, isRepeat }: { readonly id: string; readonly cardKey: string; readonly isRepeat: boolean }): string {
    this.messages += 1;
    if (isRepeat) this.repeats += 1;
    else if (this.seen.has(id)) this.twiceAsNew.push(id);
    const isLost = !this.isKind && this.messages % 7 === 3;
    if (isLost) return 'noAnswer';
    this.seen.add(id);
    if (!this.isKind && this.messages % 11 === 5) return 'refused';
    const ofCard = this.accepted.get(cardKey) ?? [];
    this.accepted.set(cardKey, ofCard);
    if (!ofCard.includes(id)) ofCard.push(id);
    return !this.isKind && this.messages % 5 === 1 ? 'noAnswer' : 'accepted';
  }
}

describe('an advice file whose process or disk fails', () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'locum-advices-'));
    path = join(folder, 'advices.sqlite');
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs the child, which writes 150 advices for each of six cards, until `isEnough` of the ids that it called durable, then kills it. @returns those ids */
  async function killWhen(peer: Peer, run: string, isEnough: (durable: readonly string[]) => boolean): Promise<readonly string[]> {
    const running = endsWithUs(spawn(process.execPath, [child, path, String(peer.port), run, '150'], { stdio: ['ignore', 'pipe', 'inherit'] }));
    const durable: string[] = [];
    const look = (): void => {
      if (isEnough(durable)) running.kill('SIGKILL');
    };
    peer.onMessage = look;
    for await (const line of createInterface({ input: running.stdout })) {
      const [outcome, id = ''] = line.split(' ');
      if (outcome === 'durable') durable.push(id);
      look();
    }
    peer.onMessage = () => undefined;
    return durable;
  }

  /** Delivers all that is left to a peer that answers. */
  async function deliverRest(peer: Peer): Promise<void> {
    peer.isKind = true;
    const running = endsWithUs(spawn(process.execPath, [child, path, String(peer.port), 'last', '0'], { stdio: ['ignore', 'inherit', 'inherit'], timeout: 240_000 }));
    const [code] = await once(running, 'exit');
    expect(code).toBe(0);
  }

  it('killed at many points, it delivers every advice that it called durable, each known once and a card’s in order, none twice as new', async () => {
    const peer = await Peer.start();
    const durable: string[] = [];
    for (let run = 0; run < 8; run += 1) {
      const atMessage = peer.messages + 5 + run * 13;
      // Some are killed by what is on disk, some by what the destination has seen.
      const isEnough = run % 2 === 0 ? (ids: readonly string[]) => ids.length >= 3 + run * 29 : () => peer.messages >= atMessage;
      durable.push(...await killWhen(peer, String(run), isEnough));
    }
    await deliverRest(peer);
    peer.close();
    const known = new Set([...peer.accepted.values()].flat());
    expect(durable.length).toBeGreaterThan(100);
    expect(durable.filter((id) => !known.has(id))).toEqual([]);
    expect(peer.twiceAsNew).toEqual([]);
    expect(peer.repeats).toBeGreaterThan(10);
    for (const ids of peer.accepted.values()) {
      const order = ids.map((id) => id.split('.')).map(([run, , index]) => Number(run) * 10_000_000 + Number(index));
      expect(order).toEqual(order.toSorted((a, b) => a - b));
    }
    const store = await SqliteStore.open({ file: path, partitions: 1, now: Date.now });
    const file = await openFile(store, new VirtualTime());
    expect(file.backlog('host').count).toBe(0);
    file.close();
    await store.close();
  });

  it('what a crash tore at the end of the log takes nothing with it that was durable', async () => {
    const peer = await Peer.start();
    const durable = await killWhen(peer, '0', (ids) => ids.length >= 60);
    const wal = `${path}-wal`;
    expect(existsSync(wal)).toBe(true);
    appendFileSync(wal, Buffer.alloc(3_000, 0x5a));
    await deliverRest(peer);
    peer.close();
    const known = new Set([...peer.accepted.values()].flat());
    expect(durable.filter((id) => !known.has(id))).toEqual([]);
    expect(peer.twiceAsNew).toEqual([]);
  });

  it('on a full disk what cannot be written has failed, what was written is kept, and goes out when there is room', async () => {
    const time = new VirtualTime();
    const open = (bytesMax?: number) => SqliteStore.open({ file: path, partitions: 1, now: time.now, generationChanges: 8, bytesMax });
    let store = await open(400_000);
    let file = await openFile(store, time);
    const { durable, failed } = await fill(file);
    expect(durable.length).toBeGreaterThan(20);
    expect(failed.length).toBeGreaterThan(0);
    expect(file.backlog('host').count).toBe(durable.length);
    // Nothing goes out where it cannot be written that it may have gone.
    const away = deliver(file, time, {}, () => accepted);
    away.delivery.usable();
    await time.pass(500, 50);
    const sentWhileFull = away.ids();
    expect(new Set(sentWhileFull).size).toBe(sentWhileFull.length);
    file.close();
    await away.delivery.stop();
    // A full disk does not let it tidy up; the next start does.
    await store.close().catch(() => undefined);
    store = await open();
    file = await openFile(store, time);
    const { delivery, sent } = deliver(file, time, { perSecond: 1_000_000 }, () => accepted);
    delivery.usable();
    const deadline = performance.now() + 60_000;
    while (file.backlog('host').count > 0 && performance.now() < deadline) await settled();
    expect([...new Set([...sentWhileFull, ...sent.map(({ id }) => id)])].sort()).toEqual(durable.toSorted());
    expect(sent.filter(({ id, isRepeat }) => !isRepeat && sentWhileFull.includes(id))).toEqual([]);
    await delivery.stop();
    file.close();
    await store.close();
  });

  it('when the thread that has the file dies, a write is not called durable, and one that may be there is not called failed', async () => {
    const time = new VirtualTime();
    const store = await SqliteStore.open({ file: path, partitions: 1, now: time.now });
    const file = await openFile(store, time);
    expect(await file.write(adviceOf('a1'))).toBe('durable');
    const port = store.port();
    await once(port, 'message');
    port.postMessage({ call: 1, request: { kind: 'what no client sends' } }, []);
    const outcome = await file.write(adviceOf('a2', 'b'));
    expect(['failed', 'unknown']).toContain(outcome);
    const deadline = performance.now() + 60_000;
    let last = outcome;
    for (let index = 0; last !== 'failed' && performance.now() < deadline; index += 1) last = await file.write(adviceOf(`x${index}`));
    expect(last).toBe('failed');
    file.close();
    const again = await SqliteStore.open({ file: path, partitions: 1, now: time.now });
    const found = await openFile(again, time);
    expect(found.next('host')?.id).toBe('a1');
    if (outcome === 'failed') expect(await found.find('a2')).toBeUndefined();
    found.close();
    await again.close();
  });
});

/** Writes until the disk takes no more, and a few more. */
async function fill(file: AdviceFile): Promise<{ readonly durable: string[]; readonly failed: string[] }> {
  const durable: string[] = [];
  const failed: string[] = [];
  for (let index = 0; index < 5_000 && failed.length < 5; index += 1) {
    const id = `${index % 10}.${index}`;
    const outcome = await file.write(adviceOf(id, String(index % 10), { sealedPan: 's'.repeat(2_000) }));
    (outcome === 'durable' ? durable : failed).push(id);
    expect(outcome).not.toBe('unknown');
  }
  return { durable, failed };
}
