/** Work that goes on beside the calls, again and again; it has to be the same whoever else on the book does it. */
export interface BackgroundWork {
  readonly name: string;
  readonly everyMs: number;
  /** @returns whether there is more to do at once */
  run(): Promise<boolean>;
}
