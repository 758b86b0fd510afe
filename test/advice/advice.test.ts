import { expect, it } from 'vitest';
import { AdviceFormError, decodeAdvice, decodeMark, encodeAdvice, encodeMark, unsent, withEnd, type Advice } from '../../src/advice/advice.ts';
import { adviceOf, content } from './fixture.ts';

it('an advice is the same after it was on disk, with its end and without', () => {
  const end = { how: 'dropped', atMs: 5, by: 'anna', attempts: 3 } as const;
  const message: Advice = adviceOf('c1', 'card-9', {
    kind: 'chargeback', content: { what: 'message', messageId: 'c1', mti: '0422', from: 'a', own: { stan: '1', transmittedAt: '1122101500' }, sealedMessage: 'c2VhbGVk', receivedAtMs: 7 },
  });
  for (const advice of [adviceOf('a1'), adviceOf('a2', '', { sealedPan: '' }), message]) {
    const text = encodeAdvice(advice);
    expect(decodeAdvice(text)).toEqual({ advice, end: undefined });
    expect(decodeAdvice(withEnd(text, end))).toEqual({ advice, end });
  }
});

it('nothing that an advice has no place for is written: no track, PIN block or verification value that came along', () => {
  const secrets = { track2: ';4761730000000011=3112', pinBlock: '2AC1F00D', cvv2: '999' };
  const sent = adviceOf('a1', 'card-1', { content: { ...content, ...secrets, trace: { ...content.trace, ...secrets }, merchant: { ...content.merchant, ...secrets } } as typeof content });
  const text = encodeAdvice({ ...sent, ...secrets });
  for (const secret of Object.values(secrets)) expect(text).not.toContain(secret);
});

it('a card number that is not sealed is our own mistake, and is not written', () => {
  expect(() => encodeAdvice(adviceOf('a1', 'card-1', { sealedPan: '4761730000000011' }))).toThrow('a card number is sealed before it is written');
});

it('what a newer program wrote is not guessed at', () => {
  expect(() => decodeAdvice('2{}')).toThrow(AdviceFormError);
  expect(() => decodeMark('')).toThrow(AdviceFormError);
});

it('how far delivery has come is the same after it was on disk', () => {
  const mark = { attempts: 3, lastAttemptAtMs: 17, refusals: 2, ignored: 1, why: 'code 30, "format"', isSetAside: true };
  expect(decodeMark(encodeMark(mark))).toEqual(mark);
  expect(decodeMark(encodeMark(unsent))).toEqual(unsent);
});
