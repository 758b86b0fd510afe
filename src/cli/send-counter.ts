/**
 * The transaction counters of the test cards' chips, in a file beside the key file, so that each payment has the next one as on a real
 * card. It has the cards' tokens, no numbers. Two commands at once may draw the same counter: then the switch takes one of them.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Failure } from './command.ts';

export const counterMax = 0xffff;

export function countersFile(keyFile: string): string {
  return join(dirname(keyFile), 'test-chips.json');
}

/**
 * The chip's next counter, or the one that is given, after which it goes on if it is higher.
 * @throws Failure where the counter has run out, or cannot be kept
 */
export function nextCounter(file: string, token: string, given: number | undefined): number {
  const counters = countersOf(file);
  const last = counters[token] ?? 0;
  const counter = given ?? last + 1;
  if (counter > counterMax) throw new Failure(`the card's chip has counted to its end (${counterMax}); --atc takes a counter, and another card has its own`);
  if (counter <= last) return counter;
  try {
    const written = `${file}.${process.pid}`;
    writeFileSync(written, `${JSON.stringify({ ...counters, [token]: counter })}\n`, { mode: 0o600 });
    renameSync(written, file);
  } catch (error) {
    if (given === undefined) throw new Failure(`the chip's counter cannot be kept in ${file} (${error instanceof Error ? error.message : String(error)}); --atc takes one`);
  }
  return counter;
}

function countersOf(file: string): Readonly<Record<string, number>> {
  let read: unknown;
  try {
    read = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // Not there yet, or not ours: the chips begin anew.
    return {};
  }
  if (typeof read !== 'object' || read === null) return {};
  return Object.fromEntries(Object.entries(read).filter((entry): entry is [string, number] => Number.isInteger(entry[1]) && entry[1] >= 0 && entry[1] <= counterMax));
}
