import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Who may import whom: a folder of src, and the folders that it may use besides itself and `base`. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: [],
  message: [],
  account: ['message'],
  iso8583: [],
  dialect: ['iso8583', 'message'],
  link: ['iso8583'],
  store: [],
  keys: ['message'],
  ca: [],
  standin: ['message'],
  advice: ['message', 'store'],
  host: ['dialect', 'iso8583', 'keys', 'link', 'message'],
  issuer: ['account', 'message', 'standin', 'store'],
  switch: ['advice', 'host', 'issuer', 'dialect', 'iso8583', 'link', 'keys', 'message', 'standin', 'store'],
  book: ['account', 'message', 'store'],
  lifecycle: ['account', 'book', 'keys', 'message'],
  doors: ['ca', 'lifecycle', 'message'],
  office: ['account', 'book', 'ca', 'doors', 'lifecycle', 'message', 'store'],
  tables: ['book', 'dialect', 'host', 'iso8583', 'keys', 'lifecycle', 'link', 'message', 'standin', 'switch'],
  program: ['account', 'advice', 'book', 'ca', 'dialect', 'doors', 'host', 'iso8583', 'issuer', 'keys', 'lifecycle', 'link', 'message', 'office', 'standin', 'store', 'switch', 'tables'],
  cli: ['account', 'book', 'ca', 'dialect', 'doors', 'host', 'iso8583', 'issuer', 'keys', 'lifecycle', 'link', 'message', 'office', 'program', 'store', 'switch', 'tables'],
};

/** Decisions and the reading of bytes: no clock, no randomness, no input or output, nothing that waits. */
const pureFolders = ['message', 'account', 'standin', 'iso8583', 'dialect'];

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name))
    .sort();
}

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/^(import|export)( type)?[^;'"]*from '([^']+)'|import\('([^']+)'\)/gm)].map((match) => {
    const to = match[3] ?? match[4] ?? '';
    return { from: file, to: to.startsWith('.') ? relative(root, resolve(root, dirname(file), to)) : to, typeOnly: match[2] !== undefined };
  });
}

const sourceFiles = sources('src');

test('imports go one way: each folder uses only those below it', () => {
  const wrong = sourceFiles.flatMap(importsOf).filter(({ from, to }) => {
    if (!to.startsWith('src/') && !to.startsWith('test/') && !to.startsWith('bench/')) return false;
    const [, folder = ''] = from.split('/');
    const [top = '', used = ''] = to.split('/');
    if (!folder.includes('.') && top === 'src') return used !== folder && used !== 'base' && !(mayImport[folder] ?? []).includes(used);
    return top !== 'src';
  });
  expect(wrong.map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
});

test('every folder of the source is in the table of who may import whom', () => {
  const folders = new Set(sourceFiles.filter((file) => file.split('/').length > 2).map((file) => file.split('/')[1]));
  expect([...folders].sort()).toEqual(Object.keys(mayImport).sort());
});

test('no file comes back to itself by its imports, those of types included: what two look at stands below both', () => {
  const below = new Map(sourceFiles.map((file) => [file, importsOf(file).map(({ to }) => to).filter((to) => to.startsWith('src/'))]));
  const circles: string[] = [];
  const done = new Set<string>();
  const look = (file: string, path: readonly string[]): void => {
    const from = path.indexOf(file);
    if (from >= 0) circles.push([...path.slice(from), file].join(' -> '));
    if (from >= 0 || done.has(file)) return;
    for (const to of below.get(file) ?? []) look(to, [...path, file]);
    done.add(file);
  };
  for (const file of sourceFiles) look(file, []);
  expect(circles).toEqual([]);
});

test('what decides and what reads bytes has no clock, no randomness, no input or output, and does not wait', () => {
  const forbidden = /from 'node:|Date\.now|new Date\(|performance\.now|Math\.random|\basync\b|\bawait\b|\bPromise\b|setTimeout|setImmediate|process\./;
  const wrong = sourceFiles
    .filter((file) => pureFolders.includes(file.split('/')[1] ?? ''))
    .flatMap((file) => code(file).filter(({ text }) => forbidden.test(text)).map(({ line, text }) => `${file}:${line}: ${text.trim()}`));
  expect(wrong).toEqual([]);
});

test('only the composition reads a clock or draws a number', () => {
  const wrong = sourceFiles
    .filter((file) => !['program', 'cli'].includes(file.split('/')[1] ?? '') && !/-thread\.ts$|^src\/cli\.ts$/.test(file))
    .flatMap((file) => code(file).filter(({ text }) => /Date\.now\(|performance\.now\(|Math\.random\(/.test(text)).map(({ line }) => `${file}:${line}`));
  expect(wrong).toEqual([]);
});

test('no file repeats its folder’s exports, and none has a default export', () => {
  const wrong = sourceFiles.filter((file) => /^export \* from|^export default/m.test(readFileSync(join(root, file), 'utf8')));
  expect(wrong).toEqual([]);
});

test('source files begin with what they own, and stay under 500 lines', () => {
  const wrong = sourceFiles.flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    const lines = text.split('\n').length;
    return [...(lines > 500 ? [`${file} has ${lines} lines`] : []), ...(/^\/\*\*|^#!/.test(text) ? [] : [`${file} has no head comment`])];
  });
  expect(wrong).toEqual([]);
});

test('files are named in kebab case, and nothing is left for later in them', () => {
  const files = tracked().filter((file) => /^(src|test|bench|docs|specs|bin)\//.test(file));
  expect(files.filter((file) => !/^[a-z0-9./-]+$/.test(file) && !file.endsWith('README.md'))).toEqual([]);
  const words = /\b(TODO|FIXME|XXX|HACK)\b/;
  const left = files.filter((file) => !file.endsWith('.json') && file !== 'test/tidy.test.ts' && words.test(readFileSync(join(root, file), 'utf8')));
  expect(left).toEqual([]);
});

test('migrations of the book have the numbers that they are applied by: each the next one, so that a book that is there goes on from where it is', () => {
  const names = readdirSync(join(root, 'src/book/migrations')).sort();
  expect(names.map((name) => name.slice(0, 5))).toEqual(names.map((_, index) => `${String(index + 1).padStart(4, '0')}-`));
});

test('the project names no registry, no path of a machine and nothing outside itself', () => {
  const wrong = tracked().filter((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    return /"resolved": *"http|registry\.npmjs|\/work\/(main|shared)|\.\.\/shared/.test(text) && file !== '.ci/run' && file !== 'test/tidy.test.ts';
  });
  expect(wrong).toEqual([]);
});

test('types check', () => {
  const run = spawnSync(join(root, 'node_modules/.bin/tsc'), ['--noEmit'], { cwd: root, encoding: 'utf8' });
  expect(run.stdout + run.stderr).toBe('');
  expect(run.status).toBe(0);
}, 600_000);

test('the linter finds nothing', () => {
  const run = spawnSync(join(root, 'node_modules/.bin/oxlint'), ['--type-aware', '--format', 'unix'], { cwd: root, encoding: 'utf8' });
  expect(run.status, run.stdout + run.stderr).toBe(0);
}, 600_000);

/** Lines of code without comments. */
function code(file: string): { line: number; text: string }[] {
  const text = readFileSync(join(root, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, (comment) => comment.replaceAll(/[^\n]/g, ' '));
  return text.split('\n').map((line, index) => ({ line: index + 1, text: line.replace(/(^|\s)\/\/.*$/, '') }));
}

/** Files of the project: what git has, or, in a copy without its history, what is there. */
function tracked(): string[] {
  const listed = spawnSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' });
  if (listed.status === 0 && listed.stdout !== '') return listed.stdout.split('\0').filter((file) => file !== '' && exists(file));
  return execFileSync('find', ['.', '-type', 'f', '-not', '-path', './node_modules/*', '-not', '-path', './data/*'], { cwd: root, encoding: 'utf8' })
    .split('\n').filter((file) => file !== '').map((file) => file.slice(2));
}

function exists(file: string): boolean {
  try {
    readFileSync(join(root, file));
    return true;
  } catch {
    return false;
  }
}
