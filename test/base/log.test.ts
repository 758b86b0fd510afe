import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createLog } from '../../src/base/log.ts';
import type { LogFields, LogLevel } from '../../src/base/log.ts';
import { luhnDigit } from '../../src/base/luhn.ts';
import { maskDigits, maskText } from '../../src/base/mask.ts';
import { maskValue } from '../../src/base/mask-value.ts';
import { Pan } from '../../src/message/pan.ts';
import { Secret } from '../../src/message/secret.ts';
import { digits } from '../vectors/digits.ts';
import { luhnRight } from '../vectors/luhn.ts';

const card = '4761730000000011';
const nowMs = Date.UTC(2026, 0, 31, 12);

/** What a log writes: its lines, whole. */
function logged(write: (log: ReturnType<typeof createLog>) => void, level: LogLevel = 'debug'): string[] {
  const lines: string[] = [];
  write(createLog({ destination: { write: (line: string) => lines.push(line) }, level, nowMs: () => nowMs }));
  return lines;
}

function line(fields: LogFields): Record<string, unknown> {
  const [only] = logged((log) => log.event('tried', fields));
  return JSON.parse(only!) as Record<string, unknown>;
}

describe('a log', () => {
  test('writes one line of JSON for an event, with level, time and name first', () => {
    expect(logged((log) => log.event('station listening', { station: 'pos', port: 8583 }))).toEqual([
      '{"level":"info","time":"2026-01-31T12:00:00.000Z","event":"station listening","station":"pos","port":8583}\n',
    ]);
  });

  test('has four levels and writes nothing below its own', () => {
    const all = (log: ReturnType<typeof createLog>): void => {
      log.detail('a');
      log.event('b');
      log.warning('c');
      log.failure('d');
    };
    const levels = (level: LogLevel): unknown[] => logged(all, level).map((text) => (JSON.parse(text) as { level: unknown }).level);
    expect(levels('debug')).toEqual(['debug', 'info', 'warn', 'error']);
    expect(levels('warn')).toEqual(['warn', 'error']);
    expect(levels('silent')).toEqual([]);
  });

  test('of which a child was made carries the fields of both, each name once, the nearest value', () => {
    const [text] = logged((log) => log.child({ station: 'pos', pan: card }).child({ connection: 1 }).event('closed', { connection: 2 }));
    expect(text).toContain('"event":"closed","station":"pos","pan":"476173******0011","connection":2}');
  });

  test('never writes a name twice, whatever a field is called', () => {
    const [text] = logged((log) => log.event('tried', { level: 1, time: 2, event: 3, msg: 4 }));
    expect(text).toContain('"level-":1,"time-":2,"event-":3,"msg-":4');
  });

  test('stays one line whatever is in a text', () => {
    const [text] = logged((log) => log.event('a\nb', { text: 'c\r\n\u2028d', ['e\nf']: 1 }));
    expect(text?.trimEnd()).not.toContain('\n');
  });

  test('takes fields that cannot be read, printed or ended, and is not stopped by them', () => {
    const circular: Record<string, unknown> = { name: 'a' };
    circular['self'] = circular;
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const throwing = {
      get broken(): string {
        throw new Error(card);
      },
      fine: 1,
    };
    const self = { toJSON: (): unknown => self };
    const fields = { circular, proxy, throwing, self, deep: JSON.parse('['.repeat(40) + ']'.repeat(40)) as unknown, long: Array(1000).fill('word') };
    expect(line(fields)).toMatchObject({
      circular: { name: 'a', self: '[circular]' },
      proxy: '[unreadable]',
      throwing: { broken: '[unreadable]', fine: 1 },
      self: '[circular]',
    });
    expect(JSON.stringify(line(fields)['deep'])).toContain('[deep]');
    expect(line(fields)['long']).toHaveLength(101);
  });
});

describe('what is logged stays usable', () => {
  test.each([
    ['an RRN of twelve digits, though it passes Luhn', { rrn: '000000000000' }],
    ['a STAN', { stan: '000123' }],
    ['an amount', { amountMinor: 100_000, availableMinor: 999_999_999_999_999 }],
    ['milliseconds since 1970', { dueAtMs: 1_769_860_800_009 }],
    ['a ratio', { ratio: 0.476173000000001, negative: -1.5 }],
    ['a date', { at: '2026-01-31T12:00:00.000Z' }],
    ['an address', { peer: '127.0.0.1', port: 54_321 }],
    ['a card token', { token: 'MQNSHxNmlWIkn0WpmxxUA7' }],
    ['a masked PAN', { pan: '476173******0011' }],
    ['nothing', { none: null, yes: true }],
  ])('%s', (_, fields) => {
    expect(line(fields)).toMatchObject(fields);
  });

  test('an error has its type, message, code, cause and stack', () => {
    const error = Object.assign(new RangeError('out of range', { cause: new Error('below') }), { code: 'ERANGE' });
    expect(line({ error })).toMatchObject({
      error: { type: 'RangeError', message: 'out of range', code: 'ERANGE', cause: { type: 'Error', message: 'below' } },
    });
    expect((line({ error })['error'] as { stack: string }).stack).toContain('log.test.ts');
  });

  test('a map is an object, a set is an array, a date is its text, bytes are their number', () => {
    const fields = { map: new Map([['a', 1]]), set: new Set(['b']), at: new Date(nowMs), bytes: Buffer.from(card), url: new URL('http://h/p') };
    expect(line(fields)).toMatchObject({ map: { a: 1 }, set: ['b'], at: '2026-01-31T12:00:00.000Z', bytes: '[16 bytes]', url: 'http://h/p' });
  });
});

describe('what is masked', () => {
  test('a PAN and a secret, by their type', () => {
    const fields = { card: Pan.parse('4761730000000012'), short: Pan.parse('12345678'), any: new Secret('921') };
    expect(line(fields)).toMatchObject({ card: '476173******0012', short: '******78', any: '[secret]' });
  });

  test('three digits under the name of a verification value, a PIN or a track', () => {
    const fields = { cvv: '123', cvv2: 123, icvv: '1', pinBlock: '0412AC89ABCDEF67', pin: '1234', track2: 'x', TRACK_1: 'y', password: 'z', masterKey: ['k'] };
    for (const [name, value] of Object.entries(fields)) expect(line({ [name]: value })[name]).toBe('[secret]');
  });

  test('a card number with a wrong check digit, under the name of one', () => {
    expect(line({ pan: '4761730000000012', cardNumber: 4761730000000012 })).toMatchObject({ pan: '476173******0012', cardNumber: '476173******0012' });
    expect(line({ pan: '4761 7300 0000 0012', primaryAccountNumber: 4761730000000012n })).toMatchObject({
      pan: '476173******0012',
      primaryAccountNumber: '476173******0012',
    });
  });

  test('a number too large to be exact, of which the first digits would be right', () => {
    expect(line({ a: Number('4716989580001715211'), b: [-Number('47169895800017152')] })).toMatchObject({ a: '[masked]', b: ['[masked]'] });
  });

  test('a text taken apart into characters, and bytes as numbers', () => {
    expect(line({ a: Array.from(card), b: Array.from(`n ${card}`), c: Array.from(Buffer.from(card)) })).toMatchObject({ a: '[masked]', b: '[masked]', c: '[masked]' });
  });

  test('a card number that the cut of a long text goes through', () => {
    for (let before = 8170; before < 8200; before++) expect(maskText('x'.repeat(before) + card + 'x'.repeat(99))).not.toMatch(/4761730/);
  });

  test('every published card number, and masking it again changes nothing', () => {
    for (const number of luhnRight.filter((number) => number.length >= 13)) {
      expect(maskText(`a ${number} b`)).toBe(`a ${maskDigits(number)} b`);
      expect(maskText(maskText(number))).toBe(maskText(number));
    }
    expect(maskDigits('12x')).toBe('[masked]');
    expect(maskDigits('')).toBe('');
  });
});

const cards = digits(12, 18)
  .filter((start) => !start.startsWith('0'))
  .map((start) => start + luhnDigit(start)!);
const hexOf = (text: string, zone: string): string => Array.from(text, (digit) => zone + digit).join('');
const grouped = (number: string, separator: string): string => number.replace(/\d{4}(?=\d)/g, `$&${separator}`);

/** Ways in which a card number gets into a text. */
const texts: readonly ((number: string) => string)[] = [
  (number) => number,
  (number) => `card ${number} was refused`,
  (number) => `x${number}y`,
  (number) => grouped(number, ' '),
  (number) => grouped(number, '-'),
  (number) => grouped(number, '. '),
  (number) => `;${number}=31122010000012345678?`,
  (number) => `${number}D31122010000012345678F`,
  (number) => `%B${number}^DOE/JANE^3112201?`,
  (number) => `0200F23A${number.length}${number}000000000000001250`,
  (number) => hexOf(number, '3'),
  (number) => hexOf(number, 'F'),
  (number) => hexOf(number, 'f'),
  (number) => inspect(Buffer.from(number)),
  (number) => inspect(Buffer.from(number.padStart(20, '0'), 'hex')),
  (number) => JSON.stringify({ account: number }),
  (number) => `{"account":"${number}`,
];

/** What a careless caller makes of a value. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : inspect(value);
}

/** Ways in which a text gets into a log line. */
const shapes: readonly ((value: unknown) => unknown)[] = [
  (value) => value,
  (value) => [value],
  (value) => ({ nested: { value } }),
  (value) => new Map([[value, value]]),
  (value) => new Set([value]),
  (value) => ({ toJSON: () => ({ value }) }),
  (value) => Object.create(null, { value: { value, enumerable: true } }) as unknown,
  (value) => new Error(textOf(value)),
  (value) => new Error('outer', { cause: value }),
  (value) => new AggregateError([new Error(textOf(value))], 'several'),
  (value) => Object.assign(new Error('with fields'), { value }),
  (value) => ({ [textOf(value)]: 1 }),
  (value) => new Map([[{ value }, 1]]),
  (value) => Buffer.from(textOf(value)),
  (value) => new TextEncoder().encode(textOf(value)).buffer,
  (value) => Array.from(Buffer.from(textOf(value))),
  (value) => Buffer.from(textOf(value)).toJSON(),
  (value) => Array.from(textOf(value)),
  (value) => Object(value),
  (value) => Symbol(textOf(value)),
  (value) => () => value,
  (value) => new Secret(value),
];

/** Ways in which a card number is a value without being a text. */
const values: readonly ((number: string) => unknown)[] = [(number) => Number(number), (number) => -Number(number), BigInt, (number) => Object(BigInt(number)) as unknown, (number) => Pan.parse(number)];

test('no card number gets into a line, in any way of writing it, through any shape of value', () => {
  const written = fc.oneof(
    fc.record({ number: cards, text: fc.constantFrom(...texts) }).map(({ number, text }) => ({ number, value: text(number) as unknown })),
    fc.record({ number: cards, value: fc.constantFrom(...values) }).map(({ number, value }) => ({ number, value: value(number) })),
  );
  fc.assert(
    fc.property(written, fc.array(fc.constantFrom(...shapes), { maxLength: 4 }), fc.constantFrom('event', 'field', 'child'), ({ number, value }, wrap, where) => {
      const shaped = wrap.reduce((inner, shape) => shape(inner), value);
      const [text] = logged((log) => {
        if (where === 'event') log.event(typeof shaped === 'string' ? shaped : 'tried', { shaped });
        else if (where === 'field') log.failure('tried', { error: shaped, text: 'and more' });
        else log.child({ shaped }).warning('tried');
      });
      const joined = text!.replace(/[\s\-._/,":[\]{}]/g, '').toUpperCase();
      for (const shape of [number, hexOf(number, '3'), hexOf(number, 'F'), Array.from(Buffer.from(number)).join('')]) expect(joined).not.toContain(shape);
    }),
    { numRuns: 4000 },
  );
});

test('masking is the same whether it is done once or twice', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), cards, digits(1, 25)), { maxLength: 6 }), (parts) => {
      const once = maskValue({ text: parts.join(' ') });
      expect(maskValue(once)).toEqual(once);
    }),
  );
});
