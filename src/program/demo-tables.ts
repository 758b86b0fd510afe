/**
 * The demo program's rows: three stations on this machine, one program, one range of cards.
 */
import type { TableDocument } from './tables.ts';

/** The demo's BIN. */
export const demoBin = '476173';
/** YYMM of the demo's cards, but for one that is expired. */
export const demoExpiry = '3112';
/** The program that demo cards belong to, and the partner that they are issued for. */
export const demoProgram = 'demo';
export const demoPartner = 'demo';
/** ISO 4217: EUR. */
export const demoCurrency = '978';
/** The demo's key for card verification values, in the key file. */
export const demoCvk = 'demo-cvk';

/** Two bytes of length, the high one first, which do not count themselves: what a link has without a framing of its own. */
function station(spec: string, port: number): TableDocument {
  return {
    kind: 'station',
    name: spec.replace('iso8583', 'demo'),
    document: { link: { listen: { host: '127.0.0.1', port } }, spec },
  };
}

/** What a card may spend: there, and out of a benchmark's reach. Minor units. */
const limits = [
  { scope: 'overall', period: 'transaction', amountMinorMax: 100_000_000 },
  { scope: 'overall', period: 'day', amountMinorMax: 10_000_000_000, countMax: 100_000_000 },
  { scope: 'overall', period: 'month', amountMinorMax: 100_000_000_000, countMax: 1_000_000_000 },
  { scope: 'cash', period: 'transaction', amountMinorMax: 100_000 },
  { scope: 'cash', period: 'day', amountMinorMax: 1_000_000, countMax: 1_000 },
  { scope: 'gambling', period: 'day', amountMinorMax: 10_000_000, countMax: 10_000 },
];

export const demoTables: readonly TableDocument[] = [
  station('iso8583-1987-ascii', 8583),
  station('iso8583-1987-binary', 8584),
  station('iso8583-2003-binary', 8585),
  {
    kind: 'program',
    name: demoProgram,
    document: {
      partner: demoPartner,
      currency: demoCurrency,
      timeZone: 'UTC',
      limits,
      merchantGroups: { gambling: ['7800-7802', '7995'] },
      cvk: demoCvk,
    },
  },
  { kind: 'binRange', name: 'demo', document: { from: demoBin, program: demoProgram } },
];
