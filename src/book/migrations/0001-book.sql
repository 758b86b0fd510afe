create table account (
  account_id text collate "C" primary key,
  currency text not null,
  program text not null,
  partner text not null,
  ledger_minor bigint not null,
  held_minor bigint not null,
  available_minor bigint not null generated always as (ledger_minor - held_minor) stored,
  open_holds bigint not null,
  last_sequence bigint not null,
  opened_at timestamptz not null,
  changed_at timestamptz not null
) with (fillfactor = 50);
comment on table account is 'One balance and where it stands, as far as the journal has been drained.';
comment on column account.currency is 'ISO 4217 numeric code of the balance, such as 978.';
comment on column account.partner is 'Whose money funds the account.';
comment on column account.ledger_minor is 'Balance in minor units of the currency: the sum of the postings to its ledger.';
comment on column account.held_minor is 'What open holds keep, in minor units.';
comment on column account.available_minor is 'Ledger balance less what is held.';
comment on column account.last_sequence is 'Sequence of the last journal entry that is in this book: the entries before it are all here.';
comment on column account.changed_at is 'When the last entry was decided.';

create table card (
  account_id text collate "C" not null,
  card_index integer not null,
  card_token text collate "C" not null,
  masked_pan text,
  encrypted_pan text,
  state text not null,
  lock_code smallint not null,
  expiry text not null,
  service_code text not null,
  added_at timestamptz not null,
  changed_at timestamptz not null,
  primary key (account_id, card_index)
);
create index card_by_token on card (card_token);
comment on table card is 'The cards of the accounts, as the last journal entry about each left it.';
comment on column card.card_index is 'Place of the card within its account, from 0.';
comment on column card.card_token is 'Keyed digest of the card number: what every other table knows the card by.';
comment on column card.encrypted_pan is 'Card number under the key named before the colon; opens only together with the token.';
comment on column card.state is 'ordered, active or removed.';
comment on column card.lock_code is '0 not locked; 1 lost, 2 stolen, 3 pending query, 4 consolidation, 5 inactive, 6 PIN tries, 7 suspected fraud, 8 replaced.';
comment on column card.expiry is 'YYMM, valid through that month.';

create table transaction (
  id text collate "C" primary key,
  account_id text collate "C",
  sequence bigint,
  received_at timestamptz not null,
  decided_at timestamptz not null,
  booked_at timestamptz not null,
  transmitted text not null,
  local_time text not null,
  station text not null,
  version text not null,
  mti text not null,
  class text not null,
  function text not null,
  purpose text not null,
  processing_code text not null,
  acquirer text not null,
  terminal text not null,
  stan text collate "C" not null,
  rrn text collate "C" not null,
  decided_by text not null,
  approved boolean not null,
  reason text not null,
  reason_name text not null,
  approval_code text collate "C" not null,
  amount_minor bigint,
  currency text,
  billing_minor bigint,
  billing_currency text,
  held_change_minor bigint not null,
  ledger_change_minor bigint not null,
  card_token text collate "C" not null,
  masked_pan text not null,
  entry_mode text not null,
  merchant_category text not null,
  merchant_id text not null,
  merchant_name text not null,
  original_id text collate "C",
  hold_id text collate "C",
  flags text[] not null,
  checks jsonb not null
);
create index transaction_by_rrn on transaction (rrn) where rrn <> '';
create index transaction_by_stan on transaction (stan);
create index transaction_by_approval_code on transaction (approval_code) where approval_code <> '';
create index transaction_by_original on transaction (original_id) where original_id is not null;
create index transaction_by_decision on transaction using brin (decided_at);
comment on table transaction is 'Every card message that was decided, approved or not: authorizations, financial transactions, reversals and advices.';
comment on column transaction.id is 'Message id, stamped on receipt.';
comment on column transaction.account_id is 'Empty (null) where the card belongs to no account.';
comment on column transaction.sequence is 'Place among the journal entries of the account, gapless over all of them.';
comment on column transaction.received_at is 'When the message was read from the socket.';
comment on column transaction.decided_at is 'When it was decided.';
comment on column transaction.booked_at is 'When it came into this book.';
comment on column transaction.transmitted is 'DE7 as it came, MMDDhhmmss in UTC.';
comment on column transaction.local_time is 'The terminal''s date and time, digits as they came.';
comment on column transaction.stan is 'DE11 without leading zeros.';
comment on column transaction.rrn is 'DE37.';
comment on column transaction.decided_by is 'Who decided: account, or switch for what never reached one.';
comment on column transaction.reason is 'Four-digit action code of ISO 8583:2003, or 1800 to 1999 for our own.';
comment on column transaction.approval_code is 'DE38.';
comment on column transaction.amount_minor is 'DE4 in minor units of currency (DE49).';
comment on column transaction.billing_minor is 'DE6 in minor units of billing_currency (DE51).';
comment on column transaction.held_change_minor is 'By how much it changed what the account holds, in minor units of the account''s currency.';
comment on column transaction.ledger_change_minor is 'By how much it changed the account''s balance, in minor units of the account''s currency.';
comment on column transaction.original_id is 'The transaction that this one reverses, completes, adds to or tells of.';
comment on column transaction.hold_id is 'The hold that this one opened or changed.';
comment on column transaction.flags is 'What an operator should see, such as overdrawn or originalUnknown.';
comment on column transaction.checks is 'The checks in their order: check, outcome (pass, fail, skipped) and the value compared.';

create table hold (
  id text collate "C" primary key,
  account_id text collate "C" not null,
  currency text not null,
  state text not null,
  held_minor bigint not null,
  opened_minor bigint not null,
  expires_at timestamptz not null,
  opened_at timestamptz not null,
  closed_at timestamptz,
  changed_by text collate "C" not null
) with (fillfactor = 70);
create index hold_by_account on hold (account_id);
comment on table hold is 'Money that an authorization keeps from being spent, and what became of it.';
comment on column hold.id is 'Id of the transaction that opened it.';
comment on column hold.state is 'open, completed, reversed or expired.';
comment on column hold.held_minor is 'What it keeps now, in minor units; 0 when closed.';
comment on column hold.opened_minor is 'What it kept when it was opened.';
comment on column hold.changed_by is 'Id of the entry that changed it last; where it expired, of the expiry.';

create table posting (
  entry_id text collate "C" not null,
  leg smallint not null,
  ledger text collate "C" not null,
  amount_minor bigint not null,
  currency text not null,
  account_id text collate "C" not null,
  kind text not null,
  posted_at timestamptz not null,
  primary key (entry_id, account_id, leg)
);
create index posting_by_time on posting using brin (posted_at);
comment on table posting is 'Double entry: the legs of one journal entry sum to zero in each currency. A posting is never changed.';
comment on column posting.entry_id is 'Id of the transaction that posted it; of a load, its caller''s id, which is unique within the account.';
comment on column posting.leg is 'Place within the entry, from 1.';
comment on column posting.ledger is 'holder:<account>, settlement:<program> or funding:<partner>.';
comment on column posting.amount_minor is 'Minor units; positive: credit, in favour of the ledger''s owner.';
comment on column posting.account_id is 'The account whose journal has the entry.';
comment on column posting.kind is 'transaction, loaded or another kind of journal entry.';

create function posting_sums_to_zero() returns trigger language plpgsql as $$
declare
  wrong record;
begin
  select entry_id, currency, sum(amount_minor) as total into wrong
    from added group by entry_id, account_id, currency having sum(amount_minor) <> 0 limit 1;
  if found then
    raise exception 'the postings of % sum to % in %, not to zero', wrong.entry_id, wrong.total, wrong.currency
      using errcode = 'check_violation', constraint = 'posting_sums_to_zero';
  end if;
  return null;
end $$;
create trigger posting_sums_to_zero after insert on posting
  referencing new table as added for each statement execute function posting_sums_to_zero();

create function posting_is_final() returns trigger language plpgsql as $$
begin
  raise exception 'a posting is never changed: post the opposite' using errcode = 'check_violation', constraint = 'posting_is_final';
end $$;
create trigger posting_is_final before update or delete or truncate on posting
  for each statement execute function posting_is_final();

create table partner_credit (
  guard_id text collate "C" not null,
  partition integer not null,
  balance_minor bigint not null,
  changed_at timestamptz not null,
  primary key (guard_id, partition)
) with (fillfactor = 50);
comment on table partner_credit is 'The credit balances that authorizations have to fit into, in slices, one per partition of the store.';
comment on column partner_credit.balance_minor is 'What the journal gave to the slice less what it took; the slices of a guard sum to its balance.';

create table journal_entry (
  partition integer not null,
  epoch integer not null,
  sequence bigint not null,
  account_id text collate "C",
  account_sequence bigint,
  kind text not null,
  entry text not null,
  primary key (partition, epoch, sequence),
  unique (account_id, account_sequence)
);
comment on table journal_entry is 'The journal as it was written, entry by entry: an account can be rebuilt from it.';
comment on column journal_entry.partition is 'Partition of the store that the entry was written in.';
comment on column journal_entry.epoch is 'Rises when a partition''s store lost what it had promised and was brought forward.';
comment on column journal_entry.sequence is 'Place in the journal of that partition and epoch, from 1, gapless.';
comment on column journal_entry.account_sequence is 'Place among the entries of the account, from 1, gapless.';
comment on column journal_entry.entry is 'JSON.';

create table journal_position (
  partition integer primary key,
  epoch integer not null,
  sequence bigint not null,
  changed_at timestamptz not null
) with (fillfactor = 50);
comment on table journal_position is 'How far the journal is in this book: written in one transaction with the rows themselves.';

create table system_table (
  kind text not null,
  name text not null,
  document jsonb not null,
  source text not null,
  changed_at timestamptz not null default now(),
  primary key (kind, name),
  check (kind in ('station', 'program', 'binRange', 'issuer')),
  check (source in ('configuration', 'operator')),
  check (jsonb_typeof(document) = 'object')
);
comment on table system_table is 'Stations, programs, BIN ranges and issuers. A change is in force within seconds, without a restart.';
comment on column system_table.source is 'configuration: kept as the configuration file has it. operator: changed here since, and left alone.';

create table system_table_revision (
  revision bigint not null
);
insert into system_table_revision values (0);
comment on table system_table_revision is 'Rises with every change to system_table.';

create function system_table_stamp() returns trigger language plpgsql as $$
begin
  new.changed_at := now();
  if coalesce(current_setting('locum.seeding', true), '') <> 'on' then
    new.source := 'operator';
  end if;
  return new;
end $$;
create trigger system_table_stamp before insert or update on system_table
  for each row execute function system_table_stamp();

create function system_table_revise() returns trigger language plpgsql as $$
begin
  update system_table_revision set revision = revision + 1;
  return null;
end $$;
create trigger system_table_revise after insert or update or delete or truncate on system_table
  for each statement execute function system_table_revise();
