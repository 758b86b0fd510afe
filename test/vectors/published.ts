/**
 * The published vectors of a file in the folder that LOCUM_VECTORS names, by algorithm; an algorithm that the file does not
 * have, and every algorithm where the variable is not set, is an empty list.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export function published(file: string, algorithm: string): readonly unknown[] {
  const folder = process.env['LOCUM_VECTORS'];
  if (folder === undefined || folder === '') return [];
  const { algorithms } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { algorithms: Record<string, readonly unknown[]> };
  return algorithms[algorithm] ?? [];
}
