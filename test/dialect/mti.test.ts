import { describe, expect, it } from 'vitest';
import { answerMti, cardClassOfMti, isAnswer, isRepeat, isRequest, versionOfMti } from '../../src/dialect/mti.ts';

describe('message types', () => {
  it.each([
    ['0100', '0110'], ['0101', '0110'], ['0120', '0130'], ['0121', '0130'], ['0200', '0210'], ['0220', '0230'], ['0400', '0410'], ['0401', '0410'],
    ['0420', '0430'], ['0421', '0430'], ['0302', '0312'], ['0800', '0810'], ['0820', '0830'], ['1100', '1110'], ['1804', '1814'], ['1820', '1830'],
    ['2420', '2430'], ['2804', '2814'], ['1305', '1314'], ['2160', '2170'],
  ])('%s is answered with %s', (mti, answer) => {
    expect(answerMti(mti)).toBe(answer);
    expect(isRequest(mti)).toBe(true);
    expect(isAnswer(mti)).toBe(false);
    expect(isAnswer(answer)).toBe(true);
    expect(answerMti(answer)).toBeUndefined();
  });

  it.each(['0140', '0240', '1440', '2844', '0110', '0130', '2814', '0190', '01', ''])('%s is not answered', (mti) => {
    expect(answerMti(mti)).toBeUndefined();
  });

  it('says the edition by the first digit', () => {
    expect(['0100', '1100', '2100', '3100', '9100'].map(versionOfMti)).toEqual(['1987', '1993', '2003', undefined, undefined]);
  });

  it('says by the last digit that a message was sent before', () => {
    expect(['0100', '0101', '0102', '0103', '0104', '0105'].map(isRepeat)).toEqual([false, true, false, true, false, true]);
  });

  it('takes card messages of acquirers and others, and no chargeback of an issuer', () => {
    expect(['0100', '0205', '0421', '0422', '0102', '0300', '0800'].map(cardClassOfMti))
      .toEqual(['authorization', 'financial', 'reversal', undefined, undefined, undefined, undefined]);
  });
});
