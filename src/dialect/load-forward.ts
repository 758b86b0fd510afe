/**
 * Reads what a dialect says for messages that the switch writes itself, to an issuer, and for what it hands back of an issuer's answers.
 * Every setting may be left out: then nothing is said in that place.
 */
import type { JsonNode } from '../base/json-node.ts';
import type { Condition } from './conditions.ts';
import { readConditions } from './conditions.ts';
import { readPlace } from './load-places.ts';
import { environments } from './rules.ts';
import type { Environment, ForwardRules, NamedCodes, ResultPlace } from './rules.ts';

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
