/** The book as commands reach it: the server, or the embedded one of the switch that runs on the data folder, or that folder's own. */
import { join } from 'node:path';
import { socketFolder } from '../book/socket.ts';
import type { BookOptions } from '../book/connection.ts';
import type { Config } from '../program/config.ts';

/** @param connectTimeoutMs a command does not wait long for a server */
export function bookOptionsOf(config: Config, connectTimeoutMs = 3_000): BookOptions {
  const { databaseUrl } = config.book;
  return databaseUrl === undefined ? { dataDir: join(config.dataDir, 'book') } : { databaseUrl, connectionsMax: 1, connectTimeoutMs };
}

/**
 * Is a switch running whose embedded book is not open yet? Whoever opened the folder now would be in its way.
 *
 * @param running whether a switch answers at the configured address
 */
export function opensSoon(options: BookOptions, running: boolean): boolean {
  return running && 'dataDir' in options && socketFolder(options.dataDir) === undefined;
}

/** The address without its password, or the folder, for a person. */
export function bookName(options: BookOptions): string {
  if ('dataDir' in options) return options.dataDir;
  const url = new URL(options.databaseUrl);
  return `${url.hostname}${url.port === '' ? '' : `:${url.port}`}${url.pathname}`;
}
