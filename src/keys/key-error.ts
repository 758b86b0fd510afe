/**
 * What can be wrong with keys at start or in a key command. The sentence names files, names and versions, never a key.
 */

export type KeyErrorCode =
  | 'master_key_missing'
  | 'master_key_exists'
  | 'master_key_exposed'
  | 'master_key_malformed'
  | 'master_key_wrong'
  | 'key_file_missing'
  | 'key_file_exists'
  | 'key_file_busy'
  | 'key_file_unwritable'
  | 'key_file_malformed'
  | 'key_damaged'
  | 'key_unknown'
  | 'key_mismatch'
  | 'key_wrong_usage'
  | 'key_refused'
  | 'log_unwritable';

export class KeyError extends Error {
  override readonly name = 'KeyError';
  readonly code: KeyErrorCode;

  constructor(code: KeyErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
