/**
 * The operations of the port on chip cards, against keys by name: cryptograms verified and made, the answers to them, scripts, and the
 * card values that a chip makes for each payment.
 * Invariants: the card's keys are derived for one operation and wiped after it; comparison does not end at the first difference;
 * a refusal names a tag and never a value.
 */
import { timingSafeEqual } from 'node:crypto';
import { Secret } from '../message/secret.ts';
import { isDigits } from './card-value.ts';
import { commonSessionKey, visaScriptKey } from './chip-keys.ts';
import { chipProfiles } from './chip-profile.ts';
import type { ChipProfile, ScriptProfile } from './chip-profile.ts';
import { countedCryptogram, encipherData, pinBlock, scriptCommand } from './chip-script.ts';
import type { ScriptTransaction } from './chip-script.ts';
import { coveredData, cryptogramKey, diversifierOf, masterKeyOf, subjectRefusal, tagBytes } from './chip-transaction.ts';
import { applicationCryptogram, responseCryptogram1, responseCryptogram2 } from './cryptogram.ts';
import { digitsOf, dynamicCardValue, faultOf } from './dynamic-card-value.ts';
import type { DynamicCardValue } from './dynamic-card-value.ts';
import { isHex, toHex } from './hex.ts';
import type { Product, Refusal, Verdict } from './hsm.ts';
import type { ChipSubject, CryptogramCheck, CryptogramOrder, ResponseCryptogramOrder, ScriptOrder } from './hsm-chip.ts';
import { refusal, verifyUnderAny } from './key-finder.ts';
import type { KeyFinder, KeyVersion } from './key-finder.ts';

/** Opens what a `pinSeal` produced: a PIN's digits in ASCII, which the caller wipes. */
export type OpenPin = (keys: KeyFinder, sealed: string, boundTo: string) => { readonly clear: Buffer } | Refusal;

/** Commands that one answer may have. */
export const scriptCommandsMax = 16;

/** A TC or an AAC is verified as an ARQC is: what the card decided is not asked here. */
export function verifyCryptogram(keys: KeyFinder, check: CryptogramCheck): Verdict {
  const profile = chipProfiles[check.profile];
  const covered = coveredOf(check, profile);
  if ('code' in covered) return { error: covered };
  const claimed = tagBytes(check.tags, '9F26', 8);
  if ('code' in claimed) return { error: claimed };
  return verifyUnderAny(keys, check.key, 'imk-ac', (version) =>
    timingSafeEqual(cryptogramUnder(version, check, profile, covered), claimed) ? 'match' : 'mismatch',
  );
}

export function produceCryptogram(keys: KeyFinder, order: CryptogramOrder): Product {
  const profile = chipProfiles[order.profile];
  const covered = coveredOf(order, profile);
  if ('code' in covered) return { error: covered };
  const found = keys.find(order.key, 'imk-ac');
  return 'code' in found ? { error: found } : product(cryptogramUnder(found[0], order, profile, covered));
}

interface Covered {
  readonly data: Buffer;
  readonly diversifier: Buffer;
}

function coveredOf(subject: CryptogramCheck | CryptogramOrder, profile: ChipProfile): Covered | Refusal {
  const refused = subjectRefusal(subject);
  if (refused !== undefined) return refused;
  const data = coveredData(subject.tags, profile);
  if ('code' in data) return data;
  const diversifier = diversifierOf(subject.tags, profile);
  return 'code' in diversifier ? diversifier : { data, diversifier };
}

function cryptogramUnder({ tdes }: KeyVersion, subject: ChipSubject, profile: ChipProfile, { data, diversifier }: Covered): Buffer {
  const key = cryptogramKey(masterKeyOf(tdes!, subject), profile, diversifier);
  const cryptogram = applicationCryptogram(key, data, profile.padding);
  key.fill(0);
  return cryptogram;
}

/** The version under which the card's keys were derived. */
function versionOfCard(keys: KeyFinder, versions: readonly KeyVersion[], order: ResponseCryptogramOrder | ScriptOrder): KeyVersion {
  const version = versions[ageOf(versions, order)]!;
  keys.answeredUnder(version);
  return version;
}

/**
 * How many versions ago the card's keys were derived: that of the version under which its cryptogram holds, for it takes an answer from that
 * one alone. 0 where there is one version only, or it holds under none.
 */
function ageOf(versions: readonly KeyVersion[], subject: ChipSubject & Pick<ResponseCryptogramOrder, 'tags'>): number {
  if (versions.length === 1) return 0;
  const profile = chipProfiles[subject.profile];
  const data = coveredData(subject.tags, profile);
  const diversifier = diversifierOf(subject.tags, profile);
  const claimed = tagBytes(subject.tags, '9F26', 8);
  if ('code' in data || 'code' in diversifier || 'code' in claimed) return 0;
  return Math.max(0, versions.findIndex((version) => timingSafeEqual(cryptogramUnder(version, subject, profile, { data, diversifier }), claimed)));
}

export function produceResponseCryptogram(keys: KeyFinder, order: ResponseCryptogramOrder): Product {
  const profile = chipProfiles[order.profile];
  const refused = subjectRefusal(order);
  if (refused !== undefined) return { error: refused };
  const cryptogram = tagBytes(order.tags, '9F26', 8);
  if ('code' in cryptogram) return { error: cryptogram };
  const diversifier = diversifierOf(order.tags, profile);
  if ('code' in diversifier) return { error: diversifier };
  const answer = profile.responseMethod === 1 ? responseCodeBytes(order.responseCode, profile) : cardStatusUpdateBytes(order.cardStatusUpdate);
  if ('code' in answer) return { error: answer };
  const found = keys.find(order.key, 'imk-ac');
  if ('code' in found) return { error: found };
  const master = masterKeyOf(versionOfCard(keys, found, order).tdes!, order);
  const key = profile.responseKey === 'master' ? master : cryptogramKey(master, profile, diversifier);
  const response = profile.responseMethod === 1 ? responseCryptogram1(key, cryptogram, answer) : responseCryptogram2(key, cryptogram, answer);
  key.fill(0);
  return product(Buffer.concat([response, answer]));
}

/** Of M/Chip's response code: the issuer approves, and the card's offline counters begin anew. */
const mChipApproved = Buffer.from('0012', 'hex');
const mChipDeclined = Buffer.from('0000', 'hex');

/** Tag 8A has what DE39 of 1987 says: approved, to be identified, in part, and for a very important person. */
const approvals: ReadonlySet<string> = new Set(['00', '08', '10', '11']);

function responseCodeBytes(code: string, profile: ChipProfile): Buffer | Refusal {
  if (!/^[0-9A-Za-z]{2}$/.test(code)) return refusal('malformed', 'the authorization response code is not two characters');
  if (profile.responseCode === 'characters') return Buffer.from(code, 'latin1');
  return approvals.has(code) ? mChipApproved : mChipDeclined;
}

function cardStatusUpdateBytes(update: string): Buffer | Refusal {
  return update.length === 8 && isHex(update) ? Buffer.from(update, 'hex') : refusal('malformed', 'the card status update is not four bytes');
}

export function produceScript(keys: KeyFinder, order: ScriptOrder, openPin: OpenPin): Product {
  const { script } = chipProfiles[order.profile];
  const transaction = scriptTransaction(order, script);
  if ('code' in transaction) return { error: transaction };
  const integrity = scriptKey(keys, order, 'integrity', script, transaction);
  if ('code' in integrity) return { error: integrity };
  const { command } = order.command;
  const data = order.command.command === 'pinChange' ? newPinData(keys, order, order.command, openPin, script, transaction) : noData;
  const made = 'code' in data ? { error: data } : product(scriptCommand(command, data, integrity, transaction, script));
  integrity.fill(0);
  return made;
}

const noData = Buffer.alloc(0);

function scriptTransaction(order: ScriptOrder, script: ScriptProfile): ScriptTransaction | Refusal {
  const refused = subjectRefusal(order);
  if (refused !== undefined) return refused;
  const { sequence } = order;
  if (!Number.isInteger(sequence) || sequence < 0 || sequence >= scriptCommandsMax) return refusal('malformed', `an answer has at most ${scriptCommandsMax} commands, counted from 0`);
  if (sequence > 0 && script.transactionData === 'before') return refusal('malformed', 'a card of this profile takes one command in an answer: the next one would go on from its MAC');
  const atc = tagBytes(order.tags, '9F36', 2);
  if ('code' in atc) return atc;
  const cryptogram = tagBytes(order.tags, '9F26', 8);
  if ('code' in cryptogram) return cryptogram;
  return { atc, cryptogram: script.countsCommands ? countedCryptogram(cryptogram, sequence) : cryptogram };
}

/**
 * A card's keys for scripts are taken to be as old as its key for cryptograms, since nothing that it sends says so of them: of a key with fewer
 * versions, the oldest.
 */
function ageOfCard(keys: KeyFinder, order: ScriptOrder): number {
  const found = keys.find(order.cryptogramKey, 'imk-ac');
  return 'code' in found ? 0 : ageOf(found, order);
}

/** To be wiped. */
function scriptKey(keys: KeyFinder, order: ScriptOrder, purpose: 'integrity' | 'confidentiality', script: ScriptProfile, { atc, cryptogram }: ScriptTransaction): Buffer | Refusal {
  const found = purpose === 'integrity' ? keys.find(order.integrityKey, 'imk-smi') : keys.find(order.confidentialityKey, 'imk-smc');
  if ('code' in found) return found;
  const version = found.length === 1 ? found[0] : found[Math.min(ageOfCard(keys, order), found.length - 1)]!;
  keys.answeredUnder(version);
  const master = masterKeyOf(version.tdes!, order);
  const key = script.sessionKey === 'visa-xor' ? visaScriptKey(master, atc.readUInt16BE(0)) : commonSessionKey(master, cryptogram);
  master.fill(0);
  return key;
}

interface PinChange {
  readonly sealed: string;
  readonly boundTo: string;
}

function newPinData(keys: KeyFinder, order: ScriptOrder, { sealed, boundTo }: PinChange, openPin: OpenPin, script: ScriptProfile, transaction: ScriptTransaction): Buffer | Refusal {
  const mixed = script.pinBlock === 'visa' ? keys.find(order.cryptogramKey, 'imk-ac') : undefined;
  if (mixed !== undefined && 'code' in mixed) return mixed;
  const confidentiality = scriptKey(keys, order, 'confidentiality', script, transaction);
  if ('code' in confidentiality) return confidentiality;
  const opened = openPin(keys, sealed, boundTo);
  if ('code' in opened) {
    confidentiality.fill(0);
    return opened;
  }
  const cardKey = mixed === undefined ? undefined : masterKeyOf(versionOfCard(keys, mixed, order).tdes!, order);
  const block = pinBlock(opened.clear, script.pinBlock, cardKey);
  const enciphered = encipherData(block, confidentiality, script);
  for (const secret of [opened.clear, cardKey, block, confidentiality]) secret?.fill(0);
  return enciphered;
}

export function verifyDynamicCardValue(keys: KeyFinder, check: DynamicCardValue & { readonly value: Secret<string> }): Verdict {
  const fault = faultOf(check);
  if (fault !== undefined) return { error: refusal('malformed', fault) };
  const claimed = check.value.reveal();
  if (!isDigits(claimed, digitsOf(check))) return { error: refusal('malformed', `the value is not ${digitsOf(check)} digits`) };
  return verifyUnderAny(keys, check.key, 'imk-cvc', ({ tdes }) => {
    const made = dynamicCardValue(tdes!, check);
    if ('fault' in made) return { error: refusal('malformed', made.fault) };
    return timingSafeEqual(Buffer.from(made.digits, 'latin1'), Buffer.from(claimed, 'latin1')) ? 'match' : 'mismatch';
  });
}

export function produceDynamicCardValue(keys: KeyFinder, value: DynamicCardValue): Product {
  const fault = faultOf(value);
  if (fault !== undefined) return { error: refusal('malformed', fault) };
  const found = keys.find(value.key, 'imk-cvc');
  if ('code' in found) return { error: found };
  const made = dynamicCardValue(found[0].tdes!, value);
  return 'fault' in made ? { error: refusal('malformed', made.fault) } : { value: new Secret(made.digits) };
}

function product(bytes: Buffer): Product {
  return { value: new Secret(toHex(bytes)) };
}
