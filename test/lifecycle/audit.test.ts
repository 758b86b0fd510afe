/** The audit log on real books: a chain without a gap, whoever writes at once, and every way of changing it shows. */
import { createHash } from 'node:crypto';
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

const longCount = 60_000;
const rareAt = 100;

/** As the log's description says: each digest is over the one before it and the entry. */
async function fill(book: Book): Promise<void> {
  const entries: { readonly actor: string; readonly digest: string }[] = [];
  let digest = '';
  for (let number = 1; number <= longCount; number += 1) {
    const actor = number === rareAt ? 's_rare' : 's_1';
    digest = createHash('sha256').update(digest).update(JSON.stringify([number, new Date(atMs).toISOString(), actor, 'admin', 'lockStaff', '{}', 'done', ''])).digest('hex');
    entries.push({ actor, digest });
  }
  await book.transaction(async (queries) => {
    await queries.script('alter table audit_entry disable trigger user');
    await queries.query(
      `insert into audit_entry (number, at, actor, role, action, target, outcome, request_id, digest)
       select ordinality, $3, actor, 'admin', 'lockStaff', '{}', 'done', '', digest from unnest($1::text[], $2::text[]) with ordinality as t (actor, digest, ordinality)`,
      [entries.map(({ actor }) => actor), entries.map((each) => each.digest), new Date(atMs)],
    );
    await queries.query('update audit_head set number = $1, digest = $2', [longCount, digest]);
    await queries.script('alter table audit_entry enable trigger user');
  });
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

  test('a long log is gone through in calls that each look at so many, and what was changed is found in the call that comes to it', async () => {
    await fill(book);
    const verdicts = async (by = audit): Promise<Awaited<ReturnType<Audit['verify']>>[]> => {
      const all: Awaited<ReturnType<Audit['verify']>>[] = [];
      do all.push(await by.verify(all.at(-1)?.nextCursor)); while (all.at(-1)?.nextCursor !== undefined);
      return all;
    };
    const whole = await verdicts();
    expect(whole.map(({ entries, broken }) => [entries, broken])).toEqual([10_000, 20_000, 30_000, 40_000, 50_000, longCount].map((entries) => [entries, undefined]));
    expect(await verifyAudit(book)).toEqual({ entries: longCount, digest: whole.at(-1)?.digest, broken: undefined });
    await book.transaction(async (queries) => await queries.script(`alter table audit_entry disable trigger user; update audit_entry set outcome = 'refused' where number = 42000; alter table audit_entry enable trigger user`));
    expect((await verdicts()).map(({ entries, broken }) => [entries, broken])).toEqual([[10_000, undefined], [20_000, undefined], [30_000, undefined], [40_000, undefined], [41_999, { number: 42_000, why: 'changed' }]]);
    await expect(audit.verify('AAAA')).rejects.toThrow('this cursor is of no page');
    // Who looks for something rare comes to it page by page, though the first has none.
    const first = await audit.list({ actor: 's_rare', limit: 10 });
    expect(first).toEqual({ items: [], nextCursor: expect.any(String) as string });
    const second = await audit.list({ actor: 's_rare', limit: 10, cursor: first.nextCursor });
    expect([second.items.map(({ number }) => number), second.nextCursor]).toEqual([[rareAt], undefined]);
    // What stands at the next place is known by the digest that it was left with.
    const forged = Buffer.from(JSON.stringify([10_000, 'x'])).toString('base64url');
    expect((await audit.verify(forged)).broken).toEqual({ number: 10_001, why: 'changed' });
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
