/**
 * What a transaction's tags give to the operations of a chip: the bytes that its cryptogram covers, its counter, and its card's keys.
 * A tag that is missing, of another length or not hexadecimal is refused by its name; its value is never quoted.
 */
import type { TdesKey } from './block-cipher.ts';
import { isDigits } from './card-value.ts';
import { cardMasterKey, commonSessionKey, emv2000SessionKey } from './chip-keys.ts';
import { coveredIad } from './chip-profile.ts';
import type { ChipProfile } from './chip-profile.ts';
import { isHex } from './hex.ts';
import type { Refusal } from './hsm.ts';
import type { ChipSubject, ChipTags } from './hsm-chip.ts';
import { refusal } from './key-finder.ts';

/** What a cryptogram of the profile covers, without padding. */
export function coveredData(tags: ChipTags, profile: ChipProfile): Buffer | Refusal {
  let hex = '';
  for (const { tag, bytes, zerosIfAbsent } of profile.covered) {
    const value = tags.get(tag);
    if (value === undefined && zerosIfAbsent) hex += '00'.repeat(bytes);
    else if (value?.length === 2 * bytes && isHex(value)) hex += value;
    else return tagRefusal(tag, value, bytes);
  }
  const iad = tags.get('9F10');
  if (iad === undefined) return refusal('malformed', 'tag 9F10 is missing');
  const covered = coveredIad(iad, profile);
  return covered === undefined ? refusal('malformed', 'tag 9F10 is not what a card of this profile sends') : Buffer.from(hex + covered, 'hex');
}

export function tagBytes(tags: ChipTags, tag: string, bytes: number): Buffer | Refusal {
  const value = tags.get(tag);
  return value?.length === 2 * bytes && isHex(value) ? Buffer.from(value, 'hex') : tagRefusal(tag, value, bytes);
}

function tagRefusal(tag: string, value: string | undefined, bytes: number): Refusal {
  if (value === undefined) return refusal('malformed', `tag ${tag} is missing`);
  return refusal('malformed', value.length === 2 * bytes ? `tag ${tag} is not hexadecimal` : `tag ${tag} has ${bytes} bytes`);
}

/** A refusal of what a derivation from the issuer's key begins with. */
export function subjectRefusal({ panSequence }: ChipSubject): Refusal | undefined {
  return isDigits(panSequence, 2) ? undefined : refusal('malformed', 'the PAN sequence number is not two digits');
}

/** The card's key under an issuer's; to be wiped. */
export function masterKeyOf(issuerKey: TdesKey, { pan, panSequence, masterKeyOption }: ChipSubject): Buffer {
  return cardMasterKey(issuerKey, pan.reveal(), panSequence, masterKeyOption);
}

/** What session keys for cryptograms are made from: the ATC, then two zeros and the unpredictable number or zeros; eight bytes. */
export function diversifierOf(tags: ChipTags, profile: ChipProfile): Buffer | Refusal {
  const atc = tagBytes(tags, '9F36', 2);
  if ('code' in atc) return atc;
  const diversifier = Buffer.alloc(8);
  diversifier.set(atc);
  if (profile.sessionKey !== 'mastercard') return diversifier;
  const number = tagBytes(tags, '9F37', 4);
  if ('code' in number) return number;
  diversifier.set(number, 4);
  return diversifier;
}

/** The key that a transaction's cryptograms are made with, from the card's, which it takes over: wipe what comes back, and no more. */
export function cryptogramKey(masterKey: Buffer, profile: ChipProfile, diversifier: Buffer): Buffer {
  if (profile.sessionKey === 'none') return masterKey;
  const key = profile.sessionKey === 'emv2000' ? emv2000SessionKey(masterKey, diversifier.readUInt16BE(0)) : commonSessionKey(masterKey, diversifier);
  masterKey.fill(0);
  return key;
}
