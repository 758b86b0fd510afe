/** Routes of staff: enrolment, log-in, confirmation, who they are, and the audit log of what they did. */
import { Type } from 'typebox';
import { searchedPerCall, verifiedPerCall } from '../lifecycle/audit.ts';
import type { Audit, AuditEntry } from '../lifecycle/audit.ts';
import { passwordLengthMax, passwordLengthMin, staffNamePattern } from '../lifecycle/staff.ts';
import type { Staff, StaffMember } from '../lifecycle/staff.ts';
import type { StaffLogIn } from '../lifecycle/staff-log-in.ts';
import { Secret } from '../message/secret.ts';
import { callerOfKind } from './caller-kind.ts';
import { route } from './route.ts';
import type { Route } from './route.ts';
import { idSchema, pageAnswer, pageChoiceOf, pageQuery, pageSchema, present, timeSchema, timeShown } from './shapes.ts';

export interface StaffServices {
  readonly staff: Staff;
  readonly logIn: StaffLogIn;
  readonly audit: Audit;
}

const tag = 'Staff';
const door = 'admin';
const role = Type.Union([Type.Literal('admin'), Type.Literal('manager'), Type.Literal('employee')]);
const code = Type.String({ pattern: '^[0-9]{6}$', maxLength: 6, description: 'One-time code of RFC 6238; each is good once.' });
const newPassword = Type.String({ minLength: passwordLengthMin, maxLength: passwordLengthMax, description: 'Five different characters at least, and not the name.' });
const staffPath = Type.Object({ staffId: idSchema('staff') });

const memberSchema = Type.Object({
  staffId: idSchema('staff'), name: Type.String(), role,
  state: Type.Union(['invited', 'active', 'locked', 'removed'].map((state) => Type.Literal(state)), { description: 'invited: has yet to set a password with an enrolment code.' }),
  lockedUntil: Type.Optional(timeSchema('Until when log-in is locked after wrong tries.')), madeAt: timeSchema('When.'), madeBy: Type.String(),
});

const auditSchema = Type.Object({
  number: Type.Integer({ minimum: 1, description: 'Without a gap.' }), at: timeSchema('When.'), actor: Type.String({ description: 'Id of staff, or operator: and a name.' }), role: Type.String(), action: Type.String(),
  target: Type.Record(Type.String(), Type.String()), outcome: Type.String({ description: 'begun, then done or the code that it was refused with. begun alone: it was cut off, and may have been done.' }), requestId: Type.String(),
  digest: Type.String({ description: 'SHA-256 over the digest of the entry before and this entry.' }),
});

export function staffRoutes(services: StaffServices): Route[] {
  return [...sessionRoutes(services), ...memberRoutes(services), ...auditRoutes(services)];
}

function sessionRoutes({ staff, logIn }: StaffServices): Route[] {
  return [
    route({
      door, method: 'PUT', path: '/admin/me/password', operationId: 'changeOwnPassword', tag, summary: 'Changes one\'s own password; one\'s other sessions end', needsConfirmation: true, isFreeOfKey: true,
      about: 'Wrong passwords count as wrong log-ins do, and too many of them end this session, too.',
      body: Type.Object({ password: Type.String({ minLength: 1, maxLength: passwordLengthMax, description: 'The one of before.' }), newPassword }), answers: { 204: null },
      run: async ({ caller, body, atMs }) => {
        const { staffId, sessionId } = callerOfKind(caller, 'staff');
        await logIn.changePassword({ staffId, sessionId, password: new Secret(body.password), newPassword: new Secret(body.newPassword) }, atMs);
        return { status: 204 };
      },
    }),
    route({
      door, method: 'POST', path: '/admin/enrolments', operationId: 'enrolStaff', tag, summary: 'Sets a password with an enrolment code, once', isPublic: true, isFreeOfKey: true,
      about: 'The answer has the secret of one-time codes, this once: put it into an authenticator.',
      body: Type.Object({ code: Type.String({ minLength: 16, maxLength: 24 }), password: newPassword }),
      answers: { 201: Type.Object({ staffId: idSchema('staff'), name: Type.String(), role, totpSecret: Type.String({ description: 'Base32.' }), totpUri: Type.String({ description: 'otpauth://…, for a QR code.' }) }) },
      run: async ({ body, requestId, atMs }) => {
        const { staffId, name, role: own, totpSecret, totpUri } = await staff.enrol(new Secret(body.code), new Secret(body.password), requestId, atMs);
        return { status: 201, body: { staffId, name, role: own, totpSecret: totpSecret.reveal(), totpUri: totpUri.reveal() } };
      },
    }),
    route({
      door, method: 'POST', path: '/admin/sessions', operationId: 'openStaffSession', tag, summary: 'Logs in', isPublic: true, isFreeOfKey: true,
      about: 'Whatever is wrong, the answer is the same. After five wrong tries log-in is locked, for a minute at first, then longer each time.',
      body: Type.Object({ name: Type.String({ minLength: 1, maxLength: 64 }), password: Type.String({ minLength: 1, maxLength: passwordLengthMax }), code }),
      answers: { 201: Type.Object({ sessionId: idSchema('session'), staffId: idSchema('staff'), role, token: Type.String({ description: 'Shown this once.' }), expiresAt: timeSchema('When it ends.') }) },
      run: async ({ body, requestId, atMs }) => {
        const { sessionId, staffId, role: own, token, expiresAtMs } = await logIn.open({ name: body.name, password: new Secret(body.password), code: new Secret(body.code) }, requestId, atMs);
        return { status: 201, body: { sessionId, staffId, role: own, token: token.reveal(), expiresAt: timeShown(expiresAtMs) } };
      },
    }),
    route({
      door, method: 'DELETE', path: '/admin/sessions/current', operationId: 'closeStaffSession', tag, summary: 'Ends this session', isFreeOfKey: true, answers: { 204: null },
      run: async ({ caller, atMs }) => {
        const { staffId, sessionId } = callerOfKind(caller, 'staff');
        await logIn.close(staffId, sessionId, atMs);
        return { status: 204 };
      },
    }),
    route({
      door, method: 'POST', path: '/admin/confirmations', operationId: 'confirmStaffSession', tag, summary: 'Confirms this session by a fresh one-time code, for two minutes', isFreeOfKey: true,
      about: 'A log-in is a confirmation, too. Too many wrong codes end the session.', body: Type.Object({ code }), answers: { 201: Type.Object({ confirmedUntil: timeSchema('Until when it holds.') }) },
      run: async ({ caller, body, atMs }) => {
        const { staffId, sessionId } = callerOfKind(caller, 'staff');
        return { status: 201, body: { confirmedUntil: timeShown(await logIn.confirm({ staffId, sessionId, code: new Secret(body.code) }, atMs)) } };
      },
    }),
    route({
      door, method: 'GET', path: '/admin/me', operationId: 'getOwnStaff', tag, summary: 'Whose session it is', answers: { 200: memberSchema },
      run: async ({ caller }) => ({ status: 200, body: shown(await staff.get({ staffId: callerOfKind(caller, 'staff').staffId })) }),
    }),
  ];
}

function memberRoutes({ staff, logIn }: StaffServices): Route[] {
  const member = '/admin/staff/{staffId}';
  return [
    route({
      door, method: 'POST', path: '/admin/staff', operationId: 'addStaff', tag, summary: 'Adds one to the staff', about: 'An enrolment code lets them set a password.', roles: ['admin'], needsConfirmation: true,
      body: Type.Object({ name: Type.String({ pattern: staffNamePattern, maxLength: 32 }), role }), answers: { 201: memberSchema },
      run: async ({ caller, body, idempotencyKey, atMs }) => {
        const { staffId } = callerOfKind(caller, 'staff');
        const added = await staff.add(body, staffId, `${staffId}:${idempotencyKey}`, atMs);
        return { status: 201, body: shown(added), headers: { location: `/admin/staff/${added.staffId}` } };
      },
    }),
    route({
      door, method: 'GET', path: '/admin/staff', operationId: 'listStaff', tag, summary: 'The staff, by name', roles: ['admin', 'manager'], query: Type.Object(pageQuery), answers: { 200: pageSchema(memberSchema) },
      run: async ({ query }) => pageAnswer(await staff.list(pageChoiceOf(query)), shown),
    }),
    route({
      door, method: 'GET', path: member, operationId: 'getStaff', tag, summary: 'One of the staff', roles: ['admin', 'manager'], params: staffPath, answers: { 200: memberSchema },
      run: async ({ params }) => ({ status: 200, body: shown(await staff.get(params)) }),
    }),
    route({
      door, method: 'POST', path: `${member}/enrolments`, operationId: 'newStaffEnrolment', tag, summary: 'A code to set a password with, for a day', roles: ['admin'], needsConfirmation: true, isFreeOfKey: true,
      about: 'Password, one-time codes and sessions of before are good no longer. Each call makes a new code and ends the one before.', params: staffPath,
      answers: { 201: Type.Object({ code: Type.String({ description: 'Shown this once.' }), expiresAt: timeSchema('When it is over.') }) },
      run: async ({ params, atMs }) => {
        const { code: made, expiresAtMs } = await staff.newEnrolment(params, atMs);
        return { status: 201, body: { code: made.reveal(), expiresAt: timeShown(expiresAtMs) } };
      },
    }),
    route({
      door, method: 'PUT', path: `${member}/role`, operationId: 'setStaffRole', tag, summary: 'Changes a role; sessions end', roles: ['admin'], needsConfirmation: true, params: staffPath, body: Type.Object({ role }), answers: { 200: memberSchema },
      run: async ({ params, body, atMs }) => ({ status: 200, body: shown(await staff.setRole(params, body.role, atMs)) }),
    }),
    route({
      door, method: 'POST', path: `${member}/lock`, operationId: 'lockStaff', tag, summary: 'Locks one of the staff out; sessions end', roles: ['admin'], params: staffPath, answers: { 200: memberSchema },
      run: async ({ params, atMs }) => ({ status: 200, body: shown(await staff.lock(params, atMs)) }),
    }),
    route({
      door, method: 'POST', path: `${member}/unlock`, operationId: 'unlockStaff', tag, summary: 'Lets one of the staff log in again, also after wrong tries', roles: ['admin'], needsConfirmation: true, params: staffPath, answers: { 200: memberSchema },
      run: async ({ params, atMs }) => ({ status: 200, body: shown(await staff.unlock(params, atMs)) }),
    }),
    route({
      door, method: 'DELETE', path: member, operationId: 'removeStaff', tag, summary: 'Removes one of the staff, for ever', roles: ['admin'], needsConfirmation: true, params: staffPath, answers: { 204: null },
      run: async ({ params, atMs }) => {
        await staff.remove(params, atMs);
        return { status: 204 };
      },
    }),
    route({
      door, method: 'DELETE', path: `${member}/sessions`, operationId: 'revokeStaffSessions', tag, summary: 'Ends the sessions of one of the staff', roles: ['admin'], params: staffPath, answers: { 200: Type.Object({ ended: Type.Integer({ minimum: 0 }) }) },
      run: async ({ params, atMs }) => ({ status: 200, body: { ended: await logIn.revoke(params.staffId, atMs) } }),
    }),
  ];
}

function auditRoutes({ audit }: StaffServices): Route[] {
  const id = Type.Optional(Type.String({ minLength: 1, maxLength: 200 }));
  return [
    route({
      door, method: 'GET', path: '/admin/audit', operationId: 'listAudit', tag: 'Audit', summary: 'What staff and operators did, the last first', roles: ['admin'],
      about: `With actor, target or action a page goes through ${searchedPerCall} entries at most: it may have fewer than limit, or none, and there are more as long as it has a nextCursor.`,
      query: Type.Object({ ...pageQuery, actor: id, target: id, action: id }),
      answers: { 200: pageSchema(auditSchema) }, run: async ({ query }) => pageAnswer(await audit.list({ ...query, ...pageChoiceOf(query) }), entryShown),
    }),
    route({
      door, method: 'GET', path: '/admin/audit/verification', operationId: 'verifyAudit', tag: 'Audit', summary: 'Whether the audit log is as it was written', roles: ['admin'], query: Type.Object({ cursor: pageQuery.cursor }),
      about: `Goes through ${verifiedPerCall} entries at most, and on from there with nextCursor, until there is none. Write the digest down elsewhere: as long as the entry of that number has it, nothing before was changed.`,
      answers: { 200: Type.Object({
        isIntact: Type.Boolean({ description: 'As far as it was looked at.' }), entries: Type.Integer({ minimum: 0, description: 'How many are right, from the first on.' }), digest: Type.String({ description: 'Of the last entry.' }),
        broken: Type.Optional(Type.Object({ number: Type.Integer(), why: Type.Union([Type.Literal('changed'), Type.Literal('missing'), Type.Literal('head')]) })),
        nextCursor: Type.Optional(Type.String({ description: 'There is more to look at.' })),
      }) },
      run: async ({ query: { cursor } }) => {
        const { broken, ...verdict } = await audit.verify(cursor);
        return { status: 200, body: present({ isIntact: broken === undefined, ...verdict, broken }) };
      },
    }),
  ];
}

function shown({ staffId, name, role: own, state, lockedUntilMs, madeAtMs, madeBy }: StaffMember): Readonly<Record<string, unknown>> {
  return present({ staffId, name, role: own, state, lockedUntil: timeShown(lockedUntilMs), madeAt: timeShown(madeAtMs), madeBy });
}

function entryShown({ atMs, ...entry }: AuditEntry): unknown {
  return { ...entry, at: timeShown(atMs) };
}
