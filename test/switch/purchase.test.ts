/** Card messages through real sockets and a whole switch, in each format of the demo. */
import { afterEach, describe, expect, it } from 'vitest';
import { card, demoStationNames, demoStations, loadCard, purchase, startSwitch, stopAll } from './fixture.ts';

afterEach(stopAll);

/** What an approval and a refusal for want of money look like in each edition. */
const codes = { ascii: { approved: '00', short: '51' }, binary: { approved: '00', short: '51' }, iso2003: { approved: '0000', short: '1016' } } as const;

describe.for(demoStationNames)('on the station %s', (name) => {
  it('a purchase is approved, and its answer says which request it answers', async () => {
    const running = await startSwitch();
    const acquirer = await running.call(name);
    const request = purchase(acquirer.codec, 4711);
    const answer = await acquirer.ask(request);
    expect(answer.mti).toBe(`${request.mti.slice(0, 2)}10`);
    expect(answer.text(39)).toBe(codes[name].approved);
    expect(answer.text(38)).toMatch(/^\d{6}$/);
    for (const field of [2, 3, 4, 7, 11, 12, 32, 37, 41, 42]) expect(answer.text(field)?.trimEnd(), `DE${field}`).toBe(request.get(field));
    expect(answer.has(14)).toBe(false);
    expect(running.decided).toMatchObject([{ station: name, responder: 'account', reason: '0000', maskedPan: '476173******0011' }]);
  });

  it('money that was held is not there again, and a repeat gets the same answer', async () => {
    const running = await startSwitch();
    const acquirer = await running.call(name);
    const amount = name === 'iso2003' ? '9782000000060000' : '000000060000';
    const first = await acquirer.ask(purchase(acquirer.codec, 1, { 4: amount }));
    const second = await acquirer.ask(purchase(acquirer.codec, 2, { 4: amount }));
    const repeat = await acquirer.ask(purchase(acquirer.codec, 1, { 4: amount }, '101'));
    expect([first, second, repeat].map((answer) => answer.text(39))).toEqual([codes[name].approved, codes[name].short, codes[name].approved]);
    expect(repeat.text(38)).toBe(first.text(38));
    expect(running.decided.map(({ note }) => note)).toEqual([undefined, undefined, 'repeat']);
  });

  it('a request without a retrieval reference gets one, of the time and its STAN', async () => {
    const running = await startSwitch();
    const acquirer = await running.call(name);
    const answer = await acquirer.ask(purchase(acquirer.codec, 4711, { 37: undefined }));
    expect(answer.text(37)).toBe('632610004711');
  });

  it('a reversal can name the reference that its original got, where the station goes by references', async () => {
    const running = await startSwitch({ stations: { [name]: { ...demoStations[name], originalKeys: ['rrn'] } } });
    const acquirer = await running.call(name);
    const all = name === 'iso2003' ? '9782000000100000' : '000000100000';
    const first = await acquirer.ask(purchase(acquirer.codec, 1, { 4: all, 37: undefined }));
    expect((await acquirer.ask(purchase(acquirer.codec, 2, { 4: all, 37: undefined }))).text(39)).toBe(codes[name].short);
    await acquirer.ask(purchase(acquirer.codec, 3, { 4: all, 37: first.text(37), ...(name === 'iso2003' ? { 24: '400' } : {}) }, '420'));
    expect((await acquirer.ask(purchase(acquirer.codec, 4, { 4: all }))).text(39)).toBe(codes[name].approved);
    expect(running.decided[0]).toMatchObject({ rrn: first.text(37) });
  });

  it('a reversal gives back what was held', async () => {
    const running = await startSwitch();
    const acquirer = await running.call(name);
    const all = name === 'iso2003' ? '9782000000100000' : '000000100000';
    const original: Record<number, string> = name === 'iso2003' ? { 56: '21000000000000012026112210150006476173', 24: '400' } : { 90: `0100000001112210150000000476173${'0'.repeat(11)}` };
    expect((await acquirer.ask(purchase(acquirer.codec, 1, { 4: all }))).text(39)).toBe(codes[name].approved);
    expect((await acquirer.ask(purchase(acquirer.codec, 2, { 4: all }))).text(39)).toBe(codes[name].short);
    const answer = await acquirer.ask(purchase(acquirer.codec, 3, { 4: all, ...original }, '400'));
    expect(answer.mti.slice(1)).toBe('410');
    expect((await acquirer.ask(purchase(acquirer.codec, 4, { 4: all }))).text(39)).toBe(codes[name].approved);
  });

  it('frames that the network split and merged are answered as if they had not been', async () => {
    const running = await startSwitch();
    const acquirer = await running.call(name);
    const one = Buffer.from(acquirer.codec.encode(purchase(acquirer.codec, 1, { 2: loadCard })));
    const two = Buffer.from(acquirer.codec.encode(purchase(acquirer.codec, 2, { 2: loadCard })));
    const both = Buffer.concat([one, two].map((bytes) => Buffer.concat([Buffer.from([0, bytes.length]), bytes])));
    for (let at = 0; at < both.length; at += 7) acquirer.socket.write(both.subarray(at, at + 7));
    const stans = [await acquirer.next(), await acquirer.next()].map((answer) => Number(answer.text(11)));
    expect(stans.toSorted((a, b) => a - b)).toEqual([1, 2]);
  });
});

it('two connections of one station each get the answers to what they asked', async () => {
  const running = await startSwitch();
  const [one, two] = [await running.call('ascii'), await running.call('ascii')];
  for (let stan = 1; stan <= 50; stan += 1) {
    one.send(purchase(one.codec, stan, { 2: loadCard, 41: 'TERM0001' }));
    two.send(purchase(two.codec, stan, { 2: loadCard, 41: 'TERM0002' }));
  }
  for (const [acquirer, terminal] of [[one, 'TERM0001'], [two, 'TERM0002']] as const) {
    const answers = [];
    for (let count = 0; count < 50; count += 1) answers.push(await acquirer.next());
    expect(new Set(answers.map((answer) => answer.text(41)))).toEqual(new Set([terminal]));
    expect(new Set(answers.map((answer) => answer.text(11))).size).toBe(50);
    expect(new Set(answers.map((answer) => answer.text(39)))).toEqual(new Set(['00']));
  }
});

it('an answer carries the TPDU of its request with source and destination swapped', async () => {
  const running = await startSwitch({ stations: { terminals: { spec: 'iso8583-1987-binary', link: { framing: { tpdu: '6000000000' } } } } });
  const acquirer = await running.call('terminals', 5);
  acquirer.send(purchase(acquirer.codec, 1), Buffer.from('6000120034', 'hex'));
  const frame = await acquirer.nextFrame();
  expect(frame.subarray(0, 5).toString('hex')).toBe('6000340012');
  expect(acquirer.decode(frame).text(39)).toBe('00');
  acquirer.sendBytes(Buffer.concat([Buffer.from('60aabbccdd', 'hex'), acquirer.codec.encode(purchase(acquirer.codec, 2)), Buffer.from('00', 'hex')]));
  expect((await acquirer.nextFrame()).subarray(0, 5).toString('hex')).toBe('60ccddaabb');
});

it('an advice is recorded and acknowledged, and a notification recorded without an answer', async () => {
  const running = await startSwitch();
  const acquirer = await running.call('ascii');
  const advice = await acquirer.ask(purchase(acquirer.codec, 1, { 39: '00', 38: 'ABC123' }, '120'));
  expect([advice.mti, advice.text(39)]).toEqual(['0130', '00']);
  acquirer.send(purchase(acquirer.codec, 2, { 39: '00' }, '140'));
  const after = await acquirer.ask(purchase(acquirer.codec, 3, { 3: '310000', 4: '000000000000' }));
  expect(after.text(11)).toBe('000003');
  expect(after.text(54)).toContain('0002978C000000097500');
  expect(running.decided.map(({ mti }) => mti)).toEqual(['0120', '0140', '0100']);
});

it('a card without an account, a range that is nobody’s and a wrong check digit are declined, each with its reason', async () => {
  const running = await startSwitch();
  const acquirer = await running.call('ascii');
  const numbers = ['4761730000009996', '4111111111111111', `${card.slice(0, -1)}2`];
  for (const [index, number] of numbers.entries()) acquirer.send(purchase(acquirer.codec, index + 1, { 2: number }));
  for (const _ of numbers) await acquirer.next();
  expect(running.decided.map(({ reason }) => reason).toSorted()).toEqual(['1011', '1018', '9108']);
});

it('while the book is too far behind, nothing is taken in', async () => {
  let behind = true;
  const running = await startSwitch({ bookIsTooFarBehind: () => behind });
  const acquirer = await running.call('ascii');
  expect((await acquirer.ask(purchase(acquirer.codec, 1))).text(39)).not.toBe('00');
  behind = false;
  expect((await acquirer.ask(purchase(acquirer.codec, 2))).text(39)).toBe('00');
  expect(running.decided.map(({ responder, reason }) => [responder, reason])).toEqual([['switch', '9107'], ['account', '0000']]);
});
