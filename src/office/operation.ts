/**
 * What an operator may ask of a running switch, as data: one operation is a method, a path, what it takes and what it does. The
 * office's thread has the forms and serves them; the one who offers an operation runs it.
 *
 * Refuses what a form does not name, with the field and what is allowed there. Invariant: what `run` gets is of the shape that `takes` says.
 */
import { ConfigError, readBySchema } from '../base/schema.ts';
import type { ObjectSchema, Schema } from '../base/schema.ts';

export interface OperationForm {
  /** For the log and the metrics, such as `hold advices`. */
  readonly name: string;
  readonly method: 'GET' | 'POST';
  /** Below `/operator/`; a part in braces is a field, as in `issuers/{issuer}/out`. */
  readonly path: string;
  /** What it does, for whoever asks for the list. */
  readonly about: string;
  /** Fields, from the path, the query and the body alike; each has one place that it may come from, whichever is used. */
  readonly takes: ObjectSchema;
}

export type OperationInput = Readonly<Record<string, unknown>>;

export interface Operation extends OperationForm {
  /**
   * @param by who asked for it, as they said
   * @returns what is answered, as JSON; no card number in clear
   * @throws OperationRefused, ConfigError
   */
  run(input: OperationInput, by: string): Promise<unknown>;
}

export interface Refusal {
  /** 400: what was asked for is wrong. 404: it is not there. 409: it is there, and it cannot be done now. 503: what it needs does not answer. */
  readonly status: 400 | 404 | 409 | 503;
  /** A sentence without its full stop. */
  readonly detail: string;
  /** The field that is wrong, where it is one. */
  readonly field?: string | undefined;
}

/** It was not done. */
export class OperationRefused extends Error {
  override readonly name = 'OperationRefused';
  readonly code = 'operationRefused';
  readonly status: Refusal['status'];
  readonly field: string | undefined;

  constructor(status: Refusal['status'], detail: string, field?: string) {
    super(detail);
    this.status = status;
    this.field = field;
  }
}

/** Undefined: it is a fault of ours. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof OperationRefused) return { status: error.status, detail: error.message, field: error.field };
  if (error instanceof ConfigError) return { status: 400, detail: error.message, field: error.path };
  return undefined;
}

/** The form of the path, and the fields that the path gives; undefined: there is none with this path. */
export function findOperation<Form extends OperationForm>(forms: readonly Form[], method: string, path: string): { readonly form: Form; readonly named: Readonly<Record<string, string>> } | { readonly allow: readonly string[] } | undefined {
  const allow = new Set<string>();
  for (const form of forms) {
    const named = namedIn(form.path, path);
    if (named === undefined) continue;
    if (form.method === method) return { form, named };
    allow.add(form.method);
  }
  return allow.size === 0 ? undefined : { allow: [...allow] };
}

function namedIn(pattern: string, path: string): Readonly<Record<string, string>> | undefined {
  const parts = path.split('/');
  const wanted = pattern.split('/');
  if (parts.length !== wanted.length) return undefined;
  const named: Record<string, string> = {};
  for (const [index, want] of wanted.entries()) {
    const part = parts[index]!;
    if (!want.startsWith('{')) {
      if (want !== part) return undefined;
      continue;
    }
    const text = decoded(part);
    if (text === undefined || text === '') return undefined;
    named[want.slice(1, -1)] = text;
  }
  return named;
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

/**
 * What the request says, of the shape that the form takes.
 *
 * @param body as parsed; undefined where there was none
 * @throws ConfigError at the first field that is wrong
 */
export function inputOf({ takes }: OperationForm, named: Readonly<Record<string, string>>, query: Readonly<Record<string, unknown>>, body: unknown): OperationInput {
  if (body !== undefined && (typeof body !== 'object' || body === null || Array.isArray(body))) throw new ConfigError('body', 'must be an object');
  const given: Record<string, unknown> = {};
  const take = (field: string, value: unknown): void => {
    if (Object.hasOwn(given, field)) throw new ConfigError(field, 'is given more than once');
    given[field] = value;
  };
  for (const [field, text] of Object.entries(named)) take(field, meant(takes.properties[field], text));
  for (const [field, text] of Object.entries(query)) {
    if (Array.isArray(text)) throw new ConfigError(field, 'is given more than once');
    take(field, meant(takes.properties[field], String(text)));
  }
  for (const [field, value] of Object.entries(body ?? {})) take(field, value);
  return readBySchema(takes, given, '') as OperationInput;
}

/** A text of an address as the value that its field takes. */
function meant(schema: Schema | undefined, text: string): unknown {
  if (schema?.type === 'integer' && /^-?[0-9]{1,15}$/.test(text)) return Number(text);
  if (schema?.type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}
