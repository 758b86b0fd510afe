/**
 * Ports of 127.0.0.1 for what a test names before it is there, or that goes and comes back. They lie below those that the system draws from
 * for port 0 and for connections (32768 and up on Linux, 49152 and up elsewhere), so that nobody who draws one has it meanwhile.
 */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

const given = new Set<number>();

/** A port that nobody has at this moment, and that nobody is given who asks for any; another one each time. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    if (given.has(port)) continue;
    const server = createServer();
    server.listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch (error) {
      // Somebody has it: another one.
      if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') continue;
      throw error;
    }
    server.close();
    await once(server, 'close');
    given.add(port);
    return port;
  }
}
