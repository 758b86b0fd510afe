/** Bytes as people have them: hexadecimal or base64 on the command line, in a file or on standard input, or a file of plain bytes. */
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Failure, UsageError } from './command.ts';
import type { Outside } from './command.ts';

export type InputForm = 'hexadecimal' | 'base64' | 'plain bytes';

export interface Reading {
  readonly form: InputForm;
  readonly bytes: Buffer;
}

/**
 * Everything that the input could be, the likeliest first: a message in ASCII may look like hexadecimal, and hexadecimal like base64.
 *
 * @throws UsageError where there is none; Failure where a file is named that is not there
 */
export async function readInput(operands: readonly string[], outside: Outside): Promise<readonly Reading[]> {
  const [first] = operands;
  if (first === undefined) throw new UsageError('a message is needed: hexadecimal, base64, a file, or - for standard input');
  const content = first === '-' ? await outside.readInput() : fileContent(operands, outside.cwd);
  if (content === undefined && operands.length === 1 && namesFile(first)) throw new Failure(`there is no file ${first}`);
  if (content?.length === 0) throw new UsageError(`there is nothing in ${first === '-' ? 'standard input' : first}`);
  return readingsOf(content ?? Buffer.from(operands.join(''), 'latin1'));
}

/** A path or an ending makes a name of what may look like base64: a message of those characters alone begins with neither. */
function namesFile(operand: string): boolean {
  return /^(?:\.{0,2}\/|[A-Za-z]:\\)[\w.\\/-]+$/.test(operand) || /^[\w-]+\.[A-Za-z][A-Za-z0-9]{0,4}$/.test(operand);
}

function fileContent(operands: readonly string[], cwd: string): Buffer | undefined {
  const [name = '', ...more] = operands;
  const file = resolve(cwd, name);
  return more.length === 0 && isFile(file) ? readFileSync(file) : undefined;
}

/** A message may be longer than any name that the system takes, which it does not call a file that is not there. */
function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes(String(error.code))) return false;
    throw error;
  }
}

function readingsOf(content: Buffer): Reading[] {
  const readings: Reading[] = [];
  const dense = content.toString('latin1').replace(/0x|[\s:,]/g, '');
  if (/^(?:[0-9A-Fa-f]{2})+$/.test(dense)) readings.push({ form: 'hexadecimal', bytes: Buffer.from(dense, 'hex') });
  const decoded = Buffer.from(dense, 'base64');
  const written = dense.replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '');
  // What is written again as it was is base64.
  if (written !== '' && decoded.toString('base64').replace(/=+$/, '') === written) readings.push({ form: 'base64', bytes: decoded });
  readings.push({ form: 'plain bytes', bytes: content });
  return readings;
}
