import { describe, expect, it } from 'vitest';
import { Deadlines } from '../../src/base/deadlines.ts';
import { adviceContent } from '../../src/dialect/forward-advice.ts';
import type { HostResult } from '../../src/host/host.ts';
import { stanAfter, stanAtTime, stanBlock, Stans } from '../../src/host/stans.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import { virtualTime } from '../link/station.ts';
import { codecOf } from '../iso8583/codecs.ts';
import { dialects } from '../dialect/stations.ts';
import { answerTo, config, orderOf, recordedHost, responseOf, ScriptedLink, shown, stationOf } from './issuers.ts';
import type { RecordedHost } from './issuers.ts';

const codec = codecOf('iso8583-1993-binary');

function build(count = 1, changes: Parameters<typeof recordedHost>[2] = {}): RecordedHost & { links: ScriptedLink[]; pass: (ms: number) => void; results: string[]; ask: (changes?: Parameters<typeof orderOf>[1], ms?: number) => void } {
  const { deadlines, pass } = virtualTime();
  const links = Array.from({ length: count }, () => new ScriptedLink(codec));
  const recorded = recordedHost(links.map((link, index) => stationOf(`host${index + 1}`, link)), deadlines, changes);
  recorded.events.length = 0;
  const results: string[] = [];
  return {
    ...recorded, links, pass, results,
    ask: (fields = {}, ms = 3_500) => recorded.host.forward(orderOf(deadlines.nowMs() + ms, fields), (result) => results.push(shown(result))),
  };
}

function reply({ host }: RecordedHost, link: ScriptedLink, index: number, fields: Parameters<typeof answerTo>[1] = {}, station = 'host1'): void {
  const message = answerTo(link.sent[index]!, fields);
  expect(host.answered(station, message, responseOf(message))).toBeDefined();
}

describe('a host issuer', () => {
  it('gets the request in its own edition, under a trace number of the switch, and its answer ends the wait once', () => {
    const at = build();
    at.ask();
    const [sent] = at.links[0]!.sent;
    expect([sent?.mti, sent?.text(11), sent?.text(7), sent?.text(12), sent?.text(24), sent?.text(41)?.trimEnd()]).toEqual(['1100', '000100', '1122080512', '261122090512', '100', 'TERM01']);
    reply(at, at.links[0]!, 0);
    reply(at, at.links[0]!, 0);
    expect([at.results, at.events]).toEqual([['answered 000'], ['host1 answered', 'host1 duplicate']]);
  });

  it('shares requests among its stations, and leaves out one that is not usable', () => {
    const at = build(3);
    for (let index = 0; index < 6; index += 1) at.ask();
    expect(at.links.map(({ sent }) => sent.length)).toEqual([2, 2, 2]);
    at.links[1]!.usable = false;
    for (let index = 0; index < 6; index += 1) at.ask();
    expect([at.links[1]!.sent.length, at.links[0]!.sent.length + at.links[2]!.sent.length]).toEqual([2, 10]);
  });

  it.each(['full', 'closed'] as const)('sends to the next station where one is %s', (outcome) => {
    const at = build(2);
    at.links[0]!.outcome = outcome;
    at.ask();
    at.ask();
    expect([at.links[0]!.sent.length, at.links[1]!.sent.length, at.results]).toEqual([0, 2, []]);
  });

  it('says that nothing was sent where no station takes it', () => {
    const at = build(2);
    at.links[0]!.outcome = 'full';
    at.links[1]!.outcome = 'closed';
    at.ask();
    at.links[0]!.outcome = 'closed';
    at.ask();
    at.links[0]!.outcome = 'tooLarge';
    at.ask();
    at.ask({}, 0);
    expect(at.results).toEqual(['not sent: full', 'not sent: unreachable', 'not sent: tooLarge', 'not sent: tooLate']);
    expect(at.host.status.pending).toBe(0);
  });

  it('takes no more requests than may wait', () => {
    const at = build(1, { pendingMax: 2 });
    for (let index = 0; index < 3; index += 1) at.ask();
    expect(at.results).toEqual(['not sent: full']);
    reply(at, at.links[0]!, 0);
    at.ask();
    expect([at.results, at.links[0]!.sent.length]).toEqual([['not sent: full', 'answered 000'], 3]);
  });

  it('an answer after the deadline is told as late, with what was sent, and ends nothing twice', () => {
    const at = build();
    at.ask();
    at.pass(3_520);
    expect(at.results).toEqual(['expired: timeout']);
    reply(at, at.links[0]!, 0);
    expect(at.results).toEqual(['expired: timeout']);
    expect(at.late.map(({ sent, meaning, fault, lateMs }) => [sent.mti, sent.reference.stan, meaning.approved, fault, lateMs])).toEqual([['1100', '100', true, '', 20]]);
    expect(at.events).toEqual(['host1 expired', 'host1 late']);
  });

  it('an answer that matches nothing is told with the parts in which it differs from the nearest request', () => {
    const at = build();
    at.ask();
    reply(at, at.links[0]!, 0, { 41: 'TERM02', 32: '999' });
    reply(at, at.links[0]!, 0, { 41: undefined });
    expect([at.results, at.events]).toEqual([[], ['host1 unmatched, differs in terminal and acquirer', 'host1 unmatched, differs in terminal']]);
    expect(at.unmatched).toEqual([['host1', '100', '100', ['terminal', 'acquirer']], ['host1', '100', '100', ['terminal']]]);
  });

  it('matches by what is configured for the class', () => {
    const { deadlines } = virtualTime();
    const link = new ScriptedLink(codec);
    const few = { authorization: ['class', 'STAN'], financial: ['class', 'STAN', 'RRN'], reversal: ['STAN'] } as const;
    const recorded = recordedHost([stationOf('host1', link, codec, { matchKeys: few })], deadlines);
    const results: string[] = [];
    for (const mti of ['100', '200']) recorded.host.forward(orderOf(1_000, { 37: 'ABC000000001' }, mti), (result) => results.push(shown(result)));
    reply(recorded, link, 0, { 41: undefined, 12: undefined, 32: undefined });
    reply(recorded, link, 1, { 37: 'ABC000000002' });
    reply(recorded, link, 1, { 41: undefined });
    expect(results).toEqual(['answered 000', 'answered 000']);
    expect(recorded.events).toContain('host1 unmatched, differs in RRN');
  });

  it.each<[string, Parameters<typeof answerTo>[1], string]>([
    ['an amount above the one asked for', { 4: '000000001251' }, 'the amount (DE4) is more than was asked for'],
    ['less, where no partial approval was allowed', { 4: '000000000100', 39: '002' }, 'the amount (DE4) is less than was asked for, and no partial approval was allowed'],
    ['another currency', { 49: '840' }, 'the amount (DE4) is in another currency than was asked for'],
    ['another card', { 2: '4761739001010010' }, 'the card number (DE2) is not the one that was asked for'],
    ['no response code', { 39: undefined }, 'the response code (DE39) is missing'],
    ['a response code that means nothing', { 39: '777' }, 'the response code (DE39) is not one of this link'],
    ['a partial approval of nothing said', { 4: undefined, 39: '002' }, 'a partial approval does not say of how much (DE4)'],
  ])('an answer with %s counts as none', (_, fields, fault) => {
    const at = build();
    at.ask();
    reply(at, at.links[0]!, 0, fields);
    expect([at.results, at.events]).toEqual([['expired: badAnswer'], ['host1 answered', `host1 refused: ${fault}`]]);
  });

  it('an answer of another type to the same request counts as none', () => {
    const at = build();
    at.ask();
    const answer = answerTo(at.links[0]!.sent[0]!);
    const other = codec.decode(Uint8Array.from(codec.encode(Object.assign(answerDraft(answer), { mti: '1130' }))));
    at.host.answered('host1', other, responseOf(other));
    expect(at.results).toEqual(['expired: badAnswer']);
  });

  it('a partial approval that was allowed is an answer', () => {
    const at = build();
    at.ask({ 48: '61011' });
    expect(at.links[0]!.sent[0]!.text(24)).toBe('181');
    reply(at, at.links[0]!, 0, { 4: '000000000100', 39: '002' });
    expect(at.results).toEqual(['answered 002']);
  });

  it('an issuer that asks the switch to decide is left alone for a while', () => {
    const { deadlines, pass } = virtualTime();
    const link = new ScriptedLink(codecOf('iso8583-1987-ascii'));
    const recorded = recordedHost([stationOf('host1', link, codecOf('iso8583-1987-ascii'))], deadlines);
    const results: string[] = [];
    recorded.host.forward(orderOf(1_000), (result) => results.push(shown(result)));
    reply(recorded, link, 0, { 39: 'N0' });
    recorded.host.forward(orderOf(1_000), (result) => results.push(shown(result)));
    pass(5_010);
    link.echoes.splice(0).forEach((echo) => echo(true));
    recorded.host.forward(orderOf(10_000), (result) => results.push(shown(result)));
    reply(recorded, link, 1);
    expect(results).toEqual(['asked by N0', 'not sent: asked', 'answered 00']);
    expect(recorded.host.unavailability('authorization')).toBe(undefined);
  });

  it('is left alone after failures in a row, and gets an echo and one transaction before the others', () => {
    const at = build();
    for (let index = 0; index < 5; index += 1) at.ask({}, 100);
    at.pass(120);
    expect(at.results).toEqual(Array.from({ length: 5 }, () => 'expired: timeout'));
    at.ask();
    at.pass(1_000);
    expect(at.links[0]!.echoes.length).toBe(1);
    at.ask();
    at.links[0]!.echoes[0]!(true);
    at.ask();
    at.ask();
    expect(at.results.slice(5)).toEqual(['not sent: circuitOpen', 'not sent: circuitOpen', 'not sent: circuitOpen']);
    reply(at, at.links[0]!, 5);
    at.ask();
    expect([at.results.at(-1), at.links[0]!.sent.length]).toEqual(['answered 000', 7]);
    expect(at.events.filter((event) => event.includes(' to '))).toEqual(['closed to open, circuitOpen', 'open to halfOpen, circuitOpen', 'halfOpen to closed']);
  });

  it('gets nothing while it is signed off, in suppress inquiry mode, or kept away by an operator, each with its reason', () => {
    const at = build();
    at.host.suppressInquiry(true);
    at.ask();
    at.host.standInByOrder(true);
    at.ask();
    at.host.standInByOrder(false);
    at.host.suppressInquiry(false);
    at.links[0]!.usable = false;
    at.links[0]!.signedOff = true;
    at.host.linksChanged();
    at.ask();
    at.links[0]!.usable = true;
    at.host.linksChanged();
    at.ask();
    expect([at.results, at.links[0]!.sent.length]).toEqual([['not sent: suppressInquiry', 'not sent: operator', 'not sent: signedOff'], 1]);
    expect(at.events).toEqual(['closed to open, suppressInquiry', 'open to open, operator', 'open to open, suppressInquiry', 'open to closed', 'closed to open, signedOff', 'open to closed']);
  });

  it('advices go out by their own trace, again as a repeat, and their answers are their acknowledgement', () => {
    const at = build();
    const { message, meaning } = orderOf(0);
    const content = adviceContent(message, meaning, dialects['1987'], { approved: undefined, reason: '0000', approvalCode: 'STAND1', standInReason: 'timeout', replaces: undefined });
    const trace = at.host.reserveTrace();
    at.host.suppressInquiry(true);
    const results: string[] = [];
    at.host.advise({ of: 'authorization', content, pan: meaning.pan, isRepeat: false, deadlineMs: 1_000, trace }, (result) => results.push(shown(result)));
    at.pass(1_020);
    at.host.advise({ of: 'authorization', content, pan: meaning.pan, isRepeat: true, deadlineMs: 3_000, trace }, (result) => results.push(shown(result)));
    const [first, again] = at.links[0]!.sent;
    expect([first?.mti, again?.mti, first?.text(11) === again?.text(11), first?.text(7) === again?.text(7)]).toEqual(['1120', '1121', true, true]);
    reply(at, at.links[0]!, 1, { 39: '900' });
    expect(results).toEqual(['expired: timeout', 'answered 900']);
  });

  it('where messages are authenticated, one that cannot be sealed is not sent, and one whose time has passed is not either', () => {
    const at = build();
    const link = at.links[0]!;
    const seals: ((bytes: Uint8Array | undefined) => void)[] = [];
    const drafts: Draft[] = [];
    link.seal = (draft, done) => {
      drafts.push(draft);
      seals.push(done);
    };
    at.ask({}, 100);
    at.ask({ 41: 'TERM02' }, 100);
    at.ask({ 41: 'TERM03' }, 100);
    seals[1]!(Uint8Array.from(codec.encode(drafts[1]!)));
    seals[2]!(undefined);
    expect([at.results, link.sent.map((sent) => sent.text(41)?.trimEnd())]).toEqual([['not sent: unfit'], ['TERM02']]);
    at.pass(120);
    seals[0]!(Uint8Array.from(codec.encode(drafts[0]!)));
    expect([at.results, link.sent.length]).toEqual([['not sent: unfit', 'expired: timeout', 'expired: timeout'], 1]);
  });

  it('what cannot be told to the issuer is not sent', () => {
    const at = build();
    at.ask({ 55: `9F2608A1B2C3D4E5F60718DF0181F1${'AB'.repeat(241)}` });
    expect([at.results.at(-1), at.events.at(-1)]).toEqual(['not sent: unfit', 'host1 unfit: DE55']);
    expect([at.host.status.pending, at.links[0]!.sent.length]).toEqual([0, 0]);
  });

  it('ten thousand requests that wait all end within 20 ms of their deadlines, and with no timer each', () => {
    const { deadlines, pass } = virtualTime();
    const link = new ScriptedLink(codec);
    const { host } = recordedHost([stationOf('host1', link)], deadlines, { circuit: { ...config.circuit, failuresMax: Infinity } });
    const order = orderOf(0);
    const lateMs: number[] = [];
    let timersMost = 0;
    for (let index = 0; index < 10_000; index += 1) {
      const deadlineMs = deadlines.nowMs() + 500 + (index * 7919) % 4_000;
      host.forward({ ...order, deadlineMs }, (result: HostResult) => {
        if (result.kind === 'expired') lateMs.push(deadlines.nowMs() - deadlineMs);
      });
      timersMost = Math.max(timersMost, deadlines.pending);
      if (index % 100 === 99) pass(3);
    }
    expect(host.status.pending).toBeGreaterThan(9_900);
    pass(5_000);
    expect([lateMs.length, host.status.pending]).toEqual([10_000, 0]);
    expect(Math.min(...lateMs)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...lateMs)).toBeLessThanOrEqual(20);
    expect(timersMost).toBeLessThan(10);
  });

  it('they do so too where every timer comes late by a millisecond or more', () => {
    let nowMs = 0.4;
    let timer: { readonly atMs: number; readonly callback: () => void } | undefined;
    const deadlines = new Deadlines(() => nowMs, (callback, delayMs) => {
      timer = { atMs: nowMs + delayMs + 1.3, callback };
      return () => (timer = undefined);
    });
    const link = new ScriptedLink(codec);
    const { host } = recordedHost([stationOf('host1', link)], deadlines, { circuit: { ...config.circuit, failuresMax: Infinity } });
    const lateMs: number[] = [];
    for (let index = 0; index < 500; index += 1) {
      const deadlineMs = 100 + index * 1.7;
      host.forward(orderOf(deadlineMs), () => lateMs.push(nowMs - deadlineMs));
    }
    while (timer !== undefined) {
      const { atMs, callback } = timer;
      timer = undefined;
      nowMs = atMs;
      callback();
    }
    expect(lateMs.length).toBe(500);
    expect(Math.max(...lateMs)).toBeLessThanOrEqual(15);
  });

  it('when it stops, whoever waits is told at once', () => {
    const at = build();
    at.ask();
    at.host.stop();
    expect(at.results).toEqual(['expired: timeout']);
  });
});

function answerDraft(message: Parameters<typeof responseOf>[0]): Draft {
  const draft = new Draft('');
  for (const field of message.fields()) draft.copy(message, field);
  return draft;
}

describe('trace numbers', () => {
  it('ascend, begin again after the last, and leave out those that are waited with', () => {
    const stans = new Stans(999_998);
    expect([stans.take(), stans.take(), stans.take()]).toEqual([999_998, 999_999, 1]);
    const again = new Stans(999_999);
    again.take();
    for (let index = 1; index < 999_999; index += 1) again.free(again.take()!);
    expect(again.take()).toBe(1);
    again.free(999_999);
  });

  it('are none where all are waited with', () => {
    const stans = new Stans(1);
    for (let index = 0; index < 999_999; index += 1) stans.take();
    expect(stans.take()).toBe(undefined);
    stans.free(500_000);
    expect(stans.take()).toBe(500_000);
  });

  it('are reserved a block ahead: what begins behind a reservation uses none that was used', () => {
    const reserved: number[] = [];
    const stans = new Stans(999_000, (through) => reserved.push(through));
    for (let count = 0; count < 2 * stanBlock + 1; count += 1) {
      const stan = stans.take()!;
      stans.free(stan);
      // Even where the last reservation is not on disk yet.
      const known = reserved.at(-2) ?? reserved[0]!;
      expect((known - stan + 999_999) % 999_999).toBeLessThan(2 * stanBlock);
    }
    expect(reserved).toEqual([1_000, 2_000, 3_000]);
    expect([stanAfter(999_999, 1), stanAfter(999_000, 2 * stanBlock)]).toEqual([1, 1_001]);
  });

  it('of a later start of the day come after those of an earlier', () => {
    const dayMs = 86_400_000;
    expect([stanAtTime(0), stanAtTime(dayMs - 1), stanAtTime(dayMs)]).toEqual([1, 999_999, 1]);
    expect(stanAtTime(dayMs / 2 + 60_000) - stanAtTime(dayMs / 2)).toBe(694);
  });
});
