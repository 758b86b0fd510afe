/** `locum decode`: a message field by field, masked, in a format that is named or found out. */
import { describe } from '../iso8583/describe.ts';
import type { Codec, Message } from '../iso8583/codec.ts';
import { compile } from '../iso8583/compile.ts';
import type { DecodeError } from '../iso8583/errors.ts';
import { guess } from '../iso8583/guess.ts';
import { compileFraming, lengthEncodings, plainFraming } from '../link/framing.ts';
import type { Framing } from '../link/framing.ts';
import { loadSpecByName, shippedFormats } from '../tables/format.ts';
import { aligned, exitFailed, Failure, UsageError } from './command.ts';
import type { Command, Given, Outside } from './command.ts';
import { configOf, configOption } from './configured.ts';
import { readInput } from './decode-input.ts';
import type { InputForm } from './decode-input.ts';
import { framingOption, framingWords, parseFraming, splitAll } from './framing.ts';
import { pathOrName } from './spec.ts';

export const decodeCommand: Command = {
  name: 'decode',
  summary: 'Prints a message field by field, masked',
  operands: '<hexadecimal | base64 | file | ->',
  about: [
    'A file may hold hexadecimal, base64 or the bytes themselves; - is standard input. Without --spec or --station every shipped format is tried, and the one that fits best is named with the reason.',
    'Without --framing a length in front of the message is found where it fits exactly; with it, the input may be several frames.',
    'What cannot be read is refused with the field and the byte where it goes wrong, counted from the start of the message. Exit code 1.',
  ],
  options: {
    spec: { type: 'string', value: '<name | file>', about: 'the message format: a shipped one (locum spec list) or a file' },
    station: { type: 'string', value: '<name>', about: 'the format and framing of this station of the configuration' },
    ...framingOption,
    json: { type: 'boolean', about: 'one JSON document instead of lines for a person' },
    ...configOption,
  },
  examples: [
    { line: 'decode 0800822000000000000004000000000000001122080512004217301', about: 'A message in ASCII as it is: an echo.', needs: 'nothing' },
    {
      line: 'decode 001c0800822000000000000004000000000000001122080512004217 0301',
      about: 'A frame in hexadecimal, with two bytes of length in front.',
      needs: 'nothing',
    },
    { line: 'decode --spec iso8583-1987-binary --json CACCIAAAAAAAAAQAAAAAAAAAESIIBRIAQhcDAQ==', about: 'The same without its length, in base64, for a program.', needs: 'nothing' },
  ],
  async run(given, outside) {
    const found = await decodeAll(given, outside);
    if (given.has('json')) {
      outside.print(JSON.stringify(found.map(jsonOf)));
      return found.some(({ message }) => message === undefined) ? exitFailed : 0;
    }
    for (const [index, decoded] of found.entries()) {
      if (index > 0) outside.print('');
      if (decoded.message === undefined) throw new Failure(decoded.why);
      outside.print(decoded.why);
      for (const line of fieldLines(decoded.message)) outside.print(line);
    }
    return 0;
  },
};

/** A message's lines, its fields' paths, names and masked values in columns. */
export function fieldLines(message: Message, indent = ''): string[] {
  return aligned(describe(message).map(({ path, name, value }) => [path, name, value]), indent);
}

interface Decoded {
  readonly spec: string;
  readonly guessed: boolean;
  readonly form: InputForm;
  readonly framing: string | undefined;
  readonly bytes: number;
  readonly message: Message | undefined;
  readonly error: DecodeError | undefined;
  /** One sentence: in what format, and why in that; or what is wrong. */
  readonly why: string;
}

async function decodeAll(given: Given, outside: Outside): Promise<readonly Decoded[]> {
  const { codecs, named, framing } = formatOf(given, outside);
  const readings = await readInput(given.operands, outside);
  if (framing === undefined) {
    return [best(readings.flatMap(({ form, bytes }) => [{ form, bytes, framing: undefined }, ...withoutLength(form, bytes)]), codecs, named)];
  }
  // The first reading that consists of such frames, and in which a message can be read.
  let refused: unknown;
  let first: readonly Decoded[] | undefined;
  for (const { form, bytes } of readings) {
    try {
      const frames = framing === 'none' ? [bytes] : splitAll(framing, bytes);
      const words = framing === 'none' ? undefined : framingWords(framing);
      const decoded = frames.map((frame) => best([{ form, bytes: frame, framing: words }], codecs, named));
      if (decoded.some(({ message }) => message !== undefined)) return decoded;
      first ??= decoded;
    } catch (error) {
      refused ??= error;
    }
  }
  if (first === undefined) throw refused;
  return first;
}

function formatOf(given: Given, outside: Outside): { codecs: readonly Codec[]; named: boolean; framing: Framing | 'none' | undefined } {
  const text = given.text('framing');
  const framing = text === undefined ? undefined : (parseFraming(text) ?? ('none' as const));
  let spec = given.text('spec');
  const stationName = given.text('station');
  if (stationName !== undefined) {
    if (spec !== undefined) throw new UsageError('--station has a format already; give one of --spec and --station');
    const { stations } = configOf(given, outside);
    const station = stations.find(({ name }) => name === stationName);
    if (station === undefined) throw new UsageError(`the configuration has no station ${stationName}; it has ${stations.map(({ name }) => name).join(', ')}`);
    spec = station.spec;
    // A station's message is mostly shown without its length, so that is not insisted on.
  }
  const names = spec === undefined ? shippedFormats('spec') : [pathOrName(spec, outside.cwd)];
  return { codecs: names.map((name) => compile(loadSpecByName(name, '--spec'))), named: spec !== undefined, framing };
}

interface Candidate {
  readonly form: InputForm;
  readonly bytes: Buffer;
  readonly framing: string | undefined;
}

/** The message without its length, for every form of length that fits exactly. */
function withoutLength(form: InputForm, bytes: Buffer): Candidate[] {
  const candidates: Candidate[] = [];
  for (const lengthBytes of [2, 4] as const) {
    for (const lengthEncoding of lengthEncodings) {
      for (const lengthIncludesItself of [false, true]) {
        for (const tpdu of [undefined, '6000000000']) {
          const framing = compileFraming({ ...plainFraming, lengthBytes, lengthEncoding, lengthIncludesItself, ...(tpdu === undefined ? {} : { tpdu }) });
          const rest = bytes.length - lengthBytes;
          const fits = rest > framing.headerBytes && framing.readLength(bytes, 0) === rest && (tpdu === undefined || bytes[lengthBytes] === 0x60);
          if (fits) candidates.push({ form, bytes: bytes.subarray(framing.overheadBytes), framing: framingWords(framing) });
        }
      }
    }
  }
  return candidates;
}

function best(candidates: readonly Candidate[], codecs: readonly Codec[], named: boolean): Decoded {
  const tries = candidates.flatMap((candidate) => guess(codecs, candidate.bytes).map((result) => ({ ...result, candidate })));
  const readable = tries.filter(({ message }) => message !== undefined).sort((a, b) => b.score - a.score);
  const found = readable[0] ?? nearest(tries);
  const { candidate, codec, message, error } = found;
  const { form, framing, bytes } = candidate;
  const spec = codec.spec.name;
  const what = `${bytes.length} bytes (${form}${framing === undefined ? '' : `, after ${framing}`})`;
  const others = [...new Set(readable.filter((other) => other.candidate === candidate).map((other) => other.codec.spec.name))].filter((name) => name !== spec);
  return { spec, guessed: !named, form, framing, bytes: bytes.length, message, error, why: message === undefined ? failure(spec, named, what, error, codecs.length) : reason(spec, named, what, others, codecs.length) };
}

/** Of what cannot be read: what came farthest, without a length in front, which would be guessing twice. */
function nearest<T extends { readonly candidate: Candidate; readonly score: number }>(tries: readonly T[]): T {
  const [first] = tries;
  if (first === undefined) throw new Failure('there is no format to try');
  return tries.filter(({ candidate }) => candidate.framing === first.candidate.framing).reduce((a, b) => (b.score > a.score ? b : a));
}

function reason(spec: string, named: boolean, what: string, others: readonly string[], tried: number): string {
  if (named) return `${what} as ${spec}`;
  if (others.length === 0) return `${what} as ${spec}: no format was named, and of ${tried} this is the only one that reads them`;
  const more = others.length > 3 ? ` and ${others.length - 3} more` : '';
  return `${what} as ${spec}: no format was named, and of ${others.length + 1} that read them its values look most like what they are called (the others: ${others.slice(0, 3).join(', ')}${more})`;
}

function failure(spec: string, named: boolean, what: string, error: DecodeError | undefined, tried: number): string {
  const sentence = error === undefined ? 'they cannot be read' : error.message;
  return named ? `${what} are no message of ${spec}: ${sentence}` : `${what} are no message of any of ${tried} formats; ${spec} comes farthest: ${sentence}`;
}

function jsonOf({ spec, guessed, form, framing, bytes, message, error, why }: Decoded): object {
  const common = { spec, guessed, form, framing: framing ?? null, bytes, why };
  if (message === undefined) return { ...common, error: error === undefined ? null : { path: error.path, offset: error.offset, reason: error.reason, text: error.message } };
  return { ...common, mti: message.mti, fields: describe(message) };
}
