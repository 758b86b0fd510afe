/**
 * Reads a spec file's content into a `Spec`: fills in defaults and refuses what is wrong, unknown properties included, so that a spec is wrong
 * at start or not at all. Pure: reading the file is the caller's.
 */
import { JsonNode } from '../base/json-node.ts';
import { fieldNumberMax, subfieldDepthMax, tlvTagBytesMax } from '../base/limits.ts';
import { asciiAllowed } from './characters.ts';
import { emvTags } from './emv-tags.ts';
import type {
  BitmapForm, BitmappedLayout, Counts, DateForm, Encoding, Field, Kind, Layout, Part, PositionalLayout, Prefix, PrefixEncoding, Sensitive, Side, Spec, Tag, TlvLayout, Version,
} from './spec.ts';

const kinds = ['n', 'a', 's', 'an', 'as', 'ns', 'ans', 'z', 'h', 'b', 'x+n'] as const satisfies readonly Kind[];
const versions = ['1987', '1993', '2003'] as const satisfies readonly Version[];
const sides = ['left', 'right'] as const satisfies readonly Side[];
const prefixEncodings = ['ascii', 'ebcdic', 'bcd', 'binary'] as const satisfies readonly PrefixEncoding[];
const countings = ['units', 'bytes', 'nibbles'] as const satisfies readonly Counts[];
const bitmapEncodings = ['binary', 'hex', 'hex-ebcdic'] as const;
const sensitives = ['pan', 'track', 'emv', 'pin', 'cvv', 'key', 'private'] as const satisfies readonly Sensitive[];
const dateForms = ['MMDD', 'YYMM', 'YYMMDD', 'YYYYMMDD', 'hhmmss', 'MMDDhhmmss', 'YYMMDDhhmmss', 'YYYYMMDDhhmmss'] as const satisfies readonly DateForm[];

const textEncodings = ['ascii', 'ebcdic'] as const satisfies readonly Encoding[];
const digitEncodings = ['ascii', 'ebcdic', 'bcd'] as const satisfies readonly Encoding[];
const byteEncodings = ['binary', 'hex', 'hex-ebcdic'] as const satisfies readonly Encoding[];

const fieldProperties = [
  'name', 'kind', 'length', 'min', 'max', 'prefix', 'encoding', 'filler', 'padding', 'date', 'sensitive', 'subfields',
] as const;

/** A value longer than this fits no frame; six digits of length can announce it all the same. */
const unitsMax = 999_999;

/** The families of kinds that `defaults` speaks of; the text kinds share one. */
function family(kind: Kind): 'n' | 'text' | 'z' | 'h' | 'b' | 'x+n' {
  return kind === 'n' || kind === 'z' || kind === 'h' || kind === 'b' || kind === 'x+n' ? kind : 'text';
}

/** A kind of each family. */
const families = { n: 'n', text: 'ans', z: 'z', h: 'h', b: 'b', 'x+n': 'x+n' } as const satisfies Record<ReturnType<typeof family>, Kind>;

function encodingsOf(kind: Kind): readonly Encoding[] {
  if (kind === 'b') return byteEncodings;
  return family(kind) === 'text' ? textEncodings : digitEncodings;
}

/** What the file says once for all fields; each is a place, so that an error names where it was said. */
interface Defaults {
  readonly prefix: { readonly encoding: JsonNode; readonly counts: JsonNode };
  readonly kinds: Record<ReturnType<typeof family>, { readonly encoding: JsonNode; readonly filler: JsonNode; readonly padding: JsonNode }>;
}

/**
 * Checks a spec file's parsed content and returns it with its defaults filled in.
 * Throws a `SpecError` with the file's name, the JSON path and the reason.
 */
export function loadSpec(json: unknown, file: string): Spec {
  const root = new JsonNode(json, file);
  const top = root.object(['name', 'version', 'about', 'header', 'mti', 'bitmap', 'defaults', 'fields', 'unknownFields']);
  const defaults = readDefaults(top.defaults);
  const bitmap = readBitmap(top.bitmap);
  return {
    name: top.name.text(),
    version: top.version.oneOf(versions),
    about: top.about.text(),
    header: top.header.present ? readField(top.header, defaults, 0) : undefined,
    mti: { encoding: top.mti.object(['encoding']).encoding.oneOf(digitEncodings) },
    bitmap,
    fields: readFields(top.fields, defaults, bitmap, 0),
    unknownFields: top.unknownFields.present ? readField(top.unknownFields, defaults, 0) : undefined,
  };
}

function readDefaults(place: JsonNode): Defaults {
  const given = place.orEmpty().object(['prefix', 'n', 'text', 'z', 'h', 'b', 'x+n']);
  const axes = (kind: JsonNode) => kind.orEmpty().object(['encoding', 'filler', 'padding']);
  // A default that no field uses is checked as well.
  for (const [name, kind] of Object.entries(families)) {
    const { encoding, filler, padding } = axes(given[name as keyof typeof families]);
    if (encoding.present) encoding.oneOf(encodingsOf(kind));
    readFiller(filler);
    readPadding(padding, kind);
  }
  const prefix = given.prefix.orEmpty().object(['encoding', 'counts']);
  if (prefix.encoding.present) prefix.encoding.oneOf(prefixEncodings);
  return {
    prefix,
    kinds: { n: axes(given.n), text: axes(given.text), z: axes(given.z), h: axes(given.h), b: axes(given.b), 'x+n': axes(given['x+n']) },
  };
}

function readBitmap(place: JsonNode): BitmapForm {
  const { encoding, further, max } = place.object(['encoding', 'further', 'max']);
  const first = encoding.oneOf(bitmapEncodings);
  return {
    encoding: first,
    further: further.present ? further.oneOf(bitmapEncodings) : first,
    max: max.integer(1, fieldNumberMax / 64) as 1 | 2 | 3,
  };
}

/** Whether a bit announces a further bitmap rather than a field. */
export function isContinuation(bitmap: BitmapForm, field: number): boolean {
  return (field === 1 && bitmap.max > 1) || (field === 65 && bitmap.max > 2);
}

function readFields(place: JsonNode, defaults: Defaults, bitmap: BitmapForm, depth: number): ReadonlyMap<number, Field> {
  const fields = new Map<number, Field>();
  for (const [name, inner] of place.members()) {
    const field = Number(name);
    if (!/^[1-9][0-9]{0,2}$/.test(name) || field > bitmap.max * 64) inner.fail(`must be numbered 1 to ${bitmap.max * 64}, which is what the bitmap reaches`);
    if (isContinuation(bitmap, field)) inner.fail('is the bit that announces a further bitmap, and no field');
    fields.set(field, readField(inner, defaults, depth));
  }
  return new Map([...fields].sort(([a], [b]) => a - b));
}

function readField(place: JsonNode, defaults: Defaults, depth: number): Field {
  const given = place.object(fieldProperties);
  const kind = given.kind.oneOf(kinds);
  const byDefault = defaults.kinds[family(kind)];
  const prefix = readPrefix(given.prefix, defaults);
  const encodingPlace = given.encoding.present ? given.encoding : byDefault.encoding;
  if (!encodingPlace.present) given.encoding.fail(`is missing, and defaults.${family(kind)}.encoding does not give it`);
  const encoding = encodingPlace.oneOf(encodingsOf(kind));
  const { min, max } = readLength(given, prefix);
  const filler = encoding === 'bcd' ? readFiller(given.filler.present ? given.filler : byDefault.filler) : undefined;
  if (given.filler.present && encoding !== 'bcd') given.filler.fail('is for digits in bcd only');
  const padding = prefix === undefined ? readPadding(given.padding.present ? given.padding : byDefault.padding, kind) : undefined;
  if (given.padding.present && prefix !== undefined) given.padding.fail('is for fields without a prefix only');
  const field: Field = {
    name: given.name.text(),
    kind, min, max, prefix, encoding, filler, padding,
    date: given.date.present ? given.date.oneOf(dateForms) : undefined,
    sensitive: given.sensitive.present ? given.sensitive.oneOf(sensitives) : undefined,
    subfields: given.subfields.present ? readLayout(given.subfields, defaults, depth + 1) : undefined,
  };
  checkWhole(field, place, given);
  return field;
}

function readLength(given: Record<(typeof fieldProperties)[number], JsonNode>, prefix: Prefix | undefined): { min: number; max: number } {
  if (prefix === undefined) {
    if (given.max.present) given.max.fail('is for fields with a prefix; without one, give length');
    if (given.min.present) given.min.fail('is for fields with a prefix; without one, give length');
    const length = given.length.integer(0, unitsMax);
    return { min: length, max: length };
  }
  if (given.length.present) given.length.fail('is for fields without a prefix; with one, give max');
  const max = given.max.integer(0, unitsMax);
  return { min: given.min.present ? given.min.integer(0, max) : 0, max };
}

const prefixSizes = ['none', 'L', 'LL', 'LLL', 'LLLL', 'LLLLL', 'LLLLLL'] as const;

/** "LLL" with the defaults, or {size, encoding, counts}. */
function readPrefix(place: JsonNode, defaults: Defaults): Prefix | undefined {
  if (!place.present) return undefined;
  const { size, encoding, counts } = (place.isString ? place.asMember('size') : place).object(['size', 'encoding', 'counts']);
  const digits = (place.isString ? place : size).oneOf(prefixSizes);
  if (digits === 'none') return undefined;
  const encodingPlace = encoding.present ? encoding : defaults.prefix.encoding;
  if (!encodingPlace.present) place.fail('needs an encoding, and defaults.prefix.encoding does not give it');
  const countsPlace = counts.present ? counts : defaults.prefix.counts;
  const prefix: Prefix = { digits: digits.length, encoding: encodingPlace.oneOf(prefixEncodings), counts: countsPlace.present ? countsPlace.oneOf(countings) : 'units' };
  if (prefix.encoding === 'binary' && prefix.digits > 4) place.fail('has at most four bytes where it is binary');
  return prefix;
}

function readFiller(place: JsonNode): Field['filler'] {
  if (!place.present) return undefined;
  const { side, nibble } = place.object(['side', 'nibble']);
  if (!/^[0-9A-F]$/.test(nibble.text())) nibble.fail('must be one hexadecimal digit, 0 to 9 or A to F');
  return { side: side.oneOf(sides), nibble: nibble.text() };
}

function readPadding(place: JsonNode, kind: Kind): Field['padding'] {
  if (!place.present) return undefined;
  if (kind === 'b' || kind === 'x+n') place.fail('is for digits and text only');
  const { side, character } = place.object(['side', 'character']);
  const text = character.text();
  if (text.length !== 1 || asciiAllowed(kind)[text.charCodeAt(0)] !== 1) character.fail(`must be one character that ${kind} allows`);
  return { side: side.oneOf(sides), character: text };
}

/** What only shows when all axes are known. */
function checkWhole(field: Field, place: JsonNode, given: Record<(typeof fieldProperties)[number], JsonNode>): void {
  const { kind, min, max, prefix, encoding, filler, date, subfields } = field;
  if (prefix !== undefined) {
    const most = prefix.encoding === 'binary' ? 256 ** prefix.digits - 1 : 10 ** prefix.digits - 1;
    const counted = prefixCount(field, max);
    if (counted > most) given.max.fail(`its prefix can say ${most} at most`);
  } else if (encoding === 'bcd' && packedDigits(kind, max) % 2 === 1 && filler === undefined) {
    place.fail('has an odd number of digits: it needs a filler');
  }
  if (kind === 'x+n' && min < 1) (prefix === undefined ? given.length : given.min).fail('counts the sign, so it is 1 at least');
  if (prefix !== undefined && prefix.counts !== 'units' && encoding === 'bcd') checkPackedCount(field, place);
  if (date !== undefined && (kind !== 'n' || prefix !== undefined || max !== date.length)) given.date.fail(`needs kind n and length ${date.length}`);
  if (subfields === undefined) return;
  if (subfields.layout === 'positional') {
    checkParts(subfields, field, given.subfields);
  } else if (kind !== 'b' || encoding !== 'binary') {
    given.subfields.fail(`${subfields.layout} needs kind b and encoding binary`);
  }
}

/** A prefix that counts bytes leaves open whether the last digit is one: only a filler that is no digit tells. */
function checkPackedCount({ kind, prefix, filler }: Field, place: JsonNode): void {
  if (kind === 'x+n') place.fail('a prefix of x+n in bcd counts units');
  if (kind !== 'b' && prefix?.counts === 'bytes' && filler !== undefined && asciiAllowed(kind)[filler.nibble.charCodeAt(0)] === 1) {
    place.fail('a prefix that counts bytes needs a filler that is no digit of its kind');
  }
}

function packedDigits(kind: Kind, units: number): number {
  return kind === 'x+n' ? units - 1 : units;
}

/** What the prefix says for a value of `units`. */
export function prefixCount(field: Field, units: number): number {
  if (field.prefix === undefined || field.prefix.counts === 'units') return units;
  return field.prefix.counts === 'bytes' ? wireBytes(field, units) : wireNibbles(field, units);
}

/** How many bytes a value of `units` takes on the wire. */
export function wireBytes(field: Field, units: number): number {
  if (field.encoding === 'bcd') return field.kind === 'x+n' ? 1 + (units >> 1) : (units + 1) >> 1;
  return field.encoding === 'hex' || field.encoding === 'hex-ebcdic' ? units * 2 : units;
}

function wireNibbles(field: Field, units: number): number {
  return field.encoding === 'bcd' && field.kind !== 'x+n' ? units : wireBytes(field, units) * 2;
}

function checkParts(layout: PositionalLayout, field: Field, place: JsonNode): void {
  let sum = 0;
  for (const [index, part] of layout.parts.entries()) {
    if (part.length === undefined && (layout.repeat || index < layout.parts.length - 1)) place.fail('only the last part of a layout that does not repeat may leave out its length');
    sum += part.length ?? 0;
  }
  const rest = layout.parts.at(-1)?.length === undefined;
  if (sum > field.max || (field.prefix === undefined && (layout.repeat ? field.max % sum !== 0 : !rest && sum !== field.max))) {
    place.fail(`its parts have ${sum} in all, and the field has ${field.max}`);
  }
}

function readLayout(place: JsonNode, defaults: Defaults, depth: number): Layout {
  if (depth > subfieldDepthMax) place.fail(`nests deeper than ${subfieldDepthMax}`);
  const layout = place.at('layout');
  const which = layout.oneOf(['positional', 'bitmapped', 'tlv']);
  if (which === 'positional') return readPositional(place);
  return which === 'bitmapped' ? readBitmapped(place, defaults, depth) : readTlv(place);
}

function readPositional(place: JsonNode): PositionalLayout {
  const { parts, repeat } = place.object(['layout', 'parts', 'repeat']);
  const read = parts.items().map((inner): Part => {
    const { name, length, sensitive } = inner.object(['name', 'length', 'sensitive']);
    return {
      name: name.text(),
      length: length.present ? length.integer(1, unitsMax) : undefined,
      sensitive: sensitive.present ? sensitive.oneOf(sensitives) : undefined,
    };
  });
  if (read.length === 0) parts.fail('must have a part at least');
  return { layout: 'positional', repeat: repeat.present && repeat.boolean(), parts: read };
}

function readBitmapped(place: JsonNode, defaults: Defaults, depth: number): BitmappedLayout {
  const given = place.object(['layout', 'bitmap', 'fields', 'unknownFields']);
  const bitmap = readBitmap(given.bitmap);
  return {
    layout: 'bitmapped',
    bitmap,
    fields: readFields(given.fields, defaults, bitmap, depth),
    unknownFields: given.unknownFields.present ? readField(given.unknownFields, defaults, depth) : undefined,
  };
}

/** The tags that the file names, beside EMV's own where it says `"dictionary": "emv"`. */
function readTlv(place: JsonNode): TlvLayout {
  const { tags, dictionary } = place.object(['layout', 'dictionary', 'tags']);
  if (dictionary.present) dictionary.oneOf(['emv']);
  const all = new Map<string, Tag>(dictionary.present ? emvTags : []);
  for (const [tag, inner] of tags.present ? tags.members() : []) {
    if (!isTag(tag)) inner.fail('is not a BER-TLV tag in upper-case hexadecimal');
    const { name, sensitive } = inner.object(['name', 'sensitive']);
    all.set(tag, { name: name.text(), sensitive: sensitive.present ? sensitive.oneOf(sensitives) : undefined });
  }
  return { layout: 'tlv', tags: all };
}

/** ISO/IEC 8825-1, 8.1.2: more bytes follow where the low five bits of the first are set, and then while bit 8 is set. */
function isTag(text: string): boolean {
  if (!/^([0-9A-F]{2})+$/.test(text) || text.length > tlvTagBytesMax * 2) return false;
  const bytes = text.match(/../g)!.map((pair) => Number.parseInt(pair, 16));
  const last = bytes.length - 1;
  if ((bytes[0]! & 0x1f) !== 0x1f) return last === 0 && bytes[0] !== 0;
  return last > 0 && bytes.slice(1).every((byte, index) => (byte & 0x80) !== 0 === index < last - 1);
}
