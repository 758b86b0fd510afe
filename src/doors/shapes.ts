/** Shapes that routes of several kinds have in common: ids, times, pages. Pure. */
import { Type } from 'typebox';
import type { TSchema, TString } from 'typebox';
import { timeText } from '../lifecycle/json.ts';
import { idPattern } from '../lifecycle/ids.ts';
import type { IdKind } from '../lifecycle/ids.ts';
import type { Page, PageChoice } from '../lifecycle/page.ts';
import type { Answer } from './route.ts';

export const pageLimitMax = 200;
export const pageLimitDefault = 50;
/** What a query says of the page that is wanted. */
export const pageQuery = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: pageLimitMax, default: pageLimitDefault, description: 'Items at most.' })),
  cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 512, description: '`nextCursor` of the page before.' })),
};

export function pageChoiceOf({ limit = pageLimitDefault, cursor }: { readonly limit?: number | undefined; readonly cursor?: string | undefined }): PageChoice {
  return { limit, cursor };
}

export function pageSchema(item: TSchema): TSchema {
  return Type.Object({ items: Type.Array(item), nextCursor: Type.Optional(Type.String({ description: 'For the next page; not there: this is the last.' })) });
}

export function pageAnswer<Item>({ items, nextCursor }: Page<Item>, shown: (item: Item) => unknown): Answer {
  return { status: 200, body: { items: items.map(shown), ...(nextCursor === undefined ? {} : { nextCursor }) } };
}

/** @param kind of what it names */
export function idSchema(kind: IdKind, description?: string): TString {
  return Type.String({ pattern: idPattern(kind), maxLength: 24, ...(description === undefined ? {} : { description }) });
}

export function timeSchema(description: string): TString {
  return Type.String({ description: `${description} RFC 3339.`, examples: ['2027-01-31T12:00:00.000+00:00'] });
}

/** The fields that are there: an answer has none that is undefined. */
export function present(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** @param atMs Unix ms; undefined: there was no such moment */
export function timeShown(atMs: number | undefined): string | undefined {
  return atMs === undefined ? undefined : timeText(atMs);
}
