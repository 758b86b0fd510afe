/**
 * A message for a person: field by field, masked by what the spec calls sensitive. It fails closed: what is unknown, or does not look like what it
 * should be, is not shown, only measured.
 */
import type { Message } from './codec.ts';
import { partsOf } from './message.ts';
import type { BitmappedLayout, Field, Sensitive } from './spec.ts';

export interface Line {
  /** "mti", "2", "43.1", "55.9F26". */
  readonly path: string;
  readonly name: string;
  readonly value: string;
}

/** The lines of a message, in the order of its fields, subfields after their field. Masked unless `masked` is false, which is for content that is known to be of tests. */
export function describe(message: Message, { masked = true }: { readonly masked?: boolean } = {}): Line[] {
  const { spec } = message.codec;
  const lines: Line[] = [{ path: 'mti', name: 'Message type', value: message.mti }];
  if (message.header !== undefined && spec.header !== undefined) {
    lines.unshift({ path: 'header', name: spec.header.name, value: shown(spec.header.sensitive, message.header, masked) });
  }
  for (const number of message.fields()) {
    const field = spec.fields.get(number);
    const value = message.text(number) ?? '';
    if (field === undefined) lines.push({ path: `${number}`, name: 'Not in the spec', value: shown('private', value, masked) });
    else describeField(message, number, field, value, masked, lines);
  }
  return lines;
}

function describeField(message: Message, number: number, field: Field, value: string, masked: boolean, lines: Line[]): void {
  const path = `${number}`;
  const layout = field.subfields;
  if (layout === undefined) {
    lines.push({ path, name: field.name, value: shown(field.sensitive, value, masked) });
  } else if (layout.layout === 'positional') {
    // A part that is sensitive makes the whole so.
    const whole = field.sensitive ?? layout.parts.find((part) => part.sensitive !== undefined)?.sensitive;
    lines.push({ path, name: field.name, value: shown(whole, value, masked) });
    for (const part of partsOf(layout, value)) {
      const { name, sensitive } = layout.parts[part.index]!;
      lines.push({ path: `${path}.${part.path}`, name, value: shown(sensitive ?? field.sensitive, part.text, masked) });
    }
  } else if (layout.layout === 'tlv') {
    lines.push({ path, name: field.name, value: measured(value.length / 2, 'byte') });
    for (const [tag, content] of message.tags(number)) {
      const known = layout.tags.get(tag.slice(tag.lastIndexOf('.') + 1));
      // 'emv' says that the tags decide; anything stricter goes for all of them.
      const stricter = field.sensitive === 'emv' ? undefined : field.sensitive;
      lines.push({ path: `${path}.${tag}`, name: known?.name ?? 'Not in the spec', value: shown(known === undefined ? 'private' : stricter ?? known.sensitive, content, masked) });
    }
  } else {
    lines.push({ path, name: field.name, value: measured(value.length / 2, 'byte') });
    describeBitmapped(message, number, '', layout, field.sensitive, masked, lines);
  }
}

function describeBitmapped(message: Message, number: number, base: string, layout: BitmappedLayout, outer: Sensitive | undefined, masked: boolean, lines: Line[]): void {
  for (let inner = 1; inner <= layout.bitmap.max * 64; inner++) {
    const path = `${base}${inner}`;
    const value = message.sub(number, path);
    if (value === undefined) continue;
    const field = layout.fields.get(inner);
    const sensitive = field === undefined ? 'private' : outer ?? field.sensitive ?? (field.subfields?.layout === 'bitmapped' || field.subfields?.layout === 'tlv' ? 'private' : undefined);
    lines.push({ path: `${number}.${path}`, name: field?.name ?? 'Not in the spec', value: shown(sensitive, value, masked) });
    if (field?.subfields?.layout === 'bitmapped') describeBitmapped(message, number, `${path}.`, field.subfields, outer ?? field.sensitive, masked, lines);
  }
}

function measured(count: number, unit: string): string {
  return `[${count} ${unit}${count === 1 ? '' : 's'}]`;
}

function shown(sensitive: Sensitive | undefined, value: string, masked: boolean): string {
  return masked && sensitive !== undefined ? mask(sensitive, value) : value;
}

/** A value as a person may see it. */
export function mask(sensitive: Sensitive, value: string): string {
  switch (sensitive) {
    case 'pan':
      return maskPan(value) ?? hidden(value);
    case 'track':
      return maskTrack(value) ?? hidden(value);
    case 'pin':
    case 'cvv':
    case 'key':
      return '[hidden]';
    default:
      return hidden(value);
  }
}

function hidden(value: string): string {
  return `[hidden, ${value.length} character${value.length === 1 ? '' : 's'}]`;
}

/** First six and last four of 13 to 19 digits; packed ones may end in fillers. Anything else is no PAN that we know how to mask. */
function maskPan(value: string): string | undefined {
  const digits = /^([0-9]{13,19})[F ]*$/.exec(value)?.[1];
  return digits === undefined ? undefined : `${digits.slice(0, 6)}${'*'.repeat(digits.length - 10)}${digits.slice(-4)}`;
}

/** Track 2 with its separator as = or D, track 1 of format B with or without its start: the PAN masked, the rest not shown. */
function maskTrack(value: string): string | undefined {
  const found = /^(%?B)?([0-9]{13,19})([=D^]).*$/.exec(value);
  if (found === null) return undefined;
  const [, start = '', pan, separator] = found;
  return `${start}${maskPan(pan!)!}${separator!}${'*'.repeat(value.length - start.length - pan!.length - 1)}`;
}
