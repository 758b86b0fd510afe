/** What `locum doctor` looks at in keys: the master key, the key file under it, and whether programs and stations find theirs. */
import { existsSync } from 'node:fs';
import type { KeyInfo, KeyUsage } from '../keys/hsm.ts';
import { listPending } from '../keys/key-components.ts';
import { KeyError } from '../keys/key-error.ts';
import { loadKeys } from '../keys/key-store.ts';
import type { MasterKey } from '../keys/master-key.ts';
import { nextPlace, openMasterKey } from '../keys/master-key-place.ts';
import type { Config } from '../program/config.ts';
import { familyWords, missingKeys, namedKeys } from '../program/key-check.ts';
import type { Outside } from './command.ts';
import { counted, sentence } from './finding.ts';
import type { Finding } from './finding.ts';

export function checkKeys(config: Config, { environment }: Outside): Finding[] {
  const { keyFile, masterKey } = config.keys;
  const masterMissing = 'file' in masterKey && !existsSync(masterKey.file);
  if (config.demo && masterMissing && !existsSync(keyFile)) return [{ check: 'keys', state: 'ok', text: 'There are none yet; the demo\'s first start makes them.' }];
  let master: MasterKey;
  try {
    master = openMasterKey(masterKey, environment, keyFile);
  } catch (error) {
    return [wrong(error, masterTodo(error, config))];
  }
  const where = 'file' in masterKey ? masterKey.file : `the variable ${masterKey.variable}`;
  const found: Finding[] = [{ check: 'keys', state: 'ok', text: `The master key is in ${where}, check value ${master.kcv}${'file' in masterKey ? ', for its owner alone' : ''}.` }];
  if (config.demo && !existsSync(keyFile)) return [...found, { check: 'keys', state: 'ok', text: `${keyFile} is not there yet; the demo's first start makes it.` }];
  try {
    const keys = loadKeys(keyFile, master).map(({ info }) => info);
    return [...found, { check: 'keys', state: 'ok', text: `${counted(keys.length, 'key')} in ${keyFile} open with it.` }, ...lackingKeys(keys, config), ...unfinished(config)];
  } catch (error) {
    return [...found, wrong(error, fileTodo(error))];
  }
}

function wrong(error: unknown, todo: string): Finding {
  if (!(error instanceof KeyError)) throw error;
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

/** Keys that the switch itself needs, and those that its programs and stations name. */
function lackingKeys(keys: readonly KeyInfo[], config: Config): Finding[] {
  const lacking: Finding[] = [];
  for (const usage of ['token', 'pan', 'pin'] as const) {
    if (keys.some((key) => key.usage === usage)) continue;
    lacking.push({ check: 'keys', state: 'wrong', text: `There is no key of usage ${usage}.`, todo: usage === 'pin' ? 'locum key init adds it.' : 'Every switch needs one. Take the key file from its backup; where there are no cards yet, locum key init adds the key.' });
  }
  for (const { place, name, usage, form } of missingKeys(namedKeys(config), keys)) {
    const key = keys.findLast((candidate) => candidate.name === name);
    const names = `${place} names the key ${name}, which is`;
    if (key === undefined) lacking.push({ check: 'keys', state: 'wrong', text: `${names} not there.`, todo: `${howToGet(name, usage)}; or correct ${place}.` });
    else if (key.usage !== usage) lacking.push({ check: 'keys', state: 'wrong', text: `${names} for ${key.usage}, not for ${usage}.`, todo: `Correct ${place}; locum key list shows the keys.` });
    else lacking.push({ check: 'keys', state: 'wrong', text: `${names} ${key.algorithm}, and ${form!.place} (${form!.value}) takes ${familyWords[form!.family]}.`, todo: `Correct ${form!.place} or ${place}; locum key list shows the keys.` });
  }
  return lacking;
}

/** Keys of two parties come from the other one most often. */
function howToGet(name: string, usage: KeyUsage): string {
  if (usage === 'kek') return `locum key component ${name} --usage kek takes it from its custodians, locum key generate ${name} --usage kek --components 2 draws it for them`;
  const shared = usage === 'zpk' || usage === 'zak' || usage === 'bdk';
  const generate = `locum key generate ${name} --usage ${usage} makes ${shared ? 'one to be exported' : 'it'}`;
  const take = `locum key import ${name} --usage ${usage} takes one that others have`;
  return shared ? `${take}, ${generate}` : `${generate}, ${take}`;
}

/** What was begun, and waits for somebody. */
function unfinished({ keys: { keyFile, masterKey } }: Config): Finding[] {
  const found: Finding[] = listPending(keyFile).map(({ name, of, components }) => ({
    check: 'keys', state: 'note', text: `The key ${name} waits for ${counted(of - components.length, 'component')} of ${of}.`,
    todo: `locum key component ${name} takes the next one; --cancel forgets them.`,
  }));
  const next = nextPlace(masterKey);
  if ('file' in next && existsSync(next.file)) {
    found.push({ check: 'keys', state: 'note', text: `A change of the master key was interrupted: ${next.file} is there.`, todo: 'Everything works meanwhile; locum key rotate-master completes it. Do not remove either file.' });
  }
  return found;
}
