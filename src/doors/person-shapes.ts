/** How users, their verification and their devices look at the doors. Pure. */
import { Type } from 'typebox';
import type { KycChange } from '../lifecycle/people-kyc.ts';
import type { Device } from '../lifecycle/devices.ts';
import type { Person } from '../lifecycle/person-rows.ts';
import { idSchema, pageQuery, present, timeSchema, timeShown } from './shapes.ts';

const nameText = (description: string) => Type.String({ minLength: 1, maxLength: 100, pattern: '^[^\\p{C}]+$', description });
const datePattern = '^[0-9]{4}-[0-9]{2}-[0-9]{2}$';

export const userIdPath = Type.Object({ customerId: idSchema('user', 'The user.') });
const states = ['active', 'locked'] as const;
const kycs = ['none', 'started', 'verified', 'refused'] as const;

export const identifiers = {
  externalId: Type.Optional(Type.String({ minLength: 1, maxLength: 64, pattern: '^[!-~]+$', description: 'What the partner calls the user; unique among its users.' })),
  phone: Type.Optional(Type.String({ pattern: '^\\+[1-9][0-9]{6,14}$', maxLength: 16, description: 'E.164; unique among the partner\'s users.', examples: ['+48600100200'] })),
  email: Type.Optional(Type.String({ pattern: '^[^@\\s\\p{C}]{1,64}@[A-Za-z0-9-]{1,63}(\\.[A-Za-z0-9-]{1,63})+$', maxLength: 254 })),
  givenName: Type.Optional(nameText('Given names.')),
  familyName: Type.Optional(nameText('Family name.')),
};

export const details = Type.Object({
  givenName: nameText('Given names, as in the document that is checked.'), familyName: nameText('Family name.'),
  birthDate: Type.String({ pattern: datePattern, maxLength: 10, description: 'YYYY-MM-DD.' }),
});

export const kycWish = Type.Object({
  kyc: Type.Union([Type.Literal('verified'), Type.Literal('refused')]),
  why: Type.Optional(Type.String({ maxLength: 200, pattern: '^[^\\p{C}]*$', description: 'For the record; no personal data.' })),
});

export const userChoice = {
  ...pageQuery, externalId: identifiers.externalId, phone: identifiers.phone,
  state: Type.Optional(Type.Union(states.map((state) => Type.Literal(state)))), kyc: Type.Optional(Type.Union(kycs.map((kyc) => Type.Literal(kyc)))),
};

export const userSchema = Type.Object({
  userId: idSchema('user'), ...identifiers, birthDate: Type.Optional(Type.String()),
  state: Type.Union(states.map((state) => Type.Literal(state)), { description: 'A locked user has no session; cards are locked by themselves.' }),
  kyc: Type.Union(kycs.map((kyc) => Type.Literal(kyc)), { description: 'Strong verification. A balance needs verified.' }),
  kycBy: Type.Optional(Type.Union([Type.Literal('partner'), Type.Literal('service')], { description: 'Whose it is: the partner\'s flag, or the service\'s own process.' })),
  registeredAt: timeSchema('When the partner registered the user.'), changedAt: timeSchema('When something of it was last changed.'),
});

export const staffUserSchema = Type.Object({ ...userSchema.properties, partner: Type.String({ description: 'Whose user it is.' }) });

export const kycHistorySchema = Type.Object({ items: Type.Array(Type.Object({
  at: timeSchema('When.'), kyc: Type.Union(kycs.map((kyc) => Type.Literal(kyc))), byKind: Type.Union([Type.Literal('user'), Type.Literal('partner'), Type.Literal('staff')]), by: Type.String(), why: Type.String(),
})) });

export const deviceSchema = Type.Object({
  deviceId: idSchema('device'), name: Type.String(), pairedAt: timeSchema('When it was paired.'), retiredAt: Type.Optional(timeSchema('Since when it acts for the user no longer.')),
  retiredWhy: Type.Optional(Type.String({ description: 'replaced, revoked, wrongSecret or userDeleted.' })),
});

export function userShown(person: Person): Readonly<Record<string, unknown>> {
  const { userId, externalId, phone, email, givenName, familyName, birthDate, state, kyc, kycBy, registeredAtMs, changedAtMs } = person;
  return present({ userId, externalId, phone, email, givenName, familyName, birthDate, state, kyc, kycBy, registeredAt: timeShown(registeredAtMs), changedAt: timeShown(changedAtMs) });
}

export function staffUserShown(person: Person): Readonly<Record<string, unknown>> {
  return { ...userShown(person), partner: person.partner };
}

export function kycHistoryShown(changes: readonly KycChange[]): unknown {
  return { items: changes.map(({ atMs, kyc, byKind, by, why }) => ({ at: timeShown(atMs), kyc, byKind, by, why })) };
}

export function deviceShown({ deviceId, name, pairedAtMs, retiredAtMs, retiredWhy }: Device): Readonly<Record<string, unknown>> {
  return present({ deviceId, name, pairedAt: timeShown(pairedAtMs), retiredAt: timeShown(retiredAtMs), retiredWhy });
}
