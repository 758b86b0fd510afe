/**
 * What operators do with the stations of this switch: see how they stand, sign them off and on, ask whether their peers are there, and
 * end the business day there.
 *
 * Refuses an order for a station that is not there, or that has nobody at its other end to be told. Invariant: an order is this
 * process's, ends with it, and is in the log with who gave it and why.
 */
import type { DeliveryStatus } from '../advice/delivery.ts';
import { OperationRefused } from '../office/operation.ts';
import type { Operation, OperationInput } from '../office/operation.ts';
import type { SentToAll, StationNetworkStatus } from '../switch/station-network.ts';
import type { StationStatus, Switch } from '../switch/switch.ts';
import type { StationRow } from '../tables/rows.ts';
import { text } from '../tables/schema-parts.ts';
import { advicesShown } from './operator-issuers.ts';
import type { AdvicesShown } from './operator-issuers.ts';
import { whyField } from './operator-tables.ts';

export interface StationsOutside {
  readonly switch: Pick<Switch, 'status' | 'network' | 'sign' | 'send'>;
  /** The stations' rows in force. */
  readonly rows: () => readonly StationRow[];
  /** Undefined: it is no acquirer's that messages are kept for. */
  readonly delivery: (station: string) => DeliveryStatus | undefined;
  /** Unix ms. */
  readonly now: () => number;
  readonly log: { event(name: string, fields: Readonly<Record<string, unknown>>): void };
}

/** How a station stands at this switch. */
export interface StationShown {
  readonly name: string;
  readonly role: 'listen' | 'connect';
  /** 0: it could not be started yet. */
  readonly port: number;
  readonly spec: string;
  /** `notStarted`: its port could not be had, or the like; the log says what. */
  readonly state: StationNetworkStatus['state'] | 'notStarted';
  /** What issuers have sent its acquirer, that waits in this switch's advice file; undefined of other stations. */
  readonly advices: AdvicesShown | undefined;
  /** Requests of its that wait for their answers. */
  readonly inFlight: number;
  readonly connections: readonly { readonly id: number; readonly peer: string; readonly state: string; /** ISO 8601. */ readonly since: string }[];
  readonly echo: { readonly lastMs: number | undefined; /** ISO 8601. */ readonly lastAt: string | undefined; readonly answered: number; readonly missed: number };
  readonly cutOver: { readonly businessDate: string; /** ISO 8601. */ readonly at: string; readonly by: 'peer' | 'us' } | undefined;
}

export interface StationSigned {
  readonly station: string;
  readonly state: StationShown['state'];
  /** False: it was so already. */
  readonly changed: boolean;
}

export interface StationAsked {
  readonly station: string;
  readonly connections: readonly SentToAll[];
}

/** An operator waits for no longer: a little less than an operation may take. */
const askedWithinMs = 8_000;

const stationField = text('the station\'s name');
const which = { type: 'object', description: 'which', additionalProperties: false, required: ['station'], properties: { station: stationField } } as const;
const withReason = { ...which, required: ['station', 'why'], properties: { station: stationField, why: whyField } } as const;
const withOrWithoutReason = { ...which, properties: { station: stationField, why: whyField } } as const;
const dateField = text('the business day that begins', '^[0-9]{8}$', 'a day as CCYYMMDD');

/** What operators may ask for. */
export function stationOperations(outside: StationsOutside): Operation[] {
  return [
    {
      name: 'station list', method: 'GET', path: 'stations', about: 'how each station stands at this switch',
      takes: { type: 'object', description: 'all of them', additionalProperties: false, required: [], properties: {} },
      run: async () => await Promise.resolve({ stations: outside.rows().map((row) => shown(outside, row)).toSorted((one, other) => (one.name < other.name ? -1 : 1)) }),
    },
    {
      name: 'station show', method: 'GET', path: 'stations/{station}', about: 'how one station stands at this switch', takes: which,
      run: async (input) => await Promise.resolve(shown(outside, rowNamed(outside, input))),
    },
    {
      name: 'station sign-off', method: 'POST', path: 'stations/{station}/sign-off', about: 'signs the station off until it is signed on', takes: withReason,
      run: async (input, by) => await Promise.resolve(signed(outside, input, false, by)),
    },
    {
      name: 'station sign-on', method: 'POST', path: 'stations/{station}/sign-on', about: 'ends that', takes: withOrWithoutReason,
      run: async (input, by) => await Promise.resolve(signed(outside, input, true, by)),
    },
    {
      name: 'station echo', method: 'POST', path: 'stations/{station}/echo', about: 'asks on each connection whether the peer is there', takes: which,
      run: async (input) => await asked(outside, input, 'echo'),
    },
    {
      name: 'station cut-over', method: 'POST', path: 'stations/{station}/cut-over', about: 'tells the station that a business day begins',
      takes: { ...which, required: ['station', 'date'], properties: { station: stationField, date: dateField, why: whyField } },
      run: async (input, by) => {
        const businessDate = input['date'] as string;
        if (!isDay(businessDate)) throw new OperationRefused(400, `date must be a day as CCYYMMDD, not ${businessDate}`, 'date');
        const told = await asked(outside, input, 'cutover', businessDate);
        outside.log.event('cut-over ordered', { station: told.station, businessDate, by, why: whyIn(input) });
        return told;
      },
    },
  ];
}

function whyIn({ why }: OperationInput): string {
  return typeof why === 'string' ? why : '';
}

function rowNamed({ rows }: StationsOutside, { station }: OperationInput): StationRow {
  const found = rows().find(({ name }) => name === station);
  if (found === undefined) throw new OperationRefused(404, `there is no station ${station as string}; there are ${rows().map(({ name }) => name).toSorted().join(', ')}`, 'station');
  return found;
}

/** @throws OperationRefused where it is not at work */
function statusOf({ switch: switch_ }: StationsOutside, name: string): StationNetworkStatus {
  const status = switch_.network(name);
  if (status === undefined) throw new OperationRefused(409, `station ${name} is not started; the log says why`, 'station');
  return status;
}

function signed(outside: StationsOutside, input: OperationInput, isOn: boolean, by: string): StationSigned {
  const { name } = rowNamed(outside, input);
  const wasHeld = statusOf(outside, name).state === 'held';
  outside.switch.sign(name, isOn);
  outside.log.event(isOn ? 'station signed on by order' : 'station signed off by order', { station: name, by, why: whyIn(input) });
  return { station: name, state: statusOf(outside, name).state, changed: wasHeld === isOn };
}

async function asked(outside: StationsOutside, input: OperationInput, what: 'echo' | 'cutover', businessDate?: string): Promise<StationAsked> {
  const { name } = rowNamed(outside, input);
  if (statusOf(outside, name).connections.length === 0) throw new OperationRefused(409, `station ${name} has no connection: nobody is there to be told`, 'station');
  return { station: name, connections: await outside.switch.send(name, what, { businessDate, withinMs: askedWithinMs }) ?? [] };
}

function shown({ switch: switch_, delivery: deliveryOf, now }: StationsOutside, { name, link, spec }: StationRow): StationShown {
  const status: StationStatus | undefined = switch_.status.find((each) => each.name === name);
  const network = switch_.network(name);
  const delivery = deliveryOf(name);
  const { lastMs, lastAtMs, answered = 0, missed = 0 } = network?.echo ?? {};
  return {
    name, role: link.role, port: status?.port ?? 0, spec, state: network?.state ?? 'notStarted', inFlight: status?.inFlight ?? 0,
    advices: delivery === undefined ? undefined : advicesShown(delivery, now()),
    connections: (network?.connections ?? []).map(({ id, peer, state, sinceMs }) => ({ id, peer, state, since: timeText(sinceMs) })),
    echo: { lastMs, lastAt: lastAtMs === undefined ? undefined : timeText(lastAtMs), answered, missed },
    cutOver: network?.cutOver === undefined ? undefined : { businessDate: network.cutOver.businessDate, at: timeText(network.cutOver.atMs), by: network.cutOver.by },
  };
}

function isDay(text: string): boolean {
  const parts = [text.slice(0, 4), text.slice(4, 6), text.slice(6)].join('-');
  const atMs = Date.parse(`${parts}T00:00:00Z`);
  return !Number.isNaN(atMs) && timeText(atMs).startsWith(parts);
}

function timeText(atMs: number): string {
  return new Date(atMs).toISOString();
}
