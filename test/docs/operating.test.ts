/** docs/operating.md: its commands, one after the other, on the demo with the issuer that it speaks of. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestHost } from '../../src/cli/host-desk.ts';
import { alertKinds } from '../../src/program/alert-conditions.ts';
import { parameterSchema } from '../../src/tables/parameters.ts';
import { eventually, locum, root, startDemo } from '../cli/locum.ts';
import type { Ended, RunningLocum } from '../cli/locum.ts';

const page = readFileSync(`${root}docs/operating.md`, 'utf8');
const blocks = [...page.matchAll(/```(sh)?\n([\s\S]*?)```/g)].map(([, language = '', text = '']) => ({ language, lines: text.trimEnd().split('\n') }));

let demo: RunningLocum;
let host: TestHost;

beforeAll(async () => {
  demo = await startDemo();
  // It refuses one advice, as the page has it.
  host = await TestHost.start({ connect: { host: '127.0.0.1', port: demo.ports['demo-host'] ?? 0 }, signOn: true, rules: [{ match: { mti: '12x', amountMinor: 3_131 }, do: 'decline', code: '12' }] });
  await eventually(() => Promise.resolve(host.signedOn), (signedOn) => signedOn);
  await eventually(() => locum(['tables', 'list'], demo), ({ code }) => code === 0);
});

afterAll(async () => {
  await host.kill();
  await demo.stop();
});

/** As a shell has it: what is in quotes may have blanks, and the quotes themselves are gone. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)].map(([word]) => word.replaceAll(/"([^"]*)"|'([^']*)'/g, (_quoted, double?: string, single?: string) => double ?? single ?? ''));
}

async function asked(line: string): Promise<Ended> {
  const path = /http:\/\/127\.0\.0\.1:8080(\/operator\/\S*)$/.exec(line)?.[1];
  if (path === undefined) throw new Error(`not asked for by curl: ${line}`);
  const token = readFileSync(join(demo.cwd, 'data', 'operator.token'), 'utf8').trim();
  const reply = await fetch(`http://127.0.0.1:${demo.httpPort}${path}`, { headers: { authorization: `Bearer ${token}` } });
  return { code: reply.ok ? 0 : 1, signal: null, out: await reply.text(), err: '' };
}

let reference = '';

/** What the page leaves to the reader. */
async function filled(line: string): Promise<string> {
  if (line.includes('<reference>')) return line.replace('<reference>', reference);
  if (!line.includes('<id>')) return line;
  const setAside = async (): Promise<Ended> => await locum(['advices', 'list', '--state', 'setAside', '--json'], demo);
  const { out } = await eventually(setAside, (result) => result.out !== '[]\n').catch(async (error: unknown) => {
    throw new Error(`${(await locum(['issuer', 'show', 'demo-host'], demo)).out}${(await locum(['advices', 'list'], demo)).out}`, { cause: error });
  });
  const [advice] = JSON.parse(out) as { readonly id: string }[];
  return line.replace('<id>', advice?.id ?? '');
}

async function run(line: string): Promise<Ended> {
  if (line.startsWith('curl ')) return await asked(line);
  expect(line).toMatch(/^npx locum /);
  const words = wordsOf((await filled(line)).replace('npx locum ', ''));
  // The book has what happened a little later, and of what never happened nothing; an alert takes a second.
  const isDone = ({ code, out }: Ended): boolean => (/^npx locum (?:log|trace) /.test(line) ? code === 0 || line.includes('--outcome') : line !== 'npx locum alerts' || !out.startsWith('No '));
  const ended = await eventually(() => locum(words, demo), isDone);
  if (words[0] === 'send') reference = /^ +37 .* (\S+)$/m.exec(ended.out)?.[1] ?? '';
  return ended;
}

test('the commands of docs/operating.md work, from top to bottom, and what it shows of their answers is so', async () => {
  await locum(['tables', 'set', 'issuer', 'demo-host', 'advices.refusalsMax=1'], demo);
  let lastOut = '';
  let count = 0;
  for (const { language, lines } of blocks) {
    if (language !== 'sh') {
      // Names, times and columns' widths are of the day.
      const shape = (text: string): string => text.replaceAll(/20[0-9]{2}-[0-9-]{5} [0-9:]{8}|20YY-MM-DD hh:mm:ss/g, 'time').replace(/ by \S+?(?=:|$)/m, ' by NAME').replaceAll(/[0-9]+ s, is on/g, 'a while, is on').replaceAll(/ +/g, ' ').trim();
      const seen = lastOut.split('\n').map(shape);
      for (const line of lines) expect(seen, line).toContain(shape(line));
      continue;
    }
    lastOut = '';
    for (const line of lines) {
      const { code, out, err } = await run(line);
      expect({ code, err }, line).toEqual(line.includes('--outcome') ? { code: 1, err: expect.stringContaining('has no such line') as string } : { code: 0, err: '' });
      if (!line.includes('--outcome')) expect(out, line).not.toBe('');
      lastOut += out;
      count += 1;
    }
  }
  expect(count).toBeGreaterThan(40);
});

test('its alerts are those that there are, in their words, and each parameter that it names is one', () => {
  const rows = [...page.matchAll(/^\| `([a-zA-Z]+)` \| ([a-z ]+) \| (.*) \|$/gm)];
  expect(rows.map(([, kind, words]) => [kind, words])).toEqual(Object.entries(alertKinds));
  const { alerts } = parameterSchema.properties;
  const known = alerts?.type === 'object' ? Object.keys(alerts.properties) : [];
  const named = new Set([...page.matchAll(/`([a-z][a-zA-Z]+)`/g)].map(([, name = '']) => name));
  for (const name of known) expect(named, name).toContain(name);
});

test('each flag of a story is in its table, and each one there is a flag', () => {
  const table = page.slice(page.indexOf('| flag | it says |'), page.indexOf('keeps each request with what came of it'));
  const named = new Set([...table.matchAll(/^\| (.*?) \|/gm)].flatMap(([, cell = '']) => [...cell.matchAll(/`([a-zA-Z]+)(?::…)?`/g)].map(([, name = '']) => name)));
  const sources = ['account', 'issuer', 'switch', 'program'].flatMap((folder) => readdirSync(join(root, 'src', folder)).filter((name) => name.endsWith('.ts')).map((name) => readFileSync(join(root, 'src', folder, name), 'utf8')));
  const code = sources.join('\n').replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  // Where flags are put together: pushed, listed, or noted of an advice.
  const places = [...code.matchAll(/\bflag(?:s|ged)\.push\((.*)\);|\bflags(?::| =) (?:[a-zA-Z ?[\]]*: )?\[(.*?)\](?=[,; })])|\bnote\(('[a-zA-Z]+')/g)].map(([, pushed, listed, noted]) => pushed ?? listed ?? noted ?? '');
  const found = new Set(places.flatMap((place) => [...place.matchAll(/'([a-z][a-zA-Z]*)(?::[^']*)?'|`([a-z][a-zA-Z]*):/g)].map(([, plain, valued]) => plain ?? valued ?? '')));
  expect(found.size).toBeGreaterThan(30);
  expect([...found].filter((name) => !named.has(name))).toEqual([]);
  expect([...named].filter((name) => !code.includes(`'${name}'`) && !code.includes(`\`${name}:`))).toEqual([]);
});

test('every page that it names is there', () => {
  for (const [, link = ''] of page.matchAll(/\]\(([a-z.-]+)\)/g)) expect(() => readFileSync(`${root}docs/${link}`), link).not.toThrow();
});
