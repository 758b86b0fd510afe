/**
 * What a link offers to those above it, and asks of them: whole frames, in both directions, without ISO 8583 fields.
 *
 * Both sides of a connection may send requests at any time, so a frame is only a frame here; what it is (a request, an answer
 * to one of ours) the handler finds out, and says so by `begin()`.
 */
import type { Deadlines } from '../base/deadlines.ts';
import type { LinkEvents } from './events.ts';
import type { FrameHeader } from './framing.ts';
import type { Network } from './network.ts';
import type { TurnEnd } from './turn-end.ts';

export type SendOutcome =
  /** Collected; it leaves with everything else of this turn of the event loop, in one write. */
  | 'queued'
  /** The connection is gone. */
  | 'closed'
  /** The peer reads too slowly; what is a request may be sent elsewhere or be refused. Never said to an answer. */
  | 'full'
  /** Larger than the station's `frameBytesMax`, or than the length prefix can say. */
  | 'tooLarge';

/** One connection as its handler sees it. Methods may be called after it closed: they do nothing but keep the count. */
export interface LinkConnection {
  /** Unique within the process run of its endpoint, ascending. */
  readonly id: number;
  readonly station: string;
  /** The peer's address and port, for a person. */
  readonly peer: string;
  readonly open: boolean;
  /** Requests that were begun and are not done. */
  readonly inFlight: number;
  /** Anything the handler wants to find again by the connection, such as its session. */
  context: unknown;
  /** A request arrived that will be answered: it takes one place of the in-flight limits. Called within `onFrame`. */
  begin(): void;
  /** The request was answered, or dropped: its place is free. Exactly once per `begin()`, closed or not. */
  done(): void;
  /** Sends an answer: `header` is what `onFrame` got with the request. Bytes are copied before it returns. */
  answer(header: FrameHeader, payload: Uint8Array, start: number, end: number): SendOutcome;
  /** Sends a request of ours. Bytes are copied before it returns. */
  request(payload: Uint8Array, start: number, end: number): SendOutcome;
  /** Closes in good order: what was collected is written first. */
  close(): void;
}

export interface LinkHandlers {
  /** The connection is usable (TLS and certificates are checked); the place to sign on. */
  onOpen(connection: LinkConnection): void;
  /**
   * One frame's payload, `buffer[start, end)`. Lifetime: as `FrameSplitter` says, the bytes are never written again by the link.
   * `header` belongs to `answer`. Must not throw.
   */
  onFrame(connection: LinkConnection, buffer: Buffer, start: number, end: number, header: FrameHeader): void;
  /** Nothing came for the station's `echoAfterMs`; the place to send an echo. */
  onIdle(connection: LinkConnection): void;
  /** The connection is gone; requests still in flight on it call `done()` as they end. */
  onClose(connection: LinkConnection): void;
}

/** Everything from outside that links use. One per process; in a simulation, all of it is virtual. */
export interface LinkOutside {
  readonly network: Network;
  /** Its clock is the link's: monotonic milliseconds. */
  readonly deadlines: Deadlines;
  /** In [0, 1): the jitter of reconnection. */
  readonly random: () => number;
  /** What is collected during a turn of the event loop leaves at its end. */
  readonly turnEnd: TurnEnd;
  readonly events: LinkEvents;
}
