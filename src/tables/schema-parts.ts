/** What the system tables' schemas are made of. */
import type { ChoiceSchema, RangeSchema, TextSchema } from '../base/schema.ts';

export const rowNames = {
  pattern: '^[a-z0-9][a-z0-9-]{0,31}$',
  $comment: '1 to 32 of a-z, 0-9 and hyphen, not beginning with a hyphen',
} as const;

export function choice(description: string, names: readonly string[], byDefault?: string): ChoiceSchema {
  return { type: 'string', description, enum: names, ...(byDefault === undefined ? {} : { default: byDefault }) };
}

export function text(description: string, pattern?: string, comment?: string): TextSchema {
  return { type: 'string', description, minLength: 1, ...(pattern === undefined || comment === undefined ? {} : { pattern, $comment: comment }) };
}

export function count(description: string, minimum: number, maximum: number, byDefault?: number): RangeSchema {
  return { type: 'integer', description, minimum, maximum, ...(byDefault === undefined ? {} : { default: byDefault }) };
}

/** The name of a row. */
export function name(description: string): TextSchema {
  return text(description, rowNames.pattern, rowNames.$comment);
}

/** The name of a key in the key file. */
export function keyName(description: string): TextSchema {
  return text(description, '^[a-z0-9][a-z0-9.-]{0,63}$', 'a key\'s name: 1 to 64 of a-z, 0-9, dot and hyphen');
}
