/**
 * What key commands have in common: the key file with its master key and its access log, options, and what is read from standard input.
 *
 * Invariant: what a command does with a key is in the access log, also where it is refused; and no key is ever an argument or printed.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { AccessLog } from '../keys/access-log.ts';
import type { AccessEntry } from '../keys/access-log.ts';
import type { KeyAlgorithm, KeyInfo, KeyUsage } from '../keys/hsm.ts';
import { KeyError } from '../keys/key-error.ts';
import { isKeyAlgorithm, isKeyUsage, keyBytes, usageRules } from '../keys/key-usage.ts';
import type { MasterKey } from '../keys/master-key.ts';
import { openMasterKey, underMasterKey } from '../keys/master-key-place.ts';
import type { Config } from '../program/config.ts';
import { userName } from '../program/user-name.ts';
import { Failure, UsageError } from './command.ts';
import type { Command, Given, Options, Outside } from './command.ts';
import { configOf } from './configured.ts';

const usages = Object.keys(usageRules);

export const usageOption: Options = {
  usage: { type: 'string', value: '<usage>', about: `what the key is for: ${usages.join(', ')}` },
};

export const algorithmOption: Options = {
  algorithm: { type: 'string', value: '<algorithm>', about: `what the key is, where its usage has a choice: ${Object.keys(keyBytes).join(', ')}; tdes-2key by default` },
};

export const overlapOption: Options = {
  overlap: { type: 'string', value: '<90d | 36h | 30m>', about: 'how long checks may still be made with the version that is replaced; by default not at all' },
};

export const materialOptions: Options = {
  kcv: { type: 'string', value: '<digits>', about: 'the check value that came with it, four digits or more; another one is refused' },
  'adjust-parity': { type: 'boolean', about: 'takes a DES key that has bytes of even parity, with their parity adjusted' },
};

/** The key file of the configuration. */
export class KeyDesk {
  readonly config: Config;
  readonly keyFile: string;
  readonly log: AccessLog;
  readonly #outside: Outside;

  constructor(config: Config, outside: Outside) {
    this.config = config;
    this.keyFile = config.keys.keyFile;
    this.#outside = outside;
    this.log = new AccessLog({ keyFile: this.keyFile, user: userName(), process: 'locum key', now: outside.now });
  }

  /** @throws Failure where there is no key file */
  static open(given: Given, outside: Outside): KeyDesk {
    const desk = new KeyDesk(configOf(given, outside), outside);
    if (!existsSync(desk.keyFile)) throw new Failure(`there is no key file ${desk.keyFile}; locum key init makes it`);
    return desk;
  }

  /** Does what changes keys, and writes down what came of it. */
  change(entry: AccessEntry, action: (master: MasterKey) => KeyInfo): KeyInfo {
    const info = this.attempt(entry, action);
    this.log.record({ ...entry, version: info.version, usage: info.usage, kcv: info.kcv });
    return info;
  }

  /** Does something under the master key, where it can be written down; a refusal is written down here. */
  attempt<T>(entry: AccessEntry, action: (master: MasterKey) => T): T {
    this.log.refuseUnwritable();
    try {
      return underMasterKey(() => openMasterKey(this.config.keys.masterKey, this.#outside.environment, this.keyFile), action);
    } catch (error) {
      if (error instanceof KeyError) this.log.record({ ...entry, refused: error.code });
      throw error;
    }
  }
}

/** @throws UsageError */
export function nameOf({ name: command }: Command, given: Given): string {
  const [name, ...more] = given.operands;
  if (name === undefined) throw new UsageError('the name of the key is missing');
  if (more.length > 0) throw new UsageError(`one name follows ${command}, and nothing else: a key itself is never an argument`);
  return name;
}

/** @throws UsageError */
export function usageOf(given: Given): KeyUsage {
  const usage = given.text('usage');
  if (!isKeyUsage(usage)) throw new UsageError(`--usage is ${usage === undefined ? 'missing' : 'unknown'}; it is one of ${usages.join(', ')}`);
  return usage;
}

/** @throws UsageError */
export function algorithmGiven(given: Given): KeyAlgorithm | undefined {
  const algorithm = given.text('algorithm');
  if (algorithm !== undefined && !isKeyAlgorithm(algorithm)) throw new UsageError(`--algorithm is unknown; it is one of ${Object.keys(keyBytes).join(', ')}`);
  return algorithm;
}

const unitMs = { d: 86_400_000, h: 3_600_000, m: 60_000 } as const;

/** When the overlap that was given ends (Unix ms). @throws UsageError */
export function overlapEndMs(given: Given, nowMs: number): number | undefined {
  const text = given.text('overlap');
  if (text === undefined || text === '0') return undefined;
  const parts = /^([1-9][0-9]{0,4})([dhm])$/.exec(text);
  if (parts === null) throw new UsageError(`--overlap is a number of days, hours or minutes, such as 90d, 36h or 30m, not ${text}`);
  return nowMs + Number(parts[1]) * unitMs[parts[2] as keyof typeof unitMs];
}

/** A check value that was given. @throws UsageError */
export function kcvGiven(given: Given, option: string): string | undefined {
  const text = given.text(option);
  if (text !== undefined && !/^[0-9A-Fa-f]{4,16}$/.test(text)) throw new UsageError(`--${option} is a check value: 4 to 16 hexadecimal digits`);
  return text?.toUpperCase();
}

/** The one line that standard input has, without its blanks. What is wrong with it is said without showing it. */
export async function lineFrom(outside: Outside, what: string): Promise<string> {
  const input = await outside.readInput();
  const lines = input.toString('latin1').split(/[\r\n]+/).map((line) => line.replaceAll(/\s/g, '')).filter((line) => line !== '');
  input.fill(0);
  const [line] = lines;
  if (line === undefined || lines.length > 1) throw new Failure(`standard input must have ${what} on one line, and has ${lines.length} lines`);
  return line;
}

/** The bytes of a line of hexadecimal digits, which the caller wipes. */
export function bytesOf(line: string): Buffer {
  if (line.length % 2 !== 0 || !/^[0-9a-fA-F]+$/.test(line)) throw new Failure('the line on standard input is not in hexadecimal digits, two for each byte');
  return Buffer.from(line, 'hex');
}

export function keyWords({ name, version, usage, algorithm, kcv }: KeyInfo): string {
  return `${name}, version ${version}, for ${usage} (${algorithm}), check value ${kcv}`;
}

/** Says what was added, and what becomes of the version before. */
export function printAdded(key: KeyInfo, checksUntilMs: number | undefined, { keyFile }: KeyDesk, outside: Outside): void {
  outside.print(`Added to ${keyFile}: ${keyWords(key)}. A running switch takes it within seconds.`);
  if (key.version === 1) return;
  const before = `version ${key.version - 1}`;
  if (usageRules[key.usage].oneName) outside.print(`What was sealed with ${before} still opens.`);
  else if (checksUntilMs !== undefined) outside.print(`Checks are made with ${before} as well until ${new Date(checksUntilMs).toISOString()}.`);
  else outside.print(`What was made with ${before} fails its check from then on.`);
}

/** Draws from the operating system. */
export const random = randomBytes;
