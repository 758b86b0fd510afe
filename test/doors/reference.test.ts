/** The reference page as a newcomer has it, in a Chromium that can reach nothing but the server under test. */
import { readFileSync } from 'node:fs';
import { fastify } from 'fastify';
import type { FastifyInstance } from 'fastify';
import { chromium } from 'playwright-core';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openReference } from '../../src/doors/reference.ts';
import { program } from '../servers/debian.ts';

const text = readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8');
const { paths } = JSON.parse(text) as { readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>> };
const operations = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).filter((method) => method !== 'servers').map((method) => `${method.toUpperCase()} ${path}`));

let server: FastifyInstance;
let browser: Browser;
let page: Page;
let contents: Locator;
let address: string;
const asked: URL[] = [];
const complaints: string[] = [];

beforeAll(async () => {
  server = fastify();
  openReference(server, text);
  address = `${await server.listen({ host: '127.0.0.1', port: 0 })}/reference`;
  const isRoot = process.getuid?.() === 0;
  browser = await chromium.launch({
    executablePath: await program(['chromium', 'chromium-browser', 'google-chrome'], 'chromium'),
    args: ['--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1', '--disable-dev-shm-usage', ...(isRoot ? ['--no-sandbox'] : [])],
  });
  page = await browser.newPage();
  page.on('request', (request) => asked.push(new URL(request.url())));
  page.on('websocket', (socket) => asked.push(new URL(socket.url())));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', ({ message }) => complaints.push(message));
  await page.goto(address);
  contents = page.getByRole('complementary', { name: 'Sidebar for Locum' });
  await contents.getByText('Introduction').waitFor();
});
afterAll(async () => {
  await browser.close();
  await server.close();
});

test('the three doors are the chapters that a newcomer sees first', async () => {
  const chapters = await contents.locator('a[href*="#tag-group/"]').allInnerTexts();
  expect(chapters).toEqual(['Mobile: cardholder\'s app', 'Server: partner\'s back end', 'Administration: staff']);
  for (const title of chapters) expect(await contents.getByText(title, { exact: true }).isVisible(), title).toBe(true);
  expect(await page.getByRole('heading', { name: 'Locum' }).isVisible()).toBe(true);
});

test('every route of every door is in the table of contents, and leads to what it says', async () => {
  const closed = contents.getByRole('button', { name: /^Open Group/ });
  while (await closed.count() > 0) await closed.first().click();
  const links = await contents.locator('a[href*="#tag/"]').evaluateAll((all) => all.map((link) => decodeURIComponent(link.getAttribute('href') ?? '')));
  const shown = links.flatMap((link) => {
    const [, method, path] = /^#tag\/[a-z-]+\/([A-Z]+)(\/.*)$/.exec(link) ?? [];
    return method === undefined || path === undefined ? [] : [`${method} ${path}`];
  });
  expect(shown.sort()).toEqual(operations.sort());
  await contents.locator('a[href="#tag/server-cards/POST/secure/customers/{customerId}/cards/virtual"]').click();
  const operation = page.locator('section', { has: page.getByRole('heading', { name: 'Makes a virtual card', exact: true }) }).filter({ hasText: 'POST/secure/customers/{customerId}/cards/virtual' }).last();
  for (const words of ['X-Idempotency-Key', 'Public-Key', 'payload', 'balanceId (string, optional)', 'https://127.0.0.1:8443/secure/customers/']) await operation.getByText(words).first().waitFor();
});

test('what the page’s program could send to others is not offered', async () => {
  for (const name of [/Ask AI/, /Share/, /Deploy/, /Generate/, /Test Request/, /Developer Tools/]) expect(await page.getByRole('button', { name }).count(), String(name)).toBe(0);
});

test('nothing was asked of another host, no script is from elsewhere, and nothing went against the page’s policy', async () => {
  const { origin } = new URL(address);
  expect(asked.filter((url) => url.origin !== origin && url.protocol !== 'data:').map(String)).toEqual([]);
  expect(new Set(asked.filter(({ protocol }) => protocol !== 'data:').map(({ pathname }) => pathname))).toEqual(new Set(['/reference', '/reference/', '/reference/js/scalar.js', '/openapi.json']));
  expect(await page.locator('script[src]').evaluateAll((all) => all.map((script) => script.getAttribute('src')))).toEqual(['js/scalar.js']);
  expect(complaints).toEqual([]);
  await expect(page.addScriptTag({ content: 'document.title = "written by another"' })).rejects.toThrow(/Content Security Policy/);
  expect(await page.title()).not.toBe('written by another');
});
