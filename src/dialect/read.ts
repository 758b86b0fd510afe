/** From a decoded message to its meaning. */
import type { Message } from '../iso8583/codec.ts';
import type { Dialect } from './dialect.ts';
import type { Meaning } from './meaning.ts';

/**
 * Never throws: content that cannot be is a `fault` on the meaning.
 * @param station the name that goes into the trace
 */
export function readMessage(_message: Message, _dialect: Dialect, _station: string): Meaning {
  throw new Error('not built yet');
}
