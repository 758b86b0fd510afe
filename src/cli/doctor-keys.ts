/** What `locum doctor` looks at in keys: the master key, the key file under it, and whether programs find theirs. */
import { existsSync } from 'node:fs';
import type { KeyInfo } from '../keys/hsm.ts';
import { KeyError } from '../keys/key-error.ts';
import { loadKeys } from '../keys/key-store.ts';
import type { MasterKey } from '../keys/master-key.ts';
import type { Config } from '../program/config.ts';
import { Failure } from './command.ts';
import type { Outside } from './command.ts';
import { counted, sentence } from './finding.ts';
import type { Finding } from './finding.ts';
import { openMasterKey } from './send-card.ts';

export function checkKeys(config: Config, { environment }: Outside): Finding[] {
  const { keyFile, masterKey } = config.keys;
  const masterMissing = 'file' in masterKey && !existsSync(masterKey.file);
  if (config.demo && masterMissing && !existsSync(keyFile)) return [{ check: 'keys', state: 'ok', text: 'There are none yet; the demo\'s first start makes them.' }];
  let master: MasterKey;
  try {
    master = openMasterKey(masterKey, environment);
  } catch (error) {
    return [wrong(error, masterTodo(error, config))];
  }
  const where = 'file' in masterKey ? masterKey.file : `the variable ${masterKey.variable}`;
  const found: Finding[] = [{ check: 'keys', state: 'ok', text: `The master key is in ${where}, check value ${master.kcv}${'file' in masterKey ? ', for its owner alone' : ''}.` }];
  if (config.demo && !existsSync(keyFile)) return [...found, { check: 'keys', state: 'ok', text: `${keyFile} is not there yet; the demo's first start makes it.` }];
  try {
    const keys = loadKeys(keyFile, master).map(({ info }) => info);
    return [...found, { check: 'keys', state: 'ok', text: `${counted(keys.length, 'key')} in ${keyFile} open with it.` }, ...missingKeys(keys, config)];
  } catch (error) {
    return [...found, wrong(error, fileTodo(error))];
  }
}

function wrong(error: unknown, todo: string): Finding {
  if (!(error instanceof KeyError) && !(error instanceof Failure)) throw error;
  return { check: 'keys', state: 'wrong', text: sentence(error), todo };
}

function masterTodo(error: unknown, { keys }: Config): string {
  const code = error instanceof KeyError ? error.code : 'unset';
  if (code === 'master_key_exposed' && 'file' in keys.masterKey) return `chmod 600 ${keys.masterKey.file}, and make another master key if somebody else may have read this one.`;
  if (code === 'master_key_malformed') return 'A master key is 64 hexadecimal digits, or 32 bytes in base64.';
  if (!existsSync(keys.keyFile)) return `locum key init makes ${'file' in keys.masterKey ? 'it, and ' : ''}the key file${'file' in keys.masterKey ? '' : ', when the variable is set'}; or say where they are (keys.masterKey, keys.keyFile).`;
  return 'Put the master key there, or say where it is (keys.masterKey); without it no key opens.';
}

function fileTodo(error: unknown): string {
  const code = error instanceof KeyError ? error.code : '';
  if (code === 'master_key_wrong') return 'Give the master key that this key file was made with.';
  if (code === 'key_file_missing') return 'locum key init makes one. If there was one, take it from its backup, or say where it is (keys.keyFile): cards are found by its keys alone.';
  return 'Take the key file from its backup.';
}

/** Keys that the switch itself and its programs name. */
function missingKeys(keys: readonly KeyInfo[], { programs }: Config): Finding[] {
  const missing: Finding[] = [];
  for (const usage of ['token', 'pan'] as const) {
    if (keys.some((key) => key.usage === usage)) continue;
    missing.push({ check: 'keys', state: 'wrong', text: `There is no key of usage ${usage}.`, todo: 'Every switch needs one. Take the key file from its backup; where there are no cards yet, locum key init adds the key.' });
  }
  for (const { name, cvk } of programs) {
    const key = keys.find((candidate) => candidate.name === cvk);
    if (key?.usage === 'cvk') continue;
    const text = key === undefined ? `there is no key ${cvk}` : `the key ${cvk} is for ${key.usage}`;
    missing.push({ check: 'keys', state: 'wrong', text: `The program ${name} computes verification values with ${cvk}, and ${text}.`, todo: key === undefined ? `locum key generate ${cvk} --usage cvk makes it, locum key import ${cvk} --usage cvk takes one that others have; or correct the program's cvk.` : 'Correct the program\'s cvk; locum key list shows the keys.' });
  }
  return missing;
}
