/** What `locum doctor` says of one thing that it looked at. */

/** `wrong` makes the exit code 1; a note is something to know. */
export interface Finding {
  readonly check: 'node' | 'configuration' | 'data folder' | 'ports' | 'keys' | 'store' | 'book' | 'formats' | 'system tables';
  readonly state: 'ok' | 'note' | 'wrong';
  /** A sentence about what was found. */
  readonly text: string;
  /** A sentence about what to do; undefined where there is nothing. */
  readonly todo?: string | undefined;
}

export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

/** An error's message as a sentence of its own. */
export function sentence(error: unknown): string {
  const text = (error instanceof Error ? error.message : String(error)).trim();
  // A path, a variable or a setting keeps its first letter.
  const start = /^[a-z]+ /.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
  return /[.?]$/.test(start) ? start : `${start}.`;
}
