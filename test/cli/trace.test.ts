import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { emptyFolder, eventually, locum, startDemo } from './locum.ts';
import type { Ended, RunningLocum } from './locum.ts';

let demo: RunningLocum;
const pan = ['--pan', '4761730000001050'];

beforeAll(async () => {
  demo = await startDemo();
  const steps: readonly (readonly string[])[] = [
    ['preauth', '--amount', '80', '--stan', '4217', '--at', '1122080512', '--rrn', 'STORY0000001'],
    ['completion', '--amount', '64.20', '--stan', '4218', '--original', '4217,1122080512'],
    ['purchase', '--amount', '5.00', '--stan', '4299', '--pan', '4761730000001050', '--field', '43=4761730000001050 AND SON  COLOGNE    DE '],
    ['purchase', '--amount', '5.00', '--stan', '4298', '--pan', '4761730000001050', '--station', 'demo-2003-binary', '--field', '42=SHOP4761730000001050'],
    ['purchase', '--amount', '6.00', '--stan', '4300', '--pan', '4761730000000029'],
  ];
  for (const [kind = '', ...words] of steps) {
    const { code, err } = await locum(['send', kind, ...(words.includes('--pan') ? [] : pan), ...words], { cwd: demo.cwd, env: demo.env });
    expect({ code, err }).toEqual({ code: 0, err: '' });
  }
  // Entries come into the book in order, so the last one being there means all are.
  await eventually(() => trace(['4300']), ({ code }) => code === 0);
});

afterAll(async () => {
  await demo.stop();
  rmSync(demo.cwd, { recursive: true });
});

async function trace(words: readonly string[]): Promise<Ended> {
  return await locum(['trace', ...words], { cwd: demo.cwd, env: demo.env });
}

describe('a story is told', () => {
  test('in sentences: what came, who decided, what was checked, held and posted', async () => {
    const { code, out, err } = await trace(['STORY0000001']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^\d{4}-\d\d-\d\d [0-9:.]+ UTC: 0100, pre-authorization \(authorization request\) of 80\.00 EUR, card 476173\*{6}1050, typed in$/m);
    expect(out).toMatch(/From station demo-1987-ascii, .*STAN 4217, RRN STORY0000001, sent 1122080512/);
    expect(out).toMatch(/Decided by the account after \d+ ms: approved: Approved \(0000\), approval code [0-9A-Z]{6}\./);
    expect(out).toMatch(/^ {4}check digit: pass/m);
    expect(out).toMatch(/^ {4}balance: pass \(.+\)$/m);
    expect(out).toContain('Holds 80.00 EUR more.');
    expect(out).toMatch(/later: 0220, completion \(financial advice\) of 64\.20 EUR/);
    expect(out).toContain('Gives back 80.00 EUR of what was held.');
    expect(out).toContain('The balance falls by 64.20 EUR.');
    expect(out).toMatch(/^Hold of 80\.00 EUR, opened .*: completed /m);
    expect(out).not.toContain('4761730000001050');
  });

  test('by whichever of its names: RRN, STAN with or without zeros, approval code, id', async () => {
    const [story] = (JSON.parse((await trace(['4217', '--json'])).out) as { stories: readonly { transactions: readonly { id: string; approvalCode: string; stan: string }[] }[] }).stories;
    const [first] = story?.transactions ?? [];
    expect(story?.transactions.map(({ stan }) => stan)).toEqual(['4217', '4218']);
    for (const [name, by] of [['STORY0000001', 'rrn'], ['004217', 'stan'], [first?.approvalCode, 'approvalCode'], [first?.id, 'id'], ['4218', 'stan']] as const) {
      const found = JSON.parse((await trace([name ?? '', '--json'])).out) as { by: string; stories: readonly { transactions: readonly { id: string }[] }[] };
      expect([name, found.by, found.stories[0]?.transactions[0]?.id]).toEqual([name, by, first?.id]);
    }
  });

  test('with the card masked where an acquirer quotes it in a field of its own', async () => {
    for (const [stan, quoted, ...more] of [['4299', '476173******1050 AND SON'], ['4299', '476173******1050 AND SON', '--json'], ['4298', 'SHOP476173******1050']] as const) {
      const { code, out } = await trace([stan, '--by', 'stan', ...more]);
      expect(code).toBe(0);
      expect(out).toContain(quoted);
      expect(out).not.toContain('4761730000001050');
    }
  });

  test('of a decline with its reason, and that no money moved', async () => {
    const { out } = await trace(['4300', '--by', 'stan']);
    expect(out).toContain('declined: The available balance does not cover the amount (1016).');
    expect(out).toMatch(/balance: fail/);
    expect(out).toContain('No money moved.');
  });
});

describe('what is not found', () => {
  test('is a sentence, and exit code 1', async () => {
    const { code, out, err } = await trace(['999999', '--by', 'stan']);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^locum trace: the book \(.*\) has no transaction with the STAN 999999; /);
    expect(await trace(['999999', '--json'])).toMatchObject({ code: 1, err: '', out: '{"name":"999999","by":null,"stories":[],"fileActions":[]}\n' });
  });

  test('is told apart from a book that is not there', async () => {
    const cwd = emptyFolder();
    // Where nobody listens, whatever runs on the usual ports.
    const { code, err } = await locum(['trace', '1'], { cwd, env: { LOCUM_HTTP_PORT: '1' } });
    expect(code).toBe(1);
    expect(err).toMatch(/^locum trace: There is no book in .*\.\n$/);
    rmSync(cwd, { recursive: true });
  });

  test.for<[words: readonly string[], sentence: string]>([
    [[], 'one RRN, STAN, approval code or id is needed.'],
    [['1', '2'], 'one RRN, STAN, approval code or id is needed.'],
    [['1', '--by', 'name'], '--by is rrn, stan, approval-code, id, not name.'],
    [['1', '--most', '0'], '--most is a number from 1 to 999, not 0.'],
  ])('%j is a wrong command line', async ([words, sentence]) => {
    expect(await trace(words)).toMatchObject({ code: 2, out: '', err: `locum trace: ${sentence} locum trace --help shows how it is used.\n` });
  });
});

test('after the switch has stopped, the book is read where it lies', async () => {
  const other = await startDemo();
  // A book that is not open yet when the switch is stopped has what is in the journal at the next start.
  await eventually(() => locum(['tables', 'list'], other), ({ code }) => code === 0);
  await locum(['send', 'purchase', '--amount', '1', '--stan', '5000', ...pan], { cwd: other.cwd, env: other.env });
  await other.stop();
  const { code, out } = await locum(['trace', '5000'], { cwd: other.cwd });
  expect(code).toBe(0);
  expect(out).toContain('purchase (authorization request) of 1.00 EUR');
  rmSync(other.cwd, { recursive: true });
});
