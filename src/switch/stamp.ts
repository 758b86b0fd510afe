/**
 * Draws what a message is stamped with on receipt: its id, the approval code on offer, a retrieval reference where it has none.
 */
import { isTransmissionTime } from '../dialect/times.ts';
import type { Trace } from '../message/message.ts';

export interface Stamps {
  /** Unique over all switches and restarts. */
  messageId(): string;
  /** Six digits for DE38. */
  approvalCode(): string;
}

const dayMs = 86_400_000;

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

/**
 * DE37 for a request without one: last digit of the year, day of the year, hour, then the STAN's last six digits. Made of the message's
 * own times, so that a repeat is answered with the same; of the time of receipt where it has none.
 * @param receivedAtMs Unix ms; its year is the times' year, but around a New Year
 */
export function retrievalReference(receivedAtMs: number, { stan, transmittedAt, localAt }: Pick<Trace, 'stan' | 'transmittedAt' | 'localAt'>): string {
  const digits = transmittedAt === '' ? localAt.slice(-10) : transmittedAt;
  const at = new Date(isTransmissionTime(digits) ? timeNear(receivedAtMs, digits) : receivedAtMs);
  const dayOfYear = Math.floor((at.getTime() - Date.UTC(at.getUTCFullYear(), 0, 1)) / dayMs) + 1;
  const hour = String(at.getUTCHours()).padStart(2, '0');
  return `${at.getUTCFullYear() % 10}${String(dayOfYear).padStart(3, '0')}${hour}${stan.slice(-6).padStart(6, '0')}`;
}

/** The Unix ms of MMDDhhmmss that is nearest to another. */
function timeNear(nearMs: number, digits: string): number {
  const year = new Date(nearMs).getUTCFullYear();
  const [month = 0, day = 0, hour = 0] = [0, 2, 4].map((start) => Number(digits.slice(start, start + 2)));
  const times = [year - 1, year, year + 1].map((each) => Date.UTC(each, month - 1, day, hour));
  return times.reduce((best, each) => (Math.abs(each - nearMs) < Math.abs(best - nearMs) ? each : best));
}
