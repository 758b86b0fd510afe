/**
 * The second line of masking. Types mask themselves (a PAN and a secret have their own toJSON); here whatever is about to be
 * logged is walked, and what looks like a card number in any text, number, name or error is masked all the same.
 * It fails closed: what is deep, long or circular is cut, what throws is not shown, bytes are never shown.
 *
 * Invariant: the result holds plain values only, so nothing downstream has to ask an object how it would like to be printed.
 */
import { maskDigits, maskText } from './mask.ts';

const depthMax = 8;
const itemsMax = 100;
/** More small numbers or single characters in a row are taken for a text taken apart, or for bytes. */
const smallInARowMax = 12;

/** Values under these names are hidden whatever they look like: three digits of a CVV2 look like nothing. */
const secretName = /^(?:cvv2?|icvv|cvc[23]?|csc|pin|pin_?block|track_?[123]?(?:_?data)?|password|secret|master_?key|private_?key)$/i;
/** Values under these names are card numbers, right check digit or not. */
const cardName = /^(?:pan|card_?number|primary_?account_?number)$/i;
/** A number under a name that ends in its unit is a measurement: milliseconds since 1970 have thirteen digits. */
const measureName = /(?:Ms|Minor)$/;
const measureMax = 1e15;
/** A smaller number has fewer than thirteen digits before its point. */
const cardNumberMin = 1e12;

/** A plain value (text, number, boolean, null, array, object) to be logged in place of `value`; `name` is the field's. */
export function maskValue(value: unknown, name = ''): unknown {
  return new Walk().value(value, name, 0);
}

/** One walk over one value; it knows the objects that it is inside of. */
class Walk {
  readonly #within = new Set<object>();

  value(value: unknown, name: string, depth: number): unknown {
    if (value === undefined || value === null || typeof value === 'boolean') return value;
    if (secretName.test(name)) return '[secret]';
    switch (typeof value) {
      case 'string':
        return cardName.test(name) && /^[\d\s-]*$/.test(value) ? maskDigits(value.replace(/\D/g, '')) : maskText(value);
      case 'number':
        return maskNumber(value, name);
      case 'bigint':
        return this.value(String(value), name, depth);
      case 'object':
        return this.#object(value, name, depth);
      default:
        return `[${typeof value}]`;
    }
  }

  #object(value: object, name: string, depth: number): unknown {
    if (depth >= depthMax) return '[deep]';
    if (this.#within.has(value)) return '[circular]';
    this.#within.add(value);
    try {
      return this.#plain(value, name, depth);
    } catch {
      // A getter, a proxy or a toJSON that throws is no reason to lose the line, and what it threw may quote what it holds.
      return '[unreadable]';
    } finally {
      this.#within.delete(value);
    }
  }

  #plain(value: object, name: string, depth: number): unknown {
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return `[${value.byteLength} bytes]`;
    if (Error.isError(value)) return this.#error(value, depth);
    if ('toJSON' in value && typeof value.toJSON === 'function') return this.value(value.toJSON(name), name, depth + 1);
    if (value instanceof Map) return this.#fields(value.entries(), depth);
    if (Array.isArray(value) || value instanceof Set) return this.#items(value, name, depth);
    // A text or number in an object's clothes, whose fields would be its characters.
    const inner: unknown = 'valueOf' in value && typeof value.valueOf === 'function' ? value.valueOf() : value;
    return inner === value ? this.#fields(ownFields(value), depth) : this.value(inner, name, depth + 1);
  }

  #items(values: Iterable<unknown>, name: string, depth: number): unknown {
    const items: unknown[] = [];
    let smallInARow = 0;
    for (const value of values) {
      smallInARow = isSmall(value) ? smallInARow + 1 : 0;
      if (smallInARow > smallInARowMax) return '[masked]';
      if (items.length < itemsMax) items.push(this.value(value, name, depth + 1));
      else return [...items, '[cut]'];
    }
    return items;
  }

  #fields(entries: Iterable<readonly [unknown, unknown]>, depth: number): Record<string, unknown> {
    const fields: [string, unknown][] = [];
    for (const [key, value] of entries) {
      if (fields.length === itemsMax) {
        fields.push(['[cut]', true]);
        break;
      }
      const name = typeof key === 'string' ? key : '';
      fields.push([this.#fieldName(key, depth), this.value(value, name, depth + 1)]);
    }
    return Object.fromEntries(fields);
  }

  /** A map's key may be anything. */
  #fieldName(key: unknown, depth: number): string {
    const plain = this.value(key, '', depth + 1);
    return typeof plain === 'string' ? plain : JSON.stringify(plain ?? null);
  }

  /** What an error inherits and hides beside its own fields. */
  #error(error: Error, depth: number): Record<string, unknown> {
    const fields = new Map<string, unknown>([['type', error.name], ...ownFields(error), ['message', error.message], ['stack', error.stack]]);
    if (error.cause !== undefined) fields.set('cause', error.cause);
    if (error instanceof AggregateError) fields.set('errors', error.errors);
    return this.#fields(fields, depth);
  }
}

/** The enumerable fields; one whose getter throws costs itself only. */
function ownFields(value: object): [string, unknown][] {
  return Object.keys(value).map((key) => {
    try {
      return [key, (value as Record<string, unknown>)[key]];
    } catch {
      return [key, '[unreadable]'];
    }
  });
}

function isSmall(value: unknown): boolean {
  return typeof value === 'number' ? Number.isInteger(value) && value >= 0 && value <= 255 : typeof value === 'string' && value.length <= 2;
}

/** A number stays a number where it cannot be a card's. */
function maskNumber(value: number, name: string): unknown {
  const size = Math.abs(value);
  if (cardName.test(name)) return maskDigits(String(size));
  if (size < cardNumberMin || !Number.isFinite(value) || (measureName.test(name) && size < measureMax)) return value;
  // Beyond the safe integers the last digits are no longer the ones that were meant, so no check digit can tell.
  if (size > Number.MAX_SAFE_INTEGER) return '[masked]';
  const text = String(value);
  const masked = maskText(text);
  return masked === text ? value : masked;
}
