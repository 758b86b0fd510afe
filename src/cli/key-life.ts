/** `locum key rotate | retire | rotate-master | log`: what happens to keys while they are in use, and what is known of their use. */
import { accessLines, accessLogOf, checkAccessLog } from '../keys/access-log.ts';
import type { AccessLine } from '../keys/access-log.ts';
import { currentKey, listKeys, retireKey, rotateKey } from '../keys/key-store.ts';
import { usageRules } from '../keys/key-usage.ts';
import { masterKeyAt, nextPlace } from '../keys/master-key-place.ts';
import { rotateMasterFile, rotateMasterKey } from '../keys/master-key-rotation.ts';
import type { MasterKeyChange } from '../keys/master-key-rotation.ts';
import { aligned, exitFailed, UsageError } from './command.ts';
import type { Command, Outside } from './command.ts';
import { configOption } from './configured.ts';
import { KeyDesk, keyWords, nameOf, overlapEndMs, overlapOption, printAdded, random } from './key-desk.ts';

export const keyRotateCommand: Command = {
  name: 'key rotate',
  summary: 'Replaces a key by a next version that nobody has seen',
  operands: '<name>',
  about: [
    'Values are made with the new version at once; checks are made with the one before as well while the overlap lasts: cards, terminals and partners that still have the old key go on working. --overlap 0 ends it at once, which is for a key that got into wrong hands.',
    'Keys for card numbers and waiting PINs take no overlap: what is sealed with an earlier version opens for ever. The key for card tokens is never replaced.',
    'A running switch takes the key within seconds.',
  ],
  options: { ...overlapOption, overlap: { type: 'string', value: '<90d | 36h | 30m | 0>', about: 'how long checks may still be made with the version that is replaced' }, ...configOption },
  examples: [{ line: 'key rotate gift-cvk --overlap 90d', about: 'Cards that were made before are good for another ninety days.', needs: 'empty folder' }],
  run(given, outside) {
    const name = nameOf(keyRotateCommand, given);
    const desk = KeyDesk.open(given, outside);
    const current = currentKey(listKeys(desk.keyFile), name);
    const sealing = current !== undefined && usageRules[current.usage].oneName;
    if (given.text('overlap') === undefined && !sealing) throw new UsageError('--overlap is missing: how long the version that is replaced may still be used for checks; 0 ends it at once');
    const checksUntilMs = overlapEndMs(given, outside.now());
    if (sealing && checksUntilMs !== undefined) throw new UsageError(`--overlap is for keys that checks are made with; what is sealed with ${name} opens for ever`);
    printAdded(desk.change({ operation: 'rotate', key: name }, (master) => rotateKey(desk.keyFile, master, { name, checksUntilMs }, random)), checksUntilMs, desk, outside);
    return Promise.resolve(0);
  },
};

export const keyRetireCommand: Command = {
  name: 'key retire',
  summary: 'Destroys a version of a key that was replaced, or a key that is not used any more',
  operands: '<name>',
  about: [
    'What is destroyed is in backups of the key file only. The name and the versions stay taken, so that nothing of another key is ever known by them.',
    'The version in use is not destroyed alone, and the switch\'s own keys (token, pan, pin) not at all: what is sealed with them would be lost.',
  ],
  options: {
    'key-version': { type: 'string', value: '<number>', about: 'the version to be destroyed' },
    all: { type: 'boolean', about: 'the key with all its versions' },
    ...configOption,
  },
  examples: [{ line: 'key retire gift-cvk --key-version 1', about: 'When the last card that was made with it is gone.', needs: 'empty folder' }],
  run(given, outside) {
    const name = nameOf(keyRetireCommand, given);
    const version = given.whole('key-version', 1, 999_999);
    if ((version === undefined) === !given.has('all')) throw new UsageError('either --key-version says which version is destroyed, or --all that the whole key is');
    const desk = KeyDesk.open(given, outside);
    const gone = desk.attempt({ operation: 'retire', key: name, version }, (master) => retireKey(desk.keyFile, master, { name, version }));
    for (const key of gone) {
      desk.log.record({ operation: 'retire', key: name, version: key.version, usage: key.usage, kcv: key.kcv });
      outside.print(`Destroyed: ${keyWords(key)}.`);
    }
    return Promise.resolve(0);
  },
};

export const keyRotateMasterCommand: Command = {
  name: 'key rotate-master',
  summary: 'Wraps every key under a new master key, while switches run',
  operands: '',
  about: [
    'Where the master key is a file, a new one is drawn and takes the old one\'s place; where that is interrupted, everything goes on to work, and the next call completes it. Where the master key is a variable, the new one is taken from a second variable, which is named like the first with _NEXT behind it unless --to-variable says otherwise.',
    'A running switch notices nothing: it has its keys in memory. Before it writes a key that a partner sent, it reads the master key again from the file; one that has it from a variable needs the _NEXT variable from its start on, or a restart.',
    'Backups of the key file from before need the old master key: make new ones, of both.',
  ],
  options: { 'to-variable': { type: 'string', value: '<name>', about: 'the variable that has the new master key' }, ...configOption },
  examples: [{ line: 'key rotate-master', about: 'The master key is a file.', needs: 'empty folder' }],
  run(given, outside) {
    const desk = KeyDesk.open(given, outside);
    const { masterKey } = desk.config.keys;
    const to = given.text('to-variable');
    const entry = { operation: 'rotate master key' };
    if ('file' in masterKey) {
      if (to !== undefined) throw new UsageError('--to-variable is for a master key in a variable, and this one is in a file');
      const { file } = masterKey;
      const change = desk.attempt(entry, () => rotateMasterFile(desk.keyFile, file, random));
      printRotated(desk, change, outside);
      outside.print(`It is in ${file}, and the old one is gone. Keep it in a second place, apart from the key file; backups from before need the old one.`);
      return Promise.resolve(0);
    }
    const place = to === undefined ? nextPlace(masterKey) : { variable: to };
    const change = desk.attempt(entry, (from) => rotateMasterKey(desk.keyFile, from, masterKeyAt(place, outside.environment), random));
    printRotated(desk, change, outside);
    if ('variable' in place) outside.print(`Give it to every switch in ${masterKey.variable} from the next start on; until then it is to be in ${place.variable}. Backups from before need the old one.`);
    return Promise.resolve(0);
  },
};

export const keyLogCommand: Command = {
  name: 'key log',
  summary: 'Prints the access log of keys, or checks that nothing is missing from it',
  operands: '',
  about: [
    'What was done with keys, by whom, and what was refused, has a line each; how often a running switch used them is summed up by operation and key, a line a minute. The log is beside the key file, with .log behind its name.',
    'Each line has the hash of the one before, so that one that was changed or removed shows. For the last lines, --verify prints a hash to be noted elsewhere; given with --noted at the next check, its line must be there.',
  ],
  options: {
    last: { type: 'string', value: '<count>', about: 'how many lines are printed; 50 by default' },
    verify: { type: 'boolean', about: 'checks the whole log instead' },
    noted: { type: 'string', value: '<hash>', about: 'with --verify: the hash that an earlier check printed' },
    json: { type: 'boolean', about: 'one JSON document instead of lines for a person' },
    ...configOption,
  },
  examples: [
    { line: 'key log', about: 'Who did what.', needs: 'empty folder' },
    { line: 'key log --verify', about: 'Whether it is whole.', needs: 'empty folder' },
  ],
  run(given, outside) {
    const { keyFile } = KeyDesk.open(given, outside);
    if (given.has('verify')) return Promise.resolve(verifyLog(keyFile, given.text('noted'), given.has('json'), outside));
    if (given.text('noted') !== undefined) throw new UsageError('--noted goes with --verify');
    const last = given.whole('last', 1, 999_999) ?? 50;
    let lines: AccessLine[] = [];
    for (const { line } of accessLines(keyFile)) {
      if (line !== undefined) lines.push(line);
      if (lines.length >= last * 2) lines = lines.slice(-last);
    }
    lines = lines.slice(-last);
    if (given.has('json')) outside.print(JSON.stringify(lines));
    else if (lines.length === 0) outside.print(`${accessLogOf(keyFile)} has no lines yet.`);
    else for (const text of aligned(lines.flatMap(rowsOf))) outside.print(text);
    return Promise.resolve(0);
  },
};

function printRotated(desk: KeyDesk, { from, to }: MasterKeyChange, outside: Outside): void {
  desk.log.record({ operation: 'rotate master key', kcv: to });
  outside.print(`Every key of ${desk.keyFile} is wrapped under the new master key, check value ${to}, in place of ${from}.`);
}

function verifyLog(keyFile: string, noted: string | undefined, json: boolean, outside: Outside): number {
  const { lines, head, faults, hasNoted } = checkAccessLog(keyFile, noted?.toLowerCase());
  const wrong = [...faults, ...(hasNoted ? [] : ['the line with the hash that was noted is not there'])];
  if (json) outside.print(JSON.stringify({ lines, head, faults: wrong }));
  else {
    for (const fault of wrong) outside.print(`Wrong: ${fault}.`);
    outside.print(`${accessLogOf(keyFile)} has ${lines} lines${wrong.length === 0 ? ', each of which follows the one before' : ''}. The last one's hash, to be noted: ${head}`);
  }
  return wrong.length === 0 ? 0 : exitFailed;
}

function rowsOf({ at, by, operation, key, version, usage, kcv, custodian, under, refused, since, uses }: AccessLine): string[][] {
  const who = `${by.user} (${by.process})`;
  if (uses !== undefined) {
    return uses.map(([use, name, ofVersion, count, refusedCount]) => [at, who, use, versioned(name, ofVersion), `${count} times${refusedCount === 0 ? '' : `, ${refusedCount} refused`}, since ${since ?? 'unknown'}`]);
  }
  const details = [
    usage === undefined ? '' : `for ${usage}`, kcv === undefined ? '' : `check value ${kcv}`, custodian === undefined ? '' : `by the custodian ${custodian}`,
    under === undefined ? '' : `under ${under}`, refused === undefined ? '' : `refused: ${refused}`,
  ];
  return [[at, who, operation, key === undefined ? '' : versioned(key, version), details.filter((detail) => detail !== '').join(', ')]];
}

function versioned(key: string, version: number | undefined): string {
  return version === undefined || version === 0 ? key : `${key}/${version}`;
}
