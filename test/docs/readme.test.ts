import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestHost } from '../../src/cli/host-desk.ts';
import { startRedis } from '../servers/redis.ts';
import { eventually, launched, locum, root, startDemo } from '../cli/locum.ts';
import type { Ended, RunningLocum } from '../cli/locum.ts';

const readme = readFileSync(`${root}README.md`, 'utf8');

/** The commands of the README's shell blocks, in order. */
const commands = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = '']) => block.trim().split('\n'));

let demo: RunningLocum;

beforeAll(async () => {
  demo = await startDemo();
});

afterAll(async () => {
  await demo.stop();
});

async function asWritten(command: string): Promise<Ended> {
  expect(commands).toContain(command);
  return await locum(command.replace('npx locum ', '').split(' '), { cwd: demo.cwd, env: demo.env });
}

function responseCode({ out }: Ended): string | undefined {
  return /^ +39 .* (\S+)$/m.exec(out)?.[1];
}

test('the commands of the README are those that this test runs, and those that do everything', () => {
  expect(commands.filter((command) => !command.startsWith('npx locum '))).toEqual([
    'npm ci', 'npm start', 'rm -r data', 'redis-server --port 6390 --appendonly yes --appendfsync always', 'REDIS_URL=redis://127.0.0.1:6390 npm start', 'npm ci', 'npm test',
  ]);
});

test('the first purchase of the README is approved and its card number is masked', async () => {
  const run = await asWritten('npx locum send purchase --pan 4761730000000011 --amount 12.50');
  expect(run.code).toBe(0);
  expect(responseCode(run)).toBe('00');
  expect(run.out).toContain('476173******0011');
  expect(run.out).not.toContain('4761730000000011');
});

test('the purchases that the README has decline are declined as it says', async () => {
  const codes = [];
  for (const command of commands.filter((line) => /send purchase .*(0029|0128|0037)/.test(line))) codes.push(responseCode(await asWritten(command)));
  expect(codes).toEqual(['51', '43', '54']);
});

test('cards are presented right and wrong, and answered as the README says', async () => {
  const codes = [];
  for (const command of commands.filter((line) => line.includes('4761730000001001'))) codes.push(responseCode(await asWritten(command)));
  expect(codes).toEqual(['00', '82', '00', '82', '00', '55', '00', '82']);
});

test('a remote issuer is asked, is stood in for while it is away, and is told of each decision when it is back', async () => {
  expect(commands).toContain('npx locum host');
  const [asked = '', ...away] = commands.filter((line) => line.includes('541333'));
  const connect = { connect: { host: '127.0.0.1', port: demo.ports['demo-host'] ?? 0 }, signOn: true };
  const host = await TestHost.start(connect);
  await eventually(() => Promise.resolve(host.signedOn), (signedOn) => signedOn);
  expect(responseCode(await asWritten(asked))).toBe('00');
  expect(host.summary.requests).toBe(1);
  await host.kill();
  await eventually(() => Promise.resolve(demo.lines.filter(({ event }) => event === 'issuer circuit').at(-1)?.['to']), (to) => to === 'open');
  const codes = [];
  for (const command of away) codes.push(responseCode(await asWritten(command)));
  expect(codes).toEqual(['00', '61']);
  const back = await TestHost.start(connect);
  await eventually(() => Promise.resolve(back.summary), ({ advices }) => advices === 2);
  expect((await back.stop()).doubles).toBe(0);
});

test('own accounts are stood in for while their store is away, and have it when that is back', async () => {
  const redis = await startRedis({ appendfsync: 'always' });
  const other = await startDemo({ env: { REDIS_URL: redis.url } });
  try {
    const send = async (command: string): Promise<Ended> => {
      expect(commands).toContain(command);
      return await locum(command.replace('npx locum ', '').split(' '), { cwd: other.cwd, env: other.env });
    };
    const [before = '', ...away] = commands.filter((line) => / --amount (?:10|30|300)$/.test(line));
    expect(responseCode(await send(before))).toBe('00');
    await redis.kill();
    const runs = [];
    for (const command of away) runs.push(await send(command));
    expect(runs.map(responseCode)).toEqual(['00', '61']);
    expect(responseCode(await locum(['send', 'purchase', '--pan', '4761730000000029', '--amount', '1'], { cwd: other.cwd, env: other.env }))).not.toBe('00');
    await redis.restart();
    await eventually(() => Promise.resolve(other.lines.some(({ event }) => event === 'accounts have what was answered for them')), (isThere) => isThere);
    const reference = /^ +37 .* (\S+)$/m.exec(runs[0]?.out ?? '')?.[1] ?? '';
    const story = await eventually(() => locum(['trace', reference], { cwd: other.cwd, env: { ...other.env, REDIS_URL: undefined } }), ({ code }) => code === 0);
    expect(story.out).toContain('Decided by stand-in');
    expect(story.out).toContain('30.00 EUR');
  } finally {
    await other.stop();
    await redis.stop();
  }
});

test('trace tells the story of a purchase by the reference that send printed', async () => {
  const run = await asWritten('npx locum send purchase --pan 4761730000000011 --amount 12.50');
  const reference = /^ +37 .* (\S+)$/m.exec(run.out)?.[1] ?? '';
  expect(commands).toContain('npx locum trace <reference>');
  const story = await eventually(() => locum(['trace', reference], { cwd: demo.cwd, env: demo.env }), ({ code }) => code === 0);
  expect(story.out).toContain('Decided by the account');
  expect(story.out).toContain('12.50 EUR');
  expect(story.out).toContain('balance: pass');
});

test('the other commands of the README succeed', async () => {
  for (const command of commands.filter((line) => /--station|spec list|doctor/.test(line))) {
    const run = await asWritten(command);
    expect(run.code, `${command}\n${run.out}${run.err}`).toBe(0);
  }
});

test('readiness and metrics are where the README says', async () => {
  const ready = await fetch(`http://127.0.0.1:${demo.httpPort}/ready`);
  expect(ready.status).toBe(200);
  const metrics = await (await fetch(`http://127.0.0.1:${demo.httpPort}/metrics`)).text();
  expect(metrics).toContain('locum_answer_seconds_bucket');
});

test('every file and folder that the README names is there', () => {
  const links = [...readme.matchAll(/\]\(([^)]+)\)/g)].map(([, link = '']) => link);
  for (const link of links) expect(() => readFileSync(`${root}${link}`), link).not.toThrow();
});

test('the launcher runs as a command of the shell', async () => {
  const run = await launched(['--help']);
  expect(run.code).toBe(0);
  expect(run.out).toContain('locum <command>');
});
