/** What a call is known by for ever. */
import { callerName } from './admit.ts';
import type { Caller } from './route.ts';

/** Its key, whoever else uses the same one. */
export function requestKeyOf({ caller, idempotencyKey }: { readonly caller: Caller; readonly idempotencyKey: string }): string {
  return `${callerName(caller)}:${idempotencyKey}`;
}
