/** How one station's fields are understood; loaded and checked at start (`loadDialect`), then only read. */
import type { Version } from '../message/message.ts';
import type { ReasonMap } from './reason-map.ts';

export interface Dialect {
  readonly name: string;
  readonly version: Version;
  readonly reasons: ReasonMap;
}

/**
 * @param json the content of a dialect file
 * @param reasons the map that the station names, or its version's
 * @throws DialectError with file, JSON path and reason
 */
export function loadDialect(_json: unknown, _file: string, _reasons: ReasonMap): Dialect {
  throw new Error('not built yet');
}
