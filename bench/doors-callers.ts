/** Callers of a running program's doors, made as a reader of docs/tour-lifecycle.md makes them: a partner with its certificate, a user with a balance, an app. */
import { join } from 'node:path';
import { AppFile } from '../src/cli/app-file.ts';
import { DoorClient } from '../src/cli/door-client.ts';
import { Openssl } from '../test/ca/openssl.ts';
import { eventually, locum } from '../test/cli/locum.ts';
import type { RunningProgram } from './program.ts';
import { readFileSync } from 'node:fs';

const cardUsers = 100;

export interface Callers {
  /** Of the cardholders' door. */
  readonly url: string;
  readonly secureUrl: string;
  readonly balanceId: string;
  /** Users with a balance each, for cards to be made for: an account takes no more than so many. */
  readonly cardUserIds: readonly string[];
  /** Of the app's session. */
  readonly token: string;
  /** PEM. */
  readonly tls: { readonly cert: string; readonly key: string; readonly ca: string };
}

/** @throws Error with what a call answered */
export async function makeCallers({ httpPort, securePort }: RunningProgram, folder: string): Promise<Callers> {
  const env = { LOCUM_DATA_DIR: folder, LOCUM_HTTP_PORT: String(httpPort) };
  const run = async (words: readonly string[], input = ''): Promise<string> => {
    const { code, out, err } = await locum(words, { cwd: folder, env, input });
    if (code !== 0) throw new Error(`${words.join(' ')}: ${err}`);
    return out;
  };
  await eventually(async () => await locum(['ca', 'list'], { cwd: folder, env }), ({ code }) => code === 0, 60_000);
  await run(['ca', 'init']);
  const { request, privateKey } = (await Openssl.find()).ask('RSA 2048');
  const certificate = await run(['ca', 'sign', '--partner', 'demo'], request);
  const tls = { cert: certificate.slice(certificate.indexOf('-----BEGIN')), key: privateKey, ca: readFileSync(join(folder, 'secure-door.crt'), 'utf8') };
  const [url, secureUrl] = [`http://127.0.0.1:${httpPort}`, `https://127.0.0.1:${securePort}`];
  const partner = new DoorClient(secureUrl, { certificate: tls.cert, key: tls.key, trusted: tls.ca });
  let keys = 0;
  const call = async (method: string, path: string, body?: object): Promise<Readonly<Record<string, string>>> => {
    keys += 1;
    const { status, text } = await partner.call({ method, path, body: body === undefined ? undefined : JSON.stringify(body), headers: { 'x-idempotency-key': `bench-${keys}-of-callers` } });
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
    return JSON.parse(text) as Readonly<Record<string, string>>;
  };
  const user = async (externalId: string): Promise<{ readonly userId: string; readonly balanceId: string }> => {
    const { userId = '' } = await call('POST', '/secure/customers', { externalId, givenName: 'Ada', familyName: 'Lovelace' });
    await call('PUT', `/secure/customers/${userId}/kyc`, { kyc: 'verified' });
    const { balanceId = '' } = await call('POST', `/secure/customers/${userId}/balances`, {});
    return { userId, balanceId };
  };
  const { userId, balanceId } = await user('bench');
  const others = await Promise.all(Array.from({ length: cardUsers }, async (_, index) => await user(`bench-${index}`)));
  const { code = '' } = await call('POST', `/secure/customers/${userId}/pairing_codes`);
  const mobile = new DoorClient(url, {});
  const app = await AppFile.pair(join(folder, 'app.json'), mobile, { code, name: 'bench', secret: 'for a benchmark' });
  return { url, secureUrl, balanceId, cardUserIds: others.map((other) => other.userId), token: await app.token(mobile, Date.now()), tls };
}
