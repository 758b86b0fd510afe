/** The codecs of all spec files, by name, and small things that several codec tests need. */
import { readdirSync, readFileSync } from 'node:fs';
import { compile } from '../../src/iso8583/compile.ts';
import type { Codec, Message } from '../../src/iso8583/codec.ts';
import { DecodeError, EncodeError } from '../../src/iso8583/errors.ts';
import { loadSpec } from '../../src/iso8583/load.ts';

const folder = new URL('../../specs/', import.meta.url);

export const shippedNames = [
  'iso8583-1987-ascii', 'iso8583-1987-binary', 'iso8583-1987-ebcdic', 'iso8583-1993-ascii', 'iso8583-1993-binary', 'iso8583-2003-binary',
] as const;

export const variantNames = readdirSync(new URL('variants/', folder)).filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -5));

const codecs = new Map<string, Codec>();

export function specJson(name: string): Record<string, unknown> {
  const file = (shippedNames as readonly string[]).includes(name) ? `${name}.json` : `variants/${name}.json`;
  return JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Record<string, unknown>;
}

export function codecOf(name: string): Codec {
  const codec = codecs.get(name) ?? compile(loadSpec(specJson(name), `${name}.json`));
  codecs.set(name, codec);
  return codec;
}

/** A codec of a few fields, for one property: ASCII unless `spec` says otherwise. */
export function smallCodec(spec: Record<string, unknown>): Codec {
  return compile(loadSpec({
    name: 'small', version: '1987', about: 'Of a test.', mti: { encoding: 'ascii' }, bitmap: { encoding: 'binary', max: 2 },
    defaults: { prefix: { encoding: 'ascii' }, n: { encoding: 'ascii' }, text: { encoding: 'ascii' }, z: { encoding: 'ascii' }, b: { encoding: 'binary' }, h: { encoding: 'bcd' }, 'x+n': { encoding: 'ascii' } },
    ...spec,
  }, 'small.json'));
}

export function bytes(hex: string): Buffer {
  return Buffer.from(hex, 'hex');
}

export function hex(frame: Uint8Array): string {
  return Buffer.from(frame).toString('hex').toUpperCase();
}

/** The DecodeError of bytes that are no message; a message is a failure, and any other exception stays one. */
export function refusal(codec: Codec, frame: Uint8Array): DecodeError {
  let message: Message;
  try {
    message = codec.decode(frame);
  } catch (error) {
    if (error instanceof DecodeError) return error;
    throw error;
  }
  throw new Error(`decoded as a message of type ${message.mti}`);
}

/** The EncodeError of an act. */
export function encodeRefusal(act: () => unknown): EncodeError {
  try {
    act();
  } catch (error) {
    if (error instanceof EncodeError) return error;
    throw error;
  }
  throw new Error('encoded');
}
