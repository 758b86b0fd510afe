/** The audit log on real books: a chain without a gap, whoever writes at once, and every way of changing it shows. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Book } from '../../src/book/book.ts';
import { Audit, verifyAudit } from '../../src/lifecycle/audit.ts';
import type { AuditFact } from '../../src/lifecycle/audit.ts';
import { bookFixtures } from '../book/books.ts';
import type { BookFixture } from '../book/books.ts';

const atMs = Date.UTC(2027, 0, 1);

function fact(more: Partial<AuditFact> = {}): AuditFact {
  return { actor: 's_1', role: 'admin', action: 'lockStaff', target: { staffId: 's_2' }, outcome: 'done', requestId: 'r_1', atMs, ...more };
}

describe.each(Object.keys(bookFixtures) as (keyof typeof bookFixtures)[])('the audit log in the %s book', (kind) => {
  let fixture: BookFixture;
  let book: Book;
  let audit: Audit;
  beforeAll(async () => {
    fixture = await bookFixtures[kind]();
  });
  afterAll(async () => {
    await fixture.remove();
  });
  beforeEach(async () => {
    book = await fixture.open();
    audit = new Audit(book);
  });

  test('what several enter at once stands there in one order, without a gap, each with the digest of what is before it', async () => {
    await Promise.all(Array.from({ length: 40 }, async (_, index) => await audit.record(fact({ requestId: `r_${index}`, atMs: atMs + index }))));
    const { items } = await audit.list({ limit: 100 });
    expect(items.map(({ number }) => number)).toEqual(Array.from({ length: 40 }, (_, index) => 40 - index));
    expect(new Set(items.map(({ requestId }) => requestId)).size).toBe(40);
    expect(new Set(items.map(({ digest }) => digest)).size).toBe(40);
    expect(await verifyAudit(book)).toEqual({ entries: 40, digest: items[0]?.digest, broken: undefined });
  });

  test('an empty log is whole', async () => {
    expect(await verifyAudit(book)).toEqual({ entries: 0, digest: '', broken: undefined });
  });

  test('who follows the cursors meets every entry once, and who asks for one actor or target gets theirs', async () => {
    for (let index = 0; index < 7; index += 1) await audit.record(fact({ actor: `s_${index % 2}`, target: { userId: `u_${index % 3}`, deviceId: 'd_1' } }));
    const numbers: number[] = [];
    let cursor: string | undefined;
    do {
      const page = await audit.list({ limit: 2, cursor });
      numbers.push(...page.items.map(({ number }) => number));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(numbers).toEqual([7, 6, 5, 4, 3, 2, 1]);
    expect((await audit.list({ limit: 10, actor: 's_1' })).items.map(({ number }) => number)).toEqual([6, 4, 2]);
    expect((await audit.list({ limit: 10, target: 'u_2' })).items.map(({ number }) => number)).toEqual([6, 3]);
  });

  test('the table takes no change, no removal, and no entry that does not continue it', async () => {
    await audit.record(fact());
    for (const statement of [
      `update audit_entry set actor = 's_9'`, 'delete from audit_entry', 'truncate audit_entry',
      `insert into audit_entry (number, at, actor, role, action, target, outcome, request_id, digest) values (3, now(), '', '', '', '{}', '', '', 'x')`,
    ]) await expect(book.query(statement), statement).rejects.toThrow();
    expect((await verifyAudit(book)).broken).toBeUndefined();
  });

  test('who goes round the table is found out: a changed entry, a missing one, a cut end, a head that was moved', async () => {
    for (let index = 0; index < 5; index += 1) await audit.record(fact({ requestId: `r_${index}` }));
    const tampered = async (statement: string): Promise<unknown> => {
      let found: unknown;
      await expect(book.transaction(async (queries) => {
        await queries.script(`alter table audit_entry disable trigger user; ${statement}`);
        found = (await verifyAudit(queries)).broken;
        throw new Error('taken back');
      })).rejects.toThrow('taken back');
      return found;
    };
    expect(await tampered(`update audit_entry set outcome = 'refused' where number = 3`)).toEqual({ number: 3, why: 'changed' });
    expect(await tampered('delete from audit_entry where number = 2')).toEqual({ number: 2, why: 'missing' });
    expect(await tampered('delete from audit_entry where number = 5')).toEqual({ number: 5, why: 'missing' });
    expect(await tampered('delete from audit_entry where number = 5; update audit_head set number = 4')).toEqual({ number: 4, why: 'head' });
    expect(await tampered('update audit_head set number = 3')).toEqual({ number: 3, why: 'head' });
    expect((await verifyAudit(book)).broken).toBeUndefined();
  });
});
