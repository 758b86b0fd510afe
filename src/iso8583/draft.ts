/**
 * A message being written: values by field number, in ascending order, so that encoding is one walk. It knows no spec: what a value may be
 * is checked by the codec that encodes it.
 */
import { EncodeError } from './errors.ts';
import type { TagEntry } from './tlv.ts';
import { tlvBytes } from './tlv.ts';
import { fieldNumberMax } from '../base/limits.ts';

/** What a field can be taken over from: a decoded message. */
export interface FieldSource {
  has(field: number): boolean;
  text(field: number): string | undefined;
  bytes(field: number): Uint8Array | undefined;
}

/** What a draft holds for a field: text, bytes, the same field of a decoded message, or the subfields of a bitmapped one. */
export type DraftValue = string | Uint8Array | FieldSource | Draft;

export class Draft {
  /** Four digits. */
  mti: string;
  /** The header's text, for a spec that has one. */
  header = '';
  /** Ascending; the codec reads both, `set` and its siblings write them. */
  readonly numbers: number[] = [];
  readonly values: DraftValue[] = [];

  constructor(mti: string) {
    this.mti = mti;
  }

  /** Sets a field to text as `Message.text` gives it; a fixed field that is too short is padded as the spec says. */
  set(field: number, value: string): this {
    return this.#put(field, value);
  }

  /** Sets a binary field. The bytes are read when the draft is encoded. */
  setBytes(field: number, bytes: Uint8Array): this {
    return this.#put(field, bytes);
  }

  /** Sets a BER-TLV field to these objects, in this order: tag, and value in hexadecimal or, of a constructed tag, the objects in it. */
  setTags(field: number, tags: Iterable<TagEntry>): this {
    return this.#put(field, tlvBytes(tags, `${field}`));
  }

  /** Takes a field over from a message, if it has it: unknown content included, and byte for byte where the codec is the same. */
  copy(message: FieldSource, field: number): this {
    return message.has(field) ? this.#put(field, message) : this;
  }

  /** Sets a subfield of a bitmapped field. What the field held otherwise is gone. */
  setSub(field: number, subfield: number, value: string): this {
    const held = this.get(field);
    const inner = held instanceof Draft ? held : new Draft('');
    inner.set(subfield, value);
    return this.#put(field, inner);
  }

  get(field: number): DraftValue | undefined {
    const index = this.numbers.indexOf(field);
    return index < 0 ? undefined : this.values[index];
  }

  remove(field: number): this {
    const index = this.numbers.indexOf(field);
    if (index >= 0) {
      this.numbers.splice(index, 1);
      this.values.splice(index, 1);
    }
    return this;
  }

  /** Empties the draft for another message; its arrays are kept. */
  clear(mti: string): this {
    this.mti = mti;
    this.header = '';
    this.numbers.length = 0;
    this.values.length = 0;
    return this;
  }

  #put(field: number, value: DraftValue): this {
    const { numbers, values } = this;
    let at = numbers.length;
    if (!(field >= 1 && field <= fieldNumberMax && Number.isInteger(field))) throw new EncodeError('bitmap', 'bad-field');
    // Fields are mostly set in ascending order: then this loop ends at once.
    while (at > 0 && numbers[at - 1]! >= field) at--;
    if (numbers[at] === field) {
      values[at] = value;
    } else if (at === numbers.length) {
      numbers.push(field);
      values.push(value);
    } else {
      numbers.splice(at, 0, field);
      values.splice(at, 0, value);
    }
    return this;
  }
}
