/**
 * What a dialect says for messages that the switch writes itself, to an issuer, and for what it hands back of an issuer's answers.
 * Every setting may be left out: then nothing is said in that place.
 */
import type { ValuePlace } from './dialect.ts';
import type { Condition } from './conditions.ts';
import { readConditions } from './conditions.ts';
import type { JsonNode } from './json.ts';
import { readPlace } from './load-places.ts';

/** Where the card and its holder are. `notPresent`: the holder is not there, and no more is known; `noCard`: the holder is there without it. */
export type Environment = 'present' | 'noCard' | 'notPresent' | 'mail' | 'recurring' | 'ecommerce';

export const environments: readonly Environment[] = ['present', 'noCard', 'notPresent', 'mail', 'recurring', 'ecommerce'];

/** A place with a code for each name that there is one for. */
export interface NamedCodes {
  readonly place: ValuePlace;
  readonly codes: ReadonlyMap<string, string>;
}

/** A place that can be taken out of a text. */
export type ResultPlace = Extract<ValuePlace, { readonly form: 'text' | 'element' }>;

export interface ForwardRules {
  /** Codes of DE22, the first that has the wanted entry is written. */
  readonly entryCodes: readonly string[];
  /** Written, all of a list, where it is so; read, of each list the first. */
  readonly environments: ReadonlyMap<Environment, readonly Condition[]>;
  readonly pinEntered: readonly Condition[];
  /** How DE43 is laid out: name 25, city 13, country 2; or parts between backslashes; undefined: it is not written. */
  readonly merchantForm: 'columns' | 'backslashes' | undefined;
  /** Why a message is an advice, or a reversal, by the name that the switch has for it. */
  readonly why: NamedCodes | undefined;
  /** Fields of an answer that are handed on where both sides speak one edition. */
  readonly returned: readonly number[];
  /** Where an issuer says how a CVV or iCVV came out: nothing of it is handed on. */
  readonly valueResults: readonly ResultPlace[];
  /** Who answered, or why somebody else did, by the name that the switch has for it. */
  readonly responder: NamedCodes | undefined;
  /** Why stand-in decided, told apart further than `responder` does. */
  readonly standInReason: NamedCodes | undefined;
  /** Where an advice tells the wrong PINs in a row that stand-in has counted, as two digits; undefined: nowhere. */
  readonly wrongPins: ValuePlace | undefined;
}

export const noForwardRules: ForwardRules = {
  entryCodes: [], environments: new Map(), pinEntered: [], merchantForm: undefined, why: undefined, returned: [], valueResults: [], responder: undefined, standInReason: undefined,
  wrongPins: undefined,
};

/** @param isSecret says which fields may hold card data */
export function readForward(node: JsonNode, isSecret: (field: number) => boolean): ForwardRules {
  if (!node.present) return noForwardRules;
  node.only('entryCodes', 'environments', 'pinEntered', 'merchantForm', 'why', 'returned', 'valueResults', 'responder', 'standInReason', 'wrongPins');
  const found = new Map<Environment, readonly Condition[]>();
  for (const [name, value] of node.at('environments').present ? node.at('environments').members() : []) {
    const environment = environments.find((each) => each === name) ?? value.fail(`is none of ${environments.join(', ')}`);
    found.set(environment, readConditions(value));
  }
  return {
    entryCodes: node.at('entryCodes').present ? node.at('entryCodes').items().map((item) => item.string()) : [],
    environments: found,
    pinEntered: node.at('pinEntered').present ? readConditions(node.at('pinEntered')) : [],
    merchantForm: node.at('merchantForm').present ? node.at('merchantForm').oneOf(['columns', 'backslashes'] as const) : undefined,
    why: readNamedCodes(node.at('why')),
    returned: node.at('returned').present ? readReturned(node.at('returned'), isSecret) : [],
    valueResults: node.at('valueResults').present ? node.at('valueResults').items().map(readResult) : [],
    responder: readNamedCodes(node.at('responder')),
    standInReason: readNamedCodes(node.at('standInReason')),
    wrongPins: node.at('wrongPins').present ? readPlace(node.at('wrongPins')) : undefined,
  };
}

function readReturned(node: JsonNode, isSecret: (field: number) => boolean): number[] {
  for (const item of node.items()) if (item.field() === 2 || isSecret(item.field())) item.fail(`DE${item.field()} may carry card data and is not handed on`);
  return node.fields();
}

function readResult(node: JsonNode): ResultPlace {
  const place = readPlace(node);
  return place.form === 'text' || place.form === 'element' ? place : node.at('form').fail('a result stands in a text or in an element of one');
}

function readNamedCodes(node: JsonNode): NamedCodes | undefined {
  if (!node.present) return undefined;
  return { place: readPlace(node, 'codes'), codes: new Map(node.at('codes').members().map(([name, value]) => [name, value.string()])) };
}
