/**
 * The TLS handshakes of a listener that are under way, oldest first.
 *
 * Owns which sockets they are. Refuses nothing: whoever admits peers asks for the count, and may end the oldest to make room.
 * Invariant: a handshake is counted from when its peer was let in until it is over, in whatever way.
 */
import type { Socket } from 'node:net';
import type { Handshakes } from './network.ts';
import { peerOf } from './socket.ts';

export class HandshakesUnderWay implements Handshakes {
  /** By peer: the runtime hands over another object once the handshake is done, with the same peer. */
  readonly #sockets = new Map<string, Socket>();
  /** The errors that sockets were ended with, and their peers, which an ended socket does not know any more. */
  readonly #ended = new WeakMap<Error, string>();

  get count(): number {
    return this.#sockets.size;
  }

  begin(socket: Socket): void {
    const peer = peerOf(socket);
    this.#sockets.set(peer, socket);
    socket.on('error', ignoreError);
    socket.once('close', () => {
      if (this.#sockets.get(peer) === socket) this.#sockets.delete(peer);
    });
  }

  done(peer: string): void {
    this.#sockets.delete(peer);
  }

  endOldest(): boolean {
    for (const [peer, socket] of this.#sockets) {
      const error = new Error('gave way to a newcomer');
      this.#ended.set(error, peer);
      this.#sockets.delete(peer);
      socket.destroy(error);
      return true;
    }
    return false;
  }

  /** The peer of the handshake that `endOldest` ended with this error; undefined where it failed by itself. */
  endedPeer(error: Error): string | undefined {
    return this.#ended.get(error);
  }
}

function ignoreError(): void {
  // The handshake tells how it failed.
}
