/**
 * The copy of the system tables on this machine's disk. It is written aside, flushed and put in place in one step, and carries a
 * checksum: a file that is torn, cut or edited is refused, since a switch that runs on half a table routes cards wrongly.
 */
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { SystemTableSnapshot } from './table-row.ts';

const format = 'locum system tables 1';

/** There is no copy, or not one that can be trusted; the message says which. */
export class CacheRefused extends Error {
  override readonly name = 'CacheRefused';
}

/** Replaces the copy; a crash leaves the old one or the new one. */
export async function writeTableCache(file: string, snapshot: SystemTableSnapshot): Promise<void> {
  const { revision, rows, readAtMs } = snapshot;
  const body = JSON.stringify({ revision, readAtMs, rows });
  const aside = `${file}.${randomUUID()}`;
  await mkdir(dirname(file), { recursive: true });
  try {
    await flushed(aside, `${format} ${checksumOf(body)}\n${body}\n`);
    await rename(aside, file);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
  // The rename itself is only on disk when the folder is; Windows has no such thing.
  if (process.platform !== 'win32') await flushFolder(dirname(file));
}

/** @throws CacheRefused */
export function readTableCache(file: string): SystemTableSnapshot {
  const text = readText(file);
  const end = text.indexOf('\n');
  const head = text.slice(0, Math.max(end, 0));
  const body = text.slice(end + 1, -1);
  if (!head.startsWith(`${format} `)) throw new CacheRefused(`${file} is not a copy of the system tables`);
  if (head !== `${format} ${checksumOf(body)}` || !text.endsWith('\n')) throw new CacheRefused(`${file} is torn or was edited: its checksum is not its contents'`);
  return { ...(JSON.parse(body) as Omit<SystemTableSnapshot, 'from'>), from: 'cache' };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CacheRefused(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

async function flushed(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function checksumOf(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}
