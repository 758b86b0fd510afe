/** `locum host`: an issuer in one line. */
import { randomBytes } from 'node:crypto';
import type { Command, Outside } from './command.ts';
import { TestHost } from './host-desk.ts';
import { HttpHost } from './host-http.ts';
import { openIssuerKeys, rowFor } from './host-keys.ts';
import { durationOf, hostAbout, hostExamples, hostOptions, hostOptionsOf, httpOptionsOf } from './host-options.ts';
import { eventLine, summaryLines } from './host-report.ts';
import type { HostEvent } from './host-report.ts';

export const hostCommand: Command = {
  name: 'host',
  summary: 'Plays an issuer: answers a switch from a small book of its own, and misbehaves as it is told',
  operands: '',
  about: hostAbout,
  options: hostOptions,
  examples: hostExamples,
  async run(given, outside) {
    const http = httpOptionsOf(given, outside);
    const options = http === undefined ? hostOptionsOf(given, outside) : undefined;
    const forMs = durationOf(given);
    const [json, quiet] = [given.has('json'), given.has('quiet')];
    const onEvent = (event: HostEvent): void => {
      if (!quiet) outside.print(json ? JSON.stringify(event) : eventLine(event));
    };
    // A host that waits for its next attempt has nothing else that keeps the process.
    const alive = setInterval(() => undefined, 60_000);
    try {
      const host = http === undefined ? await TestHost.start({ ...options, onEvent }, outside) : await startAtUrl(http, onEvent, outside);
      if (http !== undefined && host instanceof HttpHost) tellRow(rowFor(http.folder, host.port), json, quiet, outside);
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

async function startAtUrl({ folder, options }: NonNullable<ReturnType<typeof httpOptionsOf>>, onEvent: (event: HostEvent) => void, outside: Outside): Promise<HttpHost> {
  const keys = openIssuerKeys(folder, { now: outside.now, randomBytes });
  return await HttpHost.start({ ...options, keys, onEvent }, outside);
}

/** What the switch's tables need. */
function tellRow(row: ReturnType<typeof rowFor>, json: boolean, quiet: boolean, { print }: Outside): void {
  if (json) print(JSON.stringify({ event: 'row', row }));
  else if (!quiet) print(`for the switch's tables, as a row of issuers:\n${JSON.stringify(row, undefined, 2)}`);
}

function elapsed(ms: number): Promise<string> {
  return new Promise((resolve) => {
    // A signal may end it before.
    setTimeout(resolve, ms, 'the time is over').unref();
  });
}
