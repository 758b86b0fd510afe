/** Who a route's caller is: the door has let no other kind in. */
import { assert } from '../base/assert.ts';
import type { Caller } from './route.ts';

export function callerOfKind<Kind extends Caller['kind']>(caller: Caller, kind: Kind): Extract<Caller, { readonly kind: Kind }> {
  assert(caller.kind === kind, 'a door lets in its own callers alone');
  return caller as Extract<Caller, { readonly kind: Kind }>;
}
