/**
 * A call to the store as a value: its answer, or what it failed with and what that means.
 */
import { AssertionError } from '../base/assert.ts';
import { StoreFenced, StoreUnavailable } from './store.ts';

export type Called<T> = { readonly answer: T } | { readonly error: Error };

/** What is wrong with ourselves is thrown on: it stops the process. */
export async function calling<T>(call: Promise<T>): Promise<Called<T>> {
  try {
    return { answer: await call };
  } catch (error) {
    if (error instanceof AssertionError) throw error;
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }
}

/** An error that the store's contract does not name says nothing of what has happened. */
export function troubleOf(error: Error): 'unavailable' | 'unknown' | 'fenced' {
  if (error instanceof StoreFenced) return 'fenced';
  return error instanceof StoreUnavailable ? 'unavailable' : 'unknown';
}
