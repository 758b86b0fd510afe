/** Switches in front of an HSM that answers late, fails, or never answers. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import type { Hsm } from '../../src/keys/hsm.ts';
import type { SoftwareHsm } from '../../src/keys/software-hsm.ts';
import { demoSecurity, demoStations, loadCard, purchase, startSwitch, stopAll, until } from './fixture.ts';
import type { RunningSwitch } from './fixture.ts';
import { withChip, withMac, withPin } from './secured.ts';

afterEach(stopAll);

const name = 'ascii';
const reasons = ({ decided }: RunningSwitch): string[] => decided.map(({ reason }) => reason);
const signing = { ascii: { ...demoStations.ascii, security: { ...demoSecurity, mac: { key: 'demo-zak', algorithm: 'retail', required: true } } } } as const;

/** Each call's answer comes after another time than the one before, so that later ones overtake. */
function late(hsm: SoftwareHsm): Pick<Hsm, 'verify' | 'produce'> {
  let calls = 0;
  const later = async <Answer>(answer: () => Answer): Promise<Answer> => {
    calls += 1;
    await delay((calls * 7) % 20);
    return answer();
  };
  return { verify: (checks) => later(() => hsm.verify(checks)), produce: (orders) => later(() => hsm.produce(orders)) };
}

it('each of many messages is checked, decided, answered and signed once, with an HSM whose answers overtake each other', async () => {
  const running = await startSwitch({ stations: signing, inFront: late });
  const at = { running, name };
  const acquirer = await running.call(name);
  const count = 150;
  for (let stan = 1; stan <= count; stan += 1) {
    const draft = purchase(acquirer.codec, stan, { 4: '000000000001' });
    acquirer.send(withMac(at, stan % 3 === 0 ? withPin(at, draft, '1234') : draft));
  }
  const answered = new Set<string | undefined>();
  for (let index = 0; index < count; index += 1) {
    const answer = await acquirer.next();
    expect([answer.text(39), answer.has(64)]).toEqual(['00', true]);
    answered.add(answer.text(11));
  }
  expect(answered.size).toBe(count);
});

it('a switch that stops answers what waits for the HSM', async () => {
  const running = await startSwitch({ stations: signing, inFront: late });
  const acquirer = await running.call(name);
  acquirer.send(withMac({ running, name }, purchase(acquirer.codec, 1)));
  await until(() => running.of('received').some(([, type]) => type === '0100'), 'the message is read');
  expect([running.decided.length, await running.switch.stop(10_000)]).toEqual([0, 0]);
  expect((await acquirer.next()).text(39)).toBe('00');
});

it('no key is asked for a message that is refused for its content', async () => {
  const asked: string[] = [];
  const running = await startSwitch({
    inFront: (hsm) => ({
      verify: (checks) => {
        asked.push(...checks.map(({ kind }) => kind));
        return hsm.verify(checks);
      },
      produce: (orders) => {
        asked.push(...orders.map(({ kind }) => kind));
        return hsm.produce(orders);
      },
    }),
  });
  const at = { running, name };
  const acquirer = await running.call(name);
  const ofAnother = withChip(at, withPin(at, purchase(acquirer.codec, 1, { 22: '051' }), '4321'), { tags: { '5A': loadCard } });
  expect((await acquirer.ask(ofAnother)).has(55)).toBe(false);
  expect([reasons(running), asked]).toEqual([['9100'], []]);
});

it.for([
  ['throws', (): never => { throw new Error('no connection'); }],
  ['fails', () => Promise.reject(new Error('no connection'))],
  ['answers too little', () => []],
  ['never answers', () => new Promise<never>(() => undefined)],
] as const)('where the HSM %s, what needs it is refused, and nothing else', async ([, call]) => {
  const running = await startSwitch({ inFront: () => ({ verify: call, produce: call }), hsmAnswerMs: 100 });
  const at = { running, name };
  const acquirer = await running.call(name);
  const cash = { 3: '010000' };
  await acquirer.ask(purchase(acquirer.codec, 1));
  await acquirer.ask(withPin(at, purchase(acquirer.codec, 2, cash), '1234'));
  await acquirer.ask(withChip(at, purchase(acquirer.codec, 3, { ...cash, 22: '051' })));
  await acquirer.ask(withChip(at, purchase(acquirer.codec, 4, { 22: '051' })));
  for (let stan = 5; stan <= 8; stan += 1) await acquirer.ask(withPin(at, purchase(acquirer.codec, stan), '4321'));
  expect(reasons(running)).toEqual(['0000', '1815', '1012', '1845', ...Array(4).fill('1815')]);
  expect(await running.switch.stop(1_000)).toBe(0);
});
