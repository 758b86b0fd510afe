create table issued_card (
  card_id text collate "C" primary key,
  request_key text collate "C" not null unique,
  user_id text collate "C" not null,
  balance_id text collate "C" not null,
  program text not null,
  partner text not null,
  kind text not null check (kind in ('virtual', 'physical', 'digitalFirst')),
  stage text not null check (stage in ('drawn', 'issued', 'refused')),
  card_token text collate "C" not null unique,
  encrypted_pan text not null,
  masked_pan text not null,
  expiry text not null check (expiry ~ '^[0-9]{4}$'),
  service_code text not null,
  holder_name text not null,
  first_pin jsonb,
  plastic text not null default 'none' check (plastic in ('none', 'ordered', 'linked')),
  plastic_expiry text check (plastic_expiry ~ '^[0-9]{4}$'),
  is_visible boolean not null,
  replaces text collate "C" unique references issued_card,
  created_at timestamptz not null,
  changed_at timestamptz not null,
  check (plastic = 'none' or kind <> 'virtual')
);
create index issued_card_by_user on issued_card (user_id, created_at desc, card_id desc);
create index issued_card_by_balance on issued_card (balance_id, created_at desc, card_id desc);
create index issued_card_drawn on issued_card (created_at) where stage = 'drawn';
comment on table issued_card is 'Whose card each is, of which balance and kind, and where its plastic is. What it may do stands in its account. No row is removed: a number is never drawn twice.';
comment on column issued_card.request_key is 'Key of the call that made the card: the same call again finds it.';
comment on column issued_card.balance_id is 'A card never moves to another balance.';
comment on column issued_card.stage is 'drawn: its number is its own, and its account may not know it yet; issued: its account has it; refused: its account did not take it.';
comment on column issued_card.card_token is 'Keyed digest of the card number: what every other table knows the card by.';
comment on column issued_card.encrypted_pan is 'Card number under the key named before the colon; opens only together with the token.';
comment on column issued_card.expiry is 'YYMM, as the card was made; its account says what it is now.';
comment on column issued_card.holder_name is 'As it is on the chip, and on the plastic where something is printed.';
comment on column issued_card.first_pin is 'What the PIN that the bureau is told is verified against, until the account has it.';
comment on column issued_card.plastic is 'Where the plastic is that was ordered last: none (none is under way, or it is in use), ordered, linked (the bureau has made it).';
comment on column issued_card.plastic_expiry is 'YYMM of the plastic under way, where it renews the card.';
comment on column issued_card.is_visible is 'Do its holder and the partner see it? A physical card they do from its link on.';
comment on column issued_card.replaces is 'The card in whose place it is.';

create function issued_card_keep() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    raise exception 'a card that was issued stays in the book';
  end if;
  if old.stage <> 'drawn' and (new.stage, new.card_token, new.balance_id, new.user_id) is distinct from (old.stage, old.card_token, old.balance_id, old.user_id) then
    raise exception 'a card keeps its number, its holder and its balance';
  end if;
  return new;
end $$;
create trigger issued_card_keep before update or delete on issued_card for each row execute function issued_card_keep();

create table personalisation_file (
  number bigint generated always as identity primary key,
  bureau text not null,
  writer text not null,
  made_at timestamptz not null,
  written_at timestamptz
);
comment on table personalisation_file is 'Files for the bureau. What is in one is decided before it is written, so that it is the same however often that is tried.';
comment on column personalisation_file.bureau is 'Name of the key that the bureau opens its cards with.';
comment on column personalisation_file.writer is 'The switch that put it together, in whose folder it is: no other writes it.';
comment on column personalisation_file.written_at is 'Null: it may not be in the folder yet.';

create table card_order (
  order_id text collate "C" primary key,
  request_key text collate "C" not null unique,
  card_id text collate "C" not null references issued_card,
  reason text not null check (reason in ('first', 'print', 'renewal')),
  state text not null check (state in ('drawn', 'waiting', 'filed', 'produced', 'cancelled')),
  bureau text not null,
  sealed text not null,
  file_number bigint references personalisation_file,
  rejections integer not null default 0,
  rejected_why text,
  ordered_at timestamptz not null,
  changed_at timestamptz not null,
  check (case when state in ('filed', 'produced') then file_number is not null when state in ('drawn', 'waiting') then file_number is null else true end)
);
create index card_order_waiting on card_order (bureau, ordered_at) where state = 'waiting';
create index card_order_by_card on card_order (card_id, ordered_at desc);
create index card_order_by_file on card_order (file_number, order_id);
create unique index card_order_is_one on card_order (card_id) where state in ('drawn', 'waiting', 'filed');
comment on table card_order is 'Plastics that were ordered, each of which goes into one file for the bureau.';
comment on column card_order.reason is 'first: of a physical card; print: of a virtual one; renewal: with another expiry.';
comment on column card_order.state is 'drawn (the account may not know the card yet), waiting (for a file), filed, produced (the bureau said so), cancelled (the card was removed first).';
comment on column card_order.file_number is 'The last file that it went into.';
comment on column card_order.rejections is 'How often the bureau could not make it: each time it waits for another file.';
comment on column card_order.sealed is 'What the bureau needs to make it, as a JWE that the bureau alone opens.';

create table confirmation_file (
  digest text collate "C" primary key,
  name text not null,
  taken_at timestamptz not null,
  linked integer not null,
  rejected integer not null,
  wrong integer not null
);
comment on table confirmation_file is 'The bureau''s confirmations that were taken in, with how many lines linked a card, rejected an order, or were wrong.';
comment on column confirmation_file.digest is 'SHA-256 of the file, in hexadecimal digits: the same file again changes nothing.';
