/**
 * COPY … FROM STDIN over a `pg` connection: what `client.query` calls back as the server answers. The rows leave in one chunk,
 * so a caller bounds them.
 */
interface CopyConnection {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

export class CopyIn {
  readonly done: Promise<void>;
  /** Where `pg` looks for what to call when its own time is up. */
  callback: (error?: Error) => void;
  readonly #text: string;
  readonly #rows: string;
  #error: Error | undefined;

  constructor(text: string, rows: string) {
    this.#text = text;
    this.#rows = rows;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.done = promise;
    this.callback = (error) => {
      if (error === undefined) resolve();
      else reject(error);
    };
  }

  submit(connection: unknown): void {
    (connection as CopyConnection).query(this.#text);
  }

  handleCopyInResponse(connection: CopyConnection): void {
    connection.sendCopyFromChunk(Buffer.from(this.#rows));
    connection.endCopyFrom();
  }

  handleCommandComplete(): void {
    // ReadyForQuery follows, and ends it.
  }

  handleError(error: Error): void {
    this.#error = error;
    this.callback(error);
  }

  handleReadyForQuery(): void {
    if (this.#error === undefined) this.callback();
  }
}
