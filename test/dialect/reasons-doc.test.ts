import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { reasons } from '../../src/message/reason.ts';
import type { Reason, ReasonFact } from '../../src/message/reason.ts';
import { dialects } from './stations.ts';

const page = readFileSync(new URL('../../docs/reasons.md', import.meta.url), 'utf8');
const rows = page.split('\n').filter((line) => /^\| \d{4} \|/.test(line)).map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));

describe('docs/reasons.md', () => {
  it('lists every reason, and nothing that is none, in order', () => {
    expect(rows.map(([code]) => code)).toEqual(Object.keys(reasons).sort());
  });

  it.each(Object.entries<ReasonFact>(reasons))('says of %s what the code and the maps say', (code, { name, text, retry }) => {
    const shown = (['1987', '1993', '2003'] as const).map((version) => dialects[version].reasons.responseCode(code as Reason));
    expect(rows.find(([first]) => first === code)).toEqual([code, name, text, ...shown, retry ? 'yes' : 'no']);
  });
});
