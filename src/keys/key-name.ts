/** How callers name keys. */

/** One name in a key set; without a version the current one, and for checks the replaced ones that still may be used. */
export interface KeyName {
  readonly name: string;
  readonly version?: number;
}
