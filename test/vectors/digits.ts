/** Random digits for property tests. */
import * as fc from 'fast-check';

export function digits(minLength: number, maxLength: number = minLength): fc.Arbitrary<string> {
  return fc.array(fc.nat(9), { minLength, maxLength }).map((all) => all.join(''));
}
