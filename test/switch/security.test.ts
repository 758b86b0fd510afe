/** PINs, chips, authentication values and message authentication codes as stations send them, over real sockets. */
import { afterEach, describe, expect, it } from 'vitest';
import { macField } from '../../src/dialect/mac-place.ts';
import { writePlace } from '../../src/dialect/places.ts';
import { decideNow } from '../../src/issuer/ledger.ts';
import type { Draft } from '../../src/iso8583/draft.ts';
import type { Message } from '../../src/iso8583/codec.ts';
import { Secret } from '../../src/message/secret.ts';
import { card, demoSecurity, demoStationNames, demoStations, loadCard, nowMs, purchase, startSwitch, stopAll } from './fixture.ts';
import type { Fields, RunningSwitch } from './fixture.ts';
import { answerToChip, chipTags, make, panOf, withAuthentication, withChip, withPin } from './secured.ts';
import type { At } from './secured.ts';

afterEach(stopAll);

const chipRead: Record<string, Fields> = { ascii: { 22: '051' }, binary: { 22: '051' }, iso2003: { 22: '20000000000000000000000000000000' } };
const online: Record<string, Fields> = { ascii: { 22: '100', 25: '59' }, binary: { 22: '100', 25: '59' }, iso2003: { 22: '00000000000000001000000000000000' } };

/** What the response codes of each station stand for here. */
const codes = {
  ascii: { approved: '00', wrongPin: '55', triesExceeded: '75', badBlock: '55', verification: '82', mac: '96' },
  binary: { approved: '00', wrongPin: '55', triesExceeded: '75', badBlock: '55', verification: '82', mac: '96' },
  iso2003: { approved: '0000', wrongPin: '1017', triesExceeded: '1006', badBlock: '1026', verification: '1045', mac: '9116' },
} as const;

describe.for(demoStationNames)('on the station %s', (name) => {
  const of = codes[name];
  const cash = { 3: '010000' };

  async function open(): Promise<At & { ask: (draft: Draft) => Promise<string | undefined>; draft: (stan: number, fields?: Fields) => Draft; answer: (draft: Draft) => Promise<Message> }> {
    const running = await startSwitch();
    const acquirer = await running.call(name);
    return {
      running, name,
      draft: (stan, fields = {}) => purchase(acquirer.codec, stan, fields),
      answer: (draft) => acquirer.ask(draft),
      ask: async (draft) => (await acquirer.ask(draft)).text(39),
    };
  }

  const reasons = (running: RunningSwitch): string[] => running.decided.map(({ reason }) => reason);

  it('cash with the right PIN is paid, with a wrong one it is not, and the third wrong one locks the card', async () => {
    const at = await open();
    expect(await at.ask(withPin(at, at.draft(1, cash), '1234'))).toBe(of.approved);
    expect(await at.ask(withPin(at, at.draft(2, cash), '4321'))).toBe(of.wrongPin);
    expect(await at.ask(withPin(at, at.draft(3, cash), '0000'))).toBe(of.wrongPin);
    expect(await at.ask(withPin(at, at.draft(4, cash), '1111'))).toBe(of.triesExceeded);
    expect(await at.ask(withPin(at, at.draft(5, cash), '1234'))).toBe(of.triesExceeded);
    expect(reasons(at.running)).toEqual(['0000', '1017', '1017', '1806', '1806']);
  });

  it('a wrong PIN that is sent again counts once, and the right one starts the count anew', async () => {
    const at = await open();
    const wrong = withPin(at, at.draft(1), '9999');
    for (let sent = 0; sent < 5; sent += 1) expect(await at.ask(wrong)).toBe(of.wrongPin);
    expect(await at.ask(withPin(at, at.draft(2), '9999'))).toBe(of.wrongPin);
    expect(await at.ask(withPin(at, at.draft(3), '1234'))).toBe(of.approved);
    expect(await at.ask(withPin(at, at.draft(4), '9999'))).toBe(of.wrongPin);
    expect(await at.ask(withPin(at, at.draft(5), '9999'))).toBe(of.wrongPin);
    expect(await at.ask(withPin(at, at.draft(6), '1234'))).toBe(of.approved);
  });

  it('PIN blocks of formats 0, 1 and 3, and those under a terminal’s own key, are verified', async () => {
    const at = await open();
    for (const [index, format] of ([0, 1, 3] as const).entries()) expect(await at.ask(withPin(at, at.draft(index + 1, cash), '1234', { format }))).toBe(of.approved);
    const key = { base: { name: 'demo-bdk' }, keySerial: 'FFFF9876543210E00008' };
    expect(await at.ask(withPin(at, at.draft(4, cash), '1234', { key }))).toBe(of.approved);
    expect(await at.ask(withPin(at, at.draft(5, cash), '4321', { key: { ...key, keySerial: 'FFFF9876543210E00009' } }))).toBe(of.wrongPin);
  });

  it('a PIN block that was heard under a terminal’s key is no PIN in another message, however many of them come at once', async () => {
    const at = await open();
    const key = { base: { name: 'demo-bdk' }, keySerial: 'FFFF9876543210E00010' };
    const replays = [1, 2, 3, 4, 5, 6].map((stan) => withPin(at, at.draft(stan, cash), '1234', { key }));
    const answers = await Promise.all(replays.map((draft) => at.ask(draft)));
    expect(answers.filter((code) => code === of.approved)).toHaveLength(1);
    expect(reasons(at.running).sort()).toEqual(['0000', ...Array.from({ length: 5 }, () => '1818')]);
    expect(await at.ask(withPin(at, at.draft(7, cash), '1234', { key: { ...key, keySerial: 'FFFF9876543210E00011' } }))).toBe(of.approved);
  });

  it('a terminal’s key may come again where the station says so', async () => {
    const running = await startSwitch({ stations: { [name]: { ...demoStations[name], security: { ...demoSecurity, terminalKeyOnce: false } } } });
    const acquirer = await running.call(name);
    const key = { base: { name: 'demo-bdk' }, keySerial: 'FFFF9876543210E00012' };
    for (const stan of [1, 2]) expect((await acquirer.ask(withPin({ running, name }, purchase(acquirer.codec, stan, cash), '1234', { key }))).text(39)).toBe(of.approved);
  });

  it('the PIN block of another card is refused and counts as no try', async () => {
    const at = await open();
    for (let stan = 1; stan <= 4; stan += 1) expect(await at.ask(withPin(at, at.draft(stan, cash), '1234', { pan: loadCard }))).toBe(of.badBlock);
    expect(reasons(at.running)).toEqual(Array(4).fill('1026'));
    expect(await at.ask(withPin(at, at.draft(5, cash), '1234'))).toBe(of.approved);
  });

  it('a chip’s cryptogram is verified and answered, also for cash without a PIN', async () => {
    const at = await open();
    const tags = chipTags(at.running, { atc: 1 });
    const answer = await at.answer(at.draft(1, { ...chipRead[name], ...cash }).setTags(55, tags));
    expect(answer.text(39)).toBe(of.approved);
    expect(answer.tags(55).get('91')).toBe(answerToChip(at.running, tags, '00'));
    const declined = chipTags(at.running, { atc: 2 });
    const refused = await at.answer(at.draft(2, { ...chipRead[name], ...cash, 4: name === 'iso2003' ? '9782000099999999' : '000099999999' }).setTags(55, declined));
    expect(refused.text(39)).not.toBe(of.approved);
    expect(refused.tags(55).get('91')).toBe(answerToChip(at.running, declined, refused.tags(55).get('8A') === undefined ? '' : Buffer.from(refused.tags(55).get('8A')!, 'hex').toString('latin1')));
  });

  it('a cryptogram over another amount, another card’s and one whose counter was used are refused, and get no answer for the chip', async () => {
    const at = await open();
    const chip = (stan: number): Draft => at.draft(stan, chipRead[name]);
    expect(await at.ask(withChip(at, chip(1), { atc: 5 }))).toBe(of.approved);
    for (const [stan, wish] of [
      [2, { atc: 6, changed: { '9F02': '000000000001' } }], [3, { atc: 7, pan: loadCard }], [4, { atc: 5 }], [5, { atc: 8, changed: { '9F36': '0009' } }],
    ] as const) {
      const answer = await at.answer(withChip(at, chip(stan), wish));
      expect(answer.text(39)).toBe(of.verification);
      expect(answer.has(55)).toBe(false);
    }
    expect(reasons(at.running)).toEqual(['0000', '1840', '1840', '1842', '1840']);
    expect(await at.ask(withChip(at, chip(6), { atc: 3 }))).toBe(of.approved);
  });

  it('a chip whose key index the program has no rule for could not be checked, which is no forgery', async () => {
    const at = await open();
    await at.ask(withChip(at, at.draft(1, chipRead[name]), { atc: 1, changed: { '9F10': '06091203A00000' } }));
    expect(reasons(at.running)).toEqual(['1845']);
  });

  it('an authentication value is taken once, for its card only', async () => {
    const at = await open();
    const shop = (stan: number): Draft => at.draft(stan, online[name]);
    expect(await at.ask(withAuthentication(at, shop(1), '1000000000000001'))).toBe(of.approved);
    expect(await at.ask(withAuthentication(at, shop(1), '1000000000000001'))).toBe(of.approved);
    expect(await at.ask(withAuthentication(at, shop(2), '1000000000000001'))).toBe(of.verification);
    expect(await at.ask(withAuthentication(at, shop(3), '1000000000000002', loadCard))).toBe(of.verification);
    expect(await at.ask(withAuthentication(at, shop(4), '1000000000000003'))).toBe(of.approved);
    expect(reasons(at.running)).toEqual(['0000', '0000', '1851', '1850', '0000']);
  });

  it('a station that must authenticate its messages is refused without a code and with a wrong one, and its answers carry one', async () => {
    const security = { ...demoSecurity, mac: { key: 'demo-zak', algorithm: 'retail', required: true } } as const;
    const running = await startSwitch({ stations: { [name]: { ...demoStations[name], security } } });
    const acquirer = await running.call(name);
    const { codec } = acquirer;
    const signed = (draft: Draft, change: (mac: string) => string = (mac) => mac): Draft => {
      const field = macField(draft.numbers);
      const bytes = codec.spec.fields.get(field)!.max;
      draft.set(field, '0'.repeat(bytes * 2));
      const frame = codec.encode(draft);
      const wire = codec.spec.fields.get(field)!.encoding === 'binary' ? bytes : bytes * 2;
      const mac = make(running, { kind: 'mac', key: { name: 'demo-zak' }, algorithm: 'retail', data: frame.subarray(0, frame.length - wire), length: bytes });
      return draft.set(field, change(mac));
    };
    expect((await acquirer.ask(purchase(codec, 1))).text(39)).toBe(of.mac);
    expect((await acquirer.ask(signed(purchase(codec, 2), (mac) => (mac.startsWith('0') ? '1' : '0') + mac.slice(1)))).text(39)).toBe(of.mac);
    acquirer.send(signed(purchase(codec, 3)));
    const frame = await acquirer.nextFrame();
    const answer = acquirer.decode(frame);
    expect(answer.text(39)).toBe(of.approved);
    const field = answer.has(128) ? 128 : 64;
    const { max, encoding } = codec.spec.fields.get(field)!;
    const data = frame.subarray(0, frame.length - (encoding === 'binary' ? max : max * 2));
    expect(answer.text(field)).toBe(make(running, { kind: 'mac', key: { name: 'demo-zak' }, algorithm: 'retail', data, length: max }));
    expect(running.of('refused').map(([, , reason]) => reason)).toEqual(['9116', '9116']);
  });

  it('a code that is not demanded is checked where it is there, and the answer has one then', async () => {
    const at = await open();
    const plain = await at.answer(at.draft(1));
    expect(plain.has(64) || plain.has(128)).toBe(false);
    const { codec } = at.running.setups.get(name)!.station;
    const draft = at.draft(2);
    draft.set(macField(draft.numbers), '0'.repeat(codec.spec.fields.get(64)!.max * 2));
    expect(await at.ask(draft)).toBe(of.mac);
  });

  it('a PIN change makes the new PIN the right one at once', async () => {
    const at = await open();
    const { dialect, codec } = at.running.setups.get(name)!.station;
    const draft = withPin(at, at.draft(1, { 3: '920000', 4: undefined }), '1234');
    const block = make(at.running, { kind: 'pinBlock', clear: new Secret('8642'), format: 0, key: { zone: { name: 'demo-zpk' } }, pan: panOf(card) });
    expect(writePlace(draft, codec.spec, dialect.pin.newBlocks[0]!, block, 'hex')).toBe(true);
    expect(await at.ask(draft)).toBe(of.approved);
    expect(await at.ask(withPin(at, at.draft(2, cash), '1234'))).toBe(of.wrongPin);
    expect(await at.ask(withPin(at, at.draft(3, cash), '8642'))).toBe(of.approved);
  });

  it('a command that waits for the chip goes out with the answer to its next cryptogram, once, and again where that was reversed', async () => {
    const at = await open();
    const { running } = at;
    const token = running.hsm.cardToken(panOf(card));
    const accountId = token.slice(0, 12);
    const queued = await decideNow(running.ledger, accountId, {
      kind: 'scriptQueue', id: 'block-1', accountId, receivedAtMs: nowMs, cardToken: token, script: { id: 'block-1', command: 'applicationBlock', sealed: undefined },
    });
    expect(queued).toMatchObject({ kind: 'decided', answer: { response: { reason: '0000' } } });
    const chip = (stan: number, atc: number): Draft => withChip(at, at.draft(stan, chipRead[name]), { atc });
    const commandIn = (answer: Message): string | undefined => answer.tags(55).get('72.86');
    const first = chip(1, 1);
    const answered = await at.answer(first);
    expect(commandIn(answered)).toMatch(/^841E000008[0-9A-F]{16}$/);
    expect(commandIn(await at.answer(first))).toBe(commandIn(answered));
    expect((await at.answer(purchase(running.setups.get(name)!.station.codec, 1, name === 'iso2003' ? { 24: '400' } : {}, '400'))).text(39)).toMatch(/^0000$|^00$|^4000$/);
    expect(commandIn(await at.answer(chip(2, 2)))).toMatch(/^841E000008[0-9A-F]{16}$/);
    expect(commandIn(await at.answer(chip(3, 3)))).toBeUndefined();
  });

  it('the chip of a card that was stolen is told to block its application, with each decline', async () => {
    const at = await open();
    const { running } = at;
    const token = running.hsm.cardToken(panOf(card));
    const accountId = token.slice(0, 12);
    const lock = { kind: 'cardLock', id: 'lock-1', accountId, receivedAtMs: nowMs, cardToken: token, lockCode: 2 } as const;
    expect(await decideNow(running.ledger, accountId, lock)).toMatchObject({ kind: 'decided', answer: { response: { reason: '0000' } } });
    for (const atc of [1, 2]) {
      const answered = await at.answer(withChip(at, at.draft(atc, chipRead[name]), { atc }));
      expect(answered.tags(55).get('72.86')).toMatch(/^841E000008[0-9A-F]{16}$/);
      expect(answered.tags(55).get('91')).toMatch(/00000000$/);
    }
    expect(reasons(running)).toEqual(['1802', '1802']);
  });
});
