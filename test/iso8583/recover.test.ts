/** What can still be read of bytes that are no message. */
import { describe, expect, it } from 'vitest';
import * as fc from 'fast-check';
import type { Message } from '../../src/iso8583/codec.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import { DecodeError } from '../../src/iso8583/errors.ts';
import { messageVectors } from '../vectors/iso8583.ts';
import { bytes, codecOf, refusal, shippedNames, smallCodec, variantNames } from './codecs.ts';

const ascii = codecOf('iso8583-1987-ascii');

function frameOf(changes: Readonly<Record<number, string>> = {}): Buffer {
  const draft = new Draft('0100');
  const fields: Record<number, string> = { 2: '4761730000000011', 3: '000000', 4: '000000001250', 7: '1122101500', 11: '000001', 35: '4761730000000011=31122010000000000', 41: 'TERM0001', 49: '978', ...changes };
  for (const [field, text] of Object.entries(fields)) draft.set(Number(field), text);
  return Buffer.from(ascii.encode(draft));
}

/** The frame with `text` where `old` was. */
function replaced(frame: Buffer, old: string, text: string): Buffer {
  const at = frame.indexOf(old);
  expect(at).toBeGreaterThan(0);
  return Buffer.concat([frame.subarray(0, at), Buffer.from(text, 'latin1'), frame.subarray(at + old.length)]);
}

function recovered(frame: Uint8Array): Message {
  refusal(ascii, frame);
  const message = ascii.recover(frame);
  if (message === undefined) throw new Error('nothing was recovered');
  return message;
}

describe('of bytes that are refused', () => {
  it('a field of wrong content is left out, where the others end as the bytes do', () => {
    const message = recovered(replaced(frameOf(), '000000001250', '00000000A250'));
    expect(message.fields()).toEqual([2, 3, 7, 11, 35, 41, 49]);
    expect(message.text(11)).toBe('000001');
    expect(message.text(35)).toBe('4761730000000011=31122010000000000');
    expect(message.text(49)).toBe('978');
    expect(message.has(4)).toBe(false);
  });

  it('so are several of them', () => {
    const message = recovered(replaced(replaced(frameOf(), '000000001250', '00000000A250'), '1122101500', '1122 01500'));
    expect(message.fields()).toEqual([2, 3, 11, 35, 41, 49]);
  });

  it('a field of wrong content that has lost a byte hides those behind it, whose places are not known', () => {
    const message = recovered(replaced(frameOf(), '000000001250', '0000000A250'));
    expect(message.fields()).toEqual([2, 3]);
  });

  it('the end of the bytes within a field leaves those before it', () => {
    const frame = frameOf();
    expect(recovered(frame.subarray(0, frame.indexOf('=3112'))).fields()).toEqual([2, 3, 4, 7, 11]);
  });

  it('bytes after the last field leave all of them', () => {
    const message = recovered(Buffer.concat([frameOf(), Buffer.from('0')]));
    expect(message.fields()).toEqual([2, 3, 4, 7, 11, 35, 41, 49]);
  });

  it('a length prefix that is none, or too great, leaves those before it', () => {
    expect(recovered(replaced(frameOf(), '344761730000000011=', '3X4761730000000011=')).fields()).toEqual([2, 3, 4, 7, 11]);
    expect(recovered(replaced(frameOf(), '344761730000000011=', '994761730000000011=')).fields()).toEqual([2, 3, 4, 7, 11]);
  });

  it('a field that the spec does not define leaves those before it', () => {
    const small = smallCodec({ fields: { 2: { name: 'Two', kind: 'n', length: 2 }, 11: { name: 'STAN', kind: 'n', length: 6 } } });
    const frame = Buffer.concat([Buffer.from('0100'), bytes('4020800000000000'), Buffer.from('12000001xyz')]);
    expect(refusal(small, frame).field).toBe(17);
    expect(small.recover(frame)?.fields()).toEqual([2, 11]);
  });

  it('a tag that goes wrong within a field takes the field with it, and no other', () => {
    const binary = codecOf('iso8583-1987-binary');
    const frame = Buffer.from(binary.encode(new Draft('0100').set(11, '000001').setTags(55, [['9F36', '01A7']]).set(60, 'after')));
    frame[frame.indexOf(bytes('9F36')) + 2] = 9;
    const error = refusal(binary, frame);
    expect([error.path, error.field]).toEqual(['55.9F36', 55]);
    expect(binary.recover(frame)?.fields()).toEqual([11, 60]);
  });

  it('where type or bitmap cannot be read there is nothing', () => {
    const frame = frameOf();
    for (const wrong of [frame.subarray(0, 3), frame.subarray(0, 19), Buffer.concat([Buffer.from('01A0'), frame.subarray(4)]), Buffer.concat([frame.subarray(0, 4), Buffer.from('ZZ'), frame.subarray(6)])]) {
      expect(refusal(ascii, wrong).field).toBeUndefined();
      expect(ascii.recover(wrong)).toBeUndefined();
    }
  });

  it('the header is read as in a message', () => {
    const small = smallCodec({ header: { name: 'Header', kind: 'ans', prefix: 'L', max: 9 }, fields: { 11: { name: 'STAN', kind: 'n', length: 6 } } });
    const draft = new Draft('0100').set(11, '000001');
    draft.header = 'ISO01';
    const frame = Buffer.concat([small.encode(draft), Buffer.from('!')]);
    expect(small.recover(frame)).toMatchObject({ mti: '0100', header: 'ISO01' });
    expect(small.recover(frame.subarray(0, 3))).toBeUndefined();
  });

  it('a frame within a larger buffer is read from its own start to its own end', () => {
    const wrong = replaced(frameOf(), '000000001250', '00000000A250');
    const larger = Buffer.concat([Buffer.from('before'), wrong, Buffer.from('behind')]);
    expect(ascii.recover(larger, 6, 6 + wrong.length)?.fields()).toEqual(ascii.recover(wrong)?.fields());
  });
});

it.for([...shippedNames, ...variantNames])('any bytes as %s: what is recovered can be read, and of a message it is all of it', (name) => {
  const codec = codecOf(name);
  const readAll = (message: Message): void => {
    for (const field of message.fields()) {
      expect(message.text(field)).toBeTypeOf('string');
      message.tags(field);
      message.sub(field, '1');
    }
  };
  const vectors = messageVectors.filter(({ spec }) => spec === name).map(({ frame }) => bytes(frame));
  const frames = fc.oneof(fc.uint8Array({ maxLength: 300 }), ...(vectors.length === 0 ? [] : [fc.constantFrom(...vectors).map((frame) => Uint8Array.from(frame))]));
  fc.assert(fc.property(frames, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }), fc.nat(9), (frame, changes, cut) => {
    const changed = Uint8Array.from(cut === 0 ? frame.subarray(0, frame.length >> 1) : frame);
    for (const [at, value] of changes) if (changed.length > 0) changed[at % changed.length] = value;
    const message = codec.recover(changed);
    if (message !== undefined) readAll(message);
    let whole: Message | undefined;
    try {
      whole = codec.decode(changed);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
    if (whole === undefined) return;
    expect(message?.fields()).toEqual(whole.fields());
    for (const field of whole.fields()) expect(message?.text(field)).toBe(whole.text(field));
  }), { numRuns: 150 });
});
