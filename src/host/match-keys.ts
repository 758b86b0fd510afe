/** By what an answer is known to answer a request of ours: configuration, per class of message. */
import type { ResponseMeaning } from '../dialect/meaning.ts';
import type { Draft } from '../iso8583/draft.ts';
import { assert } from '../base/assert.ts';
import type { MessageClass, Version } from '../message/message.ts';

/** `date`: DE7 of 1987, DE12 of 1993 and 2003, as the editions have answers echo them. */
export type MatchKey = 'class' | 'STAN' | 'date' | 'terminal' | 'acquirer' | 'RRN' | 'transmitted' | 'local';

export const matchKeys: readonly MatchKey[] = ['class', 'STAN', 'date', 'terminal', 'acquirer', 'RRN', 'transmitted', 'local'];

export type MatchKeys = Readonly<Record<MessageClass, readonly MatchKey[]>>;

const usual: readonly MatchKey[] = ['class', 'STAN', 'date', 'terminal', 'acquirer'];

export const usualMatchKeys: MatchKeys = { authorization: usual, financial: usual, reversal: usual };

/** What a request of ours, or an answer, is told apart by. */
export interface MatchFacts {
  readonly class: ResponseMeaning['class'];
  readonly stan: string;
  readonly transmittedAt: string;
  readonly localAt: string;
  readonly terminal: string;
  readonly acquirer: string;
  readonly rrn: string;
}

/** What the answer to a draft of ours will say, as it will be read. */
export function factsOfDraft(draft: Draft, of: ResponseMeaning['class'], version: Version): MatchFacts {
  const local = textOf(draft, 12);
  return {
    class: of, stan: withoutZeros(textOf(draft, 11)), transmittedAt: textOf(draft, 7), localAt: version === '1987' ? textOf(draft, 13) + local : local,
    terminal: textOf(draft, 41).trimEnd(), acquirer: withoutZeros(textOf(draft, 32)), rrn: textOf(draft, 37).trimEnd(),
  };
}

function textOf(draft: Draft, field: number): string {
  const value = draft.get(field);
  assert(value === undefined || typeof value === 'string', 'the switch says for itself what its messages are known by');
  return value ?? '';
}

function withoutZeros(text: string): string {
  let at = 0;
  while (at < text.length && text.charCodeAt(at) === 48) at += 1;
  return at === 0 ? text : text.slice(at);
}

/** How the parts of a trace are made: once per station. */
export interface Matching {
  readonly names: readonly MatchKey[];
  /** In the order of the names; empty where the class is not known by one. */
  readonly partsOf: (facts: MatchFacts) => readonly string[];
}

export function compileMatching(keys: MatchKeys, version: Version): Matching {
  const names = matchKeys.filter((key) => classes.some((of) => keys[of].includes(key)));
  const used = { authorization: usedOf(names, keys.authorization), financial: usedOf(names, keys.financial), reversal: usedOf(names, keys.reversal) };
  const ofOthers = usedOf(names, usual);
  return {
    names,
    partsOf: (facts) => {
      const { class: of } = facts;
      const isUsed = of === 'authorization' || of === 'financial' || of === 'reversal' ? used[of] : ofOthers;
      const parts: string[] = [];
      for (let index = 0; index < names.length; index += 1) parts.push(isUsed[index] === true ? partOf(facts, names[index]!, version) : '');
      return parts;
    },
  };
}

const classes: readonly MessageClass[] = ['authorization', 'financial', 'reversal'];

function usedOf(names: readonly MatchKey[], keys: readonly MatchKey[]): readonly boolean[] {
  return names.map((name) => keys.includes(name));
}

function partOf(facts: MatchFacts, key: MatchKey, version: Version): string {
  switch (key) {
    case 'class':
      return facts.class;
    case 'STAN':
      return facts.stan;
    case 'date':
      return version === '1987' ? facts.transmittedAt : facts.localAt;
    case 'terminal':
      return facts.terminal;
    case 'acquirer':
      return facts.acquirer;
    case 'RRN':
      return facts.rrn;
    case 'transmitted':
      return facts.transmittedAt;
    case 'local':
      return facts.localAt;
  }
}
