/**
 * What of a card message's cryptography is to be checked, and what the verdicts become: facts for the account. It asks the program's
 * rules and the station's keys by name, and what the card's record has of it, as far as that is known here.
 *
 * Invariant: a check that could not be made is an error, and never a match; what the outside sent wrong is malformed or a mismatch.
 */
import { createHash } from 'node:crypto';
import type { CardMeaning } from '../dialect/meaning.ts';
import { authenticationIdentity } from '../keys/authentication-value.ts';
import type { CardValueCheck } from '../keys/hsm-card-value.ts';
import type { ResponseCryptogramOrder, ScriptOrder } from '../keys/hsm-chip.ts';
import type { EncipheredPin, PinKey, PinSealOrder } from '../keys/hsm-pin.ts';
import type { Check, Order, Product, Verdict } from '../keys/hsm.ts';
import type { CardMessage, CardReferences, CardValueVerdict, NewPin, QueuedScript } from '../message/message.ts';
import type { Pan } from '../message/pan.ts';
import { declinedByCard, readChip } from './chip-rules.ts';
import type { ChipReading } from './chip-rules.ts';
import { contactlessCheck, counterOf } from './contactless-stripe.ts';
import type { Program } from './routing.ts';
import type { StationSecurity } from './station-security.ts';

/** What the checks are made of. */
export interface Carried {
  readonly meaning: CardMeaning;
  readonly pan: Pan;
  readonly token: string;
  readonly program: Program | undefined;
  readonly security: StationSecurity;
}

export type SecurityFacts = Pick<CardMessage, 'pin' | 'newPin' | 'cardValue' | 'chip' | 'authentication'>;

const nothingCarried: SecurityFacts = { pin: 'absent', newPin: undefined, cardValue: undefined, chip: undefined, authentication: undefined };

type Settle = (verdict: Verdict) => void;

/** One message's checks, gathered and settled. */
export class Verification {
  readonly checks: Check[] = [];
  /** The new PIN of a PIN change: its reference, then its seal. */
  readonly orders: Order[] = [];
  /** What the chip says of itself; undefined where no chip is looked at. */
  reading: ChipReading | undefined;
  readonly #settles: Settle[] = [];
  #facts: SecurityFacts = nothingCarried;

  /**
   * @param references undefined: not known here; the account asks where it takes them
   * @param pinBy where the PIN's reference is taken from: the account's record, or a remote issuer's track
   */
  constructor(carried: Carried, references: CardReferences | undefined, pinBy: 'record' | 'track' = 'record') {
    const { meaning, program } = carried;
    // What is faulty is refused or noted for that, and nothing that it carries is looked at.
    if (program === undefined || meaning.class === 'reversal' || meaning.fault !== undefined) {
      if (meaning.pin !== undefined) this.#facts = { ...nothingCarried, pin: 'unverified' };
      return;
    }
    this.#cardValue(carried, program, references);
    this.#pin(carried, program, pinBy === 'track' ? trackReference(carried, program) : references);
    this.#newPin(carried, program, references);
    this.#chip(carried, program);
    this.#authentication(carried, program);
  }

  get facts(): SecurityFacts {
    return this.#facts;
  }

  /** @param verdicts one for each of `checks` */
  settle(verdicts: readonly Verdict[]): void {
    for (const [index, settle] of this.#settles.entries()) settle(verdicts[index]!);
  }

  /** @param products one for each of `orders` */
  settleOrders([reference, seal]: readonly Product[]): void {
    this.#put({ newPin: newPinOf(this.orders, reference, seal) });
  }

  #put(facts: Partial<SecurityFacts>): void {
    this.#facts = { ...this.#facts, ...facts };
  }

  #ask(check: Check, settle: Settle): void {
    this.checks.push(check);
    this.#settles.push(settle);
  }

  #cardValue(carried: Carried, program: Program, references: CardReferences | undefined): void {
    const { meaning: { cardValue }, pan } = carried;
    if (cardValue === undefined) return;
    if (cardValue.kind === 'contactlessStripe') {
      const rules = program.rules.contactlessStripe;
      if (rules !== undefined) this.#askCardValue(rules.form, contactlessCheck(cardValue, pan, carried.meaning.panSequence, rules), undefined);
      return;
    }
    const { kind, value, serviceCode } = cardValue;
    const key = { name: program.rules.cvk };
    if (kind !== 'cvv2') {
      // Without the expiry date that it is made with, no value is the right one.
      const { expiry } = cardValue;
      this.#askCardValue(kind, expiry === undefined ? undefined : kind === 'cvv' ? { kind, key, pan, expiry, serviceCode, value } : { kind, key, pan, expiry, value }, undefined);
      return;
    }
    const expiry = cardValue.expiry ?? references?.expiry;
    if (expiry === undefined) {
      this.#put({ cardValue: { kind, outcome: 'unchecked', against: undefined } });
      return;
    }
    const generation = references?.cvv2Generation ?? 0;
    const against = { cvv2Generation: generation, expiry: cardValue.expiry === undefined ? expiry : undefined };
    this.#askCardValue(kind, { kind, key, pan, expiry, expiryOrder: program.rules.cvv2ExpiryOrder, generation, value }, against);
  }

  #askCardValue(kind: CardValueVerdict['kind'], check: CardValueCheck | undefined, against: CardValueVerdict['against']): void {
    if (check === undefined) this.#put({ cardValue: { kind, outcome: 'mismatch', against } });
    // A value of the wrong form is a wrong value.
    else this.#ask(check, (verdict) => this.#put({ cardValue: { kind, outcome: outcomeOf(verdict, 'mismatch'), against, counter: counterOf(check) } }));
  }

  #pin(carried: Carried, program: Program, references: Pick<CardReferences, 'pin' | 'pinVersion'> | undefined): void {
    if (carried.meaning.pin === undefined) return;
    this.#put({ pin: 'unverified' });
    if (references?.pin === undefined) return;
    const { pinVersion, pin: reference } = references;
    const rules = program.rules.pin;
    const pvk = rules?.pvks.get(reference.keyIndex);
    const pin = encipheredPin(carried, carried.meaning.pin.block.reveal().length);
    if (rules === undefined || pvk === undefined || rules.rules.method !== reference.method || pin === undefined) {
      this.#put({ pin: { outcome: 'error', pinVersion } });
      return;
    }
    const keyUseId = carried.security.terminalKeyOnce ? keyUseOf(pin) : undefined;
    this.#ask({ kind: 'pin', pin, key: { name: pvk }, rules: rules.rules, reference }, (verdict) => {
      const outcome = outcomeOf(verdict, 'malformed');
      this.#put({ pin: { outcome: outcome === 'match' ? 'verified' : outcome === 'mismatch' ? 'wrong' : outcome, pinVersion, keyUseId } });
    });
  }

  #newPin(carried: Carried, program: Program, references: CardReferences | undefined): void {
    const { meaning: { purpose, newPinBlock }, token, pan } = carried;
    if (purpose !== 'pinChange' || newPinBlock === undefined) return;
    const rules = program.rules.pin;
    const keyIndex = references?.pin?.keyIndex ?? rules?.pvks.keys().next().value;
    const pvk = keyIndex === undefined ? undefined : rules?.pvks.get(keyIndex);
    const current = encipheredPin(carried, newPinBlock.reveal().length);
    if (rules === undefined || keyIndex === undefined || pvk === undefined || current === undefined) {
      this.#put({ newPin: { outcome: 'error' } });
      return;
    }
    const pin: EncipheredPin = { ...current, block: newPinBlock, pan };
    this.orders.push({ kind: 'pinReference', pin, key: { name: pvk }, keyIndex, rules: rules.rules });
    if (program.rules.chip !== undefined) this.orders.push({ kind: 'pinSeal', pin, boundTo: token } satisfies PinSealOrder);
  }

  #chip({ meaning: { chip: tags, panSequence, purpose, amount }, pan }: Carried, { rules: { chip: rules } }: Program): void {
    if (tags === undefined || rules === undefined) return;
    // What follows an authorization comes with that one's cryptogram, and a refund may be over nothing.
    const isSpent = purpose === 'purchase' || purpose === 'cash' || purpose === 'preauthorization';
    const reading = readChip(tags, rules, isSpent ? amount : undefined);
    const sequence = sequenceOf(panSequence);
    if (typeof reading === 'string') {
      // A key index or a version that the program has no rule for is no forgery.
      this.#put({ chip: { outcome: reading === 'noRule' ? 'error' : 'malformed', panSequence: sequence, atc: 0, findings: [] } });
      return;
    }
    this.reading = reading;
    const { atc, keys, profile } = reading;
    // A terminal that gives money back asks its card to decline.
    const findings = purpose === 'refund' ? reading.findings.filter(({ name }) => name !== declinedByCard.name) : reading.findings;
    const check: Check = { kind: 'cryptogram', key: { name: keys.ac }, tags, pan, panSequence: sequence, masterKeyOption: rules.masterKeyOption, profile };
    this.#ask(check, (verdict) => this.#put({ chip: { outcome: outcomeOf(verdict, 'malformed'), panSequence: sequence, atc, findings } }));
  }

  #authentication({ meaning: { authentication, amount }, pan }: Carried, { rules: { authentication: rules } }: Program): void {
    if (authentication === undefined || rules === undefined) return;
    const { value, transactionId } = authentication;
    // What the form does not cover may be changed at will, and makes no other value of it.
    const covered = authenticationIdentity(rules.form, value.reveal()) ?? value.reveal();
    const useId = digestOf(covered);
    const check: Check = { kind: 'authentication', key: { name: rules.key }, form: rules.form, pan, amount, transactionId, value };
    this.#ask(check, (verdict) => this.#put({ authentication: { outcome: outcomeOf(verdict, 'malformed'), useId } }));
  }
}

/** Key index and PVV as the issuer wrote them on the card; undefined: there are none, of which an index of 0 is the sign. */
function trackReference({ meaning: { trackDiscretionary } }: Carried, { rules: { pin } }: Program): Pick<CardReferences, 'pin' | 'pinVersion'> | undefined {
  const at = pin?.trackReferenceAt;
  const digits = at === undefined ? '' : (trackDiscretionary?.reveal() ?? '').slice(at, at + 5);
  return digits.length < 5 || digits.startsWith('0') ? undefined : { pinVersion: 0, pin: { method: 'pvv', keyIndex: Number(digits.charAt(0)), value: digits.slice(1) } };
}

/** What a chip is answered with: the response cryptogram first, then a command for each script. */
export function chipOrders(
  { meaning: { chip: tags, panSequence }, pan, token, program }: Carried, reading: ChipReading, responseCode: string, approved: boolean, scripts: readonly QueuedScript[],
): [ResponseCryptogramOrder, ...ScriptOrder[]] | undefined {
  const rules = program?.rules.chip;
  if (tags === undefined || rules === undefined) return undefined;
  const { keys, profile } = reading;
  const subject = { pan, panSequence: sequenceOf(panSequence), masterKeyOption: rules.masterKeyOption, profile, tags };
  const response: ResponseCryptogramOrder = {
    ...subject, kind: 'responseCryptogram', key: { name: keys.ac }, responseCode, cardStatusUpdate: rules.cardStatusUpdate[approved ? 'approved' : 'declined'],
  };
  return [
    response,
    ...scripts.map((script, sequence): ScriptOrder => ({
      ...subject, kind: 'script', sequence, cryptogramKey: { name: keys.ac }, integrityKey: { name: keys.smi ?? '' }, confidentialityKey: { name: keys.smc ?? '' },
      command: script.command === 'pinChange' ? { command: 'pinChange', sealed: script.sealed ?? '', boundTo: token } : { command: script.command },
    })),
  ];
}

/** The PIN block as carried, with the key that the station has for it; undefined where it has none. */
export function encipheredPin({ meaning: { pin }, pan, security }: Carried, blockDigits: number): EncipheredPin | undefined {
  const keySerial = pin?.keySerial ?? '';
  const name = keySerial === '' ? security.pinKey : security.terminalKey;
  if (name === undefined || pin === undefined) return undefined;
  const key: PinKey = keySerial === '' ? { zone: { name } } : { base: { name }, keySerial };
  return { block: pin.block, format: pin.format ?? (blockDigits === 32 ? 4 : security.pinFormat), key, pan };
}

/** What a use of a terminal's key for one PIN is known by; undefined: the key is between two parties. */
function keyUseOf({ key }: EncipheredPin): string | undefined {
  return 'base' in key ? digestOf(`${key.base.name}|${key.keySerial}`) : undefined;
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}

/** @param ofMalformed what a value of the wrong form is called */
function outcomeOf<Malformed extends string>(verdict: Verdict, ofMalformed: Malformed): 'match' | 'mismatch' | 'error' | Malformed {
  if (verdict === 'match' || verdict === 'mismatch') return verdict;
  return verdict.error.code === 'malformed' ? ofMalformed : 'error';
}

function newPinOf([order]: readonly Order[], reference: Product | undefined, seal: Product | undefined): NewPin {
  if (order?.kind !== 'pinReference' || reference === undefined) return { outcome: 'error' };
  const failed = [reference, seal].find((product) => product !== undefined && 'error' in product);
  if (failed !== undefined && 'error' in failed) return { outcome: failed.error.code === 'malformed' ? 'malformed' : 'error' };
  if (!('value' in reference)) return { outcome: 'error' };
  return {
    outcome: 'ready', reference: { method: order.rules.method, keyIndex: order.keyIndex, value: reference.value.reveal() },
    sealed: seal !== undefined && 'value' in seal ? seal.value.reveal() : undefined,
  };
}

function sequenceOf(panSequence: string): string {
  return panSequence === '' ? '00' : panSequence;
}
