/** What an acquirer that means harm can do to another one's transactions, and to what waits for an issuer. */
import { afterEach, expect, test } from 'vitest';
import { buys, code, hostPan, issuerComes, reverses, startHostSwitch, stopHosts } from './hosts.ts';

afterEach(stopHosts);

test.for(['420', '200'])('an acquirer that names a transaction by the trace that the issuer knows reaches no other acquirer’s (%s)', async (type) => {
  const at = await startHostSwitch();
  const issuer = await issuerComes(at);
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  const [{ stan } = { stan: '' }] = issuer.messages();
  const hostile = await at.call('binary');
  const other = { 32: '999999', 37: '000000000777', 41: 'EVIL0001', 42: 'EVILMERCHANT000' };
  // It guesses the time of transmission to the second.
  const named = [0, 1, 2, 3].map((back) => new Date(Date.now() - back * 1_000).toISOString().replaceAll(/[^0-9]/g, '').slice(4, 14));
  for (const [index, transmittedAt] of named.entries()) {
    const original = { 90: `0100${stan.padStart(6, '0')}${transmittedAt}${'476173'.padStart(11, '0')}${'0'.repeat(11)}` };
    if (type === '420') expect(code(await hostile.ask(reverses(hostile, 500 + index, 1, { ...other, ...original })))).toBe('0430 00');
    else await hostile.ask(buys(hostile, 500 + index, { ...other, ...original, 37: `00000000078${index}`, 4: '000000000001' }, type));
  }
  await at.delivered();
  const stands = issuer.host.exposureMinor(hostPan);
  expect(stands).toBe(type === '420' ? 1_250 : 1_254);
});

test('an acquirer that reverses what never was does not fill the file that others’ decisions need, and its own reversals are told', async () => {
  const at = await startHostSwitch({ adviceBytesMax: 1_000_000 });
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  const hostile = await at.call('binary');
  // Twelve are a tenth of the file; what is beyond that gets no answer.
  for (let stan = 1; stan <= 300; stan += 1) hostile.send(reverses(hostile, stan, stan + 1_000, { 37: undefined }));
  for (let answered = 0; answered < 12; answered += 1) expect(code(await hostile.next())).toBe('0430 00');
  hostile.send(buys(hostile, 999, { 4: '000000000100' }));
  expect(code(await hostile.next())).toBe('0110 00');
  expect(at.issuers.backlog('demo-host')).toBe(14);
  expect(code(await shop.ask(buys(shop, 2, { 2: '5413330000000027' })))).toBe('0110 00');
  // What is known is reversed all the same, and by its own station at any time.
  expect(code(await shop.ask(reverses(shop, 3, 1)))).toBe('0430 00');
  hostile.send(reverses(hostile, 1_000, 999));
  expect(code(await hostile.next())).toBe('0430 00');
});
