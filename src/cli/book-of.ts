/** The book as commands reach it: the server, or the embedded one of the switch that runs on the data folder, or that folder's own. */
import { join } from 'node:path';
import type { BookOptions } from '../book/connection.ts';
import { bookOpenDetail } from '../office/protocol.ts';
import type { Config } from '../program/config.ts';
import type { RunningSwitch } from './doctor-ports.ts';

/** @param connectTimeoutMs a command does not wait long for a server */
export function bookOptionsOf(config: Config, connectTimeoutMs = 3_000): BookOptions {
  const { databaseUrl } = config.book;
  return databaseUrl === undefined ? { dataDir: join(config.dataDir, 'book') } : { databaseUrl, connectionsMax: 1, connectTimeoutMs };
}

/**
 * Is a switch running whose embedded book is not open yet? Whoever opened the folder now would be in its way. The folder does not tell:
 * a book that was cut off leaves its socket's address there.
 *
 * @param running what the switch at the configured address says of itself; undefined where none answers
 */
export function opensSoon(options: BookOptions, running: RunningSwitch | undefined): boolean {
  return 'dataDir' in options && running?.checks['bookOpen'] !== undefined && running.checks['bookOpen'].detail !== bookOpenDetail;
}

/** The address without its password, or the folder, for a person. */
export function bookName(options: BookOptions): string {
  if ('dataDir' in options) return options.dataDir;
  const url = new URL(options.databaseUrl);
  return `${url.hostname}${url.port === '' ? '' : `:${url.port}`}${url.pathname}`;
}
