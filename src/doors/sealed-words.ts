/**
 * What is in a sealed payload, in Markdown for people: pages that show OpenAPI show no `contentSchema`. It is made of the schema that checks the content,
 * field by field, and says nothing that the schema does not.
 */
interface Shape {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly items?: Shape;
  readonly anyOf?: readonly { readonly const?: string | number; readonly type?: string }[];
}

/** A list with a line for each field, those of objects within behind their own line: `delivery`, `delivery.town`. Empty where there is none. */
export function sealedWords(schema: object): string {
  return linesOf(schema, '').join('\n');
}

function linesOf({ properties = {}, required = [] }: Shape, prefix: string): string[] {
  return Object.entries(properties).flatMap(([name, shape]) => {
    const path = `${prefix}${name}`;
    const said = shape.description ?? shape.items?.description;
    const optional = required.includes(name) ? '' : ', optional';
    return [`- \`${path}\` (${typeOf(shape)}${optional})${said === undefined ? '' : `: ${said}`}`, ...linesOf(shape, `${path}.`), ...linesOf(shape.items ?? {}, `${path}[].`)];
  });
}

function typeOf({ type, items, anyOf }: Shape): string {
  if (anyOf !== undefined) return anyOf.map((each) => each.const === undefined ? each.type ?? 'object' : `\`${each.const}\``).join(', ');
  return type === 'array' ? `list of ${typeOf(items ?? {})}` : type ?? 'any';
}
