/** What comes to own accounts, and what standing in for them takes. */
import type { AdviceFile } from '../advice/advice-file.ts';
import type { Deadlines } from '../base/deadlines.ts';
import type { ControlsTold } from '../issuer/own-controls.ts';
import type { OwnOrderMessage } from '../issuer/own-order.ts';
import type { CardVault } from '../keys/hsm.ts';
import type { CardMessage } from '../message/message.ts';
import type { Reason } from '../message/reason.ts';
import type { StandInRules } from '../standin/rules.ts';

/** How an own issuer's accounts are stood in for. */
export interface OwnPolicy {
  readonly hasStandIn: boolean;
  readonly rules: StandInRules;
  /** How long what was last seen of an account counts. */
  readonly cachedAgeMaxSeconds: number;
  /** Switches that each have their share. */
  readonly switches: number;
}

export interface OwnStandIn {
  readonly advices: AdviceFile;
  /** Of them, those that wait from earlier runs. */
  readonly backlog: number;
  readonly vault: CardVault;
  /** On the clock of `elapsed`. */
  readonly deadlines: Deadlines;
  /** By the issuer's name. */
  readonly policy: (issuer: string) => OwnPolicy;
  /** What was left to a partner when it was last looked at, if that was not too long ago. */
  readonly headroomMinor: (partner: string, ageMaxSeconds: number) => number | undefined;
  /** On this node's negative list: 0 where it is not, or where its account was seen (Unix ms) since it had the lock. */
  readonly listedLock: (token: string, seenAtMs: number | undefined) => number;
  /** What is closed on a card, as another switch told it; undefined: none did. */
  readonly controlsTold: (token: string) => ControlsTold | undefined;
  /** A card was answered as one that is locked for wrong PINs. @param accountId of the account that said so; undefined: stand-in did in its place */
  readonly pinLocked: (token: string, accountId: string | undefined) => void;
  readonly orders: OwnOrders;
}

/** Orders of locks that wait for their accounts. */
export interface OwnOrders {
  /** The account has a later one already. */
  isOvertaken(order: OwnOrderMessage): boolean;
  /** The account has it, or does not take it. @param refused why not */
  told(order: OwnOrderMessage, refused: Reason | undefined): void;
}

export interface OwnArrival {
  readonly message: CardMessage;
  readonly issuer: string;
  /** No account can have it: its number is wrong, or in no range. */
  readonly isNobodys: boolean;
  /** What only stand-in asks: minutes since the issuer's midnight, and the terminal's country (ISO 3166-1 numeric). */
  readonly surroundings: () => { readonly minuteOfDay: number; readonly country: string | undefined };
  /** Monotonic: until when it is to be answered. */
  readonly deadlineMs: number;
}
