/** From a dialect file's content to a checked `Dialect`. Everything is refused here, at start, and nothing later. */
import { JsonNode, SpecError } from '../base/json-node.ts';
import type { Spec } from '../iso8583/spec.ts';
import type { EntryMode, MessageClass, Purpose, Version } from '../message/message.ts';
import { readConditions, readMask } from './conditions.ts';
import type { Dialect } from './dialect.ts';
import { readFileActionRules } from './file-action.ts';
import { readForward } from './load-forward.ts';
import { readAuthentication, readCvv2Places, readKeyChange, readPin, secretFields } from './load-places.ts';
import { issuerOrders } from './meaning.ts';
import type { NetworkFunction } from './meaning.ts';
import { responseCodeLengths, versions } from './reason-map.ts';
import type { ReasonMap } from './reason-map.ts';
import { functionMeanings } from './rules.ts';
import type { AmountForm, AnswerRules, Entry, EntryModes, FunctionMeaning, TrackValue } from './rules.ts';
import { readToAcquirer } from './to-acquirer.ts';

const purposes: readonly Purpose[] = ['purchase', 'cash', 'refund', 'balanceInquiry', 'verification', 'preauthorization', 'pinChange', 'unsupported'];
const modes: readonly EntryMode[] = ['chip', 'contactless', 'stripe', 'fallback', 'manual', 'ecommerce', 'unknown'];
const trackValues: readonly TrackValue[] = ['cvv', 'icvv', 'dynamic', 'none'];
const networkFunctions: readonly NetworkFunction[] = ['signOn', 'signOff', 'echo', 'keyChange', 'cutover', ...issuerOrders, 'other'];

/** Card data of any version: never in an answer, never in a digest. DE48 and, in 2003, DE49 carry verification values. */
const cardDataFields: ReadonlySet<number> = new Set([14, 34, 35, 36, 45, 48, 52, 53, 55]);

/** What an answer says for itself. */
const ownFields: ReadonlySet<number> = new Set([38, 39, 54]);

function isCardData(field: number, version: Version): boolean {
  return cardDataFields.has(field) || (version === '2003' && field === 49);
}

/**
 * Checks a dialect file's content.
 * @param reasons the map that the station names, or its version's
 * @throws SpecError with file, JSON path and reason
 */
export function loadDialect(json: unknown, file: string, reasons: ReasonMap): Dialect {
  const root = new JsonNode(json, file).only(
    'name', 'version', 'about', 'required', 'amounts', 'processingCodes', 'functionCodes', 'preauthorization', 'completion',
    'approvalCodeCompletes', 'partialApproval', 'cardNotPresent', 'entryModes', 'cvv2', 'pin', 'authentication', 'tracks',
    'merchant', 'network', 'keyChange', 'fingerprint', 'answer', 'forward', 'toAcquirer', 'fileAction',
  );
  const version = root.at('version').oneOf(versions);
  if (reasons.version !== version) root.at('version').fail(`the reason map ${reasons.name} is one of ${reasons.version}`);
  if (root.at('about').present) root.at('about').string();
  const tracks = root.at('tracks').only('track2ValueAt', 'track1ValueAt');
  const merchant = root.at('merchant').only('categoryFields', 'nameField');
  const cvv2 = readCvv2Places(root.at('cvv2'));
  const pin = readPin(root.at('pin'));
  const authentication = readAuthentication(root.at('authentication'));
  const keyChange = readKeyChange(root.at('keyChange'));
  const secret = secretFields(cvv2, pin, authentication, keyChange);
  const isSecret = (field: number): boolean => isCardData(field, version) || secret.has(field);
  return {
    name: root.at('name').string(),
    version,
    reasons,
    required: readRequired(root.at('required')),
    amounts: readAmounts(root.at('amounts'), version),
    processingCodes: readProcessingCodes(root.at('processingCodes')),
    functionCodes: readFunctionCodes(root.at('functionCodes'), version),
    preauthorization: readConditions(root.at('preauthorization')),
    completion: readConditions(root.at('completion')),
    approvalCodeCompletes: root.at('approvalCodeCompletes').boolean(),
    partialApproval: readConditions(root.at('partialApproval')),
    cardNotPresent: readConditions(root.at('cardNotPresent')),
    entryModes: readEntryModes(root.at('entryModes')),
    cvv2,
    pin,
    authentication,
    track2ValueAt: tracks.at('track2ValueAt').integer(-40, 40),
    track1ValueAt: tracks.at('track1ValueAt').integer(-80, 80),
    merchantCategoryFields: merchant.at('categoryFields').fields(),
    merchantNameField: merchant.at('nameField').present ? merchant.at('nameField').field() : undefined,
    network: readNetwork(root.at('network')),
    keyChange,
    fingerprint: readFieldsWithout(root.at('fingerprint'), isSecret, 'goes into no digest', false, new Set()),
    answer: readAnswer(root.at('answer'), isSecret),
    forward: readForward(root.at('forward'), isSecret),
    toAcquirer: readToAcquirer(root.at('toAcquirer'), version),
    fileAction: readFileActionRules(root.at('fileAction'), version, isSecret),
  };
}

function readRequired(node: JsonNode): Record<MessageClass, readonly number[]> {
  node.only('authorization', 'financial', 'reversal');
  return { authorization: node.at('authorization').fields(), financial: node.at('financial').fields(), reversal: node.at('reversal').fields() };
}

function readAmounts(node: JsonNode, version: Version): AmountForm {
  node.only('form', 'currencyField', 'billingCurrencyField');
  const form = node.at('form').oneOf(['digits', 'composite'] as const);
  if (form === 'digits') return { form, currencyField: node.at('currencyField').field(), billingCurrencyField: node.at('billingCurrencyField').field() };
  if (version !== '2003') node.at('form').fail('only messages of 2003 have the currency in the amount');
  node.only('form');
  return { form, currencyField: undefined, billingCurrencyField: undefined };
}

function readProcessingCodes(node: JsonNode): Map<string, Purpose> {
  const found = new Map<string, Purpose>();
  for (const [code, value] of node.members()) {
    if (!/^[0-9A-Z]{2}$/.test(code)) value.fail('a transaction type is the first two characters of DE3');
    found.set(code, value.oneOf(purposes));
  }
  return found;
}

function readFunctionCodes(node: JsonNode, version: Version): Map<string, FunctionMeaning> | undefined {
  if (version === '1987') return node.present ? node.fail('1987 has no function codes') : undefined;
  const found = new Map<string, FunctionMeaning>();
  for (const [code, value] of node.members()) {
    if (!/^[124][0-9]{2}$/.test(code)) value.fail('a function code of card messages is 1xx, 2xx or 4xx');
    const meaning = value.oneOf(functionMeanings);
    if (meaning.endsWith('Reversal') !== code.startsWith('4')) value.fail('4xx, and no other, are codes of reversals');
    found.set(code, meaning);
  }
  return found;
}

function readEntry(node: JsonNode): Entry {
  return {
    mode: node.at('mode').oneOf(modes),
    cardPresent: node.at('cardPresent').present ? node.at('cardPresent').boolean() : true,
    trackValue: node.at('trackValue').oneOf(trackValues),
  };
}

function readEntryModes(node: JsonNode): EntryModes {
  const field = node.at('field').field();
  if (node.at('codes').present) {
    node.only('field', 'at', 'length', 'codes');
    const length = node.at('length').integer(1, 12);
    const codes = new Map<string, Entry>();
    for (const [code, value] of node.at('codes').members()) {
      if (code.length !== length) value.fail(`a code here has ${length} characters`);
      codes.set(code, readEntry(value.only('mode', 'cardPresent', 'trackValue')));
    }
    return { form: 'codes', field, at: node.at('at').integer(0, 11), length, codes };
  }
  node.only('field', 'rules');
  const rules = node.at('rules').items().map((rule) => {
    rule.only('bits', 'mode', 'cardPresent', 'trackValue');
    const bits = rule.at('bits').items().map((bit) => {
      bit.only('byte', 'mask');
      return { byte: bit.at('byte').integer(0, 255), mask: readMask(bit.at('mask')) };
    });
    if (bits.length === 0) rule.at('bits').fail('at least one is needed');
    return { bits, entry: readEntry(rule) };
  });
  return { form: 'bits', field, rules };
}

function readNetwork(node: JsonNode): Dialect['network'] {
  node.only('field', 'codes', 'own', 'dateField');
  const codes = new Map<string, NetworkFunction>();
  for (const [code, value] of node.at('codes').members()) {
    if (!/^[0-9]{3}$/.test(code)) value.fail('a network management code has three digits');
    codes.set(code, value.oneOf(networkFunctions));
  }
  const own = new Map<NetworkFunction, string>();
  for (const [name, value] of node.at('own').present ? node.at('own').members() : []) {
    const code = value.string();
    if (codes.get(code) !== name) value.fail(`is no code of ${name} in "codes"`);
    own.set(name as NetworkFunction, code);
  }
  return { field: node.at('field').field(), codes, own, dateField: node.at('dateField').present ? node.at('dateField').field() : undefined };
}

/** Ascending field numbers, none of them card data. */
function readFieldsWithout(node: JsonNode, isSecret: (field: number) => boolean, why: string, panAllowed: boolean, written: ReadonlySet<number>): number[] {
  let last = 0;
  return node.items().map((item) => {
    const field = item.field();
    if (isSecret(field) || (field === 2 && !panAllowed)) item.fail(`DE${field} may carry card data and ${why}`);
    if (written.has(field)) item.fail(`DE${field} of an answer is the answer's own`);
    if (field <= last) item.fail('field numbers are listed once and ascending');
    last = field;
    return field;
  });
}

function readAnswer(node: JsonNode, isSecret: (field: number) => boolean): AnswerRules {
  node.only('echo', 'networkEcho', 'faultField', 'originalAmountType', 'ledgerAmountType', 'availableAmountType', 'chipResponseCode');
  const type = (key: string): string => {
    const text = node.at(key).string();
    return /^[0-9]{2}$/.test(text) ? text : node.at(key).fail('an amount type of DE54 has two digits');
  };
  return {
    echo: readFieldsWithout(node.at('echo'), isSecret, 'is not echoed', true, ownFields),
    networkEcho: readFieldsWithout(node.at('networkEcho'), isSecret, 'is not echoed', false, ownFields),
    faultField: node.at('faultField').present ? node.at('faultField').field() : undefined,
    originalAmountType: node.at('originalAmountType').present ? type('originalAmountType') : undefined,
    ledgerAmountType: type('ledgerAmountType'),
    availableAmountType: type('availableAmountType'),
    chipResponseCode: node.at('chipResponseCode').present ? node.at('chipResponseCode').boolean() : true,
  };
}

/**
 * Checks that a dialect and a message format go together, so that every answer can be encoded.
 * @throws SpecError naming the spec, the field and what is different
 */
export function checkSpec(dialect: Dialect, spec: Spec): void {
  const refuse = (path: string, why: string): never => {
    throw new SpecError(spec.name, path, `${why} (dialect ${dialect.name})`);
  };
  if (spec.version !== dialect.version) refuse('$.version', `is ${spec.version}, and the dialect speaks ${dialect.version}`);
  const lengths: readonly (readonly [number, number])[] = [
    [39, responseCodeLengths[dialect.version]],
    [4, dialect.amounts.form === 'composite' ? 16 : 12],
    ...(dialect.amounts.currencyField === undefined ? [] : [[dialect.amounts.currencyField, 3] as const]),
    [11, dialect.version === '2003' ? 12 : 6],
  ];
  for (const [field, length] of lengths) {
    const found = spec.fields.get(field);
    if (found === undefined) refuse(`$.fields.${field}`, 'is missing');
    else if (found.max !== length) refuse(`$.fields.${field}`, `has ${found.max} characters, expected ${length}`);
  }
}
