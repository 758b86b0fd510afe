/** What the desk of a remote issuer works with. */
import type { AdviceFile } from '../advice/advice-file.ts';
import type { HostResult, RemoteIssuer } from '../host/host.ts';
import type { StandInLedger } from '../issuer/stand-in-ledger.ts';
import type { StandInRelay } from '../issuer/stand-in-relay.ts';
import type { CardVault } from '../keys/hsm.ts';
import type { HostArrival } from './host-arrival.ts';
import type { HostPolicy } from './host-policy.ts';
import type { HsmTurn } from './hsm-turn.ts';
import type { UnknownReversals } from './unknown-reversals.ts';

export interface HostDeskOptions {
  readonly policy: HostPolicy;
  readonly host: RemoteIssuer;
  readonly advices: AdviceFile;
  /** Of each acquirer's station: all issuers' desks count in the same ones. */
  readonly unknownReversals: UnknownReversals;
  /** Of the shared store: outages alone. */
  readonly shared: StandInLedger;
  readonly book: StandInRelay;
  /** How many switches count apart while the shared store is away. */
  readonly switches: number;
  /** Do other switches use the shared store too? */
  readonly hasOthers: boolean;
  /** Runs after a while. */
  readonly after: (delayMs: number, work: () => void) => void;
  readonly vault: CardVault;
  readonly hsm: HsmTurn;
  /** Unix ms. */
  readonly now: () => number;
  /** Monotonic, the clock of deadlines. */
  readonly elapsed: () => number;
  readonly newId: () => string;
  /** A request to the issuer has its end: for the log of messages. */
  readonly exchanged?: (arrival: HostArrival, result: HostResult) => void;
}
