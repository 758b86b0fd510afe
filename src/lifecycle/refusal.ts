/** What a lifecycle call was refused for: the services say it in words and a code, the doors as a problem document. */
import { holdsCardNumber } from '../base/mask.ts';

/** 400: a field is wrong. 403: not for this caller. 404: there is none, or not for this caller. 409: it is there, and this cannot be done to it now. 422: understood, and against a rule. 503: what it needs does not answer. */
export type RefusalStatus = 400 | 401 | 403 | 404 | 409 | 413 | 422 | 429 | 503;

/** It was not done, or nobody can say yet (503). */
export class LifecycleRefused extends Error {
  override readonly name = 'LifecycleRefused';
  readonly status: RefusalStatus;
  /** For programs, such as `BALANCE_NOT_FOUND`: it stays the same when the sentence is put better. */
  readonly code: string;
  /** The field that is wrong, as a path in the body or the name of the parameter. */
  readonly field: string | undefined;

  /** @param detail a sentence without its full stop; no card number, PIN or key in it */
  constructor(status: RefusalStatus, code: string, detail: string, field?: string) {
    super(detail);
    this.status = status;
    this.code = code;
    this.field = field;
  }
}

/**
 * Of what is kept as the caller wrote it, since it is looked for again: an id, a name to log in by, an address. What is only read is masked instead.
 * @param fields by their names; undefined: it was not given
 * @throws LifecycleRefused 400 with the field
 */
export function refuseCardNumbers(fields: Readonly<Record<string, string | undefined>>): void {
  for (const [field, text] of Object.entries(fields)) {
    if (text !== undefined && holdsCardNumber(text)) throw new LifecycleRefused(400, 'CARD_NUMBER_REFUSED', 'there is a card number in this, which is kept nowhere in clear', field);
  }
}
