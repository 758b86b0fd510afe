/** Which format a frame is in, when nobody said: every codec is tried, and what reads like a message comes first. */
import type { Codec, Message } from './codec.ts';
import { DecodeError } from './errors.ts';
import type { Version } from './spec.ts';

export interface Guess {
  readonly codec: Codec;
  /** The message as this codec reads it; undefined where it does not. */
  readonly message: Message | undefined;
  readonly error: DecodeError | undefined;
  /** Greater is likelier. */
  readonly score: number;
}

const firstDigits: Record<Version, string> = { '1987': '0', '1993': '1', '2003': '2' };

/** Tries all codecs; the likeliest first, those that cannot read the frame last, by how far they came. */
export function guess(codecs: readonly Codec[], frame: Uint8Array): Guess[] {
  return codecs.map((codec) => tryCodec(codec, frame)).sort((a, b) => b.score - a.score);
}

function tryCodec(codec: Codec, frame: Uint8Array): Guess {
  try {
    const message = codec.decode(frame);
    return { codec, message, error: undefined, score: 1 + plausibility(message) };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return { codec, message: undefined, error, score: -1 + error.offset / (frame.length + 1) };
  }
}

/** 0 to 5: the edition's first digit, a class and function that exist, and values that look like what they are called. */
function plausibility(message: Message): number {
  const { mti, codec } = message;
  let score = 0;
  if (mti[0] === firstDigits[codec.spec.version]) score += 2;
  if (/^.[1-8][0-9][0-5]$/.test(mti)) score += 1;
  const pan = message.text(2) ?? '';
  const signs = [
    /^[0-9]{12,19}$/.test(pan),
    /^[0-9]{12,19}[=D]/.test(message.text(35) ?? '') && (pan === '' || message.text(35)!.startsWith(pan)),
    /^[0-9A-Za-z ]+$/.test(message.text(41) ?? ''),
    /^([A-Z]{3}|[0-9]{3})$/.test(message.text(49) ?? ''),
    /^(0[1-9]|1[0-2])[0-3]/.test(message.text(7) ?? ''),
  ];
  return score + signs.filter(Boolean).length / signs.length + 1 / (2 + message.unknown);
}
