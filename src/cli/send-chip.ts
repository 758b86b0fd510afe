/**
 * The chip of a test card: what it and its terminal say in DE55, with a cryptogram under the program's rules; and what it makes of the
 * issuer's answer, which it checks as a card would, by making the same again.
 */
import { tlvBytes } from '../iso8583/tlv.ts';
import type { ChipProfileName, ChipSubject, ScriptCommand } from '../keys/hsm-chip.ts';
import type { Order } from '../keys/hsm.ts';
import type { Amount } from '../message/money.ts';
import type { Secret } from '../message/secret.ts';
import { readChip } from '../switch/chip-rules.ts';
import type { ChipRules } from '../switch/chip-rules.ts';
import { Failure } from './command.ts';
import type { TestCard, TestKeys } from './send-card.ts';

export const chipProfileNames = [
  'visa-cvn10', 'visa-cvn14', 'visa-cvn17', 'visa-cvn18', 'visa-cvn22', 'mastercard-cvn16', 'mastercard-cvn17', 'emv-common',
] as const satisfies readonly ChipProfileName[];

/** Tag to value, in hexadecimal; an empty value takes the tag away. */
export type TagChanges = ReadonlyMap<string, string>;

export interface ChipWish {
  /** Undefined: the program's CVN 18, or the first that it has. */
  readonly profile: ChipProfileName | undefined;
  readonly atc: number;
  readonly amount: Amount | undefined;
  /** First two digits of DE3. */
  readonly transactionType: string;
  /** YYMMDD. */
  readonly date: string;
  /** Eight hexadecimal digits. */
  readonly unpredictableNumber: string;
  /** Was a PIN entered, to be verified online? */
  readonly withPin: boolean;
  /** Part of what the card makes its cryptogram over. */
  readonly tags: TagChanges;
  /** Changed on the way: the card knows nothing of it. */
  readonly forgedTags: TagChanges;
}

/** Germany, ISO 3166. */
const terminalCountry = '0276';

const versionTwo = 0x22;

/** The tags of DE55, the cryptogram (9F26) first. @throws Failure */
export async function chipTags(wish: ChipWish, card: TestCard, keys: TestKeys): Promise<ReadonlyMap<string, string>> {
  const rules = chipRulesOf(card);
  const [cvn, profile] = profileOf(wish.profile, rules, card.rules.name);
  const [keyIndex, { ac }] = [...rules.keys][0]!;
  const tags = new Map([
    ['9F26', ''],
    ['9F27', '80'],
    ['9F10', issuerApplicationData(keyIndex, cvn, rules.applicationData)],
    ['9F37', wish.unpredictableNumber],
    ['9F36', hex(wish.atc, 4)],
    ['95', '0000008000'],
    ['9A', wish.date],
    ['9C', wish.transactionType],
    ['9F02', String(wish.amount?.amountMinor ?? 0).padStart(12, '0')],
    ['5F2A', (wish.amount?.currency ?? '978').padStart(4, '0')],
    ['82', '3900'],
    ['9F1A', terminalCountry],
    ['9F03', '0'.repeat(12)],
    ['9F34', wish.withPin ? '420300' : '1F0302'],
    ['5F34', card.panSequence],
  ]);
  change(tags, wish.tags);
  if (tags.get('9F26') === '') {
    const subject = { pan: card.pan, panSequence: card.panSequence, masterKeyOption: rules.masterKeyOption, profile } satisfies ChipSubject;
    tags.set('9F26', await keys.make({ ...subject, kind: 'cryptogram', key: { name: ac }, tags }, 'the cryptogram'));
  }
  change(tags, wish.forgedTags);
  return tags;
}

function change(tags: Map<string, string>, changes: TagChanges): void {
  for (const [tag, value] of changes) {
    if (value === '') tags.delete(tag);
    else tags.set(tag, value);
  }
}

function chipRulesOf({ rules: { name, chip } }: TestCard): ChipRules {
  if (chip === undefined) throw new Failure(`the program ${name} has no rules for chips (programs.${name}.chip)`);
  return chip;
}

function profileOf(wanted: ChipProfileName | undefined, { profiles }: ChipRules, program: string): readonly [cvn: number, ChipProfileName] {
  const all = [...profiles];
  const found = wanted === undefined ? (all.find(([, profile]) => profile === 'visa-cvn18') ?? all[0]) : all.find(([, profile]) => profile === wanted);
  if (found === undefined) throw new Failure(`no chip of the program ${program} is of ${wanted ?? 'any profile'}; it has ${all.map(([, profile]) => profile).join(', ')} (programs.${program}.chip.profiles)`);
  return found;
}

/** Tag 9F10 of a card that asks to go online and found nothing to complain of. */
function issuerApplicationData(keyIndex: number, cvn: number, layout: ChipRules['applicationData']): string {
  if (layout === 'mastercard') return `${hex(keyIndex, 2)}${hex(cvn, 2)}A00003220000${'0'.repeat(20)}`;
  if (cvn === versionTwo) return `1F${hex(cvn, 2)}${hex(keyIndex, 2)}A000000000${'0'.repeat(48)}`;
  return `06${hex(keyIndex, 2)}${hex(cvn, 2)}03A00000`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0');
}

/** What came back for the chip, and whether it is from the one who has its keys. `unchecked`: it cannot be made again here. */
export interface ChipAnswer {
  /** Tag 91; undefined: none came. */
  readonly issuerAuthenticationData: 'verified' | 'wrong' | undefined;
  /** Tag 8A; empty where there was none. */
  readonly responseCode: string;
  readonly scripts: readonly { readonly command: ScriptCommand['command'] | 'unknown'; readonly outcome: 'verified' | 'wrong' | 'unchecked' }[];
}

/**
 * What the chip makes of DE55 of the answer.
 * @param request tags of the request, as the card sent them; @param answer objects of the answer by path, in order, in hexadecimal
 * @param newPin of a PIN change that was asked for in this very request
 */
export async function readChipAnswer(
  request: ReadonlyMap<string, string>, answer: readonly (readonly [path: string, value: string])[], card: TestCard, keys: TestKeys, newPin: Secret<string> | undefined,
): Promise<ChipAnswer> {
  const of = (path: string): string | undefined => answer.find(([found]) => found === path)?.[1];
  const [data, code] = [of('91'), of('8A')];
  const issuer = { card, keys, tags: request, newPin };
  const commands = answer.flatMap(([path, value]) => (/^7[12]\.86$/.test(path) ? [value] : []));
  return {
    issuerAuthenticationData: data === undefined ? undefined : (await isIssuers(data, issuer)) ? 'verified' : 'wrong',
    responseCode: code === undefined ? '' : Buffer.from(code, 'hex').toString('latin1'),
    scripts: await Promise.all(commands.map(async (command, sequence) => await readCommand(command, sequence, issuer))),
  };
}

interface Issuer {
  readonly card: TestCard;
  readonly keys: TestKeys;
  readonly tags: ReadonlyMap<string, string>;
  readonly newPin: Secret<string> | undefined;
}

function subjectOf({ card, tags }: Issuer) {
  const rules = chipRulesOf(card);
  const reading = readChip(tags, rules);
  if (typeof reading === 'string') return undefined;
  return { reading, subject: { pan: card.pan, panSequence: tags.get('5F34') ?? card.panSequence, masterKeyOption: rules.masterKeyOption, profile: reading.profile, tags } };
}

/** Method 1 has the response code behind the cryptogram, or M/Chip's bits for it; method 2 the card status update. */
async function isIssuers(data: string, issuer: Issuer): Promise<boolean> {
  const read = subjectOf(issuer);
  if (read === undefined) return false;
  const { reading: { keys: { ac } }, subject } = read;
  const told = Buffer.from(data.slice(16), 'hex').toString('latin1');
  const responseCodes = data.length === 16 ? [''] : /^[0-9A-Za-z]{2}$/.test(told) ? [told] : ['00', '05'];
  const made = await Promise.all(responseCodes.map(async (responseCode) => await attempt(issuer.keys, {
    ...subject, kind: 'responseCryptogram', key: { name: ac }, responseCode, cardStatusUpdate: data.length === 16 ? data.slice(8) : '00000000',
  })));
  return made.includes(data);
}

/** CLA, INS, P1 and P2 of what an issuer may command (EMV Book 3, 6.5). */
const commandsByHeader: Readonly<Record<string, ScriptCommand['command']>> = {
  '841E0000': 'applicationBlock', '84180000': 'applicationUnblock', '84240000': 'pinUnblock', '84240002': 'pinChange',
};

async function readCommand(text: string, sequence: number, issuer: Issuer): Promise<ChipAnswer['scripts'][number]> {
  const command = commandsByHeader[text.slice(0, 8)];
  if (command === undefined) return { command: 'unknown', outcome: 'unchecked' };
  const read = subjectOf(issuer);
  const { newPin, keys } = issuer;
  if (read === undefined || (command === 'pinChange' && newPin === undefined)) return { command, outcome: 'unchecked' };
  const { reading: { keys: { ac, smi = '', smc = '' } }, subject } = read;
  const boundTo = keys.hsm.cardToken(subject.pan);
  const sealed = newPin === undefined ? '' : await keys.make({ kind: 'pinSeal', pin: { clear: newPin, pan: subject.pan }, boundTo }, 'the new PIN');
  const made = await attempt(keys, {
    ...subject, kind: 'script', sequence, cryptogramKey: { name: ac }, integrityKey: { name: smi }, confidentialityKey: { name: smc },
    command: command === 'pinChange' ? { command, sealed, boundTo } : { command },
  });
  return { command, outcome: made === text ? 'verified' : 'wrong' };
}

async function attempt(keys: TestKeys, order: Order): Promise<string | undefined> {
  const [product] = await keys.hsm.produce([order]);
  return product !== undefined && 'value' in product ? product.value.reveal() : undefined;
}

/** DE55 of a message. @throws EncodeError */
export function chipField(tags: ReadonlyMap<string, string>): Uint8Array {
  return tlvBytes(tags, '55');
}
