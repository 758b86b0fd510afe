/**
 * A bare relay as a process of its own: each connection has one of its own to the other side, and whole frames go both ways as they came,
 * one write for each chunk that was read. It decodes and re-encodes nothing: what passing a message on costs at the least.
 *
 *   node bench/relay.ts <port of the other side>     prints the port that it listens on
 */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

const port = Number(process.argv[2]);

function passOn(from: Socket, to: Socket): void {
  let rest: Buffer = Buffer.alloc(0);
  from.on('data', (received: Buffer) => {
    const chunk = rest.length === 0 ? received : Buffer.concat([rest, received]);
    let at = 0;
    while (at + 2 <= chunk.length) {
      const next = at + 2 + (((chunk[at] ?? 0) << 8) | (chunk[at + 1] ?? 0));
      if (next > chunk.length) break;
      at = next;
    }
    rest = at === chunk.length ? Buffer.alloc(0) : chunk.subarray(at);
    if (at > 0) to.write(chunk.subarray(0, at));
  });
  from.on('close', () => to.destroy());
  from.on('error', () => to.destroy());
}

const server = createServer({ noDelay: true }, (near) => {
  const far = connect({ host: '127.0.0.1', port, noDelay: true });
  passOn(near, far);
  passOn(far, near);
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
