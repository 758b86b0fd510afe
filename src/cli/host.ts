/** `locum host`: an issuer in one line. */
import type { Command } from './command.ts';
import { TestHost } from './host-desk.ts';
import { durationOf, hostAbout, hostExamples, hostOptions, hostOptionsOf } from './host-options.ts';
import { eventLine, summaryLines } from './host-report.ts';

export const hostCommand: Command = {
  name: 'host',
  summary: 'Plays an issuer: answers a switch from a small book of its own, and misbehaves as it is told',
  operands: '',
  about: hostAbout,
  options: hostOptions,
  examples: hostExamples,
  async run(given, outside) {
    const options = hostOptionsOf(given, outside);
    const forMs = durationOf(given);
    const [json, quiet] = [given.has('json'), given.has('quiet')];
    // A host that waits for its next attempt has nothing else that keeps the process.
    const alive = setInterval(() => undefined, 60_000);
    try {
      const host = await TestHost.start({
        ...options,
        onEvent: (event) => {
          if (!quiet) outside.print(json ? JSON.stringify(event) : eventLine(event));
        },
      }, outside);
      await (forMs === undefined ? outside.stopAsked() : Promise.race([outside.stopAsked(), elapsed(forMs)]));
      const summary = await host.stop();
      if (json) outside.print(JSON.stringify({ event: 'summary', ...summary }));
      else for (const line of summaryLines(summary)) outside.print(line);
    } finally {
      clearInterval(alive);
    }
    return 0;
  },
};

function elapsed(ms: number): Promise<string> {
  return new Promise((resolve) => {
    // A signal may end it before.
    setTimeout(resolve, ms, 'the time is over').unref();
  });
}
