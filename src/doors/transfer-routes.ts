/** Routes of transfers between users (C9): begun by the sender or the sender's partner, seen by both sides, and by staff. */
import { Type } from 'typebox';
import { transferShown } from '../lifecycle/transfer-rows.ts';
import type { TransferRow } from '../lifecycle/transfer-rows.ts';
import type { Transfers, TransferWish } from '../lifecycle/transfers.ts';
import { callerOfKind } from './caller-kind.ts';
import { transferPath, transferSchema, transferWish, userTransferPath } from './money-shapes.ts';
import { userIdPath } from './person-shapes.ts';
import { requestKeyOf } from './request-key.ts';
import { route } from './route.ts';
import type { Answer, Caller, Route } from './route.ts';
import { pageAnswer, pageChoiceOf, pageQuery, pageSchema } from './shapes.ts';

const tag = 'Transfers';
const query = Type.Object(pageQuery);
const about = 'It is done (201), or goes on by itself (202): what was taken from the sender reaches the receiver, or comes back. A transfer that the receiver\'s balance cannot take ends as refunded.';
const answers = { 201: transferSchema, 202: transferSchema };
const listAnswers = { 200: pageSchema(transferSchema) };

export function transferRoutes(transfers: Transfers): Route[] {
  return [...ownRoutes(transfers), ...partnerRoutes(transfers), ...staffRoutes(transfers)];
}

function wishOf({ balanceId, receiverBalanceId, ...more }: { readonly balanceId: string; readonly receiverBalanceId?: string } & Omit<TransferWish, 'senderBalance' | 'receiverBalance'>): TransferWish {
  return { ...more, senderBalance: balanceId, receiverBalance: receiverBalanceId };
}

function begun(row: TransferRow, userId: string | undefined): Answer {
  return { status: row.endedAt === null ? 202 : 201, body: transferShown(row, userId) };
}

function ownRoutes(transfers: Transfers): Route[] {
  const door = 'mobile';
  const base = '/customers/me/transfers';
  const userOf = (caller: Caller): string => callerOfKind(caller, 'user').userId;
  return [
    route({
      door, method: 'POST', path: base, operationId: 'beginTransferMobile', tag, summary: 'Sends money to another user', about, needsConfirmation: true, body: transferWish, answers,
      run: async (call) => {
        const { userId, partner } = callerOfKind(call.caller, 'user');
        return begun(await transfers.begin({ partner, userId }, wishOf(call.body), requestKeyOf(call)), userId);
      },
    }),
    route({
      door, method: 'GET', path: base, operationId: 'listTransfersMobile', tag, summary: 'What the user sent and received, the latest first', query, answers: listAnswers,
      run: async ({ caller, query: choice }) => pageAnswer(await transfers.list({ userId: userOf(caller) }, pageChoiceOf(choice)), (row) => transferShown(row, userOf(caller))),
    }),
    route({
      door, method: 'GET', path: `${base}/{transferId}`, operationId: 'getTransferMobile', tag, summary: 'One transfer', params: transferPath, answers: { 200: transferSchema },
      run: async ({ caller, params: { transferId } }) => ({ status: 200, body: transferShown(await transfers.get({ transferId, userId: userOf(caller) }), userOf(caller)) }),
    }),
  ];
}

function partnerRoutes(transfers: Transfers): Route[] {
  const door = 'server';
  const base = '/secure/customers/{customerId}/transfers';
  const partnerOf = (caller: Caller): string => callerOfKind(caller, 'partner').partner;
  return [
    route({
      door, method: 'POST', path: base, operationId: 'beginTransfer', tag, summary: 'Sends a user\'s money to another user', about, params: userIdPath, body: transferWish, answers,
      run: async (call) => begun(await transfers.begin({ partner: partnerOf(call.caller), userId: call.params.customerId }, wishOf(call.body), requestKeyOf(call)), undefined),
    }),
    route({
      door, method: 'GET', path: base, operationId: 'listTransfers', tag, summary: 'What a user sent and received, the latest first', params: userIdPath, query, answers: listAnswers,
      run: async ({ caller, params: { customerId }, query: choice }) => pageAnswer(await transfers.list({ partner: partnerOf(caller), userId: customerId }, pageChoiceOf(choice)), (row) => transferShown(row, undefined)),
    }),
    route({
      door, method: 'GET', path: `${base}/{transferId}`, operationId: 'getTransfer', tag, summary: 'One transfer', params: userTransferPath, answers: { 200: transferSchema },
      run: async ({ caller, params: { customerId, transferId } }) => ({ status: 200, body: transferShown(await transfers.get({ transferId, partner: partnerOf(caller), userId: customerId }), undefined) }),
    }),
  ];
}

function staffRoutes(transfers: Transfers): Route[] {
  const door = 'admin';
  return [
    route({
      door, method: 'GET', path: '/admin/customers/{customerId}/transfers', operationId: 'listTransfersAdmin', tag, summary: 'What a user sent and received, the latest first', params: userIdPath, query, answers: listAnswers,
      run: async ({ params: { customerId }, query: choice }) => pageAnswer(await transfers.list({ userId: customerId }, pageChoiceOf(choice)), (row) => transferShown(row, undefined)),
    }),
    route({
      door, method: 'GET', path: '/admin/transfers/{transferId}', operationId: 'getTransferAdmin', tag, summary: 'One transfer', params: transferPath, answers: { 200: transferSchema },
      run: async ({ params: { transferId } }) => ({ status: 200, body: transferShown(await transfers.get({ transferId }), undefined) }),
    }),
  ];
}
