create table remembered_answer (
  caller text collate "C" not null,
  operation text collate "C" not null,
  key text collate "C" not null,
  body_digest text collate "C" not null,
  holder text not null,
  held_until timestamptz,
  status smallint,
  headers text,
  body text,
  sealed_for text,
  claimed_at timestamptz not null default now(),
  answered_at timestamptz,
  primary key (caller, operation, key),
  check (num_nonnulls(held_until, status) = 1)
);
create index remembered_answer_by_time on remembered_answer (claimed_at);
comment on table remembered_answer is 'What calls with an idempotency key were answered, so that the same call again gets the same answer.';
comment on column remembered_answer.caller is 'Kind and id of who called, as in partner:shops.';
comment on column remembered_answer.operation is 'operationId of the route.';
comment on column remembered_answer.body_digest is 'Keyed digest of what was asked for, which tells another body under the same key; nothing is learned from it without the key.';
comment on column remembered_answer.holder is 'The switch that does it, or did.';
comment on column remembered_answer.held_until is 'While it is under way: until when nobody else begins it again. Null: it was answered.';
comment on column remembered_answer.body is 'As it was sent. Of a sealed answer that is the JWE, which only the caller can open.';
comment on column remembered_answer.sealed_for is 'Digest of the caller''s public key that a sealed answer is for.';

create table door_key (
  id text collate "C" primary key,
  purpose text not null check (purpose in ('encryption', 'digest')),
  public_key text,
  sealed text not null,
  made_at timestamptz not null,
  made_by text not null,
  replaced_at timestamptz
);
create unique index door_key_in_use on door_key (purpose) where replaced_at is null;
comment on table door_key is 'Keys of the doors: those that callers encrypt to, and the one that digests of requests are made with. All switches on this book use the same.';
comment on column door_key.public_key is 'JWK, as it is published. Null: the key has no public part.';
comment on column door_key.sealed is 'The private key (PKCS #8) or the secret, under the key named before the colon; opens only together with the id.';
comment on column door_key.replaced_at is 'Since when another one is published; it opens what was encrypted to it for a while longer.';

create table caller_key (
  caller text collate "C" not null,
  key_digest text collate "C" not null,
  public_key text not null,
  registered_at timestamptz not null,
  registered_with text not null,
  ends_at timestamptz,
  primary key (caller, key_digest)
);
create unique index caller_key_in_use on caller_key (caller) where ends_at is null;
comment on table caller_key is 'Public keys that partners and staff registered for what is encrypted to them: a sealed answer is for one of these, or for the RSA key of the client certificate.';
comment on column caller_key.caller is 'Kind and id, as in partner:shops.';
comment on column caller_key.key_digest is 'SHA-256 of the SubjectPublicKeyInfo, base64url.';
comment on column caller_key.public_key is 'SubjectPublicKeyInfo, base64.';
comment on column caller_key.registered_with is 'Serial number of the client certificate, or id of the session.';
comment on column caller_key.ends_at is 'When one that was replaced ends. Null: it is the one in use.';
