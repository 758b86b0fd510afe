/** Additional amounts (DE54): account type 2, amount type 2, currency 3, in 2003 the exponent 1, sign 1, amount 12; one after the other. */
import { exponentOf } from '../message/money.ts';
import type { Dialect } from './dialect.ts';

function lengthOf({ amounts }: Dialect): number {
  return amounts.form === 'composite' ? 21 : 20;
}

/**
 * DE54 of one dialect in the form of another; without what is no amount, and without those of `except`, a type of the source's.
 * @param types amount types of the source that the target calls otherwise
 */
export function additionalAmounts(text: string, from: Dialect, to: Dialect, except = '', types: ReadonlyMap<string, string> = noTypes): string {
  const length = lengthOf(from);
  let written = '';
  for (let at = 0; at + length <= text.length; at += length) {
    const type = text.slice(at + 2, at + 4);
    const currency = text.slice(at + 4, at + 7);
    if (type === except) continue;
    const rest = text.slice(at + length - 13, at + length);
    const exponent = to.amounts.form === 'composite' ? (from.amounts.form === 'composite' ? text.charAt(at + 7) : String(exponentOf(currency))) : '';
    written += text.slice(at, at + 2) + (types.get(type) ?? type) + currency + exponent + rest;
  }
  return written;
}

const noTypes: ReadonlyMap<string, string> = new Map();
