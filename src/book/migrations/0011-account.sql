alter table account add column closed_at timestamptz;
comment on column account.closed_at is 'When it was closed for good; null while it is open.';

alter table card add column controls jsonb;
comment on column card.controls is 'What its holder and its partner have closed on it, each a set of their own; null where they have closed nothing.';

comment on column posting.ledger is 'holder:<account>, settlement:<program>, funding:<partner>, or transit:<currency> for what has left one account and not come to another.';

alter table system_table drop constraint system_table_kind_check;
alter table system_table add constraint system_table_kind_check check (kind in ('station', 'program', 'binRange', 'issuer', 'rate', 'parameter'));
comment on table system_table is 'Stations, programs, BIN ranges, issuers, currency rates and the parameters of the whole system. A change is in force within seconds, without a restart.';
comment on column transaction.billing_minor is 'DE6 in minor units of billing_currency (DE51); without DE6 what was converted, at the rate that flags tell.';
