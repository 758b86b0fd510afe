/** The parts of a remote issuer's row that say how it is asked: times, match keys, and the codes by which it asks back. */
import { ConfigError } from '../base/schema.ts';
import type { MatchKeys } from '../host/match-keys.ts';
import { usualMatchKeys } from '../host/match-keys.ts';
import type { MessageClass, Version } from '../message/message.ts';
import type { ChannelTimers, HostTimers } from '../switch/host-policy.ts';

/** As the row has them: for all types of message, and for one where it differs. */
export interface TimersDocument extends ChannelTimers {
  readonly adviceMs: number;
  readonly authorization?: Partial<ChannelTimers>;
  readonly financial?: Partial<ChannelTimers>;
  readonly reversal?: Partial<ChannelTimers>;
  readonly advice?: Partial<ChannelTimers>;
}

export function readTimers({ posMs, cashMs, adviceMs, authorization, financial, reversal, advice }: TimersDocument): HostTimers {
  const told = { posMs: adviceMs, cashMs: adviceMs };
  return { authorization: { posMs, cashMs, ...authorization }, financial: { posMs, cashMs, ...financial }, reversal: { ...told, ...reversal }, advice: { ...told, ...advice } };
}

/** @throws ConfigError with the place in the row */
export function readMatchKeys(given: Partial<MatchKeys>, path: string): MatchKeys {
  for (const [of, keys] of Object.entries(given)) {
    if (!keys.includes('STAN') && !keys.includes('RRN')) throw new ConfigError(`${path}.${of}`, 'must have STAN or RRN: nothing else tells one request from the next');
    const again = keys.find((key, index) => keys.indexOf(key) < index);
    if (again !== undefined) throw new ConfigError(`${path}.${of}`, `has ${again} a second time`);
  }
  return { ...usualMatchKeys, ...given } satisfies Record<MessageClass, unknown>;
}

/** By what an issuer asks for stand-in where its row says nothing: that it is inoperative (9107 in the codes of its edition), and N0, which networks of 1987 have for it. */
export const usualAskingCodes: Readonly<Record<Version, readonly string[]>> = { 1987: ['91', 'N0'], 1993: ['907'], 2003: ['9107'] };
