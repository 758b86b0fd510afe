/** An issuer's side on a real port: what it does with each request is the test's script. Not our link: a bare server. */
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Codec, Message } from '../../src/iso8583/codec.ts';
import type { Draft } from '../../src/iso8583/draft.ts';

export interface Asking {
  readonly message: Message;
  /** In the order in which they came, over all connections. */
  readonly index: number;
  answer(answer: Draft): void;
  /** A frame of these bytes. */
  garble(bytes: Uint8Array): void;
  disconnect(): void;
}

export class ScriptedIssuer {
  readonly port: number;
  readonly asked: Asking[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  static async start(codec: Codec, script: (asking: Asking) => void): Promise<ScriptedIssuer> {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const issuer = new ScriptedIssuer(server);
    server.on('connection', (socket) => issuer.#serve(socket, codec, script));
    return issuer;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  disconnectAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.disconnectAll();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #serve(socket: Socket, codec: Codec, script: (asking: Asking) => void): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined);
    let held = Buffer.alloc(0) as Buffer;
    socket.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
        const end = 2 + held.readUInt16BE(0);
        const message = codec.decode(Uint8Array.from(held.subarray(2, end)));
        held = held.subarray(end);
        const garble = (bytes: Uint8Array): void => {
          const prefix = Buffer.alloc(2);
          prefix.writeUInt16BE(bytes.length);
          socket.write(Buffer.concat([prefix, bytes]));
        };
        const asking: Asking = {
          message, index: this.asked.length, garble, answer: (answer) => garble(Uint8Array.from(codec.encode(answer))), disconnect: () => socket.destroy(),
        };
        this.asked.push(asking);
        script(asking);
      }
    });
  }
}
