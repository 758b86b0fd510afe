/** Where a run begins to number its own messages. */
import { stanAfter, stanAtTime, stanMax } from '../host/stans.ts';
import { partitionOf } from '../store/store.ts';

/** @param used up to which they may have been used by an earlier run; undefined: none was. Then switches begin at places of their own. */
export function firstStanOf(used: number | undefined, nowMs: number, switchName: string): number {
  return used === undefined ? stanAfter(stanAtTime(nowMs), partitionOf(switchName, stanMax)) : stanAfter(used, 1);
}
