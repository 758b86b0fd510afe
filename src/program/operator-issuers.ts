/**
 * What operators do with issuers: see how they stand, have stand-in decide for one, throw the kill switch, and hold back or pace the
 * advices. An order is a field of the issuer's row: it holds for every switch on the tables, across restarts, and is in their history.
 *
 * The advices of an acquirer's station (`station:` and its name) are held back and paced in the same way; the order is in its row.
 *
 * Refuses an order for an issuer or a station that is not there, or that it means nothing for.
 */
import { OperationRefused } from '../office/operation.ts';
import type { Operation, OperationInput } from '../office/operation.ts';
import type { IssuerOrders, Order } from '../tables/issuer-orders.ts';
import type { IssuerRow } from '../tables/issuer-rows.ts';
import type { StationRow } from '../tables/rows.ts';
import { count, text } from '../tables/schema-parts.ts';
import type { HostOverview } from './hosts.ts';
import type { OperatorTables, TableSet } from './operator-tables.ts';
import { whyField } from './operator-tables.ts';
import { withValueAt } from '../base/document-path.ts';
import { destinationBegins } from '../switch/acquirers.ts';

export interface IssuersOutside {
  readonly tables: OperatorTables;
  /** The issuers' rows in force, the own one with them. */
  readonly rows: () => readonly IssuerRow[];
  readonly overview: () => readonly HostOverview[];
  /** Of own accounts: is their store away, or are they not told of everything yet; and what waits for them. */
  readonly own: () => { readonly isAway: boolean; readonly delivery: HostOverview['delivery'] };
  /** The stations' rows in force. */
  readonly stations: () => readonly StationRow[];
  /** Unix ms. */
  readonly now: () => number;
}

/** How an issuer stands at this switch. */
export interface IssuerShown {
  readonly name: string;
  readonly type: 'own' | 'host';
  /** `closed`: it is asked; `open`: it is not; `halfOpen`: it is tried. Of the own one: `open` while its accounts are away. */
  readonly phase: 'closed' | 'open' | 'halfOpen';
  /** Does stand-in decide where it is not asked? */
  readonly hasStandIn: boolean;
  /** Why it is not asked. */
  readonly why: string | undefined;
  /** ISO 8601: since when it stands so at this switch. */
  readonly since: string | undefined;
  /** Requests that wait for its answer. */
  readonly pending: number;
  readonly stations: readonly { readonly name: string; readonly usable: boolean; readonly pending: number }[];
  readonly advices: AdvicesShown;
  readonly rulesVersion: number | undefined;
  readonly orders: IssuerOrders;
}

/** What waits for an issuer in this switch's advice file. */
export interface AdvicesShown {
  readonly state: 'idle' | 'delivering' | 'paused' | 'stopped';
  readonly pausedBy: readonly string[];
  readonly waiting: number;
  /** Of the oldest; undefined where none waits. */
  readonly oldestAgeMs: number | undefined;
  readonly setAside: number;
  readonly inFlight: number;
  readonly perSecond: number;
}

export interface OrderGiven {
  readonly issuer: string;
  readonly orders: IssuerOrders;
  /** False: it was so already. */
  readonly changed: boolean;
}

type OrderName = keyof IssuerOrders;

const issuerField = text('the issuer\'s name');
const which = { type: 'object', description: 'which', additionalProperties: false, required: ['issuer'], properties: { issuer: issuerField } } as const;
const withReason = { ...which, required: ['issuer', 'why'], properties: { issuer: issuerField, why: whyField } } as const;
const withOrWithoutReason = { ...which, properties: { issuer: issuerField, why: whyField } } as const;

/** What operators may ask for. */
export function issuerOperations(outside: IssuersOutside): Operation[] {
  const order = (name: string, word: string, field: OrderName, isGiven: boolean, about: string): Operation => ({
    name, method: 'POST', path: word, about, takes: isGiven ? withReason : withOrWithoutReason,
    run: async (input, by) => await ordered(outside, field, isGiven, input, by),
  });
  return [
    {
      name: 'issuer list', method: 'GET', path: 'issuers', about: 'how each issuer stands at this switch',
      takes: { type: 'object', description: 'all of them', additionalProperties: false, required: [], properties: {} },
      run: async () => await Promise.resolve({ issuers: issuersShown(outside) }),
    },
    {
      name: 'issuer show', method: 'GET', path: 'issuers/{issuer}', about: 'how one issuer stands at this switch', takes: which,
      run: async ({ issuer }) => await Promise.resolve(issuersShown(outside).find(({ name }) => name === issuer) ?? noSuch(outside, issuer as string)),
    },
    order('issuer out', 'issuers/{issuer}/out', 'out', true, 'has stand-in decide for the issuer'),
    order('issuer in', 'issuers/{issuer}/in', 'out', false, 'ends that: the issuer is asked again'),
    order('issuer kill', 'issuers/{issuer}/kill', 'kill', true, 'throws the kill switch: stand-in approves nothing for the issuer'),
    order('issuer unkill', 'issuers/{issuer}/unkill', 'kill', false, 'ends that'),
    order('advices pause', 'issuers/{issuer}/advices/pause', 'pause', true, 'holds the issuer\'s advices back'),
    order('advices resume', 'issuers/{issuer}/advices/resume', 'pause', false, 'ends that'),
    {
      name: 'advices speed', method: 'POST', path: 'issuers/{issuer}/advices/speed', about: 'how many advices a second the issuer gets',
      takes: { ...which, required: ['issuer', 'perSecond'], properties: { issuer: issuerField, why: whyField, perSecond: count('advices a second', 1, 100_000) } },
      run: async (input, by) => {
        const station = acquirerNamed(outside, input['issuer'] as string);
        if (station !== undefined) {
          const set = await outside.tables.change('station', station.name, (now) => withValueAt(now?.document ?? {}, 'acquirer.advices.perSecond', input['perSecond']), by, whyIn(input));
          return { issuer: input['issuer'], perSecond: input['perSecond'], changed: set.changes.length > 0 };
        }
        const row = hostNamed(outside, input['issuer'] as string);
        const set = await outside.tables.change('issuer', row.name, (now) => withValueAt(now?.document ?? {}, 'advices.perSecond', input['perSecond']), by, whyIn(input));
        return { issuer: row.name, perSecond: input['perSecond'], changed: set.changes.length > 0 };
      },
    },
  ];
}

function whyIn({ why }: OperationInput): string {
  return typeof why === 'string' ? why : '';
}

async function ordered(outside: IssuersOutside, field: OrderName, isGiven: boolean, input: OperationInput, by: string): Promise<OrderGiven> {
  const name = input['issuer'] as string;
  const station = field === 'pause' ? acquirerNamed(outside, name) : undefined;
  if (station !== undefined) return await orderedAt(outside, station, isGiven, input, by);
  const row = outside.rows().find((each) => each.name === name) ?? noSuch(outside, name);
  if (row.type === 'own' && field !== 'kill') throw new OperationRefused(409, `${name} is this switch's own issuer: ${field === 'out' ? 'it is where the accounts are, and cannot be taken out' : 'it is told by its accounts, and has no advices'}`, 'issuer');
  const order: Order = { why: whyIn(input), by, since: new Date(outside.now()).toISOString() };
  let orders: IssuerOrders = {};
  const set: TableSet = await outside.tables.change('issuer', name, (now) => {
    const document = now?.document ?? { type: row.type };
    const before = (document['orders'] ?? {}) as IssuerOrders;
    // Who gave an order, and when, stays; it is given once.
    const { [field]: standing, ...others } = before;
    orders = isGiven ? { ...others, [field]: standing ?? order } : others;
    return withValueAt(document, 'orders', Object.keys(orders).length === 0 ? null : orders);
  }, by, whyIn(input));
  return { issuer: name, orders, changed: set.changes.length > 0 };
}

/** To an acquirer: that it is told nothing. */
async function orderedAt(outside: IssuersOutside, { name }: StationRow, isGiven: boolean, input: OperationInput, by: string): Promise<OrderGiven> {
  const order: Order = { why: whyIn(input), by, since: new Date(outside.now()).toISOString() };
  let orders: Pick<IssuerOrders, 'pause'> = {};
  const set = await outside.tables.change('station', name, (now) => {
    const document = now?.document ?? {};
    const { pause: standing } = ((document['acquirer'] as { readonly orders?: IssuerOrders } | undefined)?.orders ?? {});
    orders = isGiven ? { pause: standing ?? order } : {};
    return withValueAt(document, 'acquirer.orders', isGiven ? orders : null);
  }, by, whyIn(input));
  return { issuer: input['issuer'] as string, orders, changed: set.changes.length > 0 };
}

/** Undefined: the name is no station's. @throws OperationRefused where the station is no acquirer's */
function acquirerNamed({ stations }: IssuersOutside, destination: string): StationRow | undefined {
  if (!destination.startsWith(destinationBegins)) return undefined;
  const name = destination.slice(destinationBegins.length);
  const row = stations().find((each) => each.name === name);
  if (row === undefined) throw new OperationRefused(404, `there is no station ${name}; there are ${stations().map((each) => each.name).toSorted().join(', ')}`, 'issuer');
  if (row.acquirer.institutions.length === 0) throw new OperationRefused(409, `station ${name} is no acquirer's that messages are kept for`, 'issuer');
  return row;
}

function hostNamed(outside: IssuersOutside, name: string): IssuerRow {
  const row = outside.rows().find((each) => each.name === name) ?? noSuch(outside, name);
  if (row.type === 'own') throw new OperationRefused(409, `${name} is this switch's own issuer: it is told by its accounts, and has no advices`, 'issuer');
  return row;
}

function noSuch({ rows }: IssuersOutside, name: string): never {
  throw new OperationRefused(404, `there is no issuer ${name}; there are ${rows().map((row) => row.name).join(', ')}`, 'issuer');
}

function issuersShown({ rows, overview, own, now }: IssuersOutside): IssuerShown[] {
  const hosts = overview();
  return rows().map((row) => {
    const host = hosts.find((each) => each.row.name === row.name);
    const { name, type, hasStandIn, orders } = row;
    if (host === undefined) {
      const { isAway, delivery } = own();
      return {
        name, type, hasStandIn, phase: isAway ? 'open' : 'closed', why: isAway ? 'storeUnreachable' : undefined, since: undefined, pending: 0, stations: [],
        advices: type === 'own' ? advicesShown(delivery, now()) : noAdvices, rulesVersion: undefined, orders,
      };
    }
    const { status: { phase, why, pending, stations }, sinceMs, delivery } = host;
    return {
      name, type, hasStandIn, phase, why, since: new Date(sinceMs).toISOString(), pending, stations, advices: advicesShown(delivery, now()),
      rulesVersion: host.row.rules.version, orders,
    };
  });
}

const noAdvices: AdvicesShown = { state: 'idle', pausedBy: [], waiting: 0, oldestAgeMs: undefined, setAside: 0, inFlight: 0, perSecond: 0 };

export function advicesShown({ state, pausedBy, backlog, setAside, inFlight, perSecond }: HostOverview['delivery'], nowMs: number): AdvicesShown {
  return {
    state, pausedBy, waiting: backlog.count, oldestAgeMs: backlog.oldestAtMs === undefined ? undefined : Math.max(0, nowMs - backlog.oldestAtMs), setAside, inFlight, perSecond,
  };
}
