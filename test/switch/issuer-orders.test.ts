/** What an issuer asks of its stand-in by network management, and what is refused of everyone else. */
import { afterEach, expect, it } from 'vitest';
import { management, startSwitch, stopAll } from './fixture.ts';

afterEach(stopAll);

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
