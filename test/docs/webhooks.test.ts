import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { eventTypes } from '../../src/book/events.ts';
import { signedHeaders } from '../../src/lifecycle/webhook-signature.ts';
import { pausesMs } from '../../src/lifecycle/webhook-delivery.ts';
import { Secret } from '../../src/message/secret.ts';

const page = readFileSync(new URL('../../docs/webhooks.md', import.meta.url), 'utf8');

test('the page of webhooks has each type of event, in the order of the code, and no other', () => {
  const listed = [...page.matchAll(/^\| `([a-z_]+\.[a-z_]+)` \|/gm)].map(([, type]) => type);
  expect(listed).toEqual([...eventTypes]);
});

test('a receiver that does what the page says knows what is ours', async () => {
  const code = /```js\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  const { isOurs } = await import(`data:text/javascript,${encodeURIComponent(`${code}\nexport { isOurs };`)}`) as { isOurs: (headers: object, body: string, secret: string) => boolean };
  const [former, secret] = ['former', 'secret'].map((text) => new Secret(`whsec_${Buffer.from(text.repeat(6)).toString('base64')}`));
  const headers = signedHeaders('e_1', 1_800_000_000_000, '{"id":"e_1"}', [secret!, former!]);
  for (const one of [former!, secret!]) expect(isOurs(headers, '{"id":"e_1"}', one.reveal())).toBe(true);
  expect(isOurs(headers, '{"id":"e_2"}', secret!.reveal())).toBe(false);
  expect(isOurs(headers, '{"id":"e_1"}', 'whsec_AAAA')).toBe(false);
});

test('the page says when the next attempts are', () => {
  const words = /after ([^;]*?), each a fifth more or less/.exec(page.replaceAll('\n', ' '))?.[1] ?? '';
  const units = { seconds: 1_000, minutes: 60_000, hours: 3_600_000 };
  const told = [...words.matchAll(/((?:\d+(?:, | and )?)+) (seconds|minutes|hours)/g)].flatMap(([, numbers = '', unit = 'hours']) => [...numbers.matchAll(/\d+/g)].map(([number]) => Number(number) * units[unit as keyof typeof units]));
  expect(told).toEqual([...pausesMs]);
});
