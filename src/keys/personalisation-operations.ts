/**
 * What the software HSM does for the bureau: documents under a key-encrypting key, and a card's chip keys in key blocks under it.
 *
 * Refused: key-encrypting keys that are not AES, as they would be weaker than what they protect. Invariant: a content key is used for
 * one document, and it and a card's keys are wiped when they are wrapped.
 */
import { createCipheriv } from 'node:crypto';
import { Secret } from '../message/secret.ts';
import { isDigits } from './card-value.ts';
import { cardMasterKey } from './chip-keys.ts';
import type { Product, Refusal } from './hsm.ts';
import type { CardKeyOrder, TransportOrder } from './hsm-personalisation.ts';
import { wrapFault, wrapKeyBlock } from './key-block.ts';
import type { KeyBlockHeader } from './key-block-header.ts';
import { refusal } from './key-finder.ts';
import type { KeyFinder, KeyVersion } from './key-finder.ts';
import type { KeyName } from './key-name.ts';
import type { RandomBytes } from './seal.ts';

const contentKeyBytes = 32;
const nonceBytes = 12;
/** RFC 3394, 2.2.3.1. */
const wrapInitial = Buffer.alloc(8, 0xa6);

/** By the length of the wrapping key: what JWE and the library call its key wrap. */
const keyWraps: Readonly<Record<number, { readonly alg: string; readonly cipher: string }>> = {
  16: { alg: 'A128KW', cipher: 'id-aes128-wrap' },
  24: { alg: 'A192KW', cipher: 'id-aes192-wrap' },
  32: { alg: 'A256KW', cipher: 'id-aes256-wrap' },
};

/** The product is a JWE in compact form. */
export function produceTransport(keys: KeyFinder, { key, text }: TransportOrder, random: RandomBytes): Product {
  const kek = aesKek(keys, key);
  if ('code' in kek) return { error: kek };
  const wrapping = kek.key.export();
  const wrap = keyWraps[wrapping.length]!;
  const contentKey = Buffer.from(random(contentKeyBytes));
  const header = part(Buffer.from(JSON.stringify({ alg: wrap.alg, enc: 'A256GCM', kid: `${kek.info.name}/${kek.info.version}` }), 'latin1'));
  const wrapper = createCipheriv(wrap.cipher, wrapping, wrapInitial);
  const wrapped = Buffer.concat([wrapper.update(contentKey), wrapper.final()]);
  const nonce = random(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', contentKey, nonce);
  // The protected header is authenticated as it is written (RFC 7516, 5.1, step 14).
  cipher.setAAD(Buffer.from(header, 'latin1'));
  const clear = Buffer.from(text.reveal(), 'utf8');
  const content = Buffer.concat([cipher.update(clear), cipher.final()]);
  for (const secret of [wrapping, contentKey, clear]) secret.fill(0);
  return { value: new Secret([header, part(wrapped), part(nonce), part(content), part(cipher.getAuthTag())].join('.')) };
}

/** X9.143: a card's keys are for what the issuer's are for. */
const cardKeyUsages = { 'imk-ac': 'E0', 'imk-smc': 'E1', 'imk-smi': 'E2' } as const;

/** The product is a key block of version D. */
export function produceCardKey(keys: KeyFinder, { usage, key, under, pan, panSequence, masterKeyOption }: CardKeyOrder, random: RandomBytes): Product {
  if (!isDigits(panSequence, 2)) return { error: refusal('malformed', 'the PAN sequence number is not two digits') };
  const found = keys.find(key, usage);
  if ('code' in found) return { error: found };
  const kek = aesKek(keys, under);
  if ('code' in kek) return { error: kek };
  const protection = { family: 'aes', key: kek.key.export() } as const;
  const clear = cardMasterKey(found[0].tdes!, pan.reveal(), panSequence, masterKeyOption);
  const header: KeyBlockHeader = { version: 'D', keyUsage: cardKeyUsages[usage], algorithm: 'T', modeOfUse: 'X', keyVersion: '00', exportability: 'N', optionalBlocks: [] };
  try {
    const fault = wrapFault(protection, header, clear);
    return fault === undefined ? { value: new Secret(wrapKeyBlock(protection, header, clear, random)) } : { error: refusal('wrong_usage', fault) };
  } finally {
    clear.fill(0);
    protection.key.fill(0);
  }
}

function aesKek(keys: KeyFinder, name: KeyName): KeyVersion | Refusal {
  const found = keys.find(name, 'kek');
  if ('code' in found) return found;
  const [current] = found;
  return current.aes === undefined ? refusal('wrong_usage', `the key ${name.name} is of ${current.info.algorithm}, and cards are told to a bureau under an AES key alone`) : current;
}

function part(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');
}
