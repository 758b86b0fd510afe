/** Who runs this process, for the access log of keys. */
import { userInfo } from 'node:os';

/** Of the operating system; its number where it has no name, as in many containers. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}
