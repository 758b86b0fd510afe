/**
 * The certificate authority's private key for the running switch: in the key file, wrapped; in memory while something is signed, and no longer.
 * Each use of it is in the access log, and nothing is done that cannot be written down there.
 */
import { randomBytes } from 'node:crypto';
import type { AccessLog } from '../keys/access-log.ts';
import { authorityCertificateIn, authorityKeyName, openAuthorityKey, storeAuthorityKey } from '../keys/authority-key.ts';
import type { AuthorityKey } from '../keys/authority-key.ts';
import { KeyError } from '../keys/key-error.ts';
import type { MasterKey } from '../keys/master-key.ts';
import { underMasterKey } from '../keys/master-key-place.ts';

export interface AuthorityVaultOptions {
  readonly keyFile: string;
  /** The master key as it is now. @throws KeyError */
  readonly openMaster: () => MasterKey;
  readonly log: Pick<AccessLog, 'record' | 'refuseUnwritable'>;
}

export class AuthorityVault {
  readonly #options: AuthorityVaultOptions;

  constructor(options: AuthorityVaultOptions) {
    this.#options = options;
  }

  /** Of the authority whose key is here, DER; undefined: none is. @throws KeyError */
  certificate(): Buffer | undefined {
    return authorityCertificateIn(this.#options.keyFile);
  }

  /** Keeps a new one. @throws KeyError where there is one already */
  keep(key: AuthorityKey): void {
    this.#attempt('make authority', (master) => storeAuthorityKey(this.#options.keyFile, master, key, randomBytes));
  }

  /** Signs with it. @returns undefined where it is not here @throws KeyError */
  sign<Signed>(signing: 'sign certificate' | 'sign revocations', work: (key: AuthorityKey) => Signed): Signed | undefined {
    return this.#attempt(signing, (master) => {
      const key = openAuthorityKey(this.#options.keyFile, master);
      return key === undefined ? undefined : work(key);
    });
  }

  #attempt<Result>(operation: string, action: (master: MasterKey) => Result): Result {
    const { openMaster, log } = this.#options;
    log.refuseUnwritable();
    try {
      const result = underMasterKey(openMaster, action);
      log.record({ operation, key: authorityKeyName });
      return result;
    } catch (error) {
      if (error instanceof KeyError) log.record({ operation, key: authorityKeyName, refused: error.code });
      throw error;
    }
  }
}
