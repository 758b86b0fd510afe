/** A decoded message: the frame, where its fields are, and nothing else until a value is asked for. */
import type { Codec, Message } from './codec.ts';
import type { FieldPlan, FieldTable } from './plan.ts';
import { bytesText, valueBytes, valueText } from './value.ts';
import { eachTag } from './tlv.ts';
import type { Spans } from './walk.ts';
import { bytesOf, fieldsOf, slotOf, unknownSlot, walkFields } from './walk.ts';
import type { PositionalLayout } from './spec.ts';

export class DecodedMessage implements Message {
  readonly codec: Codec;
  readonly mti: string;
  readonly header: string | undefined;
  readonly #table: FieldTable;
  readonly #frame: Uint8Array;
  readonly #start: number;
  readonly #end: number;
  readonly #spans: Spans;

  /** Made by `decode` alone: the spans are of this frame, by this table, and the message lies in `frame[start, end)`. */
  constructor(codec: Codec, table: FieldTable, frame: Uint8Array, start: number, end: number, spans: Spans, mti: string, header: string | undefined) {
    this.codec = codec;
    this.mti = mti;
    this.header = header;
    this.#table = table;
    this.#frame = frame;
    this.#start = start;
    this.#end = end;
    this.#spans = spans;
  }

  get unknown(): number {
    return this.#spans[unknownSlot]!;
  }

  has(field: number): boolean {
    return slotOf(this.#spans, field) >= 0;
  }

  text(field: number): string | undefined {
    const slot = slotOf(this.#spans, field);
    if (slot < 0) return undefined;
    return valueText(this.#table.plans[field]!, this.#frame, this.#spans[slot]!, this.#spans[slot + 1]!);
  }

  bytes(field: number): Uint8Array | undefined {
    const slot = slotOf(this.#spans, field);
    if (slot < 0) return undefined;
    return valueBytes(this.#table.plans[field]!, this.#frame, this.#spans[slot]!, this.#spans[slot + 1]!);
  }

  fields(): number[] {
    return fieldsOf(this.#spans);
  }

  sub(field: number, path: string): string | undefined {
    const slot = slotOf(this.#spans, field);
    if (slot < 0) return undefined;
    return subText(this.#table.plans[field]!, this.#frame, this.#spans[slot]!, this.#spans[slot + 1]!, path);
  }

  tags(field: number): Map<string, string> {
    const tags = new Map<string, string>();
    const slot = slotOf(this.#spans, field);
    if (slot < 0 || this.#table.plans[field]!.tags === undefined) return tags;
    const start = this.#spans[slot]!;
    eachTag(this.#frame, start, start + this.#spans[slot + 1]!, (path, from, to) => {
      if (!tags.has(path)) tags.set(path, bytesText(this.#frame, from, to - from));
    });
    return tags;
  }

  latin1(): string {
    return Buffer.prototype.latin1Slice.call(this.#frame, this.#start, this.#end);
  }

  /** For an encoder: writes the field as it came, prefix included, at `at`; returns where it ends, or -1 where it does not fit. */
  writeField(field: number, target: Uint8Array, at: number): number {
    const slot = slotOf(this.#spans, field);
    const plan = this.#table.plans[field]!;
    const frame = this.#frame;
    const value = this.#spans[slot]!;
    const end = value + bytesOf(plan, this.#spans[slot + 1]!);
    const start = value - plan.prefixBytes;
    if (at + end - start > target.length) return -1;
    for (let i = start; i < end; i++) target[at++] = frame[i]!;
    return at;
  }
}

/** A subfield of a checked value; undefined where there is none at the path. */
function subText(plan: FieldPlan, frame: Uint8Array, at: number, units: number, path: string): string | undefined {
  const layout = plan.field.subfields;
  if (layout?.layout === 'positional') return partText(layout, valueText(plan, frame, at, units), path);
  if (plan.tags !== undefined) {
    let found: string | undefined;
    eachTag(frame, at, at + units, (tag, from, to) => {
      if (found === undefined && tag === path) found = bytesText(frame, from, to - from);
    });
    return found;
  }
  if (plan.table === undefined) return undefined;
  const dot = path.indexOf('.');
  const head = Number(dot < 0 ? path : path.slice(0, dot));
  const spans = walkFields(plan.table, frame, 0, at, at + units);
  const slot = slotOf(spans, head);
  const inner = plan.table.plans[head];
  if (slot < 0 || inner === undefined) return undefined;
  if (dot < 0) return valueText(inner, frame, spans[slot]!, spans[slot + 1]!);
  return subText(inner, frame, spans[slot]!, spans[slot + 1]!, path.slice(dot + 1));
}

function partText(layout: PositionalLayout, value: string, path: string): string | undefined {
  return partsOf(layout, value).find((part) => part.path === path)?.text;
}

/** The parts of a value that has as many as its length allows; the last of them may be cut short. */
export function partsOf(layout: PositionalLayout, value: string): { path: string; index: number; text: string }[] {
  const parts: { path: string; index: number; text: string }[] = [];
  let at = 0;
  for (let round = 1; at < value.length && (round === 1 || layout.repeat); round++) {
    for (const [index, part] of layout.parts.entries()) {
      if (at >= value.length) break;
      const end = part.length === undefined ? value.length : at + part.length;
      parts.push({ path: layout.repeat ? `${round}.${index + 1}` : `${index + 1}`, index, text: value.slice(at, end) });
      at = end;
    }
  }
  return parts;
}
