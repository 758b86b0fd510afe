/** What the configuration says of the files that go to and come from whoever makes plastics. */
import { join } from 'node:path';
import type { ObjectSchema } from '../base/schema.ts';
import type { CardSettings } from '../office/card-desk.ts';

/** What `readBySchema` returns for `cardSchemas`. */
export interface CardsJson {
  readonly personalisation: { readonly filesDir?: string; readonly everySeconds: number };
}

export const cardSchemas = {
  personalisation: {
    type: 'object',
    description: 'files for the bureau that makes plastics, and its confirmations (docs/personalisation.md)',
    additionalProperties: false,
    required: [],
    default: {},
    properties: {
      filesDir: { type: 'string', description: 'their folder: to-bureau and from-bureau are in it. By default personalisation in dataDir', minLength: 1 },
      everySeconds: { type: 'integer', description: 'how often orders that wait are put into a file; confirmations are looked for every two seconds', minimum: 1, maximum: 86_400, default: 60 },
    },
  },
} as const satisfies Readonly<Record<string, ObjectSchema>>;

/** @param dataDir absolute, as the folder of files is where it is given */
export function cardsOf({ personalisation: { filesDir, everySeconds } }: CardsJson, dataDir: string): CardSettings {
  return { personalisation: { folder: filesDir ?? join(dataDir, 'personalisation'), everySeconds } };
}
