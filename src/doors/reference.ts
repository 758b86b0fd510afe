/**
 * The reference page (`/reference`) and the document that it shows (`/openapi.json`), for people: nothing on it comes from anywhere else, and its policy
 * (CSP) allows nothing else. The page's program is large, so it is loaded when somebody first asks for it.
 */
import { createHash } from 'node:crypto';
import helmet from '@fastify/helmet';
import { fastify } from 'fastify';
import type { FastifyInstance } from 'fastify';

/** What the page may do: its own scripts, styles that its program makes, and calls to the address that it is from. */
function policyOf(inlineScripts: readonly string[]): string {
  const hashes = inlineScripts.map((script) => `'sha256-${createHash('sha256').update(script).digest('base64')}'`);
  return [
    'default-src \'none\'', ['script-src \'self\'', ...hashes].join(' '), 'style-src \'self\' \'unsafe-inline\'', 'img-src \'self\' data:', 'font-src \'self\' data:', 'connect-src \'self\'',
    'base-uri \'none\'', 'form-action \'none\'', 'frame-ancestors \'none\'',
  ].join(';');
}

interface Part {
  readonly type: string;
  readonly text: string;
}

/** In the page itself, so that no browser asks for one. */
const icon = '<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 viewBox=%220 0 16 16%22%3E%3Crect y=%223%22 width=%2216%22 height=%2210%22 rx=%222%22/%3E%3C/svg%3E" />';

const scriptPath = '/reference/js/scalar.js';

/** What the program of the page offers beside the document is either another host's, or a call that needs more than a browser has (a certificate, JWE). */
const configuration = {
  url: '/openapi.json', pageTitle: 'Locum', withDefaultFonts: false, telemetry: false,
  hideClientButton: true, hideTestRequestButton: true, showDeveloperTools: 'never', agent: { disabled: true }, mcp: { disabled: true },
} as const;

/** Adds both to the server. @param document the text of OpenAPI */
export function openReference(server: FastifyInstance, document: string): void {
  let loading: Promise<FastifyInstance> | undefined;
  const part = async (path: string): Promise<Part> => {
    loading ??= pageServer();
    const { body, headers } = await (await loading).inject(path);
    return { type: String(headers['content-type']), text: body };
  };
  void server.register(async (scope) => {
    await scope.register(helmet, { contentSecurityPolicy: false });
    scope.addHook('onRequest', (_request, reply, done) => {
      reply.header('cache-control', 'no-store');
      done();
    });
    scope.get('/openapi.json', async (_request, reply) => await reply.type('application/json; charset=utf-8').send(document));
    scope.get('/reference', async (_request, reply) => await reply.redirect('/reference/', 301));
    scope.get('/reference/', async (_request, reply) => {
      const { type, text } = await part('/reference/');
      const inline = [...text.matchAll(/<script(?: type="text\/javascript")?>([\s\S]*?)<\/script>/g)].map((match) => match[1]!);
      return await reply.type(type).header('content-security-policy', policyOf(inline)).send(text.replace('</head>', `${icon}</head>`));
    });
    scope.get(scriptPath, async (_request, reply) => {
      const { type, text } = await part(scriptPath);
      return await reply.type(type).send(text);
    });
  });
}

async function pageServer(): Promise<FastifyInstance> {
  const { default: page } = await import('@scalar/fastify-api-reference');
  const inner = fastify({ logger: false });
  await inner.register(page, { routePrefix: '/reference', configuration });
  return inner;
}
