/**
 * How a test host misbehaves: rules of a script, the cents of an amount, and chance.
 *
 * Owns the form of a script, which message a rule is for, and the drawn numbers. Refuses, with the place, a rule that could do nothing.
 * Invariant: what is done to the n-th message depends on the script, the seed and the messages before it, and on no clock.
 */
import { ConfigError, readBySchema } from '../base/schema.ts';
import type { Schema } from '../base/schema.ts';

/** What is done with a message. `decide` in the comments: the book is asked, and what it says is booked. */
export const doings = [
  /** Whatever the book says. */
  'approve', 'decline', 'partial', 'standIn',
  /** Decided after `ms`: what comes meanwhile is decided before it. */
  'delay',
  /** Decided at once, answered after `ms`. */
  'late',
  /** As if it never came. */
  'ignore',
  /** Decided, and never answered. */
  'drop', 'disconnect',
  'twice', 'garbled', 'wrong',
  /** Answered; then the station is told. */
  'signOff', 'signOn', 'enterSuppressInquiry', 'leaveSuppressInquiry', 'askAdvices', 'stopAdvices', 'speedAdvices',
] as const;

export type Doing = (typeof doings)[number];

/** What of an answer is not as in its request; what chance chooses from. */
export const wrongs = ['amount', 'pan', 'stan', 'rrn', 'terminal', 'type'] as const;

/**
 * What else can be wrong where the issuer is asked at a URL. `key`: signed by nobody's; `way`: as if it were a message; `http`: no HTTP at
 * all. There `stan`, `pan`, `rrn` and `terminal` are another message's id.
 */
export const urlWrongs = ['signature', 'unsigned', 'stale', 'key', 'way', 'status', 'redirect', 'contentType', 'compressed', 'large', 'http'] as const;

export type UrlWrong = (typeof urlWrongs)[number];

export type Wrong = (typeof wrongs)[number] | UrlWrong;

export function isUrlWrong(wrong: Wrong): wrong is UrlWrong {
  return (urlWrongs as readonly string[]).includes(wrong);
}

export interface Act {
  readonly do: Doing;
  /** Until it is decided (delay) or answered; of signOff and enterSuppressInquiry: until it is taken back, where given. */
  readonly ms?: number;
  /** DE39, or an action code of ISO 8583:2003. */
  readonly code?: string;
  /** Of partial: what is approved; by default half. */
  readonly amountMinor?: number;
  readonly wrong?: Wrong;
}

export interface Match {
  /** Types with commas: three digits, or four with the edition's; x stands for any. Without it, every message about a card. */
  readonly mti?: string;
  /** A card number, or how one begins. */
  readonly pan?: string;
  readonly amountMinor?: number;
  readonly amountMinorFrom?: number;
  readonly amountMinorTo?: number;
  /** The last two digits of the amount in minor units. */
  readonly cents?: number;
  /** The first so many that match are left alone. */
  readonly after?: number;
  /** Of those that follow, each so-many-th. */
  readonly every?: number;
  /** So many, and no more. */
  readonly times?: number;
}

export interface Rule extends Act {
  readonly match: Match;
}

const whole = (description: string, minimum: number, maximum: number): Schema => ({ type: 'integer', description, minimum, maximum });
const text = (description: string, pattern: string, words: string): Schema => ({ type: 'string', description, minLength: 1, pattern, $comment: words });
const amountMax = 999_999_999_999;
const dayMs = 86_400_000;

/** A script: also its documentation. */
export const scriptSchema: Schema = {
  type: 'array',
  description: 'the rules; the first that matches a message says what is done with it',
  items: {
    type: 'object',
    description: 'a rule',
    additionalProperties: false,
    required: ['do'],
    properties: {
      match: {
        type: 'object',
        description: 'which messages; all of it must be so',
        additionalProperties: false,
        required: [],
        default: {},
        properties: {
          mti: text('message types', '^[0-9xX]{3,4}(,[0-9xX]{3,4})*$', 'three or four digits, x for any, several with commas'),
          pan: text('the card number, or how it begins', '^[0-9]{1,19}$', '1 to 19 digits'),
          amountMinor: whole('the amount in minor units', 0, amountMax),
          amountMinorFrom: whole('the least amount', 0, amountMax),
          amountMinorTo: whole('the greatest amount', 0, amountMax),
          cents: whole('the last two digits of the amount', 0, 99),
          after: whole('the first so many that match are left alone', 0, 1_000_000_000),
          every: whole('of those that follow, each so-many-th', 1, 1_000_000_000),
          times: whole('so many, and no more', 1, 1_000_000_000),
        },
      },
      do: { type: 'string', description: 'what is done', enum: doings },
      ms: whole('delay, late: how long; others that answer: answered after so long; signOff, enterSuppressInquiry: taken back after so long', 0, dayMs),
      code: text('decline, standIn: DE39, or an action code of ISO 8583:2003', '^[0-9A-Z]{2,4}$', 'two to four digits or capital letters'),
      amountMinor: whole('partial: what is approved; half by default', 0, amountMax),
      wrong: { type: 'string', description: 'wrong: what of the answer is not as in its request; the amount by default. The last eleven are for --http alone', enum: [...wrongs, ...urlWrongs] },
    },
  },
};

/** @throws ConfigError with the place */
export function readRules(json: unknown, path: string): Rule[] {
  const rules = readBySchema(scriptSchema, json, path) as Rule[];
  for (const [index, rule] of rules.entries()) {
    const at = `${path}[${index}]`;
    if ((rule.do === 'delay' || rule.do === 'late') && rule.ms === undefined) throw new ConfigError(`${at}.ms`, `is missing: ${rule.do} needs how long`);
    if (rule.wrong !== undefined && rule.do !== 'wrong') throw new ConfigError(`${at}.wrong`, `is for wrong, not for ${rule.do}`);
    if (rule.amountMinor !== undefined && rule.do !== 'partial') throw new ConfigError(`${at}.amountMinor`, `is for partial, not for ${rule.do}; an amount to match stands in match`);
    if (rule.code !== undefined && rule.do !== 'decline' && rule.do !== 'standIn') throw new ConfigError(`${at}.code`, `is for decline and standIn, not for ${rule.do}`);
  }
  return rules;
}

/** What the cents of a request's amount do, where they are asked to do something. Advices and reversals of the same amount are taken as usual. */
export const centsTable: readonly (readonly [cents: number, act: Act, words: string])[] = [
  [85, { do: 'wrong', wrong: 'pan' }, 'answered with another card number'],
  [86, { do: 'wrong', wrong: 'stan' }, 'answered with another trace number'],
  [87, { do: 'signOff', ms: 5_000 }, 'answered, then signed off for 5 s'],
  [88, { do: 'enterSuppressInquiry', ms: 5_000 }, 'answered, then suppress inquiry for 5 s'],
  [89, { do: 'partial' }, 'half is approved'],
  [90, { do: 'ignore' }, 'as if it never came'],
  [91, { do: 'drop' }, 'decided, never answered'],
  [92, { do: 'delay', ms: 10_000 }, 'decided and answered after 10 s'],
  [93, { do: 'twice' }, 'answered twice'],
  [94, { do: 'garbled' }, 'answered with bytes that are no message'],
  [95, { do: 'disconnect' }, 'decided, then the connection is closed'],
  [96, { do: 'decline', code: '1016' }, 'declined: insufficient funds (51)'],
  [97, { do: 'late', ms: 10_000 }, 'decided at once, answered after 10 s'],
  [98, { do: 'wrong', wrong: 'amount' }, 'answered with another amount'],
  [99, { do: 'standIn' }, 'answered that somebody else may decide (91)'],
];

export const centsRules: readonly Rule[] = centsTable.map(([cents, act]) => ({ ...act, match: { cents, mti: '100,101,200,201' } }));

/** What chance does, each as often as the other. */
const chaos: readonly Doing[] = ['delay', 'late', 'drop', 'ignore', 'twice', 'garbled', 'wrong', 'disconnect', 'decline'];
/** The longest that chance waits. */
const chaosMsMax = 2_000;

export interface MessageFacts {
  readonly mti: string;
  readonly pan: string;
  readonly amountMinor: number | undefined;
}

/** Draws in [0, 1), the same for the same seed: Marsaglia's xorshift, 32 bits. */
export function drawsOf(seed: number): () => number {
  let state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0) || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 0x1_0000_0000;
  };
}

export class Script {
  readonly #rules: readonly Rule[];
  readonly #seen: number[];
  readonly #done: number[];
  readonly #chaosPercent: number;
  readonly #draw: () => number;

  /** @param chaosPercent of the messages about cards that no rule is for: 0 to 100 */
  constructor(rules: readonly Rule[], chaosPercent: number, draw: () => number) {
    this.#rules = rules;
    this.#seen = rules.map(() => 0);
    this.#done = rules.map(() => 0);
    this.#chaosPercent = chaosPercent;
    this.#draw = draw;
  }

  /** Undefined: as usual. */
  choose(facts: MessageFacts): Act | undefined {
    const isNetwork = facts.mti[1] === '8';
    // Drawn for every message about a card, so that a rule more or less does not change the others' fate.
    const chance = isNetwork || this.#chaosPercent === 0 ? undefined : this.#chance();
    for (const [index, rule] of this.#rules.entries()) {
      if (!matches(rule.match, facts, isNetwork)) continue;
      const { after = 0, every = 1, times = Infinity } = rule.match;
      const counted = (this.#seen[index]! += 1) - after;
      if (counted <= 0 || counted % every !== 0 || this.#done[index]! >= times) continue;
      this.#done[index]! += 1;
      return rule;
    }
    return chance;
  }

  #chance(): Act | undefined {
    const [whether, what, rest] = [this.#draw(), this.#draw(), this.#draw()];
    if (whether * 100 >= this.#chaosPercent) return undefined;
    const doing = chaos[Math.floor(what * chaos.length)]!;
    if (doing === 'delay' || doing === 'late') return { do: doing, ms: Math.ceil(rest * chaosMsMax) };
    return doing === 'wrong' ? { do: doing, wrong: wrongs[Math.floor(rest * wrongs.length)]! } : { do: doing };
  }
}

function matches(match: Match, { mti, pan, amountMinor }: MessageFacts, isNetwork: boolean): boolean {
  if (match.mti === undefined ? isNetwork : !match.mti.split(',').some((pattern) => isType(pattern, mti))) return false;
  if (match.pan !== undefined && !pan.startsWith(match.pan)) return false;
  const { amountMinor: exactly, amountMinorFrom: from, amountMinorTo: to, cents } = match;
  if (exactly === undefined && from === undefined && to === undefined && cents === undefined) return true;
  if (amountMinor === undefined) return false;
  if (exactly !== undefined && amountMinor !== exactly) return false;
  if (cents !== undefined && amountMinor % 100 !== cents) return false;
  return amountMinor >= (from ?? 0) && amountMinor <= (to ?? Infinity);
}

function isType(pattern: string, mti: string): boolean {
  const type = pattern.length === 3 ? mti.slice(1) : mti;
  for (let at = 0; at < pattern.length; at++) if (pattern[at] !== 'x' && pattern[at] !== 'X' && pattern[at] !== type[at]) return false;
  return true;
}
