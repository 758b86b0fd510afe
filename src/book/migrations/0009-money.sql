create table user_balance (
  balance_id text collate "C" primary key,
  user_id text collate "C" not null references person,
  partner text collate "C" not null,
  program text not null,
  currency text not null,
  name text not null,
  state text not null check (state in ('opening', 'open', 'closing', 'closed')),
  request_key text collate "C" not null unique,
  created_at timestamptz not null,
  changed_at timestamptz not null
);
create index user_balance_by_user on user_balance (user_id, created_at, balance_id);
create index user_balance_underway on user_balance (changed_at) where state in ('opening', 'closing');
comment on table user_balance is 'Whose balance each is. What is in it, and whether money may move, stands in its account, whose id is the balance''s.';
comment on column user_balance.currency is 'ISO 4217 numeric: the program''s when it was made.';
comment on column user_balance.state is 'opening or closing: its account may not have it yet, and is asked again; open; closed.';
comment on column user_balance.request_key is 'Caller and key of the call that made it: the same call again finds it.';

create table transfer (
  transfer_id text collate "C" primary key,
  request_key text collate "C" not null unique,
  partner text collate "C" not null,
  sender_user text collate "C" not null,
  sender_balance text collate "C" not null references user_balance,
  receiver_user text collate "C" not null,
  receiver_balance text collate "C" not null references user_balance,
  amount_minor bigint not null check (amount_minor > 0),
  currency text not null,
  note text not null,
  state text not null check (state in ('started', 'debited', 'refunding', 'completed', 'refused', 'refunded')),
  reason text,
  attempts integer not null default 0,
  due_at timestamptz not null,
  leased_until timestamptz,
  started_at timestamptz not null,
  ended_at timestamptz,
  check (sender_balance <> receiver_balance),
  check ((ended_at is null) = (state in ('started', 'debited', 'refunding')))
) with (fillfactor = 70);
create index transfer_due on transfer (due_at) where ended_at is null;
create index transfer_by_sender on transfer (sender_user, started_at desc, transfer_id desc);
create index transfer_by_receiver on transfer (receiver_user, started_at desc, transfer_id desc);
create index transfer_of_day on transfer (sender_balance, started_at);
comment on table transfer is 'Money on its way from one balance to another: every step is made by messages under the transfer''s id, so that it is made once however often it is tried.';
comment on column transfer.state is 'started; debited: out of the sender''s balance, and in transit; refunding: the receiver''s cannot take it; completed, refused or refunded in the end.';
comment on column transfer.reason is 'Action code of the account that refused: of the sender''s where refused, of the receiver''s where refunding or refunded.';
comment on column transfer.due_at is 'When whoever is there goes on with it.';

create table partner_balance (
  partner text collate "C" not null,
  kind text not null check (kind in ('partner', 'credit', 'deposit')),
  currency text not null,
  level_minor bigint check (level_minor >= 0),
  notify_email text,
  is_below boolean not null default false,
  crossings integer not null default 0,
  request_key text collate "C" not null,
  created_at timestamptz not null,
  changed_at timestamptz not null,
  primary key (partner, kind)
);
create unique index partner_balance_of_spending on partner_balance (partner) where kind in ('credit', 'deposit');
comment on table partner_balance is 'Partners'' balances: what each is for, and below which level its partner is told. What is left of it is a counter in the store.';
comment on column partner_balance.kind is 'partner: for differences between what was authorized and what is cleared; credit: what the partner''s users may spend in all, of balances held here; deposit: the same of balances that the partner holds.';
comment on column partner_balance.is_below is 'The partner was told that it is below its level; it is told again when it has been above it in between.';
comment on column partner_balance.crossings is 'How often it fell below.';

create index posting_in_transit on posting (currency, account_id) include (amount_minor) where ledger like 'transit:%';
