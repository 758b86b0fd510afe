/** Bodies that a schema allows, and many that it does not, each with what is wrong in it. Made of the schema alone. */
import type { TSchema } from 'typebox';

interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minItems?: number;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
}

export interface Wrong {
  readonly what: string;
  readonly value: unknown;
}

/** Texts, one of which is of every pattern that a schema has. */
const texts: readonly string[] = [
  'x', ...['b', 'c', 'd', 'e', 'j', 'l', 'n', 's', 't', 'u', 'w', 'r', 'p', 'k'].map((letter) => `${letter}_${'A'.repeat(22)}`), 'EUR', 'DE', 'PL', '978', '5411', '123456', '4711', '+48123456789', 'ada@shop.example', 'ADA LOVELACE', 'abc.def', 'A'.repeat(43), 'getBalance',
  '1990-01-31', '2030-01-31T12:00:00+00:00', '2030-01-31T12:00:00Z', '2030-01-31T12:00:00.000+00:00', 'https://shop.example/hook', 'QUJD', 'Some words, which are long enough for a password', '4761739001010119', 'A', '12', '1', '0.5', '1.25',
];

/** What a schema says too little of, by the name of the field. */
const named: Readonly<Record<string, unknown>> = { url: 'https://shop.example/hook', until: '2030-01-31T12:00:00+00:00' };

/** A value that the schema allows. @param isFull with every field that may be there @throws Error where it finds none */
export function sampleOf(schema: TSchema, isFull: boolean): unknown {
  return sample(schema as Schema, isFull);
}

function sample(schema: Schema, isFull: boolean): unknown {
  if ('const' in schema) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.anyOf !== undefined) return sample(schema.anyOf[0]!, isFull);
  switch (schema.type) {
    case 'object': {
      const { properties = {}, required = [] } = schema;
      return Object.fromEntries(Object.entries(properties).filter(([name]) => isFull || required.includes(name)).map(([name, inner]) => [name, named[name] ?? sample(inner, isFull)]));
    }
    case 'array': return Array.from({ length: Math.max(schema.minItems ?? 0, isFull ? 1 : 0) }, () => sample(schema.items ?? {}, isFull));
    case 'integer':
    case 'number': return schema.minimum ?? (schema.exclusiveMinimum === undefined ? Math.min(1, schema.maximum ?? 1) : schema.exclusiveMinimum + 1);
    case 'boolean': return true;
    case 'null': return null;
    case 'string': return text(schema);
    default: return {};
  }
}

function text({ pattern, minLength = 0, maxLength = Infinity }: Schema): string {
  const form = new RegExp(pattern ?? '', 'u');
  const found = [...texts, 'x'.repeat(minLength)].find((each) => each.length >= minLength && each.length <= maxLength && form.test(each));
  if (found === undefined) throw new Error(`no sample is of ${pattern ?? 'any pattern'} with ${minLength} to ${maxLength} characters`);
  return found;
}

const others: readonly unknown[] = [null, true, 7, -1, 1e300, 0.5, '', 'x', 'x'.repeat(5_000), 'a\0b', '\ud800', '4761739001010119', '\'; drop table card; --', [], [[]], {}, { more: 1 }];

/** The value with one thing wrong (or another value that happens to be allowed) at every place of it. */
export function wrongsOf(value: unknown): Wrong[] {
  return [...wrongs(value, ''), ...others.map((other) => ({ what: `${JSON.stringify(other).slice(0, 20)} as the body`, value: other }))];
}

function wrongs(value: unknown, place: string): Wrong[] {
  if (Array.isArray(value)) {
    const list: readonly unknown[] = value;
    return [
      ...list.flatMap((each, index) => [...wrongs(each, `${place}.${index}`), ...others.map((other) => ({ what: `${place}.${index}`, value: other }))].map(({ what, value: inner }) => ({ what, value: list.with(index, inner) }))),
      { what: `${place} with very many`, value: Array.from({ length: 2_000 }, () => list[0] ?? 'x') },
    ];
  }
  if (typeof value !== 'object' || value === null) return [];
  const fields = Object.entries(value);
  const without = fields.map(([name]) => ({ what: `${place}.${name} left out`, value: Object.fromEntries(fields.filter(([other]) => other !== name)) }));
  const inside = fields.flatMap(([name, inner]) => {
    const changed = [...others.map((other) => ({ what: `${place}.${name} is ${JSON.stringify(other).slice(0, 20)}`, value: other })), ...wrongs(inner, `${place}.${name}`)];
    return changed.map(({ what, value: other }) => ({ what, value: { ...value, [name]: other } }));
  });
  return [...without, ...inside, { what: `${place} with an unknown field`, value: { ...value, unknownField: 1 } }, { what: `${place} with __proto__`, value: JSON.parse(`{${JSON.stringify(value).slice(1, -1)}${fields.length > 0 ? ',' : ''}"__proto__":{"isAdmin":true}}`) as unknown }];
}
