/** What a station is made of, and what is known of a frame on its way to its answer: types that its parts share. */
import type { Deadlines } from '../base/deadlines.ts';
import type { Dialect } from '../dialect/dialect.ts';
import type { Codec, Message } from '../iso8583/codec.ts';
import type { FrameHeader } from '../link/framing.ts';
import type { LinkConnection } from '../link/link.ts';
import type { SessionConfig } from '../link/session.ts';
import type { MessageClass, OriginalKey } from '../message/message.ts';
import type { Decisions } from './decisions.ts';
import type { SwitchEvents } from './events.ts';
import type { FileActionDesk } from './file-actions.ts';
import type { Hosts } from './hosts.ts';
import type { HsmTurn } from './hsm-turn.ts';
import type { KeyDesk } from './key-exchange.ts';
import type { MessageLog } from './message-log.ts';
import type { StationSecurity } from './station-security.ts';

export interface StationConfig {
  readonly name: string;
  readonly codec: Codec;
  readonly dialect: Dialect;
  readonly session: SessionConfig;
  readonly classes: readonly MessageClass[];
  readonly originalKeys: readonly OriginalKey[];
  readonly security: StationSecurity;
  /** May it lock and unlock cards by file actions? Absent: it may not. */
  readonly fileActions?: boolean;
}

export interface StationOutside {
  readonly decisions: Decisions;
  readonly hsm: HsmTurn;
  readonly keyDesk: KeyDesk;
  readonly hosts: Hosts;
  /** Absent: no station's are taken. */
  readonly fileActions?: FileActionDesk;
  readonly deadlines: Deadlines;
  /** Unix ms. */
  readonly now: () => number;
  readonly events: SwitchEvents;
  readonly messages: MessageLog;
  /** How long an own echo or sign-on waits for its answer. */
  readonly networkAnswerMs: number;
}

/** A frame on its way to its answer. */
export interface Received {
  readonly connection: LinkConnection;
  readonly header: FrameHeader;
  readonly message: Message;
  /** When it came, Unix ms, and on the clock of deadlines. */
  readonly atMs: number;
  readonly startedMs: number;
  /** Its answer is authenticated as it was. */
  readonly signed: boolean;
  /** It holds a place of the link's limits. */
  readonly begun: boolean;
  /** The version of the key that the answer is authenticated with; undefined: the current one. */
  readonly macVersion?: number;
}
