alter table transaction add column stand_in_reason text collate "C";
create index transaction_by_stand_in on transaction (stand_in_reason, decided_at) where stand_in_reason is not null;
comment on column transaction.decided_by is 'Who decided: account, or switch for what never reached one; standin, or issuer for a remote one.';
comment on column transaction.stand_in_reason is 'Why stand-in decided in the issuer''s place (docs/standin.md); null where it did not.';

create table message_log (
  received_at timestamptz not null,
  elapsed_ms double precision,
  switch text collate "C" not null,
  station text collate "C" not null,
  connection bigint,
  direction text not null,
  mti text not null,
  answer_mti text,
  class text not null,
  what text not null,
  masked_pan text not null,
  card_token text collate "C",
  stan text collate "C" not null,
  rrn text collate "C" not null,
  acquirer text not null,
  terminal text not null,
  amount_minor bigint,
  currency text,
  message_id text collate "C",
  routed text not null,
  outcome text not null,
  answered_by text not null,
  reason text,
  response_code text not null,
  stand_in_reason text,
  detail text not null,
  check (direction in ('in', 'out', 'none'))
) partition by range (received_at);
create index message_log_by_time on message_log (received_at);
create index message_log_by_stan on message_log (stan) where stan <> '';
create index message_log_by_rrn on message_log (rrn) where rrn <> '';
create index message_log_by_card on message_log (card_token) where card_token is not null;
comment on table message_log is 'Every request and its answer, on both sides of the switch, once its source was validated; a partition a day (UTC), dropped when it is as old as the configuration says. It never holds a full card number, track data, a verification value or a PIN.';
comment on column message_log.received_at is 'When the request came, or was sent.';
comment on column message_log.elapsed_ms is 'From then to its answer, or to its end without one; null where neither came.';
comment on column message_log.switch is 'The switch process that wrote it.';
comment on column message_log.connection is 'Number of the connection within that process''s run.';
comment on column message_log.direction is 'in: from the station; out: ours, to the station; none: a line about the log itself.';
comment on column message_log.what is 'Purpose of a card message, function of network management, kind of a message to an acquirer.';
comment on column message_log.card_token is 'Keyed digest of the card number, as in table card; null where none was carried.';
comment on column message_log.message_id is 'The transaction that it belongs to, as in table transaction; null where none came to be.';
comment on column message_log.routed is 'Who was to decide, and why not somebody else.';
comment on column message_log.outcome is 'answered, refused, unanswered, expired, late, or lost: lines of this log that could not be kept.';
comment on column message_log.answered_by is 'account, issuer, standin, switch; or the peer for what was ours.';
comment on column message_log.reason is 'Our reason, as in table transaction.';
comment on column message_log.response_code is 'DE39 of the answer; empty where there was none.';
