/** An answer that nothing of ours explains, as it is reported: with the request that it comes nearest to. */
import type { NearestRequest } from '../host/host.ts';

/** A clause for people. */
export function nearestWords(nearest: NearestRequest | undefined): string {
  if (nearest === undefined) return 'nothing near waits';
  const { sent: { mti, reference: { stan } }, differing } = nearest;
  return `it differs from the nearest that waits (${mti}, STAN ${stan}) in ${differing.join(', ')}`;
}
