import { SpecError } from './errors.ts';
import type { Spec } from './spec.ts';

/** Checks a spec file's content; throws a `SpecError` with the file's name, the JSON path and the reason. */
export function loadSpec(_json: unknown, file: string): Spec {
  throw new SpecError(file, '$', 'not loaded yet');
}
