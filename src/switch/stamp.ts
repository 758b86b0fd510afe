/**
 * Draws what a message is stamped with on receipt: its id, the approval code on offer, a retrieval reference where it has none.
 */

export interface Stamps {
  /** Unique over all switches and restarts. */
  messageId(): string;
  /** Six digits for DE38. */
  approvalCode(): string;
}

const approvalCodes = 1_000_000;
/** Coprime to a million, so that a million codes pass before one comes again. */
const approvalStride = 618_033;

/**
 * @param switchName this switch's name among those on the same store
 * @param startedAtMs Unix ms of this process's start
 * @param random in [0, 1)
 */
export function newStamps(switchName: string, startedAtMs: number, random: () => number): Stamps {
  // Tenths of a second since 2025 tell one run of a switch from the next.
  const run = Math.floor((startedAtMs - 1_735_689_600_000) / 100).toString(36);
  let count = 0;
  let code = Math.floor(random() * approvalCodes);
  return {
    messageId: () => {
      count += 1;
      return `${switchName}${run}-${count.toString(36)}`;
    },
    approvalCode: () => {
      code = (code + approvalStride) % approvalCodes;
      return String(code).padStart(6, '0');
    },
  };
}

/** DE37 for a request without one: last digit of the year, day of the year, hour (UTC), then the STAN's last six digits. */
export function retrievalReference(atMs: number, stan: string): string {
  const at = new Date(atMs);
  const dayOfYear = Math.floor((atMs - Date.UTC(at.getUTCFullYear(), 0, 1)) / 86_400_000) + 1;
  const hour = String(at.getUTCHours()).padStart(2, '0');
  return `${at.getUTCFullYear() % 10}${String(dayOfYear).padStart(3, '0')}${hour}${stan.slice(-6).padStart(6, '0')}`;
}
