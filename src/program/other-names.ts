/**
 * What the issuer knows by other names than this node knew, as the store was away: it is told that these are taken back too. Refuses nothing;
 * says whether that is on disk.
 */
import type { AdviceFile, FoundAdvice } from '../advice/advice-file.ts';
import type { Overtaken } from '../issuer/stand-in-message.ts';
import type { SentReference } from '../message/advice.ts';
import type { HostDesk } from '../switch/host-desk.ts';

export interface OtherNamesOutside {
  readonly advices: Pick<AdviceFile, 'find'>;
  readonly after: (delayMs: number, work: () => void) => void;
  /** `none`: there is no such issuer any more; undefined: nobody knows yet. */
  readonly deskOf: (issuer: string) => Pick<HostDesk, 'takeBack'> | 'none' | undefined;
}

/** An advice comes so soon after what it tells. */
const looksMax = 20;
const lookAgainMs = 100;

/** @param adviceId of what the issuer is told as far as it was known here */
export async function takeOthersBack(outside: OtherNamesOutside, adviceId: string, names: readonly SentReference[], overtaken: Overtaken | undefined): Promise<boolean> {
  const found = await awaited(outside, adviceId);
  // Whoever wrote its record died before: a repeat of that tells both.
  if (found === undefined) return true;
  const desk = outside.deskOf(found.advice.destination);
  return desk === undefined || desk === 'none' ? desk === 'none' : await desk.takeBack(found.advice, names, overtaken);
}

async function awaited({ advices, after }: OtherNamesOutside, adviceId: string): Promise<FoundAdvice | undefined> {
  for (let look = 0; look < looksMax; look += 1) {
    const found = await advices.find(adviceId);
    if (found !== undefined) return found;
    const { promise, resolve } = Promise.withResolvers<void>();
    after(lookAgainMs, resolve);
    await promise;
  }
  return undefined;
}
