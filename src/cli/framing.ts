/**
 * Framings on a command line: `2`, `4,ascii,inclusive`, `2,tpdu=6000030000`, or `none`.
 */
import { ConfigError } from '../base/schema.ts';
import { readFraming } from '../link/config.ts';
import { FrameSplitter, lengthEncodings } from '../link/framing.ts';
import type { Framing } from '../link/framing.ts';
import { Failure, UsageError } from './command.ts';
import type { Options } from './command.ts';

export const framingOption: Options = {
  framing: {
    type: 'string',
    value: '<form>',
    about: `what is in front of a message, with commas: the bytes of its length (2 or 4), then ${lengthEncodings.join(', ')}; inclusive where the length counts itself; tpdu=<hex> or header=<hex>; none`,
  },
};

/** undefined: none. @throws UsageError */
export function parseFraming(text: string): Framing | undefined {
  if (text === 'none') return undefined;
  const json: Record<string, unknown> = {};
  for (const part of text.split(',').map((word) => word.trim())) {
    const [name = '', value] = part.split('=', 2);
    if (/^[0-9]+$/.test(part)) json['lengthBytes'] = Number(part);
    else if ((lengthEncodings as readonly string[]).includes(part)) json['lengthEncoding'] = part;
    else if (part === 'inclusive') json['lengthIncludesItself'] = true;
    else if ((name === 'tpdu' || name === 'header') && value !== undefined) json[name] = value;
    else throw new UsageError(`--framing does not know "${part}"; it takes 2 or 4, ${lengthEncodings.join(', ')}, inclusive, tpdu=<hex>, header=<hex>, or none`);
  }
  try {
    return readFraming(json, '--framing');
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message);
    throw error;
  }
}

/** Whole frames' payloads. @throws Failure where the bytes are not frames */
export function splitAll(framing: Framing, bytes: Buffer): Buffer[] {
  const splitter = new FrameSplitter(framing, framing.frameBytesAnnounceable);
  const payloads: Buffer[] = [];
  let whole = 0;
  splitter.push(bytes);
  for (;;) {
    const outcome = splitter.next();
    if (outcome === 'frame') {
      payloads.push(splitter.buffer.subarray(splitter.start, splitter.end));
      whole += framing.overheadBytes + splitter.end - splitter.start;
    } else if (outcome === 'keepAlive') whole += framing.lengthBytes;
    else if (outcome === 'refused') throw new Failure(`the bytes are no frames of this form (${splitter.refusal})`);
    else if (outcome === 'more') break;
  }
  if (splitter.heldBytes > 0) throw new Failure(`after ${payloads.length} whole frames, ${bytes.length - whole} bytes are left that are none`);
  return payloads;
}

export function framingWords({ config }: Framing): string {
  const header = config.tpdu === undefined ? (config.header === undefined ? '' : ' and a header') : ' and a TPDU';
  return `${config.lengthBytes} bytes of length (${config.lengthEncoding}${config.lengthIncludesItself ? ', counting itself' : ''})${header}`;
}
