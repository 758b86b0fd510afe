/** `locum alerts`: what is not as it should be at the running switch, and with `--all` what was not. */
import type { AlertShown } from '../program/operator-alerts.ts';
import { aligned, UsageError } from './command.ts';
import type { Command } from './command.ts';
import { askSwitch, durationWords, operatorOptions, timeWords } from './operator-desk.ts';

export const alertsCommand: Command = {
  name: 'alerts',
  summary: 'Lists the alerts that are on: what, of which station or issuer, since when and why',
  operands: '',
  about: [
    'Each start and each end is a line in the log, too (alert, alert ended), and locum_alerts of the metrics is 1 while one is on. When something is an alert is said by the row parameter system of the system tables; docs/operating.md says what each means.',
    'A switch keeps the last 200 that ended, until it is started again; its log has them all.',
  ],
  options: { all: { type: 'boolean', about: 'those that ended, too; the latest comes first among them' }, ...operatorOptions },
  examples: [
    { line: 'alerts', about: 'Those that are on.', needs: 'running demo' },
    { line: 'alerts --all --json', about: 'What a program reads.', needs: 'running demo' },
  ],
  async run(given, outside) {
    if (given.operands.length > 0) throw new UsageError('alerts takes options alone');
    const { alerts } = await askSwitch<{ readonly alerts: readonly AlertShown[] }>(given, outside, { method: 'GET', path: 'alerts', fields: { all: given.has('all') } });
    if (given.has('json')) outside.print(JSON.stringify(alerts));
    else if (alerts.length === 0) outside.print(given.has('all') ? 'There was no alert.' : 'No alert is on.');
    else for (const line of aligned([['alert', 'of', 'since', 'lasted', 'times', 'reason'], ...alerts.map((alert) => wordsOf(alert, outside.now()))])) outside.print(line);
    return 0;
  },
};

function wordsOf({ what, subject, start, end, count, reason }: AlertShown, nowMs: number): string[] {
  const lasted = durationWords(Math.max(0, (end === undefined ? nowMs : Date.parse(end)) - Date.parse(start)));
  return [what, subject, timeWords(Date.parse(start)), end === undefined ? `${lasted}, is on` : lasted, String(count), reason];
}
