import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestHost } from '../../src/cli/host-desk.ts';
import type { HostOptions } from '../../src/cli/host-desk.ts';
import type { HostMessage } from '../../src/cli/host-report.ts';
import type { LoadSecond, LoadSummary } from '../../src/cli/load-tally.ts';
import { freePort } from '../servers/ports.ts';
import { eventually, launched, locum, startDemo } from './locum.ts';
import type { RunningLocum, RunOptions } from './locum.ts';

async function load(words: readonly string[], options: RunOptions = {}): Promise<{ code: number | null; seconds: LoadSecond[]; summary: LoadSummary }> {
  const { code, out, err } = await launched(['load', ...words, '--json'], options);
  expect(err).toBe('');
  const lines = out.trim().split('\n').map((line) => JSON.parse(line) as LoadSecond | LoadSummary);
  return { code, seconds: lines.filter((line) => line.event === 'second'), summary: lines.find((line) => line.event === 'summary')! };
}

describe('on the running demo', () => {
  let demo: RunningLocum;
  beforeAll(async () => {
    demo = await startDemo();
  });
  afterAll(async () => {
    await demo.stop();
    rmSync(demo.cwd, { recursive: true });
  });

  test.each(['demo-1987-ascii', 'demo-1987-binary', 'demo-2003-binary'])('%s answers a mixed load, repeats and duplicates as well, each with its own STAN', async (station) => {
    const words = ['--station', station, '--in-flight', '8', '--count', '300', '--mix', 'purchase=50,balance=10,preauth=40', '--repeats', '10', '--duplicates', '10'];
    const { code, seconds, summary } = await load(words, demo);
    expect(code).toBe(0);
    expect(summary).toMatchObject({ seed: 1, notSent: 0, unanswered: 0, late: 0, wrongStans: 0, undecodable: 0, connectionsLost: 0 });
    expect(summary.sent + summary.notCompleted).toBe(300);
    expect(summary.answered).toBe(summary.sent);
    for (const kind of ['purchase', 'balance', 'preauth', 'completion', 'reversal']) expect(summary.sentByKind[kind], kind).toBeGreaterThan(0);
    expect(Object.keys(summary.sentByKind).some((kind) => kind.startsWith('repeat of'))).toBe(true);
    expect(Object.keys(summary.sentByKind).some((kind) => kind.startsWith('duplicate of'))).toBe(true);
    expect(Object.values(summary.byResponseCode).reduce((sum, count) => sum + count, 0)).toBe(summary.answered);
    expect(summary.latencyMs.p50).toBeLessThanOrEqual(summary.latencyMs.max);
    expect(seconds.reduce((sum, { sent }) => sum + sent, 0)).toBe(summary.sent);
  });

  test('a rate is kept for as long as was asked, a line a second', async () => {
    const { code, seconds, summary } = await load(['--per-second', '100', '--for', '1.5', '--mix', 'purchase=1', '--amount', '0.01'], demo);
    expect(code).toBe(0);
    expect(summary.sent).toBe(150);
    // One more for each second in which answers were still waited for.
    expect(seconds.length).toBeGreaterThanOrEqual(2);
    expect(seconds.map(({ second }) => second)).toEqual(seconds.map((_, index) => index + 1));
    expect(summary).toMatchObject({ approved: summary.sent, byResponseCode: { '00': summary.sent } });
  });

  test('the remote issuer gets each of its cards’ messages once', async () => {
    const host = await TestHost.start({ connect: { port: demo.ports['demo-host']! } });
    await eventually(() => Promise.resolve(host.signedOn), (signedOn) => signedOn);
    const words = ['--in-flight', '16', '--count', '200', '--cards', '5413330000000000..5413330000000999', '--mix', 'purchase=1', '--reversals', '0', '--duplicates', '20'];
    const { summary } = await load(words, demo);
    const { messages, doubles } = await host.stop();
    expect(summary).toMatchObject({ sent: 200, answered: 200, approved: 200, wrongStans: 0 });
    expect([messages, doubles]).toEqual([summary.sentByKind['purchase'], 0]);
  });

  test('for a person there are no card numbers, and each DE39 has its words', async () => {
    const { code, out } = await launched(['load', '--count', '20', '--in-flight', '2', '--pan', '4761730000001001', '--mix', 'purchase=1'], demo);
    expect(code).toBe(0);
    expect(out).toMatch(/^seed 1, \d+\.\d s: 20 sent \(purchase \d+.*\)$/m);
    expect(out).toMatch(/^ {2}00: Approved: 20$/m);
    expect(out).toMatch(/^unanswered: 0, answers with a wrong STAN: 0$/m);
    expect(out).not.toContain('4761730000001001');
  });
});

describe('against a counterpart of its own', () => {
  const spec = 'iso8583-1987-ascii';
  /** @param words of the load, over one connection so that there is one order */
  async function against(options: HostOptions, words: readonly string[]): Promise<{ code: number | null; summary: LoadSummary; heard: HostMessage[] }> {
    const heard: HostMessage[] = [];
    const host = await TestHost.start({
      spec, listen: { port: 0 }, signOn: false, ...options,
      onEvent: (event) => {
        if (event.event === 'message') heard.push(event);
      },
    });
    const { code, summary } = await load(['--station', `127.0.0.1:${host.port}`, '--spec', spec, '--connections', '1', ...words]);
    await host.stop();
    return { code, summary, heard };
  }

  test('the same seed is the same messages in the same order, at whatever pace they are answered', async () => {
    const words = ['--count', '150', '--repeats', '10', '--duplicates', '10', '--reversals', '20', '--mix', 'purchase=60,cash=20,preauth=20'];
    const said = ({ heard }: { readonly heard: readonly HostMessage[] }): unknown[] => heard.map(({ mti, pan, amount, stan, purpose }) => [mti, pan, amount?.amountMinor, stan, purpose]);
    const first = said(await against({}, [...words, '--seed', '11', '--in-flight', '8']));
    expect(first.length).toBeGreaterThan(140);
    expect(said(await against({ rules: [{ match: { mti: '100', every: 7 }, do: 'late', ms: 20 }] }, [...words, '--seed', '11', '--in-flight', '8']))).toEqual(first);
    expect(said(await against({}, [...words, '--seed', '12', '--in-flight', '8']))).not.toEqual(first);
  });

  const plain = ['--count', '60', '--mix', 'purchase=1', '--reversals', '0'];

  test('an answer with another’s STAN is told, and ends the load with 1', async () => {
    const { code, summary } = await against({ rules: [{ match: { every: 10 }, do: 'wrong', wrong: 'stan' }] }, [...plain, '--in-flight', '60', '--timeout', '4000']);
    expect(code).toBe(1);
    expect(summary.wrongStans + summary.unanswered).toBeGreaterThan(0);
    expect(summary.wrongStans).toBeGreaterThan(0);
    expect(summary.answered + summary.unanswered).toBe(60);
  });

  test('what is not answered, and what is answered too late, are two things', async () => {
    const dropped = await against({ rules: [{ match: { every: 10 }, do: 'drop' }] }, [...plain, '--in-flight', '60', '--timeout', '4000']);
    expect(dropped).toMatchObject({ code: 0, summary: { answered: 54, unanswered: 6, late: 0, wrongStans: 0 } });
    const late = await against({ rules: [{ match: { times: 1 }, do: 'late', ms: 3_000 }] }, ['--per-second', '30', '--for', '4', '--mix', 'purchase=1', '--reversals', '0', '--timeout', '1500']);
    expect(late).toMatchObject({ code: 0, summary: { unanswered: 1, late: 1, wrongStans: 0 } });
  });

  test('a connection that breaks is made again', async () => {
    const { code, summary } = await against({ rules: [{ match: { after: 20, times: 1 }, do: 'disconnect' }] }, [...plain, '--in-flight', '1', '--timeout', '2000']);
    expect(code).toBe(0);
    expect(summary).toMatchObject({ sent: 60, answered: 59, unanswered: 1, connectionsLost: 1, wrongStans: 0 });
  });

  test('nothing answered at all ends with 1', async () => {
    expect(await against({ rules: [{ match: {}, do: 'ignore' }] }, ['--count', '5', '--in-flight', '5', '--timeout', '100'])).toMatchObject({ code: 1, summary: { sent: 5, answered: 0, unanswered: 5 } });
  });
});

test.for<[words: readonly string[], sentence: string]>([
  [['now'], 'nothing follows load; now needs an option in front of it.'],
  [['--per-second', '5', '--in-flight', '5'], 'messages leave at a rate or after answers: give one of --per-second and --in-flight.'],
  [['--mix', 'purchases=5'], '--mix is kinds with their weights such as purchase=80,cash=20, not purchases=5; the kinds are purchase, cash, refund, balance, verify, preauth.'],
  [['--mix', 'purchase=0'], '--mix gives nothing a weight.'],
  [['--amount', '5-1'], '--amount is an amount such as 12.50, or two with a hyphen between them, the smaller one first, not 5-1.'],
  [['--cards', '5413330000000000..541333'], '--cards is two card numbers of the same length, the smaller one first, with .. between them.'],
  [['--cards', '5413330000000000..5413330000000999', '--pan', '4761730000000011'], '--cards and --pan do not go together.'],
  [['--pan', '47x'], '--pan is 8 to 19 digits.'],
  [['--reversals', '101'], '--reversals is a number from 0 to 100, not 101.'],
  [['--count', '1.5'], '--count is a whole number.'],
  [['--entry', 'stripe'], '--entry is one of chip, contactless, manual, ecommerce, not stripe.'],
])('%j is told in a sentence', async ([words, sentence]) => {
  expect(await locum(['load', ...words])).toMatchObject({ code: 2, out: '', err: `locum load: ${sentence} locum load --help shows how it is used.\n` });
});

test('nobody who listens is a sentence', async () => {
  const port = await freePort();
  expect(await launched(['load', '--station', `127.0.0.1:${port}`, '--spec', 'iso8583-1987-ascii'])).toMatchObject({
    code: 1, err: `locum load: nobody listens on 127.0.0.1:${port} (127.0.0.1:${port}); is the switch running (locum start)?\n`,
  });
});
