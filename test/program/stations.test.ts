/** Operators and the running program's stations: `locum station`, over its operator door. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { locum } from '../cli/locum.ts';
import type { Ended } from '../cli/locum.ts';
import { buys, code } from '../switch/hosts.ts';
import { purchase } from '../switch/fixture.ts';
import { ascii, emptyFolder, endAll, eventually, startProgram } from './fixture.ts';
import type { ProgramProcess } from './fixture.ts';
import { TestHost } from '../../src/cli/host-desk.ts';
import type { HostEvent } from '../../src/cli/host-report.ts';
import type { StationShown } from '../../src/program/operator-stations.ts';

const issuer = 'demo-host';

describe('an operator at the stations of a running switch', () => {
  let program: ProgramProcess;
  let host: TestHost;
  const network: Extract<HostEvent, { event: 'network' }>[] = [];

  beforeAll(async () => {
    program = await startProgram(emptyFolder());
    host = await TestHost.start({
      connect: { port: program.port(issuer) }, signOn: true, signOnRetryMs: 50, onEvent: (event) => {
        if (event.event === 'network') network.push(event);
      },
    });
    await eventually(() => host.signedOn, 'the issuer signs on');
    await eventually(async () => (await command('station list')).code === 0, 'the switch hears its operators');
  });
  afterAll(async () => {
    await host.kill();
    await endAll();
  });

  async function command(line: string): Promise<Ended> {
    return await locum(line.split(' '), { cwd: program.folder, env: { LOCUM_HTTP_PORT: String(program.httpPort) } });
  }

  async function shown(station: string): Promise<StationShown> {
    const { out, err } = await command(`station show ${station} --json`);
    if (err !== '') throw new Error(err);
    return JSON.parse(out) as StationShown;
  }

  function told(what: string): number {
    return network.filter((event) => event.direction === 'received' && event.what === what).length;
  }

  test('sees each station with its state and connections', async () => {
    const { code: ended, out } = await command('station list');
    expect(ended).toBe(0);
    expect(out).toMatch(/^station +state +link +format +connections +in flight +echo +business day\n/);
    expect(out).toMatch(new RegExp(`^${issuer} +signedOn +listens ${program.port(issuer)} +iso8583-1987-binary +1 `, 'm'));
    expect(out).toMatch(/^demo-2003-binary +down /m);
    const stations = JSON.parse((await command('station list --json')).out) as StationShown[];
    expect(stations.map(({ name, state }) => [name, state])).toEqual([['demo-1987-ascii', 'down'], ['demo-1987-binary', 'down'], ['demo-2003-binary', 'down'], [issuer, 'signedOn']]);
    expect((await command(`station show ${issuer}`)).out).toMatch(/state +signedOn\n.*listens on [0-9]+, 0 in flight\n[^]*connection +[0-9]+ with 127\.0\.0\.1:[0-9]+, signedOn, for [0-9]+ s\n/);
  });

  test('sends an echo, and sees how long it took', async () => {
    expect(await command(`station echo ${issuer}`)).toMatchObject({ code: 0, out: expect.stringMatching(/^Connection [0-9]+: accepted in [0-9.]+ ms\.\n$/) as string });
    expect(told('echo')).toBe(1);
    expect(await shown(issuer)).toMatchObject({ echo: { answered: 1, missed: 0, lastMs: expect.any(Number) as number } });
  });

  test('an echo that is not answered ends the command with 1', async () => {
    host.setRules([{ match: { mti: '0800' }, do: 'drop' }]);
    expect(await command(`station echo ${issuer}`)).toMatchObject({ code: 1, out: expect.stringMatching(/no answer/) as string });
    host.setRules([]);
  });

  test('ends the business day there, with the day that begins', async () => {
    expect(await command(`station cut-over ${issuer} --date 20261123`)).toMatchObject({ code: 0 });
    expect(told('cutover')).toBe(1);
    expect(await shown(issuer)).toMatchObject({ cutOver: { businessDate: '20261123', by: 'us' } });
  });

  test('signs the station off: its issuer is stood in for and cannot sign on again by itself, until the station is signed on', async () => {
    const shop = await program.call(ascii);
    expect(await command(`station sign-off ${issuer} --why repair --by mia`)).toMatchObject({ code: 0, out: `${issuer} is signed off (held).\n` });
    await eventually(() => told('signOff') === 1, 'the issuer is told');
    expect(await host.ask('signOn')).toEqual(['refused']);
    expect(code(await shop.ask(buys(shop, 61)))).toBe('0110 00');
    expect(await command(`station sign-off ${issuer} --why again`)).toMatchObject({ code: 0, out: `${issuer} is signed off already (held).\n` });
    expect(await command(`station sign-on ${issuer} --by tom`)).toMatchObject({ code: 0, out: expect.stringMatching(/^demo-host is signed on /) as string });
    await eventually(() => told('signOn') === 1, 'the issuer is told');
    await eventually(async () => (await shown(issuer)).state === 'signedOn', 'it is signed on');
    expect(program.of('station signed off by order')[0]).toMatchObject({ station: issuer, by: 'mia', why: 'repair' });
    expect(program.of('station signed on by order')[0]).toMatchObject({ station: issuer, by: 'tom' });
    shop.socket.destroy();
  });

  test('an acquirer’s station that is signed off serves nobody, and serves again', async () => {
    const shop = await program.call(ascii);
    await command(`station sign-off ${ascii} --why test`);
    await shop.next();
    expect((await shop.ask(purchase(shop.codec, 71))).text(39)).toBe('12');
    await command(`station sign-on ${ascii}`);
    await shop.next();
    expect((await shop.ask(purchase(shop.codec, 72))).text(39)).toBe('00');
    shop.socket.destroy();
  });

  test.for<[line: string, ended: number, sentence: string]>([
    ['station show nobody', 1, 'there is no station nobody; there are demo-1987-ascii, demo-1987-binary, demo-2003-binary, demo-host'],
    ['station echo demo-2003-binary', 1, 'station demo-2003-binary has no connection: nobody is there to be told'],
    ['station sign-off demo-host', 2, '--why is missing: the reason, for the record'],
    ['station cut-over demo-host', 2, '--date takes the day that begins, as CCYYMMDD'],
    ['station cut-over demo-host --date 20260231', 1, 'date must be a day as CCYYMMDD, not 20260231'],
  ])('%s is refused with its sentence', async ([line, ended, sentence]) => {
    const { code: exit, err } = await command(line);
    expect(exit).toBe(ended);
    expect(err).toContain(sentence);
  });
});
