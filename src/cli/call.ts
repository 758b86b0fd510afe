/** `locum call`: one call at a door, as a partner's back end, a cardholder's app or one of the staff makes it. */
import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { AppFile, problemWords } from './app-file.ts';
import { exitFailed, Failure, UsageError } from './command.ts';
import type { Command, Given, Outside } from './command.ts';
import type { DoorAnswer, DoorClient } from './door-client.ts';
import { doorClient, doorOptions, textOf } from './door-place.ts';

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

export const callCommand: Command = {
  name: 'call',
  summary: 'Calls the API of users, balances and cards, with what curl has not: encrypted payloads, and an app that signs',
  operands: '<GET | POST | PUT | PATCH | DELETE> <path>',
  about: [
    'Paths that begin with /secure go to the partners\' door, with --certificate and --key; /customers/me and /admin to the other one, with the session of --app, or a --token. docs/api.md tells what there is, and the running switch shows it at /reference.',
    'What changes something goes out with an idempotency key of its own; --idempotency-key names one, and the same again does it once. --sealed encrypts the body (JWE) and has the answer encrypted, and opens it: what it prints may be a card\'s full number.',
    'Prints the answer\'s JSON. The exit code is 1 where the answer is a refusal, which goes to standard error.',
  ],
  options: {
    body: { type: 'string', value: '<json | @file | ->', about: 'the body: JSON, @ and a file, or - for standard input' },
    sealed: { type: 'boolean', about: 'encrypts body and answer' },
    certificate: { type: 'string', value: '<file>', about: 'the partner\'s client certificate, PEM' },
    key: { type: 'string', value: '<file>', about: 'its private key, PEM' },
    'encryption-key': { type: 'string', value: '<file>', about: 'the RSA private key, PEM, that answers are encrypted to; by default --key, or the app\'s own' },
    app: { type: 'string', value: '<file>', about: 'a cardholder\'s app, as locum app pair makes it' },
    token: { type: 'string', value: '<text>', about: 'the token of a session' },
    confirm: { type: 'string', value: '<operation>', about: 'with --app: confirms the session a second time first, for this operation' },
    secret: { type: 'string', value: '<text>', about: 'with --confirm: the secret that was given at pairing' },
    pick: { type: 'string', value: '<field>', about: 'prints the value of this field of the answer alone, such as userId or items.0.cardId' },
    'idempotency-key': { type: 'string', value: '<text>', about: 'by default a new one' },
    ...doorOptions,
  },
  examples: [
    { line: 'call GET /customers/me/public_key', about: 'The key that apps encrypt to.', needs: 'running demo' },
    { line: 'call POST /secure/customers --certificate partner.pem --key partner.key --body {"externalId":"ada"}', about: 'A partner registers a user.', needs: 'customer' },
  ],
  async run(given, outside) {
    const { method, path } = whereOf(given);
    const body = await bodyOf(given, outside);
    const isSecure = /^\/secure(\/|\?|$)/.test(path);
    const key = fileOf(given, outside, 'key');
    const client = doorClient(given, outside, isSecure ? 'secure' : 'other', { certificate: fileOf(given, outside, 'certificate'), key });
    const app = appOf(given, outside);
    const token = app === undefined ? given.text('token') : await app.token(client, outside.now());
    await confirm(given, outside, app, client);
    const sealing = fileOf(given, outside, 'encryption-key') ?? app?.encryptionKey ?? key;
    if (given.has('sealed') && sealing === undefined) throw new UsageError('--sealed needs a key that the answer is encrypted to: --encryption-key, --key or --app');
    const answer = await client.call({
      method, path, body, sealedFor: given.has('sealed') ? sealing : undefined,
      headers: { ...(method === 'GET' ? {} : { 'x-idempotency-key': given.text('idempotency-key') ?? randomUUID() }), ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    });
    if (answer.status >= 300) {
      outside.complain(problemWords(answer.status, answer.text));
      return exitFailed;
    }
    outside.print(shown(answer, given.text('pick')));
    return 0;
  },
};

function shown({ status, text }: DoorAnswer, pick: string | undefined): string {
  if (pick === undefined) return text === '' ? `${status}` : JSON.stringify(JSON.parse(text), undefined, 2);
  let value: unknown = text === '' ? undefined : JSON.parse(text);
  for (const part of pick.split('.')) value = typeof value === 'object' && value !== null && Object.hasOwn(value, part) ? (value as Readonly<Record<string, unknown>>)[part] : undefined;
  if (value === undefined) throw new Failure(`the answer has no ${pick}`);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function whereOf({ operands: [method = '', path = '', ...more] }: Given): { readonly method: string; readonly path: string } {
  const upper = method.toUpperCase();
  if (!methods.includes(upper)) throw new UsageError(`the first argument is one of ${methods.join(', ')}`);
  if (!path.startsWith('/') || more.length > 0) throw new UsageError('the second argument, and the last, is a path such as /secure/customers');
  return { method: upper, path };
}

async function bodyOf(given: Given, outside: Outside): Promise<string | undefined> {
  const said = given.text('body');
  if (said === undefined) return undefined;
  const text = said === '-' ? (await outside.readInput()).toString('utf8') : said.startsWith('@') ? textOf(outside, said.slice(1)) : said;
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    throw new UsageError('--body is no JSON');
  }
}

function fileOf(given: Given, outside: Outside, option: string): string | undefined {
  const file = given.text(option);
  return file === undefined ? undefined : textOf(outside, file);
}

function appOf(given: Given, { cwd }: Outside): AppFile | undefined {
  const file = given.text('app');
  if (file !== undefined && given.text('token') !== undefined) throw new UsageError('--app opens a session of its own, and takes no --token');
  return file === undefined ? undefined : AppFile.open(resolve(cwd, file));
}

async function confirm(given: Given, outside: Outside, app: AppFile | undefined, client: DoorClient): Promise<void> {
  const action = given.text('confirm');
  if (action === undefined) return;
  const secret = given.text('secret');
  if (app === undefined || secret === undefined) throw new UsageError('--confirm is for --app, with its --secret');
  if (!/^[a-zA-Z][A-Za-z0-9]{2,63}$/.test(action)) throw new Failure(`${action} is no operation id`);
  await app.confirm(client, outside.now(), action, secret);
}
