/** Message authentication codes of test messages: made over what is sent, checked on what comes back. */
import { carriedMac, emptyMac, macField, macPlace, patchMac } from '../dialect/mac-place.ts';
import type { Codec, Message } from '../iso8583/codec.ts';
import type { Draft } from '../iso8583/draft.ts';
import type { StationSecurity } from '../switch/station-security.ts';
import { Failure } from './command.ts';
import type { TestKeys } from './send-card.ts';

export type Authenticity = 'authentic' | 'wrong' | 'missing';

export class MessageCodes {
  readonly #rules: NonNullable<StationSecurity['mac']>;
  readonly #keys: TestKeys;

  constructor(rules: NonNullable<StationSecurity['mac']>, keys: TestKeys) {
    this.#rules = rules;
    this.#keys = keys;
  }

  /** Encodes the draft with its code. @throws Failure, EncodeError */
  async encode(draft: Draft, codec: Codec): Promise<Buffer> {
    const place = macPlace(codec.spec, macField(draft.numbers));
    if (place === undefined) throw new Failure(`the format ${codec.spec.name} has no field for a message authentication code`);
    draft.remove(64).remove(128).set(place.field, emptyMac(place));
    const frame = Buffer.from(codec.encode(draft));
    const data = frame.subarray(0, frame.length - place.wireBytes);
    const { key, algorithm } = this.#rules;
    patchMac(frame, place, await this.#keys.make({ kind: 'mac', key: { name: key }, algorithm, data, length: place.bytes }, 'the message authentication code'));
    return frame;
  }

  async check(message: Message, frame: Uint8Array): Promise<Authenticity> {
    const carried = carriedMac(message, frame.length);
    if (carried === undefined) return 'missing';
    if (carried === 'misplaced') return 'wrong';
    const { key, algorithm } = this.#rules;
    const { mac, place, coveredBytes } = carried;
    const [verdict] = await this.#keys.hsm.verify([{ kind: 'mac', key: { name: key }, algorithm, data: frame.subarray(0, coveredBytes), length: place.bytes, mac }]);
    return verdict === 'match' ? 'authentic' : 'wrong';
  }
}
