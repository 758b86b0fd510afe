/** The configuration's schema, under the name that links had for it first. */
export { ConfigError, readBySchema } from '../base/schema.ts';
export type { Schema } from '../base/schema.ts';
