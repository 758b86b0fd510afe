/**
 * Message authentication codes of one station: checked on what comes, made for what leaves. A message without one, with one that is not
 * its last field, or with a wrong one is not authentic; which of the messages need one is the station's setting.
 */
import type { Codec, Message } from '../iso8583/codec.ts';
import type { Draft } from '../iso8583/draft.ts';
import { carriedMac, emptyMac, macField, macPlace, patchMac } from '../dialect/mac-place.ts';
import type { HsmTurn } from './hsm-turn.ts';
import type { StationSecurity } from './station-security.ts';

export type Authenticity =
  /** Neither needed nor there. */
  | 'unsigned'
  | 'authentic'
  /** Missing, misplaced, or wrong. */
  | 'refused';

export class StationMac {
  readonly #rules: NonNullable<StationSecurity['mac']>;
  readonly #codec: Codec;
  readonly #hsm: HsmTurn;

  constructor(rules: NonNullable<StationSecurity['mac']>, codec: Codec, hsm: HsmTurn) {
    this.#rules = rules;
    this.#codec = codec;
    this.#hsm = hsm;
  }

  get required(): boolean {
    return this.#rules.required;
  }

  /** `done` is called at once where there is nothing to check, and else in a later turn. The frame's bytes must not change until then. */
  check(message: Message, frame: Uint8Array, done: (authenticity: Authenticity) => void): void {
    const carried = carriedMac(message, frame.length);
    if (carried === undefined) {
      done(this.#rules.required ? 'refused' : 'unsigned');
      return;
    }
    if (carried === 'misplaced') {
      done('refused');
      return;
    }
    const { key, algorithm } = this.#rules;
    const { mac, place, coveredBytes } = carried;
    this.#hsm.verify([{ kind: 'mac', key: { name: key }, algorithm, data: frame.subarray(0, coveredBytes), length: place.bytes, mac }], ([verdict]) => {
      done(verdict === 'match' ? 'authentic' : 'refused');
    });
  }

  /** Whether the code of a frame that is authentic was made with this version of the key; `done` is called in a later turn. */
  isUnder(version: number, message: Message, frame: Uint8Array, done: (isUnder: boolean) => void): void {
    const carried = carriedMac(message, frame.length);
    if (carried === undefined || carried === 'misplaced') {
      done(false);
      return;
    }
    const { key, algorithm } = this.#rules;
    const { mac, place, coveredBytes } = carried;
    this.#hsm.verify([{ kind: 'mac', key: { name: key, version }, algorithm, data: frame.subarray(0, coveredBytes), length: place.bytes, mac }], ([verdict]) => done(verdict === 'match'));
  }

  /**
   * Encodes the draft with its code. `done` gets the frame in a later turn, or why there is none, in a sentence.
   * @param version of the key; undefined: the current one
   * @throws EncodeError
   */
  sign(draft: Draft, version: number | undefined, done: (frame: Uint8Array | undefined, fault: string) => void): void {
    const { key: name, algorithm } = this.#rules;
    const key = version === undefined ? { name } : { name, version };
    const place = macPlace(this.#codec.spec, macField(draft.numbers));
    if (place === undefined) {
      done(undefined, 'the message format has no field for a message authentication code');
      return;
    }
    draft.set(place.field, emptyMac(place));
    const frame = Uint8Array.from(this.#codec.encode(draft));
    const data = frame.subarray(0, frame.length - place.wireBytes);
    this.#hsm.produce([{ kind: 'mac', key, algorithm, data, length: place.bytes }], ([product]) => {
      if (product === undefined || 'error' in product) {
        done(undefined, `the message authentication code cannot be made: ${product?.error.reason ?? 'no answer'}`);
        return;
      }
      patchMac(frame, place, product.value.reveal());
      done(frame, '');
    });
  }
}
