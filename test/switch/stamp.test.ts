import { describe, expect, it } from 'vitest';
import { retrievalReference } from '../../src/switch/stamp.ts';

const receivedAtMs = Date.UTC(2026, 10, 22, 10, 15);
const trace = { stan: '4711', transmittedAt: '1122095959', localAt: '' };

describe('a retrieval reference of ours', () => {
  it('is of the hour in which the message was transmitted, not of the one in which it came, so that a repeat gets the same', () => {
    expect(retrievalReference(receivedAtMs, trace)).toBe('632609004711');
    expect(retrievalReference(receivedAtMs + 26 * 3_600_000, trace)).toBe('632609004711');
  });

  it.each([['1987', '1122095959'], ['1993', '261122095959'], ['2003', '20261122095959']])('is of the terminal’s time in %s where DE7 is absent', (_, localAt) => {
    expect(retrievalReference(receivedAtMs, { stan: '4711', transmittedAt: '', localAt })).toBe('632609004711');
  });

  it.each(['', '1122', '9922095959'])('is of the time of receipt where the message’s is “%s”', (transmittedAt) => {
    expect(retrievalReference(receivedAtMs, { ...trace, transmittedAt })).toBe('632610004711');
  });

  it('keeps its year over a New Year', () => {
    const lastHour = { ...trace, transmittedAt: '1231235959' };
    expect(retrievalReference(Date.UTC(2026, 11, 31, 23, 59, 59), lastHour)).toBe('636523004711');
    expect(retrievalReference(Date.UTC(2027, 0, 1, 0, 0, 2), lastHour)).toBe('636523004711');
    expect(retrievalReference(Date.UTC(2026, 11, 31, 23, 59, 59), { ...trace, transmittedAt: '0101000001' })).toBe('700100004711');
  });

  it('has twelve digits, of a STAN of twelve the last six', () => {
    expect(retrievalReference(receivedAtMs, { ...trace, stan: '123456789012' })).toBe('632609789012');
  });
});
