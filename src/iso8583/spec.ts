/**
 * A message format as data: what a spec file says, with its defaults filled in. `loadSpec` (load.ts) is the only way to one.
 */

/** Which edition of ISO 8583 a spec speaks: it decides what the fields mean, not how they travel. */
export type Version = '1987' | '1993' | '2003';

/**
 * What a value may consist of. n digits; a letters; s other printable characters; the space goes with all but n; z track data (digits and a separator);
 * h hexadecimal digits; b bytes; x+n a C or D and digits.
 */
export type Kind = 'n' | 'a' | 's' | 'an' | 'as' | 'ns' | 'ans' | 'z' | 'h' | 'b' | 'x+n';

/** How a value travels. bcd packs two digits into a byte; hex writes bytes as hexadecimal characters. */
export type Encoding = 'ascii' | 'ebcdic' | 'bcd' | 'binary' | 'hex' | 'hex-ebcdic';

export type PrefixEncoding = 'ascii' | 'ebcdic' | 'bcd' | 'binary';

/** What a prefix counts: units of the value (digits, characters; bytes for b), or its bytes or half bytes on the wire. */
export type Counts = 'units' | 'bytes' | 'nibbles';

export interface Prefix {
  /** 1 to 6 digits; for binary 1 to 4 bytes, most significant first. */
  readonly digits: number;
  readonly encoding: PrefixEncoding;
  readonly counts: Counts;
}

export type Side = 'left' | 'right';

/** How content is masked where a person reads: pan first six and last four; track its PAN so; emv by tag; the others not shown at all. */
export type Sensitive = 'pan' | 'track' | 'emv' | 'pin' | 'cvv' | 'key' | 'private';

export type DateForm = 'MMDD' | 'YYMM' | 'YYMMDD' | 'YYYYMMDD' | 'hhmmss' | 'MMDDhhmmss' | 'YYMMDDhhmmss' | 'YYYYMMDDhhmmss';

export interface Part {
  readonly name: string;
  /** Units of the value; the last part may leave it out and takes the rest. */
  readonly length: number | undefined;
  readonly sensitive: Sensitive | undefined;
}

export interface Tag {
  readonly name: string;
  readonly sensitive: Sensitive | undefined;
}

/** Named slices of the value. A repeated layout starts again after its last part: paths are then "1.1", "1.2", … "2.1". */
export interface PositionalLayout {
  readonly layout: 'positional';
  readonly repeat: boolean;
  readonly parts: readonly Part[];
}

/** A message within the field: a bitmap of its own and subfields. */
export interface BitmappedLayout {
  readonly layout: 'bitmapped';
  readonly bitmap: BitmapForm;
  readonly fields: ReadonlyMap<number, Field>;
  readonly unknownFields: Field | undefined;
}

/** EMV data objects (ISO/IEC 8825-1): tags by upper-case hexadecimal. A tag that is not named here is kept and counted. */
export interface TlvLayout {
  readonly layout: 'tlv';
  readonly tags: ReadonlyMap<string, Tag>;
}

export type Layout = PositionalLayout | BitmappedLayout | TlvLayout;

export interface Field {
  readonly name: string;
  readonly kind: Kind;
  /** Units of the value: digits, characters, bytes; x+n counts its sign. The same as `max` where there is no prefix. */
  readonly min: number;
  readonly max: number;
  readonly prefix: Prefix | undefined;
  readonly encoding: Encoding;
  /** Where an odd digit's other half byte is, and what is written into it; it is not looked at on decoding. Absent: odd is refused. */
  readonly filler: { readonly side: Side; readonly nibble: string } | undefined;
  /** What a short value of a fixed field is filled with on encoding. Absent: it is refused. Decoding leaves padding as it is. */
  readonly padding: { readonly side: Side; readonly character: string } | undefined;
  /** Where given, content that is no such date or time is refused. */
  readonly date: DateForm | undefined;
  readonly sensitive: Sensitive | undefined;
  readonly subfields: Layout | undefined;
}

export interface BitmapForm {
  readonly encoding: 'binary' | 'hex' | 'hex-ebcdic';
  /** The encoding of the second and third. */
  readonly further: 'binary' | 'hex' | 'hex-ebcdic';
  /** How many there may be: bit 1 announces the second, bit 65 the third. */
  readonly max: 1 | 2 | 3;
}

export interface Spec {
  readonly name: string;
  readonly version: Version;
  readonly about: string;
  readonly header: Field | undefined;
  readonly mti: { readonly encoding: 'ascii' | 'ebcdic' | 'bcd' };
  readonly bitmap: BitmapForm;
  readonly fields: ReadonlyMap<number, Field>;
  /** How a field that `fields` lacks is read, if the network promises a form for those; otherwise such a message is refused. */
  readonly unknownFields: Field | undefined;
}
