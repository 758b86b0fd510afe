import { expect, test } from 'vitest';
import { assert, AssertionError } from '../../src/base/assert.ts';

test('an invariant that holds is silent and one that does not stops with its sentence', () => {
  assert(true, 'never said');
  expect(() => assert(false, 'a hold is never negative')).toThrow(new AssertionError('a hold is never negative'));
});
