/**
 * `locum key …`: the master key and the key file under it, made and filled without the demo.
 *
 * Refuses to overwrite: what is there stays. A key comes in on standard input alone, never as an argument, which others could see in
 * the list of processes; and no key goes out, only its check value.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { KeyInfo, KeyUsage } from '../keys/hsm.ts';
import { addKey, createKeyFile, generateKey, listKeys, loadKeys } from '../keys/key-store.ts';
import { checkValueOf, isKeyUsage, keyBytes, usageRules } from '../keys/key-usage.ts';
import { MasterKey } from '../keys/master-key.ts';
import { makeDemoKeys } from '../program/demo.ts';
import type { Config } from '../program/config.ts';
import { aligned, Failure, UsageError } from './command.ts';
import type { Command, Given, Options, Outside } from './command.ts';
import { configOf, configOption } from './configured.ts';
import { openMasterKey } from './send-card.ts';

const usages = Object.keys(usageRules);
const usageOption: Options = {
  usage: { type: 'string', value: '<usage>', about: `what the key is for: ${usages.join(', ')}; cvk is for card verification values` },
};
const atNextStart = 'A running switch knows it from its next start on.';

export const keyInitCommand: Command = {
  name: 'key init',
  summary: 'Makes the master key and the key file under it, where they are not there yet',
  operands: '',
  about: [
    'A master key that is configured as a file is drawn into it, for its owner alone (mode 0600); one that is configured as a variable, such as LOCUM_MASTER_KEY, is taken from there. The key file gets a key for card tokens and one for card numbers. With the demo it gets the demo\'s published CVK as well.',
    'Whoever loses the master key loses every key under it, and with them every card: it is to be kept in a second place, apart from the key file.',
    'What is there already stays as it is.',
  ],
  options: configOption,
  examples: [{ line: 'key init', about: 'Once, before the first start without the demo.', needs: 'empty folder' }],
  run(given, outside) {
    const config = configOf(given, outside);
    const { keyFile, masterKey } = config.keys;
    const master = firstMasterKey(config, outside);
    const made = missingKeysMade(config, master);
    for (const key of made) outside.print(`Added to ${keyFile}: ${keyWords(key)}.`);
    if (made.length === 0) outside.print(`${keyFile} is there already, with its keys, and stays as it is.`);
    outside.print(`Keep the master key (${'file' in masterKey ? masterKey.file : `the variable ${masterKey.variable}`}) in a second place, apart from the key file: whoever loses it loses every key, and with them every card.`);
    return Promise.resolve(0);
  },
};

export const keyGenerateCommand: Command = {
  name: 'key generate',
  summary: 'Adds a key that nobody has seen to the key file',
  operands: '<name>',
  about: [
    'Of a name that is there already it makes the next version, which then is the one that is used: cards whose verification values were made with an earlier version fail their check.',
    'A running switch knows it from its next start on.',
  ],
  options: { ...usageOption, ...configOption },
  examples: [{ line: 'key generate gift-cvk --usage cvk', about: 'The key that a program names as its cvk.', needs: 'empty folder' }],
  run(given, outside) {
    const key = newKey(keyGenerateCommand, given);
    const { keyFile, master } = openKeys(given, outside);
    added(generateKey(keyFile, master, key, randomBytes), keyFile, outside);
    return Promise.resolve(0);
  },
};

export const keyImportCommand: Command = {
  name: 'key import',
  summary: 'Adds a key that others have as well to the key file, from standard input',
  operands: '<name>',
  about: [
    'Standard input has the key in hexadecimal on one line, or its two components on two lines, which are combined by XOR. Blanks within a line count for nothing. A cvk has double length: 32 digits.',
    'What is typed on a terminal is shown there; a file or a pipe shows nothing. Compare the check value that is printed with the one that came with the key.',
    'Of a name that is there already it makes the next version, as locum key generate does.',
  ],
  options: { ...usageOption, ...configOption },
  examples: [{ line: 'key import bureau-cvk --usage cvk < components.txt', about: 'Two components, a line for each.', needs: 'empty folder' }],
  async run(given, outside) {
    const key = newKey(keyImportCommand, given);
    const { keyFile, master } = openKeys(given, outside);
    const clear = keyFrom(await outside.readInput(), key.usage, outside);
    added(addKey(keyFile, master, key, clear, randomBytes), keyFile, outside);
    return 0;
  },
};

export const keyListCommand: Command = {
  name: 'key list',
  summary: 'Lists the keys of the key file: name, version, usage, algorithm, check value',
  operands: '',
  about: ['The master key is not needed for it, and no key is shown. Of several versions the last is used.'],
  options: { json: { type: 'boolean', about: 'one JSON document instead of lines for a person' }, ...configOption },
  examples: [
    { line: 'key list', about: 'To compare check values.', needs: 'running demo' },
    { line: 'key list --json', about: 'What a program reads.', needs: 'running demo' },
  ],
  run(given, outside) {
    const { keyFile } = configOf(given, outside).keys;
    refuseMissing(keyFile);
    const keys = listKeys(keyFile);
    if (given.has('json')) outside.print(JSON.stringify(keys));
    else for (const line of aligned([listHead, ...keys.map(({ name, version, usage, algorithm, kcv }) => [name, String(version), usage, algorithm, kcv])])) outside.print(line);
    return Promise.resolve(0);
  },
};

const listHead = ['name', 'version', 'usage', 'algorithm', 'check value'] as const;

/** The master key as it is configured; drawn where it is to be in a file that is not there. */
function firstMasterKey({ keys: { keyFile, masterKey } }: Config, outside: Outside): MasterKey {
  if ('variable' in masterKey) return openMasterKey(masterKey, outside.environment);
  const { file } = masterKey;
  if (existsSync(file)) {
    const master = MasterKey.fromFile(file);
    outside.print(`The master key ${file} is there already, check value ${master.kcv}, and stays as it is.`);
    return master;
  }
  if (existsSync(keyFile)) throw new Failure(`${keyFile} is there, and its master key ${file} is not; a new one would not open it: put the master key back, or take the key file away`);
  makeFolder(dirname(file));
  const master = MasterKey.createFile(file, randomBytes);
  outside.print(`Made the master key ${file}, for its owner alone, check value ${master.kcv}.`);
  return master;
}

/** What every switch needs; an earlier run that was interrupted is completed. @returns what was added */
function missingKeysMade({ demo, keys: { keyFile } }: Config, master: MasterKey): KeyInfo[] {
  makeFolder(dirname(keyFile));
  if (demo && makeDemoKeys(keyFile, master, randomBytes)) return [...listKeys(keyFile)];
  if (!existsSync(keyFile)) createKeyFile(keyFile, master);
  const there = new Set(loadKeys(keyFile, master).map(({ info }) => info.usage));
  const missing = (['token', 'pan'] as const).filter((usage) => !there.has(usage));
  return missing.map((usage) => generateKey(keyFile, master, { name: usage, usage }, randomBytes));
}

/** For its owner alone, as what the switch makes. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new Failure(`the folder ${path} cannot be made (${code})`);
  }
}

/** @throws UsageError */
function newKey({ name: command }: Command, given: Given): { readonly name: string; readonly usage: KeyUsage } {
  const [name, ...more] = given.operands;
  if (name === undefined) throw new UsageError('the name of the key is missing');
  if (more.length > 0) throw new UsageError(`one name follows ${command}, and nothing else: a key itself is never an argument`);
  const usage = given.text('usage');
  if (!isKeyUsage(usage)) throw new UsageError(`--usage is ${usage === undefined ? 'missing' : 'unknown'}; it is one of ${usages.join(', ')}`);
  return { name, usage };
}

function openKeys(given: Given, outside: Outside): { readonly keyFile: string; readonly master: MasterKey } {
  const { keyFile, masterKey } = configOf(given, outside).keys;
  refuseMissing(keyFile);
  return { keyFile, master: openMasterKey(masterKey, outside.environment) };
}

function refuseMissing(keyFile: string): void {
  if (!existsSync(keyFile)) throw new Failure(`there is no key file ${keyFile}; locum key init makes it`);
}

/** The key that the lines are, or combine to. What is wrong in them is said without showing them. The caller wipes it. */
function keyFrom(input: Buffer, usage: KeyUsage, outside: Outside): Buffer {
  const [algorithm] = usageRules[usage].algorithms;
  const lines = input.toString('latin1').split(/[\r\n]+/).map((line) => line.replaceAll(/\s/g, '')).filter((line) => line !== '');
  input.fill(0);
  const parts = lines.map((line, index) => partFrom(line, index, usage));
  const [key, component, ...more] = parts;
  if (key === undefined || more.length > 0) throw new Failure(`standard input must have the key on one line or its two components on two, and has ${lines.length} lines`);
  if (component === undefined) return key;
  for (const [index, part] of parts.entries()) outside.print(`Component ${index + 1}: check value ${checkValueOf(algorithm, part)}.`);
  for (let index = 0; index < key.length; index++) key[index]! ^= component[index]!;
  component.fill(0);
  return key;
}

function partFrom(line: string, index: number, usage: KeyUsage): Buffer {
  const digits = keyBytes[usageRules[usage].algorithms[0]] * 2;
  if (line.length !== digits || !/^[0-9a-fA-F]+$/.test(line)) throw new Failure(`line ${index + 1} of standard input is not ${digits} hexadecimal digits, as a ${usage} key has`);
  return Buffer.from(line, 'hex');
}

function added(key: KeyInfo, keyFile: string, outside: Outside): void {
  outside.print(`Added to ${keyFile}: ${keyWords(key)}. ${atNextStart}`);
  if (key.usage === 'cvk' && key.version > 1) outside.print(`Verification values that were made with version ${key.version - 1} fail their check from then on.`);
}

function keyWords({ name, version, usage, algorithm, kcv }: KeyInfo): string {
  return `${name}, version ${version}, for ${usage} (${algorithm}), check value ${kcv}`;
}
