/**
 * The demo program's rows: three stations on this machine, one program, one range of cards.
 */
import type { TableDocument } from '../tables/tables.ts';

/** The demo's BIN. */
export const demoBin = '476173';
/** YYMM of the demo's cards, but for one that is expired. */
export const demoExpiry = '3112';
/** The program that demo cards belong to, and the partner that they are issued for. */
export const demoProgram = 'demo';
export const demoPartner = 'demo';
/** The BIN whose cards a remote issuer decides on, and the station that it connects to. */
export const demoHostBin = '541333';
const demoHostStation = 'demo-host';
/** ISO 4217: EUR. */
export const demoCurrency = '978';
/** Which of the program's PIN verification keys the demo's cards were made with. */
export const demoPvkIndex = 1;

/**
 * Two bytes of length, the high one first, which do not count themselves: what a link has without a framing of its own.
 * @param fileActions may it lock cards, as a network does?
 */
function station(spec: string, port: number, terminalKey: string, institution: string, fileActions: boolean): TableDocument {
  return {
    kind: 'station',
    name: spec.replace('iso8583', 'demo'),
    document: {
      link: { listen: { host: '127.0.0.1', port } }, spec,
      security: { pinKey: 'demo-zpk', terminalKey, mac: { key: 'demo-zak', required: false }, transportKey: 'demo-kek' },
      fileActions,
      acquirer: { institutions: [institution] },
    },
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

/** What stand-in may do for the demo's remote issuer, and for its own accounts while their store is away: purchases up to 50.00 without much proof, so that a newcomer sees it with one command. */
const demoStandIn = {
  version: 1,
  currency: 'EUR',
  unavailable: {
    tests: { cryptogram: 'ifCarried' },
    decisions: [
      { name: 'cash', when: { or: [{ purpose: ['cash'] }, { merchantGroup: ['cash', 'quasi-cash'] }] }, outcome: 'decline', reason: '1019' },
      { name: 'gambling', when: { merchantGroup: ['gambling'] }, outcome: 'decline', reason: '1019' },
      { name: 'purchase', when: { purpose: ['purchase'] }, outcome: 'approve' },
    ],
    otherwise: 'decline',
    limits: [
      { scope: 'overall', period: 'transaction', amountMinorMax: 5_000 },
      { scope: 'overall', period: 'day', amountMinorMax: 20_000, countMax: 10 },
    ],
  },
  outageCaps: { card: { amountMinorMax: 15_000, countMax: 5 }, issuer: { amountMinorMax: 10_000_000, countMax: 100_000 } },
};

export const demoTables: readonly TableDocument[] = [
  station('iso8583-1987-ascii', 8583, 'demo-bdk', '100001', true),
  station('iso8583-1987-binary', 8584, 'demo-bdk', '100002', false),
  station('iso8583-2003-binary', 8585, 'demo-bdk-aes', '100003', true),
  {
    kind: 'program',
    name: demoProgram,
    document: {
      partner: demoPartner,
      currency: demoCurrency,
      timeZone: 'UTC',
      limits,
      merchantGroups: { gambling: ['7800-7802', '7995'] },
      cvk: 'demo-cvk',
      pin: { pvks: { [demoPvkIndex]: 'demo-pvk' } },
      chip: { keys: { 1: { ac: 'demo-imk-ac', smi: 'demo-imk-smi', smc: 'demo-imk-smc' } }, blockAtLocks: [1, 2] },
      contactlessStripe: { form: 'dcvv', key: 'demo-imk-cvc', value: { at: 5, length: 3 }, atc: { at: 8, length: 4 } },
      authentication: { key: 'demo-cavv', form: 'visa-cavv-0' },
      cards: { kinds: ['virtual', 'physical', 'digitalFirst'], bureau: { key: 'demo-bureau', pinKey: 'demo-zpk' } },
    },
  },
  { kind: 'binRange', name: 'demo', document: { from: demoBin, program: demoProgram } },
  {
    kind: 'station',
    name: demoHostStation,
    document: { link: { listen: { host: '127.0.0.1', port: 8590 }, session: { signOn: 'peer' } }, spec: 'iso8583-1987-binary', security: { pinKey: 'demo-zpk', transportKey: 'demo-kek' } },
  },
  { kind: 'issuer', name: 'own', document: { type: 'own', standIn: demoStandIn } },
  { kind: 'issuer', name: 'demo-host', document: { type: 'host', stations: [demoHostStation], standIn: demoStandIn } },
  {
    kind: 'program',
    name: 'demo-host',
    document: { issuer: 'demo-host', partner: demoPartner, currency: demoCurrency, cvk: 'demo-cvk', chip: { keys: { 1: { ac: 'demo-imk-ac' } } }, authentication: { key: 'demo-cavv', form: 'visa-cavv-0' } },
  },
  { kind: 'binRange', name: 'demo-host', document: { from: demoHostBin, program: 'demo-host' } },
];
