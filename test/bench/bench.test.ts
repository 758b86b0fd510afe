import { expect, test } from 'vitest';
import { createTraffic, placesOf, purchaseBytes } from '../../bench/card-traffic.ts';
import { codecOf } from '../../bench/codec.ts';
import { benchMemory } from '../../bench/memory.ts';
import { benchEngine, benchPath, pathOptions } from '../../bench/path.ts';
import { benches, runBenches } from '../../bench/run.ts';

const pans = ['4761730000001001', '4761730000001019'];

function written(traffic: ReturnType<typeof createTraffic>, connection = 0): string {
  const target = Buffer.alloc(4_096);
  return target.toString('latin1', 0, traffic.writeRequest(target, 0, connection));
}

/** An answer to a request of this traffic, as the ASCII station writes it. */
function answerTo(request: string, code: string): Buffer {
  const codec = codecOf('iso8583-1987-ascii');
  const asked = codec.decode(Buffer.from(request, 'latin1'));
  const fields = [2, 3, 4, 7, 11, 12, 13, 25, 32, 37, 41, 42, 49];
  const bits = [...fields, 38, 39].reduce((sum, field) => sum | (1n << BigInt(64 - field)), 0n);
  const content = [...fields, 38, 39].sort((a, b) => a - b).map((field) => {
    const text = field === 38 ? 'A1B2C3' : field === 39 ? code : (asked.text(field) ?? '');
    return field === 2 || field === 32 ? String(text.length).padStart(2, '0') + text : text;
  });
  return Buffer.from(`${asked.mti.slice(0, 2)}10${bits.toString(16).toUpperCase().padStart(16, '0')}${content.join('')}`, 'latin1');
}

test('the traffic’s messages are what the ASCII station reads: purchases of 0.01, each card in turn, each trace once', () => {
  const codec = codecOf('iso8583-1987-ascii');
  const traffic = createTraffic({ pans, pattern: 'purchase', firstStan: 999_997 });
  const seen: (string | undefined)[][] = [];
  for (let index = 0; index < 4; index += 1) {
    const text = written(traffic, index);
    expect(text.length).toBe(purchaseBytes);
    const message = codec.decode(Buffer.from(text, 'latin1'));
    expect([message.mti, message.text(4), message.text(14), message.text(49), message.text(32)]).toEqual(['0200', '000000000001', '3112', '978', '476100']);
    expect(message.text(7)).toMatch(/^(0[1-9]|1[0-2])[0-3][0-9]([01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]$/);
    seen.push([message.text(2), message.text(11), message.text(37), message.text(41)]);
  }
  expect(seen).toEqual([
    [pans[0], '999998', '000000999998', 'TERM0000'], [pans[1], '999999', '000000999999', 'TERM0001'],
    [pans[0], '000001', '000000000001', 'TERM0002'], [pans[1], '000002', '000000000002', 'TERM0003'],
  ]);
});

test('each approved authorization is followed by its reversal or its completion, which names it', () => {
  const codec = codecOf('iso8583-1987-ascii');
  const traffic = createTraffic({ pans, pattern: 'authorization', firstStan: 10 });
  const first = written(traffic);
  const second = written(traffic);
  const declined = written(traffic);
  for (const [request, code, trace] of [[first, '00', 11], [declined, '51', 13], [second, '00', 12]] as const) {
    const answer = answerTo(request, code);
    expect(traffic.readAnswer(answer, 0, answer.length, 0)).toBe(trace);
    expect(traffic.outcome).toBe(`0110 ${code}`);
  }
  const asked = codec.decode(Buffer.from(first, 'latin1'));
  const [reversal, completion, next] = [written(traffic), written(traffic), written(traffic)].map((text) => codec.decode(Buffer.from(text, 'latin1')));
  expect([reversal?.mti, reversal?.text(2), reversal?.text(11), reversal?.text(37), reversal?.text(90)])
    .toEqual(['0400', pans[0], '000014', '000000000011', `0100000011${asked.text(7)}00000476100${'0'.repeat(11)}`]);
  expect([completion?.mti, completion?.text(2), completion?.text(38), completion?.text(90)?.slice(0, 10)]).toEqual(['0220', pans[1], 'A1B2C3', '0100000012']);
  expect(next?.mti).toBe('0100');
});

test('a field behind one of unknown length has no place', () => {
  const places = placesOf('4000000000020000');
  expect([places[2], places[47]]).toEqual([20, 38]);
  expect(placesOf('4000000000030000')[48]).toBe(undefined);
});

test.each([
  { engine: 'sqlite', drain: 'on' },
  { engine: 'redis-everysec', drain: 'off' },
])('the whole path runs on $engine with the drain $drain, and every answer approves', async ({ engine, drain }) => {
  const lines: string[] = [];
  const options = {
    ...pathOptions(['--quick', '--pattern=authorization', `--engine=${engine}`, `--drain=${drain}`]), warmUpMs: 200, durationMs: 1_000, recordedMessages: 500,
    loops: [{ kind: 'closed', inFlight: 64 }, { kind: 'open', perSecond: 200 }],
  } as const;
  const { echo, engineLoops, figures } = await benchPath(options, (line) => lines.push(line));
  expect(echo.perSecond).toBeGreaterThan(0);
  expect(engineLoops).toMatchObject([{ engine, cards: 100, pattern: 'authorization' }]);
  expect(figures.map((figure) => [figure.engine, figure.drain, figure.loop.kind])).toEqual([[engine, drain === 'on', 'closed'], [engine, drain === 'on', 'open']]);
  for (const { result, approvedShare, shareOfEcho, shareOfEngine, lagEntries } of figures) {
    expect(approvedShare).toBe(1);
    expect([result.unanswered, result.strays]).toEqual([0, 0]);
    expect(result.answers).toBeGreaterThan(0);
    expect(result.latencyUs.p99).toBeGreaterThanOrEqual(result.latencyUs.p50);
    expect(shareOfEcho).toBeCloseTo(result.perSecond / echo.perSecond);
    expect(shareOfEngine).toBeGreaterThan(0);
    expect(lagEntries === undefined).toBe(drain === 'off');
  }
  expect(lines.length).toBe(1 + engineLoops.length + figures.length);
});

test('an engine commits the records of more cards than the demo has', async () => {
  const loop = await benchEngine('sqlite', 150, 'purchase', 400);
  expect(loop).toMatchObject({ engine: 'sqlite', cards: 150, pattern: 'purchase' });
  expect(loop.messagesPerSecond).toBeGreaterThan(0);
});

test('an account’s keys in Redis are counted by what they are for, the directory’s among them', async () => {
  const plain = await benchMemory([]);
  expect(plain.keys.map(({ what, keys }) => [what, keys]).sort()).toEqual([['directory', 1], ['head', 1], ['load', 1], ['record', 4]]);
  expect(plain.bytes).toBe(plain.keys.reduce((sum, { bytes }) => sum + bytes, 0));
  expect(plain.bytes).toBeLessThan(1_500);
  const named = await benchMemory(['rrn']);
  expect(named.keys.find(({ what }) => what === 'alias')?.keys).toBe(4);
});

test('the benchmarks run by their names, and another name is refused with those that there are', async () => {
  const lines: string[] = [];
  await runBenches(['codec', 'keys', 'echo', 'store', '--quick'], (line) => lines.push(line));
  for (const expected of ['iso8583-1987-binary', 'iso_8583', 'card token', 'bare, 16 connections', 'endpoint, 16 connections', 'sqlite', 'redis-always']) {
    expect(lines.join('\n')).toContain(expected);
  }
  await expect(runBenches(['speed'], () => undefined)).rejects.toThrow(`there is no benchmark speed; there are ${Object.keys(benches).join(', ')}`);
});
