/** Sign-on, sign-off, echo and silence, as a station and its counterparty see them. */
import { afterEach, describe, expect, it } from 'vitest';
import { Draft } from '../../src/iso8583/draft.ts';
import { demoStationNames, management, purchase, startSwitch, stopAll, until } from './fixture.ts';

afterEach(stopAll);

const codes = {
  ascii: { signOn: '001', signOff: '002', echo: '301', cutover: '201', keyChange: '161', other: '999', accepted: '00', unsupported: '12', approved: '00', field: 70 },
  binary: { signOn: '001', signOff: '002', echo: '301', cutover: '201', keyChange: '161', other: '999', accepted: '00', unsupported: '12', approved: '00', field: 70 },
  iso2003: { signOn: '801', signOff: '802', echo: '831', cutover: '821', keyChange: '811', other: '899', accepted: '8000', unsupported: '9102', approved: '0000', field: 24 },
} as const;

describe.for(demoStationNames)('on the station %s', (name) => {
  const of = codes[name];

  it('sign-on, sign-off, echo and cut-over are answered, and what is not known is not supported', async () => {
    const running = await startSwitch();
    const acquirer = await running.call(name);
    const asked = [of.signOn, of.echo, of.cutover, of.signOff, of.keyChange, of.other];
    const answered: unknown[] = [];
    for (const [index, code] of asked.entries()) {
      const answer = await acquirer.ask(management(acquirer.codec, index + 1, code));
      expect(answer.mti).toBe(name === 'iso2003' ? '2814' : '0810');
      expect([Number(answer.text(11)), answer.text(7), answer.text(of.field)]).toEqual([index + 1, '1122101500', code]);
      answered.push(answer.text(39));
    }
    expect(answered).toEqual([of.accepted, of.accepted, of.accepted, of.accepted, of.unsupported, of.unsupported]);
    expect(running.of('networkManagement').map(([, what]) => what)).toEqual(['signOn', 'echo', 'cutover', 'signOff', 'keyChange', 'other']);
  });

  it('an advice is answered, its repeat too, a notification is not', async () => {
    const running = await startSwitch();
    const acquirer = await running.call(name);
    acquirer.send(management(acquirer.codec, 1, of.echo, '840'));
    expect((await acquirer.ask(management(acquirer.codec, 2, of.echo, '820'))).mti.slice(1)).toBe('830');
    expect((await acquirer.ask(management(acquirer.codec, 2, of.echo, '821'))).mti.slice(1)).toBe('830');
    expect(running.drops).toEqual(['unanswerable']);
  });

  it('the demo’s stations need no sign-on, and serve one who has signed off', async () => {
    const running = await startSwitch();
    const acquirer = await running.call(name);
    expect((await acquirer.ask(purchase(acquirer.codec, 1))).text(39)).toBe(of.approved);
    await acquirer.ask(management(acquirer.codec, 2, of.signOff));
    expect((await acquirer.ask(purchase(acquirer.codec, 3))).text(39)).toBe(of.approved);
    const other = await running.call(name);
    await other.ask(management(other.codec, 4, of.echo));
    other.socket.end();
    // Who only comes and goes has not signed on or off.
    await until(() => running.of('usable').length === 4, 'the other one is gone');
    expect(running.of('usable').map(([, , usable, signed]) => [usable, signed])).toEqual([[true, false], [false, true], [true, false], [false, false]]);
  });

  it('where the peer has to sign on, it is refused before, served after, and refused again when it has signed off', async () => {
    const { spec } = { ascii: { spec: 'iso8583-1987-ascii' }, binary: { spec: 'iso8583-1987-binary' }, iso2003: { spec: 'iso8583-2003-binary' } }[name];
    const running = await startSwitch({ stations: { strict: { spec, link: { session: { signOn: 'peer' } } } } });
    const [acquirer, other] = [await running.call('strict'), await running.call('strict')];
    const { codec } = acquirer;
    expect((await acquirer.ask(management(codec, 1, of.echo))).text(39)).toBe(of.accepted);
    const refused = await acquirer.ask(purchase(codec, 2));
    expect([refused.mti.slice(1), refused.text(39), Number(refused.text(11))]).toEqual(['110', of.unsupported, 2]);
    expect((await acquirer.ask(management(codec, 3, of.signOn))).text(39)).toBe(of.accepted);
    expect((await acquirer.ask(purchase(codec, 4))).text(39)).toBe(of.approved);
    expect((await other.ask(purchase(codec, 5))).text(39)).toBe(of.unsupported);
    expect((await acquirer.ask(management(codec, 6, of.signOff))).text(39)).toBe(of.accepted);
    expect((await acquirer.ask(purchase(codec, 7))).text(39)).toBe(of.unsupported);
    expect(running.of('usable').map(([, , usable, signed]) => [usable, signed])).toEqual([[true, true], [false, true]]);
    expect(running.decided).toHaveLength(1);
  });
});

it('a silent peer is sent an echo, and one that answers none is let go', async () => {
  const link = { idle: { echoAfterMs: 30 }, session: { echoesMissed: 2 } };
  const running = await startSwitch({ stations: { pos: { spec: 'iso8583-1987-ascii', link } }, networkAnswerMs: 2_000 });
  const acquirer = await running.call('pos');
  const echo = await acquirer.next();
  expect([echo.mti, echo.text(70), echo.text(7)]).toEqual(['0800', '301', '1122101500']);
  acquirer.send(management(acquirer.codec, Number(echo.text(11)), '301', '810').set(39, '00'));
  expect((await acquirer.next()).text(11)).not.toBe(echo.text(11));
  await until(() => acquirer.ended, 'the connection is closed');
  // Its end at the switch comes with ours, which answers it.
  await until(() => running.of('disconnected').length > 0, 'the switch has seen its end');
  expect(running.drops).toEqual([]);
  expect(running.of('disconnected')).toMatchObject([['pos', expect.anything(), 'local', undefined]]);
});

it('where we have to sign on we do so, again after a refusal', async () => {
  const link = { session: { signOn: 'us', signOnRetryMs: 100 } };
  const running = await startSwitch({ stations: { pos: { spec: 'iso8583-2003-binary', link } } });
  const acquirer = await running.call('pos');
  const answer = async (code: string): Promise<void> => {
    const signOn = await acquirer.next();
    expect([signOn.mti, signOn.text(24)]).toEqual(['2804', '801']);
    acquirer.send(management(acquirer.codec, Number(signOn.text(11)), '801', '814').set(39, code));
  };
  await answer('9102');
  await answer('8000');
  await until(() => running.of('usable').length > 0, 'the station is signed on');
});

it('an answer to an echo of ours that comes twice is unmatched the second time', async () => {
  const running = await startSwitch({ stations: { pos: { spec: 'iso8583-1987-ascii', link: { idle: { echoAfterMs: 30 } } } } });
  const acquirer = await running.call('pos');
  const echo = await acquirer.next();
  const answer = management(acquirer.codec, Number(echo.text(11)), '301', '810').set(39, '00');
  acquirer.send(answer);
  acquirer.send(answer);
  await until(() => running.drops.length > 0, 'the drop is counted');
  expect(running.drops).toEqual(['unmatchedAnswer']);
});

const specs = { ascii: 'iso8583-1987-ascii', binary: 'iso8583-1987-binary', iso2003: 'iso8583-2003-binary' } as const;

describe.for(demoStationNames)('an operator at the station %s', (name) => {
  const of = codes[name];
  const accepted = { field: 39, type: name === 'iso2003' ? '814' : '810' };

  /** What we sent, answered. */
  async function answers(acquirer: Awaited<ReturnType<Awaited<ReturnType<typeof startSwitch>>['call']>>, code: string): Promise<string | undefined> {
    const request = await acquirer.next();
    expect(request.text(of.field)).toBe(code);
    acquirer.send(management(acquirer.codec, Number(request.text(11)), code, accepted.type).set(39, of.accepted));
    return request.text(name === 'iso2003' ? 28 : 15);
  }

  it('signs it off for good, connections to come as well, and on again', async () => {
    const running = await startSwitch({ stations: { pos: { spec: specs[name] } } });
    const acquirer = await running.call('pos');
    await until(() => running.switch.network('pos')?.state === 'signedOn', 'it is there');
    expect(running.switch.sign('pos', false)).toBe(true);
    await answers(acquirer, of.signOff);
    expect(running.switch.network('pos')).toMatchObject({ state: 'held', connections: [{ state: 'held' }] });
    expect((await acquirer.ask(purchase(acquirer.codec, 1))).text(39)).toBe(of.unsupported);
    expect((await acquirer.ask(management(acquirer.codec, 2, of.signOn))).text(39)).not.toBe(of.accepted);
    const other = await running.call('pos');
    await answers(other, of.signOff);
    running.switch.sign('pos', true);
    await answers(acquirer, of.signOn);
    await answers(other, of.signOn);
    expect((await acquirer.ask(purchase(acquirer.codec, 3))).text(39)).toBe(of.approved);
    expect(running.switch.network('pos')?.state).toBe('signedOn');
    expect(running.switch.sign('nobody', true)).toBe(false);
  });

  it('sends echoes and learns how long they took, and which were not answered', async () => {
    const running = await startSwitch({ stations: { pos: { spec: specs[name] } }, networkAnswerMs: 1_000 });
    const acquirer = await running.call('pos');
    await until(() => running.switch.network('pos')?.connections.length === 1, 'it is there');
    const [sent] = await Promise.all([running.switch.send('pos', 'echo'), answers(acquirer, of.echo)]);
    expect(sent).toMatchObject([{ outcome: 'accepted' }]);
    expect(await running.switch.send('pos', 'echo')).toMatchObject([{ outcome: 'noAnswer' }]);
    expect(running.switch.network('pos')?.echo).toMatchObject({ answered: 1, missed: 1, lastMs: expect.any(Number) as number });
    expect(running.of('echoed').map(([, , elapsedMs]) => typeof elapsedMs)).toEqual(['number', 'undefined']);
    expect(await running.switch.send('nobody', 'echo')).toBe(undefined);
  });

  it('ends the business day there, with the day that begins; the station’s own cut-over names its day', async () => {
    const running = await startSwitch({ stations: { pos: { spec: specs[name] } } });
    const acquirer = await running.call('pos');
    await until(() => running.switch.network('pos')?.connections.length === 1, 'it is there');
    const [sent, date] = await Promise.all([running.switch.send('pos', 'cutover', { businessDate: '20261123' }), answers(acquirer, of.cutover)]);
    expect([sent?.[0]?.outcome, date]).toEqual(['accepted', name === 'iso2003' ? '20261123' : '1123']);
    expect(running.switch.network('pos')?.cutOver).toMatchObject({ businessDate: '20261123', by: 'us' });
    const day = name === 'iso2003' ? '20261124' : '1124';
    const answer = await acquirer.ask(management(acquirer.codec, 9, of.cutover).set(name === 'iso2003' ? 28 : 15, day));
    expect([answer.text(39), answer.text(name === 'iso2003' ? 28 : 15)]).toEqual([of.accepted, day]);
    expect(running.switch.network('pos')?.cutOver).toMatchObject({ businessDate: day, by: 'peer' });
    expect(running.of('cutOver').map(([, ...said]) => said)).toEqual([['20261123', 'us'], [day, 'peer']]);
    // Nothing stops for it.
    expect((await acquirer.ask(purchase(acquirer.codec, 10))).text(39)).toBe(of.approved);
  });
});

it('a station of 1993 signs on, echoes, cuts over and signs off by its function codes, with the day in DE28', async () => {
  const running = await startSwitch({ stations: { pos: { spec: 'iso8583-1993-binary', link: { session: { signOn: 'peer' } } } } });
  const acquirer = await running.call('pos');
  const asks = async (stan: number, functionCode: string, date?: string): Promise<unknown[]> => {
    const draft = new Draft('1804').set(7, '1122101500').set(11, String(stan).padStart(6, '0')).set(12, '261122101500').set(24, functionCode);
    if (date !== undefined) draft.set(28, date);
    const answer = await acquirer.ask(draft);
    return [answer.mti, answer.text(24), answer.text(39), answer.text(28)];
  };
  expect(await asks(1, '821', '261123')).toEqual(['1814', '821', '902', '261123']);
  expect(await asks(2, '801')).toEqual(['1814', '801', '800', undefined]);
  expect(await asks(3, '831')).toEqual(['1814', '831', '800', undefined]);
  expect(await asks(4, '821', '261123')).toEqual(['1814', '821', '800', '261123']);
  expect(running.switch.network('pos')).toMatchObject({ state: 'signedOn', cutOver: { businessDate: '261123', by: 'peer' } });
  expect(await asks(5, '802')).toEqual(['1814', '802', '800', undefined]);
  expect(running.switch.network('pos')?.state).toBe('signedOff');
});
