/**
 * `locum key init | generate | list`: the master key and the key file under it, made and filled without the demo.
 *
 * Refuses to overwrite: what is there stays. No key goes out, only its check value; but for the components that custodians carry to
 * another party, each in a file of its own.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { KeyInfo } from '../keys/hsm.ts';
import { drawComponents, listPending } from '../keys/key-components.ts';
import { addKey, algorithmOf, createKeyFile, generateKey, listKeys, loadKeys, refuseName } from '../keys/key-store.ts';
import type { NewKey } from '../keys/key-store.ts';
import { checkValueOf } from '../keys/key-usage.ts';
import { MasterKey } from '../keys/master-key.ts';
import { openMasterKey } from '../keys/master-key-place.ts';
import { makeDemoKeys } from '../program/demo-keys.ts';
import type { Config } from '../program/config.ts';
import { aligned, Failure, UsageError } from './command.ts';
import type { Command, Outside } from './command.ts';
import { configOf, configOption } from './configured.ts';
import { algorithmGiven, algorithmOption, KeyDesk, keyWords, nameOf, overlapEndMs, overlapOption, printAdded, random, usageOf, usageOption } from './key-desk.ts';

export const keyInitCommand: Command = {
  name: 'key init',
  summary: 'Makes the master key and the key file under it, where they are not there yet',
  operands: '',
  about: [
    'A master key that is configured as a file is drawn into it, for its owner alone (mode 0600); one that is configured as a variable, such as LOCUM_MASTER_KEY, is taken from there. The key file gets a key for card tokens, one for card numbers and one for PINs that wait for their chip. With the demo it gets the demo\'s published keys as well.',
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
    const { log } = new KeyDesk(config, outside);
    for (const key of made) {
      log.record({ operation: 'init', key: key.name, version: key.version, usage: key.usage, kcv: key.kcv });
      outside.print(`Added to ${keyFile}: ${keyWords(key)}.`);
    }
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
    'Of a name that is there already it makes the next version, which then is the one that is used; key rotate does the same without being told what the key is for.',
    'With --components the key is drawn as the XOR of so many components, each of which is written to a file of its own for a custodian, who carries it to the other party; no file has the key. A component is as secret as a key: the files are for their owner alone (mode 0600), and are to be removed when they were handed over.',
    'A running switch takes the key within seconds.',
  ],
  options: {
    ...usageOption, ...algorithmOption, ...overlapOption,
    components: { type: 'string', value: '<count>', about: 'draws the key as so many components, 2 to 9; with --out-dir' },
    'out-dir': { type: 'string', value: '<folder>', about: 'where the files of the components are made' },
    ...configOption,
  },
  examples: [
    { line: 'key generate gift-cvk --usage cvk', about: 'The key that a program names as its cvk.', needs: 'empty folder' },
    { line: 'key generate bureau-kek --usage kek --algorithm aes-256 --components 2 --out-dir ceremony', about: 'A key to be shared with another party, for two custodians to carry there.', needs: 'empty folder' },
  ],
  run(given, outside) {
    const name = nameOf(keyGenerateCommand, given);
    const checksUntilMs = overlapEndMs(given, outside.now());
    const key: NewKey = { name, usage: usageOf(given), algorithm: algorithmGiven(given), checksUntilMs };
    const components = given.whole('components', 1, 999_999);
    const folder = given.text('out-dir');
    if ((components === undefined) !== (folder === undefined)) throw new UsageError('--components and --out-dir go together');
    const desk = KeyDesk.open(given, outside);
    if (components === undefined || folder === undefined) {
      printAdded(desk.change({ operation: 'generate', key: name }, (master) => generateKey(desk.keyFile, master, key, random)), checksUntilMs, desk, outside);
    } else generateForCustodians(desk, key, components, resolve(outside.cwd, folder), outside);
    return Promise.resolve(0);
  },
};

export const keyListCommand: Command = {
  name: 'key list',
  summary: 'Lists the keys of the key file: name, version, usage, algorithm, check value',
  operands: '',
  about: [
    'The master key is not needed for it, and no key is shown. Of several versions the last is used; with one that has a time, checks are made until then.',
    'Keys that wait for components come after them, with the custodians who entered theirs.',
  ],
  options: { json: { type: 'boolean', about: 'one JSON document instead of lines for a person: the keys, or with --pending those that wait for components' }, pending: { type: 'boolean', about: 'only the keys that wait for components' }, ...configOption },
  examples: [
    { line: 'key list', about: 'To compare check values.', needs: 'running demo' },
    { line: 'key list --json', about: 'What a program reads.', needs: 'running demo' },
  ],
  run(given, outside) {
    const { keyFile } = KeyDesk.open(given, outside);
    const pending = listPending(keyFile);
    const keys = given.has('pending') ? [] : listKeys(keyFile);
    if (given.has('json')) outside.print(JSON.stringify(given.has('pending') ? pending : keys));
    else {
      if (!given.has('pending')) for (const line of aligned([listHead, ...keys.map(listRow)])) outside.print(line);
      for (const { name, usage, algorithm, of, components } of pending) {
        const entered = components.map(({ custodian, kcv }) => `${custodian} (check value ${kcv})`).join(', ');
        outside.print(`${name}, for ${usage} (${algorithm}), waits for ${of - components.length} of ${of} components; entered by ${entered}.`);
      }
      if (given.has('pending') && pending.length === 0) outside.print('No key waits for components.');
    }
    return Promise.resolve(0);
  },
};

const listHead = ['name', 'version', 'usage', 'algorithm', 'check value'] as const;

function listRow({ name, version, usage, algorithm, kcv, checksUntilMs }: KeyInfo): string[] {
  return [name, String(version), usage, algorithm, checksUntilMs === undefined ? kcv : `${kcv}  until ${new Date(checksUntilMs).toISOString()}`];
}

/** The master key as it is configured; drawn where it is to be in a file that is not there. */
function firstMasterKey({ keys: { keyFile, masterKey } }: Config, outside: Outside): MasterKey {
  if ('variable' in masterKey) return openMasterKey(masterKey, outside.environment, keyFile);
  const { file } = masterKey;
  if (existsSync(file)) {
    const master = openMasterKey(masterKey, outside.environment, keyFile);
    outside.print(`The master key ${file} is there already, check value ${master.kcv}, and stays as it is.`);
    return master;
  }
  if (existsSync(keyFile)) throw new Failure(`${keyFile} is there, and its master key ${file} is not; a new one would not open it: put the master key back, or take the key file away`);
  makeFolder(dirname(file));
  const master = MasterKey.createFile(file, random);
  outside.print(`Made the master key ${file}, for its owner alone, check value ${master.kcv}.`);
  return master;
}

/** What every switch needs; an earlier run that was interrupted is completed. @returns what was added */
function missingKeysMade({ demo, keys: { keyFile } }: Config, master: MasterKey): KeyInfo[] {
  makeFolder(dirname(keyFile));
  if (!existsSync(keyFile)) createKeyFile(keyFile, master);
  const there = loadKeys(keyFile, master).map(({ info }) => info);
  if (demo) makeDemoKeys(keyFile, master, random);
  for (const usage of ['token', 'pan', 'pin'] as const) {
    if (!listKeys(keyFile).some((key) => key.usage === usage)) generateKey(keyFile, master, { name: usage, usage }, random);
  }
  return listKeys(keyFile).filter(({ name }) => !there.some((key) => key.name === name));
}

/** For its owner alone, as what the switch makes. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new Failure(`the folder ${path} cannot be made (${codeOf(error)})`);
  }
}

/** The files are made first: a key of which no component was written could never be shared. */
function generateForCustodians(desk: KeyDesk, key: NewKey, count: number, folder: string, outside: Outside): void {
  const entry = { operation: 'generate components', key: key.name };
  const { clear, components, algorithm } = desk.attempt(entry, () => {
    refuseName(key.name);
    return { ...drawComponents(key, count, random), algorithm: algorithmOf(key) };
  });
  makeFolder(folder);
  const files = components.map((_, index) => join(folder, `${key.name}-${index + 1}-of-${count}.txt`));
  const written: string[] = [];
  const words: string[] = [];
  let info: KeyInfo;
  try {
    for (const [index, component] of components.entries()) {
      const file = files[index]!;
      writeComponent(file, component);
      written.push(file);
      words.push(`Component ${index + 1}, check value ${checkValueOf(algorithm, component)}: ${file}, for its owner alone.`);
    }
    info = desk.attempt(entry, (master) => addKey(desk.keyFile, master, key, Buffer.from(clear), random));
  } catch (error) {
    for (const file of written) rmSync(file, { force: true });
    throw error;
  } finally {
    for (const part of [clear, ...components]) part.fill(0);
  }
  for (const line of words) outside.print(line);
  printAdded(info, key.checksUntilMs, desk, outside);
  outside.print('Each custodian gets one of the files and no other; remove them from here when they were handed over.');
  desk.log.record({ ...entry, version: info.version, usage: info.usage, kcv: info.kcv });
}

function writeComponent(path: string, component: Buffer): void {
  let file: number;
  try {
    file = openSync(path, 'wx', 0o600);
  } catch (error) {
    throw new Failure(`${path} cannot be made, or exists already (${codeOf(error)})`);
  }
  try {
    writeFileSync(file, `${component.toString('hex').toUpperCase()}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}
