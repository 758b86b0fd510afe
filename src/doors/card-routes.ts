/**
 * Routes of cards at all three doors (C7). Invariants: a holder names cards of its own, a partner those of one of its users; a full number and a
 * CVC2 are in sealed answers to these two alone; a holder sees them only after a second confirmation.
 */
import { createHash } from 'node:crypto';
import { Type } from 'typebox';
import type { Static, TObject } from 'typebox';
import { momentOf } from '../lifecycle/card-controls.ts';
import type { CardIssuing, CardWish } from '../lifecycle/card-issuing.ts';
import type { CardJobs } from '../lifecycle/card-jobs.ts';
import type { CardRow } from '../lifecycle/card-rows.ts';
import type { CardActor, Cards } from '../lifecycle/cards.ts';
import { Secret } from '../message/secret.ts';
import { callerName } from './admit.ts';
import { callerOfKind } from './caller-kind.ts';
import {
  cardDataSchema, cardDataShown, cardId, cardSchema, cardShown, cardsQuery, controlsAnswer, controlsWish, customerId, jobAnswer, lockWaitsSchema, lockWish, newPlasticWish, pauseWish, physicalWish, pinAnswer,
  pinWish, printWish, virtualWish,
} from './card-shapes.ts';
import { route } from './route.ts';
import type { Answer, Call, Caller, Door, Role, Route } from './route.ts';
import { pageAnswer, pageChoiceOf, pageSchema } from './shapes.ts';

export interface CardServices {
  readonly cards: Cards;
  readonly issuing: CardIssuing;
  readonly jobs: CardJobs;
}

const tag = 'Cards';
const all: readonly Role[] = ['admin', 'manager', 'employee'];
const managers: readonly Role[] = ['admin', 'manager'];

export function cardRoutes(services: CardServices): Route[] {
  return [...doorRoutes(services, mobile), ...mobileRoutes(services), ...doorRoutes(services, server), ...serverRoutes(services), ...doorRoutes(services, admin), ...adminRoutes(services)];
}

/** What the doors differ in. */
interface CardDoor {
  readonly door: Door;
  /** Behind each operation's name. */
  readonly suffix: string;
  /** Where cards of a user are. */
  readonly ofUser: string;
  /** Where one card is. */
  readonly one: string;
  readonly userPath: TObject;
  readonly cardPath: TObject;
  readonly actor: (call: AnyCall) => CardActor;
  readonly userOf: (call: AnyCall) => { readonly userId: string; readonly partner: string | undefined };
}

type AnyCall = Pick<Call<unknown, unknown, unknown>, 'caller' | 'idempotencyKey'> & { readonly params: unknown };

const mobile: CardDoor = {
  door: 'mobile', suffix: 'Mobile', ofUser: '/customers/me/cards', one: '/customers/me/cards/{cardId}', userPath: Type.Object({}), cardPath: Type.Object({ cardId }),
  actor: ({ caller }) => ({ by: 'holder', ...userOfSession(caller) }), userOf: ({ caller }) => userOfSession(caller),
};

const server: CardDoor = {
  door: 'server', suffix: '', ofUser: '/secure/customers/{customerId}/cards', one: '/secure/customers/{customerId}/cards/{cardId}',
  userPath: Type.Object({ customerId }), cardPath: Type.Object({ customerId, cardId }),
  actor: (call) => ({ by: 'partner', ...userOfPartner(call) }), userOf: userOfPartner,
};

const admin: CardDoor = {
  door: 'admin', suffix: 'Admin', ofUser: '/admin/customers/{customerId}/cards', one: '/admin/cards/{cardId}', userPath: Type.Object({ customerId }), cardPath: Type.Object({ cardId }),
  actor: () => ({ by: 'staff' }), userOf: ({ params }) => ({ userId: named(params, 'customerId'), partner: undefined }),
};

function userOfSession(caller: Caller): { readonly userId: string; readonly partner: string } {
  const { userId, partner } = callerOfKind(caller, 'user');
  return { userId, partner };
}

function userOfPartner({ caller, params }: AnyCall): { readonly userId: string; readonly partner: string } {
  return { userId: named(params, 'customerId'), partner: callerOfKind(caller, 'partner').partner };
}

function named(params: unknown, name: 'customerId' | 'cardId'): string {
  return (params as Readonly<Record<string, string>>)[name] ?? '';
}

/** The request, among all callers', operations and cards: the same key again is the same request. */
function requestKey(operation: string, { caller, params, idempotencyKey }: AnyCall): string {
  return createHash('sha256').update(JSON.stringify([callerName(caller), operation, params, idempotencyKey])).digest('base64url').slice(0, 32);
}

function wishOf({ userOf }: CardDoor, operation: string, call: AnyCall & { readonly body: Static<typeof virtualWish> }): CardWish {
  const { balanceId, holderName } = call.body;
  return { requestKey: requestKey(operation, call), ...userOf(call), balanceId, holderName };
}

/** What all doors have. */
function doorRoutes({ cards, issuing }: CardServices, at: CardDoor): Route[] {
  const { door, suffix, ofUser, one, userPath, cardPath, actor } = at;
  const common = { door, tag, ...(door === 'admin' ? { roles: all } : {}) } as const;
  const idOf = (call: AnyCall): string => named(call.params, 'cardId');
  const made = (row: CardRow): Promise<Answer> => cards.shownOfRow(row).then((card) => ({ status: 201, body: cardShown(card) }));
  return [
    route({
      ...common, method: 'GET', path: ofUser, operationId: `listCards${suffix}`, summary: 'A user\'s cards, the newest first', params: userPath, query: Type.Object(cardsQuery), answers: { 200: pageSchema(cardSchema) },
      run: async (call) => pageAnswer(await cards.list(actor(call), { userId: at.userOf(call).userId, balanceId: call.query.balanceId }, pageChoiceOf(call.query)), cardShown),
    }),
    route({
      ...common, method: 'POST', path: `${ofUser}/physical`, operationId: `orderPhysicalCard${suffix}`, summary: 'Orders a physical card', isSealed: true, params: userPath, body: physicalWish, answers: { 201: cardSchema },
      about: 'Its holder sees it when the bureau has made it, and it pays when it was activated.',
      run: async (call) => await made(await issuing.orderPhysical(wishOf(at, 'orderPhysicalCard', call), call.body.delivery)),
    }),
    route({
      ...common, method: 'POST', path: `${one}/print`, operationId: `printCard${suffix}`, summary: 'Orders the plastic of a virtual card, which is digital-first from then on', isSealed: true, params: cardPath, body: printWish, answers: { 200: cardSchema },
      about: 'In programs with digital-first cards. Nothing is printed on it, and it needs no activation.',
      run: async (call) => ({ status: 200, body: cardShown(await cards.print(actor(call), idOf(call), { requestKey: requestKey('printCard', call), delivery: call.body.delivery })) }),
    }),
    route({
      ...common, method: 'POST', path: `${one}/activate`, operationId: `activateCard${suffix}`, summary: 'Activates a physical card: it pays from now on', params: cardPath, answers: { 200: cardSchema },
      about: 'Of a card that was renewed: the new plastic pays from now on, and the one before not any more.',
      run: async (call) => ({ status: 200, body: cardShown(await cards.activate(actor(call), idOf(call))) }),
    }),
    route({
      ...common, method: 'GET', path: `${one}/controls`, operationId: `getCardControls${suffix}`, summary: 'What its holder and the partner have closed on a card', params: cardPath, answers: { 200: controlsAnswer },
      run: async (call) => ({ status: 200, body: await cards.controls(actor(call), idOf(call)) }),
    }),
    route({
      ...common, method: 'PUT', path: `${one}/controls`, operationId: `setCardControls${suffix}`, summary: 'Closes ways of paying, countries and merchants on a card, and sets limits', params: cardPath, body: controlsWish, answers: { 200: controlsAnswer },
      about: 'All that the caller has closed, in the place of what it had; holder and partner each have their own, and both hold. Staff act in the partner\'s place.',
      run: async (call) => ({ status: 200, body: await cards.setControls(actor(call), idOf(call), call.body, requestKey('setCardControls', call)) }),
    }),
    route({
      ...common, method: 'PUT', path: `${one}/temporary_lock`, operationId: `pauseCard${suffix}`, summary: 'Locks a card until a time', params: cardPath, body: pauseWish, answers: { 200: cardSchema },
      run: async (call) => ({ status: 200, body: cardShown(await cards.pause(actor(call), idOf(call), momentOf(call.body.until, 'until'), requestKey('pauseCard', call))) }),
    }),
    route({
      ...common, method: 'DELETE', path: `${one}/temporary_lock`, operationId: `resumeCard${suffix}`, summary: 'Ends a card\'s lock until a time', params: cardPath, answers: { 200: cardSchema },
      run: async (call) => ({ status: 200, body: cardShown(await cards.pause(actor(call), idOf(call), 0, requestKey('resumeCard', call))) }),
    }),
    route({
      ...common, method: 'POST', path: `${one}/renew`, operationId: `renewCard${suffix}`, summary: 'Renews a card: the same number with a later expiry', isSealed: true, params: cardPath, body: newPlasticWish, answers: { 200: cardSchema },
      about: 'A virtual card at once. Of a card with a plastic a new one is ordered, which has to be sent somewhere: with it the expiry changes, when it is activated (physical) or linked (digital-first).',
      run: async (call) => ({ status: 200, body: cardShown(await cards.renew(actor(call), idOf(call), { requestKey: requestKey('renewCard', call), delivery: call.body.delivery })) }),
    }),
    route({
      ...common, method: 'POST', path: `${one}/replace`, operationId: `replaceCard${suffix}`, summary: 'Replaces a card by another of the same kind and balance', isSealed: true, params: cardPath, body: newPlasticWish, answers: { 201: cardSchema },
      about: 'The one before is locked with code 8, unless it is locked for good already. Controls go along; a PIN does not.',
      run: async (call) => ({ status: 201, body: cardShown(await cards.replace(actor(call), idOf(call), { requestKey: requestKey('replaceCard', call), delivery: call.body.delivery })) }),
    }),
  ];
}

/** Where the lock is: the partner's door calls the user `userId` there. */
function lockRoutes({ cards }: CardServices, at: CardDoor, one: string, params: TObject, actor: (call: AnyCall) => CardActor): Route[] {
  const { door, suffix } = at;
  const common = { door, tag, params, answers: { 200: cardSchema }, ...(door === 'admin' ? { roles: all } : {}) } as const;
  return [
    route({
      ...common, method: 'POST', path: `${one}/lock`, operationId: `lockCard${suffix}`, summary: 'Locks a card: every authorization is declined from now on', body: lockWish,
      answers: { 200: cardSchema, 202: lockWaitsSchema },
      about: '1, 2, 5 and 8 are for good: no other code takes their place, and nothing lifts them. While the store of accounts is away the lock is taken all the same (202): the card is declined, and its account has it later.',
      run: async (call) => {
        const locked = await cards.lock(actor(call), named(call.params, 'cardId'), call.body.lockCode, requestKey('lockCard', call));
        return { status: 'waitingLockCode' in locked ? 202 : 200, body: locked };
      },
    }),
    route({
      ...common, method: 'POST', path: `${one}/unlock`, operationId: `unlockCard${suffix}`, summary: 'Unlocks a card', about: 'Not after code 1, 2, 5 or 8. After 6 wrong PINs are counted from the beginning.',
      run: async (call) => ({ status: 200, body: cardShown(await cards.unlock(actor(call), named(call.params, 'cardId'), requestKey('unlockCard', call))) }),
    }),
  ];
}

function mobileRoutes(services: CardServices): Route[] {
  const { cards, issuing, jobs } = services;
  const { ofUser, one, userPath, cardPath, actor } = mobile;
  const common = { door: 'mobile', tag } as const;
  return [
    ...lockRoutes(services, mobile, one, cardPath, actor),
    route({
      ...common, method: 'POST', path: `${ofUser}/virtual`, operationId: 'createVirtualCardMobile', summary: 'Makes a virtual card', isSealed: true, needsConfirmation: true, params: userPath, body: virtualWish, answers: { 201: cardDataSchema },
      run: async (call) => ({ status: 201, body: cardDataShown(await cards.dataOfMade(await issuing.makeVirtual(wishOf(mobile, 'createVirtualCard', call)))) }),
    }),
    route({
      ...common, method: 'POST', path: `${ofUser}/virtual/async`, operationId: 'createVirtualCardLaterMobile', summary: 'Makes a virtual card later', params: userPath, body: virtualWish, answers: { 202: jobAnswer },
      about: 'The answer names a job, whose end webhooks tell.',
      run: async (call) => ({ status: 202, body: { jobId: await jobs.createVirtualLater(wishOf(mobile, 'createVirtualCardLater', call)) } }),
    }),
    route({
      ...common, method: 'GET', path: one, operationId: 'getCardMobile', summary: 'A card in full: number, expiry and CVC2', isSealed: true, needsConfirmation: true, params: cardPath, answers: { 200: cardDataSchema },
      run: async (call) => ({ status: 200, body: cardDataShown(await cards.dataOf(actor(call), call.params['cardId'] as string)) }),
    }),
    route({
      ...common, method: 'GET', path: `${one}/state`, operationId: 'getCardStateMobile', summary: 'A card without its full number', params: cardPath, answers: { 200: cardSchema },
      run: async (call) => ({ status: 200, body: cardShown(await cards.get(actor(call), call.params['cardId'] as string)) }),
    }),
    route({
      ...common, method: 'DELETE', path: one, operationId: 'removeCardMobile', summary: 'Removes a card, for ever', params: cardPath, answers: { 204: null },
      run: async (call) => {
        await cards.remove(actor(call), call.params['cardId'] as string, requestKey('removeCard', call));
        return { status: 204 };
      },
    }),
    route({
      ...common, method: 'POST', path: `${one}/cvv`, operationId: 'resetCvvMobile', summary: 'Makes a new CVC2: the one before is wrong from now on', isSealed: true, needsConfirmation: true, params: cardPath, answers: { 200: cardDataSchema },
      about: 'Of virtual and digital-first cards. What is on a stripe or a chip stays.',
      run: async (call) => ({ status: 200, body: cardDataShown(await cards.resetCvv(actor(call), call.params['cardId'] as string, requestKey('resetCvv', call))) }),
    }),
    route({
      ...common, method: 'POST', path: `${one}/pin`, operationId: 'setPinMobile', summary: 'Sets the PIN of a physical or digital-first card', isSealed: true, needsConfirmation: true, params: cardPath, body: pinWish, answers: { 200: pinAnswer },
      run: async (call) => ({ status: 200, body: await cards.setPin(actor(call), call.params['cardId'] as string, new Secret(call.body.pin), requestKey('setPin', call)) }),
    }),
  ];
}

function serverRoutes(services: CardServices): Route[] {
  const { cards, issuing, jobs } = services;
  const { ofUser, one, userPath, cardPath, actor } = server;
  const common = { door: 'server', tag } as const;
  const lockPath = Type.Object({ userId: customerId, cardId });
  const lockActor = ({ caller, params }: AnyCall): CardActor => ({
    by: 'partner', partner: callerOfKind(caller, 'partner').partner, userId: (params as Static<typeof lockPath>).userId,
  });
  return [
    ...lockRoutes(services, server, '/secure/customers/{userId}/cards/{cardId}', lockPath, lockActor),
    route({
      ...common, method: 'POST', path: `${ofUser}/virtual`, operationId: 'createVirtualCard', summary: 'Makes a virtual card', isSealed: true, params: userPath, body: virtualWish, answers: { 201: cardDataSchema },
      about: 'Of a user who is verified, on a balance that is open. It pays at once.',
      run: async (call) => ({ status: 201, body: cardDataShown(await cards.dataOfMade(await issuing.makeVirtual(wishOf(server, 'createVirtualCard', call)))) }),
    }),
    route({
      ...common, method: 'POST', path: `${ofUser}/virtual/async`, operationId: 'createVirtualCardLater', summary: 'Makes a virtual card later', params: userPath, body: virtualWish, answers: { 202: jobAnswer },
      about: 'The answer names a job, whose end webhooks tell.',
      run: async (call) => ({ status: 202, body: { jobId: await jobs.createVirtualLater(wishOf(server, 'createVirtualCardLater', call)) } }),
    }),
    route({
      ...common, method: 'GET', path: one, operationId: 'getCard', summary: 'A card in full: number, expiry and CVC2', isSealed: true, params: cardPath, answers: { 200: cardDataSchema },
      run: async (call) => ({ status: 200, body: cardDataShown(await cards.dataOf(actor(call), call.params['cardId'] as string)) }),
    }),
    route({
      ...common, method: 'GET', path: `${one}/state`, operationId: 'getCardState', summary: 'A card without its full number', params: cardPath, answers: { 200: cardSchema },
      run: async (call) => ({ status: 200, body: cardShown(await cards.get(actor(call), call.params['cardId'] as string)) }),
    }),
  ];
}

function adminRoutes(services: CardServices): Route[] {
  const { cards, issuing } = services;
  const { ofUser, one, userPath, cardPath, actor } = admin;
  const common = { door: 'admin', tag, roles: all } as const;
  return [
    ...lockRoutes(services, admin, one, cardPath, actor),
    route({
      ...common, method: 'POST', path: `${ofUser}/virtual`, operationId: 'createVirtualCardAdmin', summary: 'Makes a virtual card', roles: managers, isSealed: true, params: userPath, body: virtualWish, answers: { 201: cardSchema },
      about: 'Staff never see a full number.',
      run: async (call) => ({ status: 201, body: cardShown(await cards.shownOfRow(await issuing.createVirtual(wishOf(admin, 'createVirtualCard', call)))) }),
    }),
    route({
      ...common, method: 'GET', path: one, operationId: 'getCardAdmin', summary: 'A card, without its full number', params: cardPath, answers: { 200: cardSchema },
      run: async (call) => ({ status: 200, body: cardShown(await cards.get(actor(call), call.params['cardId'] as string)) }),
    }),
    route({
      ...common, method: 'DELETE', path: one, operationId: 'removeCardAdmin', summary: 'Removes a card, for ever', roles: managers, params: cardPath, answers: { 204: null },
      run: async (call) => {
        await cards.remove(actor(call), call.params['cardId'] as string, requestKey('removeCard', call));
        return { status: 204 };
      },
    }),
    route({
      ...common, method: 'POST', path: `${one}/cvv`, operationId: 'resetCvvAdmin', summary: 'Makes a new CVC2, which its holder sees: the one before is wrong from now on', isSealed: true, params: cardPath, answers: { 200: cardSchema },
      run: async (call) => ({ status: 200, body: cardShown((await cards.resetCvv(actor(call), call.params['cardId'] as string, requestKey('resetCvv', call))).card) }),
    }),
  ];
}
