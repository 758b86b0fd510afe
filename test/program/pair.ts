/** Two switches on one Redis and one book, with the keys that they share: each the other's peer. For tests of what one tells the other. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { MasterKey } from '../../src/keys/master-key.ts';
import { makeDemoKeys } from '../../src/program/demo-keys.ts';
import type { ListedShown } from '../../src/program/operator-locks.ts';
import { locum } from '../cli/locum.ts';
import type { Ended } from '../cli/locum.ts';
import { startPostgres } from '../servers/postgres.ts';
import type { PostgresServer } from '../servers/postgres.ts';
import { startRedis } from '../servers/redis.ts';
import type { RedisServer } from '../servers/redis.ts';
import type { Fields } from '../switch/fixture.ts';
import { freePort } from '../servers/ports.ts';
import { ascii, buy, configure, emptyFolder, endAll, startProgram } from './fixture.ts';
import type { ProgramProcess, Variables } from './fixture.ts';

let postgres: Promise<PostgresServer> | undefined;
const redises: RedisServer[] = [];

/** For `afterAll`. */
export async function endPairs(): Promise<void> {
  await endAll();
  await Promise.all(redises.map((redis) => redis.stop()));
  await (await postgres)?.remove();
}

/** Of the operators' doors of both. */
export const operatorToken = 'a-token-that-both-switches-share-1234';

let databases = 0;

export interface Servers {
  readonly redis: RedisServer;
  readonly url: string;
  readonly env: Variables;
}

export async function servers(): Promise<Servers> {
  databases += 1;
  postgres ??= startPostgres();
  const [redis, url] = await Promise.all([startRedis(), (await postgres).database(`pair${databases}`)]);
  redises.push(redis);
  const keys = emptyFolder();
  const [keyFile, masterKey] = [join(keys, 'keys.json'), join(keys, 'master.key')];
  makeDemoKeys(keyFile, MasterKey.createFile(masterKey, randomBytes), randomBytes);
  return { redis, url, env: { REDIS_URL: redis.url, DATABASE_URL: url, LOCUM_KEYS_KEY_FILE: keyFile, LOCUM_KEYS_MASTER_KEY_FILE: masterKey, LOCUM_OPERATOR_TOKEN: operatorToken } };
}

const standIn = {
  version: 3, currency: 'EUR', unavailable: {
    tests: { cryptogram: 'ifCarried' }, decisions: [{ name: 'purchase', when: { purpose: ['purchase'] }, outcome: 'approve' }], otherwise: 'decline',
    limits: [{ scope: 'overall', period: 'transaction', amountMinorMax: 5_000 }],
  },
};

/** A switch that is the other's peer. */
export async function begin({ env }: Servers, folder: string, name: string, port: number, peer?: { readonly name: string; readonly port: number }): Promise<ProgramProcess> {
  const peers = peer === undefined ? {} : { [peer.name]: { url: `http://127.0.0.1:${peer.port}` } };
  configure(folder, { demo: true, switchName: name, issuers: { own: { type: 'own', standIn } }, operator: { peers } });
  return await startProgram(folder, { ...env, LOCUM_HTTP_PORT: String(port) });
}

export async function pair(all: Servers, envA: Variables = {}): Promise<{ readonly a: ProgramProcess; readonly b: ProgramProcess; readonly folderB: string; readonly portA: number; readonly portB: number }> {
  const [portA, portB] = [await freePort(), await freePort()];
  const folderB = emptyFolder();
  const [a, b] = await Promise.all([begin({ ...all, env: { ...all.env, ...envA } }, emptyFolder(), 'a', portA, { name: 'b', port: portB }), begin(all, folderB, 'b', portB, { name: 'a', port: portA })]);
  return { a, b, folderB, portA, portB };
}

/** A command beside a switch, with the operators' token. */
export async function command(program: ProgramProcess, words: readonly string[]): Promise<Ended> {
  return await locum(words, { cwd: program.folder, env: { LOCUM_HTTP_PORT: String(program.httpPort), LOCUM_OPERATOR_TOKEN: operatorToken } });
}

/** The switch's negative list. */
export async function listed(program: ProgramProcess): Promise<readonly ListedShown[]> {
  const { code, out, err } = await command(program, ['locks', '--json']);
  if (code !== 0) throw new Error(err);
  return JSON.parse(out) as readonly ListedShown[];
}

let stan = 0;

/** A purchase of 1.00. @returns DE39 */
export async function bought(program: ProgramProcess, pan: string, fields: Fields = {}): Promise<string> {
  stan += 1;
  const acquirer = await program.call(ascii);
  const { code } = await buy(acquirer, stan, { 2: pan, 4: '000000000100', ...fields });
  acquirer.socket.destroy();
  return code;
}
