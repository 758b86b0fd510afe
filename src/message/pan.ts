/**
 * A primary account number (ISO/IEC 7812-1). It owns the digits and lets them out in one way only, `reveal()`;
 * however else it is printed, joined, inspected or serialized, it comes out masked.
 * Invariant: 8 to 19 digits. The check digit may be wrong: that is a decline (1011) and not a malformed message.
 */
import { luhnValid } from '../base/luhn.ts';
import { maskDigits } from '../base/mask.ts';

const digitsMin = 8;
export const panDigitsMax = 19;

export class Pan {
  readonly #digits: string;
  #masked: string | undefined;

  private constructor(digits: string) {
    this.#digits = digits;
  }

  /** 8 to 19 decimal digits and nothing else, otherwise undefined. */
  static parse(text: string): Pan | undefined {
    if (text.length < digitsMin || text.length > panDigitsMax) return undefined;
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (code < 48 || code > 57) return undefined;
    }
    return new Pan(text);
  }

  get luhnValid(): boolean {
    return luhnValid(this.#digits);
  }

  /** `476173******0011`: never more than the first six and last four, never fewer than six hidden. */
  get masked(): string {
    this.#masked ??= maskDigits(this.#digits);
    return this.#masked;
  }

  /** The issuer identification number: the first six or eight digits. */
  bin(digits: 6 | 8): string {
    return this.#digits.slice(0, digits);
  }

  equals(other: Pan): boolean {
    return this.#digits === other.#digits;
  }

  /** The clear digits: for the wire, for cryptography and for BIN routing, and for nothing that a person reads. */
  reveal(): string {
    return this.#digits;
  }

  toString(): string {
    return this.masked;
  }

  toJSON(): string {
    return this.masked;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.masked;
  }
}
