import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadDialect } from '../../src/dialect/load.ts';
import { dialects, json, versions } from './stations.ts';

const page = readFileSync(new URL('../../docs/dialects.md', import.meta.url), 'utf8');
const settings = page.split('## Settings')[1]!.split('\n').filter((line) => line.startsWith('| `')).flatMap((line) => [...line.split('|')[1]!.matchAll(/`(\w+)`/g)].map(([, name]) => name!));

describe('docs/dialects.md', () => {
  it('tells every setting of the shipped dialects, and none that they lack', () => {
    const shipped = new Set(versions.flatMap((version) => Object.keys(json(`dialects/iso8583-${version}.json`) as object)));
    expect([...new Set(settings)].sort()).toEqual([...shipped].sort());
  });

  it('has an example that a dialect takes', () => {
    const example = JSON.parse(`{${page.split('```json')[1]!.split('```')[0]!}}`) as Record<string, unknown>;
    const content = { ...(json('dialects/iso8583-1987.json') as object), ...example };
    expect(() => loadDialect(content, 'example.json', dialects['1987'].reasons)).not.toThrow();
  });
});
