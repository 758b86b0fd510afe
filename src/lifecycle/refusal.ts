/** What a lifecycle call was refused for: the services say it in words and a code, the doors as a problem document. */

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
