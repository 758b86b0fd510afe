alter table account add column closed_at timestamptz;
comment on column account.closed_at is 'When it was closed for good; null while it is open.';

alter table card add column controls jsonb;
comment on column card.controls is 'What its holder and its partner have closed on it, each a set of their own; null where they have closed nothing.';

comment on column posting.ledger is 'holder:<account>, settlement:<program>, funding:<partner>, or transit:<currency> for what has left one account and not come to another.';
