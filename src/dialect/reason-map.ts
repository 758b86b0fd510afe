/**
 * Reasons to DE39 and back, as data: one file per edition of the standard, or per station that wants its own.
 *
 * A map's `codes` says what each reason of ours and each action of the standard shows on the wire; several may show the same. Its
 * `meanings` says what a counterparty's DE39 stands for. Invariant: both are complete, so that no decision and no answer
 * of ours is without its counterpart; checked when a map is loaded.
 */
import { JsonNode } from '../base/json-node.ts';
import type { Version } from '../message/message.ts';
import { reasons } from '../message/reason.ts';
import type { Reason } from '../message/reason.ts';
import { actions } from './actions.ts';

export interface ReasonMap {
  readonly name: string;
  readonly version: Version;
  /** DE39 for a reason: two, three or four characters by version. Total. */
  responseCode(reason: Reason): string;
  /** DE39 for an action code of ISO 8583:2003 (what an issuer answered on another link); undefined: not in the map. */
  responseCodeOfAction(action: string): string | undefined;
  /** The action code that a DE39 stands for; undefined: not in the map. */
  action(responseCode: string): string | undefined;
  /** The reason of ours that a DE39 stands for; undefined: not in the map, or an action for which we have no reason. */
  reason(responseCode: string): Reason | undefined;
  /** Does this DE39 say that the transaction goes ahead or that the message was accepted? One that is not in the map does not. */
  approved(responseCode: string): boolean;
}

/** Length of DE39. */
export const responseCodeLengths: Readonly<Record<Version, number>> = { '1987': 2, '1993': 3, '2003': 4 };

export const versions: readonly Version[] = ['1987', '1993', '2003'];

/** Actions that acknowledge: reversal, reconciliation, administration, fees, network management, advices. */
const acknowledgements: ReadonlySet<string> = new Set(['3000', '4000', '5000', '6000', '7000', '8000', '9000', '9001']);

/**
 * Checks a reason map file's content.
 * @throws SpecError with file, JSON path and reason
 */
export function loadReasonMap(json: unknown, file: string): ReasonMap {
  const root = new JsonNode(json, file).only('name', 'version', 'about', 'codes', 'meanings');
  const version = root.at('version').oneOf(versions);
  if (root.at('about').present) root.at('about').string();
  const meanings = readMeanings(root.at('meanings'), version);
  const codes = readCodes(root.at('codes'), version, meanings);
  return new LoadedReasonMap(root.at('name').string(), version, codes, meanings);
}

function checkResponseCode(node: JsonNode, code: string, version: Version): string {
  const length = responseCodeLengths[version];
  const form = version === '1987' ? /^[0-9A-Z]+$/ : /^[0-9]+$/;
  if (code.length === length && form.test(code)) return code;
  return node.fail(`DE39 of ${version} is ${length} ${version === '1987' ? 'digits or capital letters' : 'digits'}`);
}

function readMeanings(node: JsonNode, version: Version): Map<string, string> {
  const found = new Map<string, string>();
  for (const [code, value] of node.members()) {
    checkResponseCode(value, code, version);
    const action = value.string();
    if (!Object.hasOwn(actions, action)) value.fail('is not an action code of ISO 8583:2003');
    found.set(code, action);
  }
  return found;
}

function readCodes(node: JsonNode, version: Version, meanings: Map<string, string>): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, value] of node.members()) {
    if (!Object.hasOwn(actions, key) && !Object.hasOwn(reasons, key)) value.fail('is neither a reason nor an action code of ISO 8583:2003');
    const code = checkResponseCode(value, value.string(), version);
    if (!meanings.has(code)) value.fail('has no entry in "meanings"');
    found.set(key, code);
  }
  for (const key of Object.keys(reasons)) {
    if (!found.has(key)) node.at(key).fail('this reason has no response code');
  }
  for (const key of Object.keys(actions)) {
    if (!found.has(key)) node.at(key).fail('this action has no response code');
  }
  return found;
}

class LoadedReasonMap implements ReasonMap {
  readonly name: string;
  readonly version: Version;
  readonly #codes: ReadonlyMap<string, string>;
  readonly #meanings: ReadonlyMap<string, string>;

  constructor(name: string, version: Version, codes: ReadonlyMap<string, string>, meanings: ReadonlyMap<string, string>) {
    this.name = name;
    this.version = version;
    this.#codes = codes;
    this.#meanings = meanings;
  }

  responseCode(reason: Reason): string {
    return this.#codes.get(reason)!;
  }

  responseCodeOfAction(action: string): string | undefined {
    return this.#codes.get(action);
  }

  action(responseCode: string): string | undefined {
    return this.#meanings.get(responseCode);
  }

  reason(responseCode: string): Reason | undefined {
    const action = this.#meanings.get(responseCode);
    return action !== undefined && Object.hasOwn(reasons, action) ? (action as Reason) : undefined;
  }

  approved(responseCode: string): boolean {
    const action = this.#meanings.get(responseCode);
    return action !== undefined && (action.startsWith('0') || acknowledgements.has(action));
  }
}
