import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { accessLines, AccessLog, accessLogOf, checkAccessLog, KeyUseCounter } from '../../src/keys/access-log.ts';
import type { KeyUse } from '../../src/keys/access-log.ts';
import { newKeyFile } from './key-file.ts';

function newLog(): { readonly keyFile: string; readonly log: AccessLog; readonly path: string } {
  const { path: keyFile } = newKeyFile();
  return { keyFile, log: new AccessLog({ keyFile, user: 'müller', process: 'tests', now: () => 1000 }), path: accessLogOf(keyFile) };
}

test('a line says who did what with which key, and the file is its owner\'s alone', () => {
  const { keyFile, log, path } = newLog();
  log.record({ operation: 'generate', key: 'zpk', version: 2, kcv: '08D7B4', custodian: undefined });
  expect([...accessLines(keyFile)].map(({ line }) => line)).toEqual([
    { previous: '0'.repeat(64), at: '1970-01-01T00:00:01.000Z', by: { user: 'm?ller', process: 'tests' }, operation: 'generate', key: 'zpk', version: 2, kcv: '08D7B4' },
  ]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('a log that was only appended to is whole, by whatever process', () => {
  const { keyFile, log } = newLog();
  expect(checkAccessLog(keyFile)).toEqual({ lines: 0, head: '0'.repeat(64), faults: [], hasNoted: true });
  const other = new AccessLog({ keyFile, user: 'other', process: 'tests', now: () => 2000 });
  for (let index = 0; index < 10; index++) [log, other][index % 2]!.record({ operation: `operation ${index}` });
  expect(checkAccessLog(keyFile)).toMatchObject({ lines: 10, faults: [] });
});

describe('it shows', () => {
  test.for<[what: string, change: (lines: string[]) => string[], line: number]>([
    ['a line that was removed', (lines) => lines.toSpliced(3, 1), 4],
    ['the first line removed', (lines) => lines.slice(1), 1],
    ['a line that was changed', (lines) => lines.with(3, lines[3]!.replace('operation 3', 'operation 4')), 5],
    ['two lines in another order', (lines) => lines.with(3, lines[4]!).with(4, lines[3]!), 4],
    ['a line that was put in', (lines) => lines.toSpliced(3, 0, lines[2]!), 4],
    ['a line that is none', (lines) => lines.toSpliced(3, 0, 'x'), 4],
  ])('%s', ([, change, line]) => {
    const { keyFile, log, path } = newLog();
    for (let index = 0; index < 8; index++) log.record({ operation: `operation ${index}` });
    writeFileSync(path, `${change(readFileSync(path, 'utf8').trimEnd().split('\n')).join('\n')}\n`);
    expect(checkAccessLog(keyFile).faults[0]).toMatch(new RegExp(`^line ${line} `));
  });

  test('the last lines removed, to whoever noted the hash of one', () => {
    const { keyFile, log, path } = newLog();
    for (let index = 0; index < 3; index++) log.record({ operation: `operation ${index}` });
    const before = readFileSync(path, 'utf8');
    log.record({ operation: 'to be hidden' });
    const { head } = checkAccessLog(keyFile);
    log.record({ operation: 'later' });
    expect(checkAccessLog(keyFile, head)).toMatchObject({ hasNoted: true, faults: [] });
    writeFileSync(path, before);
    expect(checkAccessLog(keyFile, head)).toMatchObject({ hasNoted: false, faults: [] });
    rmSync(path);
    expect(checkAccessLog(keyFile, head).hasNoted).toBe(false);
  });
});

test('a line that was cut off is told of, and what is written next is a line of its own that follows it', () => {
  const { keyFile, log, path } = newLog();
  log.record({ operation: 'one' });
  appendFileSync(path, '{"previous":"');
  log.record({ operation: 'three' });
  const { lines, faults } = checkAccessLog(keyFile);
  expect({ lines, faults: faults.map((fault) => fault.slice(0, 6)) }).toEqual({ lines: 3, faults: ['line 2'] });
});

test('a log longer than what is read at once is read to its end', () => {
  const { keyFile, log } = newLog();
  const uses = Array.from({ length: 5000 }, (_, index): KeyUse => ['verify cvv', `key-${index}`, 1, index, 0]);
  log.recordUses(uses, 500);
  log.record({ operation: 'last' });
  const lines = [...accessLines(keyFile)].map(({ line }) => line);
  expect(lines.flatMap((line) => line?.uses ?? [])).toEqual(uses);
  expect(lines.at(-1)?.operation).toBe('last');
  expect(checkAccessLog(keyFile).faults).toEqual([]);
});

describe('uses', () => {
  test('are counted by operation, key and version, written when flushed, and begin anew', () => {
    const { keyFile, log } = newLog();
    let nowMs = 60_000;
    const counter = new KeyUseCounter(log, () => nowMs);
    for (let index = 0; index < 5; index++) counter.count('verify cvv', 'cvk', 2, index === 0);
    counter.count('verify cvv', 'cvk', 1, false);
    counter.count('pin', 'pvk', 1, false);
    counter.count('pin', 'none', 0, true);
    nowMs = 120_000;
    expect(counter.flush()).toBeUndefined();
    expect(counter.flush()).toBeUndefined();
    counter.count('pin', 'pvk', 1, false);
    expect(counter.flush()).toBeUndefined();
    expect([...accessLines(keyFile)].map(({ line }) => [line?.since, line?.uses])).toEqual([
      ['1970-01-01T00:01:00.000Z', [['verify cvv', 'cvk', 1, 1, 0], ['verify cvv', 'cvk', 2, 5, 1], ['pin', 'pvk', 1, 1, 0], ['pin', 'none', 0, 1, 1]]],
      ['1970-01-01T00:02:00.000Z', [['pin', 'pvk', 1, 1, 0]]],
    ]);
  });

  test('that cannot be written are kept until they can', () => {
    const { keyFile, log, path } = newLog();
    const counter = new KeyUseCounter(log, () => 1);
    counter.count('pin', 'pvk', 1, false);
    mkdirSync(path);
    expect(counter.flush()?.code).toBe('log_unwritable');
    counter.count('pin', 'pvk', 1, false);
    rmSync(path, { recursive: true });
    expect(counter.flush()).toBeUndefined();
    expect([...accessLines(keyFile)].map(({ line }) => line?.uses)).toEqual([[['pin', 'pvk', 1, 2, 0]]]);
  });

  test('of ever new names take bounded memory and lose no count', () => {
    const counted: KeyUse[] = [];
    const counter = new KeyUseCounter({ recordUses: (uses) => counted.push(...uses) }, () => 1);
    for (let index = 0; index < 10_000; index++) counter.count('pin', randomBytes(4).toString('hex') + index, 0, true);
    counter.flush();
    expect(counted.length).toBeLessThanOrEqual(2001);
    expect(counted.reduce((sum, [, , , count]) => sum + count, 0)).toBe(10_000);
  });
});
