/** `locum lock | unlock | locks`: operators' locks of own cards, and the negative list of the running switch. */
import type { ListedShown, LockOrdered } from '../program/operator-locks.ts';
import { aligned, exitFailed, UsageError } from './command.ts';
import type { Command, Given, Outside } from './command.ts';
import { askSwitch, operandOf, operatorOptions, timeWords, whyOf, whyOption } from './operator-desk.ts';

const codes: Readonly<Record<string, string>> = {
  1: 'lost', 2: 'stolen', 3: 'pending query', 4: 'consolidation', 5: 'inactive', 6: 'PIN tries', 7: 'suspected fraud', 8: 'replaced',
};

const whichCard = 'The card is named by its number or by its token (card_token of card in the book). It is locked in its account, and on the negative list of this switch and of each that operator.peers names, before the command ends; which of them were not reached is told, and then it ends with 1.';
const withoutStore = 'While the accounts\' store is away the order is taken all the same: stand-in declines by the lists, and the account has it when the store is back.';

export const lockCommand: Command = {
  name: 'lock',
  summary: 'Locks an own card, in its account and at every switch',
  operands: '<number or token>',
  about: [whichCard, withoutStore, `Codes: ${Object.entries(codes).map(([code, words]) => `${code} ${words}`).join(', ')}. 1, 2, 5 and 8 are never lifted.`],
  options: { code: { type: 'string', value: '<1 to 8>', about: 'the lock code' }, ...whyOption, ...operatorOptions },
  examples: [{ line: 'lock 4761730000001019 --code 3 --why query', about: 'A card of the demo, until its holder has called.', needs: 'running demo' }],
  async run(given, outside) {
    const code = given.text('code') ?? '';
    if (!Object.hasOwn(codes, code)) throw new UsageError(`--code must be 1 to 8${code === '' ? '' : `, not ${code}`}`);
    return await order(lockCommand, given, outside, { path: 'cards/lock', fields: { code: Number(code), why: whyOf(given) }, done: `locked with code ${code} (${codes[code]})` });
  },
};

export const unlockCommand: Command = {
  name: 'unlock',
  summary: 'Unlocks an own card',
  operands: '<number or token>',
  about: [whichCard, `${withoutStore} A lock that stand-in last saw in the account itself stands until then.`],
  options: { ...whyOption, ...operatorOptions },
  examples: [{ line: 'unlock 4761730000001019 --why cleared', about: 'The same card.', needs: 'running demo' }],
  async run(given, outside) {
    return await order(unlockCommand, given, outside, { path: 'cards/unlock', fields: { why: given.text('why') }, done: 'unlocked' });
  },
};

export const locksCommand: Command = {
  name: 'locks',
  summary: 'Lists the orders on this switch\'s negative list: which card, which lock, who and why, and whether its account has it',
  operands: '',
  about: ['An order stays on the list for eight days after its account has it: longer than anything that was seen of the account before can count in stand-in.'],
  options: operatorOptions,
  examples: [{ line: 'locks', about: 'All of them.', needs: 'running demo' }],
  async run(given, outside) {
    const { cards } = await askSwitch<{ readonly cards: readonly ListedShown[] }>(given, outside, { method: 'GET', path: 'negative-list' });
    if (given.has('json')) {
      outside.print(JSON.stringify(cards));
      return 0;
    }
    const rows = cards.map(({ card, lockCode, orderedAt, by, why, accountHasSince }) => [
      card, lockCode === 0 ? 'unlocked' : `${lockCode} ${codes[lockCode]}`, timeWords(Date.parse(orderedAt)), by, accountHasSince === undefined ? 'waits' : 'has it', why,
    ]);
    for (const line of aligned([['card', 'lock', 'ordered', 'by', 'account', 'why'], ...rows])) outside.print(line);
    return 0;
  },
};

interface Order {
  readonly path: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly done: string;
}

async function order(command: Command, given: Given, outside: Outside, { path, fields, done }: Order): Promise<number> {
  const card = operandOf(command, given);
  const named = /^[0-9]+$/.test(card) ? { pan: card } : { token: card };
  const answer = await askSwitch<LockOrdered>(given, outside, { method: 'POST', path, fields: { ...named, ...fields } });
  if (given.has('json')) outside.print(JSON.stringify(answer));
  else {
    outside.print(`Card ${answer.card} is ${done}${answer.account === 'has' ? ', and its account has it' : '; its account has it when its store is back'}. On the negative list of ${answer.reached.join(', ')}.`);
    for (const { switch: name, why } of answer.notReached) outside.complain(`locum ${command.name}: ${name} was not reached (${why}); until it is, it may approve the card while the store is away. The same command again is safe.`);
  }
  return answer.notReached.length === 0 ? 0 : exitFailed;
}
