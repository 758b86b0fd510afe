/** docs/remote-issuer.md: its tables are the schemas, its issuer runs, its commands do what it says. Run with -u, the tables are written anew. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { ObjectSchema, Schema } from '../../src/base/schema.ts';
import { allowedOf } from '../../src/base/schema.ts';
import { answerSchema, healthSchema, messageSchema } from '../../src/host/remote-schema.ts';
import { reasons } from '../../src/message/reason.ts';
import { readIssuer } from '../../src/tables/tables.ts';
import { root } from '../program/fixture.ts';
import { buys, code, startHostSwitch, stopHosts } from '../switch/hosts.ts';
import { newKeys, remoteRow, usable } from '../switch/remotes.ts';
import { endsWithUs } from '../servers/children.ts';

const file = join(root, 'docs/remote-issuer.md');
const text = readFileSync(file, 'utf8');

afterEach(stopHosts);

function rowsOf(schema: ObjectSchema, path = '', always = true): string[] {
  return Object.entries(schema.properties).flatMap(([name, property]) => {
    const place = `${path}${name}`;
    const isThere = schema.required.includes(name);
    const row = `| \`${place}\` | ${typeOf(property)} | ${isThere ? (always ? 'always' : `with \`${path.replace(/(?:\[\])?\.$/, '')}\``) : ''} | ${property.description} |`;
    if (property.type === 'object') return [row, ...rowsOf(property, `${place}.`, always && isThere)];
    if (property.type === 'array' && property.items.type === 'object') return [row, ...rowsOf(property.items, `${place}[].`, false)];
    return [row];
  });
}

function typeOf(schema: Schema): string {
  switch (schema.type) {
    case 'object':
      return 'object';
    case 'array':
      return schema.items.type === 'object' ? 'list' : `list: ${typeOf(schema.items)}`;
    case 'map':
      return 'object';
    case 'boolean':
      return 'true, false';
    case 'string':
      if ('enum' in schema) return schema.enum.join(', ');
      return schema.pattern === undefined ? 'text' : allowedOf(schema);
    case 'integer':
      return 'enum' in schema ? schema.enum.join(', ') : `whole number from ${schema.minimum}`;
    case 'document':
      return 'object';
  }
}

function withTables(page: string): string {
  let written = page;
  for (const [name, schema] of [['message', messageSchema], ['answer', answerSchema], ['health', healthSchema]] as const) {
    const table = ['| field | type | there | |', '|---|---|---|---|', ...rowsOf(schema)].join('\n');
    written = written.replace(new RegExp(`<!-- ${name} -->\\n[^]*?<!-- end -->`), () => `<!-- ${name} -->\n${table}\n<!-- end -->`);
  }
  return written;
}

test('the tables of the documents are their schemas', async () => {
  await expect(withTables(text)).toMatchFileSnapshot('../../docs/remote-issuer.md');
});

test('every file and every reason that is named is there', () => {
  const files = [...text.matchAll(/`((?:src|test)\/[a-z0-9/.-]+\.ts)`/g)].map(([, name = '']) => name);
  expect(files.length).toBeGreaterThan(8);
  for (const name of files) expect(existsSync(join(root, name)), name).toBe(true);
  for (const [, reason = ''] of text.matchAll(/reason: '([0-9]{4})'/g)) expect(reasons).toHaveProperty(reason);
});

test('the row of the page is one', () => {
  const [, json = ''] = /```json\n([^]*?)```/.exec(text) ?? [];
  const { issuers } = JSON.parse(json) as { readonly issuers: Readonly<Record<string, unknown>> };
  expect(readIssuer('demo-host', issuers['demo-host'])).toMatchObject({ type: 'host', stations: [], remote: { origin: 'https://127.0.0.1:8591', pan: 'encrypted' } });
});

test('the issuer in one file verifies, answers and signs, with nothing of this program', async () => {
  const keys = newKeys();
  const [, program = ''] = /```js\n([^]*?)```/.exec(text) ?? [];
  expect(program).not.toMatch(/locum\/|from '\./);
  // The page has the folder under this name.
  const folder = dirname(keys);
  writeFileSync(join(folder, 'issuer.mjs'), program.replaceAll('issuer-keys/', 'keys/'));
  const child = endsWithUs(spawn(process.execPath, ['issuer.mjs', '0'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] }));
  try {
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const port = Number(/port ([0-9]+)/.exec(line.toString())?.[1]);
    const at = await startHostSwitch({ issuer: remoteRow(keys, port) });
    await usable(at);
    const shop = await at.call();
    const answer = await shop.ask(buys(shop, 1));
    expect([code(answer), answer.text(38)]).toEqual(['0110 00', 'A1B2C3']);
    expect(code(await shop.ask(buys(shop, 2, { 4: '000000100001' })))).toBe('0110 51');
    expect(await at.entries()).toMatchObject([{ decidedBy: 'issuer' }, { decidedBy: 'issuer', reason: '1016' }]);
  } finally {
    child.kill();
  }
});
