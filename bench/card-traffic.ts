/**
 * Card traffic for the load generator, as an ASCII station of 1987 takes it: 0200 purchases of 0.01, or 0100 each of which is later
 * completed (0220) or reversed (0400), both of which name it in DE90.
 *
 * The generator shares the machine with what it measures, so it costs as little as it can: each message is a copy of bytes that
 * were encoded once, with card, trace and times patched in place. Answers are read at offsets that depend on their bitmap alone,
 * because every field of variable length has one length here (cards of 16 digits).
 */
import { traceMax } from './load.ts';
import type { Traffic } from './load.ts';

export interface CardTrafficOptions {
  /** Card numbers of 16 digits, in the order in which they are used, round and round. */
  readonly pans: readonly string[];
  readonly pattern:
    /** 0200 alone. */
    | 'purchase'
    /** 0100, and when it is answered, one by one in turn, its completion or its reversal. */
    | 'authorization';
  /** The trace number that the first message gets, so that runs one after another do not repeat each other's. */
  readonly firstStan: number;
}

const acquirer = '476100';
const panDigits = 16;

/** The requests' fields in their order, with contents whose places are patched. */
const purchaseFields: readonly (readonly [number, string])[] = [
  [2, '0'.repeat(panDigits)], [3, '000000'], [4, '000000000001'], [7, '0101000000'], [11, '000000'], [12, '000000'], [13, '0101'], [14, '3112'],
  [18, '5411'], [22, '051'], [25, '00'], [32, acquirer], [37, '000000000000'], [41, 'TERM0000'], [42, 'MERCHANT0000123'], [49, '978'],
];

/** Characters of a field as these messages have it, its length in front included. */
const fieldBytes: Readonly<Record<number, number>> = {
  2: 2 + panDigits, 3: 6, 4: 12, 7: 10, 10: 8, 11: 6, 12: 6, 13: 4, 14: 4, 15: 4, 18: 4, 22: 3, 24: 3, 25: 2, 32: 2 + acquirer.length, 37: 12, 38: 6, 39: 2,
  41: 8, 42: 15, 49: 3, 51: 3, 90: 42,
};

const mtiBytes = 4;
const bitmapBytes = 16;
const originalTypeBytes = 4;
const zero = 48;

/** Where each field starts, by its number; undefined where one in between has a length that is not known here. */
export function placesOf(bitmap: string): readonly (number | undefined)[] {
  const places: (number | undefined)[] = [];
  let at: number | undefined = mtiBytes + bitmap.length;
  for (let field = 2; field <= bitmap.length * 4; field += 1) {
    const digit = Number.parseInt(bitmap.charAt((field - 1) >> 2), 16);
    if ((digit & (8 >> ((field - 1) & 3))) === 0) continue;
    places[field] = at;
    const bytes: number | undefined = fieldBytes[field];
    at = at === undefined || bytes === undefined ? undefined : at + bytes;
  }
  return places;
}

/** A message's bytes, made once. */
class Template {
  readonly bytes: Buffer;
  readonly #places: readonly (number | undefined)[];

  constructor(mti: string, fields: readonly (readonly [number, string])[]) {
    const isLong = fields.some(([field]) => field > 64);
    let bits = isLong ? 1n << 127n : 0n;
    for (const [field] of fields) bits |= 1n << BigInt(128 - field);
    const bitmap = bits.toString(16).padStart(bitmapBytes * 2, '0').slice(0, isLong ? bitmapBytes * 2 : bitmapBytes);
    const contents = fields.map(([field, content]) => (field === 2 || field === 32 ? String(content.length).padStart(2, '0') : '') + content);
    this.bytes = Buffer.from(mti + bitmap + contents.join(''), 'latin1');
    this.#places = placesOf(bitmap);
  }

  place(field: number): number {
    const place = this.#places[field];
    if (place === undefined) throw new Error(`the template has no field ${field}`);
    return place;
  }
}

/** Writes `value` as so many decimal digits. */
function putDigits(target: Buffer, offset: number, digits: number, value: number): void {
  let rest = value;
  for (let at = offset + digits - 1; at >= offset; at -= 1) {
    const next = Math.floor(rest / 10);
    target[at] = zero + rest - next * 10;
    rest = next;
  }
}

function readDigits(buffer: Buffer, offset: number, digits: number): number {
  let value = 0;
  for (let at = offset; at < offset + digits; at += 1) value = value * 10 + (buffer[at] ?? zero) - zero;
  return value;
}

/** DE7 of the moment, read anew only so often. */
class Clock {
  readonly bytes = Buffer.alloc(10);
  #uses = 0;

  tick(): void {
    if (this.#uses % 64 === 0) this.bytes.write(new Date().toISOString().replaceAll(/[-T:]/g, '').slice(4, 14), 'latin1');
    this.#uses += 1;
  }
}

/** The authorizations that were approved and wait for what follows them, oldest first; a trace number is in it once. */
class Approved {
  readonly #stans = new Uint32Array(traceMax);
  #first = 0;
  #size = 0;

  add(stan: number): void {
    this.#stans[(this.#first + this.#size) % traceMax] = stan;
    this.#size += 1;
  }

  take(): number {
    if (this.#size === 0) return -1;
    const stan = this.#stans[this.#first] ?? 0;
    this.#first = (this.#first + 1) % traceMax;
    this.#size -= 1;
    return stan;
  }
}

const originalDetails = 10 + 6;

class CardTraffic implements Traffic {
  trace = 0;
  outcome = '';
  readonly #options: CardTrafficOptions;
  readonly #pans: Buffer;
  readonly #clock = new Clock();
  readonly #approved = new Approved();
  /** By trace number, for what follows an authorization: its DE7 and DE38, and its card. */
  readonly #details: Buffer;
  readonly #cards = new Uint32Array(traceMax);
  readonly #request: Template;
  readonly #completion: Template;
  readonly #reversal: Template;
  /** Of the fields that are patched, in a message with one bitmap and without DE38. */
  readonly #places: Readonly<Record<2 | 7 | 11 | 12 | 37 | 41, number>>;
  readonly #answers = new Map<string, readonly (number | undefined)[]>();
  #stan: number;
  #sent = 0;
  #followed = 0;

  constructor(options: CardTrafficOptions) {
    if (options.pans.length === 0 || options.pans.some((pan) => pan.length !== panDigits)) throw new Error(`the traffic takes cards of ${panDigits} digits`);
    this.#options = options;
    this.#stan = options.firstStan % traceMax;
    this.#pans = Buffer.from(options.pans.join(''), 'latin1');
    this.#details = Buffer.alloc(options.pattern === 'authorization' ? traceMax * originalDetails : 0);
    this.#request = new Template(options.pattern === 'purchase' ? '0200' : '0100', purchaseFields);
    const original = `0100${'0'.repeat(16)}${acquirer.padStart(11, '0')}${'0'.repeat(11)}`;
    this.#completion = new Template('0220', [...withApproval(purchaseFields), [90, original]]);
    this.#reversal = new Template('0400', [...purchaseFields, [90, original]]);
    const place = (field: number): number => this.#request.place(field);
    this.#places = { 2: place(2), 7: place(7), 11: place(11), 12: place(12), 37: place(37), 41: place(41) };
  }

  writeRequest(target: Buffer, offset: number, connection: number): number {
    this.#clock.tick();
    const earlier = this.#options.pattern === 'authorization' ? this.#approved.take() : -1;
    // Trace number zero is none.
    this.#stan = this.#stan + 1 === traceMax ? 1 : this.#stan + 1;
    this.trace = this.#stan;
    return earlier < 0 ? this.#writeFirst(target, offset, connection) : this.#writeFollowing(target, offset, connection, earlier);
  }

  readAnswer(buffer: Buffer, start: number, end: number): number {
    const role = buffer[start + 2];
    if (end - start < mtiBytes + bitmapBytes || (role !== zero + 1 && role !== zero + 3)) return -1;
    const bitmapAt = start + mtiBytes;
    const isLong = (buffer[bitmapAt] ?? 0) >= zero + 8;
    const bitmap = buffer.toString('latin1', bitmapAt, bitmapAt + (isLong ? bitmapBytes * 2 : bitmapBytes));
    let places = this.#answers.get(bitmap);
    if (places === undefined) {
      places = placesOf(bitmap);
      this.#answers.set(bitmap, places);
    }
    const stanAt = places[11];
    const codeAt = places[39];
    if (stanAt === undefined || codeAt === undefined) return -1;
    const stan = readDigits(buffer, start + stanAt, 6);
    this.outcome = outcomeOf(buffer, start, start + codeAt);
    if (this.#options.pattern === 'authorization' && buffer[start + 1] === zero + 1 && this.outcome === '0110 00') {
      const codeFrom = start + (places[38] ?? 0);
      buffer.copy(this.#details, stan * originalDetails + 10, codeFrom, codeFrom + 6);
      this.#approved.add(stan);
    }
    return stan;
  }

  #writeFirst(target: Buffer, offset: number, connection: number): number {
    const card = this.#sent % this.#options.pans.length;
    this.#sent += 1;
    if (this.#details.length > 0) {
      this.#cards[this.#stan] = card;
      this.#clock.bytes.copy(this.#details, this.#stan * originalDetails);
    }
    return this.#write(this.#request, target, offset, connection, card, this.#stan);
  }

  #writeFollowing(target: Buffer, offset: number, connection: number, earlier: number): number {
    this.#followed += 1;
    const completes = this.#followed % 2 === 0;
    const template = completes ? this.#completion : this.#reversal;
    const end = this.#write(template, target, offset, connection, this.#cards[earlier] ?? 0, earlier);
    const detailsAt = earlier * originalDetails;
    const originalAt = offset + template.place(90) + originalTypeBytes;
    putDigits(target, originalAt, 6, earlier);
    this.#details.copy(target, originalAt + 6, detailsAt, detailsAt + 10);
    if (completes) this.#details.copy(target, offset + template.place(38), detailsAt + 10, detailsAt + originalDetails);
    return end;
  }

  /** @param rrn of the transaction: the trace number of its first message */
  #write(template: Template, target: Buffer, offset: number, connection: number, card: number, rrn: number): number {
    const { bytes } = template;
    // A second bitmap moves every field by its own length.
    const at = offset + (template === this.#request ? 0 : bitmapBytes);
    const places = this.#places;
    bytes.copy(target, offset);
    this.#pans.copy(target, at + places[2] + 2, card * panDigits, (card + 1) * panDigits);
    this.#clock.bytes.copy(target, at + places[7]);
    putDigits(target, at + places[11], 6, this.#stan);
    this.#clock.bytes.copy(target, at + places[12], 4);
    // DE38 is between DE37 and DE41.
    putDigits(target, at + places[37] + 6, 6, rrn);
    putDigits(target, at + places[41] + (template === this.#completion ? 6 : 0) + 6, 2, connection % 100);
    return offset + bytes.length;
  }
}

function withApproval(fields: typeof purchaseFields): (readonly [number, string])[] {
  return [...fields, [38, '000000'] as const].sort(([a], [b]) => a - b);
}

/** One string for each type and response code, so that an answer makes none. */
const outcomes = new Map<number, string>();

/** The answer's type and response code, such as `0210 00`. */
function outcomeOf(buffer: Buffer, start: number, codeAt: number): string {
  const id = ((buffer[start + 1] ?? 0) << 24) | ((buffer[start + 2] ?? 0) << 16) | ((buffer[codeAt] ?? 0) << 8) | (buffer[codeAt + 1] ?? 0);
  let outcome = outcomes.get(id);
  if (outcome === undefined) {
    outcome = `${buffer.toString('latin1', start, start + mtiBytes)} ${buffer.toString('latin1', codeAt, codeAt + 2)}`;
    outcomes.set(id, outcome);
  }
  return outcome;
}

/** See `TrafficModule`. */
export function createTraffic(options: unknown): Traffic {
  return new CardTraffic(options as CardTrafficOptions);
}

/** A purchase's size, for baselines that send as much. */
export const purchaseBytes = new Template('0200', purchaseFields).bytes.length;
