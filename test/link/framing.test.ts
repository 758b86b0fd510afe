import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileFraming, FrameSplitter, lengthEncodings, plainFraming, writeFrame } from '../../src/link/framing.ts';
import type { Framing, FramingConfig } from '../../src/link/framing.ts';

const headers: ReadonlyArray<Partial<FramingConfig>> = [{}, { tpdu: '6000120034' }, { header: '49534F303136303030303535' }];

/** Every framing that can be configured. */
const allFramings: FramingConfig[] = [];
for (const lengthBytes of [2, 4] as const) {
  for (const lengthEncoding of lengthEncodings) {
    for (const lengthIncludesItself of [false, true]) {
      for (const lengthIncludesHeader of [true, false]) {
        for (const header of headers) {
          allFramings.push({ lengthBytes, lengthEncoding, lengthIncludesItself, lengthIncludesHeader, keepAlive: 'ignore', ...header });
        }
      }
    }
  }
}

function name(config: FramingConfig): string {
  const header = config.tpdu !== undefined ? ', tpdu' : config.header !== undefined ? ', header' : '';
  const including = `${config.lengthIncludesItself ? ' with itself' : ''}${config.lengthIncludesHeader ? '' : ' without header'}`;
  return `${config.lengthBytes} bytes ${config.lengthEncoding}${including}${header}`;
}

function frame(framing: Framing, payload: Uint8Array, header = framing.requestHeader): Buffer {
  const target = Buffer.alloc(framing.overheadBytes + payload.length);
  expect(writeFrame(framing, target, 0, header, payload, 0, payload.length)).toBe(target.length);
  return target;
}

interface Split {
  readonly payloads: string[];
  readonly headers: string[];
  readonly keepAlives: number;
  readonly refusal: string | undefined;
}

/** Feeds copies, so that bytes that are handed over and then written again would show. */
function split(framing: Framing, chunks: readonly Uint8Array[], frameBytesMax = 8_192): Split {
  const splitter = new FrameSplitter(framing, frameBytesMax);
  const found: Array<[Buffer, number, number]> = [];
  const seenHeaders: string[] = [];
  let keepAlives = 0;
  let refusal: string | undefined;
  feeding: for (const chunk of chunks) {
    splitter.push(Buffer.from(chunk));
    for (;;) {
      const outcome = splitter.next();
      if (outcome === 'more') break;
      if (outcome === 'refused') {
        ({ refusal } = splitter);
        break feeding;
      }
      if (outcome === 'keepAlive') keepAlives += 1;
      else {
        found.push([splitter.buffer, splitter.start, splitter.end]);
        seenHeaders.push(Buffer.from(splitter.header).toString('hex'));
      }
    }
  }
  const payloads = found.map(([buffer, start, end]) => buffer.toString('latin1', start, end));
  return { payloads, headers: seenHeaders, keepAlives, refusal };
}

test.each(allFramings.map((config) => [name(config), config] as const))('frames come whole wherever the network splits them: %s', (_name, config) => {
  const framing = compileFraming(config);
  const payloads = ['0800', 'x', '0100'.repeat(5), 'ab'];
  const stream = Buffer.concat(payloads.map((payload) => frame(framing, Buffer.from(payload))));
  for (let first = 0; first <= stream.length; first += 1) {
    const halves = split(framing, [stream.subarray(0, first), stream.subarray(first)]);
    expect(halves.payloads).toEqual(payloads);
    expect(halves.refusal).toBeUndefined();
  }
  expect(split(framing, [...stream].map((byte) => Uint8Array.of(byte))).payloads).toEqual(payloads);
  for (let first = 0; first <= stream.length; first += 3) {
    for (let second = first; second <= stream.length; second += 2) {
      const thirds = [stream.subarray(0, first), stream.subarray(first, second), stream.subarray(second)];
      expect(split(framing, thirds).payloads).toEqual(payloads);
    }
  }
});

test('any payloads in any chunks come out as they went in, for any framing', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...allFramings.filter((config) => config.lengthEncoding !== 'ascii' || config.lengthBytes === 4)),
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 400 }), { minLength: 1, maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 20 }),
      (config, payloads, sizes) => {
        const framing = compileFraming(config);
        const stream = Buffer.concat(payloads.map((payload) => frame(framing, payload)));
        const chunks: Uint8Array[] = [];
        for (let at = 0, i = 0; at < stream.length; i += 1) {
          const size = sizes[i % sizes.length] ?? 1;
          chunks.push(stream.subarray(at, at + size));
          at += size;
        }
        expect(split(framing, chunks).payloads).toEqual(payloads.map((payload) => Buffer.from(payload).toString('latin1')));
      },
    ),
    { numRuns: 300 },
  );
});

// The bytes of a 300-byte message's frame, worked out by hand.
test.each([
  ['big-endian', 2, false, '012c'],
  ['big-endian', 2, true, '012e'],
  ['big-endian', 4, false, '0000012c'],
  ['big-endian', 4, true, '00000130'],
  ['little-endian', 2, false, '2c01'],
  ['little-endian', 4, true, '30010000'],
  ['bcd', 2, false, '0300'],
  ['bcd', 2, true, '0302'],
  ['bcd', 4, false, '00000300'],
  ['ascii', 4, false, '30333030'],
  ['ascii', 4, true, '30333034'],
] as const)('a length of 300 in %s, %i bytes, including itself: %s, is %s', (lengthEncoding, lengthBytes, lengthIncludesItself, hex) => {
  const framing = compileFraming({ ...plainFraming, lengthEncoding, lengthBytes, lengthIncludesItself });
  const bytes = frame(framing, Buffer.alloc(300, 'm'));
  expect(bytes.subarray(0, lengthBytes).toString('hex')).toBe(hex);
  expect(split(framing, [bytes]).payloads).toEqual(['m'.repeat(300)]);
});

test('a length that excludes the TPDU counts the payload alone', () => {
  const counting = compileFraming({ ...plainFraming, tpdu: '6000010002' });
  const excluding = compileFraming({ ...plainFraming, tpdu: '6000010002', lengthIncludesHeader: false });
  expect(frame(counting, Buffer.from('0800')).toString('hex')).toBe('0009600001000230383030');
  expect(frame(excluding, Buffer.from('0800')).toString('hex')).toBe('0004600001000230383030');
});

test('an answer carries the TPDU of its request with source and destination swapped', () => {
  const framing = compileFraming({ ...plainFraming, tpdu: '6000000000' });
  const stream = Buffer.concat([
    frame(framing, Buffer.from('one'), Buffer.from('60aabbccdd', 'hex')),
    frame(framing, Buffer.from('two'), Buffer.from('60aabbccdd', 'hex')),
    frame(framing, Buffer.from('three'), Buffer.from('6000010002', 'hex')),
  ]);
  expect(split(framing, [stream]).headers).toEqual(['60ccddaabb', '60ccddaabb', '6000020001']);
});

test('an answer carries the fixed header of its request, even one that is not ours', () => {
  const framing = compileFraming({ ...plainFraming, header: '49534f' });
  const stream = Buffer.concat([frame(framing, Buffer.from('one')), frame(framing, Buffer.from('two'), Buffer.from('XYZ'))]);
  expect(split(framing, [stream]).headers).toEqual(['49534f', '58595a']);
});

test('headers of frames that were handed over stay as they are when the next ones differ', () => {
  const framing = compileFraming({ ...plainFraming, tpdu: '6000000000' });
  const splitter = new FrameSplitter(framing, 100);
  splitter.push(Buffer.concat([frame(framing, Buffer.from('a'), Buffer.from('6000010002', 'hex')), frame(framing, Buffer.from('b'), Buffer.from('6000030004', 'hex'))]));
  splitter.next();
  const first = splitter.header;
  splitter.next();
  expect(Buffer.from(first).toString('hex')).toBe('6000020001');
});

test.each(allFramings.filter((config) => config.lengthBytes === 4).map((config) => [name(config), config] as const))(
  'an empty frame is a keep-alive, counted and not handed over, wherever it is split: %s',
  (_name, config) => {
    const framing = compileFraming(config);
    const empty = frame(framing, Buffer.alloc(0));
    const stream = Buffer.concat([empty, frame(framing, Buffer.from('0800')), empty]);
    for (let at = 0; at <= stream.length; at += 1) {
      const result = split(framing, [stream.subarray(0, at), stream.subarray(at)]);
      expect(result).toMatchObject({ payloads: ['0800'], keepAlives: 2, refusal: undefined });
    }
  },
);

test('a length of zero is a keep-alive even where the length would count a header', () => {
  const framing = compileFraming({ ...plainFraming, tpdu: '6000010002' });
  const stream = Buffer.concat([Buffer.from([0, 0]), frame(framing, Buffer.from('0800'))]);
  expect(split(framing, [stream])).toMatchObject({ payloads: ['0800'], keepAlives: 1, refusal: undefined });
});

test('a length of zero is a keep-alive even where the length counts itself', () => {
  const framing = compileFraming({ ...plainFraming, lengthIncludesItself: true });
  const stream = Buffer.concat([Buffer.from([0, 0]), frame(framing, Buffer.from('0800')), Buffer.from([0, 2])]);
  expect(split(framing, [stream])).toMatchObject({ payloads: ['0800'], keepAlives: 2, refusal: undefined });
});

test('an empty frame is refused where the station says so', () => {
  const framing = compileFraming({ ...plainFraming, keepAlive: 'refuse' });
  expect(split(framing, [Buffer.from([0, 0])]).refusal).toBe('frameEmpty');
});

test.each(allFramings.filter((config) => config.lengthBytes === 4).map((config) => [name(config), config] as const))(
  'a frame of the limit is taken and one byte more is refused before its bytes are kept: %s',
  (_name, config) => {
    const framing = compileFraming(config);
    const most = 100;
    const fits = frame(framing, Buffer.alloc(most - framing.headerBytes, 'a'));
    const over = frame(framing, Buffer.alloc(most + 1 - framing.headerBytes, 'b'));
    expect(split(framing, [fits], most).payloads).toHaveLength(1);
    const splitter = new FrameSplitter(framing, most);
    splitter.push(over.subarray(0, framing.lengthBytes));
    expect(splitter.next()).toBe('refused');
    expect(splitter.refusal).toBe('frameTooLarge');
    expect(splitter.announcedBytes).toBe(most + 1);
    expect(splitter.heldBytes).toBe(0);
  },
);

test.each([
  ['a letter among ASCII digits', { lengthEncoding: 'ascii', lengthBytes: 4 }, '30304130', 'lengthInvalid'],
  ['a hex digit among BCD digits', { lengthEncoding: 'bcd', lengthBytes: 2 }, '0a00', 'lengthInvalid'],
  ['a hex digit in the low nibble', { lengthEncoding: 'bcd', lengthBytes: 4 }, '0000000f', 'lengthInvalid'],
  ['a length that does not count itself though it must', { lengthIncludesItself: true }, '0001', 'lengthTooSmall'],
  ['a length that ends within the TPDU', { tpdu: '6000010002' }, '0004', 'lengthTooSmall'],
  ['an HTTP request', { lengthEncoding: 'big-endian' }, Buffer.from('GET / HTTP/1.1').toString('hex'), 'frameTooLarge'],
] as const)('%s is refused with its reason, and nothing after it is read', (_name, config, hex, refusal) => {
  const framing = compileFraming({ ...plainFraming, ...config });
  const splitter = new FrameSplitter(framing, 8_192);
  splitter.push(Buffer.from(hex, 'hex'));
  expect(splitter.next()).toBe('refused');
  expect(splitter.refusal).toBe(refusal);
  splitter.push(frame(framing, Buffer.from('0800')));
  expect(splitter.next()).toBe('refused');
});

test('a frame that lies in one chunk is handed over in that chunk, without a copy', () => {
  const framing = compileFraming(plainFraming);
  const chunk = Buffer.concat([frame(framing, Buffer.from('one')), frame(framing, Buffer.from('two'))]);
  const splitter = new FrameSplitter(framing, 100);
  splitter.push(chunk);
  splitter.next();
  expect(splitter.buffer).toBe(chunk);
  splitter.next();
  expect(splitter.buffer).toBe(chunk);
  expect(splitter.next()).toBe('more');
  expect(splitter.heldBytes).toBe(0);
});

test('a large frame that comes byte by byte costs each byte once', () => {
  const framing = compileFraming({ ...plainFraming, lengthBytes: 4 });
  const payload = Buffer.alloc(65_535, 'p');
  const splitter = new FrameSplitter(framing, 65_535);
  const buffers = new Set<ArrayBufferLike>();
  let frames = 0;
  for (const byte of frame(framing, payload)) {
    splitter.push(Buffer.from([byte]));
    if (splitter.next() !== 'frame') continue;
    frames += 1;
    buffers.add(splitter.buffer.buffer);
    expect(splitter.buffer.subarray(splitter.start, splitter.end).equals(payload)).toBe(true);
    expect(splitter.next()).toBe('more');
  }
  expect(frames).toBe(1);
  expect(buffers.size).toBe(1);
});

test('any bytes at all are split, held within the limit, or refused', () => {
  fc.assert(
    fc.property(fc.constantFrom(...allFramings), fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { maxLength: 30 }), (config, chunks) => {
      const framing = compileFraming(config);
      const splitter = new FrameSplitter(framing, 64);
      for (const chunk of chunks) {
        splitter.push(Buffer.from(chunk));
        let outcome = splitter.next();
        for (let i = 0; outcome === 'frame' || outcome === 'keepAlive'; i += 1) {
          expect(i).toBeLessThan(61);
          if (outcome === 'frame') expect(splitter.end - splitter.start).toBeLessThanOrEqual(64 - framing.headerBytes);
          outcome = splitter.next();
        }
        expect(splitter.heldBytes).toBeLessThanOrEqual(64 + framing.lengthBytes);
        if (outcome === 'refused') return;
      }
    }),
    { numRuns: 500 },
  );
});
