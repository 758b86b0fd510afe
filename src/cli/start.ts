/** `locum start`: the switch, until it is told to stop. */
import { configOf, configOption } from './configured.ts';
import { exitFailed } from './command.ts';
import type { Command } from './command.ts';

const leaveMs = 2_000;

export const startCommand: Command = {
  name: 'start',
  summary: 'Runs the switch with everything that the configuration names, until SIGTERM or SIGINT',
  operands: '',
  about: [
    'Stopping is graceful: nothing more is read, what is in flight is answered, the journal is drained. A second signal, a second or more after the first, ends it at once.',
    'The log goes to standard output, one line of JSON for each event.',
  ],
  options: configOption,
  examples: [{ line: 'start', about: 'The demo: stations on 8583, 8584 and 8585, HTTP on 8080, partners with client certificates on 8443, everything it writes in ./data.', needs: 'free ports' }],
  async run(given, outside) {
    const config = configOf(given, outside);
    for (const warning of config.warnings) outside.complain(`locum start: ${warning}`);
    // Asked for before the start, so that a signal during it is not lost.
    const stopAsked = outside.stopAsked();
    // Loaded here, so that the other commands need not load the whole switch first.
    const { start } = await import('../program/start.ts');
    const running = await start(config).catch((error: unknown) => {
      // Whatever a failed start has left running keeps no process alive that does nothing.
      setTimeout(() => process.exit(exitFailed), leaveMs).unref();
      throw error;
    });
    await stopAsked;
    // The switch's own timers keep no process alive, and by the end of a stop there is nothing else.
    const alive = setInterval(() => undefined, 60_000);
    await running.stop();
    clearInterval(alive);
    return 0;
  },
};
