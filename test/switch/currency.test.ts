/** Amounts in another currency, and what is closed on a card, through real sockets and a whole switch. */
import { afterEach, describe, expect, it } from 'vitest';
import { decideNow } from '../../src/issuer/ledger.ts';
import { Pan } from '../../src/message/pan.ts';
import { card, demoStationNames, nowMs, purchase, startSwitch, stopAll } from './fixture.ts';
import type { RunningSwitch } from './fixture.ts';

afterEach(stopAll);

const rates = [{ from: '840', to: '978', buy: '0.91', sell: '0.935', date: '2026-11-20' }];
const codes = { ascii: ['00', '51', '05', '57'], binary: ['00', '51', '05', '57'], iso2003: ['0000', '1016', '1030', '1019'] } as const;

function dollars(name: string, minor: number): Record<number, string> {
  const digits = String(minor).padStart(12, '0');
  return name === 'iso2003' ? { 4: `8402${digits}` } : { 4: digits, 49: '840' };
}

async function accountOf({ ledger, store, hsm }: RunningSwitch): Promise<{ readonly accountId: string; readonly token: string; readonly heldMinor: () => number | undefined }> {
  const pan = Pan.parse(card);
  if (pan === undefined) throw new Error('the test card has a number');
  const token = hsm.cardToken(pan);
  const [accountId = ''] = await store.findAccounts([token]);
  return { accountId, token, heldMinor: () => ledger.lastKnown(accountId)?.account.heldMinor };
}

describe.for(demoStationNames)('on the station %s', (name) => {
  const [approved, short, notAccepted, notPermitted] = codes[name];

  it('a purchase in dollars is held in euros at the rate for selling, and given back whole', async () => {
    const running = await startSwitch({ rates });
    const { heldMinor } = await accountOf(running);
    const acquirer = await running.call(name);
    expect((await acquirer.ask(purchase(acquirer.codec, 1, dollars(name, 50_000)))).text(39)).toBe(approved);
    expect(heldMinor()).toBe(46_750);
    expect((await acquirer.ask(purchase(acquirer.codec, 2, dollars(name, 60_000)))).text(39)).toBe(short);
    const original: Record<number, string> = name === 'iso2003' ? { 56: '21000000000000012026112210150006476173', 24: '400' } : { 90: `0100000001112210150000000476173${'0'.repeat(11)}` };
    await acquirer.ask(purchase(acquirer.codec, 3, { ...dollars(name, 50_000), ...original }, '400'));
    expect(heldMinor()).toBe(0);
  });

  it('without a rate it is declined', async () => {
    const running = await startSwitch();
    const acquirer = await running.call(name);
    expect((await acquirer.ask(purchase(acquirer.codec, 1, dollars(name, 100)))).text(39)).toBe(notAccepted);
    expect(running.decided).toMatchObject([{ reason: '1030' }]);
  });

  it('a country that the holder has closed is read from the message, and the purchase declined', async () => {
    const running = await startSwitch();
    const { accountId, token } = await accountOf(running);
    const set = { kind: 'controlsSet', id: `controls-${name}`, accountId, receivedAtMs: nowMs, cardToken: token, by: 'holder', controls: { countries: { kind: 'deny', names: ['191'] } } } as const;
    expect(await decideNow(running.ledger, accountId, set)).toMatchObject({ kind: 'decided', answer: { response: { reason: '0000' } } });
    // Of 2003 the place is not in characters: there the acquirer's country tells.
    const place = (letters: string, digits: string): Record<number, string> => (name === 'iso2003' ? { 19: digits } : { 43: `${'A shop'.padEnd(25)}${'Town'.padEnd(13)}${letters}` });
    const acquirer = await running.call(name);
    const answers = [await acquirer.ask(purchase(acquirer.codec, 1, place('HR', '191'))), await acquirer.ask(purchase(acquirer.codec, 2, place('DE', '276')))];
    expect(answers.map((answer) => answer.text(39))).toEqual([notPermitted, approved]);
    expect(running.decided[0]).toMatchObject({ reason: '1872' });
  });
});
