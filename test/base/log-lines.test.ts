import { expect, test } from 'vitest';
import { readableLines } from '../../src/base/log-lines.ts';

function rewritten(line: string): string {
  let written = '';
  readableLines({ write: (text) => { written += text; } }).write(line);
  return written;
}

test('a line for a person has the time, the event and its fields', () => {
  const line = '{"level":"info","time":"2026-01-31T12:34:56.789Z","event":"station listening","station":"pos","port":8583}\n';
  expect(rewritten(line)).toBe('12:34:56 station listening  station=pos port=8583\n');
});

test('a warning and a failure are marked, lists are joined, objects stay objects', () => {
  expect(rewritten('{"level":"warn","time":"2026-01-31T00:00:01.000Z","event":"late","of":["a","b"],"by":{"ms":3}}\n'))
    .toBe('00:00:01 ! late  of=a,b by={"ms":3}\n');
  expect(rewritten('{"level":"error","time":"2026-01-31T00:00:01.000Z","event":"gone"}\n')).toBe('00:00:01 !! gone\n');
});

test('what is no JSON passes as it is', () => {
  expect(rewritten('plain\n')).toBe('plain\n');
});
