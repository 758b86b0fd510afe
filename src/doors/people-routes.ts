/** Routes of users and their verification, at all three doors. Invariant: a partner's routes name the partner of its certificate, a holder's the user of the session. */
import { Type } from 'typebox';
import type { People } from '../lifecycle/people.ts';
import type { PeopleKyc } from '../lifecycle/people-kyc.ts';
import type { PersonName } from '../lifecycle/person-rows.ts';
import { callerOfKind } from './caller-kind.ts';
import { details, identifiers, kycHistorySchema, kycHistoryShown, kycWish, staffUserSchema, staffUserShown, userChoice, userIdPath, userSchema, userShown } from './person-shapes.ts';
import { route } from './route.ts';
import type { Caller, Route } from './route.ts';
import { pageAnswer, pageChoiceOf, pageSchema } from './shapes.ts';

export interface PeopleServices {
  readonly people: People;
  readonly kyc: PeopleKyc;
}

const tag = 'Users';

export function peopleRoutes(services: PeopleServices): Route[] {
  return [...ownRoutes(services), ...partnerRoutes(services), ...staffRoutes(services)];
}

/** The user whom the partner who calls has by this id. */
function ofPartner(caller: Caller, { customerId }: { readonly customerId: string }): PersonName & { readonly userId: string } {
  return { partner: callerOfKind(caller, 'partner').partner, userId: customerId };
}

function ownRoutes({ people, kyc }: PeopleServices): Route[] {
  const own = (caller: Caller): PersonName & { readonly userId: string } => ({ partner: undefined, userId: callerOfKind(caller, 'user').userId });
  return [
    route({
      door: 'mobile', method: 'GET', path: '/customers/me', operationId: 'getUserMobile', tag, summary: 'The user whose session it is', answers: { 200: userSchema },
      run: async ({ caller }) => ({ status: 200, body: userShown(await people.get(own(caller))) }),
    }),
    route({
      door: 'mobile', method: 'POST', path: '/customers/me/register', operationId: 'startKycMobile', tag, summary: 'Begins the user\'s strong verification (KYC)',
      about: 'The service\'s own process decides. After a refusal it may be begun again.', body: details, answers: { 200: userSchema },
      run: async ({ caller, body, atMs }) => ({ status: 200, body: userShown(await kyc.begin(own(caller), body, { kind: 'user', name: callerOfKind(caller, 'user').userId }, atMs)) }),
    }),
  ];
}

function partnerRoutes({ people, kyc }: PeopleServices): Route[] {
  const door = 'server';
  const user = '/secure/customers/{customerId}';
  return [
    route({
      door, method: 'POST', path: '/secure/customers', operationId: 'registerUser', tag, summary: 'Registers a user', body: Type.Object(identifiers), answers: { 201: userSchema },
      run: async ({ caller, body, idempotencyKey, atMs }) => {
        const person = await people.register(callerOfKind(caller, 'partner').partner, body, idempotencyKey, atMs);
        return { status: 201, body: userShown(person), headers: { location: `/secure/customers/${person.userId}` } };
      },
    }),
    route({
      door, method: 'GET', path: '/secure/customers', operationId: 'listUsers', tag, summary: 'The partner\'s users, the last registered first', query: Type.Object(userChoice), answers: { 200: pageSchema(userSchema) },
      run: async ({ caller, query }) => pageAnswer(await people.list({ ...query, ...pageChoiceOf(query), partner: callerOfKind(caller, 'partner').partner }), userShown),
    }),
    route({
      door, method: 'GET', path: user, operationId: 'getUser', tag, summary: 'One user', params: userIdPath, answers: { 200: userSchema },
      run: async ({ caller, params }) => ({ status: 200, body: userShown(await people.get(ofPartner(caller, params))) }),
    }),
    route({
      door, method: 'PATCH', path: user, operationId: 'changeUser', tag, summary: 'Changes identifiers or names of a user', about: 'What is not given stays as it is.', params: userIdPath, body: Type.Object(identifiers), answers: { 200: userSchema },
      run: async ({ caller, params, body, atMs }) => ({ status: 200, body: userShown(await people.change(ofPartner(caller, params), body, atMs)) }),
    }),
    route({
      door, method: 'DELETE', path: user, operationId: 'deleteUser', tag, summary: 'Deletes a user, for ever', about: 'All balances have to be closed. What the user was called and verified by is not kept.', params: userIdPath, answers: { 204: null },
      run: async ({ caller, params, atMs }) => {
        await people.remove(ofPartner(caller, params), atMs);
        return { status: 204 };
      },
    }),
    route({
      door, method: 'POST', path: `${user}/lock`, operationId: 'lockUser', tag, summary: 'Locks a user: sessions end, and none is opened', about: 'Cards go on; each is locked by itself.', params: userIdPath, answers: { 200: userSchema },
      run: async ({ caller, params, atMs }) => ({ status: 200, body: userShown(await people.setState(ofPartner(caller, params), 'locked', atMs)) }),
    }),
    route({
      door, method: 'POST', path: `${user}/unlock`, operationId: 'unlockUser', tag, summary: 'Unlocks a user', params: userIdPath, answers: { 200: userSchema },
      run: async ({ caller, params, atMs }) => ({ status: 200, body: userShown(await people.setState(ofPartner(caller, params), 'active', atMs)) }),
    }),
    route({
      door, method: 'POST', path: `${user}/register`, operationId: 'startKyc', tag, summary: 'Begins a user\'s strong verification (KYC)', about: 'The service\'s own process decides. After a refusal it may be begun again.', params: userIdPath, body: details, answers: { 200: userSchema },
      run: async ({ caller, params, body, atMs }) => ({ status: 200, body: userShown(await kyc.begin(ofPartner(caller, params), body, { kind: 'partner', name: callerOfKind(caller, 'partner').partner }, atMs)) }),
    }),
    route({
      door, method: 'PUT', path: `${user}/kyc`, operationId: 'setKyc', tag, summary: 'Sets the flag: the partner has verified, or refused, the user', about: 'A decision of the service\'s own process stands.', params: userIdPath, body: kycWish, answers: { 200: userSchema },
      run: async ({ caller, params, body, atMs }) => {
        const { partner } = callerOfKind(caller, 'partner');
        return { status: 200, body: userShown(await kyc.flag(ofPartner(caller, params), body.kyc, partner, body.why ?? '', atMs)) };
      },
    }),
    route({
      door, method: 'GET', path: `${user}/kyc`, operationId: 'getKycHistory', tag, summary: 'How a user\'s verification went', params: userIdPath, answers: { 200: kycHistorySchema },
      run: async ({ caller, params }) => ({ status: 200, body: kycHistoryShown(await kyc.history(ofPartner(caller, params))) }),
    }),
  ];
}

function staffRoutes({ people, kyc }: PeopleServices): Route[] {
  const door = 'admin';
  const user = '/admin/customers/{customerId}';
  const named = ({ customerId }: { readonly customerId: string }): PersonName & { readonly userId: string } => ({ partner: undefined, userId: customerId });
  return [
    route({
      door, method: 'GET', path: '/admin/customers', operationId: 'listUsersAdmin', tag, summary: 'Users, the last registered first', query: Type.Object({ ...userChoice, partner: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })) }),
      answers: { 200: pageSchema(staffUserSchema) },
      run: async ({ query }) => pageAnswer(await people.list({ ...query, ...pageChoiceOf(query) }), staffUserShown),
    }),
    route({
      door, method: 'GET', path: user, operationId: 'getUserAdmin', tag, summary: 'One user', params: userIdPath, answers: { 200: staffUserSchema },
      run: async ({ params }) => ({ status: 200, body: staffUserShown(await people.get(named(params))) }),
    }),
    route({
      door, method: 'POST', path: `${user}/lock`, operationId: 'lockUserAdmin', tag, summary: 'Locks a user: sessions end, and none is opened', params: userIdPath, roles: ['admin', 'manager', 'employee'], answers: { 200: staffUserSchema },
      run: async ({ params, atMs }) => ({ status: 200, body: staffUserShown(await people.setState(named(params), 'locked', atMs)) }),
    }),
    route({
      door, method: 'POST', path: `${user}/unlock`, operationId: 'unlockUserAdmin', tag, summary: 'Unlocks a user', params: userIdPath, roles: ['admin', 'manager'], answers: { 200: staffUserSchema },
      run: async ({ params, atMs }) => ({ status: 200, body: staffUserShown(await people.setState(named(params), 'active', atMs)) }),
    }),
    route({
      door, method: 'PUT', path: `${user}/kyc`, operationId: 'decideKycAdmin', tag, summary: 'Decides a user\'s verification, as the service\'s own process', about: 'It has to be begun. A decision can be taken back by another one, and overrules the partner\'s flag.',
      params: userIdPath, roles: ['admin', 'manager'], needsConfirmation: true, body: kycWish, answers: { 200: staffUserSchema },
      run: async ({ caller, params, body, atMs }) => ({ status: 200, body: staffUserShown(await kyc.decide(named(params), body.kyc, callerOfKind(caller, 'staff').staffId, body.why ?? '', atMs)) }),
    }),
    route({
      door, method: 'GET', path: `${user}/kyc`, operationId: 'getKycHistoryAdmin', tag, summary: 'How a user\'s verification went', params: userIdPath, answers: { 200: kycHistorySchema },
      run: async ({ params }) => ({ status: 200, body: kycHistoryShown(await kyc.history(named(params))) }),
    }),
  ];
}
