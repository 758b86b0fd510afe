/** What docs/cards.md and docs/personalisation.md say is what the code does. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { holderLocks, irreversibleLocks } from '../../src/account/card-lifecycle.ts';
import { cardRoutes } from '../../src/doors/card-routes.ts';
import type { CardServices } from '../../src/doors/card-routes.ts';
import { actionsUnderLockForGood, stateTableMarkdown } from '../../src/lifecycle/card-states.ts';
import { confirmationBytesMax, readConfirmation, recordsMax } from '../../src/lifecycle/personalisation-format.ts';
import { reasonOfLock, reasons } from '../../src/message/reason.ts';

const root = new URL('../../docs/', import.meta.url);
const cards = readFileSync(new URL('cards.md', root), 'utf8');
const personalisation = readFileSync(new URL('personalisation.md', root), 'utf8');

test('the table of states is the one in the code', () => {
  expect(cards).toContain(`\n${stateTableMarkdown()}\n`);
  expect(cards).toContain(`still allows: ${actionsUnderLockForGood.join(', ')}.`);
});

test('the table of actions has every route of cards, at its door, and no other', () => {
  const rows = cards.split('\n').filter((line) => /\| (yes|no) \|$/.test(line) && line.includes('`')).map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));
  const listed = rows.flatMap(([, ...cells]) => (['mobile', 'server', 'admin'] as const).flatMap((door, index) => {
    const found = /^`(\S+) (\S+)`( \([a-z, ]+\))?( ¹)?$/.exec(cells[index] ?? '');
    return found === null ? [] : [{ door, route: `${found[1]} ${found[2]}`, roles: found[3]?.trim(), isConfirmed: found[4] !== undefined, isSealed: cells[3] === 'yes' }];
  }));
  const built = cardRoutes({} as CardServices).map(({ door, method, path, roles, needsConfirmation = false, isSealed = false }) => ({
    door, route: `${method} ${path}`, roles: roles === undefined || roles.length === 3 ? undefined : `(${roles.join(', ')})`, isConfirmed: needsConfirmation,
    // Staff are shown no full number, so that what they read is not sealed.
    isSealed: isSealed || (door === 'admin' && method === 'GET' && path === '/admin/cards/{cardId}'),
  }));
  const ordered = (routes: typeof built): typeof built => [...routes].sort((a, b) => `${a.door} ${a.route}`.localeCompare(`${b.door} ${b.route}`));
  expect(ordered(listed)).toEqual(ordered(built));
});

test('the table of locks is the code’s', () => {
  const rows = [...cards.matchAll(/^\| ([1-8]) \| [a-zA-Z ]+ \| (yes|no) \| (yes|no) \| ([0-9]{4}) \|$/gm)].map(([, code, holder, good, action]) => ({ code: Number(code), holder, good, action }));
  const yesNo = (is: boolean): string => (is ? 'yes' : 'no');
  expect(rows).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((code) => ({
    code, holder: yesNo(holderLocks.includes(code)), good: yesNo(irreversibleLocks.includes(code)), action: reasons[reasonOfLock(code)].action,
  })));
});

test('the example of a confirmation is one', () => {
  const [, example = ''] = /```jsonl\n([\s\S]*?)```/.exec(personalisation) ?? [];
  expect(readConfirmation(example)).toEqual({
    bureau: 'demo-bureau', lines: [{ kind: 'produced', orderId: 'o_q83vASNFZ4mrze8BI0VniQ' }, { kind: 'rejected', orderId: 'o_EjRWeJASNFZ4kBI0VniQEg', why: 'the address has no town of that name' }],
  });
});

test('the figures are the code’s, and every page that is named is there', () => {
  expect(personalisation).toContain(`at most ${recordsMax} in one`);
  expect(personalisation).toContain(`${confirmationBytesMax} bytes`);
  for (const [, link = ''] of `${cards}${personalisation}`.matchAll(/\]\(([a-z.-]+)\)/g)) expect(existsSync(new URL(link, root)), link).toBe(true);
});
