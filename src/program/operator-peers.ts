/**
 * The other switches on the same store, as the configuration names them: whom an operator's order at this one is passed on to, over their
 * operators' doors.
 */
import type { Environment } from '../tables/environment.ts';
import { askOperator } from './operator-client.ts';
import type { OperatorAnswer, OperatorRequest } from './operator-client.ts';
import { readOperatorToken } from './operator-token.ts';
import type { TokenPlace } from './operator-token.ts';

export interface PeerPlace {
  readonly name: string;
  /** Such as `http://10.0.0.2:8080`. */
  readonly url: string;
  /** Undefined: it is this switch's own. */
  readonly token: TokenPlace | undefined;
}

export interface Peer {
  readonly name: string;
  ask(request: Omit<OperatorRequest, 'timeoutMs'>, by: string): Promise<OperatorAnswer>;
}

/** Longer than a switch waits for an account; all are asked at once, and an operator has ten seconds. */
const timeoutMs = 5_000;

/** @throws ConfigError where a peer's token cannot be read */
export function openPeers(places: readonly PeerPlace[], ownToken: string, environment: Environment): readonly Peer[] {
  return places.map(({ name, url, token: place }) => {
    const token = place === undefined ? ownToken : readOperatorToken(place, environment);
    return { name, ask: async (request, by) => await askOperator({ url, token, by }, { ...request, timeoutMs }) };
  });
}

/** A switch that an order did not reach. */
export interface NotReached {
  readonly switch: string;
  readonly why: string;
}

/** How long the switches may take to be told before whoever asked is answered; they are told all the same. */
const tellMs = 2_000;

/** What became of a telling; undefined: it takes longer than whoever asked waits. Rejects as it does. */
export async function withinTellTime<Told>(telling: Promise<Told>): Promise<Told | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), tellMs).unref();
  try {
    return await Promise.race([telling, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Whom something did not reach in time.
 * @param tellings by switch: why it did not take it, or undefined where it did; they never reject
 */
export async function notReachedOf(tellings: readonly { readonly name: string; readonly why: Promise<string | undefined> }[]): Promise<readonly NotReached[]> {
  const told = await Promise.all(tellings.map(async ({ name, why }) => ({ name, told: await withinTellTime(why.then((text) => ({ why: text }))) })));
  return told.flatMap(({ name, told: { why } = { why: `no answer within ${tellMs} ms` } }) => (why === undefined ? [] : [{ switch: name, why }]));
}
