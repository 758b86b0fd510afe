/** What tests of host issuers are made of: orders, a configuration, and an issuer with its events written down. */
import { Deadlines, processSchedule } from '../../src/base/deadlines.ts';
import type { Side } from '../../src/dialect/forward-write.ts';
import type { CardMeaning, ResponseMeaning } from '../../src/dialect/meaning.ts';
import { readMessage } from '../../src/dialect/read.ts';
import { HostIssuer } from '../../src/host/host-issuer.ts';
import type { ForwardOrder, HostConfig, HostEvents, HostLink, HostResult, HostStation, LateAnswer } from '../../src/host/host.ts';
import { usualMatchKeys } from '../../src/host/match-keys.ts';
import { WireTimes } from '../../src/host/wire-times.ts';
import type { Codec, Message } from '../../src/iso8583/codec.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import { silentLinkEvents } from '../../src/link/events.ts';
import type { SendOutcome } from '../../src/link/link.ts';
import { dialects, request } from '../dialect/stations.ts';
import type { Fields } from '../dialect/stations.ts';
import type { Version } from '../../src/message/message.ts';
import { codecOf } from '../iso8583/codecs.ts';

export const startMs = Date.UTC(2026, 10, 22, 8, 5, 12);

export const config: HostConfig = {
  name: 'partner', pendingMax: 20_000, rememberedMax: 20_000, askingCodes: new Set(['N0']),
  circuit: { failuresMax: 5, sharePercent: 101, shareWindowMs: 10_000, shareCountMin: 20, openMs: 1_000, openMaxMs: 8_000, askedMs: 5_000, echoMs: 500 },
};

export function sideOf(codec: Codec): Side {
  return { dialect: dialects[codec.spec.version], spec: codec.spec };
}

const sources = new Map<Version, Side>();

/** A purchase of 12.50 EUR of an acquirer of 1987. */
export function orderOf(deadlineMs: number, changes: Fields = {}, mti = '100', version: Version = '1987'): ForwardOrder {
  const message = request(version, mti, changes);
  const source = sources.get(version) ?? sideOf(message.codec);
  sources.set(version, source);
  return { message, meaning: readMessage(message, dialects[version], 'shop') as CardMeaning, source, deadlineMs };
}

/** The port that the switch gives an issuer, with a peer of the test's behind it. */
export class ScriptedLink implements HostLink {
  usable = true;
  signedOff = false;
  outcome: SendOutcome = 'queued';
  seal: HostLink['seal'];
  readonly sent: Message[] = [];
  readonly echoes: ((answered: boolean) => void)[] = [];
  readonly #codec: Codec;

  constructor(codec: Codec) {
    this.#codec = codec;
    this.seal = undefined;
  }

  request(bytes: Uint8Array): SendOutcome {
    if (this.outcome === 'queued') this.sent.push(this.#codec.decode(Uint8Array.from(bytes)));
    return this.outcome;
  }

  echo(done: (answered: boolean) => void): void {
    this.echoes.push(done);
  }
}

export interface RecordedHost {
  readonly host: HostIssuer;
  readonly events: string[];
  readonly late: LateAnswer[];
  /** Station, trace number, and that of the nearest request with what differs. */
  readonly unmatched: unknown[];
}

export function stationOf(name: string, link: HostLink, codec = codecOf('iso8583-1993-binary'), changes: Partial<HostStation> = {}): HostStation {
  return { name, side: sideOf(codec), codec, link, matchKeys: usualMatchKeys, forwardingInstitution: '', firstStan: 100, ...changes };
}

export function recordedHost(stations: readonly HostStation[], deadlines = new Deadlines(() => performance.now(), processSchedule), changes: Partial<HostConfig> = {}): RecordedHost {
  const events: string[] = [];
  const late: LateAnswer[] = [];
  const unmatched: unknown[] = [];
  const recording: HostEvents = {
    ...silentLinkEvents,
    answerMatched: (station) => events.push(`${station} answered`),
    requestExpired: (station) => events.push(`${station} expired`),
    answerLate: (station) => events.push(`${station} late`),
    answerDuplicate: (station) => events.push(`${station} duplicate`),
    answerUnmatched: (station, parts) => events.push(`${station} unmatched${parts === undefined ? '' : `, differs in ${parts.join(' and ')}`}`),
    advices: () => undefined,
    circuitChanged: (_, from, to) => events.push(`${from.phase} to ${to.phase}${to.why === undefined ? '' : `, ${to.why}`}`),
    answerRefused: (station, fault) => events.push(`${station} refused: ${fault}`),
    unmatched: (_, station, { stan }, nearest) => unmatched.push([station, stan, nearest?.sent.reference.stan, nearest?.differing]),
    unfit: (station, fault) => events.push(`${station} unfit: DE${fault.field}`),
    late: (_, each) => late.push(each),
  };
  const times = new WireTimes(() => startMs + deadlines.nowMs());
  const host = new HostIssuer({ ...config, ...changes }, stations, { deadlines, times, events: recording });
  host.linksChanged();
  events.length = 0;
  return { host, events, late, unmatched };
}

/** The answer that an issuer makes of a request: its own values back, and what is given. */
export function answerTo(message: Message, fields: Fields = {}): Message {
  return message.codec.decode(Uint8Array.from(message.codec.encode(answerDraft(message, fields))));
}

export function answerDraft(message: Message, fields: Fields = {}): Draft {
  const draft = new Draft(`${message.mti.slice(0, 2)}${Number(message.mti[2]) + 1}0`);
  for (const field of [2, 3, 4, 7, 11, 12, 32, 37, 41, 42, 49]) draft.copy(message, field);
  draft.set(39, dialects[message.codec.spec.version].reasons.responseCode('0000')).set(38, 'OK1234');
  for (const [field, text] of Object.entries(fields)) {
    if (text === undefined) draft.remove(Number(field));
    else draft.set(Number(field), text);
  }
  return draft;
}

export function responseOf(message: Message): ResponseMeaning {
  const meaning = readMessage(message, dialects[message.codec.spec.version], 'host');
  if (meaning.kind !== 'response') throw new Error(`read as ${meaning.kind}`);
  return meaning;
}

/** In a few words. */
export function shown(result: HostResult): string {
  switch (result.kind) {
    case 'answered':
    case 'decided':
      return `answered ${result.meaning.responseCode}`;
    case 'expired':
      return `expired: ${result.cause}`;
    case 'asked':
      return `asked by ${result.responseCode}`;
    case 'notSent':
      return `not sent: ${result.why}`;
  }
}
