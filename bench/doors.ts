/**
 * The doors of cardholders and partners: reads beside a bare fastify route, cards that are made over encrypted calls beside what the machine can do of RSA, and
 * what purchases over TCP feel of both.
 *
 *   npm run bench -- doors [--quick]
 */
import { spawn } from 'node:child_process';
import { constants, generateKeyPairSync, privateDecrypt, publicEncrypt, randomUUID, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';
import { CompactEncrypt, importJWK } from 'jose';
import type { JWK } from 'jose';
import { DoorClient } from '../src/cli/door-client.ts';
import { plainFraming } from '../src/link/framing.ts';
import type { CardTrafficOptions } from './card-traffic.ts';
import { benchCards } from './cards.ts';
import { makeCallers } from './doors-callers.ts';
import type { Callers } from './doors-callers.ts';
import { runLoad } from './load.ts';
import type { LoadOptions, LoadResult } from './load.ts';
import { startProgram, threadSeconds } from './program.ts';

export interface DoorFigures {
  readonly reads: { readonly bare: ReadFigures; readonly balance: ReadFigures };
  /** A second: cards made, and RSA-2048 private key operations of one core. */
  readonly cards: { readonly made: number; readonly rsa: number; readonly refused: number; readonly processorUs: CardProcessorUs };
  /** Of purchases over TCP at half of what the program can do: alone, and beside reads and new cards. Microseconds. */
  readonly purchases: { readonly perSecond: number; readonly aloneP99Us: number; readonly besideP99Us: number };
}

export interface ReadFigures {
  readonly perSecond: number;
  /** Processor time of one, of whoever answers and whoever asks, which other work on the machine changes less than the rate. Microseconds; 0 where the system does not tell. */
  readonly processorUs: { readonly answered: number; readonly asked: number };
}

/** Processor time of one card, which other work on the machine changes little; of the RSA operation alone as well. Microseconds. */
export interface CardProcessorUs {
  /** By the names of the program's threads; empty where the system does not tell. */
  readonly threads: ReadonlyMap<string, number>;
  readonly caller: number;
  readonly rsa: number;
}

interface Time {
  readonly warmUpS: number;
  readonly durationS: number;
}

const callersAtOnce = 16;
/** Of new cards: what of them waits for a disk waits together. */
const makersAtOnce = 64;
const noRate = { LOCUM_DOORS_USER_RATE: '1000000', LOCUM_DOORS_PARTNER_RATE: '1000000', LOCUM_DOORS_STRANGER_RATE: '1000000' };

/** @param pid of the process that answers */
async function read(url: string, headers: Readonly<Record<string, string>>, { warmUpS, durationS }: Time, pid: number): Promise<ReadFigures> {
  const options = { url, connections: callersAtOnce, headers: { ...headers } };
  await autocannon({ ...options, duration: warmUpS });
  const [before, callerBefore] = [secondsOf(pid), process.cpuUsage()];
  const { requests: { total }, non2xx, errors, duration } = await autocannon({ ...options, duration: durationS });
  const { user, system } = process.cpuUsage(callerBefore);
  if (non2xx + errors > 0) throw new Error(`of the reads ${non2xx} were refused and ${errors} lost`);
  return { perSecond: total / duration, processorUs: { answered: ((secondsOf(pid) - before) * 1e6) / total, asked: (user + system) / total } };
}

function secondsOf(pid: number): number {
  return [...threadSeconds(pid).values()].reduce((sum, seconds) => sum + seconds, 0);
}

/** The same answer by the same schema, of a fastify that does nothing else. */
async function readBare({ url, balanceId, token }: Callers, time: Time): Promise<ReadFigures> {
  const openApi = JSON.parse(readFileSync(new URL('../docs/openapi.json', import.meta.url), 'utf8')) as OpenApi;
  const schema = openApi.paths['/customers/me/balances/{balanceId}']?.get.responses['200'].content['application/json'].schema;
  const answer: unknown = await (await fetch(`${url}/customers/me/balances/${balanceId}`, { headers: { authorization: `Bearer ${token}` } })).json();
  const child = spawn(process.execPath, [fileURLToPath(new URL('doors-bare.ts', import.meta.url))], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  try {
    child.stdin.end(JSON.stringify({ schema, answer }));
    const [port] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    return await read(`http://127.0.0.1:${port}/`, {}, time, child.pid ?? 0);
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

interface OpenApi {
  readonly paths: Readonly<Record<string, { readonly get: { readonly responses: { readonly 200: { readonly content: { readonly 'application/json': { readonly schema: object } } } } } } | undefined>>;
}

/** Of one core: how many a second, and what each takes of a processor. */
function rsaOf(durationMs: number): { readonly perSecond: number; readonly processorUs: number } {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const sealed = publicEncrypt({ key: publicKey, oaepHash: 'sha256', padding: constants.RSA_PKCS1_OAEP_PADDING }, Buffer.alloc(32));
  let done = 0;
  const before = process.cpuUsage();
  const beganMs = performance.now();
  while (performance.now() - beganMs < durationMs) {
    privateDecrypt({ key: privateKey, oaepHash: 'sha256', padding: constants.RSA_PKCS1_OAEP_PADDING }, sealed);
    done += 1;
  }
  const { user, system } = process.cpuUsage(before);
  return { perSecond: (done / (performance.now() - beganMs)) * 1_000, processorUs: (user + system) / done };
}

/** The caller's own work is left out: its request is encrypted once, and what it is answered it does not open. */
async function makeCardsFor({ secureUrl, cardUserIds, tls }: Callers, durationS: number): Promise<{ readonly made: number; readonly refused: number; readonly count: number }> {
  const client = new DoorClient(secureUrl, { certificate: tls.cert, key: tls.key, trusted: tls.ca });
  const { kid, jwk } = JSON.parse((await client.call({ method: 'GET', path: '/secure/public_key' })).text) as { readonly kid: string; readonly jwk: JWK };
  const payload = await new CompactEncrypt(Buffer.from('{}')).setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM', kid }).encrypt(await importJWK(jwk, 'RSA-OAEP-256'));
  const headers = { 'content-type': 'application/json', 'encrypted-request': 'true', 'public-key': new X509Certificate(tls.cert).publicKey.export({ type: 'spki', format: 'der' }).toString('base64') };
  let turn = 0;
  const result = await autocannon({
    url: secureUrl, connections: makersAtOnce, duration: durationS, method: 'POST', body: JSON.stringify({ payload }), tlsOptions: { ...tls, servername: 'localhost' },
    requests: [{
      setupRequest: (request) => {
        turn += 1;
        return { ...request, path: `/secure/customers/${cardUserIds[turn % cardUserIds.length]}/cards/virtual`, headers: { ...headers, 'x-idempotency-key': randomUUID() } };
      },
    }],
  });
  return { made: result['2xx'] / result.duration, refused: result.non2xx + result.errors, count: result['2xx'] };
}

/** As `makeCardsFor`, with what each card took of the processors. @param pid the program's */
async function makeCardsCounted(callers: Callers, durationS: number, pid: number): Promise<Omit<DoorFigures['cards'], 'rsa' | 'processorUs'> & { readonly processorUs: Omit<CardProcessorUs, 'rsa'> }> {
  const [before, callerBefore] = [threadSeconds(pid), process.cpuUsage()];
  const { made, refused, count } = await makeCardsFor(callers, durationS);
  const { user, system } = process.cpuUsage(callerBefore);
  const threads = new Map([...threadSeconds(pid)].map(([name, seconds]) => [name, ((seconds - (before.get(name) ?? 0)) * 1e6) / count]));
  return { made, refused, processorUs: { threads, caller: (user + system) / count } };
}

function purchases(port: number, loop: LoadOptions['loop'], durationMs: number, firstStan: number): Promise<LoadResult> {
  const trafficOptions: CardTrafficOptions = { pans: benchCards(100).map(({ pan }) => pan), pattern: 'purchase', firstStan };
  return runLoad({ host: '127.0.0.1', port, connections: 4, framing: plainFraming, traffic: new URL('card-traffic.ts', import.meta.url).href, trafficOptions, loop, warmUpMs: 300, durationMs });
}

export async function measureDoors(time: Time): Promise<DoorFigures> {
  const folder = mkdtempSync(join(tmpdir(), 'locum-bench-'));
  const program = await startProgram({ folder, redisUrl: undefined, drain: true, env: noRate });
  try {
    const callers = await makeCallers(program, folder);
    const { url, balanceId, token } = callers;
    const readBalance = async (during: Time): Promise<ReadFigures> => await read(`${url}/customers/me/balances/${balanceId}`, { authorization: `Bearer ${token}` }, during, program.pid);
    const balance = await readBalance(time);
    const bare = await readBare(callers, time);
    await makeCardsFor(callers, time.warmUpS);
    const { processorUs, ...cards } = await makeCardsCounted(callers, time.durationS, program.pid);
    const rsa = rsaOf(time.durationS * 500);
    const durationMs = time.durationS * 1_000;
    const most = await purchases(program.port, { kind: 'closed', inFlight: 256 }, durationMs, 1);
    const half = { kind: 'open', perSecond: Math.round(most.perSecond / 2) } as const;
    const alone = await purchases(program.port, half, durationMs, 300_001);
    const beside = { warmUpS: 0.1, durationS: time.durationS + 0.3 };
    const [besideResult] = await Promise.all([purchases(program.port, half, durationMs, 600_001), readBalance(beside), makeCardsFor(callers, beside.durationS)]);
    return { reads: { bare, balance }, cards: { ...cards, rsa: rsa.perSecond, processorUs: { ...processorUs, rsa: rsa.processorUs } }, purchases: { perSecond: half.perSecond, aloneP99Us: alone.latencyUs.p99, besideP99Us: besideResult.latencyUs.p99 } };
  } finally {
    await program.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

export async function benchDoors(isQuick: boolean, tell: (line: string) => void): Promise<void> {
  const { reads, cards, purchases: paid } = await measureDoors(isQuick ? { warmUpS: 1, durationS: 1 } : { warmUpS: 3, durationS: 5 });
  const { balance, bare } = reads;
  tell(`a balance read: ${Math.round(balance.perSecond)}/s, ${(balance.perSecond / bare.perSecond).toFixed(2)} of a bare route with its schema (${Math.round(bare.perSecond)}/s)`);
  if (balance.processorUs.answered > 0) tell(`  processor time of a read: ${balance.processorUs.answered.toFixed(1)} µs in the program, ${balance.processorUs.asked.toFixed(1)} µs in the caller; of the bare route ${bare.processorUs.answered.toFixed(1)} and ${bare.processorUs.asked.toFixed(1)} µs`);
  tell(`a card made over an encrypted call: ${Math.round(cards.made)}/s, ${(cards.made / cards.rsa).toFixed(2)} of RSA-2048 private key operations on one core (${Math.round(cards.rsa)}/s), ${cards.refused} refused`);
  tellProcessor(cards.processorUs, tell);
  tell(`purchases at ${paid.perSecond}/s: p99 ${(paid.aloneP99Us / 1_000).toFixed(1)} ms alone, ${(paid.besideP99Us / 1_000).toFixed(1)} ms beside reads and new cards (${(paid.besideP99Us / paid.aloneP99Us).toFixed(2)})`);
}

/** What the machine's processors could make by this where nothing else ran: an estimate, as they are never all busy. */
function tellProcessor({ threads, caller, rsa }: CardProcessorUs, tell: (line: string) => void): void {
  if (threads.size === 0) return;
  const program = [...threads.values()].reduce((sum, us) => sum + us, 0);
  const named = [...threads].filter(([, us]) => us >= 5).sort(([, a], [, b]) => b - a).map(([name, us]) => `${name} ${Math.round(us)}`);
  const perSecond = (availableParallelism() * 1e6) / (program + caller);
  tell(`  processor time of a card: ${Math.round(program)} µs in the program (${named.join(', ')}), ${Math.round(caller)} µs in the caller; of an RSA operation: ${Math.round(rsa)} µs`);
  tell(`  by that ${availableParallelism()} processors with nothing else to do make at most ${Math.round(perSecond)}/s, ${((perSecond * rsa) / 1e6).toFixed(2)} of RSA on one core`);
}
