/**
 * The running switch's keys: the software HSM on the configured key file, what watches that file, who exchanges keys with stations, and
 * the access log of all of it.
 */
import { randomBytes } from 'node:crypto';
import type { Log } from '../base/log.ts';
import { AccessLog, KeyUseCounter } from '../keys/access-log.ts';
import { KeyCustody } from '../keys/key-custody.ts';
import type { Refusal } from '../keys/hsm.ts';
import { KeyError } from '../keys/key-error.ts';
import { loadKeys } from '../keys/key-store.ts';
import { KeyWatch } from '../keys/key-watch.ts';
import type { MasterKey } from '../keys/master-key.ts';
import { underMasterKey } from '../keys/master-key-place.ts';
import { SoftwareHsm } from '../keys/software-hsm.ts';
import type { CarriedKey } from '../dialect/meaning.ts';
import { Secret } from '../message/secret.ts';
import type { KeyDesk } from '../switch/key-exchange.ts';
import { AuthorityVault } from './authority-vault.ts';
import { makeDemoKeys } from './demo-keys.ts';
import { userName } from './user-name.ts';

export interface KeysOptions {
  readonly keyFile: string;
  readonly demo: boolean;
  readonly switchName: string;
  /** The master key as it is now. @throws KeyError */
  readonly openMaster: () => MasterKey;
  readonly log: Log;
  /** Unix ms. */
  readonly now: () => number;
}

export interface Keys {
  readonly hsm: SoftwareHsm;
  readonly desk: KeyDesk;
  readonly authority: AuthorityVault;
  /** Calls back when keys were added, rotated or retired while the switch runs. */
  onChange(changed: () => void): void;
  /** Writes down what was used since the last time. */
  close(): void;
}

const lookMs = 1_000;
const usesMs = 60_000;

/** Opens the key file, with the demo's keys made where they are not there. @throws KeyError */
export function openKeys({ keyFile, demo, switchName, openMaster, log, now }: KeysOptions): Keys {
  if (demo) underMasterKey(openMaster, (master) => makeDemoKeys(keyFile, master, randomBytes));
  const accessLog = new AccessLog({ keyFile, user: userName(), process: switchName, now });
  const uses = new KeyUseCounter(accessLog, now);
  let changed = (): void => undefined;
  const { watch, keys: first } = KeyWatch.open({
    path: keyFile,
    load: () => underMasterKey(openMaster, (master) => loadKeys(keyFile, master)),
    changed: (keys) => {
      const refused = hsm.replaceKeys(keys);
      if (refused !== undefined) throw new KeyError('key_refused', refused.reason);
      log.event('keys loaded', { keys: keys.length });
      changed();
    },
    failed: (error) => log.failure('keys not loaded', { error: error.message, todo: 'the keys of before stay in use' }),
    every: (look) => {
      const timer = setInterval(look, lookMs).unref();
      return () => clearInterval(timer);
    },
  });
  const hsm = new SoftwareHsm(first, { random: randomBytes, now, onUse: (operation, name, version, refused) => uses.count(operation, name, version, refused) });
  const custody = new KeyCustody({
    keyFile, openMaster, random: randomBytes, now, log: accessLog,
    logFailed: (error) => log.failure('key access not written down', { error: error.message }),
  });
  const flush = (): void => {
    const failed = uses.flush();
    if (failed !== undefined) log.failure('key access not written down', { error: failed.message, todo: 'it is counted on, and written with the next lines' });
  };
  const flushing = setInterval(flush, usesMs).unref();
  return {
    hsm,
    desk: deskOf(custody, (name, version) => {
      watch.look();
      return hsm.keys().some((key) => key.name === name && key.version === version) ? undefined : notInUse;
    }),
    authority: new AuthorityVault({ keyFile, openMaster, log: accessLog }),
    onChange: (callback) => {
      changed = callback;
    },
    close: () => {
      clearInterval(flushing);
      watch.close();
      flush();
    },
  };
}

const notInUse: Refusal = { code: 'unavailable', reason: 'the key is in the key file, and the switch cannot take what is there; the keys of before stay in use' };

/** What is in the file is in use at once. @param use takes the keys of the file; why this one is not among them */
function deskOf(custody: KeyCustody, use: (name: string, version: number) => Refusal | undefined): KeyDesk {
  return {
    receive({ transportKey, name, usage, key, overlapMs }) {
      const { form, kcv } = key;
      const taken = custody.receive({ kek: transportKey, name, usage, form, text: key.text.reveal(), kcv, overlapMs });
      if ('code' in taken) return { error: taken };
      const refused = use(name, taken.version);
      return refused === undefined ? { kcv: taken.kcv, version: taken.version } : { error: refused };
    },
    prepare({ transportKey, name, usage, overlapMs }) {
      const prepared = custody.prepare({ kek: transportKey, name, usage, form: 'block' });
      if ('code' in prepared) return { error: prepared };
      const key: CarriedKey = { purpose: usage === 'zpk' ? 'pin' : 'mac', form: 'block', text: new Secret(prepared.text), kcv: prepared.info.kcv };
      return {
        key,
        accept: () => {
          const added = custody.activate(name, overlapMs);
          return 'code' in added ? added : use(name, added.version);
        },
        forget: () => custody.forget(name),
      };
    },
  };
}
