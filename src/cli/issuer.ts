/** `locum issuer list | show | out | in | kill | unkill`: how issuers stand at the running switch, and operators' orders for them. */
import type { IssuerShown, OrderGiven } from '../program/operator-issuers.ts';
import type { Order } from '../tables/issuer-orders.ts';
import { aligned, UsageError } from './command.ts';
import type { Command } from './command.ts';
import { askSwitch, durationWords, operandOf, operatorOptions, timeWords, whyOf, whyOption } from './operator-desk.ts';

const everywhere = 'The order stands in the system tables: it holds here at once, for every other switch on them when it reads them again (five seconds by default), and until it is ended, across restarts. The history (tables history issuer) has who gave it, when and why.';

export const issuerListCommand: Command = {
  name: 'issuer list',
  summary: 'Lists the issuers and how each stands: asked, or stood in for and why, and what waits for it',
  operands: '',
  about: ['Phase and counts are those of this switch; each has links of its own.'],
  options: operatorOptions,
  examples: [
    { line: 'issuer list', about: 'All of them.', needs: 'running demo' },
    { line: 'issuer list --json', about: 'What a program reads.', needs: 'running demo' },
  ],
  async run(given, outside) {
    const { issuers } = await askSwitch<{ readonly issuers: readonly IssuerShown[] }>(given, outside, { method: 'GET', path: 'issuers' });
    if (given.has('json')) {
      outside.print(JSON.stringify(issuers));
      return 0;
    }
    const rows = issuers.map(({ name, type, hasStandIn, phase, why, since, pending, stations, advices, orders }) => [
      name, type, `${phaseWords({ type, phase, hasStandIn })}${why === undefined ? '' : ` (${why})`}`, since === undefined ? '-' : durationWords(outside.now() - Date.parse(since)), String(pending),
      type === 'own' ? '-' : `${stations.filter(({ usable }) => usable).length} of ${stations.length}`, backlogWords(advices), Object.keys(orders).join(', ') || '-',
    ]);
    for (const line of aligned([['issuer', 'type', 'phase', 'since', 'pending', 'stations', 'advices', 'orders'], ...rows])) outside.print(line);
    return 0;
  },
};

export const issuerShowCommand: Command = {
  name: 'issuer show',
  summary: 'Shows how one issuer stands: phase and why, since when, stations, what waits, orders in force',
  operands: '<issuer>',
  about: ['What its row says is shown by tables show issuer.'],
  options: operatorOptions,
  examples: [{ line: 'issuer show demo-host', about: 'The remote issuer of the demo.', needs: 'running demo' }],
  async run(given, outside) {
    const issuer = await askSwitch<IssuerShown>(given, outside, { method: 'GET', path: `issuers/${encodeURIComponent(operandOf(issuerShowCommand, given))}` });
    if (given.has('json')) outside.print(JSON.stringify(issuer));
    else for (const line of shownLines(issuer)) outside.print(line);
    return 0;
  },
};

function shownLines({ name, type, hasStandIn, phase, why, since, pending, stations, advices, rulesVersion, orders }: IssuerShown): string[] {
  const facts: [string, string][] = [['phase', `${phaseWords({ type, phase, hasStandIn })}${why === undefined ? '' : `, because: ${why}`}${since === undefined ? '' : `, since ${timeWords(Date.parse(since))}`}`]];
  if (type === 'host') {
    facts.push(
      ['pending', `${pending} requests`],
      ...stations.map((station): [string, string] => ['station', `${station.name}, ${station.usable ? 'usable' : 'not usable'}, ${station.pending} pending`]),
      ['advices', `${backlogWords(advices)}; ${advices.state}${advices.pausedBy.length === 0 ? '' : ` by ${advices.pausedBy.join(' and ')}`}, ${advices.perSecond} a second, ${advices.inFlight} on their way`],
      ['rules', `version ${rulesVersion ?? 0}`],
    );
  }
  for (const [order, given] of Object.entries(orders) as [string, Order][]) facts.push(['order', `${order}, by ${given.by} since ${timeWords(Date.parse(given.since))}: ${given.why}`]);
  return [`${name} (${type})`, ...aligned(facts, '  ')];
}

/** For a person: a circuit that is closed is nothing that says "asked" to everybody. */
function phaseWords({ type, phase, hasStandIn }: Pick<IssuerShown, 'type' | 'phase' | 'hasStandIn'>): string {
  if (type === 'own') return phase === 'closed' ? 'decides here' : hasStandIn ? 'stood in for' : 'away';
  return { closed: 'asked', open: 'not asked', halfOpen: 'being tried' }[phase];
}

/** What waits, for a person. */
export function backlogWords({ waiting, oldestAgeMs, setAside }: IssuerShown['advices']): string {
  const words = waiting === 0 ? 'none' : `${waiting} waiting${oldestAgeMs === undefined ? '' : `, ${durationWords(oldestAgeMs)} old`}`;
  return setAside === 0 ? words : `${words}, ${setAside} set aside`;
}

interface OrderCommand {
  readonly name: string;
  readonly path: (issuer: string) => string;
  readonly isGiven: boolean;
  readonly summary: string;
  readonly about: string;
  readonly done: string;
  readonly already: string;
  readonly example: string;
}

/** A command that gives, or ends, an order; the reason of one that is given has to be told. */
export function orderCommand({ name, path, isGiven, summary, about, done, already, example }: OrderCommand): Command {
  const command: Command = {
    name, summary, operands: '<issuer>', about: [about, everywhere], options: { ...whyOption, ...operatorOptions },
    examples: [{ line: `${name} ${example}`, about: 'Of the demo\'s remote issuer.', needs: 'running demo' }],
    async run(given, outside) {
      const issuer = operandOf(command, given);
      const why = isGiven ? whyOf(given) : given.text('why');
      if (why === '') throw new UsageError('--why has no text');
      const answer = await askSwitch<OrderGiven>(given, outside, { method: 'POST', path: path(encodeURIComponent(issuer)), fields: { why } });
      outside.print(given.has('json') ? JSON.stringify(answer) : `${issuer} ${answer.changed ? done : already}.`);
      return 0;
    },
  };
  return command;
}

export const issuerOutCommand = orderCommand({
  name: 'issuer out', path: (issuer) => `issuers/${issuer}/out`, isGiven: true,
  summary: 'Takes an issuer out by order: it is sent nothing, and stand-in decides',
  about: 'Each decision has the stand-in reason operator. Its stations stay connected; advices wait.',
  done: 'is out: stand-in decides for it', already: 'is out already', example: 'demo-host --why maintenance',
});

export const issuerInCommand = orderCommand({
  name: 'issuer in', path: (issuer) => `issuers/${issuer}/in`, isGiven: false,
  summary: 'Ends that order: the issuer is asked again as soon as it can be',
  about: 'Its advices go out, too.',
  done: 'is in: it is asked where it can be', already: 'is not out by order', example: 'demo-host',
});

export const issuerKillCommand = orderCommand({
  name: 'issuer kill', path: (issuer) => `issuers/${issuer}/kill`, isGiven: true,
  summary: 'Throws the kill switch: stand-in approves nothing for the issuer',
  about: 'What stand-in would approve it declines with 1861. While the issuer can be asked, it goes on deciding. It can be thrown for the own issuer, too.',
  done: 'has its kill switch thrown: stand-in approves nothing for it', already: 'has its kill switch thrown already', example: 'demo-host --why fraud',
});

export const issuerUnkillCommand = orderCommand({
  name: 'issuer unkill', path: (issuer) => `issuers/${issuer}/unkill`, isGiven: false,
  summary: 'Ends the kill switch: stand-in approves by its rules again',
  about: 'What was declined stays declined.',
  done: 'has no kill switch thrown any more: stand-in decides by its rules', already: 'has no kill switch thrown', example: 'demo-host',
});
