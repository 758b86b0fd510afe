/**
 * What the bureau is told of a plastic: number, expiry, the values of its stripe, chip and print, its chip's keys and its PIN, as JSON in a
 * JWE. docs/personalisation.md describes each field.
 *
 * Invariants: keys are in key blocks and the PIN in a block, under keys that the bureau's HSM has; all else is under the bureau's
 * key as well; nothing of it is known outside the HSM's port and this function.
 */
import type { Hsm, Order } from '../keys/hsm.ts';
import type { DeskAsk } from '../lifecycle/desk-wire.ts';
import type { Pan } from '../message/pan.ts';
import { Secret } from '../message/secret.ts';
import type { ProgramRow } from '../tables/rows.ts';

type PersonaliseAsk = Extract<DeskAsk, { what: 'personalise' }>;

/** The JWE; undefined where the program has no bureau, or a key is missing or another than it has to be. */
export async function personalised(hsm: Hsm, row: ProgramRow, ask: PersonaliseAsk, pan: Pan): Promise<string | undefined> {
  const { bureau } = row.cards;
  if (bureau === undefined) return undefined;
  const { expiry, serviceCode, cvv2Generation, panSequence, kind } = ask;
  const key = { name: row.cvk };
  const orders = new Map<string, Order>([
    ['cvv', { kind: 'cvv', key, pan, expiry, serviceCode }],
    ['icvv', { kind: 'icvv', key, pan, expiry }],
  ]);
  if (kind === 'physical') orders.set('cvc2', { kind: 'cvv2', key, pan, expiry, expiryOrder: row.cvv2ExpiryOrder, generation: cvv2Generation });
  if (ask.pin !== undefined && bureau.pinKey !== undefined) {
    orders.set('pin', { kind: 'pinBlock', clear: new Secret(ask.pin), format: 0, key: { zone: { name: bureau.pinKey } }, pan });
  }
  const chipKeys = row.chip?.keys.get(bureau.chipKeyIndex);
  if (row.chip !== undefined && chipKeys === undefined) return undefined;
  for (const use of ['ac', 'smi', 'smc'] as const) {
    const name = chipKeys?.[use];
    if (name !== undefined) orders.set(use, { kind: 'cardKey', usage: `imk-${use}`, key: { name }, under: { name: bureau.key }, pan, panSequence, masterKeyOption: row.chip?.masterKeyOption ?? 'A' });
  }
  const products = await hsm.produce([...orders.values()]);
  const made: Record<string, string> = {};
  for (const [index, field] of [...orders.keys()].entries()) {
    const product = products[index];
    if (product === undefined || 'error' in product) return undefined;
    made[field] = product.value.reveal();
  }
  const { cvv, icvv, cvc2, pin, ac, smi, smc } = made;
  const document = {
    orderId: ask.orderId, kind, program: row.name, cardNumber: pan.reveal(), expiry, serviceCode, panSequence, holderName: ask.holderName, cvv, icvv, cvc2,
    pin: pin === undefined ? undefined : { format: 0, key: bureau.pinKey, block: pin },
    chip: ac === undefined ? undefined : { keyIndex: bureau.chipKeyIndex, keys: { ac, smi, smc } },
    delivery: ask.delivery,
  };
  const [sealed] = await hsm.produce([{ kind: 'transport', key: { name: bureau.key }, text: new Secret(JSON.stringify(document)) }]);
  return sealed === undefined || 'error' in sealed ? undefined : sealed.value.reveal();
}
