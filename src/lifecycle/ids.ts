/**
 * The ids of what the lifecycle calls name: a letter that says what it is, and 128 bits of chance that nobody guesses.
 *
 *   u_5Zt0mC1uQ7yH3sQe0bJw4g      a letter, an underscore, 22 characters of base64url
 */

const letters = { user: 'u', balance: 'b', card: 'c', device: 'd', staff: 's', job: 'j', transfer: 't', webhook: 'w', event: 'e', order: 'o', session: 'l', enrolment: 'n' } as const;

export type IdKind = keyof typeof letters;

/** Gives that many bytes that nobody foresees. */
export type RandomBytes = (count: number) => Buffer;

const idBytes = 16;

export function newId(kind: IdKind, randomBytes: RandomBytes): string {
  return `${letters[kind]}_${randomBytes(idBytes).toString('base64url')}`;
}

/** What an id of the kind looks like, as a pattern of JSON Schema. */
export function idPattern(kind: IdKind): string {
  return `^${letters[kind]}_[A-Za-z0-9_-]{22}$`;
}
