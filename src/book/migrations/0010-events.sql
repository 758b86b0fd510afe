create table webhook (
  id text collate "C" primary key,
  partner text collate "C" not null,
  url text not null,
  types text[] not null,
  secret_sealed text not null,
  former_sealed text,
  former_until timestamptz,
  rotation_key text collate "C",
  request_key text collate "C" not null,
  failures integer not null default 0,
  resting_until timestamptz,
  created_at timestamptz not null,
  removed_at timestamptz,
  unique (partner, request_key),
  check ((former_sealed is null) = (former_until is null))
);
create index webhook_by_partner on webhook (partner) where removed_at is null;
comment on table webhook is 'Where a partner is told of what happens: an address, and the secret that what is sent there is signed with.';
comment on column webhook.types is 'The types of event that are sent there, such as transaction.approved; none: all.';
comment on column webhook.secret_sealed is 'The secret under a key of the key file; it is shown once, when it is made.';
comment on column webhook.former_sealed is 'The secret before the last rotation: until former_until what is sent is signed with both.';
comment on column webhook.request_key is 'Key of the call that made it: the same call again finds it.';
comment on column webhook.rotation_key is 'Key of the last rotation: the same call again gives the same secret.';
comment on column webhook.failures is 'Attempts in a row that failed; while there are any, one is sent at a time.';
comment on column webhook.resting_until is 'Nothing is sent there before.';

create table event (
  sequence bigint generated always as identity primary key,
  id text collate "C" not null unique,
  partner text collate "C" not null,
  type text not null,
  subject text collate "C" not null,
  occurred_at timestamptz not null,
  body text not null
);
create index event_by_partner on event (partner, sequence);
create index event_by_time on event (occurred_at);
comment on table event is 'What partners are told of: written in the transaction that has what it tells of. Only what a webhook wants is here.';
comment on column event.id is 'The same for the same happening, however often it is written: a receiver knows a double by it.';
comment on column event.subject is 'The card or balance whose events come one after the other.';
comment on column event.body is 'JSON, as it is sent and signed.';

create table webhook_delivery (
  webhook_id text collate "C" not null references webhook,
  event_sequence bigint not null references event on delete cascade,
  subject text collate "C" not null,
  state text not null,
  attempts integer not null default 0,
  due_at timestamptz not null,
  leased_until timestamptz,
  last_status integer,
  last_trouble text,
  ended_at timestamptz,
  primary key (webhook_id, event_sequence),
  check (state in ('waiting', 'delivered', 'dead'))
) with (fillfactor = 70);
create index webhook_delivery_due on webhook_delivery (webhook_id, due_at) where state = 'waiting';
create index webhook_delivery_before on webhook_delivery (webhook_id, subject, event_sequence) where state = 'waiting';
create index webhook_delivery_of_event on webhook_delivery (event_sequence);
comment on table webhook_delivery is 'An event on its way to a webhook.';
comment on column webhook_delivery.state is 'waiting; delivered: the receiver answered 2xx; dead: it was tried for as long as it is, and waits for a replay.';
comment on column webhook_delivery.due_at is 'When it is tried next.';
comment on column webhook_delivery.leased_until is 'A process has it until then; afterwards it is anybody''s again.';
comment on column webhook_delivery.last_status is 'HTTP status of the last attempt; empty where there was no answer.';

create table job (
  id text collate "C" primary key,
  kind text not null,
  partner text collate "C",
  owner text collate "C" not null,
  input text not null,
  state text not null,
  attempts integer not null default 0,
  due_at timestamptz not null,
  leased_until timestamptz,
  lease integer not null default 0,
  result text,
  trouble text,
  made_at timestamptz not null,
  ended_at timestamptz,
  check (state in ('waiting', 'done', 'failed'))
) with (fillfactor = 70);
create index job_due on job (due_at) where state = 'waiting';
create index job_ended on job (ended_at) where ended_at is not null;
comment on table job is 'Work that is done after its caller was answered, by whichever process is there: what it does is done once by its id.';
comment on column job.owner is 'Whom it is for: a user''s id, or empty.';
comment on column job.input is 'JSON. What is secret in it is sealed.';
comment on column job.state is 'waiting, also while somebody is at it; done; failed: it cannot be done, or was tried for as long as it is.';
comment on column job.lease is 'Rises with each claim: who lost the lease ends nothing.';
comment on column job.result is 'JSON, where it is done.';
