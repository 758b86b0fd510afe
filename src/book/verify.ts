/** Does the book agree with itself? What `locum doctor` asks. Each check is one statement whose rows are what does not agree. */
import type { Queries } from './book.ts';

export const verifyChecks = [
  'postingsSumToZero',
  'ledgerIsSumOfPostings',
  'heldIsSumOfHolds',
  'openHoldsCounted',
  'sequenceGapless',
  'positionIsLastEntry',
  'summaryIsSumOfPostings',
  'creditIsSumOfEntries',
  'transferHasItsEnd',
  'transitIsEmptied',
] as const;

export interface Finding {
  readonly check: (typeof verifyChecks)[number];
  /** The account, entry or partition concerned. */
  readonly subject: string;
  /** A sentence with both figures. */
  readonly text: string;
}

const statements: Readonly<Record<Finding['check'], string>> = {
  postingsSumToZero: `
    select entry_id as subject, format('the postings sum to %s in %s, not to 0', sum(amount_minor), currency) as text
    from posting group by entry_id, account_id, currency having sum(amount_minor) <> 0`,
  ledgerIsSumOfPostings: `
    select a.account_id as subject, format('the balance is %s, and its postings sum to %s', a.ledger_minor, coalesce(p.total, 0)) as text
    from account a left join (select ledger, sum(amount_minor) as total from posting group by ledger) p on p.ledger = 'holder:' || a.account_id
    where a.ledger_minor <> coalesce(p.total, 0)`,
  heldIsSumOfHolds: `
    select a.account_id as subject, format('%s is held, and the open holds sum to %s', a.held_minor, coalesce(h.total, 0)) as text
    from account a left join (select account_id, sum(held_minor) as total from hold where state = 'open' group by account_id) h using (account_id)
    where a.held_minor <> coalesce(h.total, 0)`,
  openHoldsCounted: `
    select a.account_id as subject, format('%s holds are said to be open, and %s are', a.open_holds, coalesce(h.total, 0)) as text
    from account a left join (select account_id, count(*) as total from hold where state = 'open' group by account_id) h using (account_id)
    where a.open_holds <> coalesce(h.total, 0)`,
  sequenceGapless: `
    select a.account_id as subject,
      format('the last sequence is %s, and the journal has %s entries from %s to %s', a.last_sequence, coalesce(j.total, 0), j.first, j.last) as text
    from account a left join
      (select account_id, count(*) as total, min(account_sequence) as first, max(account_sequence) as last from journal_entry
       where account_id is not null group by account_id) j using (account_id)
    where (coalesce(j.total, 0), coalesce(j.first, 0), coalesce(j.last, 0)) is distinct from (a.last_sequence, least(a.last_sequence, 1), a.last_sequence)`,
  positionIsLastEntry: `
    select p.partition::text as subject, format('the position is %s, and the journal has %s entries up to %s', p.sequence, count(j.sequence), max(j.sequence)) as text
    from journal_position p left join journal_entry j on j.partition = p.partition and j.epoch = p.epoch
    group by p.partition, p.sequence
    having (count(j.sequence), coalesce(max(j.sequence), 0)) is distinct from (p.sequence, p.sequence)`,
  summaryIsSumOfPostings: `
    select coalesce(a.currency, p.currency) as subject,
      format('users'' balances sum to %s, and the postings to them to %s', coalesce(a.total, 0), coalesce(p.total, 0)) as text
    from (select currency, sum(ledger_minor) as total from account group by currency) a
      full join (select currency, sum(amount_minor) as total from posting where ledger like 'holder:%' group by currency) p using (currency)
    where coalesce(a.total, 0) <> coalesce(p.total, 0)`,
  // Of a card message's entry, which is a list, the effects are the 36th and the guard the fourth of them; of the others they have names.
  creditIsSumOfEntries: `
    select guard_id as subject, format('%s is left of the partner''s balance, and the journal gave and took %s', coalesce(c.total, 0), coalesce(j.total, 0)) as text
    from (select guard_id, sum(balance_minor) as total from partner_credit where guard_id like 'credit:%' group by guard_id) c
      full join (
        select guard ->> 0 as guard_id, sum((guard ->> 1)::bigint) as total from (
          select case json_typeof(entry::json) when 'array' then entry::json -> 35 -> 3
            else json_build_array(entry::json #>> '{effects,guard,guardId}', entry::json #>> '{effects,guard,delta}') end as guard
          from journal_entry where entry like '%"credit:%') e
        where json_typeof(guard) = 'array' and guard ->> 0 like 'credit:%' group by 1
      ) j using (guard_id)
    where coalesce(c.total, 0) <> coalesce(j.total, 0)`,
  // Younger ones may wait for a store that is away, and their postings for the drain.
  transferHasItsEnd: `
    select transfer_id as subject, format('the transfer was begun at %s and stands at %s', started_at, state) as text
    from transfer where ended_at is null and started_at < now() - interval '1 hour'`,
  transitIsEmptied: `
    select t.transfer_id as subject, format('the transfer is %s, and %s of it is in transit', t.state, -sum(p.amount_minor)) as text
    from transfer t join posting p on p.ledger = 'transit:' || t.currency and p.account_id in (t.sender_balance, t.receiver_balance)
      and p.entry_id in (t.transfer_id || '.out', t.transfer_id || '.in', t.transfer_id || '.refund')
    where t.ended_at < now() - interval '1 hour' group by t.transfer_id, t.state having sum(p.amount_minor) <> 0`,
};

/** Empty where the book agrees with itself; at most `most` findings per check. The account's own sums are of its currency. */
export async function verify(queries: Queries, most: number): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const check of verifyChecks) {
    const rows = await queries.query<Omit<Finding, 'check'>>(`${statements[check]} order by 1 limit $1`, [most]);
    findings.push(...rows.map((row) => ({ check, subject: row.subject, text: row.text })));
  }
  return findings;
}
