/** A host issuer over real connections, with an issuer that does what a test says. */
import { afterEach, describe, expect, it } from 'vitest';
import { Deadlines, processSchedule } from '../../src/base/deadlines.ts';
import { readMessage } from '../../src/dialect/read.ts';
import type { HostLink, HostResult } from '../../src/host/host.ts';
import { DecodeError } from '../../src/iso8583/errors.ts';
import type { Message } from '../../src/iso8583/codec.ts';
import { dialects } from '../dialect/stations.ts';
import { codecOf } from '../iso8583/codecs.ts';
import { startStation, stopAll, until } from '../link/station.ts';
import type { Station } from '../link/station.ts';
import { answerDraft, orderOf, recordedHost, shown, stationOf } from './issuers.ts';
import type { RecordedHost } from './issuers.ts';
import { ScriptedIssuer } from './scripted-issuer.ts';
import type { Asking } from './scripted-issuer.ts';

const codec = codecOf('iso8583-1993-binary');
const issuers: ScriptedIssuer[] = [];

afterEach(async () => {
  for (const issuer of issuers.splice(0)) await issuer.stop();
  await stopAll();
});

interface Reached extends RecordedHost {
  readonly issuer: ScriptedIssuer;
  readonly stations: Station[];
  readonly results: string[];
  readonly outcomes: HostResult[];
  readonly ask: (fields?: Parameters<typeof orderOf>[1], ms?: number) => void;
}

/** Stations that connect to the issuer, and a host over them, as the switch would have it. */
async function reach(script: (asking: Asking) => void, count = 1): Promise<Reached> {
  const issuer = await ScriptedIssuer.start(codec, script);
  issuers.push(issuer);
  const deadlines = new Deadlines(() => performance.now(), processSchedule);
  const stations: Station[] = [];
  const open = (station: Station | undefined): Station['opened'][number] | undefined => station?.opened.findLast((connection) => connection.open);
  const links = Array.from({ length: count }, (_, index): HostLink => ({
    get usable(): boolean {
      return open(stations[index]) !== undefined;
    },
    signedOff: false,
    seal: undefined,
    request: (bytes) => open(stations[index])?.request(bytes, 0, bytes.length) ?? 'closed',
    echo: (done) => done(open(stations[index]) !== undefined),
  }));
  const recorded = recordedHost(links.map((link, index) => stationOf(`host${index + 1}`, link)), deadlines);
  for (let index = 0; index < count; index += 1) {
    const name = `host${index + 1}`;
    stations.push(await startStation({
      role: 'connect', port: issuer.port, deadlines,
      onFrame: (_, { connection, text }) => {
        connection.done();
        hear(recorded, name, Buffer.from(text, 'latin1'));
      },
    }));
  }
  await until(() => links.every(({ usable }) => usable), 'the stations are connected');
  recorded.host.linksChanged();
  recorded.events.length = 0;
  const results: string[] = [];
  const outcomes: HostResult[] = [];
  return {
    ...recorded, issuer, stations, results, outcomes,
    ask: (fields = {}, ms = 10_000) => recorded.host.forward(orderOf(deadlines.nowMs() + ms, fields), (result) => {
      results.push(shown(result));
      outcomes.push(result);
    }),
  };
}

function hear({ host }: RecordedHost, name: string, frame: Buffer): void {
  let message: Message;
  try {
    message = codec.decode(frame);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    const recovered = codec.recover(frame);
    const meaning = recovered === undefined ? undefined : readMessage(recovered, dialects['1993'], name);
    if (meaning?.kind === 'response') host.garbled(name, meaning, error.message);
    return;
  }
  const meaning = readMessage(message, dialects['1993'], name);
  if (meaning.kind === 'response') host.answered(name, message, meaning);
}

describe('over real connections', () => {
  it('each of many requests gets its own answer, in whatever order they come', async () => {
    const held: Asking[] = [];
    const at = await reach((asking) => {
      held.push(asking);
      if (held.length < 200) return;
      for (const each of held.splice(0).reverse()) each.answer(answerDraft(each.message, { 38: each.message.text(11)! }));
    }, 2);
    for (let index = 0; index < 400; index += 1) at.ask();
    await until(() => at.results.length === 400, 'all are answered');
    expect(new Set(at.results)).toEqual(new Set(['answered 000']));
    for (const outcome of at.outcomes) {
      if (outcome.kind !== 'answered') throw new Error(outcome.kind);
      expect(Number(outcome.meaning.approvalCode)).toBe(Number(outcome.sent.reference.stan));
    }
    expect(at.issuer.connections).toBe(2);
  });

  it('a late answer, the same twice, and one that nobody asked for reach nobody', async () => {
    const held: Asking[] = [];
    const at = await reach((asking) => held.push(asking));
    at.ask({}, 60);
    await until(() => at.results.length === 1 && held.length === 1, 'the deadline passed, and the issuer has it');
    held[0]!.answer(answerDraft(held[0]!.message));
    held[0]!.answer(answerDraft(held[0]!.message));
    held[0]!.answer(answerDraft(held[0]!.message, { 11: '999999', 41: 'NOBODY' }));
    await until(() => at.events.length === 4, 'all are told');
    expect(at.events).toEqual(['host1 expired', 'host1 late', 'host1 duplicate', 'host1 unmatched']);
    expect([at.results, at.late.length, at.late[0]!.meaning.approved]).toEqual([['expired: timeout'], 1, true]);
  });

  it('an answer that cannot be decoded ends the wait of the request that it names, and bytes that name none end nothing', async () => {
    const at = await reach((asking) => {
      if (asking.index === 0) {
        const bytes = Uint8Array.from(codec.encode(answerDraft(asking.message)));
        // The last field is cut off.
        asking.garble(bytes.subarray(0, bytes.length - 1));
      } else asking.garble(Buffer.from('FFFFFFFF', 'hex'));
    });
    at.ask({ 41: 'TERM01' });
    await until(() => at.results.length === 1, 'the first ends');
    at.ask({}, 80);
    await until(() => at.results.length === 2, 'the second ends');
    expect(at.results).toEqual(['expired: badAnswer', 'expired: timeout']);
  });

  it('a connection that is lost with requests in flight loses none of them: each ends at its deadline, and what follows goes elsewhere', async () => {
    const at = await reach((asking) => {
      if (asking.index === 0) asking.disconnect();
      else asking.answer(answerDraft(asking.message));
    }, 2);
    at.ask({}, 300);
    await until(() => at.stations.some((station) => station.closed.length > 0), 'it is lost');
    at.ask();
    at.ask();
    await until(() => at.results.length === 3, 'all ended');
    expect([...at.results].sort()).toEqual(['answered 000', 'answered 000', 'expired: timeout']);
  });

  it('an answer on the next connection of the station is taken while it is waited for', async () => {
    const held: Asking[] = [];
    const at = await reach((asking) => {
      held.push(asking);
      if (asking.index === 0) asking.disconnect();
      else held.forEach(({ message }) => asking.answer(answerDraft(message)));
    });
    at.ask();
    await until(() => at.stations[0]!.opened.length === 2, 'it is connected again');
    at.ask();
    await until(() => at.results.length === 2, 'both are answered');
    expect(at.results).toEqual(['answered 000', 'answered 000']);
  });

  it('an issuer that went away and came back gets an echo, one transaction, and then the others', async () => {
    const at = await reach((asking) => asking.answer(answerDraft(asking.message)));
    at.issuer.disconnectAll();
    await until(() => at.stations[0]!.closed.length > 0, 'it is lost');
    at.host.linksChanged();
    at.ask();
    await until(() => at.stations[0]!.opened.length === 2, 'it is connected again');
    at.host.linksChanged();
    at.ask();
    at.ask();
    await until(() => at.results.length === 3, 'the one that is tried is answered');
    at.ask();
    await until(() => at.results.length === 4, 'the next is answered');
    expect(at.results).toEqual(['not sent: unreachable', 'not sent: unreachable', 'answered 000', 'answered 000']);
    expect(at.events.filter((event) => event.includes(' to '))).toEqual(['closed to open, unreachable', 'open to halfOpen, unreachable', 'halfOpen to closed']);
  });
});
