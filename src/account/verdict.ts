/**
 * What one check says.
 */
import type { Reason } from '../message/reason.ts';

/** Passed or skipped with what was compared, or failed with a reason. */
export type Verdict =
  | { readonly outcome: 'pass' | 'skipped'; readonly value: string }
  | { readonly outcome: 'fail'; readonly reason: Reason; readonly value: string };

export const pass = (value: string): Verdict => ({ outcome: 'pass', value });
export const skip = (value: string): Verdict => ({ outcome: 'skipped', value });
export const fail = (reason: Reason, value: string): Verdict => ({ outcome: 'fail', reason, value });
export const passed = pass('');
export const skipped = skip('');
