/**
 * Repeats of what this switch decides or has decided lately: one that is under way is joined, one that was answered gets that answer.
 *
 * An issuer's own answer is kept as the bytes that came, and is read again for whoever asks again: hardly anybody does, and a message that
 * is kept whole costs ten times as much memory, and its share of each collection of it.
 */
import type { ForwardRoute } from '../dialect/forward.ts';
import { readMessage } from '../dialect/read.ts';
import type { Codec } from '../iso8583/codec.ts';
import type { Reason } from '../message/reason.ts';
import { asRepeat, isRepeat, markOf } from './host-arrival.ts';
import type { Done, HostArrival, HostOutcome, MessageMark } from './host-arrival.ts';
import { Recent } from './recent.ts';

interface UnderWay {
  readonly arrival: HostArrival;
  readonly waiting: Done[];
}

type Kept =
  | Exclude<HostOutcome, { kind: 'returned' }>
  | { readonly kind: 'bytes'; readonly latin1: string; readonly codec: Codec; readonly route: ForwardRoute; readonly reason: Reason; readonly note: 'repeat' | undefined };

interface Answered extends MessageMark {
  readonly outcome: Kept;
}

export class Repeats {
  readonly #underWay = new Map<string, UnderWay>();
  readonly #answered: Recent<Answered>;

  /** @param rememberedMax answers that are remembered */
  constructor(rememberedMax: number) {
    this.#answered = new Recent(rememberedMax);
  }

  /** @returns what ends it; undefined: it is a repeat, and `done` is called with what becomes of the other */
  begin(arrival: HostArrival, done: Done): Done | undefined {
    const { key } = arrival;
    const under = this.#underWay.get(key);
    if (under !== undefined && isRepeat(arrival, markOf(under.arrival))) {
      under.waiting.push((outcome) => done(asRepeat(outcome)));
      return undefined;
    }
    const answered = this.#answered.get(key);
    const outcome = answered !== undefined && isRepeat(arrival, answered) ? outcomeOf(answered.outcome) : undefined;
    if (outcome !== undefined) {
      done(asRepeat(outcome));
      return undefined;
    }
    // Another message under a trace that is under way is the ledger's to tell apart; nobody joins it.
    if (under !== undefined) return done;
    const own: UnderWay = { arrival, waiting: [done] };
    this.#underWay.set(key, own);
    return (ended) => {
      this.#underWay.delete(key);
      if (ended.kind !== 'silence') this.#answered.set(key, answeredOf(arrival, ended));
      for (const each of own.waiting) each(ended);
    };
  }
}

function answeredOf(arrival: HostArrival, outcome: HostOutcome): Answered {
  const { fingerprint, transmittedAt, localAt, function: of } = markOf(arrival);
  return { fingerprint, transmittedAt, localAt, function: of, outcome: keptOf(outcome) };
}

function keptOf(outcome: HostOutcome): Kept {
  if (outcome.kind !== 'returned') return outcome;
  const { answer, route, reason, note } = outcome;
  return { kind: 'bytes', latin1: answer.latin1(), codec: answer.codec, route, reason, note };
}

function outcomeOf(kept: Kept): HostOutcome | undefined {
  if (kept.kind !== 'bytes') return kept;
  const { route, reason, note } = kept;
  const answer = kept.codec.decode(Buffer.from(kept.latin1, 'latin1'));
  const meaning = readMessage(answer, route.target.dialect, '');
  return meaning.kind === 'response' ? { kind: 'returned', answer, meaning, route, reason, note } : undefined;
}
