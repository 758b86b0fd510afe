/**
 * The door by which other processes of this machine use the embedded book: PostgreSQL's protocol on a unix socket in the book's
 * folder, which its owner alone may enter. `psql -h <folder>` works, and so does `locum trace` beside a running switch.
 *
 *   connection    bytes until a whole exchange is there (up to Query or Sync)
 *       |         enter the gate
 *   exchange      PGlite answers; ReadyForQuery says idle, or within a transaction
 *       |         idle: leave the gate; else stay until the transaction ends
 *
 * There is one session behind the gate, so a connection that rests within a transaction is cut off after `restMs`, and what it
 * set is discarded when it goes.
 */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { simpleExchange } from './embedded-wire.ts';
import type { Gate } from './gate.ts';

type Exchange = (bytes: Uint8Array) => Promise<Uint8Array>;

const socketName = '.s.PGSQL.5432';
const addressName = 'address';
/** A unix socket's path may have 103 characters on the strictest of the systems that have them. */
const pathMax = 103;
const connectionsMax = 8;
/** A statement is not longer than this; the connection that sends more is cut off. */
const exchangeBytesMax = 16 * 1024 * 1024;
const restMs = 10_000;

/** The folder in which `pg` and `psql` find the socket of the book in `dataDir`; undefined where nothing was written. */
export function socketFolder(dataDir: string): string | undefined {
  try {
    return readFileSync(join(dataDir, addressName), 'utf8');
  } catch {
    return undefined;
  }
}

export class BookSocket {
  readonly #server: Server;
  readonly #connections: Set<Connection>;
  readonly #temporary: string | undefined;

  private constructor(server: Server, connections: Set<Connection>, temporary: string | undefined) {
    this.#server = server;
    this.#connections = connections;
    this.#temporary = temporary;
  }

  /** The caller owns the folder: a socket file that is there is a dead process's. */
  static async listen(dataDir: string, gate: Gate, exchange: Exchange): Promise<BookSocket | undefined> {
    // Windows has no unix sockets that a PostgreSQL client could use.
    if (process.platform === 'win32') return undefined;
    const fits = Buffer.byteLength(join(resolve(dataDir), socketName)) <= pathMax;
    const temporary = fits ? undefined : mkdtempSync(join(tmpdir(), 'locum-book-'));
    const folder = temporary ?? resolve(dataDir);
    const connections = new Set<Connection>();
    const server = createServer((socket) => {
      if (connections.size >= connectionsMax) {
        socket.destroy();
        return;
      }
      const connection = new Connection(socket, gate, exchange, () => connections.delete(connection));
      connections.add(connection);
    });
    const file = join(folder, socketName);
    rmSync(file, { force: true });
    await new Promise<void>((listening, failed) => {
      server.once('error', failed);
      server.listen(file, listening);
    });
    chmodSync(file, 0o600);
    writeFileSync(join(dataDir, addressName), folder);
    return new BookSocket(server, connections, temporary);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((done) => {
      this.#server.close(() => done());
    });
    await Promise.all(Array.from(this.#connections, (connection) => connection.close()));
    await closed;
    if (this.#temporary !== undefined) rmSync(this.#temporary, { recursive: true, force: true });
  }
}

const encryptionRequests = new Set([80_877_103, 80_877_104]);
const cancelRequest = 80_877_102;

class Connection {
  readonly #socket: Socket;
  readonly #gate: Gate;
  readonly #exchange: Exchange;
  readonly #onEnd: () => void;
  readonly #ended: Promise<void>;
  #buffer: Buffer = Buffer.alloc(0);
  /** Whole messages of an exchange that is not whole yet end here. */
  #parsed = 0;
  #started = false;
  #running = false;
  #gone = false;
  #leave: (() => void) | undefined;

  constructor(socket: Socket, gate: Gate, exchange: Exchange, onEnd: () => void) {
    this.#socket = socket;
    this.#gate = gate;
    this.#exchange = exchange;
    this.#onEnd = onEnd;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ended = promise;
    socket.on('data', (chunk: Buffer) => {
      this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
      if (this.#buffer.length > exchangeBytesMax) socket.destroy();
      else void this.#advance();
    });
    socket.on('timeout', () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#gone = true;
      if (!this.#running) void this.#end(resolve);
      else this.#resolveEnd = resolve;
    });
  }

  #resolveEnd: (() => void) | undefined;

  async close(): Promise<void> {
    this.#socket.destroy();
    await this.#ended;
  }

  /** Takes whole exchanges off the buffer, one after the other. */
  async #advance(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      for (let bytes = this.#take(); bytes !== undefined && !this.#gone; bytes = this.#take()) await this.#run(bytes);
    } catch {
      this.#socket.destroy();
    }
    this.#running = false;
    if (this.#resolveEnd !== undefined) await this.#end(this.#resolveEnd);
  }

  async #run(bytes: Buffer): Promise<void> {
    this.#socket.setTimeout(0);
    this.#leave ??= await this.#gate.enter();
    const answer = await this.#exchange(bytes);
    if (!this.#gone) this.#socket.write(answer);
    if (restsIdle(answer)) {
      this.#leave();
      this.#leave = undefined;
    } else {
      this.#socket.setTimeout(restMs);
    }
  }

  #take(): Buffer | undefined {
    while (!this.#started) {
      if (this.#buffer.length < 8) return undefined;
      const length = this.#buffer.readInt32BE(0);
      const code = this.#buffer.readInt32BE(4);
      if (code === cancelRequest || length < 8) {
        this.#socket.destroy();
        return undefined;
      }
      if (this.#buffer.length < length) return undefined;
      const packet = this.#cut(length);
      if (encryptionRequests.has(code)) {
        this.#socket.write('N');
      } else {
        this.#started = true;
        return packet;
      }
    }
    return this.#takeExchange();
  }

  #takeExchange(): Buffer | undefined {
    while (this.#buffer.length >= this.#parsed + 5) {
      const type = String.fromCharCode(this.#buffer[this.#parsed] ?? 0);
      const end = this.#parsed + 1 + this.#buffer.readInt32BE(this.#parsed + 1);
      if (type === 'X' || end < this.#parsed + 5) {
        this.#socket.end();
        return undefined;
      }
      if (this.#buffer.length < end) return undefined;
      this.#parsed = end;
      if (type === 'Q' || type === 'S' || type === 'F') return this.#cut(end);
    }
    return undefined;
  }

  #cut(length: number): Buffer {
    const taken = this.#buffer.subarray(0, length);
    this.#buffer = this.#buffer.subarray(length);
    this.#parsed = 0;
    return taken;
  }

  /** Leaves the session as it was found: no transaction, no settings, no statements of this connection. */
  async #end(ended: () => void): Promise<void> {
    this.#resolveEnd = undefined;
    const leave = this.#leave ?? (await this.#gate.enter());
    try {
      await this.#exchange(simpleExchange('rollback'));
      await this.#exchange(simpleExchange('discard all'));
    } catch {
      // A book that has crashed has no session left to tidy.
    }
    leave();
    this.#leave = undefined;
    this.#onEnd();
    ended();
  }
}

/** An answer ends with ReadyForQuery: `Z`, four bytes of length, and `I` where no transaction is open. */
function restsIdle(answer: Uint8Array): boolean {
  const at = answer.length - 6;
  return at >= 0 && answer[at] === 0x5a && answer[at + 4] === 5 && answer[at + 5] === 0x49;
}
