/** What an issuer asks of its stand-in by network management, and what is refused of everyone else. */
import { afterEach, expect, it } from 'vitest';
import { management, startSwitch, stopAll, until } from './fixture.ts';
import { buys, code, issuerComes, startHostSwitch, stopHosts } from './hosts.ts';

afterEach(stopAll);
afterEach(stopHosts);

const codes = { ascii: ['078', '079', '080', '088', '089'], iso2003: ['878', '879', '880', '888', '889'] } as const;

it.for(['ascii', 'iso2003'] as const)('on the station %s, which is no issuer’s, orders of an issuer are not supported', async (name) => {
  const running = await startSwitch();
  const acquirer = await running.call(name);
  for (const [index, code] of codes[name].entries()) {
    const answer = await acquirer.ask(management(acquirer.codec, index + 1, code));
    expect(answer.text(39)).toBe(name === 'ascii' ? '12' : '9102');
  }
  expect(running.of('networkManagement').map(([, what, accepted, detail]) => [what, accepted, detail])).toEqual(
    ['startAdvices', 'stopAdvices', 'speedAdvices', 'enterSuppressInquiry', 'leaveSuppressInquiry'].map((what) => [what, false, 'the station is no issuer\'s']),
  );
});

/** In words of 1987 and of 1993. */
it.for(['iso8583-1987-binary', 'iso8583-1993-binary'] as const)('an issuer of %s keeps requests from itself, and lets them come again', async (spec) => {
  const at = await startHostSwitch({ spec });
  const { host } = await issuerComes(at, [], { spec });
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  expect(await host.ask('enterSuppressInquiry')).toEqual(['accepted']);
  expect(at.issuers.status('demo-host')).toMatchObject({ phase: 'open', why: 'suppressInquiry' });
  expect(code(await shop.ask(buys(shop, 2)))).toBe('0110 00');
  await until(() => at.logged.some(({ stan, answeredBy, standInReason }) => stan === '2' && answeredBy === 'standin' && standInReason === 'suppressInquiry'), 'stand-in has decided');
  expect(await host.ask('leaveSuppressInquiry')).toEqual(['accepted']);
  expect(code(await shop.ask(buys(shop, 3)))).toBe('0110 00');
  await until(() => at.logged.some(({ stan, direction, answeredBy }) => stan === '3' && direction === 'in' && answeredBy === 'issuer'), 'the issuer has decided');
  expect(host.summary.requestsSuppressed).toBe(0);
});

it.for(['iso8583-1987-binary', 'iso8583-1993-binary'] as const)('an issuer of %s holds its advices, has them sent, and faster', async (spec) => {
  const at = await startHostSwitch({ spec, issuer: { advices: { perSecond: 5, fastPerSecond: 900 } } });
  const shop = await at.call();
  for (let stan = 1; stan <= 3; stan += 1) await shop.ask(buys(shop, stan));
  expect(at.issuers.backlog('demo-host')).toBe(3);
  const delivery = (): unknown => (({ state, pausedBy, perSecond }) => ({ state, pausedBy, perSecond }))(at.issuers.overview.find(({ row }) => row.name === 'demo-host')!.delivery);
  // It asks for silence as the first thing after its sign-on.
  const issuer = await issuerComes(at, [{ match: { mti: '12x' }, do: 'drop' }], { spec });
  expect(await issuer.host.ask('stopAdvices')).toEqual(['accepted']);
  expect(delivery()).toEqual({ state: 'paused', pausedBy: ['destination'], perSecond: 5 });
  issuer.host.setRules([]);
  expect(at.issuers.backlog('demo-host')).toBe(3);
  expect(await issuer.host.ask('startAdvices')).toEqual(['accepted']);
  expect(delivery()).toEqual({ state: 'delivering', pausedBy: [], perSecond: 5 });
  expect(await issuer.host.ask('speedAdvices')).toEqual(['accepted']);
  expect(delivery()).toEqual({ state: 'delivering', pausedBy: [], perSecond: 900 });
  await at.delivered();
  expect(await issuer.host.ask('startAdvices')).toEqual(['accepted']);
  expect(delivery()).toMatchObject({ perSecond: 5 });
  expect(at.logged.filter(({ class: of, direction }) => of === 'network' && direction === 'in').map(({ what, outcome }) => [what, outcome]).slice(-4)).toEqual([
    ['stopAdvices', 'answered'], ['startAdvices', 'answered'], ['speedAdvices', 'answered'], ['startAdvices', 'answered'],
  ]);
});
