/**
 * What is closed on a card, told from the switch that changed it to the others, over their operators' doors: so that whoever stands in for
 * its account with what was seen before goes by it.
 *
 * Refuses what no card could have. Invariant: what one does not take is logged with its name.
 */
import { controlOwners, controlSetOf, withControls } from '../account/controls.ts';
import type { CardControls, ControlSet } from '../account/controls.ts';
import { ConfigError } from '../base/schema.ts';
import type { ControlsTold } from '../issuer/own-controls.ts';
import type { Operation } from '../office/operation.ts';
import { count, text } from '../tables/schema-parts.ts';
import type { LockOrdersOutside } from './lock-orders.ts';
import { notReachedOf } from './operator-peers.ts';
import type { NotReached, Peer } from './operator-peers.ts';

export interface ControlsOutside {
  readonly take: (told: ControlsTold) => void;
}

/** For other switches. */
export function controlOperations({ take }: ControlsOutside): Operation[] {
  return [{
    name: 'take controls', method: 'POST', path: 'controls', about: 'for other switches: takes what was closed on a card at one of them',
    takes: {
      type: 'object', description: 'the card, and what is closed on it', additionalProperties: false, required: ['token', 'version'],
      properties: {
        token: text('the card\'s token', '^[A-Za-z0-9_-]{22}$', 'a card\'s token: 22 letters, digits, hyphens and underscores'),
        version: count('of its account, when it was so', 0, Number.MAX_SAFE_INTEGER),
        controls: { type: 'document', description: 'a set of its holder\'s, and one of its partner\'s; by default nothing is closed' },
      },
    },
    run: async (input) => {
      take({ token: input['token'] as string, version: input['version'] as number, controls: controlsIn(input['controls']) });
      return await Promise.resolve({});
    },
  }];
}

/** @returns the switches that have not got it; logged as well */
export async function tellControls({ peers, log }: Pick<LockOrdersOutside, 'peers' | 'log'>, { token, version, controls }: ControlsTold): Promise<readonly NotReached[]> {
  const passed = async (peer: Peer): Promise<string | undefined> => {
    const answer = await peer.ask({ method: 'POST', path: 'controls', fields: { token, version, controls } }, 'system');
    return answer.kind === 'done' ? undefined : answer.kind === 'refused' ? answer.detail : answer.why;
  };
  const notReached = await notReachedOf(peers.map((peer) => ({ name: peer.name, why: passed(peer) })));
  if (notReached.length > 0) log.warning('card controls not told to all', { card: token, notReached });
  return notReached;
}

/** @throws ConfigError */
function controlsIn(document: unknown): CardControls | undefined {
  if (document === undefined) return undefined;
  let controls: CardControls | undefined;
  for (const owner of controlOwners) {
    const asked = (document as Readonly<Record<string, ControlSet | undefined>>)[owner];
    const set = asked === undefined ? 'nothing' : setIn(asked);
    if (set === undefined) throw new ConfigError(`controls.${owner}`, 'is no set of controls');
    controls = withControls(controls, owner, set);
  }
  return controls;
}

/** Undefined: it is none, or not even of its shape. */
function setIn(asked: ControlSet): ControlSet | 'nothing' | undefined {
  try {
    return controlSetOf(asked);
  } catch {
    return undefined;
  }
}
