/**
 * What a link tells about itself: everything that can be counted, by a name, never with content. The composition
 * turns these into metrics and log lines; the link knows neither.
 */
import type { FrameRefusal } from './framing.ts';

/** Why a connection is not read for now. */
export type ThrottleReason =
  /** As many requests are in flight on this connection as its limit allows. */
  | 'connectionInFlight'
  /** As many requests are in flight on the station as its limit allows. */
  | 'stationInFlight'
  /** The peer doesn't read its answers. */
  | 'outgoing';

export type CloseReason =
  /** The peer closed in good order. */
  | 'peer'
  /** The socket failed; the detail is the system's code, such as ECONNRESET. */
  | 'error'
  /** A frame was refused. */
  | 'frameRefused'
  /** The peer did not read what was written to it for `stallMs`. */
  | 'stalled'
  /** Nothing came for `closeAfterMs`. */
  | 'idle'
  /** A frame had begun, and was not whole after `frameTimeoutMs`. */
  | 'frameTimeout'
  /** No whole frame came within `firstFrameTimeoutMs`. */
  | 'firstFrameTimeout'
  /** The station was full, no whole frame had come on this connection, and a newcomer has its place. */
  | 'displaced'
  /** The endpoint was stopped. */
  | 'stopped'
  /** The stop's deadline passed with requests unanswered or bytes unsent. */
  | 'stopDeadline'
  /** Whoever uses the link closed it. */
  | 'local';

/** Why a connection never came to be. */
export type ConnectFailure =
  /** The system refused: the detail is its code, such as ECONNREFUSED. */
  | 'unreachable'
  /** Not connected (or no TLS handshake) within `connectTimeoutMs`. */
  | 'timeout'
  /** The TLS handshake failed or a certificate was not accepted: the detail is the code. */
  | 'tls'
  /** The peer's certificate is sound, but not one of the names that the station expects. */
  | 'peerName'
  /** More connections than the station's `connectionsMax`. */
  | 'connectionsMax'
  /** Its TLS handshake was under way when the station was full, and a newcomer has its place. */
  | 'displaced';

/** All methods are called synchronously and must not throw. `station` is the station's name in the configuration. */
export interface LinkEvents {
  listening(station: string, host: string, port: number): void;
  connected(station: string, connectionId: number, peer: string): void;
  disconnected(station: string, connectionId: number, reason: CloseReason, detail: string | undefined): void;
  /** A peer that called us was turned away, before any frame. */
  connectionRefused(station: string, peer: string, reason: ConnectFailure, detail: string | undefined): void;
  /** We could not connect; the next attempt follows in `retryInMs`. */
  connectFailed(station: string, reason: ConnectFailure, detail: string | undefined, retryInMs: number): void;
  /** Frames were taken: once per chunk and turn, not per frame. */
  received(station: string, frames: number, bytes: number): void;
  /** One joined write left: once per write, not per frame. */
  sent(station: string, frames: number, bytes: number): void;
  keepAliveReceived(station: string, connectionId: number): void;
  frameRefused(station: string, connectionId: number, reason: FrameRefusal, announcedBytes: number): void;
  /** Not read any more; again with another reason when that takes the first one's place. */
  throttled(station: string, connectionId: number, reason: ThrottleReason): void;
  /** Throttled no longer: it is read again, or it ends. Once after any `throttled`. */
  resumed(station: string, connectionId: number, throttledMs: number): void;
  /** An answer came for a request that waited for it. */
  answerMatched(station: string, elapsedMs: number): void;
  /** A request's deadline passed without an answer. */
  requestExpired(station: string): void;
  /** An answer came after its request's deadline. */
  answerLate(station: string, lateMs: number): void;
  /** An answer came again. */
  answerDuplicate(station: string): void;
  /** An answer that no request of ours explains; the parts of the nearest waiting request's trace that differ, if one is near. */
  answerUnmatched(station: string, differingParts: readonly string[] | undefined): void;
}

function ignore(): void {
  // Nobody listens.
}

/** For whoever wants some of the events: spread this and replace those. */
export const silentLinkEvents: LinkEvents = {
  listening: ignore,
  connected: ignore,
  disconnected: ignore,
  connectionRefused: ignore,
  connectFailed: ignore,
  received: ignore,
  sent: ignore,
  keepAliveReceived: ignore,
  frameRefused: ignore,
  throttled: ignore,
  resumed: ignore,
  answerMatched: ignore,
  requestExpired: ignore,
  answerLate: ignore,
  answerDuplicate: ignore,
  answerUnmatched: ignore,
};
