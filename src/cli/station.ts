/** `locum station list | show | sign-off | sign-on | echo | cut-over`: how stations stand at the running switch, and operators' orders for them. */
import type { StationAsked, StationShown, StationSigned } from '../program/operator-stations.ts';
import { aligned, UsageError } from './command.ts';
import type { Command, Given, Outside } from './command.ts';
import { backlogWords } from './issuer.ts';
import { askSwitch, durationWords, operandOf, operatorOptions, timeWords, whyOf, whyOption } from './operator-desk.ts';

const here = 'The order is this switch\'s own and ends with its process: other switches have to be told as well. Its log has who gave it and why.';

export const stationListCommand: Command = {
  name: 'station list',
  summary: 'Lists the stations and how each stands: down, connected, signed on, signed off, held',
  operands: '',
  about: ['As they stand at this switch; each has connections of its own. What the states mean is in docs/network-management.md.'],
  options: operatorOptions,
  examples: [
    { line: 'station list', about: 'All of them.', needs: 'running demo' },
    { line: 'station list --json', about: 'What a program reads.', needs: 'running demo' },
  ],
  async run(given, outside) {
    if (given.operands.length > 0) throw new UsageError('station list takes options alone');
    const { stations } = await askSwitch<{ readonly stations: readonly StationShown[] }>(given, outside, { method: 'GET', path: 'stations' });
    if (given.has('json')) {
      outside.print(JSON.stringify(stations));
      return 0;
    }
    const rows = stations.map(({ name, role, port, spec, state, connections, inFlight, echo, cutOver }) => [
      name, state, `${role}s${port === 0 ? '' : ` ${port}`}`, spec, String(connections.length), String(inFlight), echo.lastMs === undefined ? '-' : `${Math.round(echo.lastMs)} ms`, cutOver?.businessDate || '-',
    ]);
    for (const line of aligned([['station', 'state', 'link', 'format', 'connections', 'in flight', 'echo', 'business day'], ...rows])) outside.print(line);
    return 0;
  },
};

export const stationShowCommand: Command = {
  name: 'station show',
  summary: 'Shows how one station stands: its connections and their states, its echoes, its business day',
  operands: '<station>',
  about: ['What its row says is shown by tables show station.'],
  options: operatorOptions,
  examples: [{ line: 'station show demo-1987-ascii', about: 'A station of the demo.', needs: 'running demo' }],
  async run(given, outside) {
    const station = await askSwitch<StationShown>(given, outside, { method: 'GET', path: pathOf(stationShowCommand, given) });
    if (given.has('json')) outside.print(JSON.stringify(station));
    else for (const line of shownLines(station, outside.now())) outside.print(line);
    return 0;
  },
};

function shownLines({ name, role, port, spec, state, advices, inFlight, connections, echo, cutOver }: StationShown, nowMs: number): string[] {
  const facts: (readonly [string, string])[] = [
    ['state', state], ['link', `${role}s${port === 0 ? '' : ` on ${port}`}, ${inFlight} in flight`], ['format', spec],
    ...connections.map((connection): [string, string] => ['connection', `${connection.id} with ${connection.peer}, ${connection.state}, for ${durationWords(nowMs - Date.parse(connection.since))}`]),
    ['echoes', `${echo.answered} answered${echo.lastMs === undefined ? '' : `, the last in ${echo.lastMs.toFixed(1)} ms`}; ${echo.missed} missed`],
  ];
  if (advices !== undefined) facts.push(['messages to it', `${backlogWords(advices)}; ${advices.state}${advices.pausedBy.length === 0 ? '' : ` by ${advices.pausedBy.join(' and ')}`}, ${advices.perSecond} a second`]);
  if (cutOver !== undefined) facts.push(['business day', `${cutOver.businessDate === '' ? 'not named' : cutOver.businessDate}, since ${timeWords(Date.parse(cutOver.at))}, as ${cutOver.by === 'peer' ? 'the station' : 'this switch'} told`]);
  return [name, ...aligned(facts, '  ')];
}

export const stationSignOffCommand = signCommand('off', {
  summary: 'Signs a station off: it is sent nothing and served nothing until it is signed on',
  about: 'It is told so on each connection; connections that come later are held too, and a sign-on of the station\'s own is refused. Its issuer is stood in for.',
  done: 'is signed off', already: 'is signed off already',
});

export const stationSignOnCommand = signCommand('on', {
  summary: 'Signs a station on again that an operator has signed off',
  about: 'It is told so on each connection. Where the station itself has to sign on, it does so then.',
  done: 'is signed on', already: 'was not signed off by order; it is told to sign on',
});

function signCommand(way: 'on' | 'off', { summary, about, done, already }: { readonly summary: string; readonly about: string; readonly done: string; readonly already: string }): Command {
  const command: Command = {
    name: `station sign-${way}`, summary, operands: '<station>', about: [about, here], options: { ...whyOption, ...operatorOptions },
    examples: [{ line: `station sign-${way} demo-2003-binary${way === 'off' ? ' --why repair' : ''}`, about: 'A station of the demo.', needs: 'running demo' }],
    async run(given, outside) {
      const station = operandOf(command, given);
      const why = way === 'off' ? whyOf(given) : given.text('why');
      if (why === '') throw new UsageError('--why has no text');
      const answer = await askSwitch<StationSigned>(given, outside, { method: 'POST', path: pathOf(command, given, `/sign-${way}`), fields: { why } });
      outside.print(given.has('json') ? JSON.stringify(answer) : `${station} ${answer.changed ? done : already} (${answer.state}).`);
      return 0;
    },
  };
  return command;
}

export const stationEchoCommand: Command = {
  name: 'station echo',
  summary: 'Asks a station on each of its connections whether it is there, and says how long it took',
  operands: '<station>',
  about: ['The exit code is 1 where a connection had no answer within eight seconds, or there is none.'],
  options: operatorOptions,
  examples: [{ line: 'station echo demo-host', about: 'The station of the demo\'s remote issuer, while locum host is there.', needs: 'connected' }],
  run: async (given, outside) => await ask(stationEchoCommand, given, outside, '/echo', {}),
};

export const stationCutOverCommand: Command = {
  name: 'station cut-over',
  summary: 'Tells a station that a business day begins, and ends the one before there',
  operands: '<station>',
  about: ['It moves nothing here: business days are the programs\' own. The exit code is 1 where a connection did not accept it within eight seconds, or there is none.'],
  options: { date: { type: 'string', value: '<CCYYMMDD>', about: 'the business day that begins' }, ...whyOption, ...operatorOptions },
  examples: [{ line: 'station cut-over demo-host --date 20261123', about: 'The station of the demo\'s remote issuer, while locum host is there.', needs: 'connected' }],
  async run(given, outside) {
    const date = given.text('date');
    if (date === undefined || !/^[0-9]{8}$/.test(date)) throw new UsageError('--date takes the day that begins, as CCYYMMDD');
    return await ask(stationCutOverCommand, given, outside, '/cut-over', { date, why: given.text('why') });
  },
};

/** @returns the exit code */
async function ask(command: Command, given: Given, outside: Outside, below: string, fields: Readonly<Record<string, unknown>>): Promise<number> {
  const answer = await askSwitch<StationAsked>(given, outside, { method: 'POST', path: pathOf(command, given, below), fields });
  if (given.has('json')) outside.print(JSON.stringify(answer));
  else for (const { connection, outcome, elapsedMs } of answer.connections) outside.print(`Connection ${connection}: ${outcome === 'noAnswer' ? 'no answer' : `${outcome} in ${elapsedMs.toFixed(1)} ms`}.`);
  return answer.connections.every(({ outcome }) => outcome === 'accepted') ? 0 : 1;
}

function pathOf(command: Command, given: Given, below = ''): string {
  return `stations/${encodeURIComponent(operandOf(command, given))}${below}`;
}
