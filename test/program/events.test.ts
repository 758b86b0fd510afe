import { describe, expect, it } from 'vitest';
import { createLog } from '../../src/base/log.ts';
import { LogGate, switchEvents } from '../../src/program/events.ts';
import { AlertNotes } from '../../src/program/alerts.ts';
import { newMetrics } from '../../src/program/metrics.ts';

type Line = Readonly<Record<string, unknown>>;

/** A log whose lines are kept, and a gate before it whose clock is set by hand. */
function gated(): { readonly lines: Line[]; readonly log: ReturnType<typeof createLog>; readonly gate: LogGate; readonly clock: { nowMs: number } } {
  const lines: Line[] = [];
  const clock = { nowMs: 5_000 };
  const log = createLog({ destination: { write: (line) => void lines.push(JSON.parse(line) as Line) }, level: 'info', nowMs: () => clock.nowMs });
  return { lines, log, gate: new LogGate(log, () => clock.nowMs), clock };
}

describe('the gate before the log', () => {
  it('lets the first twenty lines of a name in a second through, and says in the next how many it held back', () => {
    const { lines, gate, clock } = gated();
    for (let i = 0; i < 50; i += 1) {
      clock.nowMs = 5_000 + i * 19;
      gate.warning('frame refused', () => ({ i }));
    }
    expect(lines.map(({ event, level, i }) => [event, level, i])).toEqual(Array.from({ length: 20 }, (_, i) => ['frame refused', 'warn', i]));
    clock.nowMs = 6_000;
    gate.event('connected', () => ({}));
    expect(lines.slice(20)).toMatchObject([
      { event: 'lines held back', level: 'warn', name: 'frame refused', lines: 30 },
      { event: 'connected', level: 'info' },
    ]);
  });

  it('counts each name by itself, and anew in each second', () => {
    const { lines, gate, clock } = gated();
    for (let second = 5; second < 8; second += 1) {
      clock.nowMs = second * 1_000;
      for (let i = 0; i < 20; i += 1) {
        gate.event('connected', () => ({}));
        gate.event('disconnected', () => ({}));
      }
    }
    expect(lines.map(({ event }) => event)).toEqual(Array.from({ length: 60 }, () => ['connected', 'disconnected']).flat());
  });

  it('says it once of each name, and does not make the fields of a line that it holds back', () => {
    const { lines, gate, clock } = gated();
    let made = 0;
    for (const name of ['connected', 'disconnected']) {
      for (let i = 0; i < 25; i += 1) gate.event(name, () => ({ made: (made += 1) }));
    }
    expect(made).toBe(40);
    for (clock.nowMs = 7_000; clock.nowMs < 10_000; clock.nowMs += 1_000) gate.event('stopping', () => ({}));
    expect(lines.filter(({ event }) => event === 'lines held back')).toMatchObject([
      { name: 'connected', lines: 5 },
      { name: 'disconnected', lines: 5 },
    ]);
  });
});

it('a sign-on is a line in the log, a connection that needs none is not, and the gauge counts both', async () => {
  const { lines, log, gate } = gated();
  const metrics = newMetrics();
  const events = switchEvents(metrics, log, gate, new AlertNotes(() => 0));
  events.usable('pos', 1, true, false);
  events.usable('host', 2, true, true);
  events.usable('host', 3, true, true);
  events.usable('host', 2, false, true);
  expect(lines.map(({ event, station, connection }) => [event, station, connection])).toEqual([
    ['signed on', 'host', 2],
    ['signed on', 'host', 3],
    ['signed off', 'host', 2],
  ]);
  const gauge = await metrics.registry.getSingleMetric('locum_connections_usable')?.get();
  expect(gauge?.values.map(({ labels, value }) => [labels['station'], value])).toEqual([
    ['pos', 1],
    ['host', 1],
  ]);
});
