/** What an issuer's row says: who decides on a program's cards, and what the switch does where it cannot. */
import type { ArraySchema, ObjectSchema } from '../base/schema.ts';
import { matchKeys } from '../host/match-keys.ts';
import { hostModes } from '../switch/host-policy.ts';
import { remoteSchema } from './remote-row.ts';
import { choice, count, name, text } from './schema-parts.ts';

/** The longest that what was last seen of an own account may count. */
export const cachedAgeSecondsMax = 604_800;

/** The same for one type of message, where it differs. */
function timersOf(what: string): ObjectSchema {
  return {
    type: 'object',
    description: `${what}, where it has other times`,
    additionalProperties: false,
    required: [],
    properties: { posMs: count('milliseconds at a point of sale', 100, 60_000), cashMs: count('milliseconds for cash', 100, 60_000) },
  };
}

const timersSchema: ObjectSchema = {
  type: 'object',
  description: 'how long the issuer has for its answer; never longer than what the acquirer waits for allows',
  additionalProperties: false,
  required: [],
  default: {},
  properties: {
    posMs: count('milliseconds at a point of sale', 100, 60_000, 3_500),
    cashMs: count('milliseconds for cash', 100, 60_000, 5_000),
    adviceMs: count('milliseconds for an advice or a reversal', 100, 60_000, 10_000),
    authorization: timersOf('an authorization'),
    financial: timersOf('a financial request'),
    reversal: timersOf('a reversal'),
    advice: timersOf('an advice'),
  },
};

function matchedBy(what: string): ArraySchema {
  return { type: 'array', description: `${what}; by default class, STAN, date, terminal and acquirer`, items: choice('a field that the answer repeats', matchKeys) };
}

const matchKeysSchema: ObjectSchema = {
  type: 'object',
  description: 'host: by what an answer is known to answer a request of ours; the trace number or the reference is among it',
  additionalProperties: false,
  required: [],
  default: {},
  properties: { authorization: matchedBy('authorizations and their advices'), financial: matchedBy('financial requests and their advices'), reversal: matchedBy('reversals') },
};

const circuitSchema: ObjectSchema = {
  type: 'object',
  description: 'when the issuer counts as gone, and how it is tried again',
  additionalProperties: false,
  required: [],
  default: {},
  properties: {
    failuresMax: count('requests without a valid answer, in a row', 1, 10_000, 5),
    sharePercent: count('requests without a valid answer, of those in the window, in percent', 1, 101, 50),
    shareWindowMs: count('the window, in milliseconds', 1_000, 3_600_000, 30_000),
    shareCountMin: count('requests in the window below which their share says nothing', 1, 100_000, 20),
    openMs: count('milliseconds until it is tried again', 100, 3_600_000, 2_000),
    openMaxMs: count('the same at most, after it has doubled with each try', 100, 3_600_000, 60_000),
    askedMs: count('milliseconds that an issuer which asked for stand-in is left alone', 100, 3_600_000, 60_000),
    echoMs: count('milliseconds that an echo may take', 100, 60_000, 5_000),
  },
};

const advicesSchema: ObjectSchema = {
  type: 'object',
  description: 'how the issuer is told what was decided for it',
  additionalProperties: false,
  required: [],
  default: {},
  properties: {
    perSecond: count('advices a second', 1, 100_000, 50),
    fastPerSecond: count('the same after it has asked for speed (network management)', 1, 100_000, 500),
    cardsAtOnce: count('cards whose advices are on their way at once', 1, 10_000, 16),
    refusalsMax: count('refusals after which one is set aside', 1, 1_000, 5),
  },
};

export const issuerSchema: ObjectSchema = {
  type: 'object',
  description: 'who decides on a program\'s cards',
  additionalProperties: false,
  required: ['type'],
  properties: {
    type: choice('own: this switch, by its accounts; host: a centre that is reached over stations, or at a URL', ['own', 'host']),
    stations: { type: 'array', description: 'host: the stations that it is reached over, sharing the load; which side connects is the station\'s own setting', items: name('one of stations'), default: [] },
    remote: remoteSchema,
    mode: choice('host: it decides, and where it cannot nobody does; hostWithStandIn: stand-in decides for it then; hostWithShadowBalance: the same, within the balance that the host pushes; switch: stand-in\'s rules decide, and the issuer is told; switchThenHost: the same, and the issuer, while it can be asked, may decide otherwise. Of an own issuer, host or hostWithStandIn: it is the store of its accounts that cannot', hostModes, 'hostWithStandIn'),
    whileAvailable: choice('host: what is done while it can be asked. forward: it gets every request; standInFirst: what the rules\' available set passes is approved by stand-in, and the issuer is told, the rest goes to it', ['forward', 'standInFirst'], 'forward'),
    volumeSteps: {
      type: 'array', description: 'host: what is kept from it under load while it gets every request: from so many requests a second at this switch on, those for less than so much are for stand-in, by the rules\' available set; what that does not approve goes to it. In the order of their volumes', default: [],
      items: {
        type: 'object', description: 'a step', additionalProperties: false, required: ['perSecond', 'belowMinor'],
        properties: { perSecond: count('requests a second', 1, 1_000_000), belowMinor: count('minor units of the rules\' currency', 1, 1_000_000_000) },
      },
    },
    assuredResponse: { type: 'boolean', description: 'host: whether a request that it did not answer in time is decided by stand-in; if not, the acquirer gets no answer', default: true },
    unanswered: choice('what it is told of a request that it did not answer and stand-in approved: a reversal, then the advice as a transaction of its own; or an advice that replaces the request', ['reverseThenAdvise', 'adviseReplaces'], 'reverseThenAdvise'),
    timers: timersSchema,
    circuit: circuitSchema,
    advices: advicesSchema,
    askingCodes: {
      type: 'array', description: 'host: the response codes (DE39) by which it asks for stand-in; by default 91 and N0 on a link of 1987, 907 on one of 1993, 9107 on one of 2003',
      items: text('a response code', '^[0-9A-Z]{2,4}$', 'two to four digits or capital letters'),
    },
    matchKeys: matchKeysSchema,
    forwardingInstitution: text('DE33 of what is sent to it', '^[0-9]{1,11}$', 'up to eleven digits'),
    standIn: { type: 'document', description: 'the rules that it is stood in for by: docs/standin.md; by default few and small purchases that a chip or the cardholder\'s bank has proved, in euro' },
    switches: count('switches that stand in by themselves while the store that they share is away: each has its share of every limit, and of the balance of an own account', 1, 64, 1),
    cachedAgeMaxSeconds: count('own: seconds for which what a switch has last seen of an account counts while the store is away; without anything younger it declines', 1, cachedAgeSecondsMax, 3_600),
    orders: { type: 'document', description: 'what operators have ordered for it, of which locum issuer and locum advices keep the record: docs/operating.md' },
  },
};
