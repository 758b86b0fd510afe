/**
 * What operators do with staff at the machine: add the first of them and others, list, lock, unlock, and let one enrol anew. Done in the office, over the book.
 *
 * Invariant: each that changes something is in the audit log before it is done, and again done or refused, with the operator's name.
 */
import type { ObjectSchema, Schema } from '../base/schema.ts';
import { BookUnavailable } from '../book/book.ts';
import type { Audit } from '../lifecycle/audit.ts';
import { LifecycleRefused } from '../lifecycle/refusal.ts';
import { staffNamePattern } from '../lifecycle/staff.ts';
import type { Enrolment, Staff, StaffMember } from '../lifecycle/staff.ts';
import type { StaffRole } from '../lifecycle/staff-session-rows.ts';
import { OperationRefused } from './operation.ts';
import type { Operation, OperationInput } from './operation.ts';

export interface StaffOperationsOutside {
  readonly staff: Staff;
  readonly audit: Audit;
  /** Unix ms. */
  readonly now: () => number;
  readonly randomBytes: (count: number) => Buffer;
}

export interface StaffShown {
  readonly staffId: string;
  readonly name: string;
  readonly role: StaffRole;
  readonly state: StaffMember['state'];
  /** ISO 8601. */
  readonly lockedUntil: string | undefined;
  readonly madeAt: string;
  readonly madeBy: string;
}

export interface EnrolmentShown extends StaffShown {
  /** Sets a password, once. */
  readonly code: string;
  /** ISO 8601. */
  readonly expiresAt: string;
}

export const staffRoles: readonly StaffRole[] = ['admin', 'manager', 'employee'];
const listedMax = 10_000;
const nameField: Schema = { type: 'string', description: 'whom', minLength: 1, pattern: staffNamePattern, $comment: '3 to 32 small letters, digits, dots and hyphens, a letter first' };

function taking(description: string, properties: Readonly<Record<string, Schema>>, required: readonly string[]): ObjectSchema {
  return { type: 'object', description, additionalProperties: false, required, properties };
}

/** What operators may ask for. */
export function staffOperations(outside: StaffOperationsOutside): Operation[] {
  const { staff, now, randomBytes } = outside;
  const named = taking('whom', { name: nameField }, ['name']);
  return [
    {
      name: 'add staff', method: 'POST', path: 'staff', about: 'adds one to the staff, with a code to set a password with',
      takes: taking('whom', { name: nameField, role: { type: 'string', description: 'what they may', enum: staffRoles } }, ['name', 'role']),
      run: async (input, by) => await audited(outside, 'addStaff', input, by, async () => {
        const { name, role } = input as { readonly name: string; readonly role: StaffRole };
        await staff.add({ name, role }, `operator:${by}`, `operator:${randomBytes(16).toString('base64url')}`, now());
        return enrolmentShown(await staff.newEnrolment({ name }, now()));
      }),
    },
    {
      name: 'list staff', method: 'GET', path: 'staff', about: 'who there is, by name', takes: taking('nothing', {}, []),
      run: async () => await refusedAsOperation(async () => ({ staff: (await staff.list({ limit: listedMax })).items.map(shown) })),
    },
    {
      name: 'lock staff', method: 'POST', path: 'staff/{name}/lock', about: 'locks one out; sessions end', takes: named,
      run: async (input, by) => await audited(outside, 'lockStaff', input, by, async () => shown(await staff.lock({ name: input['name'] as string }, now()))),
    },
    {
      name: 'unlock staff', method: 'POST', path: 'staff/{name}/unlock', about: 'lets one log in again, also after wrong tries', takes: named,
      run: async (input, by) => await audited(outside, 'unlockStaff', input, by, async () => shown(await staff.unlock({ name: input['name'] as string }, now()))),
    },
    {
      name: 'reset staff', method: 'POST', path: 'staff/{name}/reset', about: 'a new code to set a password with; what was set before is good no longer', takes: named,
      run: async (input, by) => await audited(outside, 'newStaffEnrolment', input, by, async () => enrolmentShown(await staff.newEnrolment({ name: input['name'] as string }, now()))),
    },
  ];
}

async function audited<Shown extends StaffShown>({ audit, now }: StaffOperationsOutside, action: string, input: OperationInput, by: string, work: () => Promise<Shown>): Promise<Shown> {
  const enter = async (outcome: string, target: Readonly<Record<string, string>>): Promise<void> => await audit.record({ actor: `operator:${by}`, role: 'operator', action, target, outcome, requestId: '', atMs: now() });
  return await refusedAsOperation(async () => {
    let done: Shown;
    await enter('begun', { name: input['name'] as string });
    try {
      done = await work();
    } catch (error) {
      if (error instanceof LifecycleRefused) await enter(error.code, { name: input['name'] as string });
      throw error;
    }
    await enter('done', { staffId: done.staffId });
    return done;
  });
}

/** @throws OperationRefused */
async function refusedAsOperation<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof BookUnavailable) throw new OperationRefused(503, `the book, which has the staff, does not answer: ${error.message}`);
    if (!(error instanceof LifecycleRefused)) throw error;
    const { status, message, field } = error;
    throw new OperationRefused(status === 404 || status === 409 || status === 503 ? status : status >= 500 ? 503 : 400, message, field);
  }
}

function shown({ staffId, name, role, state, lockedUntilMs, madeAtMs, madeBy }: StaffMember): StaffShown {
  return { staffId, name, role, state, lockedUntil: lockedUntilMs === undefined ? undefined : new Date(lockedUntilMs).toISOString(), madeAt: new Date(madeAtMs).toISOString(), madeBy };
}

function enrolmentShown({ member, code, expiresAtMs }: Enrolment & { readonly member: StaffMember }): EnrolmentShown {
  return { ...shown(member), code: code.reveal(), expiresAt: new Date(expiresAtMs).toISOString() };
}
