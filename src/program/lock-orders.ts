/**
 * An order of an own card's lock, at every switch: in its account and on the negative list here, then on those of the others.
 *
 * Owns who is told and what is logged of it; refuses nothing itself. Invariant: every configured switch has been asked when it is said who
 * was reached.
 */
import type { AskedBy } from '../account/card-lifecycle.ts';
import type { LockOrder, NegativeList } from '../issuer/negative-list.ts';
import type { AccountHeads } from '../lifecycle/desk-client.ts';
import type { LockListed, OrderedLock } from '../lifecycle/ports.ts';
import type { LockTaken, OwnLocks } from '../switch/own-locks.ts';
import { notReachedOf, withinTellTime } from './operator-peers.ts';
import type { NotReached, Peer } from './operator-peers.ts';

export interface LockOrdersOutside {
  readonly list: NegativeList;
  readonly locks: Pick<OwnLocks, 'take'>;
  readonly peers: readonly Peer[];
  /** This switch. */
  readonly name: string;
  readonly newId: () => string;
  readonly log: { event(name: string, fields: Readonly<Record<string, unknown>>): void; warning(name: string, fields: Readonly<Record<string, unknown>>): void };
}

/** What became of an order that was taken here. */
export interface OrderTold {
  /** `waits`: on disk, until the store is back. */
  readonly account: 'has' | 'waits';
  /** Switches that have it on their negative lists, this one first. */
  readonly reached: readonly string[];
  readonly notReached: readonly NotReached[];
}

/** What another switch answers to an order that is passed on to it. */
export interface PassedOn {
  readonly account: 'has' | 'waits';
}

/** Tells the others of an order that was taken here, and logs what became of it. */
export async function tellOthers({ peers, name, log }: Pick<LockOrdersOutside, 'peers' | 'name' | 'log'>, order: LockOrder, here: 'has' | 'waits'): Promise<OrderTold> {
  const asked = await Promise.all(peers.map(async (peer) => ({ peer, told: await passOn(peer, order, here === 'has') })));
  const reached = [name, ...asked.filter(({ told }) => 'account' in told).map(({ peer }) => peer.name)];
  const notReached = asked.flatMap(({ peer, told }) => ('why' in told ? [{ switch: peer.name, why: told.why }] : []));
  const account = here === 'has' || asked.some(({ told }) => 'account' in told && told.account === 'has') ? 'has' : 'waits';
  const { token: card, lockCode, askedBy, by, why } = order;
  const facts = { card, lockCode, askedBy, by, why, account, reached };
  if (notReached.length === 0) log.event('card lock ordered', facts);
  else log.warning('card lock ordered', { ...facts, notReached });
  return { account, reached, notReached };
}

/**
 * Takes an order here and, where it is taken, tells the others, who are waited for for a moment.
 * @returns `told` undefined: it was not taken, or the others take longer
 */
export async function takeAndTell(outside: LockOrdersOutside, order: LockOrder): Promise<{ readonly taken: LockTaken; readonly told: OrderTold | undefined }> {
  const taken = await outside.locks.take(order, 'asked');
  return { taken, told: taken.kind === 'listed' ? await withinTellTime(tellOthers(outside, order, taken.account)) : undefined };
}

/** Takes a lock from a door, whose account may be out of reach, as an operator's. */
export async function orderLock(outside: LockOrdersOutside, { id, token, lockCode, by }: OrderedLock): Promise<LockListed> {
  const { taken, told } = await takeAndTell(outside, { id, token, lockCode, orderedAtMs: outside.list.orderTimeMs(token), askedBy: by, by, why: '' });
  if (taken.kind === 'refused') return taken;
  if (taken.kind !== 'listed') return { kind: 'unreachable' };
  return { kind: 'listed', account: told?.account ?? taken.account, notReached: told?.notReached.map((one) => one.switch) ?? outside.peers.map(({ name }) => name) };
}

/**
 * Tells this switch's negative list, and every other switch, what a card's account has taken from a door already: whoever stands in for it
 * with what was seen before declines from now on.
 * @returns those that have not got it, this switch among them; logged as well
 */
export async function tellLock({ list, locks, peers, name, newId, log }: LockOrdersOutside, card: string, lockCode: number, askedBy: AskedBy): Promise<readonly NotReached[]> {
  const order: LockOrder = { id: newId(), token: card, lockCode, orderedAtMs: list.orderTimeMs(card), askedBy, by: askedBy, why: '' };
  const here = locks.take(order, 'held').then(({ kind }) => (kind === 'notWritten' ? 'its disk did not take it' : undefined));
  const passed = async (peer: Peer): Promise<string | undefined> => {
    const told = await passOn(peer, order, true);
    return 'why' in told ? told.why : undefined;
  };
  const notReached = await notReachedOf([{ name, why: here }, ...peers.map((peer) => ({ name: peer.name, why: passed(peer) }))]);
  if (notReached.length > 0) log.warning('card lock not told to all', { card, lockCode, by: askedBy, notReached });
  return notReached;
}

async function passOn(peer: Peer, { id, token: card, lockCode, orderedAtMs, askedBy, by, why }: LockOrder, accountHas: boolean): Promise<PassedOn | { readonly why: string }> {
  const fields = { id, token: card, code: lockCode, orderedAtMs, askedBy, accountHas, ...(why === '' ? {} : { why }) };
  const answer = await peer.ask({ method: 'POST', path: 'negative-list', fields }, by);
  // The switches on a store are of one version.
  if (answer.kind === 'done') return answer.answer as PassedOn;
  return { why: answer.kind === 'refused' ? answer.detail : answer.why };
}

/** The lock code of a card by its account as the store has it; undefined: there is no such card, or it was removed. @throws what the store throws */
export async function lockInAccount(heads: AccountHeads, token: string): Promise<number | undefined> {
  const accountId = (await heads.accountsOfCards([token])).get(token);
  const account = accountId === undefined ? undefined : (await heads.accounts([accountId])).get(accountId);
  return account?.cards.find(({ record }) => record.token === token && record.state !== 'removed')?.record.lockCode;
}
