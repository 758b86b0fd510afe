/** Routes of partners' balances (C5) and of the balance summary (C6): staff make and load them, a partner sees its own. */
import { Type } from 'typebox';
import type { BalanceSummary } from '../lifecycle/balance-summary.ts';
import type { PartnerBalances } from '../lifecycle/partner-balances.ts';
import { callerOfKind } from './caller-kind.ts';
import { levelWish, moveWish, ownPartnerBalancePath, partnerBalancePath, partnerBalanceSchema, partnerBalancesSchema, partnerBalanceWish, partnerName, partnerPath, summarySchema } from './money-shapes.ts';
import { requestKeyOf } from './request-key.ts';
import { route } from './route.ts';
import type { Route } from './route.ts';

export interface PartnerMoneyServices {
  readonly partnerBalances: PartnerBalances;
  readonly summary: (partner: string | undefined) => Promise<BalanceSummary>;
}

const tag = 'Partners\' balances';
const base = '/admin/partners/{partner}/balances';
const spending = 'What users spend under programs with creditGuard has to fit into a credit or deposit balance as well as into their own.';
const answers = { 200: partnerBalanceSchema };

export function partnerMoneyRoutes({ partnerBalances, summary }: PartnerMoneyServices): Route[] {
  return [
    route({
      door: 'admin', method: 'POST', path: base, operationId: 'createPartnerBalanceAdmin', tag, roles: ['admin', 'manager'], summary: 'Makes a balance of a partner', about: spending, params: partnerPath, body: partnerBalanceWish, answers: { 201: partnerBalanceSchema },
      run: async (call) => {
        const { partner } = call.params;
        return { status: 201, body: await partnerBalances.create(partner, call.body, requestKeyOf(call)), headers: { location: `/admin/partners/${partner}/balances` } };
      },
    }),
    route({
      door: 'admin', method: 'GET', path: base, operationId: 'listPartnerBalancesAdmin', tag, summary: 'A partner\'s balances', params: partnerPath, answers: { 200: partnerBalancesSchema },
      run: async ({ params: { partner } }) => ({ status: 200, body: { items: await partnerBalances.list(partner) } }),
    }),
    route({
      door: 'admin', method: 'GET', path: `${base}/{kind}`, operationId: 'getPartnerBalanceAdmin', tag, summary: 'One balance of a partner', params: partnerBalancePath, answers,
      run: async ({ params: { partner, kind } }) => ({ status: 200, body: await partnerBalances.get(partner, kind) }),
    }),
    route({
      door: 'admin', method: 'POST', path: `${base}/{kind}/reload`, operationId: 'reloadPartnerBalanceAdmin', tag, roles: ['admin', 'manager'], summary: 'Adds to a balance of a partner', params: partnerBalancePath, body: moveWish, answers,
      run: async (call) => ({ status: 200, body: await partnerBalances.reload(call.params.partner, call.params.kind, call.body.amount, 1, requestKeyOf(call)) }),
    }),
    route({
      door: 'admin', method: 'POST', path: `${base}/{kind}/withdraw`, operationId: 'withdrawPartnerBalanceAdmin', tag, roles: ['admin', 'manager'], summary: 'Takes from a balance of a partner', about: 'No more than is left.', params: partnerBalancePath, body: moveWish, answers,
      run: async (call) => ({ status: 200, body: await partnerBalances.reload(call.params.partner, call.params.kind, call.body.amount, -1, `out:${requestKeyOf(call)}`) }),
    }),
    route({
      door: 'admin', method: 'PUT', path: `${base}/{kind}/level`, operationId: 'setPartnerBalanceLevelAdmin', tag, roles: ['admin', 'manager'], summary: 'Below which level a partner is told, and where', params: partnerBalancePath, body: levelWish, answers,
      run: async ({ params: { partner, kind }, body }) => ({ status: 200, body: await partnerBalances.setLevel(partner, kind, body) }),
    }),
    route({
      door: 'server', method: 'GET', path: '/secure/partner_balances', operationId: 'listPartnerBalances', tag, summary: 'The partner\'s own balances', about: spending, answers: { 200: partnerBalancesSchema },
      run: async ({ caller }) => ({ status: 200, body: { items: await partnerBalances.list(callerOfKind(caller, 'partner').partner) } }),
    }),
    route({
      door: 'server', method: 'GET', path: '/secure/partner_balances/{kind}', operationId: 'getPartnerBalance', tag, summary: 'One of the partner\'s own balances', params: ownPartnerBalancePath, answers,
      run: async ({ caller, params: { kind } }) => ({ status: 200, body: await partnerBalances.get(callerOfKind(caller, 'partner').partner, kind) }),
    }),
    route({
      door: 'admin', method: 'GET', path: '/admin/balance_summary', operationId: 'getBalanceSummaryAdmin', tag, summary: 'By currency, what users and partners have', query: Type.Object({ partner: Type.Optional(partnerName) }), answers: { 200: summarySchema },
      run: async ({ query: { partner } }) => ({ status: 200, body: await summary(partner) }),
    }),
    route({
      door: 'server', method: 'GET', path: '/secure/balance_summary', operationId: 'getBalanceSummary', tag, summary: 'By currency, what the partner\'s users and the partner have', answers: { 200: summarySchema },
      run: async ({ caller }) => ({ status: 200, body: await summary(callerOfKind(caller, 'partner').partner) }),
    }),
  ];
}
