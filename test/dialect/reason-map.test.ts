import { describe, expect, it } from 'vitest';
import { SpecError } from '../../src/base/json-node.ts';
import { actions } from '../../src/dialect/actions.ts';
import { loadReasonMap } from '../../src/dialect/reason-map.ts';
import { reasonOfLock, reasons } from '../../src/message/reason.ts';
import type { Reason } from '../../src/message/reason.ts';
import { dialects, json, versions } from './stations.ts';

const allReasons = Object.keys(reasons) as Reason[];

/**
 * How the editions' codes stand to each other: action of 2003, code of 1987, code of 1993; a dash where an edition has none. From public
 * terminal code for 1993 to 1987, and jPOS's list of result codes for 2003.
 */
const table = `
0000 00 000, 0001 08 001, 0002 10 002, 0003 11 003, 0004 16 004, 0005 00 005, 0006 10 006, 0085 85 -, 1000 05 100, 1001 54 101, 1002 59 102, 1003 60 103,
1004 62 104, 1005 66 105, 1006 75 106, 1007 01 107, 1008 02 108, 1009 03 109, 1010 13 110, 1011 14 111, 1012 55 112, 1013 23 113, 1014 39 114, 1015 40 115,
1016 51 116, 1017 55 117, 1018 56 118, 1019 57 119, 1020 58 120, 1021 61 121, 1022 63 122, 1023 65 123, 1024 93 124, 1025 - 125, 1026 - 126, 1027 - 127,
1028 - 128, 1029 - 129, 1030 - -, 1032 - -, 1033 - -, 1034 - -, 1035 - -, 1036 - -, 1037 - -, 1038 - -, 1039 - -, 1045 82 -, 1047 - -, 1048 - -, 1062 - -,
1063 - -, 1067 - -, 1074 - -, 1075 - -, 1076 - -, 1077 - -, 2000 04 200, 2001 33 201, 2002 34 202, 2003 35 203, 2004 36 204, 2005 37 205, 2006 38 206,
2007 07 207, 2008 41 208, 2009 43 209, 2010 04 210, 3000 00 300, 3001 24 301, 3002 25 302, 3003 26 303, 3004 27 304, 3005 28 305, 3006 29 306, 3007 30 307,
3008 26 308, 3009 25 309, 4000 00 400, 5000 97 500, 5001 95 501, 6000 00 600, 7000 00 700, 8000 00 800, 9000 00 900, 9001 00 901, 9100 30 904, 9102 12 902,
9103 19 903, 9105 31 905, 9106 90 906, 9107 91 907, 9108 92 908, 9109 96 909, 9110 91 910, 9111 91 911, 9112 91 912, 9113 94 913, 9114 25 914, 9115 95 915,
9116 - 916, 9117 - 917, 9118 - 918, 9119 81 919, 9120 - 920, 9121 21 921, 9122 - 922, 9123 09 923, 9126 15 -, 9350 - 950, 9999 06 -
`.trim().split(/,\s+/).map((row) => row.split(' ') as [string, string, string]);

describe('the shipped reason maps', () => {
  it('know every action of the table, and no other', () => {
    expect(table.map(([action]) => action).sort()).toEqual(Object.keys(actions).sort());
  });

  it('answer an action with the edition’s own code wherever the table has one', () => {
    for (const [action, code1987, code1993] of table) {
      expect.soft(dialects['2003'].reasons.responseCodeOfAction(action), action).toBe(action);
      if (code1987 !== '-') expect.soft(dialects['1987'].reasons.responseCodeOfAction(action), action).toBe(code1987);
      if (code1993 !== '-') expect.soft(dialects['1993'].reasons.responseCodeOfAction(action), action).toBe(code1993);
    }
  });

  describe.each(versions)('of %s', (version) => {
    const map = dialects[version].reasons;

    it.each(allReasons)('answers reason %s like the action that it stands for', (reason) => {
      expect(map.responseCode(reason)).toBe(map.responseCodeOfAction(reasons[reason].action));
    });

    it('read every code that they write, and know an approval from a decline in both directions', () => {
      for (const action of Object.keys(actions)) {
        const code = map.responseCodeOfAction(action)!;
        const back = map.action(code);
        expect.soft(back, action).toBeDefined();
        expect.soft(back?.startsWith('0') || !map.approved(code) || !/^[12]/.test(action), action).toBe(true);
        if (action.startsWith('0')) expect.soft(map.approved(code), action).toBe(true);
        if (/^[12]|^91|^9[3-9]/.test(action)) expect.soft(map.approved(code), action).toBe(false);
      }
    });

    it('read a code back as the reason that it was written for, but for those that share one', () => {
      const shared = (reason: Reason): boolean => allReasons.some((other) => other !== reason && map.responseCode(other) === map.responseCode(reason));
      for (const reason of allReasons) {
        if (reason.startsWith('18') || shared(reason)) continue;
        const back = map.reason(map.responseCode(reason));
        if (back !== undefined) expect.soft(back, reason).toBe(reason);
      }
    });

    it('do not approve a code that they do not know', () => {
      expect([map.approved('zz'), map.action('zz'), map.reason('zz')]).toEqual([false, undefined, undefined]);
    });
  });

  it('show a lock code as the action of its reason', () => {
    const of = (version: '1987' | '1993' | '2003'): string[] => [1, 2, 3, 4, 5, 6, 7, 8].map((code) => dialects[version].reasons.responseCode(reasonOfLock(code)));
    expect(of('2003')).toEqual(['2008', '2009', '1000', '1016', '1018', '1006', '1002', '1011']);
    expect(of('1993')).toEqual(['208', '209', '100', '116', '118', '106', '102', '111']);
    expect(of('1987')).toEqual(['41', '43', '05', '51', '56', '75', '59', '14']);
  });

  it('know the codes that networks of 1987 use beside the standard’s', () => {
    const map = dialects['1987'].reasons;
    expect(['N7', '68', '67', '1A', '42', '76', 'Y1', 'Z3'].map((code) => map.action(code))).toEqual(['1045', '9111', '2010', '1067', '1014', '9114', '0000', '1000']);
    expect([map.approved('Y1'), map.approved('Y3'), map.approved('Z1')]).toEqual([true, true, false]);
  });
});

describe('a reason map file', () => {
  const good = json('reasons/iso8583-1987.json') as { codes: Record<string, string>; meanings: Record<string, string> };
  const without = (key: string): unknown => ({ ...good, codes: Object.fromEntries(Object.entries(good.codes).filter(([name]) => name !== key)) });

  it.each<[string, unknown, string, string]>([
    ['a reason is left out', without('1811'), '$.codes.1811', 'this reason has no response code'],
    ['an action is left out', without('3007'), '$.codes.3007', 'this action has no response code'],
    ['a code is too long', { ...good, codes: { ...good.codes, '1811': '118' } }, '$.codes.1811', 'DE39 of 1987 is 2 digits or capital letters'],
    ['a code is no text', { ...good, codes: { ...good.codes, '1811': 56 } }, '$.codes.1811', 'must be a string'],
    ['a code means nothing', { ...good, codes: { ...good.codes, '1811': 'Q9' } }, '$.codes.1811', 'has no entry in "meanings"'],
    ['a reason is misspelt', { ...good, codes: { ...good.codes, '1899': '05' } }, '$.codes.1899', 'is neither a reason nor an action code of ISO 8583:2003'],
    ['a meaning is no action', { ...good, meanings: { ...good.meanings, '05': '1811' } }, '$.meanings.05', 'is not an action code of ISO 8583:2003'],
    ['a meaning’s code is too long', { ...good, meanings: { ...good.meanings, '005': '1000' } }, '$.meanings.005', 'DE39 of 1987 is 2 digits or capital letters'],
    ['the edition is none', { ...good, version: '1999' }, '$.version', 'must be one of 1987, 1993, 2003'],
    ['a setting is misspelt', { ...good, code: {} }, '$.code', 'there is no such setting here; known are name, version, about, codes, meanings'],
    ['it is no object', [], '$', 'must be an object'],
    ['it has no codes', { ...good, codes: undefined }, '$.codes', 'is missing; it must be an object'],
  ])('is refused where %s', (_what, content, path, why) => {
    let error: unknown;
    try {
      loadReasonMap(content, 'mine.json');
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(SpecError);
    expect(error).toMatchObject({ file: 'mine.json', path, why, message: `mine.json: ${path}: ${why}` });
  });

  it('may be a station’s own', () => {
    const own = loadReasonMap({ ...good, name: 'mine', codes: { ...good.codes, '1811': '62' } }, 'mine.json');
    expect([own.name, own.responseCode('1811'), own.responseCode('1810')]).toEqual(['mine', '62', '56']);
  });
});
