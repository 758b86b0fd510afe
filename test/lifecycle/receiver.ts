/** A partner's receiver of webhooks on loopback, which answers as it is told. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SignedHeaders } from '../../src/lifecycle/webhook-signature.ts';

export interface Received {
  readonly path: string;
  readonly headers: SignedHeaders & { readonly 'x-idempotency-key': string };
  readonly body: string;
  readonly event: { readonly id: string; readonly type: string; readonly date: string; readonly [name: string]: unknown };
}

export interface Receiver {
  readonly url: string;
  readonly received: Received[];
  /** The status of what comes from now on; 0: the connection is cut. */
  answer(status: number | ((received: Received) => number)): void;
  close(): Promise<void>;
}

export async function openReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  let statusOf: (one: Received) => number = () => 204;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const one: Received = { path: request.url ?? '', headers: request.headers as unknown as Received['headers'], body, event: JSON.parse(body) as Received['event'] };
      received.push(one);
      const status = statusOf(one);
      if (status === 0) request.socket.destroy();
      else response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`, received,
    answer: (status) => {
      statusOf = typeof status === 'number' ? () => status : status;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
