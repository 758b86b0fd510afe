/**
 * What one of stand-in's tests says.
 */
import type { Reason } from '../message/reason.ts';

export type Failure = 'unfit' | 'wrong' | 'forward';

export type Verdict =
  | { readonly outcome: 'pass' | 'skipped'; readonly parameter: string; readonly value: string }
  | {
      readonly outcome: 'fail';
      readonly parameter: string;
      readonly value: string;
      readonly reason: Reason;
      /**
       * `unfit`: not good enough for stand-in, the issuer may see it otherwise. `wrong`: whoever looks at it, or a rule declines it.
       * `forward`: a rule leaves it to the issuer.
       */
      readonly failure: Failure;
    };

export const pass = (parameter: string, value: string): Verdict => ({ outcome: 'pass', parameter, value });
export const skip = (parameter: string, value = ''): Verdict => ({ outcome: 'skipped', parameter, value });

export const fail = (reason: Reason, parameter: string, value: string, failure: Failure = 'unfit'): Verdict => ({ outcome: 'fail', reason, parameter, value, failure });
export const wrong = (reason: Reason, parameter: string, value: string): Verdict => fail(reason, parameter, value, 'wrong');
