/** What a row of the system tables is, and all of them as they stand at one revision. */

export const systemTableKinds = ['station', 'program', 'binRange', 'issuer', 'rate', 'parameter'] as const;

export type SystemTableKind = (typeof systemTableKinds)[number];

/** One row. What the document has to look like is its reader's business; it never holds a secret (names of keys only). */
export interface SystemTableRow {
  readonly kind: SystemTableKind;
  readonly name: string;
  readonly document: Readonly<Record<string, unknown>>;
  /** `configuration`: written by `seed` at start. `operator`: changed since, and left alone by `seed`. */
  readonly source: 'configuration' | 'operator';
}

export interface SystemTableSnapshot {
  /** Rises with every change in the book. */
  readonly revision: number;
  readonly rows: readonly SystemTableRow[];
  /** Where it was read. */
  readonly from: 'book' | 'cache';
  /** When the book gave it, Unix ms. */
  readonly readAtMs: number;
}
