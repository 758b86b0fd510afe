/** `locum advices list | show | replay | drop | pause | resume | speed`: what the running switch still has to tell issuers. */
import { formatAmount } from '../message/money.ts';
import type { AdviceLine, AdviceShown } from '../program/operator-advices.ts';
import { aligned, UsageError } from './command.ts';
import type { Command } from './command.ts';
import { orderCommand } from './issuer.ts';
import { askSwitch, operandOf, operatorOptions, timeWords, whyOf, whyOption } from './operator-desk.ts';

export const advicesListCommand: Command = {
  name: 'advices list',
  summary: 'Lists the advices, and messages to acquirers, that wait at this switch or are set aside',
  operands: '',
  about: [
    'In the order in which they go out. waiting: never sent. sent: it may have been, and was not acknowledged; it goes out as a repeat. setAside: refused too often, or never answered while others were; it waits for an operator, and holds up nobody.',
    'Each switch keeps the advices of its own decisions on its own disk.',
  ],
  options: {
    issuer: { type: 'string', value: '<name>', about: 'of this issuer alone; of an acquirer\'s station, station: and its name' },
    state: { type: 'string', value: '<state>', about: 'waiting, sent or setAside' },
    limit: { type: 'string', value: '<number>', about: 'advices at most; 50 by default' },
    ...operatorOptions,
  },
  examples: [
    { line: 'advices list', about: 'All of them.', needs: 'running demo' },
    { line: 'advices list --issuer demo-host --state setAside --json', about: 'What a program reads.', needs: 'running demo' },
  ],
  async run(given, outside) {
    if (given.operands.length > 0) throw new UsageError('advices list takes options alone');
    const fields = { issuer: given.text('issuer'), state: given.text('state'), limit: given.text('limit') };
    const { advices } = await askSwitch<{ readonly advices: readonly AdviceLine[] }>(given, outside, { method: 'GET', path: 'advices', fields });
    if (given.has('json')) outside.print(JSON.stringify(advices));
    else if (advices.length === 0) outside.print('No advice waits.');
    else {
      const rows = advices.map(({ id, destination, kind, state, createdAt, attempts, why }) => [id, destination, kind, state, timeWords(Date.parse(createdAt)), String(attempts), why]);
      for (const line of aligned([['id', 'for', 'kind', 'state', 'since', 'attempts', 'why'], ...rows])) outside.print(line);
    }
    return 0;
  },
};

export const advicesShowCommand: Command = {
  name: 'advices show',
  summary: 'Shows one advice: what it tells, what became of it',
  operands: '<id>',
  about: ['Also one that was taken or given up within the last two weeks. The card number is masked.'],
  options: operatorOptions,
  examples: [{ line: 'advices show cd6rdmxlc03n9k1', about: 'By its id, as the list has it.', needs: 'set aside' }],
  async run(given, outside) {
    const advice = await askSwitch<AdviceShown>(given, outside, { method: 'GET', path: `advices/${encodeURIComponent(operandOf(advicesShowCommand, given))}` });
    if (given.has('json')) outside.print(JSON.stringify(advice));
    else for (const line of shownLines(advice)) outside.print(line);
    return 0;
  },
};

function shownLines(advice: AdviceShown): string[] {
  const { id, destination, kind, state, createdAt, attempts, refusals, why, lastAttemptAt, messageId, maskedPan, from, stan, rrn, acquirer, amount, reason, approvalCode, standInReason, end } = advice;
  const facts: (readonly [string, string])[] = [
    ['state', state], ['kind', kind], ['from', from], ['card', maskedPan], ['amount', amount === undefined ? '' : formatAmount(amount.amountMinor, amount.currency)],
    ['decided', [reason, approvalCode === '' ? '' : `approval code ${approvalCode}`, standInReason === '' ? '' : `because: ${standInReason}`].filter((part) => part !== '').join(', ')],
    ['asked', acquirer === undefined ? '' : `at ${acquirer.station}, STAN ${acquirer.stan}, terminal ${acquirer.terminal}`],
    ['told as', stan === '' ? '' : `STAN ${stan}${rrn === '' ? '' : `, RRN ${rrn}`}`], ['message', messageId], ['since', timeWords(Date.parse(createdAt))],
    ['attempts', `${attempts}${lastAttemptAt === undefined ? '' : `, the last ${timeWords(Date.parse(lastAttemptAt))}`}${refusals === 0 ? '' : `; refused ${refusals} times`}`],
    ['why', why], ['end', end === undefined ? '' : `${timeWords(Date.parse(end.at))}${end.by === '' ? '' : ` by ${end.by}: ${end.why}`}`],
  ];
  return [`advice ${id} for ${destination}`, ...aligned(facts.filter(([, text]) => text !== ''), '  ')];
}

export const advicesReplayCommand: Command = {
  name: 'advices replay',
  summary: 'Has an advice that is set aside sent again, or all of an issuer\'s',
  operands: '[<id>]',
  about: ['As a repeat, in its old place among its card\'s; its refusals are counted anew.'],
  options: { 'all-set-aside': { type: 'string', value: '<issuer>', about: 'all that are set aside of this issuer' }, ...operatorOptions },
  examples: [{ line: 'advices replay --all-set-aside demo-host', about: 'When the issuer has mended what it refused them for.', needs: 'running demo' }],
  async run(given, outside) {
    const issuer = given.text('all-set-aside');
    if ((issuer === undefined) === (given.operands.length === 0)) throw new UsageError('advices replay takes an advice\'s id, or --all-set-aside, one of the two');
    const path = issuer === undefined ? `advices/${encodeURIComponent(operandOf(advicesReplayCommand, given))}/replay` : `issuers/${encodeURIComponent(issuer)}/advices/replay`;
    const answer = await askSwitch<{ readonly replayed: number }>(given, outside, { method: 'POST', path });
    outside.print(given.has('json') ? JSON.stringify(answer) : `${answer.replayed} ${answer.replayed === 1 ? 'advice is' : 'advices are'} sent again.`);
    return 0;
  },
};

export const advicesDropCommand: Command = {
  name: 'advices drop',
  summary: 'Gives up an advice that is set aside: its issuer is never told',
  operands: '<id>',
  about: ['It stays in the file for tracing, with who gave it up and why, which is in the transaction\'s story as well (locum trace). What still waits for its delivery cannot be given up.'],
  options: { ...whyOption, ...operatorOptions },
  examples: [{ line: 'advices drop cd6rdmxlc03n9k1 --why told-by-telephone', about: 'By its id, as the list has it.', needs: 'set aside' }],
  async run(given, outside) {
    const id = operandOf(advicesDropCommand, given);
    const answer = await askSwitch<unknown>(given, outside, { method: 'POST', path: `advices/${encodeURIComponent(id)}/drop`, fields: { why: whyOf(given) } });
    outside.print(given.has('json') ? JSON.stringify(answer) : `Advice ${id} is given up, and stays on record.`);
    return 0;
  },
};

export const advicesPauseCommand = orderCommand({
  name: 'advices pause', path: (issuer) => `issuers/${issuer}/advices/pause`, isGiven: true,
  summary: 'Holds an issuer\'s advices back; they wait',
  about: 'Requests go on. A pause that the issuer itself asked for (0800) is another one: it ends with its connection, and neither ends the other. Of an acquirer\'s station, station: and its name in the issuer\'s place holds back what issuers have sent it.',
  done: 'is told nothing: its advices wait', already: 'is told nothing already', example: 'demo-host --why issuer-asked',
});

export const advicesResumeCommand = orderCommand({
  name: 'advices resume', path: (issuer) => `issuers/${issuer}/advices/resume`, isGiven: false,
  summary: 'Ends that: the issuer is told what waits',
  about: 'In order, no faster than advices speed says.',
  done: 'is told again', already: 'was not held back by order', example: 'demo-host',
});

export const advicesSpeedCommand: Command = {
  name: 'advices speed',
  summary: 'Sets how many advices a second an issuer gets',
  operands: '<issuer>',
  about: ['It is advices.perSecond of the issuer\'s row: it holds for each switch on the tables, across restarts, and tables history has it. Of an acquirer\'s station, station: and its name stand in the issuer\'s place.'],
  options: { 'per-second': { type: 'string', value: '<number>', about: 'advices a second, from each switch' }, ...whyOption, ...operatorOptions },
  examples: [{ line: 'advices speed demo-host --per-second 50', about: 'The default.', needs: 'running demo' }],
  async run(given, outside) {
    const issuer = operandOf(advicesSpeedCommand, given);
    const perSecond = given.text('per-second');
    if (perSecond === undefined || !/^[0-9]{1,9}$/.test(perSecond)) throw new UsageError('--per-second takes a whole number above 0');
    const answer = await askSwitch<{ readonly changed: boolean }>(given, outside, { method: 'POST', path: `issuers/${encodeURIComponent(issuer)}/advices/speed`, fields: { perSecond: Number(perSecond), why: given.text('why') } });
    outside.print(given.has('json') ? JSON.stringify(answer) : `${issuer} gets ${perSecond} advices a second${answer.changed ? '' : ' already'}.`);
    return 0;
  },
};
