/**
 * From an acquirer's message to the message for an issuer, in another dialect and format. A field that both sides have with one meaning is
 * taken over, what the editions say differently is said again, and what has no place on the other side stays behind: the answer to the
 * acquirer is made of its own message.
 *
 * Refuses (a fault) a message that cannot be told to the issuer. Invariant: no PIN block of the acquirer's, no key data and no MAC is
 * ever taken over.
 */
import type { Message } from '../iso8583/codec.ts';
import type { Draft } from '../iso8583/draft.ts';
import type { Field, Spec } from '../iso8583/spec.ts';
import type { SentReference } from '../message/advice.ts';
import { reasons } from '../message/reason.ts';
import type { Reason } from '../message/reason.ts';
import type { Secret } from '../message/secret.ts';
import { readEntry } from './card-data.ts';
import type { Dialect } from './dialect.ts';
import { isDigits, trimmed } from './digits.ts';
import { additionalAmounts } from './forward-amounts.ts';
import { readEnvironment } from './forward-place.ts';
import { mtiOf, writeSaid } from './forward-write.ts';
import type { ForwardFault, OriginalNamed, Side } from './forward-write.ts';
import type { CardMeaning } from './meaning.ts';
import { firstText, writePlace } from './places.ts';
import type { PinFormat } from './rules.ts';

/** Two sides, and what of a message of the one is taken over to the other as it is. Made once, by `forwardRoute`. */
export interface ForwardRoute {
  readonly source: Side;
  readonly target: Side;
  readonly sameVersion: boolean;
  readonly sameDialect: boolean;
  /** Ascending. */
  readonly taken: readonly number[];
}

/** What the switch says for itself in a message that it sends on. */
export interface OwnValues {
  /** Digits, at most six, or twelve in 2003. */
  readonly stan: string;
  /** MMDDhhmmss, UTC. */
  readonly transmittedAt: string;
  /** CCYYMMDDhhmmss: gives the year where the acquirer's edition has none, and stands where it says no time. */
  readonly localAt: string;
  /** For DE37 where the acquirer gave none; empty: none. */
  readonly rrn?: string;
  /** DE33; empty: the acquirer's. */
  readonly forwardingInstitution?: string;
  /** Under the issuer's zone key. */
  readonly pin?: { readonly block: Secret<string>; readonly newBlock: Secret<string> | undefined; readonly format: PinFormat } | undefined;
  /** The original as it was sent to this issuer; undefined: as the acquirer names it. */
  readonly original?: SentReference | undefined;
  /** Of a request: what the switch would decide, for the issuer to see in DE39 and DE38. */
  readonly proposal?: { readonly reason: Reason; readonly approvalCode: string } | undefined;
  /** It may have reached the issuer before. */
  readonly isRepeat?: boolean;
}

/** Fields that mean the same, in the same form, in every edition. */
const common: readonly number[] = [10, 16, 17, 19, 20, 23, 35, 36, 45, 98, 100, 102, 103];

/** Said again in any case, or with a place of its own; or never handed on: keys, PINs, MACs. */
const ownFields = new Set([2, 3, 4, 6, 7, 11, 12, 14, 32, 33, 37, 38, 39, 41, 42, 43, 52, 53, 54, 55, 64, 65, 96, 128]);

/** Said again in one edition. */
const ownFieldsOf = { '1987': [13, 18, 49, 51, 90, 95], '1993': [24, 26, 30, 49, 51, 56], '2003': [24, 26, 30, 56] } as const;

export function forwardRoute(source: Side, target: Side): ForwardRoute {
  const { version, name } = source.dialect;
  const sameVersion = version === target.dialect.version;
  const sameDialect = sameVersion && name === target.dialect.name;
  const isThere = (field: number): boolean => source.spec.fields.has(field) && target.spec.fields.has(field);
  if (!sameVersion) return { source, target, sameVersion, sameDialect, taken: common.filter(isThere) };
  const left = new Set<number>([...ownFields, ...ownFieldsOf[version], ...secretPlaces(source.dialect), ...secretPlaces(target.dialect)]);
  const taken = [...source.spec.fields].filter(([field, { sensitive }]) => isThere(field) && !left.has(field) && isTaken(sensitive, sameDialect)).map(([field]) => field);
  return { source, target, sameVersion, sameDialect, taken: taken.sort((one, other) => one - other) };
}

/** Fields with a PIN or what its key is found by: they are the acquirer's zone's. */
function secretPlaces({ pin }: Dialect): number[] {
  return [...pin.blocks.map(({ place }) => place), ...pin.newBlocks, ...pin.keySerials].map(({ field }) => field);
}

/** What is private between two parties means nothing, or something else, to those who speak another dialect. */
function isTaken(sensitive: Field['sensitive'], sameDialect: boolean): boolean {
  return sensitive === undefined || sensitive === 'pan' || sensitive === 'track' || (sameDialect && (sensitive === 'private' || sensitive === 'cvv'));
}

/**
 * The request, advice or notification for the issuer, written into `draft` (cleared first).
 * @returns why it cannot be told to this issuer; then the draft is of no use
 */
export function draftForwarded({ message, meaning }: { readonly message: Message; readonly meaning: CardMeaning }, route: ForwardRoute, own: OwnValues, draft: Draft): ForwardFault | undefined {
  const { source, target } = route;
  const { dialect, spec } = target;
  draft.clear(mtiOf(dialect.version, meaning.class, meaning.function, own.isRepeat ?? false));
  // Where the editions differ, nothing is written into what is taken over: then the little that is goes in last, which is cheaper.
  if (route.sameVersion) takeOverAll(draft, message, route);
  const keepsPoint = route.sameVersion && saysTheSame(message, meaning, target.dialect);
  if (keepsPoint) takeOver(draft, message, dialect.entryModes.field, spec.fields.get(dialect.entryModes.field));
  const fault = writeSaid(draft, saidOf(message, meaning, route, own, keepsPoint), target);
  if (fault !== undefined) return fault;
  if (!route.sameVersion) takeOverAll(draft, message, route);
  const amounts = message.text(54);
  if (amounts !== undefined && spec.fields.has(54)) {
    const written = additionalAmounts(amounts, source.dialect, dialect);
    if (written !== '' && written.length <= spec.fields.get(54)!.max) draft.set(54, written);
  }
  return writeVerification(draft, message, meaning, route) ?? writePin(draft, own, target);
}

/** Is the point of service of one edition understood by the target as the source meant it? */
function saysTheSame(message: Message, meaning: CardMeaning, { entryModes: rules }: Dialect): boolean {
  const text = message.text(rules.field);
  if (text === undefined || rules.form === 'bits') return true;
  return (rules.codes.get(text.slice(rules.at, rules.at + rules.length))?.mode ?? 'unknown') === meaning.entryMode;
}

function saidOf(message: Message, meaning: CardMeaning, { source, target, sameVersion, sameDialect }: ForwardRoute, own: OwnValues, keepsPoint: boolean): Parameters<typeof writeSaid>[1] {
  const { version } = source.dialect;
  const functionCode = version === '1987' ? undefined : message.text(24);
  const meansTheSame = functionCode !== undefined && meaning.class !== 'reversal' && target.dialect.functionCodes !== undefined &&
    target.dialect.functionCodes.get(functionCode) === source.dialect.functionCodes?.get(functionCode) && target.dialect.functionCodes.has(functionCode);
  const code = meaning.function === 'request' || meaning.class === 'reversal' ? undefined : message.text(39);
  return {
    class: meaning.class, function: meaning.function, isRepeat: own.isRepeat ?? false, purpose: meaning.purpose, pan: meaning.pan,
    processingCode: meaning.processingCode, plainPurpose: source.dialect.processingCodes.get(meaning.processingCode.slice(0, 2)) ?? 'unsupported',
    amount: meaning.amount, billing: meaning.billing, actualMinor: meaning.actualMinor, partialAllowed: meaning.partialAllowed, isMarked: sameDialect,
    stan: own.stan, transmittedAt: own.transmittedAt, localAt: localOf(meaning), localNow: own.localAt,
    expiry: meaning.expiry,
    point: keepsPoint ? undefined : {
      entryMode: meaning.entryMode, trackValue: readEntry(message, source.dialect).trackValue, pinEntered: meaning.pin !== undefined,
      environment: readEnvironment(message, source.dialect, meaning.cardPresent, meaning.entryMode),
    },
    functionCode: meansTheSame ? functionCode : undefined,
    category: meaning.merchant.category, acquirer: message.text(32) ?? '', forwardingInstitution: own.forwardingInstitution || (message.text(33) ?? ''),
    rrn: meaning.rrn === '' ? (own.rrn ?? '') : meaning.rrn, approvalCode: own.proposal?.approvalCode ?? meaning.approvalCode,
    action: own.proposal !== undefined ? reasons[own.proposal.reason].action : code === undefined ? '' : (source.dialect.reasons.action(code) ?? '1000'),
    terminal: meaning.trace.terminal, merchantId: trimmed(message.text(42)),
    merchantName: source.dialect.merchantNameField === undefined ? '' : trimmed(message.text(source.dialect.merchantNameField)),
    original: originalOf(meaning, own.original),
    why: meaning.class === 'reversal' && version === '1987' && !sameVersion ? 'customer' : '',
  };
}

/** A date without a time, or the other way round, is none. */
function localOf({ trace: { localAt } }: CardMeaning): string {
  return localAt.length >= 10 ? localAt : '';
}

function originalOf({ original, trace }: CardMeaning, sent: SentReference | undefined): OriginalNamed | undefined {
  if (sent !== undefined) return { ...sent, function: original?.function ?? 'request' };
  return original === undefined ? undefined : { ...original, acquirer: original.acquirer === '' ? trace.acquirer : original.acquirer };
}

function takeOverAll(draft: Draft, message: Message, { taken, target: { spec } }: ForwardRoute): void {
  for (const field of taken) if (message.has(field)) takeOver(draft, message, field, spec.fields.get(field));
}

/** Takes a field over where what it holds fits. */
export function takeOver(draft: Draft, message: Message, number: number, field: Field | undefined): void {
  if (field === undefined || !message.has(number)) return;
  const from = message.codec.spec.fields.get(number);
  if (from === field || fits(message, number, field, from)) draft.copy(message, number);
}

function fits(message: Message, number: number, field: Field, from: Field | undefined): boolean {
  if ((field.kind === 'b') !== (from?.kind === 'b') || field.subfields?.layout !== from?.subfields?.layout) return false;
  const text = message.text(number) ?? '';
  const units = field.kind === 'b' ? text.length / 2 : text.length;
  return units <= field.max && units >= field.min && (field.kind !== 'n' || isDigits(text));
}

/** CVV2, chip data and authentication value. Where both speak one dialect, all but the chip's is in fields that were taken over. */
function writeVerification(draft: Draft, message: Message, meaning: CardMeaning, { source, target, sameDialect }: ForwardRoute): ForwardFault | undefined {
  const { dialect, spec } = target;
  if (message.has(55)) {
    const field = spec.fields.get(55);
    const bytes = message.bytes(55);
    if (field?.kind === 'b' && bytes !== undefined && bytes.length <= field.max) draft.setBytes(55, bytes);
    else if (meaning.chip !== undefined) return { field: 55, text: `the format ${spec.name} has no room for the chip's data` };
  }
  if (sameDialect) return undefined;
  const cvv2 = firstText(message, source.dialect.cvv2, 'characters');
  if (isDigits(cvv2) && (cvv2.length === 3 || cvv2.length === 4)) dialect.cvv2.some((place) => writePlace(draft, spec, place, cvv2, 'characters'));
  const { authentication } = meaning;
  if (authentication === undefined) return undefined;
  const written = dialect.authentication.values.some((place) => writePlace(draft, spec, place, authentication.value.reveal(), 'hex'));
  if (written && authentication.transactionId !== '') dialect.authentication.transactionIds.some((place) => writePlace(draft, spec, place, authentication.transactionId, 'characters'));
  return undefined;
}

/** As networks write them, where the target takes them for the format. */
const usualFormatCodes: Readonly<Record<PinFormat, string>> = { 0: '01', 1: '05', 3: '47', 4: '48' };

/** DE53 up to its format code: zone encryption, DES or AES; then the zone key's index. */
const controlBegins = '20010001';

/** A PIN that is asked to be checked and cannot be told is no PIN forgotten: it is a fault. */
function writePin(draft: Draft, { pin }: OwnValues, { dialect, spec }: Side): ForwardFault | undefined {
  if (pin === undefined) return undefined;
  const { blocks, newBlocks, formats } = dialect.pin;
  const rule = blocks.find(({ format }) => (format === 4) === (pin.format === 4)) ?? blocks[0];
  if (rule === undefined || !writePlace(draft, spec, rule.place, pin.block.reveal(), 'hex')) return noRoom(spec, rule?.place.field ?? 52);
  if (pin.newBlock !== undefined) {
    const [place] = newBlocks;
    if (place === undefined || !writePlace(draft, spec, place, pin.newBlock.reveal(), 'hex')) return noRoom(spec, place?.field ?? 52);
  }
  for (const { place, codes } of formats) {
    const usual = usualFormatCodes[pin.format];
    const code = codes.get(usual) === pin.format ? usual : [...codes].find(([, format]) => format === pin.format)?.[0];
    if (code === undefined || !spec.fields.has(place.field)) continue;
    if (place.field === 53) draft.set(53, controlBegins.padEnd(16, '0'));
    writePlace(draft, spec, place, code, 'hex');
    break;
  }
  return undefined;
}

function noRoom(spec: Spec, field: number): ForwardFault {
  return { field, text: `the format ${spec.name} has no place for the PIN` };
}
