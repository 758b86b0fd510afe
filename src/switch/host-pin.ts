/** A PIN on its way to a remote issuer: taken from the acquirer's zone into the issuer's, and never clear outside the HSM. */
import type { OwnValues } from '../dialect/forward.ts';
import type { HsmTurn } from './hsm-turn.ts';
import type { StationSecurity } from './station-security.ts';
import { encipheredPin } from './verification.ts';
import type { Carried } from './verification.ts';

/**
 * The PIN blocks of a message under the issuer's key.
 *
 * @param rules of the issuer's station; undefined: it gets no PINs
 * @param done is called once: undefined, where there is none; `refused`, where it cannot be brought under that key
 */
export function pinForHost(arrival: Carried, rules: Pick<StationSecurity, 'pinKey' | 'pinFormat'> | undefined, hsm: HsmTurn, done: (pin: OwnValues['pin'] | 'refused') => void): void {
  const { meaning } = arrival;
  if (meaning.pin === undefined) {
    done(undefined);
    return;
  }
  const from = encipheredPin(arrival, meaning.pin.block.reveal().length);
  if (rules?.pinKey === undefined || from === undefined) {
    done('refused');
    return;
  }
  const to = { key: { zone: { name: rules.pinKey } }, format: rules.pinFormat } as const;
  const blocks = [from, ...(meaning.newPinBlock === undefined ? [] : [{ ...from, block: meaning.newPinBlock }])];
  hsm.produce(blocks.map((block) => ({ kind: 'pinTranslation', from: block, to })), ([block, newBlock]) => {
    if (block === undefined || 'error' in block || (newBlock !== undefined && 'error' in newBlock)) done('refused');
    else done({ block: block.value, newBlock: newBlock?.value, format: rules.pinFormat });
  });
}
