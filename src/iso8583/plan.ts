/**
 * A field's axes (encoding, prefix, padding) combined into what the walk over the bytes needs: small integers and tables, nothing to interpret.
 * Made once per spec; all plans have one shape, so that the walk stays fast.
 */
import {
  asciiAllowed, asciiOfEbcdic, ebcdicAllowed, ebcdicOfAscii, nibbleOfCode, packedAllowed,
} from './characters.ts';
import { isContinuation, wireBytes } from './load.ts';
import type { BitmapForm, Field, Kind, PrefixEncoding, Tag } from './spec.ts';

/** How a value lies in the bytes. */
export const charsForm = 0;
export const packedForm = 1;
export const bytesForm = 2;
export const hexForm = 3;
export const signedCharsForm = 4;
export const signedPackedForm = 5;

export const noPrefix = 0;
export const prefixForms: Record<PrefixEncoding, number> = { ascii: 1, ebcdic: 2, bcd: 3, binary: 4 };
export const countForms = { units: 0, bytes: 1, nibbles: 2 } as const;

/** What is checked in a value beyond its characters. */
export const plainContent = 0;
export const dateContent = 1;
export const bitmappedContent = 2;
export const tlvContent = 3;

const none = new Uint8Array(256);

/** Tables are shared by all fields of a kind. */
const cache = new Map<string, Uint8Array>();
function table(name: string, make: () => Uint8Array): Uint8Array {
  const made = cache.get(name) ?? make();
  cache.set(name, made);
  return made;
}

/** ASCII codes are themselves. */
export const asciiOfAscii = Uint8Array.from({ length: 256 }, (_, code) => code);

export class FieldPlan {
  readonly number: number;
  readonly path: string;
  readonly field: Field;
  readonly unknown: boolean;
  readonly min: number;
  readonly max: number;
  readonly form: number;
  readonly prefixForm: number;
  readonly prefixBytes: number;
  readonly countForm: number;
  /** Bytes of the value on the wire, where there is no prefix. */
  readonly fixedBytes: number;
  /** By byte: for characters whether the kind allows it, for packed digits which halves. */
  readonly allowed: Uint8Array;
  /** From a byte to the character that it stands for. */
  readonly asciiOf: Uint8Array;
  /** From a character to its byte (0: not allowed), or to its half byte (255: no digit). */
  readonly wireOf: Uint8Array;
  readonly ebcdic: boolean;
  readonly fillerLeft: boolean;
  readonly hasFiller: boolean;
  readonly fillerNibble: number;
  readonly hasPadding: boolean;
  readonly padLeft: boolean;
  /** The padding as a byte or half byte. */
  readonly padWire: number;
  readonly content: number;
  readonly table: FieldTable | undefined;
  readonly tags: TagTable | undefined;

  constructor(number: number, path: string, field: Field, unknown: boolean) {
    const { kind, encoding, prefix, filler, padding, subfields } = field;
    this.number = number;
    this.path = path;
    this.field = field;
    this.unknown = unknown;
    this.min = field.min;
    this.max = field.max;
    this.form = formOf(field);
    this.prefixForm = prefix === undefined ? noPrefix : prefixForms[prefix.encoding];
    this.prefixBytes = prefix === undefined ? 0 : prefix.encoding === 'bcd' ? (prefix.digits + 1) >> 1 : prefix.digits;
    this.countForm = prefix === undefined ? countForms.units : countForms[prefix.counts];
    this.fixedBytes = wireBytes(field, field.max);
    this.ebcdic = encoding === 'ebcdic' || encoding === 'hex-ebcdic';
    this.asciiOf = this.ebcdic ? asciiOfEbcdic : asciiOfAscii;
    this.allowed = kind === 'b' ? none : allowedOf(kind, encoding === 'bcd', this.ebcdic);
    this.wireOf = kind === 'b' ? none : wireOf(kind, encoding === 'bcd', this.ebcdic);
    this.hasFiller = filler !== undefined;
    this.fillerLeft = filler?.side === 'left';
    this.fillerNibble = Number.parseInt(filler?.nibble ?? '0', 16);
    this.hasPadding = padding !== undefined;
    this.padLeft = padding?.side === 'left';
    this.padWire = padding === undefined ? 0 : this.wireOf[padding.character.charCodeAt(0)]!;
    this.content = subfields?.layout === 'bitmapped' ? bitmappedContent : subfields?.layout === 'tlv' ? tlvContent : field.date === undefined ? plainContent : dateContent;
    this.table = subfields?.layout === 'bitmapped' ? new FieldTable(subfields.bitmap, subfields.fields, subfields.unknownFields, path) : undefined;
    this.tags = subfields?.layout === 'tlv' ? new TagTable(subfields.tags) : undefined;
  }
}

function formOf({ kind, encoding }: Field): number {
  if (kind === 'b') return encoding === 'binary' ? bytesForm : hexForm;
  if (kind === 'x+n') return encoding === 'bcd' ? signedPackedForm : signedCharsForm;
  return encoding === 'bcd' ? packedForm : charsForm;
}

function allowedOf(kind: Exclude<Kind, 'b'>, packed: boolean, ebcdic: boolean): Uint8Array {
  if (packed) return table(`packed ${kind}`, () => packedAllowed(kind as 'n'));
  return ebcdic ? table(`ebcdic ${kind}`, () => ebcdicAllowed(kind)) : table(`ascii ${kind}`, () => asciiAllowed(kind));
}

function wireOf(kind: Exclude<Kind, 'b'>, packed: boolean, ebcdic: boolean): Uint8Array {
  if (packed) return table(`nibbles ${kind}`, () => nibbleOfCode(kind as 'n'));
  const ascii = asciiAllowed(kind);
  const toWire = ebcdic ? ebcdicOfAscii : asciiOfAscii;
  return table(`wire ${ebcdic} ${kind}`, () => Uint8Array.from(ascii, (allowed, code) => (allowed === 1 ? toWire[code]! : 0)));
}

/** The fields of a message, or of a bitmapped field, by number; unknown ones stand where the spec has a form for them. */
export class FieldTable {
  readonly bitmap: BitmapForm;
  readonly path: string;
  readonly plans: readonly (FieldPlan | undefined)[];

  constructor(bitmap: BitmapForm, fields: ReadonlyMap<number, Field>, unknownFields: Field | undefined, path: string) {
    this.bitmap = bitmap;
    this.path = path === '' ? 'bitmap' : `${path}.bitmap`;
    this.plans = Array.from({ length: bitmap.max * 64 + 1 }, (_, number) => {
      const field = fields.get(number);
      const inner = path === '' ? `${number}` : `${path}.${number}`;
      if (field !== undefined) return new FieldPlan(number, inner, field, false);
      return unknownFields === undefined || number === 0 || isContinuation(bitmap, number) ? undefined : new FieldPlan(number, inner, unknownFields, true);
    });
  }
}

/** Which tags a spec names; tags of one or two bytes, nearly all, are found without hashing. */
export class TagTable {
  readonly tags: ReadonlyMap<string, Tag>;
  readonly #short = new Uint8Array(0x10000 / 8);
  readonly #long = new Set<number>();

  constructor(tags: ReadonlyMap<string, Tag>) {
    this.tags = tags;
    for (const text of tags.keys()) {
      const tag = Number.parseInt(text, 16);
      if (tag < 0x10000) this.#short[tag >> 3]! |= 1 << (tag & 7);
      else this.#long.add(tag);
    }
  }

  has(tag: number): boolean {
    return tag < 0x10000 ? (this.#short[tag >> 3]! & (1 << (tag & 7))) !== 0 : this.#long.has(tag);
  }
}
