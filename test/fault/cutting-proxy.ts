/** A TCP proxy in front of a real server whose connections a test can cut at the worst moment. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface CuttingProxy {
  readonly port: number;
  /** From now on requests reach the server and its answers reach nobody; the first answer cuts its connection. */
  cutAtNextAnswer(): void;
  /** From now on connections are taken and nothing passes in either direction. */
  holdEverything(): void;
  /** From now on no connection stays. */
  cutEverything(): void;
  letPass(): void;
  close(): Promise<void>;
}

export async function startCuttingProxy(targetPort: number): Promise<CuttingProxy> {
  let mode: 'pass' | 'cut' | 'hold' | 'away' = 'pass';
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const target = connect(targetPort, '127.0.0.1');
    for (const socket of [client, target]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        target.destroy();
      });
    }
    if (mode === 'away') client.destroy();
    client.on('data', (chunk) => {
      if (mode !== 'hold') target.write(chunk);
    });
    target.on('data', (chunk) => {
      if (mode === 'pass') client.write(chunk);
      else if (mode === 'cut') client.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return {
    port: address.port,
    cutAtNextAnswer() {
      mode = 'cut';
    },
    holdEverything() {
      mode = 'hold';
    },
    cutEverything() {
      mode = 'away';
      for (const socket of sockets) socket.destroy();
    },
    letPass() {
      mode = 'pass';
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
