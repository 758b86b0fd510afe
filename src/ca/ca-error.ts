/** Why the authority does not do what it is asked. The sentence has nothing of a private key, and of a request no more than names in printable characters. */

export type CaErrorCode =
  | 'request_malformed'
  | 'request_too_long'
  | 'request_signature_wrong'
  | 'request_key_refused'
  | 'request_name_refused'
  | 'request_asks_authority'
  | 'validity_refused';

export class CaError extends Error {
  override readonly name = 'CaError';
  readonly code: CaErrorCode;

  /** @param message a sentence without its full stop */
  constructor(code: CaErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
