/** The page on message formats says what the loader does. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { SpecError } from '../../src/base/json-node.ts';
import { compile } from '../../src/iso8583/compile.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import { loadSpec } from '../../src/iso8583/load.ts';
import { shippedNames, variantNames } from './codecs.ts';

const page = readFileSync(new URL('../../docs/message-formats.md', import.meta.url), 'utf8');

it('the page names every shipped spec and every variant', () => {
  for (const name of [...shippedNames, ...variantNames]) expect(page).toContain(`\`${name}\``);
});

it('the example on the page is a spec', () => {
  const example = /```json\n([\s\S]+?)```/.exec(page)?.[1] ?? '';
  const codec = compile(loadSpec(JSON.parse(example), 'example.json'));
  const message = codec.decode(Buffer.from(codec.encode(new Draft('0100').set(2, '378282246310005').set(13, '0229').set(60, 'ours'))));
  expect(message.fields().map((field) => message.text(field))).toEqual(['378282246310005', '0229', 'ours']);
});

it('the page names every property that the loader knows', () => {
  const known = (json: unknown): string[] => {
    try {
      loadSpec(json, 'wrong.json');
    } catch (error) {
      if (error instanceof SpecError) return /known are (.+)$/.exec(error.why)?.[1]?.split(', ') ?? [];
      throw error;
    }
    return [];
  };
  const top = { name: 'x', version: '1987', about: 'x', mti: { encoding: 'ascii' }, bitmap: { encoding: 'binary', max: 2 } };
  const properties = [...known({ wrong: 1 }), ...known({ ...top, fields: { 3: { wrong: 1 } } })];
  expect(properties.length).toBeGreaterThan(20);
  for (const property of properties) expect(page).toContain(`\`${property}\``);
});
