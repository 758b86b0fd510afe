/** `locum key component | import | export`: keys that others have as well. They come in on standard input alone, and go out wrapped alone. */
import type { KeyInfo } from '../keys/hsm.ts';
import { cancelPending, enterComponent } from '../keys/key-components.ts';
import type { ComponentEntry } from '../keys/key-components.ts';
import { addKey } from '../keys/key-store.ts';
import { exportKey, importKey } from '../keys/key-transport.ts';
import { Failure, UsageError } from './command.ts';
import type { Command, Outside } from './command.ts';
import { configOption } from './configured.ts';
import { algorithmGiven, algorithmOption, bytesOf, kcvGiven, KeyDesk, lineFrom, materialOptions, nameOf, overlapEndMs, overlapOption, printAdded, random, usageOf, usageOption } from './key-desk.ts';

export const keyComponentCommand: Command = {
  name: 'key component',
  summary: 'Takes one custodian\'s component of a key, from standard input',
  operands: '<name>',
  about: [
    'Each custodian enters their own component in a call of their own, and nobody has the whole key. Standard input has the component in hexadecimal on one line; blanks count for nothing. The component\'s check value is printed, to be compared with the one on its sheet.',
    'The first component says what the key is for and how many components it has. The last one completes the key, the XOR of all, and what was entered vanishes. Two components by one custodian are refused, and two equal ones, and a key that has not the check value that was expected: then the last component is not kept.',
    'Where all components of a triple DES key have odd parity, as those of an HSM, and are even in number, the key\'s parity is adjusted; otherwise a key with bytes of even parity is refused.',
    'locum key list shows what waits for components; --cancel forgets them.',
  ],
  options: {
    custodian: { type: 'string', value: '<name>', about: 'whose component it is' },
    ...usageOption, ...algorithmOption,
    of: { type: 'string', value: '<count>', about: 'how many components the key has, 2 to 9' },
    'expect-kcv': { type: 'string', value: '<digits>', about: 'the complete key\'s check value, four digits or more; another key is refused' },
    ...materialOptions,
    kcv: { type: 'string', value: '<digits>', about: 'the component\'s own check value, four digits or more; another component is refused' },
    ...overlapOption,
    cancel: { type: 'boolean', about: 'forgets the components that were entered' },
    ...configOption,
  },
  examples: [
    { line: 'key component scheme-kek --usage kek --of 2 --custodian alice --expect-kcv 7B8358 < alice.txt', about: 'Alice has the first component …', needs: 'empty folder' },
    { line: 'key component scheme-kek --custodian bob < bob.txt', about: '… and Bob has the last one.', needs: 'empty folder' },
  ],
  async run(given, outside) {
    const name = nameOf(keyComponentCommand, given);
    const desk = KeyDesk.open(given, outside);
    if (given.has('cancel')) return cancel(desk, name, outside);
    const custodian = given.text('custodian');
    if (custodian === undefined) throw new UsageError('--custodian is missing: whose component it is');
    const entry: ComponentEntry = {
      name, custodian, usage: given.text('usage') === undefined ? undefined : usageOf(given), algorithm: algorithmGiven(given), of: given.whole('of', 1, 999_999),
      expectedKcv: kcvGiven(given, 'expect-kcv'), componentKcv: kcvGiven(given, 'kcv'), adjustParity: given.has('adjust-parity'), checksUntilMs: overlapEndMs(given, outside.now()),
    };
    const clear = bytesOf(await lineFrom(outside, 'the component'));
    const logged = { operation: 'component', key: name, custodian };
    const result = desk.attempt(logged, (master) => enterComponent(desk.keyFile, master, entry, clear, outside.now(), random));
    desk.log.record({ ...logged, kcv: result.componentKcv });
    outside.print(`Component ${result.entered} of ${result.of} of ${name}, by ${custodian}: check value ${result.componentKcv}.`);
    if (result.key === undefined) outside.print(`${result.of - result.entered} more to come, each by another custodian.`);
    else {
      const { version, usage, kcv } = result.key;
      desk.log.record({ operation: 'complete', key: name, version, usage, kcv });
      printAdded(result.key, entry.checksUntilMs, desk, outside);
    }
    return 0;
  },
};

export const keyImportCommand: Command = {
  name: 'key import',
  summary: 'Adds a key that others have as well to the key file, from standard input',
  operands: '<name>',
  about: [
    'With --under, standard input has a key block (TR-31, X9.143; versions A to D) under a key-encrypting key that both sides have; a key of another kind than --usage says is refused. With --ecb it has a triple DES key enciphered in ECB, in hexadecimal, which is taken with its check value only.',
    'Without --under it has the key itself, in hexadecimal on one line; blanks count for nothing. Whoever types it knows it, so this is for test keys. Keys that are in use come in key blocks, or as components (locum key component); for a key-encrypting key, which opens everything that is under it, --clear-kek says that this is meant.',
    'Compare the check value that is printed with the one that came with the key, or give that with --kcv. A DES key with bytes of even parity is refused without --adjust-parity: most often it was mistyped.',
    'Of a name that is there already it makes the next version, as locum key generate does.',
  ],
  options: {
    ...usageOption,
    under: { type: 'string', value: '<name>', about: 'the key-encrypting key that the key is under' },
    ecb: { type: 'boolean', about: 'the key is enciphered in ECB, and in no key block; with --under and --kcv' },
    ...materialOptions, ...algorithmOption, ...overlapOption,
    'clear-kek': { type: 'boolean', about: 'takes a key-encrypting key whole and in clear, for tests: whoever typed it can open every key under it' },
    ...configOption,
  },
  examples: [
    { line: 'key import bureau-cvk --usage cvk --kcv 08D7B4 < test-cvk.txt', about: 'A test key in hexadecimal.', needs: 'empty folder' },
    { line: 'key import scheme-zpk --usage zpk --under scheme-kek < key-block.txt', about: 'A key between two parties, in a key block.', needs: 'empty folder' },
  ],
  async run(given, outside) {
    const name = nameOf(keyImportCommand, given);
    const usage = usageOf(given);
    const under = given.text('under');
    const expectedKcv = kcvGiven(given, 'kcv');
    const checksUntilMs = overlapEndMs(given, outside.now());
    if (given.has('ecb') && (under === undefined || expectedKcv === undefined)) throw new UsageError('--ecb needs --under and --kcv: nothing else says whether the key is the right one');
    if (under !== undefined && given.text('algorithm') !== undefined) throw new UsageError('--algorithm goes with a key in clear: a wrapped one says what it is');
    if (under === undefined && usage === 'kek' && !given.has('clear-kek')) {
      throw new Failure('a key-encrypting key in clear is known to whoever typed it, and opens every key under it: enter it as components (locum key component), or say --clear-kek where it is for tests');
    }
    const desk = KeyDesk.open(given, outside);
    const line = await lineFrom(outside, under === undefined ? 'the whole key (components are entered each by its custodian: locum key component)' : 'the wrapped key');
    const adjustParity = given.has('adjust-parity');
    const key = under === undefined
      ? importClear(desk, { name, usage, algorithm: algorithmGiven(given), expectedKcv, adjustParity, checksUntilMs }, bytesOf(line))
      : desk.change({ operation: 'import', key: name, usage, under }, (master) => {
          return importKey(desk.keyFile, master, { name, usage, kek: under, form: given.has('ecb') ? 'ecb' : 'block', text: line, expectedKcv, adjustParity, checksUntilMs }, outside.now(), random);
        });
    printAdded(key, checksUntilMs, desk, outside);
    return 0;
  },
};

export const keyExportCommand: Command = {
  name: 'key export',
  summary: 'Prints a key in a key block, under a key-encrypting key',
  operands: '<name>',
  about: [
    'The block is of version B under a triple DES key and of version D under an AES key (TR-31, X9.143), and says what the key is for. There is no other way for a key to go out: never in clear, never under a weaker key, and never a key of the switch\'s own (token, pan, pin) or one that came in a block which does not allow it.',
    'That it went out is in the access log before it is printed.',
  ],
  options: {
    under: { type: 'string', value: '<name>', about: 'the key-encrypting key that both sides have' },
    'key-version': { type: 'string', value: '<number>', about: 'another version than the one in use' },
    ...configOption,
  },
  examples: [{ line: 'key export gift-cvk --under scheme-kek', about: 'For the bureau that makes the cards.', needs: 'empty folder' }],
  run(given, outside) {
    const name = nameOf(keyExportCommand, given);
    const under = given.text('under');
    if (under === undefined) throw new UsageError('--under is missing: a key is exported under a key-encrypting key only');
    const version = given.whole('key-version', 1, 999_999);
    const desk = KeyDesk.open(given, outside);
    const entry = { operation: 'export', key: name, under };
    const { info, text } = desk.attempt(entry, (master) => exportKey(desk.keyFile, master, { name, version, kek: under }, random));
    desk.log.record({ ...entry, version: info.version, usage: info.usage, kcv: info.kcv });
    outside.print(text);
    return Promise.resolve(0);
  },
};

function cancel(desk: KeyDesk, name: string, outside: Outside): number {
  const entry = { operation: 'cancel components', key: name };
  desk.attempt(entry, (master) => cancelPending(desk.keyFile, master, name));
  desk.log.record(entry);
  outside.print(`The components of ${name} are forgotten.`);
  return 0;
}

function importClear(desk: KeyDesk, key: Parameters<typeof addKey>[2], clear: Buffer): KeyInfo {
  try {
    return desk.change({ operation: 'import clear', key: key.name, usage: key.usage }, (master) => addKey(desk.keyFile, master, key, Buffer.from(clear), random));
  } finally {
    clear.fill(0);
  }
}
