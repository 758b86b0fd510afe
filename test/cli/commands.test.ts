import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commandsMarkdown } from '../../src/cli/commands-docs.ts';
import { commands } from '../../src/cli/commands.ts';
import { emptyFolder, eventually, launched, locum, root, startDemo } from './locum.ts';
import type { RunningLocum } from './locum.ts';
import { keyInputs } from './key-inputs.ts';

describe('docs/commands.md', () => {
  test('is what the commands say of themselves (npx vitest run -u writes it)', async () => {
    await expect(commandsMarkdown()).toMatchFileSnapshot('../../docs/commands.md');
  });

  test('has an example of every command', () => {
    for (const { name, examples } of commands) expect(examples.map(({ line }) => line.startsWith(name)), name).toEqual(examples.map(() => true));
    for (const { name, examples } of commands) expect(examples.length, name).toBeGreaterThan(0);
  });
});

describe('its examples do what they say', () => {
  let demo: RunningLocum;
  beforeAll(async () => {
    demo = await startDemo();
    // Its thread makes the book first: on a busy machine that takes longer than an operator waits for an answer.
    await eventually(() => locum(['tables', 'list'], demo), ({ code }) => code === 0);
  });
  afterAll(async () => {
    await demo.stop();
    rmSync(demo.cwd, { recursive: true });
  });

  const examples = commands.flatMap(({ examples: those }) => those);

  test.for(examples.filter(({ needs }) => needs === 'nothing').map(({ line }) => line))('%s', async (line) => {
    const { code, out, err } = await launched(line.split(' '), { cwd: root });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).not.toBe('');
  });

  test.for(examples.filter(({ needs }) => needs === 'running demo').map(({ line }) => line))('%s', async (line) => {
    // The demo here has other ports than a user's.
    const [told = '', file] = line.replace('127.0.0.1:8585', `127.0.0.1:${demo.ports['demo-2003-binary']}`).split(' < ');
    const words = told.split(' ');
    const input = file === undefined ? '' : keyInputs[file];
    expect(input, line).toBeDefined();
    // A story is in the book a little after the answer.
    const { code, out, err } = await eventually(() => launched(words, { ...demo, input: input ?? '' }), (result) => result.code === 0 || words[0] !== 'trace');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).not.toBe('');
    if (words.includes('--json')) JSON.parse(out);
    if (words[0] === 'send' && !words.includes('--json')) expect(out).toMatch(/: (?:Approved|Accepted|File action successful|Network management accepted)/);
  });

  test('those of keys, one after the other in an empty folder', async () => {
    const cwd = emptyFolder();
    const lines = examples.filter(({ needs }) => needs === 'empty folder').map(({ line }) => line);
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) {
      const [words = '', file] = line.split(' < ');
      const input = file === undefined ? '' : keyInputs[file];
      expect(input, line).toBeDefined();
      const { code, out, err } = await launched(words.split(' '), { cwd, input: input ?? '' });
      expect({ code, err }, line).toEqual({ code: 0, err: '' });
      expect(out).not.toBe('');
    }
    rmSync(cwd, { recursive: true });
  });

  test('the demo of npm start is stopped and started again, and its cards are still there', async () => {
    const first = await startDemo();
    const balance = async (running: RunningLocum): Promise<unknown> => {
      const { out } = await locum(['send', 'balance', '--pan', '4761730000000011', '--json'], running);
      const [exchange] = (JSON.parse(out) as { exchanges: readonly { response: { fields: readonly { path: string; value: string }[] } }[] }).exchanges;
      return exchange?.response.fields.find(({ path }) => path === '54')?.value;
    };
    await locum(['send', 'purchase', '--pan', '4761730000000011', '--amount', '12.50'], first);
    const before = await balance(first);
    expect(before).toContain('000000098750');
    await first.stop();
    const second = await startDemo({ cwd: first.cwd });
    expect(await balance(second)).toBe(before);
    await second.stop();
    rmSync(first.cwd, { recursive: true });
  });

  test('npm start is locum start', () => {
    expect(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))).toMatchObject({ scripts: { start: 'node bin/locum.js start' }, bin: { locum: 'bin/locum.js' } });
  });
});

describe('the command line', () => {
  test('says its version', async () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(await locum(['--version'])).toEqual({ code: 0, signal: null, out: `locum ${version} (Node ${process.versions.node})\n`, err: '' });
  });

  test.for(['start', 'doctor', 'spec list'])('a word too many after %s is told, and nothing is done', async (name) => {
    const sentence = `locum ${name}: nothing follows ${name}; now needs an option in front of it. locum ${name} --help shows how it is used.\n`;
    expect(await locum([...name.split(' '), 'now'])).toMatchObject({ code: 2, out: '', err: sentence });
  });

  test('a value that begins with a hyphen is told apart from an option that lacks its value', async () => {
    const sentence = 'locum send: the value of --amount begins with a hyphen; if it is meant so, write --amount=… with the value behind it. locum send --help shows how it is used.\n';
    expect(await locum(['send', 'purchase', '--pan', '4761730000000011', '--amount', '-1'])).toMatchObject({ code: 2, out: '', err: sentence });
  });

  test('without a command shows them all; with --help, and --help of each, it is no error', async () => {
    const overview = await locum([]);
    expect(overview).toMatchObject({ code: 2, err: '' });
    for (const { name } of commands) expect(overview.out).toContain(`  ${name} `);
    expect(await locum(['--help'])).toEqual({ ...overview, code: 0 });
    for (const { name, options } of commands) {
      const { code, out, err } = await locum([...name.split(' '), '--help']);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      for (const option of Object.keys(options)) expect(out, name).toContain(`--${option}`);
      expect(Math.max(...out.split('\n').filter((line) => !line.includes('npx') && !line.startsWith('locum')).map((line) => line.length)), name).toBeLessThanOrEqual(140);
    }
  });

  test.for<[words: readonly string[], sentence: string]>([
    [['strat'], 'there is no command strat; did you mean start? locum --help lists them.'],
    [['everything'], 'there is no command everything. locum --help lists them.'],
    [['--verison'], 'there is no command --verison. locum --help lists them.'],
    [['spec'], 'spec is followed by a word: spec check, spec list.'],
  ])('%j is told in a sentence', async ([words, sentence]) => {
    expect(await locum(words)).toMatchObject({ code: 2, out: '', err: `locum: ${sentence}\n` });
  });

  test('a configuration that is refused ends a start with its sentence', async () => {
    const cwd = emptyFolder();
    expect(await launched(['start'], { cwd, env: { LOCUM_HTTP_PORT: 'x' } })).toMatchObject({ code: 1, out: '', err: 'locum start: LOCUM_HTTP_PORT must be a whole number from 0 to 65535, not "x".\n' });
    expect(await launched(['start', '--config', 'no.json'], { cwd })).toMatchObject({ code: 1, err: `locum start: there is no configuration file ${join(cwd, 'no.json')}.\n` });
    rmSync(cwd, { recursive: true });
  });
});
