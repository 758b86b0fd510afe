/** Routes of users' balances (C4) and their statements, at all three doors. Invariant: money comes in and goes out through the partner or staff, never by its holder alone. */
import { Type } from 'typebox';
import type { BalanceViews } from '../lifecycle/balance-view.ts';
import type { BalanceName, BalanceRow } from '../lifecycle/balance-rows.ts';
import type { Balances } from '../lifecycle/balances.ts';
import type { Page, PageChoice } from '../lifecycle/page.ts';
import { callerOfKind } from './caller-kind.ts';
import { balancePath, balanceSchema, balanceWish, moveWish, statementItemSchema, userBalancePath } from './money-shapes.ts';
import { userIdPath } from './person-shapes.ts';
import { requestKeyOf } from './request-key.ts';
import { route } from './route.ts';
import type { Answer, Caller, Route } from './route.ts';
import { pageAnswer, pageChoiceOf, pageQuery, pageSchema } from './shapes.ts';

export interface BalanceServices {
  readonly balances: Balances;
  readonly views: BalanceViews;
}

const tag = 'Balances';
const query = Type.Object(pageQuery);
const listAnswers = { 200: pageSchema(balanceSchema) };
const statementAnswers = { 200: pageSchema(statementItemSchema) };
const statementAbout = 'The latest first, as far as the journal is in the book: a moment behind the balance itself.';

export function balanceRoutes(services: BalanceServices): Route[] {
  return [...ownRoutes(services), ...partnerRoutes(services), ...staffRoutes(services)];
}

async function answerOne({ views }: BalanceServices, status: 200 | 201, row: BalanceRow, path?: string): Promise<Answer> {
  return { status, body: await views.one(row), ...(path === undefined ? {} : { headers: { location: `${path}/${row.balanceId}` } }) };
}

async function answerList({ balances, views }: BalanceServices, whose: { readonly partner?: string; readonly userId: string }, choice: PageChoice): Promise<Answer> {
  const { items, ...more }: Page<BalanceRow> = await balances.list(whose, choice);
  return pageAnswer({ items: await views.shown(items), ...more }, (shown) => shown);
}

function ownRoutes(services: BalanceServices): Route[] {
  const { balances, views } = services;
  const door = 'mobile';
  const base = '/customers/me/balances';
  const userOf = (caller: Caller): string => callerOfKind(caller, 'user').userId;
  return [
    route({
      door, method: 'POST', path: base, operationId: 'createBalanceMobile', tag, summary: 'Opens a balance', about: 'The user is verified.', body: balanceWish, answers: { 201: balanceSchema },
      run: async (call) => await answerOne(services, 201, await balances.create({ partner: undefined, userId: userOf(call.caller) }, call.body, requestKeyOf(call)), base),
    }),
    route({
      door, method: 'GET', path: base, operationId: 'listBalancesMobile', tag, summary: 'The user\'s balances', query, answers: listAnswers,
      run: async ({ caller, query: choice }) => await answerList(services, { userId: userOf(caller) }, pageChoiceOf(choice)),
    }),
    route({
      door, method: 'GET', path: `${base}/{balanceId}`, operationId: 'getBalanceMobile', tag, summary: 'A balance with its cards', params: balancePath, answers: { 200: balanceSchema },
      run: async ({ caller, params: { balanceId } }) => await answerOne(services, 200, await balances.get({ balanceId, userId: userOf(caller) })),
    }),
    route({
      door, method: 'GET', path: `${base}/{balanceId}/transactions`, operationId: 'listTransactionsMobile', tag, summary: 'What happened on a balance', about: statementAbout, params: balancePath, query, answers: statementAnswers,
      run: async ({ caller, params: { balanceId }, query: choice }) => pageAnswer(await views.statement(await balances.get({ balanceId, userId: userOf(caller) }), pageChoiceOf(choice)), (item) => item),
    }),
  ];
}

function partnerRoutes(services: BalanceServices): Route[] {
  const { balances, views } = services;
  const door = 'server';
  const base = '/secure/customers/{customerId}/balances';
  const partnerOf = (caller: Caller): string => callerOfKind(caller, 'partner').partner;
  const named = (caller: Caller, { customerId, balanceId }: { readonly customerId: string; readonly balanceId: string }): BalanceName => ({ balanceId, userId: customerId, partner: partnerOf(caller) });
  return [
    route({
      door, method: 'POST', path: base, operationId: 'createBalance', tag, summary: 'Opens a balance for a user', about: 'The user is verified.', params: userIdPath, body: balanceWish, answers: { 201: balanceSchema },
      run: async (call) => {
        const { customerId } = call.params;
        const row = await balances.create({ partner: partnerOf(call.caller), userId: customerId }, call.body, requestKeyOf(call));
        return await answerOne(services, 201, row, `/secure/customers/${customerId}/balances`);
      },
    }),
    route({
      door, method: 'GET', path: base, operationId: 'listBalances', tag, summary: 'A user\'s balances', params: userIdPath, query, answers: listAnswers,
      run: async ({ caller, params: { customerId }, query: choice }) => await answerList(services, { partner: partnerOf(caller), userId: customerId }, pageChoiceOf(choice)),
    }),
    route({
      door, method: 'GET', path: `${base}/{balanceId}`, operationId: 'getBalance', tag, summary: 'A balance with its cards', params: userBalancePath, answers: { 200: balanceSchema },
      run: async ({ caller, params }) => await answerOne(services, 200, await balances.get(named(caller, params))),
    }),
    route({
      door, method: 'GET', path: `${base}/{balanceId}/transactions`, operationId: 'listTransactions', tag, summary: 'What happened on a balance', about: statementAbout, params: userBalancePath, query, answers: statementAnswers,
      run: async ({ caller, params, query: choice }) => pageAnswer(await views.statement(await balances.get(named(caller, params)), pageChoiceOf(choice)), (item) => item),
    }),
    route({
      door, method: 'POST', path: `${base}/{balanceId}/reload`, operationId: 'reloadBalance', tag, summary: 'Puts money on a balance', params: userBalancePath, body: moveWish, answers: { 200: balanceSchema },
      run: async (call) => await answerOne(services, 200, await balances.reload(named(call.caller, call.params), call.body.amount, requestKeyOf(call))),
    }),
    route({
      door, method: 'POST', path: `${base}/{balanceId}/withdraw`, operationId: 'withdrawBalance', tag, summary: 'Takes money off a balance', about: 'No more than is available.', params: userBalancePath, body: moveWish, answers: { 200: balanceSchema },
      run: async (call) => await answerOne(services, 200, await balances.withdraw(named(call.caller, call.params), call.body.amount, requestKeyOf(call))),
    }),
    route({
      door, method: 'POST', path: `${base}/{balanceId}/close`, operationId: 'closeBalance', tag, summary: 'Closes a balance for good', about: 'Nothing is on it and nothing is held.', params: userBalancePath, answers: { 200: balanceSchema },
      run: async ({ caller, params }) => await answerOne(services, 200, await balances.close(named(caller, params))),
    }),
  ];
}

function staffRoutes(services: BalanceServices): Route[] {
  const { balances, views } = services;
  const door = 'admin';
  const base = '/admin/customers/{customerId}/balances';
  const roles = ['admin', 'manager'] as const;
  const named = ({ customerId, balanceId }: { readonly customerId: string; readonly balanceId: string }): BalanceName => ({ balanceId, userId: customerId });
  return [
    route({
      door, method: 'GET', path: base, operationId: 'listBalancesAdmin', tag, summary: 'A user\'s balances', params: userIdPath, query, answers: listAnswers,
      run: async ({ params: { customerId }, query: choice }) => await answerList(services, { userId: customerId }, pageChoiceOf(choice)),
    }),
    route({
      door, method: 'GET', path: `${base}/{balanceId}`, operationId: 'getBalanceAdmin', tag, summary: 'A balance with its cards', params: userBalancePath, answers: { 200: balanceSchema },
      run: async ({ params }) => await answerOne(services, 200, await balances.get(named(params))),
    }),
    route({
      door, method: 'GET', path: `${base}/{balanceId}/transactions`, operationId: 'listTransactionsAdmin', tag, summary: 'What happened on a balance', about: statementAbout, params: userBalancePath, query, answers: statementAnswers,
      run: async ({ params, query: choice }) => pageAnswer(await views.statement(await balances.get(named(params)), pageChoiceOf(choice)), (item) => item),
    }),
    route({
      door, method: 'POST', path: `${base}/{balanceId}/reload`, operationId: 'reloadBalanceAdmin', tag, roles, summary: 'Puts money on a balance', params: userBalancePath, body: moveWish, answers: { 200: balanceSchema },
      run: async (call) => await answerOne(services, 200, await balances.reload(named(call.params), call.body.amount, requestKeyOf(call))),
    }),
    route({
      door, method: 'POST', path: `${base}/{balanceId}/withdraw`, operationId: 'withdrawBalanceAdmin', tag, roles, summary: 'Takes money off a balance', params: userBalancePath, body: moveWish, answers: { 200: balanceSchema },
      run: async (call) => await answerOne(services, 200, await balances.withdraw(named(call.params), call.body.amount, requestKeyOf(call))),
    }),
    route({
      door, method: 'POST', path: `${base}/{balanceId}/close`, operationId: 'closeBalanceAdmin', tag, roles, summary: 'Closes a balance for good', params: userBalancePath, answers: { 200: balanceSchema },
      run: async ({ params }) => await answerOne(services, 200, await balances.close(named(params))),
    }),
  ];
}
