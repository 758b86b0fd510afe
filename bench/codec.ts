/**
 * What the codec costs on one core for a chip purchase of 20 fields with 120 bytes of DE55, in three encodings: a 0100 decoded and nine of its
 * fields read; and the same, its 0110 built and encoded. Beside it iso_8583, in the same run, on the same message as it can read it.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { compile } from '../src/iso8583/compile.ts';
import type { Codec, Message } from '../src/iso8583/codec.ts';
import { Draft } from '../src/iso8583/draft.ts';
import { loadSpec } from '../src/iso8583/load.ts';

export interface CodecFigure {
  readonly operation: string;
  readonly format: string;
  /** Microseconds per message: the best run and the median of runs. */
  readonly bestUs: number;
  readonly medianUs: number;
}

/** The fields of a chip purchase at a grocery store. */
const purchase: readonly (readonly [number, string])[] = [
  [2, '4761739001010119'], [3, '000000'], [4, '000000012550'], [7, '1122080512'], [11, '004217'], [12, '080512'], [13, '1122'], [14, '2812'], [18, '5411'],
  [19, '840'], [22, '051'], [25, '00'], [32, '476173'], [35, '4761739001010119=28122011143800000000'], [37, '232608004217'], [41, 'TERM0001'],
  [42, 'MERCHANT0000123'], [43, 'ACME GROCERY STORE 42    AUSTIN       US'], [49, '840'],
];

const chip: readonly (readonly [string, string])[] = [
  ['9F26', 'A1B2C3D4E5F60718'], ['9F27', '80'], ['9F10', '06010A03A0A000'], ['9F37', '5C1E77A3'], ['9F36', '01A7'], ['95', '8080008000'], ['9A', '261122'], ['9C', '00'],
  ['9F02', '000000012550'], ['5F2A', '0840'], ['82', '3C00'], ['9F1A', '0840'], ['9F03', '000000000000'], ['9F33', 'E0F8C8'], ['9F34', '420300'], ['9F35', '22'],
  ['9F1E', '3132333435363738'], ['84', 'A0000000031010'],
];

/** The frames that the benchmark decodes, as encoded by the formats named; a test compares two of them with published bytes. */
export function purchaseDraft(): Draft {
  const draft = new Draft('0100');
  for (const [field, value] of purchase) draft.set(field, value);
  return draft.setTags(55, chip);
}

const formats = ['iso8583-1987-ascii', 'iso8583-1987-binary', 'variants/iso8583-1987-binary-track-left', 'iso8583-1987-ebcdic'] as const;

export function codecOf(file: string): Codec {
  return compile(loadSpec(JSON.parse(readFileSync(new URL(`../specs/${file}.json`, import.meta.url), 'utf8')), file));
}

/** Keeps results alive, so that no work is optimised away. */
let sink = 0;

function readNine(message: Message): void {
  sink += message.text(2)!.length + message.text(3)!.length + message.text(4)!.length + message.text(7)!.length + message.text(11)!.length;
  sink += message.text(22)!.length + message.text(41)!.length + message.text(42)!.length + message.text(49)!.length;
}

const echoed = [2, 3, 4, 7, 11, 12, 13, 32, 37, 41, 42, 49] as const;

/** The 0110: its fields taken over from the request, and two of its own. */
function answer(message: Message, draft: Draft): Draft {
  draft.clear('0110');
  for (const field of echoed) draft.copy(message, field);
  return draft.set(38, 'A1B2C3').set(39, '00');
}

/** The 0110 from texts, as where the request came in another format. */
function answerFromTexts(message: Message, draft: Draft): Draft {
  draft.clear('0110');
  for (const field of echoed) draft.set(field, message.text(field)!);
  return draft.set(38, 'A1B2C3').set(39, '00');
}

interface Operation {
  readonly operation: string;
  readonly format: string;
  readonly perRound: number;
  readonly call: () => void;
}

function operations(format: string, perRound: number): Operation[] {
  const codec = codecOf(format);
  const frame = Buffer.from(codec.encode(purchaseDraft()));
  const draft = new Draft('0110');
  return [
    { operation: 'nine fields read', format, perRound, call: () => readNine(codec.decode(frame)) },
    {
      operation: 'decoded, 0110 encoded', format, perRound,
      call: () => {
        const message = codec.decode(frame);
        readNine(message);
        sink += codec.encode(answer(message, draft)).length;
      },
    },
    {
      operation: 'decoded, 0110 of texts encoded', format, perRound,
      call: () => {
        sink += codec.encode(answerFromTexts(codec.decode(frame), draft)).length;
      },
    },
  ];
}

interface Iso8583 {
  getIsoJSON(frame: Buffer, config: { lenHeader: boolean }): Record<string, string>;
  getRawMessage(): Buffer | { error: unknown };
}
type Iso8583Class = new (message?: Record<string, string>) => Iso8583;

/** iso_8583 reads ASCII with a binary bitmap; the fields are the same. */
function witnessOperations(perRound: number): Operation[] {
  const Witness = createRequire(import.meta.url)('iso_8583') as Iso8583Class;
  const json = codecOf('iso8583-1987-ascii').spec;
  const codec = compile({ ...json, bitmap: { encoding: 'binary', further: 'binary', max: 2 } });
  const frame = Buffer.from(codec.encode(purchaseDraft()));
  const decode = (): Record<string, string> => new Witness().getIsoJSON(frame, { lenHeader: false });
  const fields = decode();
  if (fields['2'] !== purchase[0]![1] || fields['49'] !== '840') throw new Error('iso_8583 does not read the message');
  return [
    {
      operation: 'nine fields read', format: 'iso_8583', perRound,
      call: () => {
        const read = decode();
        for (const field of [2, 3, 4, 7, 11, 22, 41, 42, 49]) sink += read[field]!.length;
      },
    },
    {
      operation: 'decoded, 0110 encoded', format: 'iso_8583', perRound,
      call: () => {
        const read = decode();
        const response: Record<string, string> = { '0': '0110', '38': 'A1B2C3', '39': '00' };
        for (const field of echoed) response[field] = read[field]!;
        const encoded = new Witness(response).getRawMessage();
        if (!Buffer.isBuffer(encoded)) throw new Error('iso_8583 does not encode the response');
        sink += encoded.length;
      },
    },
  ];
}

/** Microseconds per call, of one run. */
function timed({ perRound, call }: Operation): number {
  const startedAtNs = process.hrtime.bigint();
  for (let i = 0; i < perRound; i++) call();
  return Number(process.hrtime.bigint() - startedAtNs) / perRound / 1000;
}

/** Runs every operation in `rounds` timed runs of `perRound` messages (iso_8583: a tenth of them). The runs take turns, so that a busy moment of the machine meets all. */
export async function run(rounds = 30, perRound = 20_000): Promise<CodecFigure[]> {
  const all = [...formats.flatMap((format) => operations(format, perRound)), ...witnessOperations(Math.ceil(perRound / 10))];
  const runsUs = all.map((operation) => {
    timed(operation);
    return [] as number[];
  });
  for (let round = 0; round < rounds; round++) for (const [index, operation] of all.entries()) runsUs[index]!.push(timed(operation));
  return all.map(({ operation, format }, index) => {
    const sorted = runsUs[index]!.sort((a, b) => a - b);
    return { operation, format: format.replace('variants/', ''), bestUs: sorted[0]!, medianUs: sorted[sorted.length >> 1]! };
  });
}

/** The figures as a table, with how many times longer iso_8583 takes for the same operation. */
export function table(figures: readonly CodecFigure[]): string {
  const witness = (operation: string): CodecFigure | undefined => figures.find((figure) => figure.format === 'iso_8583' && figure.operation === operation);
  return figures.map((figure) => {
    const theirs = witness(figure.operation);
    const times = theirs === undefined || theirs === figure ? '' : `  iso_8583 takes ${(theirs.bestUs / figure.bestUs).toFixed(1)} times as long`;
    return `${figure.format.padEnd(32)} ${figure.operation.padEnd(32)} best ${figure.bestUs.toFixed(2).padStart(6)} µs  median ${figure.medianUs.toFixed(2).padStart(6)} µs${times}`;
  }).join('\n');
}

if (import.meta.main) console.log(table(await run()));
