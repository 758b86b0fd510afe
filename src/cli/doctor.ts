/** `locum doctor`: what is wrong, and what to do about it. */
import { ConfigError } from '../base/schema.ts';
import type { Config } from '../program/config.ts';
import { aligned, exitFailed } from './command.ts';
import type { Command, Outside } from './command.ts';
import { configOf, configOption } from './configured.ts';
import { checkBook, checkTables } from './doctor-book.ts';
import { checkKeys } from './doctor-keys.ts';
import { checkPorts, runningSwitch } from './doctor-ports.ts';
import { checkDataDir, checkMemory, checkNode, checkSpecs } from './doctor-machine.ts';
import { checkStore } from './doctor-store.ts';
import { counted, sentence } from './finding.ts';
import type { Finding } from './finding.ts';

export const doctorCommand: Command = {
  name: 'doctor',
  summary: 'Looks at everything that a switch needs, and says what is wrong and what to do',
  operands: '',
  about: [
    'It can be run before the first start, beside a running switch, or after one that did not start. It changes nothing.',
    'Exit code 1 where something is wrong.',
  ],
  options: { json: { type: 'boolean', about: 'one JSON document instead of lines for a person' }, ...configOption },
  examples: [
    { line: 'doctor', about: 'Node, configuration, data folder, ports, keys, store, book, formats, system tables.', needs: 'running demo' },
    { line: 'doctor --json', about: 'What a program reads.', needs: 'running demo' },
  ],
  async run(given, outside) {
    const findings: Finding[] = [checkNode(outside.nodeVersion)];
    let config: Config | undefined;
    try {
      config = configOf(given, outside);
      findings.push(...configFindings(config));
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      findings.push({ check: 'configuration', state: 'wrong', text: sentence(error), todo: 'docs/configuration.md lists every setting; nothing else was looked at.' });
    }
    if (config !== undefined) findings.push(...(await look(config, outside)));
    const wrong = findings.filter(({ state }) => state === 'wrong').length;
    if (given.has('json')) outside.print(JSON.stringify({ ok: wrong === 0, findings }));
    else for (const line of lines(findings, wrong)) outside.print(line);
    return wrong === 0 ? 0 : exitFailed;
  },
};

async function look(config: Config, outside: Outside): Promise<Finding[]> {
  const running = await runningSwitch(config);
  const store = await checkStore(config, running, outside);
  return [
    ...checkMemory(config, outside),
    checkDataDir(config),
    ...(await checkPorts(config, running, outside)),
    ...checkKeys(config, outside),
    ...store.findings,
    ...(await checkBook(config, running, store.journalEntries)),
    ...checkSpecs(config),
    checkTables(config, outside.now()),
  ];
}

function configFindings(config: Config): Finding[] {
  const { file, demo, stations, programs, ranges, warnings } = config;
  const from = file === undefined ? 'No configuration file, so the usual settings' : `Read from ${file}`;
  const text = `${from}${demo ? ', with the demo' : ''}: ${counted(stations.length, 'station')}, ${counted(programs.length, 'program')}, ${counted(ranges.length, 'range')}.`;
  const found: Finding[] = [{ check: 'configuration', state: 'ok', text }];
  if (stations.length === 0) found.push({ check: 'configuration', state: 'note', text: 'No station is configured.', todo: 'Unless the book has some, nobody can reach this switch: add stations.' });
  for (const warning of warnings) found.push({ check: 'configuration', state: 'wrong', text: warning, todo: 'Correct the variable\'s name, or remove it.' });
  return found;
}

function lines(findings: readonly Finding[], wrong: number): string[] {
  const rows = findings.flatMap(({ check, state, text, todo }) => [[state, check, text], ...(todo === undefined ? [] : [['', '', `→ ${todo}`]])]);
  return [...aligned(rows), '', wrong === 0 ? 'Nothing is wrong.' : `${counted(wrong, 'thing')} ${wrong === 1 ? 'is' : 'are'} wrong.`];
}
