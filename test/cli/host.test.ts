import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { HostOptions } from '../../src/cli/host-desk.ts';
import { eventLine, summaryLines } from '../../src/cli/host-report.ts';
import type { HostSummary } from '../../src/cli/host-report.ts';
import { centsTable } from '../../src/cli/host-script.ts';
import type { Rule } from '../../src/cli/host-script.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import { DecodeError } from '../../src/iso8583/errors.ts';
import { loadFormat } from '../../src/tables/format.ts';
import { freePort } from '../servers/ports.ts';
import type { Acquirer } from '../switch/fixture.ts';
import { management, noise, until } from '../switch/fixture.ts';
import { acceptNetwork, callHost, listenForHost, message1987, original1987, pan, startHost, stopHosts } from './host-stations.ts';
import type { RunningHost } from './host-stations.ts';
import { emptyFolder, ended, environment, launcher, locum, root } from './locum.ts';

afterEach(stopHosts);

const binary1987 = loadFormat({ spec: 'iso8583-1987-binary' }, 'test');
const otherPan = '5413330000000027';

/** A host that is called, and a connection to it. */
async function both(options: HostOptions = {}): Promise<{ running: RunningHost; acquirer: Acquirer }> {
  const running = await startHost(options);
  return { running, acquirer: await callHost(running) };
}

describe('the session', () => {
  test('the host signs on once it is connected, then asks for advices where it is told to', async () => {
    const station = await listenForHost(binary1987);
    const { host, events } = await startHost({ connect: { port: station.port }, signOn: true, askAdvices: true });
    const acquirer = await station.next();
    expect(host.signedOn).toBe(false);
    await acceptNetwork(acquirer, binary1987, '001');
    await acceptNetwork(acquirer, binary1987, '078');
    await until(() => events.filter(({ event }) => event === 'network').length === 2, 'both are answered');
    expect(host.signedOn).toBe(true);
    expect(events).toMatchObject([
      { event: 'connected', connection: 1 }, { what: 'signOn', code: '001', direction: 'sent', outcome: 'accepted' }, { what: 'startAdvices', code: '078', outcome: 'accepted' },
    ]);
    station.close();
  });

  test('a sign-on that is refused is tried again, and nothing is asked for before', async () => {
    const station = await listenForHost(binary1987);
    const { host } = await startHost({ connect: { port: station.port }, signOn: true, askAdvices: true, signOnRetryMs: 10 });
    const acquirer = await station.next();
    await acceptNetwork(acquirer, binary1987, '001', true);
    expect(host.signedOn).toBe(false);
    await acceptNetwork(acquirer, binary1987, '001');
    await acceptNetwork(acquirer, binary1987, '078');
    expect(host.signedOn).toBe(true);
    station.close();
  });

  test('a station that is not there is tried until it is, and again after a loss', async () => {
    const port = await freePort();
    const { events } = await startHost({ connect: { port }, signOn: true });
    await until(() => events.filter(({ event }) => event === 'notConnected').length >= 2, 'it tries again');
    const station = await listenForHost(binary1987, port);
    const first = await station.next();
    await acceptNetwork(first, binary1987, '001');
    first.socket.destroy();
    await acceptNetwork(await station.next(2), binary1987, '001');
    expect(events.filter(({ event }) => event === 'connected')).toHaveLength(2);
    station.close();
  });

  test('echoes, sign-ons and sign-offs of the station are accepted, key changes and unknown codes are not', async () => {
    const { running: { host, format: { codec } }, acquirer } = await both();
    const codes: Record<string, string | undefined> = {};
    let stan = 0;
    for (const code of ['001', '002', '301', '201', '161', '777']) codes[code] = (await acquirer.ask(management(codec, (stan += 1), code))).text(39);
    expect(codes).toEqual({ '001': '00', '002': '00', '301': '00', '201': '00', '161': '12', '777': '12' });
    expect(host.summary).toMatchObject({ network: { received: 6 }, echoes: { received: 1 } });
    const { acquirer: other } = await both({ takeKeys: true });
    expect((await other.ask(management(codec, 1, '161'))).text(39)).toBe('00');
  });

  test('echoes are sent as often as told, and timed; without answers the connection is ended', async () => {
    const { running: { host, events, format }, acquirer } = await both({ echoEveryMs: 20, answerMs: 1_500 });
    await acceptNetwork(acquirer, format, '301');
    await until(() => host.summary.echoes.answered === 1, 'the echo is answered');
    expect(host.summary.echoes.maxMs).toBeGreaterThan(0);
    await until(() => acquirer.ended, 'three are missed');
    expect(host.summary.echoes.missed).toBeGreaterThanOrEqual(3);
    await until(() => events.filter(({ event }) => event === 'disconnected').length === 1, 'it has noticed that it ended the connection');
  });

  test('it asks for what it is told to ask, by codes that may be given', async () => {
    const { running: { host, format }, acquirer } = await both({ networkCodes: new Map([['enterSuppressInquiry', '555']]) });
    const names = [['signOn', '001'], ['enterSuppressInquiry', '555'], ['leaveSuppressInquiry', '089'], ['stopAdvices', '079'], ['signOff', '002']] as const;
    for (const [name, code] of names) {
      const outcome = host.ask(name);
      await acceptNetwork(acquirer, format, code);
      expect(await outcome).toEqual(['accepted']);
    }
    expect(await Promise.all([host.ask('echo'), acceptNetwork(acquirer, format, '301', true)]).then(([outcome]) => outcome)).toEqual(['refused']);
  });

  test('stopping signs off first, and killing does not', async () => {
    const { running: { host, format }, acquirer } = await both();
    const signedOn = host.ask('signOn');
    await acceptNetwork(acquirer, format, '001');
    await signedOn;
    const stopped = host.stop();
    await acceptNetwork(acquirer, format, '002');
    expect((await stopped).network).toMatchObject({ sent: 2, unanswered: 0 });
    const second = await both();
    await second.running.host.kill();
    await until(() => second.acquirer.ended, 'the connection is closed');
    expect(second.acquirer.frames).toEqual([]);
  });
});

describe('the book', () => {
  test('a request is approved with an approval code, and told in a line without the card number', async () => {
    const { running: { host, messages }, acquirer } = await both();
    const answer = await acquirer.ask(message1987('0100', 7));
    expect([answer.mti, answer.text(39), answer.text(11), answer.text(2)]).toEqual(['0110', '00', '000007', pan]);
    expect(answer.text(38)).toMatch(/^[2-9A-HJ-NP-Z]{6}$/);
    expect(host.exposureMinor(pan)).toBe(1_250);
    const [message] = messages();
    expect(message).toMatchObject({ mti: '0100', pan: '541333******0019', stan: '7', heard: 'new', did: 'usual', responseCode: '00', approved: true });
    expect(eventLine(message!)).toMatch(/^\d\d:\d\d:\d\d\.\d{3} #1 0100 541333\*{6}0019 12\.50 EUR stan 7 rrn 000000000007 -> 00 [2-9A-Z]{6}$/);
    expect(summaryLines(host.summary).join('\n')).not.toContain(pan);
  });

  test('a card with a balance is declined beyond it, others are not; only named cards where told', async () => {
    const { running: { host }, acquirer } = await both({ cards: [{ pan, balance: { amountMinor: 2_000, currency: '978' } }], knownCardsOnly: true });
    const codes = [];
    codes.push((await acquirer.ask(message1987('0100', 1))).text(39));
    codes.push((await acquirer.ask(message1987('0100', 2))).text(39));
    codes.push((await acquirer.ask(message1987('0100', 3, { 4: '000000000750' }))).text(39));
    codes.push((await acquirer.ask(message1987('0100', 4, { 4: '000000000001', 49: '840' }))).text(39));
    codes.push((await acquirer.ask(message1987('0100', 5, { 2: otherPan }))).text(39));
    codes.push((await acquirer.ask(message1987('0100', 6, { 3: '310000', 4: undefined }))).text(39));
    expect(codes).toEqual(['00', '51', '00', '05', '56', '00']);
    expect(host.summary).toMatchObject({ requests: 6, approvals: 3, declines: 3, cards: [{ pan: '541333******0019', currency: '978', exposureMinor: 2_000, balanceMinor: 2_000 }] });
  });

  test('a reversal gives back all, or what is left of it, and is taken once', async () => {
    const { running: { host }, acquirer } = await both();
    await acquirer.ask(message1987('0100', 1));
    await acquirer.ask(message1987('0100', 2));
    const partial = await acquirer.ask(message1987('0420', 3, { 37: '000000000001', 90: original1987('0100', 1), 95: `000000000500${'0'.repeat(30)}` }));
    expect([partial.mti, partial.text(39)]).toEqual(['0430', '00']);
    expect(host.exposureMinor(pan)).toBe(1_250 + 500);
    await acquirer.ask(message1987('0400', 4, { 37: '000000000002', 90: original1987('0100', 2) }));
    expect((await acquirer.ask(message1987('0421', 3, { 37: '000000000001', 90: original1987('0100', 1), 95: `000000000500${'0'.repeat(30)}` }))).text(39)).toBe('00');
    expect(host.exposureMinor(pan)).toBe(500);
    expect(host.summary).toMatchObject({ reversals: 2, reversalsUnknown: 0, repeats: { reversals: 1 }, doubles: 0 });
  });

  test('a reversal that comes before its original has it declined', async () => {
    const { running: { host, messages }, acquirer } = await both();
    expect((await acquirer.ask(message1987('0420', 2, { 90: original1987('0100', 1) }))).text(39)).toBe('00');
    expect((await acquirer.ask(message1987('0100', 1))).text(39)).not.toBe('00');
    expect(host.exposureMinor(pan)).toBe(0);
    expect(messages().map(({ note }) => note)).toEqual(['its original is not known', 'its reversal came before it']);
  });

  test('a completion takes the place of its hold, an increment stands beside it, a refund is a credit', async () => {
    const { running: { host }, acquirer } = await both();
    await acquirer.ask(message1987('0100', 1, { 25: '06', 4: '000000008000' }));
    await acquirer.ask(message1987('0100', 2, { 25: '06', 4: '000000002000', 90: original1987('0100', 1) }));
    expect(host.exposureMinor(pan)).toBe(10_000);
    expect((await acquirer.ask(message1987('0220', 3, { 25: '06', 4: '000000006420', 38: 'ABC123', 90: original1987('0100', 1) }))).text(39)).toBe('00');
    expect(host.exposureMinor(pan)).toBe(6_420 + 2_000);
    await acquirer.ask(message1987('0100', 4, { 3: '200000', 4: '000000000420' }));
    expect(host.exposureMinor(pan)).toBe(8_000);
    expect(host.summary.doubles).toBe(0);
  });

  test('a repeat is answered as before, and books nothing', async () => {
    const { running: { host }, acquirer } = await both();
    const first = await acquirer.ask(message1987('0100', 1));
    const again = await acquirer.ask(message1987('0101', 1, { 7: '1122101530' }));
    expect(again.text(38)).toBe(first.text(38));
    await acquirer.ask(message1987('0120', 2, { 39: '00' }));
    await acquirer.ask(message1987('0121', 2, { 39: '00' }));
    expect(host.exposureMinor(pan)).toBe(2_500);
    expect(host.summary).toMatchObject({ requests: 1, advices: 1, repeats: { requests: 1, advices: 1 }, doubles: 0 });
  });

  test('an advice of a decline is acknowledged and books nothing', async () => {
    const { running: { host }, acquirer } = await both();
    const answer = await acquirer.ask(message1987('0120', 1, { 39: '51' }));
    expect([answer.mti, answer.text(39)]).toEqual(['0130', '00']);
    expect(host.exposureMinor(pan)).toBe(0);
    expect(host.summary).toMatchObject({ advices: 1, advisedDeclines: 1 });
  });

  test('a payment that is told twice as new is counted, booked where its trace is another, and reported loudly', async () => {
    const { running: { host }, acquirer } = await both();
    await acquirer.ask(message1987('0100', 1));
    await acquirer.ask(message1987('0120', 2, { 37: '000000000001', 39: '00' }));
    await acquirer.ask(message1987('0120', 2, { 37: '000000000001', 39: '00' }));
    expect(host.exposureMinor(pan)).toBe(2_500);
    const { doubles, doublesListed } = host.summary;
    expect({ doubles, doublesListed }).toMatchObject({ doubles: 2, doublesListed: [{ first: '0100 1', second: '0120 2', sameTrace: false }, { first: '0120 2', second: '0120 2', sameTrace: true }] });
    expect(summaryLines(host.summary)).toContain('!!! 2 TRANSACTIONS WERE TOLD TWICE AS NEW !!!');
  });

  test('an advice after a reversal of its request is no double, nor is one that names what it replaces', async () => {
    const { running: { host }, acquirer } = await both();
    await acquirer.ask(message1987('0100', 1));
    await acquirer.ask(message1987('0420', 2, { 37: '000000000001', 90: original1987('0100', 1) }));
    await acquirer.ask(message1987('0120', 3, { 37: '000000000001', 39: '00' }));
    await acquirer.ask(message1987('0100', 4));
    await acquirer.ask(message1987('0120', 5, { 37: '000000000004', 39: '00', 90: original1987('0100', 4) }));
    expect(host.summary.doubles).toBe(0);
    expect(host.exposureMinor(pan)).toBe(2_500);
  });
});

describe('misbehaviour', () => {
  async function scripted(...rules: readonly (Omit<Rule, 'match'> & Partial<Rule>)[]): Promise<{ running: RunningHost; acquirer: Acquirer }> {
    return await both({ rules: rules.map((rule) => ({ match: {}, ...rule })) });
  }

  test('declines with a code of the station or an action of the standard, asks for stand-in, approves in part and beyond a balance', async () => {
    const balance = { amountMinor: 1, currency: '978' };
    const { running: { host }, acquirer } = await both({
      cards: [{ pan, balance }],
      rules: [
        { match: { times: 1 }, do: 'decline', code: '62' }, { match: { times: 1 }, do: 'decline', code: '2009' }, { match: { times: 1 }, do: 'standIn' },
        { match: { times: 1 }, do: 'partial' }, { match: { times: 1 }, do: 'partial', amountMinor: 100 }, { match: {}, do: 'approve' },
      ],
    });
    const answers = [];
    for (const stan of [1, 2, 3, 4, 5, 6]) answers.push(await acquirer.ask(message1987('0100', stan)));
    expect(answers.map((answer) => [answer.text(39), answer.text(4)])).toEqual([
      ['62', '000000001250'], ['43', '000000001250'], ['91', '000000001250'], ['10', '000000000625'], ['10', '000000000100'], ['00', '000000001250'],
    ]);
    expect(host.exposureMinor(pan)).toBe(625 + 100 + 1_250);
    expect(host.summary).toMatchObject({ approvals: 3, partials: 2, declines: 3, declinesByCode: { '43': 1, '62': 1, '91': 1 }, did: { decline: 2, standIn: 1, partial: 2, approve: 1 } });
  });

  test('what is delayed is decided late, what is late is decided at once', async () => {
    const { running: { host }, acquirer } = await scripted({ do: 'delay', ms: 2_500, match: { mti: '100', times: 1 } }, { do: 'late', ms: 400, match: { mti: '100' } });
    const sentAtMs = performance.now();
    acquirer.send(message1987('0100', 1));
    acquirer.send(message1987('0100', 2));
    acquirer.send(message1987('0800', 3, { 2: undefined, 3: undefined, 4: undefined, 70: '301' }));
    expect((await acquirer.next()).mti).toBe('0810');
    expect(host.exposureMinor(pan)).toBe(1_250);
    expect((await acquirer.next()).text(11)).toBe('000002');
    expect(host.exposureMinor(pan)).toBe(1_250);
    expect((await acquirer.next()).text(11)).toBe('000001');
    expect(performance.now() - sentAtMs).toBeGreaterThanOrEqual(2_500);
    expect(host.exposureMinor(pan)).toBe(2_500);
  });

  test('a delayed request whose reversal overtakes it is declined', async () => {
    const { running: { host }, acquirer } = await scripted({ do: 'delay', ms: 1_500, match: { mti: '100' } });
    acquirer.send(message1987('0100', 1));
    expect((await acquirer.ask(message1987('0420', 2, { 90: original1987('0100', 1) }))).mti).toBe('0430');
    expect((await acquirer.next()).text(39)).not.toBe('00');
    expect(host.exposureMinor(pan)).toBe(0);
  });

  test('what is dropped is booked, what is ignored is not, and neither is answered', async () => {
    const { running: { host, format: { codec }, messages }, acquirer } = await scripted({ do: 'drop', match: { times: 1 } }, { do: 'ignore' });
    acquirer.send(message1987('0100', 1));
    acquirer.send(message1987('0100', 2));
    expect((await acquirer.ask(management(codec, 3, '301'))).mti).toBe('0810');
    expect(host.exposureMinor(pan)).toBe(1_250);
    expect(messages()).toMatchObject([{ heard: 'new', did: 'drop', responseCode: null }, { heard: 'unheard', did: 'ignore', responseCode: null }]);
    expect(host.summary).toMatchObject({ messages: 2, requests: 1, did: { drop: 1, ignore: 1 } });
  });

  test('twice is the same answer twice', async () => {
    const { acquirer } = await scripted({ do: 'twice' });
    const [first, second] = [await acquirer.ask(message1987('0100', 1)), await acquirer.next()];
    expect([second.mti, second.text(11), second.text(38)]).toEqual([first.mti, first.text(11), first.text(38)]);
  });

  test.for(['iso8583-1987-binary', 'iso8583-1987-ascii', 'iso8583-1987-ebcdic'])('what is garbled is a frame and no message of %s', async (spec) => {
    const { running: { host }, acquirer } = await both({ spec, rules: [{ match: {}, do: 'garbled' }] });
    acquirer.send(message1987('0100', 1));
    const frame = await acquirer.nextFrame();
    expect(() => acquirer.decode(frame)).toThrow(DecodeError);
    expect(host.exposureMinor(pan)).toBe(1_250);
  });

  test('a wrong answer differs in one thing', async () => {
    const wrongs = ['amount', 'pan', 'stan', 'rrn', 'terminal', 'type'] as const;
    const { acquirer } = await scripted(...wrongs.map((wrong): Rule => ({ do: 'wrong', wrong, match: { times: 1 } })));
    const told = [];
    for (const wrong of wrongs) {
      const answer = await acquirer.ask(message1987('0100', 3));
      told.push([wrong, answer.mti, answer.text(4), answer.text(2), answer.text(11), answer.text(37), answer.text(41)]);
    }
    const right = ['0110', '000000001250', pan, '000003', '000000000003', 'TERM0001'];
    const places = [1, 2, 3, 4, 5, 0];
    const values = ['000000001350', '5413330000000011', '000001', '000000000001', 'TERM0002', '0210'];
    expect(told).toEqual(wrongs.map((wrong, index) => [wrong, ...right.map((value, at) => (at === places[index] ? values[index] : value))]));
  });

  test('a disconnect comes after the decision and in place of the answer', async () => {
    const { running: { host }, acquirer } = await scripted({ do: 'disconnect' });
    acquirer.send(message1987('0100', 1));
    await until(() => acquirer.ended, 'it hangs up');
    expect(acquirer.frames).toEqual([]);
    expect(host.exposureMinor(pan)).toBe(1_250);
  });

  test('it signs off and on again, enters suppress inquiry and leaves it, and tells of requests that come all the same', async () => {
    const { running: { host, format }, acquirer } = await scripted(
      { do: 'signOff', ms: 1_500, match: { times: 1 } }, { do: 'enterSuppressInquiry', ms: 1_500, match: { after: 1, times: 1 } }, { do: 'askAdvices', match: { after: 2, times: 1 } },
    );
    expect((await acquirer.ask(message1987('0100', 1))).text(39)).toBe('00');
    await acceptNetwork(acquirer, format, '002');
    expect((await acquirer.ask(message1987('0100', 2))).text(39)).toBe('00');
    await acceptNetwork(acquirer, format, '001');
    expect((await acquirer.ask(message1987('0100', 3))).text(39)).toBe('00');
    await acceptNetwork(acquirer, format, '088');
    expect((await acquirer.ask(message1987('0100', 4))).text(39)).toBe('00');
    await acceptNetwork(acquirer, format, '089');
    expect((await acquirer.ask(message1987('0100', 5))).text(39)).toBe('00');
    await acceptNetwork(acquirer, format, '078');
    expect(host.summary).toMatchObject({ requestsSignedOff: 1, requestsSuppressed: 1 });
  });

  test('network management misbehaves where a rule names it, and only there', async () => {
    const { running: { format: { codec } }, acquirer } = await scripted({ do: 'decline', match: { mti: '8xx', times: 1 } }, { do: 'drop', match: { mti: '0800', after: 0, times: 1 } }, { do: 'decline' });
    expect((await acquirer.ask(management(codec, 1, '301'))).text(39)).toBe('12');
    acquirer.send(management(codec, 2, '301'));
    expect((await acquirer.ask(management(codec, 3, '301'))).text(11)).toBe('000003');
  });

  test('a rule is for what it matches: type, card, amount, cents, after so many, each so-many-th, so often', async () => {
    const match = (rule: Rule['match']): Rule => ({ match: rule, do: 'decline' });
    const ask = async (rules: readonly Rule[], drafts: readonly Draft[]): Promise<string> => {
      const { running, acquirer } = await both({ rules });
      let text = '';
      for (const draft of drafts) text += (await acquirer.ask(draft)).text(39) === '05' ? 'x' : '.';
      await running.host.kill();
      return text;
    };
    const amounts = [1_200, 1_250, 1_299, 5_000].map((amount, index) => message1987('0100', index + 1, { 4: String(amount).padStart(12, '0') }));
    const six = [1, 2, 3, 4, 5, 6].map((stan) => message1987('0100', stan));
    expect(await ask([match({ amountMinor: 1_250 })], amounts)).toBe('.x..');
    expect(await ask([match({ amountMinorFrom: 1_250, amountMinorTo: 1_299 })], amounts)).toBe('.xx.');
    expect(await ask([match({ cents: 0 })], amounts)).toBe('x..x');
    expect(await ask([match({ pan: otherPan })], [message1987('0100', 1), message1987('0100', 2, { 2: otherPan })])).toBe('.x');
    expect(await ask([match({ pan: '541333' })], six.slice(0, 2))).toBe('xx');
    expect(await ask([match({ mti: '200,1x1' })], [message1987('0100', 1), message1987('0200', 2), message1987('0101', 3)])).toBe('.xx');
    expect(await ask([match({ mti: '1100' })], six.slice(0, 1))).toBe('.');
    expect(await ask([match({ after: 2 })], six)).toBe('..xxxx');
    expect(await ask([match({ every: 3 })], six)).toBe('..x..x');
    expect(await ask([match({ after: 1, every: 2 })], six)).toBe('..x.x.');
    expect(await ask([match({ times: 2 })], six)).toBe('xx....');
  });

  test('by cents, each amount of the table does what the table says, and advices of it are taken as usual', async () => {
    const { running: { messages, format: { codec } }, acquirer } = await both({ byCents: true });
    const cents = centsTable.filter(([, act]) => act.do !== 'disconnect' && act.ms === undefined);
    for (const [index, [amount]] of cents.entries()) acquirer.send(message1987('0100', index + 1, { 4: `0000000012${amount}` }));
    acquirer.send(message1987('0120', 91, { 4: '000000001291', 39: '00' }));
    acquirer.send(message1987('0100', 92, { 4: '000000001200' }));
    acquirer.send(management(codec, 93, '301'));
    await until(() => messages().length === cents.length + 2, 'all of them came');
    expect(messages().map(({ did }) => did)).toEqual([...cents.map(([, act]) => act.do), 'usual', 'usual']);
    expect(centsTable.map(([amount, act]) => [amount, act.do])).toContainEqual([95, 'disconnect']);
  });

  test('a script is exchanged while the host runs', async () => {
    const { running: { host }, acquirer } = await both();
    expect((await acquirer.ask(message1987('0100', 1))).text(39)).toBe('00');
    host.setRules([{ match: {}, do: 'decline', code: '1016' }]);
    expect((await acquirer.ask(message1987('0100', 2))).text(39)).toBe('51');
    expect(() => host.setRules([{ match: {}, do: 'decline', code: '123' }])).toThrow('script[0].code is neither DE39 of ISO 8583:1987 nor an action code');
  });
});

describe('chance', () => {
  async function run(seed: number): Promise<{ fates: string; codes: string[] }> {
    const running = await startHost({ chaosPercent: 50, seed });
    let acquirer = await callHost(running);
    const fates: string[] = [];
    for (let stan = 1; stan <= 30; stan++) {
      acquirer.send(message1987('0100', stan));
      await until(() => running.messages().length === stan || acquirer.ended, 'it was heard');
      const last = running.messages().at(-1)!;
      fates.push(last.did);
      if (last.did === 'disconnect') acquirer = await callHost(running);
    }
    const codes = running.messages().map(({ approvalCode }) => approvalCode);
    await running.host.kill();
    return { fates: fates.join(' '), codes };
  }

  test('the same seed is the same run, another one is another', async () => {
    const [first, second, other] = [await run(7), await run(7), await run(8)];
    expect(second).toEqual(first);
    expect(other.fates).not.toBe(first.fates);
    const treated = first.fates.split(' ').filter((did) => did !== 'usual');
    expect(treated.length).toBeGreaterThan(7);
    expect(treated.length).toBeLessThan(23);
    expect(new Set(treated).size).toBeGreaterThan(4);
  });
});

describe('a hostile peer', () => {
  test('garbage is counted, what can be answered is, and the host goes on', async () => {
    const { running: { host, events, format: { codec } }, acquirer } = await both();
    for (let size = 1; size < 40; size++) acquirer.sendBytes(noise(size));
    const cut = Buffer.from(codec.encode(message1987('0100', 1))).subarray(0, 60);
    acquirer.sendBytes(cut);
    acquirer.send(message1987('0110', 5, { 39: '00' }));
    acquirer.send(new Draft('0302').set(11, '000009'));
    expect((await acquirer.ask(management(codec, 9_000, '301'))).mti).toBeDefined();
    await until(() => host.summary.echoes.received === 1, 'the echo was taken');
    const { strange } = host.summary;
    expect(strange.undecodable + strange.unmatched + strange.unsupported).toBeGreaterThanOrEqual(40);
    expect(strange).toMatchObject({ unwritable: 0 });
    expect(strange.unmatched).toBeGreaterThanOrEqual(1);
    expect(JSON.stringify(events)).not.toContain(pan);
  });

  test('a frame that is announced and too long ends the connection, not the host', async () => {
    const { running, acquirer } = await both();
    acquirer.socket.write(Buffer.from('ffff0000', 'hex'));
    await until(() => acquirer.ended, 'the connection is closed');
    expect((await (await callHost(running)).ask(message1987('0100', 1))).text(39)).toBe('00');
  });

  test('a card number that stands where it does not belong is masked in the lines', async () => {
    const { running: { messages }, acquirer } = await both();
    await acquirer.ask(message1987('0100', 1, { 2: '54133300000', 37: '541333000000' }));
    await acquirer.ask(message1987('0100', 2, { 41: pan.slice(0, 8), 42: pan.slice(0, 15), 37: pan.slice(0, 12) }));
    expect(messages()).toHaveLength(2);
    for (const message of messages()) expect(eventLine(message)).not.toMatch(/\d{13}/);
    expect(JSON.stringify(messages()[0])).not.toContain('54133300000');
  });

  test('a faulty request is answered with a format error and booked nowhere', async () => {
    const { running: { host }, acquirer } = await both();
    expect((await acquirer.ask(message1987('0100', 1, { 4: undefined }))).text(39)).toBe('30');
    expect((await acquirer.ask(message1987('0100', 2, { 2: undefined, 35: undefined }))).text(39)).toBe('30');
    expect(host.summary).toMatchObject({ declinesByCode: { '30': 2 }, cards: [] });
  });
});

describe.each([['1993', 'iso8583-1993-binary', '1'], ['1993', 'iso8583-1993-ascii', '1'], ['2003', 'iso8583-2003-binary', '2']] as const)('%s, %s', (version, spec, edition) => {
  const is2003 = version === '2003';
  const at = is2003 ? '20261122101500' : '261122101500';
  const stanOf = (stan: number): string => String(stan).padStart(is2003 ? 12 : 6, '0');

  function message(type: string, stan: number, changes: Readonly<Record<number, string>> = {}): Draft {
    const fields: Record<number, string> = {
      2: pan, 3: '000000', 4: is2003 ? '9782000000001250' : '000000001250', 7: '1122101500', 11: stanOf(stan), 12: at, 24: type.startsWith('4') ? '400' : `${type[0]!}00`, 26: '5411', 32: '476173',
      37: String(stan).padStart(12, '0'), 41: 'TERM0001', 42: 'MERCHANT0000123', ...(is2003 ? {} : { 49: '978' }), ...changes,
    };
    const draft = new Draft(edition + type);
    for (const [field, text] of Object.entries(fields)) draft.set(Number(field), text);
    return draft;
  }

  test('requests, reversals, advices and repeats are answered in the edition', async () => {
    const { running: { host, format }, acquirer } = await both({ spec, rules: [{ match: { amountMinor: 5_000 }, do: 'decline', code: '1016' }] });
    const signedOn = host.ask('signOn');
    await acceptNetwork(acquirer, format, '801');
    expect(await signedOn).toEqual(['accepted']);
    const five = is2003 ? '9782000000005000' : '000000005000';
    const drafts = [
      message('100', 1), message('200', 2), message('100', 3, { 4: five }), message('420', 4, { 37: '000000000001', 56: `${edition}100${stanOf(1)}${at}06476173` }),
      message('120', 5, { 39: is2003 ? '0000' : '000' }), message('121', 5, { 39: is2003 ? '0000' : '000' }),
    ];
    const answers = [];
    for (const draft of drafts) answers.push(await acquirer.ask(draft));
    const long = (code: string): string => (is2003 ? code.padStart(4, '0') : code);
    expect(answers.map((answer) => answer.mti)).toEqual(['110', '210', '110', '430', '130', '130'].map((type) => edition + type));
    expect(answers.slice(0, 3).map((answer) => answer.text(39))).toEqual([long('000'), long('000'), is2003 ? '1016' : '116']);
    for (const answer of answers.slice(3)) expect(format.dialect.reasons.approved(answer.text(39) ?? '')).toBe(true);
    expect(host.exposureMinor(pan)).toBe(2_500);
    expect(host.summary).toMatchObject({ requests: 3, approvals: 2, reversals: 1, reversalsUnknown: 0, advices: 1, repeats: { advices: 1 }, doubles: 0 });
  });
});

describe('the command', () => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  function run(words: readonly string[], cwd = root): { child: ChildProcess; end: ReturnType<typeof ended> } {
    const child = spawn(process.execPath, [launcher, 'host', ...words], { cwd, env: environment({}), stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    return { child, end: ended(child) };
  }

  test('prints a document for each event, signs off on a signal, prints the summary and ends with 0', async () => {
    const station = await listenForHost(binary1987);
    const cwd = emptyFolder();
    writeFileSync(join(cwd, 'script.json'), JSON.stringify([{ match: { amountMinor: 666 }, do: 'decline', code: '59' }]));
    const { child, end } = run(['--connect', `127.0.0.1:${station.port}`, '--script', 'script.json', '--card', `${pan}=100`, '--ask-advices', '--json'], cwd);
    const acquirer = await station.next();
    await acceptNetwork(acquirer, binary1987, '001');
    await acceptNetwork(acquirer, binary1987, '078');
    expect((await acquirer.ask(message1987('0100', 1))).text(39)).toBe('00');
    expect((await acquirer.ask(message1987('0100', 2, { 4: '000000000666' }))).text(39)).toBe('59');
    child.kill('SIGTERM');
    await acceptNetwork(acquirer, binary1987, '002');
    const { code, out, err } = await end;
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const lines = out.trim().split('\n').map((line) => JSON.parse(line) as { event: string } & Partial<HostSummary>);
    expect(lines.map(({ event }) => event)).toEqual(['connected', 'network', 'network', 'message', 'message', 'network', 'disconnected', 'summary']);
    expect(lines.at(-1)).toMatchObject({ requests: 2, approvals: 1, declines: 1, cards: [{ exposureMinor: 1_250, balanceMinor: 10_000 }] });
    expect(out).not.toContain(pan);
    rmSync(cwd, { recursive: true });
    station.close();
  });

  test('kill -9 just ends it', async () => {
    const station = await listenForHost(binary1987);
    const { child, end } = run(['--connect', `127.0.0.1:${station.port}`]);
    const acquirer = await station.next();
    await acceptNetwork(acquirer, binary1987, '001');
    child.kill('SIGKILL');
    expect(await end).toMatchObject({ code: null, signal: 'SIGKILL' });
    await until(() => acquirer.ended, 'the connection is gone');
    expect(acquirer.frames).toHaveLength(1);
    station.close();
  });

  test.for<[words: readonly string[], sentence: string, code: number]>([
    [['--connect', '1:2', '--listen', '3'], 'the host connects or listens: give one of --connect and --listen', 2],
    [['--connect', 'there'], '--connect is a host and a port such as 127.0.0.1:8590, not there', 2],
    [['--listen', '70000'], '--listen is a host and a port', 2],
    [['--chaos', '101'], '--chaos is a number from 0 to 100, not 101', 2],
    [['--seed', '1.5'], '--seed is a whole number', 2],
    [['--card', '12'], '--card is a card number of 8 to 19 digits, and after = a balance', 2],
    [['--card', `${pan}=1.234`], 'a balance of --card is an amount such as 1000.00, not 1.234', 2],
    [['--network-code', 'echo=1'], '--network-code is a name and three digits such as startAdvices=078, not echo=1', 2],
    [['--framing', 'none'], 'over a connection there is always a length in front of a message', 2],
    [['--spec', 'none-such'], 'names none-such, and no shipped file is called so', 1],
    [['--script', 'no.json'], 'the script no.json cannot be read', 1],
  ])('%j is told in a sentence', async ([words, sentence, code]) => {
    const result = await locum(['host', ...words]);
    expect(result).toMatchObject({ code, out: '' });
    expect(result.err).toContain(sentence);
    expect(result.err).not.toContain(pan);
  });

  test.for<[rules: unknown, sentence: string]>([
    [{}, 'must be a list'],
    [[{ do: 'explode' }], '[0].do must be approve or decline'],
    [[{ match: { pam: '1' }, do: 'drop' }], '[0].match.pam is unknown (did you mean pan?)'],
    [[{ do: 'late' }], '[0].ms is missing: late needs how long'],
    [[{ do: 'drop' }, { do: 'drop', wrong: 'pan' }], '[1].wrong is for wrong, not for drop'],
    [[{ do: 'approve', amountMinor: 5 }], '[0].amountMinor is for partial, not for approve'],
    [[{ do: 'drop', code: '05' }], '[0].code is for decline and standIn, not for drop'],
    [[{ match: { every: 0 }, do: 'drop' }], '[0].match.every must be a whole number from 1'],
  ])('the script %j is refused with its place', async ([rules, sentence]) => {
    const cwd = emptyFolder();
    writeFileSync(join(cwd, 'script.json'), JSON.stringify(rules));
    const result = await locum(['host', '--listen', '0', '--script', 'script.json'], { cwd });
    expect(result).toMatchObject({ code: 1, out: '' });
    expect(result.err).toContain(`script.json${sentence.startsWith('[') ? '' : ' '}${sentence}`);
    rmSync(cwd, { recursive: true });
  });
});
