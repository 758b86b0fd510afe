/** `locum staff add | list | lock | unlock | reset`: who may log in at the administration door. */
import type { EnrolmentShown, StaffShown } from '../office/staff-operations.ts';
import { staffRoles } from '../office/staff-operations.ts';
import { aligned, UsageError } from './command.ts';
import type { Command, Given, Outside } from './command.ts';
import { askSwitch, operandOf, operatorOptions, timeWords } from './operator-desk.ts';

const enrolmentWords = 'The code that is printed sets a password once, within a day, at POST /admin/enrolments; the answer there has the secret of one-time codes, for an authenticator.';

export const staffAddCommand: Command = {
  name: 'staff add',
  summary: 'Adds one to the staff, and prints the code by which they set a password',
  operands: '<name>',
  about: ['The first admin is made this way; an admin adds others at the administration door.', enrolmentWords],
  options: { role: { type: 'string', value: '<role>', about: `what they may: ${staffRoles.join(', ')}` }, ...operatorOptions },
  examples: [
    { line: 'staff add mia --role admin', about: 'The first one.', needs: 'running demo' },
    { line: 'staff add tom --role employee', about: 'One who may look and lock.', needs: 'running demo' },
  ],
  async run(given, outside) {
    const name = operandOf(staffAddCommand, given);
    const role = given.text('role');
    if (role === undefined) throw new UsageError(`--role is missing: ${staffRoles.join(', ')}`);
    printEnrolment(given, outside, await askSwitch<EnrolmentShown>(given, outside, { method: 'POST', path: 'staff', fields: { name, role } }));
    return 0;
  },
};

export const staffListCommand: Command = {
  name: 'staff list',
  summary: 'Lists the staff: role, state, and whether log-in is locked after wrong tries',
  operands: '',
  about: ['By name, without those that were removed.'],
  options: operatorOptions,
  examples: [{ line: 'staff list', about: 'All of them.', needs: 'running demo' }],
  async run(given, outside) {
    if (given.operands.length > 0) throw new UsageError('staff list takes options alone');
    const { staff } = await askSwitch<{ readonly staff: readonly StaffShown[] }>(given, outside, { method: 'GET', path: 'staff' });
    if (given.has('json')) outside.print(JSON.stringify(staff));
    else if (staff.length === 0) outside.print('There is no staff yet; locum staff add makes the first one.');
    else {
      const rows = staff.map(({ name, role, state, lockedUntil, madeAt, madeBy }) => [name, role, state, lockedUntil !== undefined && Date.parse(lockedUntil) > outside.now() ? `until ${timeWords(Date.parse(lockedUntil))}` : '-', `${timeWords(Date.parse(madeAt))} by ${madeBy}`]);
      for (const line of aligned([['name', 'role', 'state', 'log-in locked', 'added'], ...rows])) outside.print(line);
    }
    return 0;
  },
};

export const staffLockCommand: Command = {
  name: 'staff lock',
  summary: 'Locks one of the staff out; their sessions end',
  operands: '<name>',
  about: ['Here at once, and at every other switch on the book a second later. The last active admin is not locked.'],
  options: operatorOptions,
  examples: [{ line: 'staff lock tom', about: 'Out at once.', needs: 'running demo' }],
  async run(given, outside) {
    return await changed(staffLockCommand, 'lock', given, outside);
  },
};

export const staffUnlockCommand: Command = {
  name: 'staff unlock',
  summary: 'Lets one of the staff log in again, whoever or whatever locked them',
  operands: '<name>',
  about: ['Wrong tries are forgotten as well.'],
  options: operatorOptions,
  examples: [{ line: 'staff unlock tom', about: 'In again.', needs: 'running demo' }],
  async run(given, outside) {
    return await changed(staffUnlockCommand, 'unlock', given, outside);
  },
};

export const staffResetCommand: Command = {
  name: 'staff reset',
  summary: 'Prints a new code by which one of the staff sets a password; what was set before is good no longer',
  operands: '<name>',
  about: ['For who has lost the password or the authenticator. Sessions end at once.', enrolmentWords, 'The last active admin is not reset: make another one first.'],
  options: operatorOptions,
  examples: [{ line: 'staff reset tom', about: 'The authenticator is lost.', needs: 'running demo' }],
  async run(given, outside) {
    const name = operandOf(staffResetCommand, given);
    printEnrolment(given, outside, await askSwitch<EnrolmentShown>(given, outside, { method: 'POST', path: `staff/${encodeURIComponent(name)}/reset` }));
    return 0;
  },
};

async function changed(command: Command, what: 'lock' | 'unlock', given: Given, outside: Outside): Promise<number> {
  const name = operandOf(command, given);
  const shown = await askSwitch<StaffShown>(given, outside, { method: 'POST', path: `staff/${encodeURIComponent(name)}/${what}` });
  outside.print(given.has('json') ? JSON.stringify(shown) : `${shown.name} (${shown.role}) is ${shown.state}.`);
  return 0;
}

function printEnrolment(given: Given, outside: Outside, shown: EnrolmentShown): void {
  if (given.has('json')) {
    outside.print(JSON.stringify(shown));
    return;
  }
  const { name, role, code, expiresAt } = shown;
  outside.print(`${name} (${role}) sets a password with the code ${(code.match(/.{4}/g) ?? []).join('-')}, good once, until ${timeWords(Date.parse(expiresAt))}.`);
}
