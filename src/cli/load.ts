/** `locum load`: traffic by a profile. */
import { exitFailed, UsageError } from './command.ts';
import type { Command } from './command.ts';
import { configOf } from './configured.ts';
import { loadAbout, loadExamples, loadOptions, loadOptionsOf } from './load-options.ts';
import { runLoad } from './load-run.ts';
import { secondLine, summaryLines } from './load-tally.ts';
import { meaningOf } from './send-draft.ts';
import { destination } from './send-target.ts';

export const loadCommand: Command = {
  name: 'load',
  summary: 'Sends traffic by a profile to a station, tells of each second, and sums up the answers',
  operands: '',
  about: loadAbout,
  options: loadOptions,
  examples: loadExamples,
  async run(given, outside) {
    const options = loadOptionsOf(given);
    const to = destination(given, outside, configOf(given, outside));
    if (to.station?.security.mac?.required ?? false) throw new UsageError(`the station ${to.target.name} asks for message authentication codes, which a load has none of`);
    const json = given.has('json');
    const summary = await runLoad(options, to, outside, (second) => outside.print(json ? JSON.stringify(second) : secondLine(second)));
    if (json) outside.print(JSON.stringify(summary));
    else for (const line of summaryLines(summary, (code) => meaningOf(code, to.dialect)?.text ?? 'not in the link\'s map of response codes')) outside.print(line);
    return (summary.sent > 0 && summary.answered === 0) || summary.wrongStans > 0 ? exitFailed : 0;
  },
};
