/**
 * The latest outcomes, for repeats. An issuer's own answer is kept as the bytes that came, and is read again for whoever asks again:
 * hardly anybody does, and a message that is kept whole costs ten times as much memory, and its share of each collection of it.
 */
import type { ForwardRoute } from '../dialect/forward.ts';
import { readMessage } from '../dialect/read.ts';
import type { Codec } from '../iso8583/codec.ts';
import type { Reason } from '../message/reason.ts';
import type { HostOutcome } from './host-arrival.ts';
import { Recent } from './recent.ts';

type Kept =
  | Exclude<HostOutcome, { kind: 'returned' }>
  | { readonly kind: 'bytes'; readonly latin1: string; readonly codec: Codec; readonly route: ForwardRoute; readonly reason: Reason; readonly note: 'repeat' | undefined };

export class RememberedOutcomes {
  readonly #kept: Recent<Kept>;

  constructor(max: number) {
    this.#kept = new Recent(max);
  }

  get(key: string): HostOutcome | undefined {
    const kept = this.#kept.get(key);
    if (kept?.kind !== 'bytes') return kept;
    const { route, reason, note } = kept;
    const answer = kept.codec.decode(Buffer.from(kept.latin1, 'latin1'));
    const meaning = readMessage(answer, route.target.dialect, '');
    return meaning.kind === 'response' ? { kind: 'returned', answer, meaning, route, reason, note } : undefined;
  }

  set(key: string, outcome: HostOutcome): void {
    if (outcome.kind !== 'returned') {
      this.#kept.set(key, outcome);
      return;
    }
    const { answer, route, reason, note } = outcome;
    this.#kept.set(key, { kind: 'bytes', latin1: answer.latin1(), codec: answer.codec, route, reason, note });
  }
}
