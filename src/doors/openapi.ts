/**
 * The page of OpenAPI 3.1 that the routes make: the schemas that check requests are the schemas that it shows, closed and bounded as they are checked.
 * What is sealed is shown as the JWE that travels, with what is in it as `contentSchema`. Invariant: the same routes give the same document, byte for byte.
 */
import type { TSchema } from 'typebox';
import { prefixes } from './door.ts';
import { payloadCharactersMax } from './jwe.ts';
import type { Door, Route } from './route.ts';
import { sealedWords } from './sealed-words.ts';
import { closedAnswer, closedInput } from './validate.ts';

type Json = Readonly<Record<string, unknown>>;

/** Of what callers see, not of the program. */
const apiVersion = '1.0.0';

/** The chapters of the page, in this order. */
const chapters: Readonly<Record<Door, { readonly title: string; readonly who: string }>> = {
  mobile: { title: 'Mobile: cardholder\'s app', who: 'For the cardholder\'s app, with a session of its paired device.' },
  server: { title: 'Server: partner\'s back end', who: 'For the partner\'s back end, with its client certificate.' },
  admin: { title: 'Administration: staff', who: 'For staff, with a session and a role.' },
};
const schemes: Readonly<Record<Door, string>> = { mobile: 'deviceSession', admin: 'staffSession', server: 'clientCertificate' };
const successWords: Readonly<Record<string, string>> = { 200: 'Done', 201: 'Made', 202: 'Taken: it will be done', 204: 'Done; there is nothing to say' };

/** Problems that every route may answer, and those that its kind may. */
const problemWords: Readonly<Record<string, string>> = {
  400: 'What was sent is wrong; `field` says where', 401: 'No credentials, or none that are good', 403: 'Not for this caller', 404: 'There is none, or it is somebody else\'s',
  409: 'It cannot be done now, or the idempotency key was used otherwise', 413: 'The body is too long', 422: 'Understood, and against a rule', 429: 'Too many requests', 503: 'What this needs does not answer; the same call again does it once',
};

export function openApiOf(routes: readonly Route[]): Json {
  const sorted = [...routes].sort((a, b) => compare(a.path, b.path) || compare(a.method, b.method));
  const paths: Record<string, Record<string, unknown>> = {};
  for (const each of sorted) {
    const path = paths[each.path] ?? (each.door === 'server' ? { servers: [{ url: 'https://127.0.0.1:8443', description: 'The partners\' door, with client certificates' }] } : {});
    path[each.method.toLowerCase()] = operationOf(each);
    paths[each.path] = path;
  }
  return plain({
    openapi: '3.1.0',
    info: {
      title: 'Locum', version: apiVersion, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      description: 'Cards, balances and the people who hold them, at three doors: `/customers/me` for the cardholder\'s app, `/secure` for the partner\'s back end, `/admin` for staff. docs/api.md has what all calls have in common.',
    },
    servers: [{ url: 'http://127.0.0.1:8080', description: 'The doors of cardholders and staff' }],
    tags: doors.flatMap((door) => tagsOf(sorted, door).map((tag) => ({ name: tagName(door, tag), 'x-displayName': tag, description: chapters[door].who }))),
    'x-tagGroups': doors.map((door) => ({ name: chapters[door].title, tags: tagsOf(sorted, door).map((tag) => tagName(door, tag)) })),
    paths,
    components: { securitySchemes, schemas: { Problem: problemSchema }, parameters, responses: problemResponses() },
  }) as Json;
}

const doors = Object.keys(chapters) as readonly Door[];

/** Of one door's routes, in the alphabet's order. */
function tagsOf(routes: readonly Route[], door: Door): string[] {
  return [...new Set(routes.filter((each) => each.door === door).map(({ tag }) => tag))].sort(compare);
}

/** Of a door's own: what a cardholder may do with a card stands apart from what staff may. */
function tagName(door: Door, tag: string): string {
  return `${door}: ${tag}`;
}

/** The document as it is served and checked in. */
export function openApiText(document: Json): string {
  return `${JSON.stringify(document, null, 1)}\n`;
}

const securitySchemes: Json = {
  deviceSession: { type: 'http', scheme: 'bearer', description: 'Token of a session that a paired device opened' },
  staffSession: { type: 'http', scheme: 'bearer', description: 'Token of a session that one of the staff opened' },
  clientCertificate: { type: 'mutualTLS', description: 'Client certificate that the service\'s own authority signed (`locum ca`)' },
};

const problemSchema: Json = {
  type: 'object', description: 'RFC 9457', required: ['type', 'title', 'status', 'code', 'detail', 'requestId'],
  properties: {
    type: { type: 'string' }, title: { type: 'string' }, status: { type: 'integer' }, code: { type: 'string', description: 'For programs; it stays the same when the words change', pattern: '^[A-Z][A-Z0-9_]*$' },
    detail: { type: 'string' }, field: { type: 'string', description: 'The field that is wrong, dotted' }, pointer: { type: 'string', description: 'The same as a JSON pointer' }, requestId: { type: 'string' },
  },
};

const parameters: Json = {
  RequestId: { name: 'X-Request-Id', in: 'header', required: false, description: 'Stands in the answer and in the log; made where it is not given', schema: { type: 'string', minLength: 8, maxLength: 64 } },
  IdempotencyKey: { name: 'X-Idempotency-Key', in: 'header', required: true, description: 'A key of this call\'s own, such as a UUID: the same call again gets the same answer and does nothing', schema: { type: 'string', minLength: 8, maxLength: 128 } },
  PublicKey: { name: 'Public-Key', in: 'header', required: true, description: 'The caller\'s RSA key that the answer is encrypted to: SubjectPublicKeyInfo, base64', schema: { type: 'string', maxLength: 2048 } },
  EncryptedRequest: { name: 'Encrypted-Request', in: 'header', required: true, description: 'The body is encrypted', schema: { type: 'string', const: 'true' } },
};

function problemResponses(): Json {
  return Object.fromEntries(Object.entries(problemWords).map(([status, description]) => [`Problem${status}`, { description, content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } }]));
}

function operationOf(each: Route): Json {
  const isChange = each.method !== 'GET';
  const isKeyed = isChange && each.isFreeOfKey !== true;
  const isSealed = each.isSealed === true;
  const answers = Object.entries(each.answers);
  const isAnswerSealed = isSealed && answers.some(([, schema]) => schema !== null && schema !== undefined);
  const headers = ['RequestId', ...(isKeyed ? ['IdempotencyKey'] : []), ...(isAnswerSealed ? ['PublicKey'] : []), ...(isSealed && each.body !== undefined ? ['EncryptedRequest'] : [])];
  return {
    operationId: each.operationId, summary: each.summary, tags: [tagName(each.door, each.tag)],
    description: aboutOf(each),
    security: each.isPublic === true && each.door !== 'server' ? [] : [{ [schemes[each.door]]: [] }],
    parameters: [...pathParameters(each), ...queryParameters(each), ...headers.map((name) => ({ $ref: `#/components/parameters/${name}` }))],
    requestBody: each.body === undefined ? undefined : { required: true, content: { 'application/json': { schema: isSealed ? sealedSchema(closedInput(each.body)) : closedInput(each.body) } } },
    responses: {
      ...Object.fromEntries(answers.map(([status, schema]) => [status, {
        description: successWords[status] ?? 'Done',
        ...(schema === null || schema === undefined ? {} : { content: { 'application/json': { schema: isSealed ? sealedSchema(closedAnswer(schema)) : closedAnswer(schema) } } }),
      }])),
      ...Object.fromEntries(Object.keys(problemWords).filter((status) => isThere(each, status)).map((status) => [status, { $ref: `#/components/responses/Problem${status}` }])),
    },
  };
}

function isThere({ isPublic, door, body, method }: Route, status: string): boolean {
  if (status === '401') return isPublic !== true || door === 'server';
  if (status === '413') return body !== undefined;
  return status !== '409' || method !== 'GET';
}

function aboutOf({ about, roles, needsConfirmation, isSealed, door, path }: Route): string | undefined {
  const rules = [
    ...(roles === undefined ? [] : [`For ${roles.join(', ')}.`]),
    ...(needsConfirmation === true ? ['Only within two minutes after a second confirmation of the session.'] : []),
    ...(isSealed === true ? [`Body and answer are encrypted (JWE, RSA-OAEP-256 and A256GCM) to the key of \`GET ${prefixes[door]}/public_key\` and to the caller's own.`] : []),
    ...(path.includes('{') ? ['What is not this caller\'s is not there: 404.'] : []),
  ];
  const all = [...(about === undefined ? [] : [about]), ...rules].join(' ');
  return all === '' ? undefined : all;
}

/** The form of one: nobody has its key. */
const payloadExample = 'eyJhbGciOiJSU0EtT0FFUC0yNTYiLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoi...';

function sealedSchema(content: TSchema): Json {
  return {
    type: 'object', required: ['payload'], additionalProperties: false,
    properties: { payload: { type: 'string', description: `JWE in compact form (RFC 7516) of this JSON:\n\n${sealedWords(content)}`, maxLength: payloadCharactersMax, contentMediaType: 'application/json', contentSchema: content, examples: [payloadExample] } },
  };
}

function pathParameters({ path, params }: Route): Json[] {
  const { properties = {} } = (params === undefined ? {} : closedInput(params)) as { readonly properties?: Readonly<Record<string, unknown>> };
  return [...path.matchAll(/\{([A-Za-z]+)\}/g)].map(([, name = '']) => ({ name, in: 'path', required: true, schema: properties[name] ?? { type: 'string', minLength: 1, maxLength: 64 } }));
}

function queryParameters({ query }: Route): Json[] {
  const { properties = {}, required = [] } = (query === undefined ? {} : closedInput(query)) as { readonly properties?: Readonly<Record<string, unknown>>; readonly required?: readonly string[] };
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: required.includes(name), schema }));
}

/** Without what is undefined, and with numbers as they are written. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

