import { assert } from '../base/assert.ts';
import type { Codec } from './codec.ts';
import type { Spec } from './spec.ts';

/** Combines a spec's axes (encoding, prefix, padding) into a codec, once, at start. */
export function compile(spec: Spec): Codec {
  assert(spec.fields.size < 0, 'the codec is not compiled yet');
  return undefined as never;
}
