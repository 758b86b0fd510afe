/** Thousands of random and changed frames at a station that works: whatever can be answered is, once, and the rest is counted. */
import { afterEach, expect, it } from 'vitest';
import type { Codec, Message } from '../../src/iso8583/codec.ts';
import { DecodeError } from '../../src/iso8583/errors.ts';
import { demoStationNames, loadCard, management, purchase, startSwitch, stopAll, until } from './fixture.ts';
import type { RunningSwitch } from './fixture.ts';

afterEach(stopAll);

const framesMax = 2_000;
const seed = 20_261_122;

/** Mulberry32: the same numbers in every run. @returns a whole number in [0, below) */
function numbers(start: number): (below: number) => number {
  let state = start;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const types = ['100', '101', '120', '121', '140', '200', '220', '400', '420', '110', '130', '210', '302', '600', '800', '820', '102', '190'];

/** A message, mostly changed: bytes of it, its end, its type; or bytes that never were one. */
function frame(codec: Codec, stan: number, next: (below: number) => number): Buffer {
  const kind = next(8);
  if (kind === 0) return Buffer.from(Uint8Array.from({ length: 1 + next(300) }, () => next(256)));
  const type = types[next(types.length)] ?? '100';
  const draft = type.startsWith('8') ? management(codec, stan, ['001', '301', '801', '831'][next(4)] ?? '001', type) : purchase(codec, stan, { 2: loadCard }, type);
  for (let count = next(3); count > 0; count -= 1) draft.remove(draft.numbers[next(draft.numbers.length)] ?? 0);
  const bytes = Buffer.from(codec.encode(draft));
  if (kind === 1) return bytes;
  if (kind === 2) return bytes.subarray(0, 1 + next(bytes.length));
  if (kind === 3) return Buffer.concat([bytes, Buffer.from(Uint8Array.from({ length: 1 + next(9) }, () => next(256)))]);
  for (let count = 1 + next(4); count > 0; count -= 1) bytes[next(bytes.length)] = next(256);
  return bytes;
}

/** The type and trace by which its answer is known; undefined where nothing is to be answered. By the standard's rules for types, apart from the station's code. */
function answerTo(codec: Codec, bytes: Buffer): string | undefined {
  let message: Message | undefined;
  try {
    message = codec.decode(bytes);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    message = codec.recover(bytes);
    if (message?.has(11) !== true) return undefined;
  }
  const [version, of, function_, origin] = Array.from(message!.mti, Number) as [number, number, number, number];
  if (![0, 2, 6].includes(function_)) return undefined;
  return `${version}${of}${function_ + 1}${origin - (origin % 2)} ${message!.text(11) ?? ''}`;
}

/** How many frames the switch has dealt with. */
function dealtWith(running: RunningSwitch): number {
  return running.of('dropped').length + running.of('decided').length + running.of('refused').length + running.of('networkManagement').length;
}

it.for(demoStationNames)(`of ${framesMax} frames on the station %s each answerable one is answered once`, async (name) => {
  const running = await startSwitch();
  const acquirer = await running.call(name);
  const { codec } = acquirer;
  const next = numbers(seed);
  const sent: Buffer[] = [];
  for (let stan = 1; stan <= framesMax; stan += 1) sent.push(frame(codec, stan, next));
  for (const bytes of sent) acquirer.sendBytes(bytes);
  const wanted = sent.map((bytes) => answerTo(codec, bytes)).filter((answer) => answer !== undefined).toSorted();
  await until(() => dealtWith(running) >= sent.length, 'every frame is dealt with');
  expect(dealtWith(running)).toBe(sent.length);
  await until(() => acquirer.frames.length >= wanted.length, 'the answers come');
  const last = await running.call(name);
  expect((await last.ask(purchase(codec, 999_999))).text(39)).toMatch(/^0{2,4}$/);
  expect(acquirer.ended).toBe(false);
  const got = acquirer.frames.map((bytes) => acquirer.decode(bytes)).map((answer) => `${answer.mti} ${answer.text(11) ?? ''}`).toSorted();
  expect(got).toEqual(wanted);
  expect(wanted.length).toBeGreaterThan(framesMax / 3);
  expect(running.drops).toContain('undecodable');
  expect(running.of('refused').some(([, , reason]) => reason === '9100')).toBe(true);
  expect(running.drops).not.toContain('unencodable');
  expect(running.drops).not.toContain('unresolved');
});
