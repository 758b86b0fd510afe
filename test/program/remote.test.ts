/** The issuer at a URL on the running program: `locum start` and `locum host --http` as processes, which die by signal and come back. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import type { HostEvent, HostMessage, HostSummary } from '../../src/cli/host-report.ts';
import { launcher, locum } from '../cli/locum.ts';
import { buys, code, hostPan } from '../switch/hosts.ts';
import { ascii, configure, emptyFolder, endAll, eventually, launch, root, startProgram } from './fixture.ts';
import type { ProgramProcess } from './fixture.ts';
import { endsWithUs } from '../servers/children.ts';
import { freePort } from '../servers/ports.ts';

const issuers: IssuerProcess[] = [];

afterEach(async () => {
  for (const issuer of issuers.splice(0)) await issuer.kill();
});

afterAll(endAll);

/** `locum host --http`, which tells each message as a line of JSON. */
class IssuerProcess {
  readonly events: HostEvent[] = [];
  summary: HostSummary | undefined;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(folder: string, port: number, script?: string) {
    this.#child = endsWithUs(spawn(process.execPath, [launcher, 'host', '--http', String(port), '--json', ...(script === undefined ? [] : ['--script', script])], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] }));
    this.#ended = once(this.#child, 'close');
    let rest = '';
    this.#child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      const parts = (rest + chunk).split('\n');
      rest = parts.pop() ?? '';
      for (const part of parts) {
        const event = JSON.parse(part) as HostEvent | (HostSummary & { readonly event: 'summary' }) | { readonly event: 'row' };
        if (event.event === 'summary') this.summary = event;
        else if (event.event !== 'row') this.events.push(event);
      }
    });
    issuers.push(this);
  }

  get messages(): HostMessage[] {
    return this.events.filter((event) => event.event === 'message');
  }

  async listening(): Promise<void> {
    await eventually(() => this.events.some(({ event }) => event === 'listening'), 'the issuer listens');
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  async stop(): Promise<HostSummary> {
    this.#child.kill('SIGTERM');
    await this.#ended;
    return this.summary!;
  }
}

async function usable(program: ProgramProcess, times: number): Promise<void> {
  await eventually(() => program.of('issuer circuit').filter(({ to }) => to === 'closed').length >= times, 'the issuer can be asked');
}

/** The configuration of docs/remote-issuer.md, with this port. */
function documented(port: number): object {
  const [, json = ''] = /```json\n([^]*?)```/.exec(readFileSync(join(root, 'docs/remote-issuer.md'), 'utf8')) ?? [];
  return JSON.parse(json.replace(':8591', `:${port}`)) as object;
}

async function story(program: ProgramProcess, name: string): Promise<string> {
  let out = '';
  await eventually(async () => {
    ({ out } = await locum(['trace', name, '--by', 'stan'], { cwd: program.folder, env: { LOCUM_HTTP_PORT: String(program.httpPort) } }));
    return out.includes('issuerTold') || out.includes('the issuer after');
  }, `the story of ${name} is in the book`);
  return out;
}

test('a purchase goes to the issuer’s URL and comes back; it is killed in mid-flight, stood in for, and told of each decision in order, once, when it is back', async () => {
  const folder = emptyFolder();
  const port = await freePort();
  const script = join(folder, 'drops.json');
  writeFileSync(script, JSON.stringify([{ match: { mti: '100', amountMinor: 777 }, do: 'drop' }]));
  const first = new IssuerProcess(folder, port, script);
  await first.listening();
  configure(folder, documented(port));
  // Longer than what this test waits for an answer.
  const program = await startProgram(folder, { LOCUM_ISSUERS_DEMO_HOST_TIMERS_POS_MS: '60000', LOCUM_DEADLINES_ANSWER_MS: '60000' });
  await usable(program, 1);
  const shop = await program.call(ascii);
  const forwarded = await shop.ask(buys(shop, 1001));
  expect(code(forwarded)).toBe('0110 00');
  expect(first.messages).toMatchObject([{ mti: '0100', approvalCode: forwarded.text(38) }]);

  shop.send(buys(shop, 1002, { 4: '000000000777' }));
  await eventually(() => first.messages.length === 2, 'the issuer has the second');
  await first.kill();
  // Whoever is gone is not waited for: long before the timer is over.
  const inFlight = await shop.next(30_000);
  expect([inFlight.text(11), code(inFlight)]).toEqual(['001002', '0110 00']);
  expect(code(await shop.ask(buys(shop, 1003, { 4: '000000000888' })))).toBe('0110 00');

  const back = new IssuerProcess(folder, port);
  await eventually(() => back.messages.length >= 3, 'the issuer is told');
  expect(back.messages.map(({ mti, amount, heard }) => [mti, amount?.amountMinor, heard])).toEqual([['0420', 777, 'new'], ['0120', 777, 'new'], ['0120', 888, 'new']]);
  expect(code(await shop.ask(buys(shop, 1004)))).toBe('0110 00');
  await eventually(() => back.messages.length === 4, 'requests go to it again');

  const stories = { asked: await story(program, '1001'), inFlight: await story(program, '1002'), next: await story(program, '1003') };
  expect(stories.asked).toContain('Decided by the issuer');
  expect(stories.inFlight).toMatch(/0420, reversal of a purchase[^]*Flagged: issuerTold/);
  expect(stories.next).toMatch(/Decided by stand-in[^]*0120, purchase \(authorization advice\)[^]*Flagged: issuerTold/);
  for (const text of [...Object.values(stories), program.output]) expect(text).not.toContain(hostPan);

  const summary = await back.stop();
  expect(summary).toMatchObject({ doubles: 0, advices: 2, reversals: 1, repeats: { requests: 0, advices: 0, reversals: 0 } });
  expect(summary.cards).toMatchObject([{ exposureMinor: 1_250 + 777 + 888 }]);
  expect(await program.stop()).toEqual({ code: 0, signal: null });
});

test('a start whose issuer names a key that is not there is refused with the place', async () => {
  const folder = emptyFolder();
  configure(folder, documented(1));
  const program = launch(folder);
  expect(await program.ended).toMatchObject({ code: 1 });
  expect(program.output).toContain('issuers.demo-host.remote.tls.certificateFile can\'t be read');
});
