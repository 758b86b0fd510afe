/**
 * Reading the files of specs/ (message formats, dialects, reason maps): every value with its path, so that what is wrong is said with its place. Unknown keys
 * are refused, because a misspelt one would otherwise be a silent default.
 */

/** A file of specs/ that cannot be used: the file, the JSON path in it, and what is wrong there. */
export class SpecError extends Error {
  override readonly name = 'SpecError';
  readonly file: string;
  readonly path: string;
  readonly why: string;

  constructor(file: string, path: string, why: string) {
    super(`${file}: ${path}: ${why}`);
    this.file = file;
    this.path = path;
    this.why = why;
  }
}

/** One value of a JSON document. */
export class JsonNode {
  readonly file: string;
  readonly path: string;
  readonly #value: unknown;

  constructor(value: unknown, file: string, path = '$') {
    this.#value = value;
    this.file = file;
    this.path = path;
  }

  fail(why: string): never {
    throw new SpecError(this.file, this.path, why);
  }

  get present(): boolean {
    return this.#value !== undefined;
  }

  get isString(): boolean {
    return typeof this.#value === 'string';
  }

  /** This one, or an object without members in its place where it is missing. */
  orEmpty(): JsonNode {
    return this.present ? this : new JsonNode({}, this.file, this.path);
  }

  /** In its place an object that has it as its member of this name. */
  asMember(key: string): JsonNode {
    return new JsonNode({ [key]: this.#value }, this.file, this.path);
  }

  /** A member of an object; a node that is not `present` where it is missing. */
  at(key: string): JsonNode {
    const object = this.#object();
    return new JsonNode(Object.hasOwn(object, key) ? object[key] : undefined, this.file, `${this.path}.${key}`);
  }

  /** Refuses members of other names. */
  only(...names: string[]): this {
    for (const key of Object.keys(this.#object())) {
      if (!names.includes(key)) this.at(key).fail(`there is no such setting here; known are ${names.join(', ')}`);
    }
    return this;
  }

  /** The members of these names, each of them; others are refused. */
  object<Name extends string>(names: readonly Name[]): Record<Name, JsonNode> {
    this.only(...names);
    return Object.fromEntries(names.map((name) => [name, this.at(name)])) as Record<Name, JsonNode>;
  }

  members(): [string, JsonNode][] {
    return Object.keys(this.#object()).map((key) => [key, this.at(key)]);
  }

  items(): JsonNode[] {
    const value = this.#value;
    if (!Array.isArray(value)) return this.#wrong('a list');
    return value.map((item: unknown, index) => new JsonNode(item, this.file, `${this.path}[${index}]`));
  }

  string(): string {
    return typeof this.#value === 'string' ? this.#value : this.#wrong('a string');
  }

  /** A string that has something in it. */
  text(): string {
    return typeof this.#value === 'string' && this.#value !== '' ? this.#value : this.#wrong('text');
  }

  boolean(): boolean {
    return typeof this.#value === 'boolean' ? this.#value : this.#wrong('true or false');
  }

  integer(min: number, max: number): number {
    const value = this.#value;
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    return this.#wrong(`a whole number from ${min} to ${max}`);
  }

  /** One of a few words. */
  oneOf<T extends string>(words: readonly T[]): T {
    const value = this.#value;
    for (const word of words) if (word === value) return word;
    return this.#wrong(`one of ${words.join(', ')}`);
  }

  /** A field number. */
  field(): number {
    return this.integer(2, 128);
  }

  fields(): number[] {
    return this.items().map((item) => item.field());
  }

  #object(): Record<string, unknown> {
    const value = this.#value;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return this.#wrong('an object');
    return value as Record<string, unknown>;
  }

  #wrong(expected: string): never {
    return this.fail(this.present ? `must be ${expected}` : `is missing; it must be ${expected}`);
  }
}
