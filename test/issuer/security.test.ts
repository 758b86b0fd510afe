import { describe, expect, it } from 'vitest';
import { decodeAccount } from '../../src/account/account.ts';
import type { CardSecurity } from '../../src/account/card.ts';
import { decideNow } from '../../src/issuer/ledger.ts';
import type { CardMessage } from '../../src/message/message.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { audit, transactionsOf } from './audit.ts';
import { accountIn, cardMessage, nowMs, openAccount, openSwitch, reasonOf, repeatOf, submit, tokenOf } from './fixture.ts';
import type { CardChanges } from './fixture.ts';

const partitions = 2;
const account = accountIn(0, partitions);

function memoryStore(): MemoryStore {
  return new MemoryStore({ partitions, now: () => nowMs });
}

async function securityIn(store: MemoryStore): Promise<CardSecurity | undefined> {
  const [head] = await store.heads({ partition: 0, epoch: 1 }, [account]);
  return decodeAccount(account, head?.value ?? '').cards[0]?.security;
}

const online = (useId: string, changes: CardChanges = {}): CardMessage =>
  cardMessage(account, { entryMode: 'ecommerce', cardPresent: false, pin: 'absent', authentication: { outcome: 'match', useId }, ...changes });
const wrong = (): CardMessage => cardMessage(account, { pin: { outcome: 'wrong', pinVersion: 1 } });

describe('an authentication value', () => {
  it('is approved once, however many come at once to however many switches', async () => {
    const store = memoryStore();
    const ledgers = [await openSwitch({ store }), await openSwitch({ store }), await openSwitch({ store })];
    await openAccount(ledgers[0]!, account, 100_000);
    for (let round = 0; round < 5; round += 1) {
      const purchases = Array.from({ length: 12 }, () => online(`value-${round}`));
      const outcomes = await Promise.all(purchases.map((purchase, index) => submit(ledgers[index % ledgers.length]!, account, purchase)));
      const reasons = outcomes.map(reasonOf);
      expect(reasons.filter((reason) => reason === '0000')).toHaveLength(1);
      expect(reasons.filter((reason) => reason === '1851')).toHaveLength(11);
      const again = await Promise.all(purchases.map((purchase, index) => submit(ledgers[(index + 1) % ledgers.length]!, account, repeatOf(purchase))));
      expect(again.map(reasonOf)).toEqual(reasons);
    }
    const audited = await audit(store);
    expect(audited.availableMinor.get(account)).toBe(100_000 - 5 * 100);
  });

  it('is not used up by a decline, nor by a switch that is asked again after it', async () => {
    const store = memoryStore();
    const [ledger, other] = [await openSwitch({ store }), await openSwitch({ store })];
    await openAccount(ledger, account, 1_000);
    expect(reasonOf(await submit(ledger, account, online('v', { amountMinor: 1_001 })))).toBe('1016');
    expect(reasonOf(await submit(other, account, online('v')))).toBe('0000');
    expect(reasonOf(await submit(ledger, account, online('v')))).toBe('1851');
    await audit(store);
  });
});

describe('wrong PINs that come at once to several switches', () => {
  it('are each counted, and no more than the limit are tried', async () => {
    const store = memoryStore();
    const ledgers = [await openSwitch({ store }), await openSwitch({ store })];
    await openAccount(ledgers[0]!, account, 1_000);
    const tried = Array.from({ length: 9 }, wrong);
    const reasons = (await Promise.all(tried.map((each, index) => submit(ledgers[index % 2]!, account, each)))).map(reasonOf);
    expect(reasons.filter((reason) => reason === '1017')).toHaveLength(2);
    expect(reasons.filter((reason) => reason === '1806')).toHaveLength(7);
    expect(await securityIn(store)).toMatchObject({ pinTries: 3 });
    const again = await Promise.all(tried.map((each, index) => submit(ledgers[(index + 1) % 2]!, account, repeatOf(each))));
    expect(again.map(reasonOf)).toEqual(reasons);
    const entries = [...transactionsOf(await audit(store)).values()];
    expect(entries.filter(({ flags }) => flags.includes('locked:6'))).toHaveLength(1);
  });
});

describe('a message that was not checked against the card’s record', () => {
  it('changes nothing until it comes again under its id, and is then decided once', async () => {
    const store = memoryStore();
    const [ledger, other] = [await openSwitch({ store }), await openSwitch({ store })];
    await openAccount(ledger, account, 1_000);
    const asked = cardMessage(account, { pin: 'unverified' });
    const before = await store.journalLength({ partition: 0, epoch: 1 });
    const first = await submit(ledger, account, asked);
    const references = { expiry: '9912', cvv2Generation: 0, pinVersion: 1, pin: { method: 'pvv', keyIndex: 1, value: '4201' } };
    expect(first).toEqual({ kind: 'decided', answer: { kind: 'verify', references } });
    expect(await store.journalLength({ partition: 0, epoch: 1 })).toBe(before);
    const checked: CardMessage = { ...asked, pin: { outcome: 'verified', pinVersion: 1 } };
    expect(reasonOf(await submit(ledger, account, checked))).toBe('0000');
    expect(reasonOf(await submit(other, account, checked))).toBe('0000');
    expect(await store.journalLength({ partition: 0, epoch: 1 })).toBe(before + 1);
    await audit(store);
  });

  it('is asked about again where another switch has set the PIN meanwhile', async () => {
    const store = memoryStore();
    const [ledger, other] = [await openSwitch({ store }), await openSwitch({ store })];
    await openAccount(ledger, account, 1_000);
    const checked = cardMessage(account, { pin: { outcome: 'verified', pinVersion: 1 } });
    await decideNow(other, account, {
      kind: 'pinSet', id: 'set', accountId: account, receivedAtMs: nowMs, cardToken: tokenOf(account), reference: { method: 'pvv', keyIndex: 2, value: '7777' }, sealed: undefined,
    });
    expect(await submit(ledger, account, checked)).toMatchObject({ kind: 'decided', answer: { kind: 'verify', references: { pinVersion: 2 } } });
    expect(reasonOf(await submit(ledger, account, { ...checked, pin: { outcome: 'wrong', pinVersion: 2 } }))).toBe('1017');
    expect(await securityIn(store)).toMatchObject({ pinTries: 1 });
    await audit(store);
  });

  it('is answered among others that are committed in the same turn', async () => {
    const store = memoryStore();
    const ledger = await openSwitch({ store });
    await openAccount(ledger, account, 1_000);
    const messages = Array.from({ length: 20 }, (_, index) => cardMessage(account, index % 3 === 1 ? { pin: 'unverified' } : {}));
    const answers = (await Promise.all(messages.map((each) => submit(ledger, account, each)))).map(reasonOf);
    const expected = messages.map(({ pin }) => (pin === 'unverified' ? 'verify' : '0000'));
    // The balance is gone after ten of them.
    let left = 10;
    expect(answers).toEqual(expected.map((answer) => {
      if (answer === 'verify') return answer;
      left -= 1;
      return left < 0 ? '1016' : '0000';
    }));
    expect((await audit(store)).availableMinor.get(account)).toBe(0);
  });
});
