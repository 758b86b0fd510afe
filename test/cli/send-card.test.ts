/** Cards as `locum send` presents them, right and wrong, against the demo itself: what a newcomer sees. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { luhnDigit } from '../../src/base/luhn.ts';
import type { Outside } from '../../src/cli/command.ts';
import { TestCard, TestKeys } from '../../src/cli/send-card.ts';
import { chipTags, readChipAnswer } from '../../src/cli/send-chip.ts';
import type { Check, Verdict } from '../../src/keys/hsm.ts';
import { Pan } from '../../src/message/pan.ts';
import { Secret } from '../../src/message/secret.ts';
import { loadConfig } from '../../src/program/config.ts';
import { readChip } from '../../src/switch/chip-rules.ts';
import { contactlessCheck } from '../../src/switch/contactless-stripe.ts';
import { emptyFolder, eventually, locum, startDemo } from './locum.ts';
import type { Ended, RunningLocum } from './locum.ts';

interface Sent {
  readonly request: { readonly mti: string; readonly fields: readonly { readonly path: string; readonly value: string }[] };
  readonly response: Sent['request'];
  readonly responseCode: string;
  readonly approved: boolean;
  readonly rrn: string | null;
  readonly original: string;
  readonly chip: null | {
    readonly issuerAuthenticationData: string | null;
    readonly responseCode: string;
    readonly scripts: readonly { readonly command: string; readonly outcome: string }[];
  };
  readonly messageAuthentication: string | null;
  readonly cavv: string | null;
}

const shared = { pinKey: 'demo-zpk', terminalKey: 'demo-bdk', mac: { key: 'demo-zak', required: false } };

/** Beside the demo's three: the edition between them, a station that insists on codes, and one that shares no key at all. */
const others = {
  'shop-1993': { spec: 'iso8583-1993-ascii', link: { listen: { port: 0 } }, security: shared },
  'strict-1993': { spec: 'iso8583-1993-binary', link: { listen: { port: 0 } }, security: { ...shared, mac: { key: 'demo-zak', algorithm: 'cmac' } } },
  'bare-1987': { spec: 'iso8583-1987-ascii', link: { listen: { port: 0 } } },
};

/** The rules of the other scheme, whose values nothing in the demo is made of. */
const ofOwn = {
  chip: { applicationData: 'mastercard', keys: { 3: { ac: 'demo-imk-ac', smi: 'demo-imk-smi', smc: 'demo-imk-smc' } } },
  contactlessStripe: { form: 'cvc3', key: 'demo-imk-cvc', value: { at: 1, length: 3 }, atc: { at: 4, length: 4 }, unpredictableNumber: { at: 9, length: 4 } },
  authentication: { key: 'own-aav', form: 'mastercard-spa2' },
};

let demo: RunningLocum;

beforeAll(async () => {
  const cwd = emptyFolder();
  const rules = { partner: 'demo', currency: 'EUR', timeZone: 'UTC', cvk: 'demo-cvk' };
  writeFileSync(join(cwd, 'locum.json'), JSON.stringify({
    demo: true, stations: others, programs: { plain: rules, own: { ...rules, ...ofOwn } },
    ranges: { plain: { from: '4999', program: 'plain' }, own: { from: '541333000000000', program: 'own' } },
  }));
  const drawn = Object.keys(others).map((name) => [`LOCUM_STATIONS_${name.toUpperCase().replaceAll('-', '_')}_LINK_LISTEN_PORT`, '0']);
  demo = await startDemo({ cwd, env: Object.fromEntries(drawn) as Record<string, string> });
});

afterAll(async () => {
  await demo.stop();
  rmSync(demo.cwd, { recursive: true });
});

async function send(words: readonly string[]): Promise<Ended> {
  return await locum(['send', ...words], demo);
}

/** What a program reads of it. */
async function sent(words: readonly string[]): Promise<readonly Sent[]> {
  const { code, out, err } = await send([...words, '--json']);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return (JSON.parse(out) as { readonly exchanges: readonly Sent[] }).exchanges;
}

async function one(words: readonly string[]): Promise<Sent> {
  const [exchange] = await sent(words);
  if (exchange === undefined) throw new Error('nothing was exchanged');
  return exchange;
}

function valueOf(message: Sent['request'], path: string): string | undefined {
  return message.fields.find((field) => field.path === path)?.value;
}

/** A card of the hundred for load, of which each test takes its own. */
let taken = 0;
function card(): string {
  const digits = `4761730000001${String(taken++).padStart(2, '0')}`;
  return `${digits}${luhnDigit(digits) ?? ''}`;
}

const codes = {
  1987: { approved: '00', wrongPin: '55', locked: '75', wrongValue: '82', byIssuer: '05' },
  1993: { approved: '000', wrongPin: '117', locked: '106', wrongValue: '122', byIssuer: '100' },
  2003: { approved: '0000', wrongPin: '1017', locked: '1006', wrongValue: '1045', byIssuer: '1000' },
} as const;

const stations = [
  { name: 'demo-1987-ascii', edition: 1987, serial: 'FFFF9876543210E0000' },
  { name: 'demo-1987-binary', edition: 1987, serial: 'FFFF9876543210E0001' },
  { name: 'shop-1993', edition: 1993, serial: 'FFFF9876543210E0002' },
  { name: 'demo-2003-binary', edition: 2003, serial: '12345678901234560000000' },
] as const;

describe.each(stations)('to $name', ({ name, edition, serial }) => {
  const to = ['--station', name];
  const { approved, wrongPin, locked, wrongValue, byIssuer } = codes[edition];
  const code = async (words: readonly string[]): Promise<string> => (await one([...words, ...to])).responseCode;

  test('cash is given for the right PIN, and the third wrong one locks the card', async () => {
    const cash = ['cash', '--amount', '10', '--pan', card(), '--pin'];
    const answers = [await code([...cash, '1234']), await code([...cash, '1235']), await code([...cash, '12340']), await code([...cash, '0000']), await code([...cash, '1234'])];
    expect(answers).toEqual([approved, wrongPin, wrongPin, locked, locked]);
  });

  test('a right PIN between wrong ones begins the count anew', async () => {
    const cash = ['cash', '--amount', '10', '--pan', card(), '--pin'];
    const answers: string[] = [];
    for (const pin of ['1111', '1111', '1234', '1111', '1111', '1234']) answers.push(await code([...cash, pin]));
    expect(answers).toEqual([wrongPin, wrongPin, approved, wrongPin, wrongPin, approved]);
  });

  test('a PIN comes in each block format that the station\'s key has', async () => {
    const pan = card();
    for (const format of ['0', '1', '3']) expect([format, await code(['cash', '--amount', '10', '--pan', pan, '--pin', '1234', '--pin-format', format])]).toEqual([format, approved]);
  });

  test('terminals that derive their keys are understood, and their wrong PINs are wrong', async () => {
    const cash = ['cash', '--amount', '10', '--pan', card()];
    const answers = [await code([...cash, '--pin', '1234', '--key-serial', `${serial}1`]), await code([...cash, '--pin', '4321', '--key-serial', `${serial}2`])];
    expect(answers).toEqual([approved, wrongPin]);
  });

  test('a chip is approved, and what comes back is from the one who has its key', async () => {
    const chip = ['--amount', '12.50', '--pan', card(), '--with-chip'];
    expect(await one(['purchase', ...chip, ...to])).toMatchObject({ responseCode: approved, chip: { issuerAuthenticationData: 'verified', responseCode: '00', scripts: [] } });
    expect(await one(['cash', ...chip, ...to])).toMatchObject({ responseCode: approved, chip: { issuerAuthenticationData: 'verified' } });
    expect(await one(['purchase', ...chip, '--contactless', '--with-cvv', '--psn', '00', ...to])).toMatchObject({ responseCode: approved, chip: { issuerAuthenticationData: 'verified' } });
  });

  test('each of the program\'s cryptogram versions is understood', async () => {
    const pan = card();
    for (const profile of ['visa-cvn10', 'visa-cvn14', 'visa-cvn17', 'visa-cvn18', 'visa-cvn22']) {
      const exchange = await one(['purchase', '--amount', '1', '--pan', pan, '--with-chip', '--chip-profile', profile, ...to]);
      expect([profile, exchange.responseCode, exchange.chip?.issuerAuthenticationData]).toEqual([profile, approved, 'verified']);
    }
  });

  test('a chip\'s data that were changed are declined, and so are those that came before, and those of another card', async () => {
    const chip = ['purchase', '--amount', '12.50', '--pan', card(), '--with-chip'];
    expect(await code([...chip, '--atc', '7'])).toBe(approved);
    expect(await code([...chip, '--atc', '7'])).toBe(wrongValue);
    expect(await code([...chip, '--forged-tag', '9F02=000000000100'])).toBe(wrongValue);
    expect(await code([...chip, '--forged-tag', '9F26=0000000000000000'])).toBe(wrongValue);
    expect(await code([...chip, '--field', `2=${card()}`])).toBe(wrongValue);
    expect(await code(chip)).toBe(approved);
  });

  test('a chip that was told to decline, or whose data could not be trusted at the terminal, is declined by a right answer', async () => {
    for (const tag of ['9F27=00', '95=4000008000']) {
      const exchange = await one(['purchase', '--amount', '12.50', '--pan', card(), '--with-chip', '--tag', tag, ...to]);
      expect([tag, exchange.responseCode, exchange.chip?.issuerAuthenticationData, exchange.chip?.responseCode]).toEqual([tag, byIssuer, 'verified', '05']);
    }
  });

  test('stripes pass with their right value by track 1, by track 2, after a chip that failed and without contact', async () => {
    const pan = card();
    for (const how of [['--with-cvv'], ['--with-track1'], ['--with-cvv', '--fallback'], ['--with-dcvv']]) {
      expect([how.join(' '), await code(['purchase', '--amount', '1', '--pan', pan, ...how])]).toEqual([how.join(' '), approved]);
    }
    const wrong = `${pan}=31122010000077700000`;
    for (const how of [[], ['--fallback'], ['--contactless']]) expect([how, await code(['purchase', '--amount', '1', '--track2', wrong, ...how])]).toEqual([how, wrongValue]);
  });

  test('the CVV2 passes as it was issued, and neither a wrong one nor one of a reset that never was', async () => {
    const pan = ['--amount', '1', '--pan', card()];
    const right = await code(['purchase', ...pan, '--with-cvv2']);
    const reset = await code(['purchase', ...pan, '--with-cvv2', '--cvv2-generation', '1']);
    expect([right, reset]).toEqual([approved, wrongValue]);
    // One of the two is wrong, whatever the right one is.
    const two = [await code(['purchase', ...pan, '--cvv2', '000']), await code(['purchase', ...pan, '--cvv2', '001'])];
    expect(two).toContain(wrongValue);
  });

  test('an authentication value pays once, and for its own card alone', async () => {
    const pan = card();
    const first = await one(['purchase', '--amount', '99', '--pan', pan, '--with-cavv', ...to]);
    expect(first).toMatchObject({ responseCode: approved });
    expect(first.cavv).toMatch(/^[0-9A-F]{40}$/);
    expect(await code(['purchase', '--amount', '99', '--pan', pan, '--cavv', first.cavv ?? ''])).toBe(wrongValue);
    expect(await code(['purchase', '--amount', '99', '--pan', card(), '--cavv', first.cavv ?? ''])).toBe(wrongValue);
    expect(await code(['purchase', '--amount', '99', '--pan', pan, '--ecommerce'])).toBe(approved);
  });

  test('a message with its code is answered with one, and a wrong code is refused', async () => {
    const pan = ['--pan', card()];
    expect(await one(['purchase', '--amount', '1', ...pan, '--mac', ...to])).toMatchObject({ responseCode: approved, messageAuthentication: 'authentic' });
    expect(await one(['cash', '--amount', '1', ...pan, '--pin', '1234', '--key-serial', `${serial}4`, '--mac', ...to])).toMatchObject({ responseCode: approved, messageAuthentication: 'authentic' });
    expect(await one(['echo', '--mac', ...to])).toMatchObject({ messageAuthentication: 'authentic' });
    const forged = await one(['purchase', '--amount', '1', ...pan, '--field', '64=0123456789ABCDEF'.slice(0, edition === 2003 ? 11 : 19), ...to]);
    expect(forged).toMatchObject({ approved: false, messageAuthentication: null });
  });

  test('a PIN is changed, the chip that asked is told at once, and one that was not there when it comes', async () => {
    const pan = ['--pan', card(), ...to];
    const changed = await one(['pinchange', '--pin', '1234', '--new-pin', '8765', '--with-chip', ...pan]);
    expect(changed).toMatchObject({ responseCode: approved, chip: { issuerAuthenticationData: 'verified', scripts: [{ command: 'pinChange', outcome: 'verified' }] } });
    expect(await code(['cash', '--amount', '1', '--pin', '1234', ...pan])).toBe(wrongPin);
    expect(await code(['cash', '--amount', '1', '--pin', '8765', ...pan])).toBe(approved);
    expect(await one(['pinchange', '--pin', '8765', '--new-pin', '4321', ...pan])).toMatchObject({ responseCode: approved, chip: null });
    const told = await one(['purchase', '--amount', '1', '--with-chip', ...pan]);
    expect(told.chip?.scripts).toEqual([{ command: 'pinChange', outcome: 'unchecked' }]);
    const later = await one(['purchase', '--amount', '1', '--with-chip', '--pin', '4321', ...pan]);
    expect([later.responseCode, later.chip?.scripts]).toEqual([approved, []]);
  });

  test('all of it goes into one message', async () => {
    const everything = ['cash', '--amount', '10', '--pan', card(), '--with-chip', '--with-cvv', '--with-cvv2', '--pin', '1234', '--mac', '--terminal', 'ATM00001', ...to];
    expect(await one(everything)).toMatchObject({ responseCode: approved, chip: { issuerAuthenticationData: 'verified' }, messageAuthentication: 'authentic' });
  });
});

test('a derived key\'s serial number is carried where its dialect has it, and shown nowhere', async () => {
  const { out } = await send(['cash', '--amount', '10', '--pan', card(), '--pin', '1234', '--key-serial', 'FFFF9876543210E00111']);
  expect(out).toMatch(/^ {2}110 +Reserved, ISO +\[hidden, 25 characters\]$/m);
  expect(out).not.toContain('FFFF9876543210E00111');
});

test('a message\'s story in the book has the reason of each refusal', async () => {
  const pan = card();
  const story = async (words: readonly string[]): Promise<string> => {
    const { rrn } = await one(['purchase', '--amount', '1', '--pan', pan, ...words]);
    const { out } = await eventually(() => locum(['trace', rrn ?? ''], demo), (result) => result.code === 0);
    return out;
  };
  expect(await story(['--with-chip', '--atc', '40'])).toContain('cryptogram: pass');
  expect(await story(['--with-chip', '--atc', '40'])).toMatch(/, by chip\n[^]*1842, which has the action code 1045[^]*cryptogram: fail.*counter 40/);
  expect(await story(['--with-chip', '--forged-tag', '95=0000000000'])).toMatch(/cryptogram: fail.*mismatch/);
  expect(await story(['--pin', '9999'])).toMatch(/PIN: fail.*wrong, 1 of 3/);
  const { cavv } = await one(['purchase', '--amount', '1', '--pan', pan, '--with-cavv']);
  expect(await story(['--cavv', cavv ?? ''])).toMatch(/authentication: fail.*used before/);
});

test('what was done with which key is in the access log, and it says nothing of cards', async () => {
  const pan = card();
  await one(['cash', '--amount', '1', '--pan', pan, '--pin', '1234', '--with-chip']);
  const lines = readFileSync(join(demo.cwd, 'data/keys.json.log'), 'utf8');
  const last = lines.trim().split('\n').map((line) => JSON.parse(line) as { by: { process: string }; uses?: readonly (readonly unknown[])[] }).findLast(({ by }) => by.process === 'locum send');
  expect(new Set(last?.uses)).toEqual(new Set([
    ['card token', 'token', 1, 1, 0], ['produce pinBlock', 'demo-zpk', 1, 1, 0], ['produce cryptogram', 'demo-imk-ac', 1, 1, 0], ['produce responseCryptogram', 'demo-imk-ac', 1, 1, 0],
  ]));
  expect(lines).not.toContain(pan.slice(6));
  expect(await locum(['key', 'log'], demo)).toMatchObject({ code: 0 });
});

test('a station that asks for codes gets them without being asked, in repeats as well, and takes nothing without', async () => {
  const purchase = ['purchase', '--amount', '1', '--pan', card(), '--station', 'strict-1993'];
  const right = { responseCode: '000', messageAuthentication: 'authentic' };
  expect(await sent([...purchase, '--repeat'])).toMatchObject([right, right]);
  expect(await one([...purchase, '--field', '64='])).toMatchObject({ approved: false, messageAuthentication: null });
});

describe('what is made under other rules than the demo\'s', () => {
  const pan = Pan.parse('5413330000000005')!;
  let keys: TestKeys;
  let own: TestCard;

  beforeAll(async () => {
    expect(await locum(['key', 'generate', 'own-aav', '--usage', 'cavv', '--algorithm', 'hmac-sha256'], demo)).toMatchObject({ code: 0 });
    const outside = { environment: demo.env, now: () => Date.now() } as Outside;
    keys = new TestKeys(loadConfig({ environment: demo.env, cwd: demo.cwd, hostName: 'test' }), outside);
    own = new TestCard(keys, pan, '07');
  });

  async function verdict(check: Check): Promise<Verdict | undefined> {
    return (await keys.hsm.verify([check]))[0];
  }

  test('a track with CVC3 verifies, and not with another counter', async () => {
    const rules = own.rules.contactlessStripe!;
    const track = await own.contactlessTrack2('3112', 42, '4711');
    expect(track).toMatch(/^5413330000000005=3112201[0-9]{13}$/);
    const checked = (discretionary: string): Promise<Verdict | undefined> => verdict(contactlessCheck(
      { kind: 'contactlessStripe', expiry: '3112', serviceCode: '201', discretionary: new Secret(discretionary) }, pan, '07', rules,
    )!);
    const discretionary = track.slice(-13);
    expect(await checked(discretionary)).toBe('match');
    expect(await checked(discretionary.replace('0042', '0043'))).toBe('mismatch');
  });

  test('an authentication value goes with its transaction id, and with no other', async () => {
    const amount = { amountMinor: 1250, currency: '978' };
    const { value, transactionId } = await own.authentication(amount, '17', 'SHOP');
    const check = { kind: 'authentication', key: { name: 'own-aav' }, form: 'mastercard-spa2', pan, amount, value: new Secret(value) } as const;
    expect(await verdict({ ...check, transactionId })).toBe('match');
    expect(await verdict({ ...check, transactionId: '00000000-0000-4000-8000-000000000000' })).toBe('mismatch');
  });

  test('both are carried where each dialect has them', async () => {
    for (const station of ['demo-1987-ascii', 'shop-1993', 'demo-2003-binary']) {
      const to = ['--amount', '12.50', '--pan', pan.reveal(), '--expiry', '3112', '--station', station];
      const { cavv, approved } = await one(['purchase', '--with-cavv', ...to]);
      expect([cavv?.length, approved]).toEqual([40 + 1 + 36, false]);
      expect((await one(['purchase', '--cavv', cavv ?? '', ...to])).request.fields).toBeInstanceOf(Array);
    }
  });

  test('a chip of M/Chip\'s layout makes cryptograms that verify under its own key', async () => {
    for (const profile of ['mastercard-cvn16', 'mastercard-cvn17'] as const) {
      const tags = await chipTags({
        profile, atc: 3, amount: { amountMinor: 100, currency: '978' }, transactionType: '00', date: '261122', unpredictableNumber: '0011AABB', withPin: false,
        tags: new Map(), forgedTags: new Map(),
      }, own, keys);
      const check = { kind: 'cryptogram', key: { name: 'demo-imk-ac' }, pan, panSequence: '07', masterKeyOption: 'A', profile, tags } as const;
      expect([profile, await verdict(check), await verdict({ ...check, panSequence: '08' })]).toEqual([profile, 'match', 'mismatch']);
      expect(readChip(tags, own.rules.chip!)).toMatchObject({ atc: 3, profile });
    }
  });

  test('what a chip is told is seen to be the issuer\'s, or not', async () => {
    const wish = {
      profile: 'mastercard-cvn16', atc: 4, amount: undefined, transactionType: '00', date: '261122', unpredictableNumber: '00000001', withPin: false, tags: new Map(), forgedTags: new Map(),
    } as const;
    const tags = await chipTags(wish, own, keys);
    const subject = { pan, panSequence: '07', masterKeyOption: 'A', profile: 'mastercard-cvn16', tags } as const;
    const keysOfChip = { cryptogramKey: { name: 'demo-imk-ac' }, integrityKey: { name: 'demo-imk-smi' }, confidentialityKey: { name: 'demo-imk-smc' } };
    const [data, block] = [
      await keys.make({ ...subject, kind: 'responseCryptogram', key: { name: 'demo-imk-ac' }, responseCode: '00', cardStatusUpdate: '' }, 'it'),
      await keys.make({ ...subject, ...keysOfChip, kind: 'script', sequence: 0, command: { command: 'applicationBlock' } }, 'it'),
    ];
    const wrong = (hex: string): string => hex.slice(0, -1) + (hex.endsWith('0') ? '1' : '0');
    expect(await readChipAnswer(tags, [['91', data], ['8A', '3030'], ['72.86', block]], own, keys, undefined)).toEqual({
      issuerAuthenticationData: 'verified', responseCode: '00', scripts: [{ command: 'applicationBlock', outcome: 'verified' }],
    });
    expect(await readChipAnswer(tags, [['91', wrong(data)], ['71.86', wrong(block)], ['72.86', '00A40400']], own, keys, undefined)).toEqual({
      issuerAuthenticationData: 'wrong', responseCode: '', scripts: [{ command: 'applicationBlock', outcome: 'wrong' }, { command: 'unknown', outcome: 'unchecked' }],
    });
  });
});

test('what is printed says what the chip was told, and gives away neither PIN nor block', async () => {
  const { out } = await send(['pinchange', '--pan', card(), '--pin', '1234', '--new-pin', '9876', '--with-chip', '--mac']);
  expect(out).toMatch(/^00: Approved, approval code [0-9A-Z]{6}\.$/m);
  expect(out).toContain('issuer authentication data: verified with the card\'s key, response code 00\n');
  expect(out).toContain('issuer script: PIN change, verified with the card\'s keys\n');
  expect(out).toContain('message authentication code: the answer\'s is right\n');
  expect(out).toMatch(/^ {2}52 +Personal identification number data +\[hidden\]$/m);
  expect(out).not.toMatch(/\b9876\b/);
  const lines = out.split('\n').filter((line) => /^ {2}(?:35|45|52|53|55\.\S+|110) /.test(line));
  expect(lines.filter((line) => /[0-9A-F]{14}/.test(line.slice(20)))).toEqual(lines.filter((line) => /^ {2}55\.(?:9F10|9F26|91) /.test(line) && /[0-9A-F]{14}/.test(line.slice(20))));
});

test('a chip counts on from payment to payment, and from a counter that it is given', async () => {
  const pan = card();
  const counter = async (words: readonly string[]): Promise<string | undefined> => valueOf((await one(['purchase', '--amount', '1', '--pan', pan, '--with-chip', ...words])).request, '55.9F36');
  expect([await counter([]), await counter([]), await counter(['--atc', '256']), await counter([]), await counter(['--atc', '250']), await counter([])]).toEqual(['0001', '0002', '0100', '0101', '00FA', '0102']);
  expect(readFileSync(join(demo.cwd, 'data/test-chips.json'), 'utf8')).not.toContain(pan.slice(6));
  expect(await counter(['--atc', '65535'])).toBe('FFFF');
  expect(await send(['purchase', '--amount', '1', '--pan', pan, '--with-chip'])).toMatchObject({
    code: 1, err: 'locum send: the card\'s chip has counted to its end (65535); --atc takes a counter, and another card has its own.\n',
  });
});

describe('what cannot be made is a sentence', () => {
  const pan = ['--amount', '1', '--pan', '4761730000000011'];
  const ofOthers = ['--amount', '1', '--pan', '5555555555554444'];
  const plain = ['--amount', '1', '--pan', '4999000000000003', '--expiry', '3112'];

  test.for<[words: readonly string[], sentence: string]>([
    [['cash', ...pan, '--pin', '1234', '--station', 'bare-1987'], 'the station bare-1987 has no key for PIN blocks (stations.bare-1987.security.pinKey).'],
    [['cash', ...pan, '--pin', '1234', '--key-serial', 'FFFF9876543210E00001', '--station', 'bare-1987'], 'the station bare-1987 has no key that its terminals derive theirs from (stations.bare-1987.security.terminalKey).'],
    [['cash', ...pan, '--pin', '1234', '--key-serial', 'FFFF9876543210E00000'], 'the PIN block cannot be computed: the key serial number\'s counter is zero, and the initial key serves no transaction.'],
    [['cash', ...pan, '--pin', '1234', '--pin-format', '4'], 'the PIN block cannot be computed: PIN block format 4 is of AES keys.'],
    [['purchase', ...ofOthers, '--with-chip'], '555555******4444 is in no range of the configuration, so there is no key to compute anything of it with.'],
    [['purchase', ...plain, '--with-chip'], 'the program plain has no rules for chips (programs.plain.chip).'],
    [['purchase', ...plain, '--with-dcvv'], 'the program plain has no rules for tracks that a contactless chip makes (programs.plain.contactlessStripe).'],
    [['purchase', ...plain, '--with-cavv'], 'the program plain has no rules for cardholder authentication values (programs.plain.authentication).'],
    [['purchase', ...pan, '--with-chip', '--chip-profile', 'emv-common'], 'no chip of the program demo is of emv-common; it has visa-cvn10, visa-cvn14, visa-cvn17, visa-cvn18, visa-cvn22 (programs.demo.chip.profiles).'],
    [['purchase', ...pan, '--with-chip', '--tag', '9F37='], 'the cryptogram cannot be computed: tag 9F37 is missing.'],
  ])('%j', async ([words, sentence]) => {
    expect(await send(words)).toMatchObject({ code: 1, out: '', err: `locum send: ${sentence}\n` });
  });

  test.for<[words: readonly string[], sentence: string]>([
    [['cash', ...pan, '--pin', '123'], '--pin is 4 to 12 digits.'],
    [['cash', ...pan, '--pin', '1234', '--pin-format', '2'], '--pin-format is 0, 1, 3 or 4.'],
    [['cash', ...pan, '--pin', '1234', '--key-serial', 'FF'], '--key-serial is 20 hexadecimal digits, or 24 of an AES key.'],
    [['cash', ...pan, '--pin-format', '1'], '--pin-format needs --pin.'],
    [['cash', ...pan, '--pin', '1234', '--new-pin', '4321'], '--new-pin is of pinchange alone.'],
    [['pinchange', '--pan', '4761730000000011', '--pin', '1234'], 'pinchange needs --pin and --new-pin.'],
    [['purchase', ...pan, '--atc', '1'], '--atc needs --with-chip or --with-dcvv.'],
    [['purchase', ...pan, '--with-chip', '--atc', '65536'], '--atc is a number from 0 to 65535, not 65536.'],
    [['purchase', ...pan, '--with-chip', '--chip-profile', 'visa'], '--chip-profile is one of visa-cvn10, visa-cvn14, visa-cvn17, visa-cvn18, visa-cvn22, mastercard-cvn16, mastercard-cvn17, emv-common, not visa.'],
    [['purchase', ...pan, '--with-chip', '--tag', '9F1'], '--tag is a tag, = and its value in hexadecimal, such as 95=0000008000.'],
    [['purchase', ...pan, '--with-chip', '--psn', '1'], '--psn is two digits.'],
    [['purchase', ...pan, '--with-chip', '--ecommerce'], '--with-chip and --ecommerce do not go together.'],
    [['purchase', ...pan, '--fallback'], '--fallback needs --with-cvv or --with-track1 or --track1 or --track2.'],
    [['purchase', ...pan, '--cavv', '00'], '--cavv is 40 hexadecimal digits; behind a comma, the transaction id that goes with it.'],
    [['purchase', ...plain.slice(0, 4), '--with-cvv'], 'a verification value is computed over --expiry as well.'],
    [['purchase', ...pan, '--mac', '--station', 'bare-1987'], 'the station bare-1987 has no message authentication codes (stations.bare-1987.security.mac).'],
    [['echo', '--mac', '--station', '127.0.0.1:1', '--spec', 'iso8583-1987-ascii'], 'no key is shared with an address; --mac needs a station of the configuration, not 127.0.0.1:1.'],
    [['cash', ...pan, '--pin', '1234', '--station', '127.0.0.1:1', '--spec', 'iso8583-1987-ascii'], 'no key is shared with an address; --pin needs a station of the configuration.'],
  ])('%j', async ([words, sentence]) => {
    expect(await send(words)).toMatchObject({ code: 2, out: '', err: `locum send: ${sentence} locum send --help shows how it is used.\n` });
  });
});
