import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { Draft } from '../../src/iso8583/draft.ts';
import { codecOf } from '../iso8583/codecs.ts';
import { emptyFolder, locum } from './locum.ts';

const folder = emptyFolder();

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A purchase of 125.50 with a track, as characters. */
const ascii = Buffer.from(codecOf('iso8583-1987-ascii').encode(
  new Draft('0100').set(2, '4761739001010119').set(3, '000000').set(4, '000000012550').set(7, '1122080512').set(11, '004217').set(35, '4761739001010119=28122011143800000000').set(41, 'TERM0001').set(49, '840'),
)).toString('latin1');
const echo = '0800822000000000000004000000000000001122080512004217301';
/** The same echo in iso8583-1987-binary. */
const echoHex = '08008220000000000000040000000000000011220805120042170301';

describe('a message is printed field by field', () => {
  test.for<[what: string, words: readonly string[], input: string | Buffer | undefined]>([
    ['in hexadecimal', [echoHex], undefined],
    ['in hexadecimal with blanks and in several words', ['0800 8220000000000000', '0400000000000000', '1122080512', '004217', '0301'], undefined],
    ['in base64', [Buffer.from(echoHex, 'hex').toString('base64')], undefined],
    ['in base64 of addresses, without its padding', [Buffer.from(echoHex, 'hex').toString('base64url')], undefined],
    ['in bytes on standard input', ['-'], Buffer.from(echoHex, 'hex')],
    ['in hexadecimal on standard input', ['-'], `${echoHex}\n`],
  ])('%s', async ([, words, input]) => {
    const { code, out, err } = await locum(['decode', '--spec', 'iso8583-1987-binary', ...words], input === undefined ? {} : { input });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out.split('\n').slice(1)).toEqual([
      'mti  Message type                         0800',
      '7    Transmission date and time           1122080512',
      '11   Systems trace audit number           004217',
      '70   Network management information code  301',
      '',
    ]);
  });

  test('in hexadecimal that is longer than the name of any file', async () => {
    const long = Buffer.from(codecOf('iso8583-1987-binary').encode(new Draft('0800').set(11, '004217').set(63, 'X'.repeat(999)).set(70, '301'))).toString('hex');
    for (const text of [long, `0x${long}`, Buffer.from(long, 'hex').toString('base64')]) {
      const { code, out, err } = await locum(['decode', '--spec', 'iso8583-1987-binary', text]);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(out).toContain('70   Network management information code  301');
    }
  });

  test('in a file, of bytes or of text', async () => {
    const [bytes, text] = [join(folder, 'echo.bin'), join(folder, 'echo.hex')];
    writeFileSync(bytes, Buffer.from(echoHex, 'hex'));
    writeFileSync(text, `${echoHex.slice(0, 20)}\n${echoHex.slice(20)}\n`);
    for (const file of [bytes, text]) expect((await locum(['decode', '--spec', 'iso8583-1987-binary', file])).out).toContain('70   Network management information code  301');
  });
});

describe('without a format', () => {
  test('the likeliest is named, with the reason', async () => {
    const { out } = await locum(['decode', echoHex]);
    expect(out).toMatch(/^28 bytes \(hexadecimal\) as iso8583-1987-binary: no format was named, and of \d+ that read them its values look most like what they are called \(the others: /);
    expect((await locum(['decode', echo])).out).toMatch(/^55 bytes \(plain bytes\) as iso8583-1987-ascii: no format was named/);
  });

  test.for<[framing: string, frame: string]>([
    ['2 bytes of length (big-endian)', `001c${echoHex}`],
    ['2 bytes of length (little-endian)', `1c00${echoHex}`],
    ['2 bytes of length (bcd)', `0028${echoHex}`],
    ['4 bytes of length (ascii)', `30303238${echoHex}`],
    ['4 bytes of length (big-endian, counting itself)', `00000020${echoHex}`],
    ['2 bytes of length (big-endian) and a TPDU', `00216000030000${echoHex}`],
  ])('a length in front is found where it fits: %s', async ([framing, frame]) => {
    const [found] = JSON.parse((await locum(['decode', '--json', frame])).out) as [{ framing: string; mti: string }];
    expect(found).toMatchObject({ framing, mti: '0800', bytes: 28 });
  });
});

test('with a framing the input may be several frames', async () => {
  const found = JSON.parse((await locum(['decode', '--json', '--framing', '2', `001c${echoHex}001c${echoHex}`])).out) as readonly unknown[];
  expect(found).toHaveLength(2);
  const { code, err } = await locum(['decode', '--framing', '2', `001c${echoHex}001c${echoHex.slice(2)}`]);
  expect({ code, err }).toEqual({ code: 1, err: 'locum decode: after 1 whole frames, 29 bytes are left that are none.\n' });
});

test('card number and track are masked, whatever the way out', async () => {
  for (const more of [[], ['--json']]) {
    const { code, out, err } = await locum(['decode', '--spec', 'iso8583-1987-ascii', ...more, ascii]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('476173******0119');
    expect(out).not.toContain('4761739001010119');
    expect(out).not.toContain('1143800000');
  }
});

describe('what cannot be read', () => {
  test('is refused with field and byte, and never with its content', async () => {
    const { code, out, err } = await locum(['decode', '--spec', 'iso8583-1987-ascii', ascii.slice(0, 60)]);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toBe('locum decode: 60 bytes (plain bytes) are no message of iso8583-1987-ascii: 7 at byte 56: the message ends inside it.\n');
  });

  test('is a document for a program, with path, offset and reason', async () => {
    const { code, out } = await locum(['decode', '--json', '--spec', 'iso8583-1987-binary', echoHex.slice(0, -4)]);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject([{ spec: 'iso8583-1987-binary', error: { path: '70', offset: 26, reason: 'truncated' } }]);
  });

  test.for(['dump.bin', './dump', '/var/lib/none/dump.bin', '../dump.hex'])('%s is a file that is not there, and no message', async (name) => {
    expect(await locum(['decode', name], { cwd: folder })).toMatchObject({ code: 1, out: '', err: `locum decode: there is no file ${name}.\n` });
  });

  test('names the format that comes farthest, where none was named', async () => {
    const { code, err } = await locum(['decode', '0800']);
    expect(code).toBe(1);
    expect(err).toMatch(/^locum decode: \d bytes \([a-z ]+\) are no message of any of \d+ formats; [a-z0-9-]+ comes farthest: .* at byte \d+: .*\.\n$/);
  });
});

test.for<[what: string, words: readonly string[], sentence: string]>([
  ['no message', [], 'a message is needed: hexadecimal, base64, a file, or - for standard input. locum decode --help shows how it is used.'],
  ['an option with a slip of the pen', ['--sepc', 'x', '00'], 'there is no option --sepc; did you mean --spec? locum decode --help shows how it is used.'],
  ['a station that is not there', ['--station', 'pos', '00'], 'the configuration has no station pos; it has demo-1987-ascii, demo-1987-binary, demo-2003-binary, demo-host. locum decode --help shows how it is used.'],
  ['a framing that is none', ['--framing', '3', '00'], '--framing.lengthBytes must be 2 or 4, not 3. locum decode --help shows how it is used.'],
  ['an option without its value', ['00', '--spec'], 'Option \'--spec <value>\' argument missing. locum decode --help shows how it is used.'],
])('%s is a wrong command line, in a sentence', async ([, words, sentence]) => {
  expect(await locum(['decode', ...words])).toMatchObject({ code: 2, out: '', err: `locum decode: ${sentence}\n` });
});

test('a format that is not there is a sentence with those that are', async () => {
  const { code, err } = await locum(['decode', '--spec', 'iso8583-1987-asci', '00']);
  expect(code).toBe(1);
  expect(err).toBe('locum decode: --spec names iso8583-1987-asci, and no shipped file is called so (did you mean iso8583-1987-ascii?); a file of one\'s own is named by a path that ends in .json.\n');
});
