/** What a person reads about a socket: who is at the other end, and how it failed. Owns nothing. */
import type { Socket } from 'node:net';

/** `address:port` of the other side. */
export function peerOf(socket: Socket): string {
  return `${socket.remoteAddress ?? 'unknown'}:${socket.remotePort ?? 0}`;
}

/** The system's or TLS's code of an error: short, stable, and without content. */
export function codeOf(error: unknown): string {
  if (error instanceof Error) return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  return 'unknown';
}
